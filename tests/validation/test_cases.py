"""From a row to a scenario: checked by hand on rows of several kinds."""

from __future__ import annotations

from typing import Any

import pytest
from measured import case, row

from sim.validation.cases import case_of
from sim.validation.obstacles import Unsupported, measured_step_s, method_of
from sim.validation.plans import layers_per_stage


def test_what_a_row_states_is_taken_as_it_stands() -> None:
    one = case()
    training, system, model = one.scenario.training, one.scenario.system, one.scenario.model
    assert (training.sequence, training.global_batch, training.precision) == (1024, 16, "fp16")
    assert (system.devices, system.stack) == (8, "vtrain")
    assert (model.layers, model.hidden, model.heads, model.vocab, model.ffn_hidden) == (4, 1024, 16, 51200, 4096)
    plan = system.plan
    assert (plan.tensor, plan.pipeline, plan.data, plan.micro_batch, plan.recompute) == (2, 1, 4, 1, "none")
    assert one.step_time_s == 0.5
    assert one.known


def test_every_blank_that_is_filled_is_said() -> None:
    one = case(recompute="", precision="", d_ffn=None)
    assert {"recompute none", "precision fp16", "MLP width 4 x d_model"} <= set(one.assumed)
    assert not {"recompute none", "precision fp16"} & set(case().assumed)


def test_an_unlisted_source_gets_a_stack_that_is_called_a_guess() -> None:
    one = case(source="somebody's cluster")
    assert not one.known
    assert any(words.startswith("stack ") for words in one.assumed)


def test_a_throughput_gives_the_step_time() -> None:
    # 16 sequences of 1,024 tokens at 8 x 4,096 tokens/s take half a second.
    one = row(step_time_s=None, tokens_per_s_per_gpu=4096.0)
    assert measured_step_s(one) == pytest.approx(0.5)
    assert measured_step_s(row(step_time_s=None)) is None


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"ep": 8}, "mixtures of experts"),
        ({"model": "Mixtral-8x7B"}, "mixtures of experts"),
        ({"cp": 2, "n_gpus": 16}, "context parallelism"),
        ({"precision": "int4"}, "precision int4"),
        ({"model": "BERT-large"}, "no decoder-only"),
        ({"model": "llama-lora"}, "which adapters were trained"),
        ({"note": "with CPU offload"}, "offloads to the host"),
        ({"verified": "memory"}, "quoted from memory"),
        ({"gpu": "TPU-v2"}, "not in the catalogue"),
        ({"layers": None}, "does not say layers"),
        ({"step_time_s": None}, "neither a step time nor a throughput"),
        ({"vocab": None, "model": "Somebody-7B"}, "vocabulary"),
        ({"gpu": "CS-3", "n_gpus": 1}, "no topology of 'CS-3' on the shelf"),
        ({"gpu": "L40S", "n_gpus": 16, "dp": 8}, "no topology of more than 8"),
        ({"precision": "tf32"}, "precision tf32"),
    ],
)
def test_what_cannot_be_simulated_says_why(over: dict[str, Any], says: str) -> None:
    found = case_of(row(**over))
    assert isinstance(found, Unsupported)
    assert says in found.reason


def test_a_model_that_is_trained_further_is_read_as_such() -> None:
    assert case().scenario.training.method == "pretrain"
    assert case(model="GPT SFT").scenario.training.method == "finetune"
    assert method_of(row(model="GPT", source="mlcommons llama2_70b_lora")) == "lora"


def test_a_source_that_tuned_its_plan_leaves_it_open() -> None:
    one = case(source="megatron-A100-2021-04", micro_batch=None, vpp=None)
    assert one.scenario.system.stack == "megatron-2021"
    assert set(one.open) == {"micro_batch", "virtual_stages"}
    assert case(source="megatron-A100-2021-04", vpp=1).open == ()


def test_a_wafer_has_no_plan_to_state() -> None:
    one = case(source="Zhang, Parikh", gpu="CS-2", n_gpus=1, dp=None, tp=None, pp=None, vpp=None)
    assert one.scenario.system.stack == "cerebras-r2"
    assert one.scenario.system.plan.tensor is None


@pytest.mark.parametrize(
    ("layers", "pipeline", "cut"),
    [(96, 8, None), (70, 12, (5, *(6,) * 10, 5)), (13, 4, (4, 3, 3, 3))],
)
def test_layers_that_do_not_divide_are_cut_as_worked_by_hand(layers: int, pipeline: int, cut: Any) -> None:
    assert layers_per_stage(layers, pipeline) == cut
    if cut:
        assert sum(cut) == layers


def test_a_row_of_today_has_the_recipe_flags_and_offload_of_its_run() -> None:
    flags = {"cuda_graph": "full", "tensor_overlap": 0, "fp8_attention": 1, "fp8_gather": 0, "precision": "fp8"}
    bridge = {"source": "NVIDIA-NeMo/Megatron-Bridge docs, release 26.04", "gpu": "GB200-NVL72", "gpus_per_node": 4}
    training, system = (one := case(**flags, **bridge).scenario).training, one.system
    assert (training.precision, training.recipe.attention, training.recipe.gathers) == ("fp8", "fp8", "bf16")
    assert system.stack.options == {"cuda_graph": "full", "tensor_overlap": False}
    assert system.stack.name == "megatron-bridge-26.04"
    # What the stack does anyway is not asked for.
    usual = case(**{**flags, "cuda_graph": "none", "tensor_overlap": 1, "fp8_gather": 1, "fp8_attention": 0}, **bridge)
    assert usual.scenario.system.stack == "megatron-bridge-26.04"
    assert usual.scenario.training.recipe.gathers is None
    assert case(offload_layers=2, megatron_fsdp=1, **bridge).scenario.system.plan.offload_layers == 2
    away = case(source="ml-engineering-h200-b200-2026", optimizer_offload=1, tp=1, dp=8, zero_stage=3).scenario
    assert away.system.plan.optimizer_offload == "cpu"

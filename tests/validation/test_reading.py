"""Rows of other people's tables: whatever they hold is read, refused with a reason, or named by row and column."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from measured import CELLS, case, row, table_text

from sim.catalog import load_stack
from sim.errors import InputError
from sim.validation import compare
from sim.validation.cases import Case, case_of
from sim.validation.compare import Comparison, compare_case
from sim.validation.contradictions import contradictions
from sim.validation.conventions import Filling, convention_of, guessed_stack, table_devices
from sim.validation.obstacles import Unsupported
from sim.validation.plans import requested_plan
from sim.validation.table import Problem, parse_table

BLANK: dict[str, Any] = {"dp": None, "tp": None, "pp": None, "vpp": None}


def degrees(one: Case) -> tuple[int | None, int | None, int | None]:
    plan = one.scenario.system.plan
    return plan.data, plan.tensor, plan.pipeline


def problems(cells: dict[str, str]) -> tuple[Problem, ...]:
    return parse_table(
        table_text(cells, columns=(*CELLS, *(key for key in cells if key not in CELLS))), "t.csv"
    ).problems


def result(**over: Any) -> Comparison | Unsupported:
    found = case_of(row(**over))
    return found if isinstance(found, Unsupported) else compare_case(found)


# ---- blanks ----


@pytest.mark.parametrize(
    ("over", "expected", "says"),
    [
        ({"n_gpus": 16, "dp": 4, "tp": 2, "pp": None}, (4, 2, 2), "pipeline 2, from the devices"),
        ({"n_gpus": 16, "dp": 4, "tp": None, "pp": 1}, (4, 4, 1), "tensor 4, from the devices"),
        # 64 devices in 4 replicas of 16: a node of 8 is split by tensor parallelism, the rest is a pipeline.
        ({"n_gpus": 64, "dp": 4, "tp": None, "pp": None}, (4, 8, 2), "pipeline 2, from the devices"),
        # 12 heads: 4 is what divides heads and a node of 8.
        ({"n_gpus": 32, "dp": 4, "tp": None, "pp": None, "heads": 12, "d_model": 768}, (4, 4, 2), "tensor 4"),
        ({"n_gpus": 8, **BLANK}, (None, 1, 1), "tensor 1"),
    ],
)
def test_degrees_left_blank_follow_from_the_others(over: dict[str, Any], expected: Any, says: str) -> None:
    one = case(**over)
    assert degrees(one) == expected
    assert any(words.startswith(says) for words in one.assumed)


def test_a_batch_of_fewer_sequences_than_devices_needs_a_plan() -> None:
    found = case_of(row(n_gpus=32, **BLANK))
    assert isinstance(found, Unsupported)
    assert "how its devices share a sequence" in found.reason
    assert found.general == "the source does not say its plan, and no usual one is possible"


def test_a_micro_batch_left_blank_follows_from_the_accumulation() -> None:
    # 16 sequences on 4 replicas in 2 turns: 2 at a time.
    one = case(micro_batch=None, grad_accum=2)
    assert one.scenario.system.plan.micro_batch == 2
    assert "micro_batch 2, from the batch and its accumulation" in one.assumed
    assert "micro_batch 1" in case(micro_batch=None).assumed


def test_every_blank_that_matters_is_said() -> None:
    said = case(
        source="somebody", micro_batch=1, recompute="", precision="", kv_heads=None, d_ffn=None, vocab=None, n_gpus=16,
        **BLANK,
    ).assumed  # fmt: skip
    for beginning in (
        "stack ", "A100 with 80 GB", "network: 200 Gbit/s", "vocabulary 51200", "MLP without a gate",
        "as many key/value heads", "MLP width 4", "tensor 1", "pipeline 1", "zero 1", "recompute none",
        "precision bf16",
    ):  # fmt: skip
        assert any(words.startswith(beginning) for words in said), (beginning, said)


def test_a_llama_is_gated_unless_the_row_says_otherwise() -> None:
    # 8/3 x 4096 = 10,923, up to a multiple of 256: 11,008, as in Llama 7B.
    one = case(model="Llama-2-7B", d_model=4096, heads=32, d_ffn=None, gated_mlp=None)
    assert one.scenario.model.gated_mlp
    assert one.scenario.model.ffn_hidden == 11008
    assert not case(model="Llama-2-7B", gated_mlp=0).scenario.model.gated_mlp


def test_the_precision_left_blank_is_one_that_the_device_has() -> None:
    assert case(source="somebody", gpu="V100-SXM2-32GB", precision="").scenario.training.precision == "fp16"
    assert case(source="somebody", precision="").scenario.training.precision == "bf16"
    assert case(precision="AMP_BF16").scenario.training.precision == "bf16"


# ---- what a stack or the simulator cannot do as stated ----


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"vpp": 4}, "virtual_stages 1 for the stated 4: there is no pipeline"),
        ({"schedule": "dualpipe"}, "schedule 1f1b for the stated dualpipe"),
        ({"sequence_parallel": 1}, "no sequence parallelism, as in the stack, though the source has it"),
        ({"flash_attention": 1}, "unfused attention, as in the stack, though the source says it is fused"),
        (
            {"source": "llm-foundry", "tp": 1, "dp": 8, "zero_stage": 1},
            "zero 0 for the stated 1, which the stack fsdp-2023 lacks",
        ),
        ({"source": "simumax", "zero_stage": 3}, "zero 1 for the stated 3, which the stack megatron-core-2025 lacks"),
        ({"heads": 24}, "heads of 42, d_model / heads rounded down"),
    ],
)
def test_what_is_taken_instead_of_what_is_stated_is_said(over: dict[str, Any], says: str) -> None:
    assert says in case(**over).assumed
    assert isinstance(result(**over), Comparison)


def test_an_assumed_stage_that_the_stack_lacks_is_not_called_stated() -> None:
    listed = case(source="llm-foundry", tp=1, dp=8)
    for one, says in ((replace(listed.row, zero_stage=1), "stated 1"), (listed.row, "assumed 1")):
        found = convention_of(one)
        filling = Filling(replace(found, assume={**found.assume, "zero": 1}))
        requested_plan(one, load_stack("fsdp-2023"), filling)
        assert f"zero 0 for the {says}, which the stack fsdp-2023 lacks" in filling.assumed


def test_a_pipeline_needs_a_stage_that_leaves_parameters_whole() -> None:
    stack, one = "deepspeed-zero3-2021", row(zero_stage=3, tp=1, pp=2, dp=4)
    with pytest.raises(
        InputError, match=f"zero 3 is not simulated with a pipeline, and the stack {stack} has no other"
    ):
        requested_plan(one, load_stack(stack), Filling(replace(convention_of(one), stack=stack)))


def test_the_group_that_shares_out_states_is_the_stated_one_where_the_stack_can() -> None:
    stated = {"source": "simumax", "n_gpus": 8, "dp": 8, "tp": 1, "zero_stage": 1, "global_batch_sequences": 16}
    assert [case(**stated, zero_group=group).scenario.system.plan.zero_group for group in (None, 4, 8)] == [
        None,
        4,
        None,
    ]
    assert "all 8 replicas share out the states, for the stated 3" in case(**stated, zero_group=3).assumed
    older = case(**{**stated, "source": "somebody", "year": 2022, "flash_attention": 0}, zero_group=4)
    assert older.scenario.system.plan.zero_group is None
    assert "all 8 replicas share out the states, for the stated 4" in older.assumed


def test_sequence_parallelism_without_tensor_parallelism_is_none() -> None:
    found = result(source="simumax", sequence_parallel=1, tp=1, dp=8)
    assert isinstance(found, Comparison)
    assert "SP" not in found.plan


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"heads": 15, "d_model": 960, "d_ffn": 3840}, "tensor 2 does not divide the 15 attention heads"),
        ({"global_batch_sequences": 18}, "cannot be divided by data 4"),
        ({"source": "llm-foundry"}, "has no tensor parallelism"),
        (
            {"source": "megatron-A100-2021", "n_gpus": 16, "pp": 2, "vpp": 2, "global_batch_sequences": 12},
            "multiple of pipeline 2",
        ),
        ({"gpu": "V100-SXM2-32GB", "precision": "bf16"}, "has no bf16 matrix arithmetic"),
        (
            {"gpu": "V100-SXM2-32GB", "n_gpus": 2048, "dp": 1024, "global_batch_sequences": 1024},
            "'ethernet-100gbps' has 1024",
        ),
        ({"n_gpus": 8000, "dp": 4000, "global_batch_sequences": 4000}, "'dgx-a100-superpod' has 4480"),
        ({"global_batch_sequences": 800_000}, "too long to simulate"),
        ({"global_batch_sequences": 4_000_000}, "at most 1,000,000 are simulated"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_run_says_why(over: dict[str, Any], says: str) -> None:
    found = result(**over)
    assert isinstance(found, Unsupported), found
    assert says in found.reason


def test_a_row_that_breaks_the_simulator_is_listed_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(prepared: object) -> None:
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr(compare, "simulate_prepared", broken)
    found = result()
    assert isinstance(found, Unsupported)
    assert "a defect of scaletax: ZeroDivisionError: by hand" in found.reason


# ---- contradictions ----


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ({"dp": "3", "tp": "", "pp": ""}, "n_gpus", "dp 3, which does not divide n_gpus 8"),
        ({"dp": "", "tp": "4", "pp": "4"}, "n_gpus", "tp 4 x pp 4 = 16, which does not divide n_gpus 8"),
        (
            {"grad_accum": "3"},
            "grad_accum",
            "dp 4 x micro_batch 1 x grad_accum 3 = 12, but global_batch_sequences is 16",
        ),
        ({"grad_accum": "3", "micro_batch": ""}, "grad_accum", "does not divide global_batch_sequences 16"),
        ({"tokens_per_s_per_gpu": "9000"}, "step_time_s", "0.5 s, but tokens_per_s_per_gpu 9000 makes it 0.2276 s"),
        ({"kv_heads": "5"}, "kv_heads", "do not divide 16 heads"),
        ({"zero_stage": "4"}, "zero_stage", "more than 3"),
        ({"gpus_per_node": "0"}, "gpus_per_node", "is 0"),
        ({"layers": "1e6"}, "layers", "more than 10000"),
    ],
)
def test_a_contradiction_is_named_by_its_column(cells: dict[str, str], column: str, says: str) -> None:
    (problem,) = problems(cells)
    assert problem.column == column
    assert says in problem.problem


@pytest.mark.parametrize("year", ["2023", "2023.0", "2023-05", "May 2023", "soon"])
def test_a_year_is_read_however_it_is_written(year: str) -> None:
    table = parse_table(table_text({"year": year}, columns=(*CELLS, "year")), "t.csv")
    assert table.rows[0].year == (None if year == "soon" else 2023)


# ---- clusters ----


def cluster(**over: Any) -> tuple[str, dict[str, float], tuple[str, ...]]:
    one = case(source="somebody", n_gpus=64, dp=32, global_batch_sequences=64, **over)
    return one.scenario.system.topology, dict(one.scenario.system.sizes), one.assumed


def test_the_stated_network_is_used_where_whole_cards_give_it() -> None:
    assert cluster(inter_node_Gbps_per_gpu=200.0)[:2] == ("dgx-a100-superpod", {})
    topology, sizes, assumed = cluster(inter_node_Gbps_per_gpu=50.0)
    assert sizes == {"nics_per_node": 2}
    assert f"topology {topology} with nics_per_node 2, which is the stated 50 Gbit/s per GPU" in assumed


@pytest.mark.parametrize(("stated", "cards", "reached"), [(400.0, None, 200), (12.5, 1, 25), (80.0, 3, 75)])
def test_a_network_that_no_number_of_cards_gives_is_said(stated: float, cards: int | None, reached: int) -> None:
    topology, sizes, assumed = cluster(inter_node_Gbps_per_gpu=stated)
    assert sizes.get("nics_per_node") == cards
    assert f"network: {reached} Gbit/s per GPU as in topology {topology}, the source says {stated:g}" in assumed


@pytest.mark.parametrize("per_node", [1, 4, 16])
def test_nodes_are_as_large_as_stated(per_node: int) -> None:
    # Where the network is not stated, every device keeps the rate that it has in the topology.
    assert cluster(gpus_per_node=per_node)[1] == {"devices_per_node": per_node, "nics_per_node": per_node}
    whole = {"source": "somebody", "n_gpus": 64, "dp": 32, "global_batch_sequences": 64}
    assert isinstance(result(gpus_per_node=per_node, **whole), Comparison)


def test_a_slower_network_takes_longer() -> None:
    shared = {"source": "torchtitan-x", "n_gpus": 64, "dp": 64, "tp": 1, "zero_stage": 3, "global_batch_sequences": 64}
    fast, slow = (result(inter_node_Gbps_per_gpu=rate, **shared) for rate in (200.0, 25.0))
    assert isinstance(fast, Comparison)
    assert isinstance(slow, Comparison)
    assert slow.predicted_s > fast.predicted_s


def test_links_inside_a_node_that_differ_are_said() -> None:
    assert any(
        words.startswith("links inside the node: 300 GB/s") for words in case(intra_node_GBps_per_gpu=30.0).assumed
    )
    assert not any("inside" in words for words in case(intra_node_GBps_per_gpu=300.0).assumed)


def test_wafers_beyond_andromeda_are_a_condor_galaxy() -> None:
    wafer = {"source": "Zhang, Parikh", "gpu": "CS-2", **BLANK}
    assert case(n_gpus=16, **wafer).scenario.system.topology == "andromeda"
    assert case(n_gpus=64, **wafer).scenario.system.topology == "condor-galaxy-1"


# ---- guesses ----


@pytest.mark.parametrize(
    ("over", "stack"),
    [
        ({"gpu": "H100-80GB-SXM", "flash_attention": 1, "year": 2024}, "megatron-core-2024"),
        ({"gpu": "H200-141GB-SXM", "year": 2025}, "megatron-core-2024"),
        ({"gpu": "B200-180GB-SXM", "year": 2026}, "megatron-core-2024"),
        ({"source": "NVIDIA-NeMo/Megatron-Bridge docs", "gpu": "H100-80GB-SXM", "year": 2025}, "megatron-core-2024"),
        ({"source": "NVIDIA/NeMo performance_summary.md", "gpu": "H100-80GB-SXM", "year": 2024}, "megatron-core-2024"),
        ({"source": "NVIDIA/NeMo docs", "year": 2022}, "nemo-2022"),
        ({"source": "NVIDIA/NeMo docs", "year": 2023}, "nemo-2022"),
        ({"source": "NVIDIA/NeMo docs", "year": 2023, "flash_attention": 1}, "megatron-2023"),
        ({"zero_stage": 3, "tp": 1, "dp": 8, "year": 2024}, "torchtitan-2024-eager"),
        ({"zero_stage": 3, "tp": 2, "dp": 4, "year": 2024}, "torchtitan-2024-eager"),
        ({"zero_stage": 2, "tp": 1, "dp": 8, "year": 2024}, "torchtitan-2024-eager"),
        ({"zero_stage": 3, "tp": 1, "dp": 8, "year": 2024, "note": "torch.compile"}, "torchtitan-2024"),
        ({"zero_stage": 3, "tp": 1, "dp": 8, "year": 2024, "note": "torch.compile=0"}, "torchtitan-2024-eager"),
        ({"source": "maxtext on GPUs", "zero_stage": 3, "tp": 1, "dp": 8, "year": 2024}, "torchtitan-2024"),
        ({"source": "Hugging Face Trainer", "zero_stage": 1, "tp": 1, "dp": 8, "year": 2023}, "fsdp-2023"),
        ({"source": "LLaMA-Factory", "tp": 1, "dp": 8, "year": 2025}, "torchtitan-2024-eager"),
        ({"source": "Megatron-DeepSpeed", "year": 2023}, "vtrain"),
        ({"source": "a thesis", "note": "Megatron-DeepSpeed", "zero_stage": 1, "year": 2022}, "bigscience-2022"),
        ({"source": "DeepSpeed", "zero_stage": 3, "tp": 1, "dp": 8, "year": 2022}, "deepspeed-zero3-2021"),
        ({"gpu": "V100-SXM2-32GB", "zero_stage": 3, "tp": 1, "dp": 8, "year": 2023}, "deepspeed-zero3-2021"),
        ({"source": "somebody with InternEvo", "year": 2024}, "internevo-2023"),
        ({"flash_attention": 1, "year": 2023}, "megatron-2023"),
        ({"flash_attention": 1, "year": 2022}, "megatron-2023"),
        ({"year": 2023}, "megatron-2023"),
        ({"year": 2022}, "megatron-2022"),
        ({"flash_attention": 1, "year": 2024}, "megatron-core-2024-plain"),
        ({"gpu": "B200-180GB-SXM", "year": 2026, "note": "all overlap flags off"}, "megatron-core-2025"),
        ({"zero_stage": 3, "tp": 1, "dp": 8, "year": 2023}, "fsdp-2023"),
        ({"zero_stage": 3, "tp": 1, "dp": 8, "year": 2022}, "fsdp-2022-12"),
        ({"zero_stage": 3, "pp": 2, "dp": 2, "year": 2024}, "megatron-core-2024-plain"),
        ({"source": "DeepSpeed blog", "zero_stage": 3, "tp": 1, "dp": 8, "flash_attention": 0}, "deepspeed-zero3-2021"),
        ({"source": "DeepSpeed", "zero_stage": 3, "tp": 1, "dp": 8, "flash_attention": 1, "year": 2023}, "fsdp-2023"),
        ({"source": "MosaicML MPT-30B blog", "tp": 1, "dp": 8, "year": 2023}, "fsdp-2023"),
        ({"flash_attention": 0, "year": 2023}, "megatron-2022"),
        ({"year": 2021}, "megatron-2021"),
        ({"year": 2020}, "megatron-2020"),
        ({"gpu": "V100-SXM2-32GB", "year": 2021}, "megatron-2021"),
        ({"gpu": "V100-SXM2-32GB", "year": 2023}, "megatron-2022"),
        ({"gpu": "V100-SXM2-32GB", "year": 2020}, "megatron-2020"),
        ({"source": "Dey et al. 2023 Cerebras-GPT", "gpu": "CS-2", "n_gpus": 1, **BLANK}, "cerebras-r1"),
        ({"source": "a thesis", "gpu": "CS-2", "n_gpus": 1, **BLANK}, "cerebras-r2"),
        ({"source": "a thesis", "gpu": "CS-2", "n_gpus": 1, "note": "software R1.6", **BLANK}, "cerebras-r1"),
    ],
)  # fmt: skip
def test_a_guess_follows_from_what_the_row_says(over: dict[str, Any], stack: str) -> None:
    one = case(**{"source": "somebody", **over})
    assert one.scenario.system.stack == stack
    assert not one.known
    assert f"stack {stack}" in one.assumed


@pytest.mark.parametrize(
    ("source", "over", "stack"),
    [
        ("calculon-full", {}, "megatron-2022"),
        ("llm-foundry-2022-11", {}, "fsdp-2022-12"),
        ("llm-foundry-2023-07", {}, "fsdp-2023"),
        ("llm-foundry-2023-07", {"note": "MP mode PURE"}, "fsdp-2023-pure"),
        ("torchtitan-2025-01", {"gpu": "H100-80GB-SXM"}, "torchtitan-2024"),
        ("NVIDIA/NeMo-Megatron-Launcher README (another commit)", {"year": 2022}, "nemo-2022"),
        ("megatron-A100-2020", {}, "megatron-2020"),
        ("megatron-A100-2021-08", {}, "megatron-2021"),
        ("megatron-H100-2025", {"gpu": "H100-80GB-SXM"}, "megatron-core-2024"),
        ("InternLM/InternEvo elsewhere", {}, "internevo-2023"),
        ("simumax-h100", {"gpu": "H100-80GB-SXM"}, "megatron-core-2025"),
        ("Jiang et al. 2024 MegaScale, Table 4", {"id": "megascale_megascale_1"}, "megascale-2024"),
        ("Jiang et al. 2024 MegaScale, Table 4", {"id": "x", "note": "MegaScale: all"}, "megascale-2024"),
        ("Jiang et al. 2024 MegaScale, Table 4", {"id": "megascale_megatron_1"}, "megascale-baseline-2024"),
    ],
)
def test_other_rows_of_a_listed_source_are_listed_too(source: str, over: dict[str, Any], stack: str) -> None:
    convention = convention_of(row(source=source, **over))
    assert convention.stack == stack
    assert convention.known


@pytest.mark.parametrize("source", ["Zhang, Parikh", "argonne-lcf/x", "llm-foundry", "vtrain-single", "torchtitan"])
@pytest.mark.parametrize("gpu", ["CS-2", "A100-SXM", "H100-80GB-SXM"])
def test_a_stack_runs_on_the_rows_device_whatever_the_source(source: str, gpu: str) -> None:
    convention = convention_of(row(source=source, gpu=gpu))
    assert (load_stack(convention.stack).name.startswith("cerebras")) == (gpu == "CS-2")


# ---- anything at all ----

CHANGES: dict[str, list[str]] = {
    "gpu": [*table_devices(), "TPU-v4", ""],
    "n_gpus": ["", "1", "7", "12", "24", "64", "1000", "50000"],
    "gpus_per_node": ["", "1", "4", "16", "0"],
    "inter_node_Gbps_per_gpu": ["", "0", "12.5", "100", "3200"],
    "layers": ["1", "13", "126"],
    "d_model": ["17", "1000", "12288"],
    "heads": ["1", "7", "96"],
    "kv_heads": ["", "1", "3"],
    "d_ffn": ["", "1", "4097"],
    "vocab": ["", "1", "50001"],
    "seq_len": ["1", "1000", "131072"],
    "micro_batch": ["", "3", "64"],
    "grad_accum": ["", "1", "7"],
    "global_batch_sequences": ["", "1", "7", "1536"],
    "dp": ["", "1", "3", "64"],
    "tp": ["", "1", "3", "16"],
    "pp": ["", "1", "3", "35"],
    "vpp": ["", "1", "3", "20"],
    "sequence_parallel": ["", "0", "1"],
    "zero_stage": ["", "0", "1", "2", "3", "4"],
    "zero_group": ["", "1", "2", "3"],
    "recompute": ["", "none", "selective", "full", "some"],
    "precision": ["", "bf16", "fp16", "fp32", "BF16"],
    "flash_attention": ["", "0", "1"],
    "schedule": ["", "interleaved", "gpipe", "dualpipe"],
    "year": ["", "2019", "2022", "soon"],
    "source": ["somebody", "DeepSpeed", "Zhang, Parikh", "llm-foundry", "vtrain-multi"],
    "model": ["GPT-3", "Llama-3-8B", "Qwen2-7B", "x"],
}


def small_rows() -> list[dict[str, str]]:
    """Carried rows of every source, in small clusters."""
    text = (resources.files("sim.validation") / "training_measurements.csv").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for cells in csv.DictReader(text.splitlines()):
        if cells["step_time_s"] and cells["layers"] and float(cells["n_gpus"] or 1e9) <= 64:
            found.setdefault(cells["source"], cells)
    return list(found.values())


@pytest.mark.parametrize("seed", range(40))
def test_a_row_with_anything_changed_is_read_refused_or_named(seed: int) -> None:
    draw = random.Random(seed)
    for cells in draw.sample(small_rows(), 6):
        changes = {key: draw.choice(CHANGES[key]) for key in draw.sample(list(CHANGES), draw.choice((1, 2, 3)))}
        changed = {**cells, "tokens_per_s_per_gpu": "", "ep": "", "cp": "", **changes}
        table = parse_table(table_text(changed, columns=tuple(cells)), "t.csv", table_devices())
        assert bool(table.rows) != bool(table.problems)
        for one in map(case_of, table.rows):
            found = compare_case(one) if isinstance(one, Case) else one
            if isinstance(found, Unsupported):
                assert found.reason
                assert "defect" not in found.reason, (changes, found.reason)
            else:
                assert found.predicted_s > 0, changes


def test_a_table_may_name_the_stack_of_a_row() -> None:
    one = case(source="somebody", stack="megatron-latest")
    assert (one.scenario.system.stack, one.known) == ("megatron-core-2024", True)
    assert not any(words.startswith("stack ") for words in one.assumed)
    ((column, problem),) = contradictions(row(stack="megatron-2032"))
    assert column == "stack"
    assert problem.startswith("no software stack is called 'megatron-2032'; did you mean 'megatron-202")


@pytest.mark.parametrize(("group", "says"), [(0, "it is 1 or more"), (3, "groups of 3 do not make up the 4 replicas")])
def test_groups_of_replicas_make_up_all_of_them(group: int, says: str) -> None:
    ((column, problem),) = contradictions(row(zero_group=group))
    assert column == "zero_group"
    assert says in problem
    assert contradictions(row(zero_group=2)) == []


def test_a_stack_of_another_kind_of_machine_is_no_case() -> None:
    found = case_of(row(source="somebody", stack="cerebras-latest"))
    assert isinstance(found, Unsupported)
    assert found.reason.startswith("the stack cerebras-r2 does not run on the A100")


def test_a_device_by_its_name_in_the_catalogue_is_guessed_for_alike() -> None:
    assert guessed_stack(row(gpu="a100-80gb-sxm", year=2022)) == guessed_stack(row(gpu="A100-80GB-SXM", year=2022))

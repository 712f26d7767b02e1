"""Peak memory against what was measured: what an allocator reports of a plan, and how far that is off."""

import pytest
from builders import fixed, point

from sim.catalog import Model, load_model
from sim.errors import DoesNotFit
from sim.outcome.outcome import Memory
from sim.prepare import prepare, prepare_as_measured
from sim.scenario.types import Training
from sim.validation.cases import case_of
from sim.validation.compare import measured_bytes
from sim.validation.conventions import convention_of
from sim.validation.table import read_tables

ROWS = {row.id: row for row in read_tables().rows}


def test_an_allocator_knows_nothing_of_the_runtime():
    first = {"weights": 8.0, "activations": 4.0, "fragmentation": 1.0, "runtime": 2.0}
    memory = Memory((first, {**first, "weights": 7.0}), (32.0, 32.0))
    assert measured_bytes(memory, "allocated") == 12
    assert measured_bytes(memory, "reserved") == 13
    assert memory.peak_bytes == 15


@pytest.mark.parametrize(
    ("row", "what", "bound"),
    [
        ("simumax-b200-0001", "allocated", 0.005),
        ("simumax-b200-0002", "allocated", 0.005),
        ("simumax-b200-0003", "allocated", 0.005),
        ("torchtitan-2024-12-0008", "reserved", 0.03),
        ("torchtitan-2024-12-0009", "reserved", 0.03),
    ],
)
def test_measured_peaks(row, what, bound):
    case = case_of(ROWS[row])
    assert convention_of(case.row).memory == what
    memory = prepare_as_measured(case.scenario).memory
    predicted = measured_bytes(memory, what) / 2.0**30
    assert predicted == pytest.approx(case.row.memory_GiB, rel=bound)


def test_llama_13b_as_somebody_ran_it():
    # alibaba/Megatron-LLaMA, issue 27: 83.5 % of 80 GB on 32 A100s, two tensor ranks, micro-batches of 2.
    plan = fixed(tensor=2, pipeline=1, micro_batch=2, zero=1, sequence_parallel=True, recompute="none")
    recipe = Training(1e12, 2048, 2048)
    scenario = point(
        load_model("llama-13b"), 32, plan, recipe=recipe, stack="megatron-2023", topology="a100-cloud-800gbps"
    )
    assert prepare(scenario).memory.peak_bytes / 2**30 == pytest.approx(0.835 * 80, rel=0.03)


def test_llama_7b_as_somebody_ran_it_stage_by_stage():
    # flagos-ai/FlagPerf, pull request 278: eight A100s, two tensor ranks, four stages, micro-batches of 4. It ran
    # PaddlePaddle, which no stack here is; GPT-NeoX shards and keeps about as much.
    plan = fixed(tensor=2, pipeline=4, micro_batch=4, recompute="none")
    recipe = Training(1e11, 2048, 2048, precision="fp16")
    scenario = point(load_model("llama-7b"), 8, plan, recipe=recipe, stack="gpt-neox-2023", topology="hgx-a100-node")
    found = [sum(stage.values()) / 2**30 for stage in prepare(scenario).memory.stages]
    assert found == pytest.approx([46.80, 38.93, 31.74, 26.92], rel=0.09)


def test_the_optimizers_step_of_32b_does_not_fit_with_zero_2():
    # hiyouga/LlamaFactory, issue 8642: eight H200s hold the weights and gradients of 32.8 billion parameters, and run
    # out of memory when the optimizer steps.
    model = Model(
        "32b", 64, 5120, 40, 8, 128, 27648, 152064, 32768, gated_mlp=True, position="rotary", norm="rmsnorm",
        norm_bias=False, mlp_bias=False, attention_output_bias=False, tied_embeddings=False,
    )  # fmt: skip
    plan = fixed(micro_batch=1, zero=2, recompute="full")
    recipe = Training(1e6, 1024, 8, method="finetune")
    with pytest.raises(DoesNotFit, match=r"needs 14[0-9.]+ GiB"):
        prepare(point(model, 8, plan, recipe=recipe, stack="fsdp-2023", topology="hgx-h200-node"))

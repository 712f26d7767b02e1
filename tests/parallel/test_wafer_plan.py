"""Plans for wafers: shares of the batch, what fits, and what wafers do not do."""

import dataclasses

import pytest
from builders import fixed, gpt, point, training, wafer, wafer_stack

from sim.catalog import load_model
from sim.cost.wafer import WAFER_STYLE
from sim.errors import DoesNotFit, InputError
from sim.parallel.wafer_plan import WaferPlan, plan_wafers, wafer_memory_bytes
from sim.scenario.types import PlanRequest, Search


def planned(request=None, devices=1, batch=64, device=None, model=None):
    scenario = point(model, devices, request or PlanRequest(), recipe=training(batch), stack="cerebras-r2")
    return plan_wafers(scenario, device or wafer(), wafer_stack(), WAFER_STYLE)


def needed(micro_batch, model=None):
    return wafer_memory_bytes(model or gpt(), 128, micro_batch, wafer_stack(), WAFER_STYLE)


def test_memory_by_hand():
    # 128 tokens: an input of 256 in 2 bytes and one layer of s b h (10 + 24) bytes with the 4 bytes of statistics for
    # each of 4 heads. However many layers there are.
    assert needed(1) == 128 * (2 * 256 + 256 * 34 + 4 * 4)
    assert needed(3) == 3 * needed(1)
    assert needed(3, gpt(96)) == needed(3)
    # A wide vocabulary instead: an input and the logits, in 2 bytes.
    assert needed(1, gpt(vocab=50_257)) == 128 * 2 * (256 + 50_257)


def test_batches_that_the_maker_configures_fit():
    # Cerebras/modelzoo, sequences of 2,048 on a CS-2: 132 of 1.3B and 2.7B, 65 and 104 of 6.7B, 90 of 13B, 50 of 20B.
    # GPT-2 small ran 112 without accumulating gradients.
    for name, size in (
        ("cerebras-gpt-1.3b", 132), ("cerebras-gpt-2.7b", 132), ("cerebras-gpt-6.7b", 104), ("cerebras-gpt-13b", 90),
        ("gpt-neox-20b", 50), ("gpt-j-6b", 65), ("gpt2-small", 112),
    ):  # fmt: skip
        assert wafer_memory_bytes(load_model(name), 2048, size, wafer_stack(), WAFER_STYLE) <= wafer().sram_bytes


def test_the_batch_is_shared_evenly_and_goes_through_at_once():
    assert planned() == WaferPlan(1, 64, 1, "rule")
    assert planned(devices=4) == WaferPlan(4, 16, 1, "rule")
    assert planned(fixed(micro_batch=8), devices=4) == WaferPlan(4, 8, 2, "user")
    assert planned(devices=4).devices == 4


def test_the_largest_divisor_that_fits():
    small = wafer(sram_bytes=needed(10))
    assert planned(batch=60, device=small) == WaferPlan(1, 10, 6, "rule")
    assert planned(batch=64, device=small) == WaferPlan(1, 8, 8, "rule")
    assert planned(batch=61, device=small) == WaferPlan(1, 1, 61, "rule")


def test_systems_that_cannot_share_are_left_out_by_the_rule_only():
    assert planned(devices=7, batch=64) == WaferPlan(4, 16, 1, "rule")
    with pytest.raises(InputError, match="batch of 64 sequences cannot be divided over 7 systems"):
        planned(fixed(), devices=7)
    with pytest.raises(InputError, match="micro_batch 5 does not divide the 16 sequences of each system"):
        planned(fixed(micro_batch=5), devices=4)


def test_what_does_not_fit_says_what_would():
    small = wafer(sram_bytes=needed(10))
    with pytest.raises(DoesNotFit, match=r"a micro-batch of 16 needs(.|\n)*one sequence needs(.|\n)*a smaller"):
        planned(fixed(micro_batch=16), device=small)
    with pytest.raises(DoesNotFit, match=r"one sequence alone needs(.|\n)*shorten the sequence"):
        planned(device=wafer(sram_bytes=needed(1) - 1))
    assert planned(device=wafer(sram_bytes=needed(1))).micro_batch == 1


@pytest.mark.parametrize(
    "request_",
    [
        {"tensor": 2}, {"pipeline": 2}, {"virtual_stages": 2}, {"zero": 1}, {"zero": 3}, {"recompute": "full"},
        {"sequence_parallel": True}, {"layers_per_stage": (4,)}, {"schedule": "gpipe"}, {"data": 3}, {"zero_group": 8},
        {"micro_batches": (16, 16, 16, 16)},
    ],
    ids=lambda given: "{}={}".format(*next(iter(given.items()))),
)  # fmt: skip
def test_what_wafers_do_not_do_is_refused(request_):
    with pytest.raises(InputError):
        planned(fixed(**request_), devices=4)


@pytest.mark.parametrize(
    "request_",
    [{"tensor": 1}, {"pipeline": 1}, {"data": 4}, {"zero": 0}, {"recompute": "none"}, {"sequence_parallel": False}],
    ids=lambda given: "{}={}".format(*next(iter(given.items()))),
)
def test_saying_that_nothing_is_split_is_allowed(request_):
    assert planned(fixed(**request_), devices=4).systems == 4


def test_summaries():
    assert WaferPlan(1, 8, 2).summary() == "2 passes of mb8"
    assert WaferPlan(1, 8, 1).summary() == "1 pass of mb8"
    assert WaferPlan(4, 8, 2).summary() == "DP4 2 passes of mb8"


def test_limits_of_a_search_are_refused():
    scenario = point(None, 1, PlanRequest(), recipe=training(64), stack="cerebras-r2")
    limited = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, search=Search((), 0.1)))
    with pytest.raises(InputError, match="only the size of a pass to choose"):
        plan_wafers(limited, wafer(), wafer_stack(), WAFER_STYLE)


def test_the_largest_micro_batch_of_a_large_batch_is_found_among_its_divisors():
    asked = point(gpt(), 1, PlanRequest(), recipe=training(720_720), stack="cerebras-r2", topology="cs-2-single")
    machine, stack = wafer(), wafer_stack()
    found = plan_wafers(asked, machine, stack, WAFER_STYLE)

    def fits(size: int) -> bool:
        return wafer_memory_bytes(asked.model, 128, size, stack, WAFER_STYLE) <= machine.sram_bytes

    assert found.micro_batch == max(size for size in range(1, 720_721) if 720_720 % size == 0 and fits(size))
    assert found.micro_batch * found.micro_batches == 720_720

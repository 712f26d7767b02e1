"""Fitted constants: whose they are, in which units they are fitted, and machines with other values of them."""

from __future__ import annotations

import pytest

from sim.catalog import device_names, load_stack, stack_names
from sim.prepare import prepare_as_measured
from sim.validation.cases import Case, case_of
from sim.validation.constants import (
    Constant,
    active,
    active_in,
    changed,
    cited,
    constants,
    families,
    present,
)
from sim.validation.table import read_tables


def named(name: str, label: str) -> Constant:
    return next(one for one in constants() if (one.name, one.label) == (name, label))


def case(row: str) -> Case:
    found = case_of(next(one for one in read_tables().rows if one.id == row))
    assert isinstance(found, Case)
    return found


def test_a_distance_counts_quarters_of_the_range() -> None:
    one = named("megatron-2022", "overlap_slowdown")
    assert one.standardised(0.08 + 0.35 / 4) == pytest.approx(1.0)
    assert one.value(-0.08 * 4 / 0.35) == pytest.approx(0.0, abs=1e-12)


def test_what_differs_by_factors_is_counted_in_factors() -> None:
    one = named("vtrain", "host_launch_s")
    deviation = 75 ** (1 / 4)
    assert one.standardised(8e-6 * deviation) == pytest.approx(1.0)
    assert one.value(1.0) == pytest.approx(8e-6 * deviation)


def test_a_share_is_of_the_best_rate_that_was_measured() -> None:
    one = named("h100-80gb-sxm", "gemm_sustained")
    assert one.value(0.0) == pytest.approx(0.873 * 0.803)
    assert one.standardised(0.873 * 0.803) == pytest.approx(0.0)


def test_what_is_outside_the_range_is_taken_for_its_end() -> None:
    one = named("bigscience-2022", "launch_gap_s")
    assert one.value(one.standardised(1.0)) == pytest.approx(100e-6)


@pytest.mark.parametrize("constant", constants(), ids=lambda one: f"{one.name} {one.label}")
def test_every_constant_is_there_and_cites_a_source(constant: Constant) -> None:
    assert constant.name in (*stack_names(), *device_names())
    assert set(constant.follow) <= set(device_names())
    assert constant.present >= 0
    assert cited(constant.name)
    family = families()[constant.family]
    assert family.low <= family.common <= family.high


def test_no_record_has_a_constant_of_two_families() -> None:
    pairs = [(one.name, one.path) for one in constants()]
    assert len(pairs) == len(set(pairs))


def test_a_stack_takes_the_constants_of_its_base_unless_it_has_its_own() -> None:
    taken = {(one.name, one.label) for one in active("gpt-neox-2023", ("a100-40gb-sxm",))}
    assert ("gpt-neox-2022", "activation_passes") in taken
    assert ("megatron-2021", "launch_gap_s") in taken
    assert ("a100-80gb-sxm", "memory_efficiency") in taken
    assert ("megatron-2021", "fixed_step_s") not in {(one.name, one.label) for one in active("vtrain", ())}


@pytest.mark.parametrize("stack", stack_names())
def test_a_stack_depends_on_one_constant_of_a_field(stack: str) -> None:
    paths = [one.path for one in active(stack, ("a100-80gb-sxm",))]
    assert len(paths) == len(set(paths))


def test_values_reach_stack_and_device_and_nothing_else() -> None:
    prepared = prepare_as_measured(case("calculon-seqsel-0001").scenario)
    values = {**present(), named("megatron-2022", "overlap_slowdown"): 0.25, named("vtrain", "launch_gap_s"): 9e-5}
    values[named("a100-80gb-sxm", "attention_efficiency.flash-1 forward")] = 0.5
    other = changed(prepared, values)
    assert other.stack.overlap_slowdown == 0.25
    assert other.stack.launch_gap_s == load_stack("megatron-2022").launch_gap_s
    assert other.parts[0].device.attention_efficiency["flash-1 forward"] == 0.5
    assert other.plan == prepared.plan
    assert changed(prepared, {}) is prepared


def test_the_present_values_change_no_step() -> None:
    prepared = prepare_as_measured(case("calculon-seqsel-0001").scenario)
    same = {one: present()[one] for one in active_in(prepared)}
    assert changed(prepared, same).trace.step_time_s == prepared.trace.step_time_s

"""One line says how far step times lie apart over several stacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builders import gpt

from sim.scenario import AxisKey
from sim.scenario.types import Report, Scenario, System, Training
from sim.study.stack_range import StackStep, stack_ranges


def step(stack: str, step_s: float, devices: int = 64, **axes: Any) -> StackStep:
    training = Training(tokens=1e9, sequence=128, global_batch=8)
    system = System("A100", "hgx-a100-node", devices, stack)
    keys = {AxisKey(f"system.A100.{key}"): value for key, value in {"stack": stack, **axes}.items()}
    return StackStep(Scenario("title", Path("x"), gpt(), training, system, Report(), axes=keys), stack, step_s)


def test_the_line_names_range_and_stacks() -> None:
    said = stack_ranges([step("a", 6.61), step("b", 7.12), step("c", 7.0)])
    assert said == ["A100 on 64 devices: a step of 6.61 to 7.12 s over 3 stacks (a, b, c)."]


def test_one_stack_has_no_range() -> None:
    assert stack_ranges([step("a", 6.6), step("a", 7.1, devices=128)]) == []


def test_sizes_and_other_axes_are_apart() -> None:
    said = stack_ranges([step("a", 0.9, micro_batch=1), step("b", 1.2, micro_batch=1), step("b", 3.0, micro_batch=2)])
    assert said == ["A100 (micro_batch 1) on 64 devices: a step of 900 ms to 1.2 s over 2 stacks (a, b)."]


def test_many_ranges_are_counted() -> None:
    steps = [step(stack, 1.0, devices=devices) for devices in (1, 2, 4, 8, 16, 32) for stack in "ab"]
    said = stack_ranges(steps)
    assert len(said) == 5
    assert said[-1] == "2 more ranges over several stacks."

"""How long a program is, before it is written."""

import pytest
from builders import fixed, gpt, point, training

from sim.engine import length
from sim.engine.length import check_length, instructions_of
from sim.errors import InputError
from sim.prepare import prepare

FEW_BESIDE = 30
"""Instructions of a step that do not repeat with its micro-batches."""


@pytest.mark.parametrize(
    ("stack", "plan"),
    [
        ("megatron-2022", {"micro_batch": 1}),
        ("megatron-2022", {"pipeline": 2, "micro_batch": 1}),
        ("megatron-2022", {"pipeline": 2, "virtual_stages": 2, "micro_batch": 1}),
        ("fsdp-2023", {"micro_batch": 1}),
    ],
)
def test_it_is_about_what_is_written(stack, plan):
    asked = point(gpt(4, 256, 4), 4, fixed(**plan), recipe=training(256), stack=stack, topology="hgx-a100-node")
    prepared = prepare(asked)
    written = sum(1 for _ in prepared.program.instructions())
    expected = instructions_of(prepared.plan, 4, prepared.stack)
    assert expected <= written + 4 * FEW_BESIDE
    assert written <= expected + 4 * FEW_BESIDE


def test_what_is_too_long_is_refused_before_it_is_written(monkeypatch):
    prepared = prepare(point(gpt(4, 256, 4)))
    count = instructions_of(prepared.plan, 4, prepared.stack)
    check_length(count, prepared.plan, "here")
    monkeypatch.setattr(length, "MOST_INSTRUCTIONS", 1)
    with pytest.raises(InputError, match=r"micro-batches of \d+ in turn would be \d+ instructions; at most 1 are"):
        check_length(count, prepared.plan, "here")

"""Limits of a search as a user writes them."""

import pytest

from sim.errors import InputError
from sim.parallel.plan_block import PlanBlock
from sim.scenario.limits import _DEGREES, _WORDS, compared, plan_limit


@pytest.mark.parametrize(
    ("text", "key", "comparison", "value"),
    [
        ("tensor <= 8", "tensor", "<=", 8),
        ("  pipeline>=2 ", "pipeline", ">=", 2),
        ("zero == 1", "zero", "=", 1),
        ("devices != 400", "devices", "!=", 400),
        ("micro_batch<4", "micro_batch", "<", 4),
        ("recompute != full", "recompute", "!=", "full"),
        ("schedule = 1f1b", "schedule", "=", "1f1b"),
        ("sequence_parallel = true", "sequence_parallel", "=", True),
        ("sequence_parallel = false", "sequence_parallel", "=", False),
    ],
)
def test_what_is_written_is_read(text, key, comparison, value):
    limit = plan_limit(text)
    assert (limit.key, limit.comparison, limit.value) == (key, comparison, value)
    # Read again from how messages and resolved scenarios write it, it is the same.
    assert plan_limit(limit.text) == limit


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tensor", "is not a limit"),
        ("tensor 8", "is not a limit"),
        (8, "is not a limit"),
        ("tensr <= 8", "did you mean 'tensor'"),
        ("schedule = zb2p", "schedule is never 'zb2p'; did you mean 'zb-h2'"),
        ("tensor <= eight", "not a whole number"),
        ("tensor <= -8", "not a whole number"),
        ("recompute <= full", "has no order"),
        ("recompute = ful", "did you mean 'full'"),
        ("sequence_parallel = 1", "values of sequence_parallel: true, false"),
        ("first_stage_layers <= 3", "no search tries values of first_stage_layers"),
        ("micro_batches <= 3", "no search tries values of micro_batches"),
    ],
)
def test_anything_else_says_what_is_allowed(text, says):
    with pytest.raises(InputError) as caught:
        plan_limit(text)
    assert says in f"{caught.value.problem} {caught.value.remedy}"


def test_comparisons():
    assert [compared(plan_limit(f"tensor {sign} 4"), 4) for sign in ("<=", ">=", "<", ">", "=", "!=")] == [
        True, True, False, False, True, False,
    ]  # fmt: skip


def test_a_limit_is_about_what_every_plan_of_a_search_has():
    for key in (*_DEGREES, *_WORDS):
        assert hasattr(PlanBlock, key)

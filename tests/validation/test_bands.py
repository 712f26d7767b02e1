"""Error bands: quantiles worked out by hand, classes that merge as stated, and nothing of a source in its own band."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from measured import case, row

from sim.catalog.accuracy import Situation, class_of, load_evidence
from sim.machines import facts_of
from sim.outcome.confidence import confidence, standing
from sim.prepare import look_up
from sim.validation.bands import (
    Scored,
    classes_of,
    compared_of,
    coverage_of,
    evidence_of,
    facts_of_row,
    half_width,
    scored,
    selection_of,
)
from sim.validation.cases import case_of
from sim.validation.compare import compare_case
from sim.validation.unseen import Prediction, Unseen

NAMED = Situation("GPU", "named", "inside", "node")


def unseen(source: str = "s0", error: float | None = 0.1, guessed: float | None = None, **over: Any) -> Unseen:
    """A row of 8 A100s, predicted with errors as shares."""
    values: dict[str, Any] = {
        "id": "a", "source": source, "device": "a100-80gb-sxm", "devices": 8, "devices_per_node": 8, "parameters": 1e9,
        "sequence": 2048, "global_batch": 64, "precision": "bf16", "optimizer": "adam", "plan": "TP8", "tensor": 8,
        "pipeline": 1, "data": 1, "zero": 0, "settings_chosen": False, "measured_s": 1.0, "measured_memory_GiB": None,
    }  # fmt: skip
    named, other = (
        None if one is None else Prediction(stack, 1.0 + one, one, None)
        for one, stack in ((error, "vtrain"), (guessed, "megatron-2022"))
    )
    return Unseen(**{**values, **over}, named=named, guessed=other)


def single(errors: Sequence[float]) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    return [np.array([error]) for error in errors]


@pytest.mark.parametrize(
    ("errors", "half"),
    [
        # Ten rows: the r-th needs level r / 9 of the others; 80 % of them need 8 / 9, the ninth of ten.
        (range(1, 11), 9.0),
        # Twenty: the 16th needs 16 / 19, which 17 of 20 are the first to reach.
        (range(1, 21), 17.0),
        # Five: the fourth needs all of the others, so that the largest is the half-width.
        (range(1, 6), 5.0),
        # Four: one of four is 25 %, and the largest is further off than all others: no band holds 80 %.
        (range(1, 5), math.inf),
        ((1.0,), math.inf),
    ],
)
def test_the_half_width_is_worked_out_by_hand(errors: Sequence[float], half: float) -> None:
    assert half_width(single(errors)) == half


def test_a_source_weighs_the_same_however_many_rows_it_has() -> None:
    few = single(range(1, 11))
    many = [np.repeat(one, 1000) if one[0] == 1 else one for one in few]
    assert half_width(many) == half_width(few) == 9.0


def test_sources_whose_rows_spread_alike_need_no_allowance_for_few() -> None:
    # Each has the errors 1 to 10: every row needs its own level of the others, and 80 % of them 0.8.
    assert half_width([np.arange(1.0, 11.0)] * 10) == 8.0


def predictions(by_source: dict[str, float], situation: Situation = NAMED) -> list[Scored]:
    return [Scored(source, situation, error) for source, error in by_source.items()]


def test_classes_of_fewer_than_ten_sources_merge_in_the_stated_order() -> None:
    assert NAMED.wider == (
        NAMED, Situation("GPU", "named", "inside"), Situation("GPU", "named"), Situation("GPU"), Situation(),
    )  # fmt: skip
    ten = {f"s{index}": 0.01 * (index + 1) for index in range(10)}
    nine = {f"t{index}": 0.1 * (index + 1) for index in range(9)}
    large = dataclasses.replace(NAMED, scale="above 128")
    found = classes_of([*predictions(ten), *predictions(nine, large)])
    situations = {one.situation for one in found}
    assert NAMED in situations
    assert large not in situations
    merged = class_of(found, large)
    assert merged is not None
    assert merged.situation == dataclasses.replace(NAMED, scale="")
    assert len(merged.without) == 19
    # A wafer that nobody compared falls to all predictions.
    widest = class_of(found, Situation("wafer", "named", "outside", "node"))
    assert widest is not None
    assert widest.situation == Situation()


def test_too_few_sources_for_any_band_make_no_class() -> None:
    assert classes_of(predictions({"s1": 0.1, "s2": 0.2})) == ()
    assert class_of((), NAMED) is None


def test_the_signs_of_errors_do_not_matter_to_a_half_width() -> None:
    errors = {f"s{index}": 0.01 * (index + 1) for index in range(10)}
    mirrored = {source: -error for source, error in errors.items()}
    assert classes_of(predictions(errors)) == classes_of(predictions(mirrored))


def test_a_poisoned_source_changes_its_own_band_nowhere() -> None:
    rows = [unseen(f"s{index}", 0.01 * (index + 1), 0.02 * (index + 1)) for index in range(12)]
    poisoned = [unseen("s3", 9.0, 9.0) if one.source == "s3" else one for one in rows]
    clean, wrong = evidence_of(rows), evidence_of(poisoned)
    for before, after in zip(clean.classes, wrong.classes, strict=True):
        assert before.without["s3"] == after.without["s3"]
        assert before.without["s5"] < after.without["s5"]
    facts = facts_of_row(rows[3], "vtrain")
    own, their = (confidence(facts, without="s3", evidence=one).step for one in (clean, wrong))
    assert own == their
    assert confidence(facts, evidence=clean).step != confidence(facts, evidence=wrong).step


def test_coverage_counts_rows_and_sources() -> None:
    # Of ten sources with a band of the other nine's errors, those of 0.01 to 0.08 lie inside: eight of ten.
    one_each = predictions({f"s{index}": 0.01 * (index + 1) for index in range(10)})
    several = [*one_each, *[Scored("s0", NAMED, 0.01)] * 90]
    classes = classes_of(several)
    whole, *_, of_class = coverage_of(several, classes)
    assert (whole.of, whole.is_class, of_class.is_class) == (Situation(), False, True)
    held = sum(abs(one.error) <= classes[-1].half_width_for(one.source) for one in one_each)
    assert held in (8, 9)
    assert (whole.rows, whole.sources) == (100, 10)
    assert whole.by_source == pytest.approx(held / 10)
    assert whole.by_row == pytest.approx((held + 90) / 100)


def test_rows_that_no_other_source_is_like_are_not_scored() -> None:
    rows = [unseen("s0"), unseen("s1"), unseen("s2", device="h100-80gb-sxm")]
    assert {one.source for one in scored(rows, compared_of(rows), lambda one: one.error)} == {"s0", "s1"}


def test_a_row_stands_inside_only_what_other_sources_measured() -> None:
    rows = [unseen("s0", devices=8), unseen("s1", devices=8), unseen("s2", devices=64)]
    places = [one.situation for one in scored(rows, compared_of(rows), lambda one: one.error)]
    assert [(one.reach, one.scale) for one in places] == [("inside", "node"), ("inside", "node"), ("outside", "to 128")]


def test_the_optimism_of_a_choice_is_worked_out_by_hand() -> None:
    # The fastest prediction, 0.9 s, is 10 % too fast; the mean of the four logarithms is a quarter of its own.
    job = [unseen(plan=f"TP{index}", error=error) for index, error in enumerate((-0.1, 0.0, 0.0, 0.0))]
    found = selection_of([*job, unseen(plan="alone", devices=16), unseen("s1", error=None)])
    assert found is not None
    assert (found.machine, found.jobs, found.rows, found.most_plans, found.sources) == ("GPU", 1, 4, 4, 1)
    assert found.shift == pytest.approx(0.75 * math.log(0.9))
    assert found.spread == pytest.approx(0.0)
    # A second source whose fastest is like its others: half the shift, and as much on either side of it.
    fair = [unseen("s1", plan=f"TP{index}", error=error) for index, error in enumerate((0.0, 0.0, 0.0, 0.0))]
    two = selection_of([*job, *fair])
    assert two is not None
    assert (two.shift, two.spread) == pytest.approx((found.shift / 2, -found.shift / 2))
    assert selection_of([dataclasses.replace(one, settings_chosen=True) for one in job]) is None
    assert selection_of(job[:3]) is None


def test_the_situation_of_a_scenario_and_of_a_row_agree() -> None:
    compared = load_evidence().compared
    for one in (case(), case_of(row(n_gpus=64, dp=32, global_batch_sequences=64))):
        assert not hasattr(one, "reason")
        scenario = one.scenario  # type: ignore[union-attr]
        facts = facts_of(look_up(scenario))
        assert facts is not None
        as_row = unseen(
            device="a100-80gb-sxm", devices=facts.device_count, parameters=facts.parameters, sequence=facts.sequence,
            global_batch=facts.global_batch, precision=facts.precision,
        )  # fmt: skip
        assert facts_of_row(as_row, facts.stack) == facts
        assert standing(facts_of_row(as_row, facts.stack), compared) == standing(facts, compared)


def test_a_compared_row_is_held_to_the_band_without_its_source() -> None:
    found = compare_case(case())
    facts = facts_of(look_up(case().scenario))
    assert facts is not None
    assert found.confidence == confidence(facts, without="vtrain")  # type: ignore[union-attr]
    assert found.confidence.standing != standing(facts, load_evidence().compared)  # type: ignore[union-attr]
    guessed = compare_case(case(source="somebody's", flash_attention=0))
    assert guessed.confidence.standing.situation.stack == "guessed"  # type: ignore[union-attr]

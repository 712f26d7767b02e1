"""One screen: every sentence is recomputed here from the outcomes that it speaks of."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import pytest
from builders import believed, report_of, screen_of
from small_systems import FIXED, PIPELINE, WAFER, scenario

from sim.outcome.confidence import NEVER_CHECKED
from sim.outcome.lines import SPLIT_LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.blocks import Table
from sim.page.numbers import duration, percent
from sim.report.run import run_answer, run_screen
from sim.report.sentences import sentences
from sim.scenario import AxisKey, PlanRequest
from sim.scenario.types import RecipeRequest
from sim.simulate import simulate
from sim.study.findings import findings
from sim.study.points import curves


def named(outcomes: Sequence[Outcome], system: str, devices: int) -> Outcome:
    return next(point for point in outcomes if (point.scenario.system.name, point.devices) == (system, devices))


def sentence_with(outcomes: Sequence[Outcome], words: str) -> str:
    (found,) = [sentence for sentence in sentences(curves(outcomes)) if words in sentence]
    return found


def answer_of(outcomes: Sequence[Outcome]) -> str:
    """The answer of a screen, in one line."""
    return " ".join(run_answer(findings(outcomes)))


def test_the_fastest_is_the_fastest(several: tuple[Outcome, ...]) -> None:
    best = min(several, key=lambda point: point.time_to_train_s)
    others = [point for point in several if point.scenario.system.name != best.scenario.system.name]
    second = min(others, key=lambda point: point.time_to_train_s)
    found = re.match(
        r"(.+) on (\d+) devices? trains it in ([^,]+), (.+) on (\d+) devices? in ([^:]+): (.+) times as long",
        answer_of(several),
    )
    assert found is not None
    first, size, time, other, other_size, other_time, ratio = found.groups()
    assert named(several, first, int(size)) is best
    assert named(several, other, int(other_size)) is second
    assert (time, other_time) == (duration(best.time_to_train_s), duration(second.time_to_train_s))
    assert float(ratio) == pytest.approx(second.time_to_train_s / best.time_to_train_s, rel=5e-3)


def test_whether_two_systems_are_told_apart_is_said(several: tuple[Outcome, ...]) -> None:
    apart = [dataclasses.replace(one, confidence=believed(0.0, 0.0)) for one in several]
    near = [dataclasses.replace(one, confidence=believed(-0.9, 9.0)) for one in several]
    never = [dataclasses.replace(one, confidence=NEVER_CHECKED) for one in several]
    assert answer_of(apart).endswith("more than both errors.")
    assert answer_of(near).endswith("within their errors, so not told apart.")
    assert answer_of(never).endswith("not checked.")


def test_one_point_makes_no_comparison(alone: Outcome) -> None:
    said = answer_of([alone])
    assert f"{duration(alone.step_time_s)} a step" in said
    assert f"MFU {percent(alone.mfu, 0)}" in said
    assert f"{duration(alone.time_to_train_s)} in all" in said
    assert not re.search(r"fast|times|grows|falls", said)
    assert sentences([]) == []


def test_one_system_is_compared_with_its_own_smallest_size(several: tuple[Outcome, ...]) -> None:
    own = several[:3]
    best, smallest = min(own, key=lambda point: point.time_to_train_s), own[0]
    said = answer_of(own)
    assert f"{best.devices} devices trains it in {duration(best.time_to_train_s)}" in said
    ratio = re.search(rf"([\d.]+) times as fast as {smallest.devices} with ([\d.]+) times the devices", said)
    assert ratio is not None
    assert float(ratio[1]) == pytest.approx(smallest.time_to_train_s / best.time_to_train_s, rel=5e-3)
    assert float(ratio[2]) == pytest.approx(best.devices / smallest.devices, rel=5e-3)


def test_equal_systems_are_called_equal(alone: Outcome, twin_of: Callable[[Outcome], Outcome]) -> None:
    assert "gpu cluster on 8 devices and twin on 8 devices both train it in" in answer_of([alone, twin_of(alone)])


def test_points_of_different_models_are_not_compared(different_models: tuple[Outcome, ...]) -> None:
    assert answer_of(different_models) == "The 2 points differ in model, so their times are not compared."


def test_the_convention_is_in_the_name_of_the_column(alone: Outcome) -> None:
    causal = dataclasses.replace(alone.scenario.report, flop_convention="causal-attention")
    other = dataclasses.replace(alone, scenario=dataclasses.replace(alone.scenario, report=causal))
    assert other.mfu == alone.mfu_causal != alone.mfu
    for point, title in ((alone, "MFU"), (other, "MFU, causal")):
        assert f"{title} {percent(point.mfu, 0)}" in answer_of([point])
        (shown,) = [one for one in run_screen(findings([point])) if isinstance(one, Table)]
        column = [heading.title for heading in shown.headings].index(title)
        assert shown.rows[0][column] == percent(point.mfu, 0)
    text = " ".join(report_of([alone]).split())
    assert "over the full square" in text
    assert percent(alone.mfu_causal) in text


def test_notes_are_said_once(several: tuple[Outcome, ...]) -> None:
    text = " ".join(report_of(several).split())
    for note in {note for point in several for note in point.notes}:
        assert text.count(note) == 1


def test_lines_of_the_account_are_explained(alone: Outcome) -> None:
    system = dataclasses.replace(alone.scenario.system, jitter=2.0)
    text = " ".join(report_of([simulate(dataclasses.replace(alone.scenario, system=system))]).split())
    assert "straggler wait: waiting that would not be there if all devices were alike" in text


def test_other_devices_have_other_device_hours(several: tuple[Outcome, ...], alone: Outcome) -> None:
    said = "One device-hour is one hour of one device"
    assert said in report_of(several)
    assert said not in report_of([alone])


def test_tax_sentences_say_what_the_ledgers_say(several: tuple[Outcome, ...]) -> None:
    found = [sentence for sentence in sentences(curves(several)) if "the distribution tax of" in sentence]
    assert found
    for sentence in found:
        said = re.match(r"From (\d+) to (\d+) devices the distribution tax of (.+?) (?:grows|falls|stays)", sentence)
        assert said is not None
        small_size, large_size, name = said.groups()
        small, large = named(several, name, int(small_size)), named(several, name, int(large_size))
        if " stays at " in sentence:
            assert percent(small.ledger.tax) == percent(large.ledger.tax)
            assert sentence.endswith(f"{percent(large.ledger.tax)}.")
            continue
        assert f"from {percent(small.ledger.tax)} to {percent(large.ledger.tax)}" in sentence
        change = {line: large.ledger.share(line) - small.ledger.share(line) for line in SPLIT_LINES}
        grows = bool(large.ledger.tax > small.ledger.tax)
        assert (" grows from " in sentence) is grows
        line = max(change, key=lambda line: change[line] if grows else -change[line])
        assert f"is {line_title(line)} (" in sentence


def test_the_most_stranded_point_is_named(several: tuple[Outcome, ...]) -> None:
    sentence = sentence_with(several, "idle, the largest such share")
    worst = max(several, key=lambda point: point.ledger.share("stranded"))
    assert f"{worst.devices} devices leaves {worst.devices - worst.plan.devices} of them unused" in sentence
    assert percent(worst.ledger.share("stranded")) in sentence


def test_a_name_beyond_ascii_is_escaped(alone: Outcome, twin_of: Callable[[Outcome], Outcome]) -> None:
    twin = twin_of(alone)
    system = dataclasses.replace(twin.scenario.system, name="Größe $1 $2")
    text = screen_of([dataclasses.replace(twin, scenario=dataclasses.replace(twin.scenario, system=system))])
    assert text.isascii()
    assert r"Gr\xf6\xdfe" in text


USUAL = RecipeRequest()


def trained(precision: str, *, recipe: RecipeRequest = USUAL, optimizer: str = "adam") -> Outcome:
    point = scenario(PIPELINE, 4, FIXED)
    training = dataclasses.replace(point.training, precision=precision, recipe=recipe, optimizer=optimizer)
    axes = {AxisKey("training.precision"): precision, AxisKey("training.recipe.moments"): recipe.moments}
    return simulate(dataclasses.replace(point, training=training, axes=axes))


def test_points_of_different_formats_are_compared_by_time() -> None:
    half, single = trained("bf16"), trained("tf32")
    narrow = trained("bf16", recipe=RecipeRequest(moments="int8"))
    text = " ".join(report_of((half, single)).split())
    assert (
        "MFU of a point is against the peak of its own formats (bf16, tf32): compare points of different"
        " precision by time, not by MFU"
    ) in text
    # Attention in a wider format is a format more; moments are in no product, so that the peak is the same.
    wide = trained("tf32", recipe=RecipeRequest(attention="fp32"))
    assert "formats (tf32, fp32 and tf32)" in " ".join(report_of((single, wide)).split())
    wafer = scenario(WAFER, 1, PlanRequest())
    wafer = dataclasses.replace(wafer, training=dataclasses.replace(wafer.training, precision="fp16"))
    for points in ((half,), (half, narrow), (trained("fp16"), simulate(wafer))):
        assert "own formats" not in report_of(points)
        assert "are not compared" not in screen_of(points)


def test_what_is_not_counted_of_muon_is_said(several: tuple[Outcome, ...]) -> None:
    muon = trained("bf16", optimizer="muon")
    words = "muon: not counted: what replicas and tensor ranks exchange to make updates of whole matrices orthogonal"
    assert words in muon.notes
    assert "muon: not counted" in report_of((muon,))
    assert "muon: not counted" not in report_of(several)

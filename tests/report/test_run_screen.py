"""One screen: every sentence is recomputed here from the outcomes that it speaks of."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Sequence

import pytest
from builders import screen_of
from small_systems import FIXED, PIPELINE, WAFER, scenario

from sim.outcome.lines import LINES, SPLIT_LINES
from sim.outcome.outcome import Outcome
from sim.page.numbers import duration, percent
from sim.records.belief import error_band
from sim.report.sentences import sentences
from sim.scenario import AxisKey, PlanRequest
from sim.scenario.types import RecipeRequest
from sim.simulate import simulate
from sim.study.points import curves


def named(outcomes: Sequence[Outcome], system: str, devices: int) -> Outcome:
    return next(point for point in outcomes if (point.scenario.system.name, point.devices) == (system, devices))


def sentence_with(outcomes: Sequence[Outcome], words: str) -> str:
    (found,) = [sentence for sentence in sentences(outcomes) if words in sentence]
    return found


def test_the_table_has_every_point_and_its_figures(several: tuple[Outcome, ...]) -> None:
    text = screen_of(several)
    for point in several:
        cells = (
            point.scenario.system.name,
            str(point.devices),
            re.escape(point.plan.summary()),
            duration(point.step_time_s),
            f"{point.tokens_per_s:,.0f}",
            percent(point.mfu),
            re.escape(error_band(point)),
            f"{point.memory.peak_bytes / 2**30:.0f}/{point.memory.capacity_bytes / 2**30:.0f}",
            percent(point.ledger.tax),
            duration(point.time_to_train_s),
        )
        assert re.search(" +".join(cells), text)


def test_it_is_ascii_and_fits_a_terminal(several: tuple[Outcome, ...], different_models: tuple[Outcome, ...]) -> None:
    for outcomes in (several, different_models, several[:1]):
        text = screen_of(outcomes)
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 120
        assert len(sentences(outcomes)) <= 7


def test_what_was_swept_is_broken_at_spaces_only(several: tuple[Outcome, ...]) -> None:
    swept = []
    for stages, schedule in enumerate(("1f1b", "interleaved"), 1):
        axes = {AxisKey("system.plan.schedule"): schedule, AxisKey("system.plan.virtual_stages"): stages}
        for point in several:
            scenario = dataclasses.replace(point.scenario, axes={**axes, **point.scenario.axes}, seed=stages)
            swept.append(dataclasses.replace(point, scenario=scenario))
    text = screen_of(swept)
    words = {word for curve in curves(swept) for word in curve.label.split()}
    assert {"(schedule", "interleaved,", "virtual_stages"} <= words
    for rows in text.split("\n\n")[1:3]:
        lines = rows.splitlines()
        ruler = next(index for index, line in enumerate(lines) if line.startswith("---"))
        width = lines[ruler].index(" ")
        assert {word for line in lines[ruler + 1 :] for word in line[:width].split()} <= words
    assert max(map(len, text.splitlines())) <= 120


def test_the_fastest_is_the_fastest(several: tuple[Outcome, ...]) -> None:
    sentence = sentence_with(several, "trains fastest")
    found = re.match(r"(.+) on (\d+) devices? trains fastest: ([^,]+), ([\d.,]+) times", sentence)
    assert found is not None
    name, devices, time, ratio = found.groups()
    best = min(several, key=lambda point: point.time_to_train_s)
    others = [point for point in several if point.scenario.system.name != best.scenario.system.name]
    second = min(others, key=lambda point: point.time_to_train_s)
    assert named(several, name, int(devices)) is best
    assert time == duration(best.time_to_train_s)
    assert float(ratio) == pytest.approx(second.time_to_train_s / best.time_to_train_s, rel=5e-3)


def test_tax_sentences_say_what_the_ledgers_say(several: tuple[Outcome, ...]) -> None:
    found = [sentence for sentence in sentences(several) if "the distribution tax of" in sentence]
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
        grows = large.ledger.tax > small.ledger.tax
        assert (" grows from " in sentence) is grows
        line = max(change, key=lambda line: change[line] if grows else -change[line])
        assert f"is {line} (" in sentence


def test_the_nearest_pair_is_the_nearest(several: tuple[Outcome, ...]) -> None:
    sentence = sentence_with(several, "Nearest in rate")
    gpus = [point for point in several if "NVIDIA" in point.device_title]
    wafers = [point for point in several if "Cerebras" in point.device_title]
    pairs = itertools.product(gpus, wafers)
    gpu, wafer = min(pairs, key=lambda pair: abs(math.log(pair[0].tokens_per_s / pair[1].tokens_per_s)))
    first, second = (gpu, wafer) if gpu.devices >= wafer.devices else (wafer, gpu)
    numbers = [float(number) for number in re.findall(r"([\d.]+) times", sentence)]
    assert numbers[0] == pytest.approx(first.tokens_per_s / second.tokens_per_s, rel=5e-3)
    assert f"{first.scenario.system.name} on {first.devices} device" in sentence
    cost = re.search(r"for ([\d.]+) times the device-hours", sentence)
    assert cost is not None
    assert float(cost[1]) == pytest.approx(first.device_hours / second.device_hours, rel=5e-3)


def test_the_most_stranded_point_is_named(several: tuple[Outcome, ...]) -> None:
    sentence = sentence_with(several, "stranded, the largest such share")
    worst = max(several, key=lambda point: point.ledger.share("stranded"))
    assert f"{worst.devices} devices leaves {worst.devices - worst.plan.devices} of them unused" in sentence
    assert percent(worst.ledger.share("stranded")) in sentence


def test_the_largest_shares_are_the_largest(several: tuple[Outcome, ...]) -> None:
    sentence = sentence_with(several, "Largest shares")
    for name, devices in (("gpu cluster", 20), ("pipeline", 16), ("wafer", 2)):
        ledger = named(several, name, devices).ledger
        first, second = sorted(LINES, key=ledger.share, reverse=True)[:2]
        shares = f"{first} {percent(ledger.share(first))} and {second} {percent(ledger.share(second))}"
        assert f"{name} on {devices} devices, {shares}" in sentence


def test_one_point_makes_no_comparison(alone: Outcome) -> None:
    said = " ".join(sentences([alone]))
    assert f"trains in {duration(alone.time_to_train_s)}." in said
    assert not re.search(r"fastest|times|grows|falls|stranded", said)
    assert sentences([]) == []


def test_one_system_is_compared_with_its_own_smallest_size(several: tuple[Outcome, ...]) -> None:
    own = several[:3]
    best, smallest = min(own, key=lambda point: point.time_to_train_s), own[0]
    sentence = sentence_with(own, "trains fastest")
    assert f"{best.devices} devices trains fastest" in sentence
    assert f"as fast as {smallest.devices} devices" in sentence


def test_equal_systems_are_called_equal(alone: Outcome, twin_of: Callable[[Outcome], Outcome]) -> None:
    sentence = sentence_with([alone, twin_of(alone)], "equally fast")
    assert "gpu cluster on 8 devices and twin on 8 devices" in sentence


def test_points_of_different_models_are_not_compared(different_models: tuple[Outcome, ...]) -> None:
    said = " ".join(sentences(different_models))
    assert "not compared" in said
    assert "fastest" not in said


def test_the_convention_is_named_with_what_the_other_would_say(alone: Outcome) -> None:
    text = " ".join(screen_of([alone]).split())
    assert "over the full square" in text
    assert "flop_convention full-attention" in text
    assert percent(alone.mfu_causal) in text


def test_notes_are_said_once(several: tuple[Outcome, ...]) -> None:
    text = " ".join(screen_of(several).split())
    for note in {note for point in several for note in point.notes}:
        assert text.count(note) == 1


def test_an_estimated_lag_is_explained(alone: Outcome) -> None:
    system = dataclasses.replace(alone.scenario.system, jitter=2.0)
    text = " ".join(screen_of([simulate(dataclasses.replace(alone.scenario, system=system))]).split())
    assert "straggler_wait: waiting that would not be there if all devices were alike" in text


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
    text = " ".join(screen_of((half, single)).split())
    assert (
        "note: MFU of a point is against the peak of its own formats (bf16, tf32): compare points of different"
        " precision by time, not by MFU"
    ) in text
    # Attention in a wider format is a format more; moments are in no product, so that the peak is the same.
    wide = trained("tf32", recipe=RecipeRequest(attention="fp32"))
    assert "formats (tf32, fp32 and tf32)" in " ".join(screen_of((single, wide)).split())
    wafer = scenario(WAFER, 1, PlanRequest())
    wafer = dataclasses.replace(wafer, training=dataclasses.replace(wafer.training, precision="fp16"))
    for points in ((half,), (half, narrow), (trained("fp16"), simulate(wafer))):
        assert "own formats" not in screen_of(points)
        assert "are not compared" not in screen_of(points)


def test_what_is_not_counted_of_muon_is_said(several: tuple[Outcome, ...]) -> None:
    muon = trained("bf16", optimizer="muon")
    words = "muon: not counted: what replicas and tensor ranks exchange to make updates of whole matrices orthogonal"
    assert words in muon.notes
    assert "muon: not counted" in screen_of((muon,))
    assert "not counted" not in screen_of(several)

"""Where a prediction stands among compared rows, and the band that follows: every side of a range, every difference."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from sim.catalog.accuracy import Compared, ErrorClass, Evidence, Selection, Situation
from sim.outcome.confidence import NEVER_CHECKED, Facts, Standing, confidence, standing, together

ROWS = Compared(
    "s", ("one",), 20, ("a100", "h100"), (1e9, 7e10), (8, 512), (2048, 2048), (64, 1024), ("bf16",), ("adam",)
)
OTHER = dataclasses.replace(ROWS, stack="t", sources=("two",), devices=("a100", "b200"))
INSIDE = Facts("GPU", ("a100",), 64, 8, "s", 1.3e10, 2048, 512, "bf16", "adam")
NAMED = Situation("GPU", "named", "inside", "to 128")


def outside(**over: Any) -> Standing:
    return standing(dataclasses.replace(INSIDE, **over), (ROWS, OTHER))


def test_inside_the_range_there_is_nothing_to_warn_of() -> None:
    assert outside() == Standing(NAMED, ROWS)


@pytest.mark.parametrize("edge", [{"device_count": 8}, {"device_count": 512}, {"parameters": 7e10}])
def test_the_ends_of_a_range_belong_to_it(edge: dict[str, Any]) -> None:
    assert outside(**edge).outside == ()


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"devices": ("b200",)}, "devices a100, h100"),
        ({"parameters": 1e8}, "1 to 70 billion parameters"),
        ({"parameters": 1e12}, "1 to 70 billion parameters"),
        ({"device_count": 1024}, "8 to 512 devices"),
        ({"sequence": 4096}, "sequences of 2,048 tokens"),
        ({"global_batch": 2048}, "batches of 64 to 1,024 sequences"),
    ],
)
def test_every_side_of_the_range_is_named(over: dict[str, Any], says: str) -> None:
    found = outside(**over)
    assert (found.outside, found.unlike) == ((says,), ())
    assert found.situation is not None
    assert found.situation.reach == "outside"


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"devices": ("gb300",)}, "device gb300"),
        ({"stack": ""}, "a stack of one's own"),
        ({"method": "lora"}, "method lora"),
        ({"precision": "fp32"}, "precision fp32"),
        ({"optimizer": "sgd"}, "optimizer sgd"),
        ({"usual_recipe": "bf16"}, "formats other than those of recipe bf16"),
    ],
)
def test_what_no_row_has_is_not_checked_and_says_why(over: dict[str, Any], says: str) -> None:
    found = outside(**over)
    assert (found.situation, found.unlike) == (None, (says,))


def test_a_stack_without_rows_stands_outside() -> None:
    found = outside(stack="nobody's")
    assert (found.compared, found.unlike) == (None, ())
    assert found.situation == dataclasses.replace(NAMED, reach="outside")


def test_half_precisions_are_alike_and_nothing_else_is() -> None:
    assert outside(precision="fp16").outside == ()


@pytest.mark.parametrize(("devices", "scale"), [(8, "node"), (9, "to 128"), (128, "to 128"), (129, "above 128")])
def test_the_scale_is_that_of_the_devices(devices: int, scale: str) -> None:
    assert dataclasses.replace(INSIDE, device_count=devices).scale == scale


def test_a_source_that_is_left_out_compares_nothing() -> None:
    alone = standing(INSIDE, (ROWS, OTHER), without="one")
    assert alone.compared is None
    assert alone.situation == dataclasses.replace(NAMED, reach="outside")
    # Only that source ran on an H100.
    assert standing(dataclasses.replace(INSIDE, devices=("h100",)), (ROWS, OTHER), without="one").unlike == (
        "device h100",
    )


def test_several_entries_reach_as_far_as_all_of_them() -> None:
    further = dataclasses.replace(ROWS, sources=("three",), device_count=(4, 16), precisions=("fp16",))
    found = together([ROWS, further])
    assert found is not None
    assert (found.sources, found.rows, found.device_count) == (("one", "three"), 40, (4, 512))
    assert found.precisions == ("bf16", "fp16")


HALF = 0.1
EVIDENCE = Evidence(
    (ROWS, OTHER),
    (ErrorClass(Situation(), 90, 0.3, {"one": 0.35}), ErrorClass(NAMED, 40, HALF, {"one": 0.12, "two": 0.08})),
    selection=Selection("GPU", -0.03, 0.05, 7, 80, 29, 3),
)


def test_the_band_is_that_of_the_narrowest_class() -> None:
    band = confidence(INSIDE, evidence=EVIDENCE).step
    assert band is not None
    assert (band.low, band.high) == pytest.approx((math.exp(-0.1) - 1, math.exp(0.1) - 1))
    assert (band.of, band.rows, band.sources) == (NAMED, 40, 2)
    larger = confidence(dataclasses.replace(INSIDE, device_count=256), evidence=EVIDENCE).step
    assert larger is not None
    assert larger.of == Situation()


def test_the_band_of_a_source_is_made_without_it() -> None:
    # Another source's row of the same stack, so that the situation stays the same.
    evidence = dataclasses.replace(EVIDENCE, compared=(ROWS, dataclasses.replace(ROWS, sources=("two",))))
    band = confidence(INSIDE, without="two", evidence=evidence).step
    assert band is not None
    assert band.high == pytest.approx(math.exp(0.08) - 1)


def test_a_search_moves_the_band_and_widens_it() -> None:
    # Half-width: the root of 0.1^2 + (1.2816 x 0.05)^2 = 0.1188.
    found = confidence(INSIDE, is_searched=True, evidence=EVIDENCE)
    assert found.step is not None
    assert (found.step.low, found.step.high) == pytest.approx((math.exp(-0.1488) - 1, math.exp(0.0888) - 1), rel=1e-3)
    assert found.is_searched
    # What was measured of plans on GPUs says nothing of wafers.
    wafer = confidence(dataclasses.replace(INSIDE, machine="wafer"), is_searched=True, evidence=EVIDENCE)
    assert not wafer.is_searched


def test_without_evidence_there_is_no_band() -> None:
    assert confidence(INSIDE, evidence=Evidence()).step is None
    assert confidence(dataclasses.replace(INSIDE, optimizer="sgd"), evidence=EVIDENCE).errors is None
    assert NEVER_CHECKED.errors is None

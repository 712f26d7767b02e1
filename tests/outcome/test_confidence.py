"""The range in which a stack was checked: inside it nothing is said, outside every side is named."""

from __future__ import annotations

from typing import Any

import pytest

from sim.catalog import Accuracy
from sim.outcome.confidence import NEVER_CHECKED, confidence

CHECKED = Accuracy(
    "s", 20, -0.05, 0.02, 0.03, ("a100", "h100"), (1e9, 7e10), (8, 512), (2048, 2048), (64, 1024), ("bf16",), ("adam",)
)
INSIDE: dict[str, Any] = {
    "devices": ["a100"], "parameters": 1.3e10, "device_count": 64, "sequence": 2048, "global_batch": 512,
    "precision": "bf16", "optimizer": "adam",
}  # fmt: skip


def test_inside_the_range_there_is_nothing_to_warn_of() -> None:
    found = confidence(CHECKED, **INSIDE)
    assert found.accuracy == CHECKED
    assert found.outside == ()


@pytest.mark.parametrize("edge", [{"device_count": 8}, {"device_count": 512}, {"parameters": 7e10}])
def test_the_ends_of_a_range_belong_to_it(edge: dict[str, Any]) -> None:
    assert confidence(CHECKED, **{**INSIDE, **edge}).outside == ()


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"devices": ["b200"]}, "devices a100, h100"),
        ({"parameters": 1e8}, "1 to 70 billion parameters"),
        ({"parameters": 1e12}, "1 to 70 billion parameters"),
        ({"device_count": 1024}, "8 to 512 devices"),
        ({"sequence": 4096}, "sequences of 2,048 tokens"),
        ({"global_batch": 2048}, "batches of 64 to 1,024 sequences"),
        ({"method": "lora"}, "pretraining"),
        ({"precision": "fp32"}, "precision bf16"),
        ({"optimizer": "sgd"}, "optimizer adam"),
        ({"usual_recipe": "bf16"}, "the formats of recipe bf16"),
    ],
)
def test_every_side_of_the_range_is_named(over: dict[str, Any], says: str) -> None:
    assert confidence(CHECKED, **{**INSIDE, **over}).outside == (says,)


def test_a_stack_without_rows_was_never_checked() -> None:
    assert confidence(None, **INSIDE) == NEVER_CHECKED

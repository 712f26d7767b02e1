"""The error bands of the catalogue: from comparisons to the file and back, and what the file must hold."""

from __future__ import annotations

import tomllib

import pytest
from measured import case, comparison

from sim.catalog import (
    PRECISIONS,
    Accuracy,
    accuracy_stacks,
    device_names,
    load_accuracy,
    optimizer_names,
    stack_names,
)
from sim.catalog.accuracy import FEWEST_ROWS
from sim.validation.accuracy import accuracies, accuracy_toml
from sim.workload.parameters import count_parameters


def test_bands_and_ranges_are_those_of_the_check_rows() -> None:
    rows = [
        comparison(-0.10, id="a"),
        comparison(0.10, id="b", n_gpus=16, dp=8, global_batch_sequences=64, seq_len=2048),
        comparison(5.0, "fit", id="c", n_gpus=512, dp=256, global_batch_sequences=512),
        comparison(5.0, id="d", source="somebody"),
    ]
    (one,) = accuracies(rows)
    assert (one.stack, one.rows, one.has_few_rows) == ("vtrain", 2, True)
    assert (one.error_p10, one.error_p90) == (pytest.approx(-0.08), pytest.approx(0.08))
    assert one.median_absolute_error == pytest.approx(0.1)
    assert one.devices == ("a100-80gb-sxm",)
    assert (one.device_count, one.sequence, one.global_batch) == ((8, 16), (1024, 2048), (16, 64))
    assert (one.precisions, one.optimizers) == (("fp16",), ("adam",))
    assert one.parameters[0] == count_parameters(case().scenario.model).total


def test_what_is_written_is_read_again() -> None:
    (one,) = accuracies([comparison(-0.1), comparison(0.2, id="b")])
    entry = tomllib.loads(accuracy_toml([one]))["vtrain"]
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    assert Accuracy("vtrain", **values) == one


@pytest.mark.parametrize("stack", accuracy_stacks())
def test_every_band_of_the_catalogue_makes_sense(stack: str) -> None:
    one = load_accuracy(stack)
    assert one is not None
    assert stack in stack_names()
    assert set(one.devices) <= set(device_names())
    assert set() < set(one.precisions) <= set(PRECISIONS)
    assert set() < set(one.optimizers) <= set(optimizer_names())
    assert one.rows > 0
    assert one.error_p10 <= one.error_p90
    assert one.median_absolute_error >= 0
    assert one.has_few_rows == (one.rows < FEWEST_ROWS)
    for low, high in (one.parameters, one.device_count, one.sequence, one.global_batch):
        assert 0 < low <= high


def test_an_unchecked_stack_has_no_band() -> None:
    assert load_accuracy("no such stack") is None

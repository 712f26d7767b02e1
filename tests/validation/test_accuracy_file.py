"""What the catalogue knows of errors: from rows to the file and back, what the file must hold, and its coverage."""

from __future__ import annotations

import tomllib

import pytest

from sim.catalog import NARROW_PRECISIONS, PRECISIONS, device_names, load_evidence, optimizer_names, stack_names
from sim.catalog.accuracy import Situation, evidence_from
from sim.validation.accuracy import evidence_toml
from sim.validation.bands import evidence_of
from sim.validation.unseen import read_unseen

EVIDENCE = load_evidence()
FEWEST_SOURCES = 4


def test_the_file_is_what_follows_from_the_stored_rows() -> None:
    assert evidence_from(tomllib.loads(evidence_toml(evidence_of(read_unseen())))) == EVIDENCE


def test_what_is_written_is_read_again() -> None:
    assert evidence_from(tomllib.loads(evidence_toml(EVIDENCE))) == EVIDENCE


@pytest.mark.parametrize("one", EVIDENCE.compared, ids=lambda one: f"{one.stack} {one.sources[0]}")
def test_every_comparison_of_the_catalogue_makes_sense(one) -> None:
    assert one.stack in stack_names()
    assert set(one.devices) <= set(device_names())
    assert set() < set(one.precisions) <= {*PRECISIONS, *NARROW_PRECISIONS}
    assert set() < set(one.optimizers) <= set(optimizer_names())
    assert one.rows > 0
    for low, high in (one.parameters, one.device_count, one.sequence, one.global_batch):
        assert 0 < low <= high


@pytest.mark.parametrize("one", [*EVIDENCE.classes, *EVIDENCE.memory], ids=lambda one: str(one.situation.rank))
def test_every_class_has_rows_of_several_sources(one) -> None:
    assert len(one.without) >= FEWEST_SOURCES
    assert one.rows >= len(one.without)
    assert min(one.half_width, *one.without.values()) > 0
    assert one.ends[0] < 0 < one.ends[1]


def test_eight_of_ten_measured_values_lie_inside_their_bands() -> None:
    whole = next(one for one in EVIDENCE.coverage if one.of == Situation() and not one.is_class)
    assert 0.75 <= whole.by_source <= 0.85


@pytest.mark.parametrize("one", [one for one in EVIDENCE.coverage if one.is_class], ids=lambda one: str(one.of.rank))
def test_no_class_holds_far_less_than_it_says(one) -> None:
    assert one.by_source >= 0.65

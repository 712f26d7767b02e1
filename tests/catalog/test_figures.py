"""The rules of a figure: evidence needs a source, an assumption needs a note."""

from __future__ import annotations

import pytest

from sim.catalog.figures import KINDS, read_figure
from sim.errors import InputError

FULL = {"value": "80 GiB", "source": "some-datasheet", "date": "2024-03", "note": "how it was read"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_figure_is_read_as_it_stands(kind: str) -> None:
    figure = read_figure("hbm_bytes", {**FULL, "kind": kind}, "catalogue: card")
    assert (figure.name, figure.value, figure.kind) == ("hbm_bytes", "80 GiB", kind)
    assert (figure.source, figure.date, figure.note) == ("some-datasheet", "2024-03", "how it was read")


@pytest.mark.parametrize(("kind", "need"), [(kind, need) for kind, needs in KINDS.items() for need in needs])
def test_a_kind_insists_on_what_it_needs(kind: str, need: str) -> None:
    raw = {key: value for key, value in FULL.items() if key != need}
    with pytest.raises(InputError, match=f"'hbm_bytes' is {kind} but has no {need}") as caught:
        read_figure("hbm_bytes", {**raw, "kind": kind}, "catalogue: card")
    assert caught.value.where == "catalogue: card"


@pytest.mark.parametrize("kind", ["datasheet", "published", "measured", "derived", "fitted"])
def test_evidence_needs_a_source(kind: str) -> None:
    assert "source" in KINDS[kind]


@pytest.mark.parametrize("kind", ["derived", "fitted", "assumed"])
def test_what_nobody_printed_needs_a_note(kind: str) -> None:
    assert "note" in KINDS[kind]


def test_an_assumption_needs_no_source() -> None:
    figure = read_figure("kernel_gap_s", {"value": "2 us", "kind": "assumed", "note": "a guess"}, "catalogue: card")
    assert figure.source == ""


def test_an_empty_source_is_no_source() -> None:
    with pytest.raises(InputError, match="has no source"):
        read_figure("hbm_bytes", {"value": "80 GiB", "kind": "datasheet", "source": ""}, "catalogue: card")


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(InputError, match="has no source and no note"):
        read_figure("hbm_bytes", {"value": "80 GiB", "kind": "derived"}, "catalogue: card")


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(InputError, match=r"'hbm_bytes' has unknown keys \['sorce'\]"):
        read_figure("hbm_bytes", {**FULL, "kind": "datasheet", "sorce": "x"}, "catalogue: card")


@pytest.mark.parametrize("kind", ["", "rumour", "Datasheet"])
def test_unknown_kinds_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match=f"'hbm_bytes' has kind '{kind}'"):
        read_figure("hbm_bytes", {**FULL, "kind": kind}, "catalogue: card")


def test_a_missing_kind_is_refused() -> None:
    with pytest.raises(InputError, match="has kind ''"):
        read_figure("hbm_bytes", FULL, "catalogue: card")


@pytest.mark.parametrize("raw", [80e9, "80 GiB", None, {"kind": "assumed", "note": "no value"}])
def test_a_bare_value_is_no_figure(raw: object) -> None:
    with pytest.raises(InputError, match="is not a figure"):
        read_figure("hbm_bytes", raw, "catalogue: card")

"""The audit of fitted constants: few, listed with their physical range, within it, and with their rows named.

At most six a stack (those of its base among them) and six a device. A figure fitted elsewhere than by `scaletax fit`
says on which measured kernels.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import pytest

from sim.catalog import Figure, device_names, load_device, load_stack, stack_names
from sim.validation.cases import Case, case_of
from sim.validation.roles import fit_rows

MOST = 6
AT_THE_EDGE = 1e-3
"""Of the range, as `scaletax fit` reckons it."""
NOT_CONSTANTS = {"stacks", "shared_with", "source", "edge"}
ON_KERNELS = {"gemm_sustained", "gemm_store_share", "gemm_fill_s"}
"""Device figures that may come from measured matrix products instead."""
KERNEL_NOTE = r".*GEMM rows"
ROWS_NOTE = r".*on the (?P<rows>\d+) rows? with role fit of (?P<stacks>[\w., -]+)|.*on the fit rows? \w+|see \w+"

FITS: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(
    (resources.files("sim.validation") / "fits.toml").read_text(encoding="utf-8")
)
LOADERS = {"stacks": (stack_names, load_stack), "devices": (device_names, load_device)}
RECORDS = [(kind, name) for kind, (names, _) in LOADERS.items() for name in names()]
ENTRIES = [
    (kind, name, one) for kind, table in FITS.items() for name, entry in table.items()
    for one in (name, *entry.get("shared_with", ()))
]  # fmt: skip


def constants(entry: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    return {key: (bounds[0], bounds[1]) for key, bounds in entry.items() if key not in NOT_CONSTANTS}


def figures(kind: str, name: str) -> dict[str, Figure]:
    """Every figure of a record, those of its base among them."""
    return {figure.name: figure for figure in LOADERS[kind][1](name).figures}


def fitted(kind: str, name: str) -> list[str]:
    return [key for key, figure in figures(kind, name).items() if figure.kind == "fitted"]


def own_file(kind: str, name: str) -> dict[str, Any]:
    text = (resources.files("sim.catalog") / kind / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def own_fitted(kind: str, name: str) -> Iterator[tuple[str, str]]:
    """Constants that are fitted in a file itself, and their notes."""
    for key, entry in own_file(kind, name).items():
        inner = entry.items() if isinstance(entry, dict) and "value" not in entry else [(None, entry)]
        for part, figure in inner:
            if isinstance(figure, dict) and figure.get("kind") == "fitted":
                yield (key if part is None else f"{key}.{part}"), figure.get("note", "")


def listed(kind: str, name: str) -> set[str]:
    """What fits.toml fits of a record, by its own entry or by one that it shares."""
    return {
        key
        for its_kind, entry, one in ENTRIES
        if (its_kind, one) == (kind, name)
        for key in constants(FITS[kind][entry])
    }


def value(kind: str, name: str, constant: str) -> float:
    field, _, key = constant.partition(".")
    found = getattr(LOADERS[kind][1](name), field)
    return float(found[key] if key else found)


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_there_are_few_fitted_constants(kind: str, name: str) -> None:
    assert len(fitted(kind, name)) <= MOST, fitted(kind, name)


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_every_fitted_constant_is_listed_with_its_range_or_comes_from_kernels(kind: str, name: str) -> None:
    for constant, note in own_fitted(kind, name):
        on_kernels = kind == "devices" and constant in ON_KERNELS and re.match(KERNEL_NOTE, note)
        assert constant in listed(kind, name) or on_kernels, constant


@pytest.mark.parametrize(("kind", "entry", "name"), ENTRIES)
def test_what_is_listed_is_fitted(kind: str, entry: str, name: str) -> None:
    assert set(constants(FITS[kind][entry])) <= {constant for constant, _ in own_fitted(kind, name)}


@pytest.mark.parametrize(("kind", "entry", "name"), ENTRIES)
def test_values_lie_in_their_physical_range_and_an_edge_is_explained(kind: str, entry: str, name: str) -> None:
    words = str(FITS[kind][entry].get("edge", ""))
    for constant, (low, high) in constants(FITS[kind][entry]).items():
        found = value(kind, name, constant)
        assert low <= found <= high, constant
        if min(found - low, high - found) < AT_THE_EDGE * (high - low):
            assert constant in words, f"{constant} = {found:g} is at the edge of {low:g} to {high:g}: edge says why"


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_the_note_of_a_fitted_constant_names_its_rows(kind: str, name: str) -> None:
    for constant, note in own_fitted(kind, name):
        if kind == "devices" and constant in ON_KERNELS and re.match(KERNEL_NOTE, note):
            continue
        assert re.match(ROWS_NOTE, note), f"{constant}: {note}"


@pytest.fixture(scope="module")
def stacks_of_fit_rows() -> list[str]:
    return [one.scenario.system.stack for one in map(case_of, fit_rows()) if isinstance(one, Case)]


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_a_note_counts_no_more_rows_than_there_are_for_fitting(
    kind: str, name: str, stacks_of_fit_rows: list[str]
) -> None:
    for constant, note in own_fitted(kind, name):
        said = re.match(ROWS_NOTE, note)
        if said and said["rows"]:
            stacks = {stack.strip(" .") for stack in re.split(r", | and ", said["stacks"])}
            assert stacks <= set(stack_names()), f"{constant}: {stacks}"
            assert 0 < int(said["rows"]) <= sum(stack in stacks for stack in stacks_of_fit_rows), constant


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_no_figure_is_a_draft(kind: str, name: str) -> None:
    drafts = [key for key, figure in figures(kind, name).items() if re.search(r"\bdraft\b", figure.note)]
    assert not drafts

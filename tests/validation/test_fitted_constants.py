"""The audit of fitted constants: few, listed with their physical range, within it, and with their rows named.

At most six a stack (those of its base among them) and six a device are fitted on steps. A figure fitted elsewhere than
by `scaletax fit` says on which measured kernels.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from sim.catalog import Figure, device_names, load_device, load_sources, load_stack, stack_names
from sim.catalog.data_files import read_data
from sim.validation.cases import Case, case_of
from sim.validation.constants import Constant, active, constants, families
from sim.validation.roles import fit_rows

MOST = 6
AT_THE_EDGE = 1e-3
"""Of the range."""
ON_KERNELS = {"gemm_sustained", "gemm_store_share", "gemm_fill_s"}
"""Device figures that may come from measured matrix products instead."""
KERNEL_NOTE = r".*(GEMM rows|of operators\.csv)"
ROWS_NOTE = r".*on the (?P<rows>\d+) rows? with role fit of (?P<stacks>[\w., -]+)|.*no row with role fit depends on it"
LOADERS = {"stacks": (stack_names, load_stack), "devices": (device_names, load_device)}
RECORDS = [(kind, name) for kind, (names, _) in LOADERS.items() for name in names()]


def figures(kind: str, name: str) -> dict[str, Figure]:
    """Every figure of a record, those of its base among them."""
    return {figure.name: figure for figure in LOADERS[kind][1](name).figures}


def fitted_on_steps(kind: str, name: str) -> list[str]:
    fitted = {key: figure for key, figure in figures(kind, name).items() if figure.kind == "fitted"}
    return [key for key, figure in fitted.items() if not is_of_kernels(kind, key, figure.note)]


def is_of_kernels(kind: str, constant: str, note: str) -> bool:
    return kind == "devices" and constant in ON_KERNELS and re.match(KERNEL_NOTE, note) is not None


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
    """What is fitted of a record, its own or a value that it follows."""
    return {one.label for one in constants() if one.kind == kind and name in (one.name, *one.follow)}


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_there_are_few_fitted_constants(kind: str, name: str) -> None:
    assert len(fitted_on_steps(kind, name)) <= MOST


@pytest.mark.parametrize("stack", stack_names())
def test_a_stack_has_few_constants_that_can_be_fitted(stack: str) -> None:
    assert len(active(stack, ())) <= MOST


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_every_fitted_constant_is_listed_with_its_range_or_comes_from_kernels(kind: str, name: str) -> None:
    for constant, note in own_fitted(kind, name):
        assert constant in listed(kind, name) or is_of_kernels(kind, constant, note), constant


@pytest.mark.parametrize("constant", constants(), ids=lambda one: f"{one.name} {one.label}")
def test_what_is_listed_is_fitted_or_was_assumed_and_never_published(constant: Constant) -> None:
    for name in (constant.name, *constant.follow):
        assert figures(constant.kind, name)[constant.label].kind in ("fitted", "assumed")


@pytest.mark.parametrize("constant", constants(), ids=lambda one: f"{one.name} {one.label}")
def test_values_lie_in_their_physical_range_and_an_edge_is_explained(constant: Constant) -> None:
    family = families()[constant.family]
    found = constant.present / constant.unit
    assert family.low * 0.999 <= found <= family.high * 1.001
    if min(found - family.low, family.high - found) < AT_THE_EDGE * (family.high - family.low):
        assert constant.label in read_data("fits", "sim.validation")["edge"]


def test_what_is_cited_is_listed_and_nothing_else() -> None:
    cited = read_data("fits", "sim.validation")["source"]
    assert set(cited) == {one.name for one in constants()}
    assert set(cited.values()) <= set(load_sources())


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_the_note_of_a_fitted_constant_names_its_rows(kind: str, name: str) -> None:
    for constant, note in own_fitted(kind, name):
        assert is_of_kernels(kind, constant, note) or re.match(ROWS_NOTE, note), f"{constant}: {note}"


@pytest.fixture(scope="module")
def stacks_of_fit_rows() -> list[str]:
    return [one.stack for one in map(case_of, fit_rows()) if isinstance(one, Case)]


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_a_note_counts_no_more_rows_than_there_are_for_fitting(
    kind: str, name: str, stacks_of_fit_rows: list[str]
) -> None:
    for constant, note in own_fitted(kind, name):
        said = None if is_of_kernels(kind, constant, note) else re.match(ROWS_NOTE, note)
        if said and said["rows"]:
            stacks = {stack.strip(" .") for stack in re.split(r", | and ", said["stacks"])}
            assert stacks <= set(stack_names()), f"{constant}: {stacks}"
            assert 0 < int(said["rows"]) <= sum(stack in stacks for stack in stacks_of_fit_rows), constant


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_no_figure_is_a_draft(kind: str, name: str) -> None:
    drafts = [key for key, figure in figures(kind, name).items() if re.search(r"\bdraft\b", figure.note)]
    assert not drafts

"""Stacks on top of stacks: a file states what differs from its base, and nothing else changes."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

import sim.catalog
from sim.catalog import loader
from sim.catalog.loader import load_recipe, load_stack, stack_names

FOLDER = Path(sim.catalog.__file__).parent / "stacks"
FILES = {name: tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")) for name in stack_names()}
DERIVED = {name: raw["base"] for name, raw in FILES.items() if "base" in raw}


def figure(value: Any) -> dict[str, Any]:
    return {"value": value, "kind": "assumed", "date": "2026-11", "note": "a test"}


SHELF = {
    "root": {"title": "Root", "record": "gpu", "a": figure(1), "b": figure(2), "t": {"x": figure(3), "y": figure(4)}},
    "middle": {"title": "Middle", "record": "gpu", "base": "root", "b": figure(20), "t": {"y": figure(40)}},
    "leaf": {"title": "Leaf", "record": "gpu", "base": "middle", "a": figure(100), "t": {"z": figure(500)}},
}


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "read_data", lambda name: SHELF[name.removeprefix("stacks/")])


def values(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures without what is said about them."""
    return {
        key: entry["value"] if "value" in entry else values(entry)
        for key, entry in figures.items()
        if isinstance(entry, dict)
    }


@pytest.mark.usefixtures("shelf")
def test_what_a_stack_does_not_state_is_its_bases() -> None:
    assert values(loader.with_base("stacks", "root")) == {"a": 1, "b": 2, "t": {"x": 3, "y": 4}}
    assert values(loader.with_base("stacks", "middle")) == {"a": 1, "b": 20, "t": {"x": 3, "y": 40}}
    assert values(loader.with_base("stacks", "leaf")) == {"a": 100, "b": 20, "t": {"x": 3, "y": 40, "z": 500}}
    # Reading what stands on a base leaves the base as it was.
    assert values(loader.with_base("stacks", "root")) == {"a": 1, "b": 2, "t": {"x": 3, "y": 4}}
    assert loader.with_base("stacks", "leaf")["title"] == "Leaf"


def test_some_stacks_stand_on_others() -> None:
    assert DERIVED
    assert set(DERIVED.values()) <= set(FILES)


@pytest.mark.parametrize(("name", "base"), DERIVED.items())
def test_a_stack_is_its_base_but_for_what_its_file_states(name: str, base: str) -> None:
    stack, below = load_stack(name), load_stack(base)
    assert type(stack) is type(below)
    for spec in dataclasses.fields(stack):
        found, under = getattr(stack, spec.name), getattr(below, spec.name)
        if spec.name in ("name", "title", "figures"):
            continue
        stated = FILES[name].get(spec.name, {})
        if not stated:
            assert found == under, spec.name
        elif "value" not in stated:
            lacking = {key for key, figure in stated.items() if figure["value"] == "none"}
            assert set(found) == (set(under) | set(stated)) - lacking, spec.name
            for key in set(under) - set(stated):
                # Narrow recipes have gradients and states as the stack's bf16 has them.
                expected = (
                    under[key].beside(found["bf16"], load_recipe("bf16")) if spec.name == "recipes" else under[key]
                )
                assert found[key] == expected, f"{spec.name} {key}"


@pytest.mark.parametrize("name", stack_names())
def test_every_field_of_a_stack_has_one_figure(name: str) -> None:
    stack = load_stack(name)
    named = [one.name for one in stack.figures]
    assert len(named) == len(set(named))
    fields = {spec.name: spec for spec in dataclasses.fields(stack) if spec.name not in ("name", "title", "figures")}
    # What a stack may lack altogether (graphs of kernels, options) is said by those that have it.
    missing = dataclasses.MISSING
    may_lack = {name for name, one in fields.items() if (one.default, one.default_factory) != (missing, missing)}
    assert fields.keys() - may_lack <= {one.split(".")[0] for one in named} <= fields.keys()


@pytest.mark.parametrize("name", DERIVED)
def test_a_stated_figure_is_cited_as_the_file_states_it(name: str) -> None:
    cited = {one.name: one for one in load_stack(name).figures}
    for key, entry in FILES[name].items():
        if not isinstance(entry, dict):
            continue
        stated = {key: entry} if "value" in entry else {f"{key}.{inner}": one for inner, one in entry.items()}
        for full, one in stated.items():
            assert (cited[full].kind, cited[full].note) == (one["kind"], one.get("note", "")), full

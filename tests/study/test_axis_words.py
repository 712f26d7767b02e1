"""Values of sweep axes are said as people would, and written without a trace of Python."""

from __future__ import annotations

import json

import pytest

from sim.scenario import AxisKey
from sim.study.axis_words import axis_cell, axis_words


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", 3, "seed 3"),
        ("model.name", "gpt-3", "gpt-3"),
        ("training.tokens", 1e9, "tokens 1 B"),
        ("system.a.plan.sequence_parallel", True, "sequence_parallel true"),
        ("system.a.plan.layers_per_stage", [3, 2], "layers_per_stage [3, 2]"),
        ("training.lora.targets", ["query", "value"], 'targets ["query", "value"]'),
        ("system.a.plan", {"tensor": 8, "recompute": "full"}, "plan tensor 8, recompute full"),
        ("system.variation", "well-run", "variation well-run"),
        (
            "system.variation",
            {"slow": [{"slowdown": 0.2, "device": 3}, {"node": 0, "slowdown": 0}], "profile": "as-found"},
            "variation as-found + device 3 +20 %, node 0 +0 %",
        ),
        (
            "system.variation",
            {"profile": "well-run", "speed_spread": 0.02, "slow_nodes": {"share": "5 %", "slowdown": "10 %"}},
            "variation well-run + speed_spread 0.02 + slow_nodes share 5 %, slowdown 10 %",
        ),
        ("system.variation.slow", [{"node": 7, "slowdown": "10 %"}], "slow node 7 +10 %"),
        ("system.variation.slow", [], "slow []"),
        ("system.stack", {"name": "a", "cuda_graph": "full"}, "stack a (cuda_graph full)"),
        ("system.stack", {"name": "a"}, "stack a"),
        ("system.part", [{"topology": "x", "devices": 8}], "part topology x, devices 8"),
    ],
)
def test_words(key: str, value: object, words: str) -> None:
    assert axis_words(AxisKey(key), value) == words


@pytest.mark.parametrize("value", [True, [1, 2], {"profile": "as-found", "slow": [{"node": 1}]}, {"plan": "größer"}])
def test_what_is_no_text_is_json(value: object) -> None:
    assert json.loads(axis_cell(value)) == value
    assert "'" not in axis_cell(value)
    assert axis_cell("as-found") == "as-found"

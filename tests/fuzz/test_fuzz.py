"""Mutated inputs: each is answered with an exit code that says so, never with a traceback, NaN or endless work."""

from __future__ import annotations

import os

import campaign
import mutations
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# The slow tests run them all; the quick ones half of them.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150" if os.environ.get("HYPOTHESIS_PROFILE") == "quick" else "300"))
"""make fuzz asks for more."""


@settings(max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_mutated_inputs_are_answered(random):
    ended = campaign.tried(random)
    assert not ended.fault, f"scaletax {' '.join(ended.words)}: {ended.fault}\n{ended.said}"


@pytest.mark.slow
@pytest.mark.parametrize("document", mutations.small_scenarios(), ids=lambda one: one["system"][0]["name"])
def test_what_is_mutated_is_good_before(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
    for command in ("check", "run"):
        ended = campaign.called((command, "my.toml", *(("--out", "out") if command == "run" else ())), tmp_path)
        assert (ended.code, ended.fault) == (0, ""), ended.said


def test_faults_are_seen(tmp_path, monkeypatch):
    def broken(*_):
        raise KeyError

    monkeypatch.setattr("sim.sweep.grid.load", broken)
    assert campaign.called(("check", "quickstart"), tmp_path).fault == "exit 70"
    monkeypatch.undo()
    (tmp_path / "results.json").write_text('{"mfu": NaN}')
    assert campaign.called(("list", "models"), tmp_path).fault == "NaN in results.json"

"""A metric that is added to the list, in that one place, is in every file, table and name that holds metrics."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from builders import report_of, write_results
from systems import systems

from sim.page.numbers import COUNT
from sim.records import metrics
from sim.records.metrics import Metric


def test_a_new_metric_is_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def value(outcome: object) -> float:
        return 7000.0 + systems().index(outcome)  # type: ignore[arg-type]

    new = Metric("brand_new", "brand new figure", "step", COUNT, "of a test", value, ("bn",))
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, new))
    write_results(systems(), [], tmp_path / "out", charts=False)
    wanted = [7000.0 + index for index in range(len(systems()))]
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [point["brand_new"] for point in document["points"]] == wanted
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        assert [float(row["brand_new"]) for row in csv.DictReader(file)] == wanted
    text = report_of(systems())
    for where in (
        text,
        *((tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("report.md", "report.html")),
    ):
        assert "brand new figure" in where
        assert all(COUNT.write(one) in where for one in wanted)
    assert "brand new figure: of a test." in text
    assert metrics.called("bn") == "brand_new"
    assert metrics.by_key()["brand_new"] is new

"""The load per link class: drawn as the outcome says, and in the results."""

from __future__ import annotations

import numpy as np
import pytest
from builders import fixed, point, run_on

from sim.page.numbers import percent
from sim.records.document import results_document
from sim.report.charts.utilisation import link_load, links_figure
from sim.report.point_tables import links_table
from sim.study.findings import findings
from sim.study.points import curves


@pytest.fixture(scope="module")
def outcome():
    return run_on(point(devices=16, plan=fixed(tensor=2, pipeline=2, micro_batch=1)))


def test_a_panel_for_every_class_that_carries_something(outcome):
    panels = link_load(outcome)
    carrying = [one for one in outcome.links.classes if one.total_bytes > 0]
    assert len(panels) == len(carrying) > 1
    for ax, one in zip(panels, carrying, strict=True):
        words = ax.get_title(loc="left").replace("\n", " ")
        assert one.link_class in words
        assert f"{one.links:,} links" in words
        assert one.busiest in words
    assert len({ax.get_ylim() for ax in panels}) == 1


def test_the_area_under_the_curve_is_the_mean(outcome):
    for ax, one in zip(link_load(outcome), [o for o in outcome.links.classes if o.total_bytes > 0], strict=True):
        (patch,) = ax.patches
        values, edges, _ = patch.get_data()
        mean = float(np.sum(values * np.diff(edges)) / (edges[-1] - edges[0])) / 100
        assert mean == pytest.approx(one.mean_utilisation, rel=1e-6)


def test_nothing_is_drawn_where_nothing_is_sent():
    assert links_figure(run_on(point(devices=1, plan=fixed(micro_batch=1))), "alone") is None


def test_results_hold_bytes_and_utilisation_of_every_class(outcome):
    (found,) = results_document(findings([outcome]))["points"]
    assert found["links"]["bottleneck"] == outcome.links.bottleneck.link_class
    for one in outcome.links.classes:
        written = found["links"]["classes"][one.link_class]
        assert written["total_bytes"] == one.total_bytes
        assert 0 <= written["mean_utilisation"] <= written["busiest_utilisation"] <= 1


def test_the_busiest_link_is_named(outcome):
    ((_, _, label, busiest, busy, _),) = links_table([(curves([outcome])[0], outcome)]).rows
    one = outcome.links.bottleneck
    assert (label, busiest, busy) == (one.label, one.busiest, percent(one.busiest_utilisation))

"""The network against measured collectives: roles by rule, constants that say their rows, errors by sweep."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from itertools import groupby

import pytest

from sim.catalog import Gpu, load_device, load_sources
from sim.hardware.network.algorithms import ALGORITHMS
from sim.hardware.topology import load_topology, shelf, topology_names
from sim.validation.collectives import (
    SMALL_BYTES,
    CollectiveComparison,
    CollectiveRow,
    collectives_sentences,
    collectives_table,
    compare_collectives,
    mean_error,
    read_collectives,
    sweeps,
)

ROWS = read_collectives()
ROLES = {row.id: row.role for row in ROWS}
PEAKS = "vendor peaks"
RECENT = ("hgx-", "dgx-h100-superpod", "aws-")
ROW_ID = re.compile(r"k-[a-z-]+-\d+")
AS_FITTED = re.compile(r"as fitted for ([\w-]+)")
FITTED_ON = re.compile(r"over (\d+) rows, every fourth of the sweep, (k-[a-z-]+-\d+) to (k-[a-z-]+-\d+)")


@pytest.fixture(scope="module")
def comparisons():
    return compare_collectives()


def figures(raw, key=""):
    """(key, figure) of everything in a file that says its kind."""
    for name, entry in raw.items():
        if isinstance(entry, dict) and "kind" in entry:
            yield f"{key}{name}", entry
        elif isinstance(entry, dict):
            yield from figures(entry, f"{key}{name}.")


def shelf_figures(name):
    return dict(figures(tomllib.loads((shelf("topologies") / f"{name}.toml").read_text(encoding="utf-8"))))


CONSTANTS = {
    (name, key): figure for name in topology_names() for key, figure in shelf_figures(name).items()
    if figure["kind"] == "fitted"
}  # fmt: skip


every_constant = pytest.mark.parametrize(("name", "key"), CONSTANTS, ids=map(" ".join, CONSTANTS))


def row(**over):
    values = {
        "id": "k-1", "role": "check", "sweep": "s", "collective": "all_reduce", "topology": "hgx-a100-node",
        "algorithms": (), "ranks": 8, "size_bytes": 1e9, "bus_bytes_per_s": 1e11, "source": "ml-engineering",
        "note": "", **over,
    }  # fmt: skip
    return CollectiveRow(**values)


def test_every_row_can_be_read_and_is_told_apart():
    assert len(ROLES) == len(ROWS) > 400
    assert {row.source for row in ROWS} <= set(load_sources())
    assert {row.topology for row in ROWS} <= set(topology_names())
    for one in ROWS:
        assert one.ranks > 1
        assert one.size_bytes > 0
        assert one.bus_bytes_per_s > 0
        assert set(one.algorithms) <= set(ALGORITHMS[one.collective])


@pytest.mark.slow
def test_no_measurement_beats_the_links():
    # A bus bandwidth above the nominal rate of the scale-up links needs switches that add: 2 x 7/8 of the data for 9/8.
    for one in ROWS:
        about = load_topology(one.topology, one.ranks, "test").about
        figure = shelf_figures(one.topology).get("link_class.scale_up.rate")
        if figure is None:
            continue
        nominal = float(figure["value"].split()[0]) * 1e9
        assert one.bus_bytes_per_s < (2 if about.in_switch_bytes_per_s else 1) * nominal, one.id


def test_roles_follow_their_rule():
    # In each sweep and collective, by ranks, algorithms and bytes, the third of every four rows; whatever is a rate or
    # an outlier keeps its place in the count. What vendors print as the peak of a fabric is no sweep.
    ordered = sorted(ROWS, key=lambda one: (one.sweep, one.collective, one.ranks, one.algorithms, one.size_bytes))
    for _, sweep in groupby(ordered, key=lambda one: (one.sweep, one.collective)):
        for index, one in enumerate(sweep):
            if one.role not in ("rate", "outlier"):
                fits = index % 4 == 2 and one.sweep != PEAKS
                assert one.role == ("fit" if fits else "check"), one.id


def test_a_rate_is_the_largest_message_of_its_fabric_and_kind():
    rates = [one for one in ROWS if one.role == "rate"]
    kinds = defaultdict(list)
    for one in ROWS:
        kinds[one.sweep, one.topology, one.collective, one.algorithms].append(one)
    assert len({(one.topology, one.collective, one.algorithms) for one in rates}) == len(rates)
    for one in rates:
        own = kinds[one.sweep, one.topology, one.collective, one.algorithms]
        assert one.size_bytes == max(other.size_bytes for other in own)


def test_an_outlier_says_what_is_wrong_with_it(comparisons):
    outliers = {one.id for one in ROWS if one.role == "outlier"}
    assert all(one.note for one in ROWS if one.id in outliers)
    # None is left out for an error that a check row has as well.
    largest = max(abs(one.error) for one in comparisons if one.row.role == "check")
    assert all(abs(one.error) > 2 * largest for one in comparisons if one.row.id in outliers)


@every_constant
def test_a_fitted_constant_says_its_rows(name, key):
    figure = CONSTANTS[name, key]
    elsewhere = AS_FITTED.search(figure["note"])
    if elsewhere:
        origin = CONSTANTS[elsewhere[1], key]
        assert figure["value"] == origin["value"]
        assert not AS_FITTED.search(origin["note"])
    else:
        assert ROW_ID.search(figure["note"]), f"no row is named: {figure['note']}"


@every_constant
def test_no_check_row_is_fitted_on(name, key):
    assert {ROLES[one] for one in ROW_ID.findall(CONSTANTS[name, key]["note"])} <= {"fit", "rate"}


def test_every_fit_row_is_counted_where_it_was_fitted_on():
    # A note counts the rows of the sweeps that its first and last row are of.
    found = set()
    sweeps = {one.id: one.sweep for one in ROWS}
    for figure in CONSTANTS.values():
        said = FITTED_ON.search(figure["note"])
        if said:
            own = {sweeps[said[2]], sweeps[said[3]]}
            rows = {one.id for one in ROWS if one.role == "fit" and one.sweep in own}
            assert len(rows) == int(said[1]), figure["note"]
            assert {said[2], said[3]} <= rows
            found |= rows
    # Between nodes of InfiniBand nothing is fitted: what may be is not used.
    free = {one.id for one in ROWS if one.role == "fit" and one.topology == "dgx-h100-superpod"}
    assert found == {one.id for one in ROWS if one.role == "fit"} - free


def test_what_another_fabric_lends_is_worth_the_same():
    # Also where it is only assumed to hold.
    for name in topology_names():
        for key, figure in shelf_figures(name).items():
            lender = AS_FITTED.search(figure.get("note", ""))
            if lender:
                assert figure["value"] == CONSTANTS[lender[1], key]["value"], (name, key)


def test_every_gpu_topology_has_a_launch_that_was_fitted_or_lent_by_one_that_was():
    # Ideal fabrics aside, which nobody built. What a lender has is checked above.
    for name in topology_names():
        raw = tomllib.loads((shelf("topologies") / f"{name}.toml").read_text(encoding="utf-8"))
        if isinstance(load_device(raw["device"]), Gpu) and raw.get("library", "textbook") != "textbook":
            lent = AS_FITTED.search(raw["timing"]["collective_launch"]["note"])
            assert lent or (name, "timing.collective_launch") in CONSTANTS, name


def test_times_and_errors_by_hand():
    # 2 x 7/8 of 1 GB at 100 GB/s.
    measured = row()
    assert measured.time_s == pytest.approx(17.5e-3)
    assert row(collective="all_gather").time_s == pytest.approx(8.75e-3)
    assert row(collective="broadcast").time_s == pytest.approx(10e-3)
    # Predicted in half the time is twice as fast: +100 %.
    assert CollectiveComparison(measured, 8.75e-3, "ring").error == pytest.approx(1.0)
    assert CollectiveComparison(measured, 35e-3, "ring").error == pytest.approx(-0.5)
    both = [CollectiveComparison(measured, 35e-3, "ring"), CollectiveComparison(measured, 17.5e-3, "ring")]
    assert mean_error(both) == pytest.approx(0.25)


def test_a_run_that_was_held_to_an_algorithm_is_predicted_with_it(comparisons):
    held = [one for one in comparisons if one.row.algorithms]
    assert held
    for one in held:
        assert one.algorithm.rsplit(" ", 1)[0] in one.row.algorithms


def test_rates_are_those_that_the_files_were_given(comparisons):
    # On the largest message nothing else counts.
    found = {one.row.id: one.error for one in comparisons if one.row.role == "rate"}
    assert {row: error for row, error in found.items() if abs(error) > 0.04} == {}


SWEEPS = sorted({one.sweep for one in ROWS if one.topology.startswith(RECENT) and one.collective == "all_reduce"})


@pytest.mark.parametrize("sweep", SWEEPS)
def test_all_reduce_is_predicted_within_fifteen_per_cent_on_average(comparisons, sweep):
    own = [
        one
        for one in comparisons
        if (one.row.sweep, one.row.role, one.row.collective) == (sweep, "check", "all_reduce")
        and one.row.topology.startswith(RECENT)
    ]
    large = [one for one in own if one.row.size_bytes >= SMALL_BYTES]
    small = [one for one in own if one.row.size_bytes < SMALL_BYTES]
    assert mean_error(large) <= 0.15
    # Below a megabyte launches and the host's clock weigh more than the network.
    assert not small or mean_error(small) <= 0.30


def test_the_sweeps_that_are_held_to_it_are_most_of_the_rows(comparisons):
    checks = [one for one in comparisons if one.row.role == "check"]
    held = [one for one in checks if one.row.topology.startswith(RECENT) and one.row.collective == "all_reduce"]
    assert len(held) >= 240


def test_other_collectives_and_older_nodes_are_near_too(comparisons):
    checks = [one for one in comparisons if one.row.role == "check" and one.row.size_bytes >= SMALL_BYTES]
    others = [one for one in checks if one.row.collective != "all_reduce" or not one.row.topology.startswith(RECENT)]
    assert mean_error(others) <= 0.15


def test_the_table_counts_check_rows_only(comparisons):
    table = collectives_table(sweeps(comparisons))
    wild = [
        one if one.row.role == "check" else CollectiveComparison(one.row, 1e3, one.algorithm) for one in comparisons
    ]
    assert collectives_table(sweeps(wild)) == table
    checks = sum(one.row.role == "check" for one in comparisons)
    assert f"{checks} check rows" in " ".join(collectives_sentences(comparisons))
    assert {row[0] for row in table.rows} >= set(SWEEPS)

"""The collective libraries of the catalogue: every one complete, cited, and usable."""

from __future__ import annotations

import dataclasses
import tomllib

import pytest

from sim.catalog import PLAIN_LIBRARY, Protocol, library_names, load_library, load_sources
from sim.catalog.figures import KINDS
from sim.errors import InputError
from sim.hardware.network import COLLECTIVES
from sim.hardware.network.algorithms import ALGORITHMS
from sim.hardware.topology import shelf

LIBRARIES = [*(load_library(name) for name in library_names()), PLAIN_LIBRARY]
every_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)


@every_library
def test_a_library_offers_every_collective_with_algorithms_that_exist(library):
    assert set(library.algorithms) == set(COLLECTIVES)
    for collective, offered in library.algorithms.items():
        assert offered
        assert len(set(offered)) == len(offered)
        assert set(offered) <= set(ALGORITHMS[collective])


@every_library
def test_every_algorithm_has_protocols_and_no_protocol_is_idle(library):
    offered = {name for names in library.algorithms.values() for name in names}
    assert set(library.protocols) == offered
    for protocols in library.protocols.values():
        assert protocols
        for cost in protocols.values():
            assert cost.base_s >= 0
            assert cost.scale_up_hop_s >= 0
            assert cost.network_hop_s >= 0
            assert 0 < cost.bandwidth_share <= 1


@every_library
def test_some_algorithm_runs_everywhere(library):
    # Others ask for a power of two, for even nodes or for switches that add.
    for collective, offered in library.algorithms.items():
        assert {"ring", "pairwise"} & set(offered), collective


@every_library
def test_no_protocol_is_dominated_by_another(library):
    # Each is faster than every other of its algorithm at some size or over some number of hops.
    for name, protocols in library.protocols.items():
        costs = {
            protocol: (*dataclasses.astuple(cost)[:3], -cost.bandwidth_share) for protocol, cost in protocols.items()
        }
        for one, own in costs.items():
            better = [
                other
                for other, theirs in costs.items()
                if other != one and all(a <= b for a, b in zip(theirs, own, strict=True))
            ]
            assert not better, (name, one)


@pytest.mark.parametrize("name", library_names())
def test_every_figure_is_cited_and_its_source_is_listed(name):
    library = load_library(name)
    for figure in library.figures:
        assert all(getattr(figure, need) for need in KINDS[figure.kind]), figure.name
        assert figure.date, figure.name
        assert not figure.source or figure.source in load_sources(), figure.name


@pytest.mark.parametrize("name", library_names())
def test_every_value_has_a_figure(name):
    library = load_library(name)
    specs, algorithms = dataclasses.fields(Protocol), {f"algorithms.{collective}" for collective in library.algorithms}

    def costs(fields):
        return {
            f"{algorithm}.{protocol}.{field.name}"
            for algorithm, protocols in library.protocols.items()
            for protocol in protocols
            for field in fields
        }

    cited = [figure.name for figure in library.figures]
    assert len(cited) == len(set(cited))
    needed = costs([spec for spec in specs if spec.default is dataclasses.MISSING])
    assert needed | algorithms <= set(cited) <= costs(specs) | algorithms


def test_times_are_seconds():
    # 6.6 us and 0.6 us in the file of NCCL 2.20.
    cost = load_library("nccl-2024").protocols["ring"]["LL"]
    assert (cost.base_s, cost.scale_up_hop_s, cost.network_hop_s) == pytest.approx((6.6e-6, 0.6e-6, 2.7e-6))


def test_the_textbook_costs_nothing_but_links():
    for library in (load_library("textbook"), PLAIN_LIBRARY):
        costs = {cost for protocols in library.protocols.values() for cost in protocols.values()}
        assert costs == {Protocol(0.0, 0.0, 0.0, 1.0)}


def test_the_later_nccl_has_what_the_earlier_has_and_switches_that_add():
    earlier, later = load_library("nccl-2021"), load_library("nccl-2024")
    for collective in COLLECTIVES:
        assert set(earlier.algorithms[collective]) <= set(later.algorithms[collective])
    added = set(later.algorithms["all_reduce"]) - set(earlier.algorithms["all_reduce"])
    assert added == {"in-switch", "in-switch tree", "in-fabric"}


def test_every_library_is_used_by_a_topology():
    files = shelf("topologies").glob("*.toml")
    used = {tomllib.loads(path.read_text(encoding="utf-8")).get("library") for path in files}
    assert set(library_names()) <= used


def test_a_misspelt_library_is_met_with_the_closest():
    with pytest.raises(InputError, match="did you mean 'nccl-2024'"):
        load_library("nccl-2042")

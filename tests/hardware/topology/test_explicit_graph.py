"""Networks given link by link: paths of least latency, evenly split; rings over direct cables."""

import itertools
from dataclasses import replace

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import CABLE, FAST, SLOW, about, cube_mesh, diamonds, edges, graph

from sim.errors import InputError
from sim.hardware.topology import NO_LINK, Link
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph


def shares(topology: ExplicitGraph, a: int, b: int) -> dict[tuple[str, str], float]:
    """Share of a message on each link."""
    paths = topology.paths(np.array([a]), np.array([b]))
    used = paths.links[0] != NO_LINK
    ends = [topology.links.ends(number) for number in paths.links[0][used].tolist()]
    return dict(zip(ends, paths.shares[0][used].tolist(), strict=True))


def test_the_path_of_least_latency_is_taken():
    cables = [
        Cables("gpu0", "s", SLOW),
        Cables("s", "gpu1", SLOW),
        Cables("gpu0", "t", FAST),
        Cables("t", "gpu1", FAST),
    ]
    topology = graph(2, *cables)
    assert edges(topology, 1, 0) == [("gpu1", "t"), ("t", "gpu0")]
    assert topology.route(1, 0)[0][1] == FAST
    assert shares(topology, 1, 0) == {("gpu1", "t"): 1.0, ("t", "gpu0"): 1.0}


def test_equal_paths_share_a_message_hop_by_hop():
    # Two ways to choose from at gpu0; behind a there are two more, so the whole paths carry 1/4, 1/4 and 1/2.
    pairs = ["gpu0-a", "gpu0-b", "a-c", "a-d", "b-e", "c-gpu1", "d-gpu1", "e-gpu1"]
    topology = graph(2, *(Cables(*pair.split("-"), FAST) for pair in pairs))
    assert shares(topology, 0, 1) == {
        ("gpu0", "a"): 0.5, ("gpu0", "b"): 0.5, ("a", "c"): 0.25, ("a", "d"): 0.25, ("b", "e"): 0.5,
        ("c", "gpu1"): 0.25, ("d", "gpu1"): 0.25, ("e", "gpu1"): 0.5,
    }  # fmt: skip
    assert topology.paths(np.array([0]), np.array([1])).latency_s == pytest.approx([3 * FAST.latency_s])


def test_paths_join_again():
    assert set(shares(diamonds(4), 0, 3).values()) == {0.5}
    assert len(shares(diamonds(4), 0, 3)) == 12


def test_rounding_does_not_make_one_of_two_equal_paths_longer():
    # 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last bit.
    first, second = [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]
    assert sum(first) != sum(second)
    cables = []
    for name, times_s in (("a", first), ("b", second)):
        stops = ["gpu0", f"{name}1", f"{name}2", "gpu1"]
        cables += [
            Cables(*ends, Link("cable", 1e9, time_s))
            for ends, time_s in zip(itertools.pairwise(stops), times_s, strict=True)
        ]
    assert len(shares(graph(2, *cables), 0, 1)) == 6


def test_links_without_latency_are_crossed_as_few_times_as_possible():
    free = replace(FAST, latency_s=0.0)
    pairs = ["gpu0-a", "a-b", "b-c", "a-c", "c-gpu1", "gpu0-c"]
    topology = graph(2, *(Cables(*pair.split("-"), free) for pair in pairs))
    assert shares(topology, 0, 1) == {("gpu0", "c"): 1.0, ("c", "gpu1"): 1.0}


@given(st.integers(2, 9), st.data())
def test_messages_use_all_paths_of_least_latency_and_no_other(vertices, data):
    names = [f"gpu{number}" for number in range(vertices)]
    pairs = list(itertools.combinations(range(vertices), 2))
    chosen = [pair for pair in pairs if pair[0] + 1 == pair[1] or data.draw(st.booleans())]
    links = [Link("cable", 1e9, data.draw(st.integers(1, 3)) * 0.1e-6) for _ in chosen]
    topology = graph(vertices, *(Cables(names[a], names[b], link) for (a, b), link in zip(chosen, links, strict=True)))
    a, b = data.draw(st.permutations(range(vertices)))[:2]
    found = shares(topology, a, b)
    exact = networkx.Graph()
    exact.add_edges_from(
        (names[a], names[b], {"tenths": round(link.latency_s * 1e7)})
        for (a, b), link in zip(chosen, links, strict=True)
    )
    paths = list(networkx.all_shortest_paths(exact, names[a], names[b], "tenths"))
    assert set(found) == {hop for path in paths for hop in itertools.pairwise(path)}
    for vertex in {start for start, _ in found}:
        arrived = sum(share for (_, end), share in found.items() if end == vertex) if vertex != names[a] else 1.0
        assert sum(share for (start, _), share in found.items() if start == vertex) == pytest.approx(arrived)
        assert len({round(share, 9) for (start, _), share in found.items() if start == vertex}) == 1
    assert [names[a], *(edge[1] for edge in edges(topology, a, b))] in paths


def test_parallel_cables_are_merged():
    topology = graph(2, Cables("gpu0", "gpu1", FAST, 3))
    assert topology.route(0, 1)[0][1] == replace(FAST, bytes_per_s=3 * FAST.bytes_per_s)
    assert topology.links.count == 2


def test_a_disconnected_graph_is_refused():
    cables = [Cables(f"gpu{device}", f"s{device}", SLOW) for device in range(9)]
    with pytest.raises(InputError, match="disconnected: no path from gpu0 to gpu1") as error:
        graph(2, *cables[:2])
    assert error.value.where == "topology 'test'"
    with pytest.raises(InputError, match="gpu1, gpu2, gpu3, gpu4, gpu5 and 3 more"):
        graph(9, *cables)
    with pytest.raises(InputError, match=r"^mine\.toml: link\n"):
        ExplicitGraph(about(2), 1, ["gpu0", "gpu1"], cables[:2], "mine.toml: link")


def test_only_as_many_devices_are_built_as_asked_for():
    names = ["chip-b", "chip-a", "spare"]
    topology = ExplicitGraph(about(2), 1, names, [Cables("chip-a", "chip-b", FAST), Cables("chip-b", "spare", FAST)])
    assert [topology.vertex(device) for device in range(2)] == ["chip-b", "chip-a"]
    assert topology.graph.nodes["spare"]["kind"] == "device"


@pytest.mark.parametrize("members", [range(8), (0, 1, 2, 3), (4, 5, 7, 6), (0, 1, 2), (3, 0), (0, 1)])
def test_rings_share_the_bytes_equally_over_equal_cables(members):
    topology = cube_mesh()
    orders = topology.ring_orders(tuple(members))
    assert sum(share for share, _ in orders) == pytest.approx(1.0)
    assert len({share for share, _ in orders}) == 1
    for _, order in orders:
        assert sorted(order) == sorted(members)
        assert order[0] == members[0]
    # Messages between ring neighbours take the direct link, so all rings together fit on the cables.
    loads = np.zeros(topology.links.count)
    for share, order in orders:
        paths = topology.paths(np.array(order), np.roll(order, -1))
        np.add.at(loads, paths.links[paths.links != NO_LINK], share)
        assert paths.latency_s == pytest.approx(np.full(len(order), CABLE.latency_s))
    assert (loads / topology.links.bytes_per_s[:-1]).max() == pytest.approx(1 / (len(orders) * CABLE.bytes_per_s))


def test_rings_over_slower_cables_carry_less():
    slow = replace(CABLE, bytes_per_s=CABLE.bytes_per_s / 3)
    pairs = [(0, 1, CABLE), (1, 2, CABLE), (2, 3, CABLE), (3, 0, CABLE), (0, 2, slow), (1, 3, slow)]
    topology = graph(4, *(Cables(f"gpu{a}", f"gpu{b}", link, 2) for a, b, link in pairs))
    orders = topology.ring_orders((0, 1, 2, 3))
    assert sum(share for share, _ in orders) == pytest.approx(1.0)
    on_diagonals = [any(abs(a - b) == 2 for a, b in itertools.pairwise((*order, order[0]))) for _, order in orders]
    assert set(on_diagonals) == {True, False}
    rates = [1 if diagonal else 3 for diagonal in on_diagonals]
    expected = [rate / sum(rates) for rate in rates]
    assert [share for share, _ in orders] == pytest.approx(expected)


@pytest.mark.parametrize("members", [(0,), (0, 5), (0, 1, 5), (0, 7, 1)])
def test_members_without_a_closed_ring_have_no_order(members):
    assert cube_mesh().ring_orders(members) is None


def test_too_many_members_have_no_order():
    cables = [Cables(f"gpu{a}", f"gpu{b}", CABLE) for a, b in itertools.combinations(range(17), 2)]
    topology = graph(17, *cables)
    assert topology.ring_orders(tuple(range(17))) is None
    assert topology.ring_orders(tuple(range(15))) is not None


def test_only_so_many_paths_are_kept(monkeypatch):
    topology = cube_mesh()
    targets = np.arange(1, 8)
    paths = topology.paths(np.zeros_like(targets), targets)
    monkeypatch.setattr("sim.hardware.topology.explicit_graph._LINKS_KEPT", 8)
    for _ in range(2):
        for target in targets.tolist():
            topology.route(target, 0)
            assert sum(len(split.links) for split in topology._splits.values()) <= 8
        assert (topology.paths(np.zeros_like(targets), targets).links == paths.links).all()


def test_many_targets_are_searched_in_batches(monkeypatch):
    sources, targets = np.divmod(np.arange(144), 12)
    at_once = diamonds(12).paths(sources, targets)
    monkeypatch.setattr("sim.hardware.topology.shortest_paths._BATCH_ELEMENTS", 1)
    one_by_one = diamonds(12).paths(sources, targets)
    assert (at_once.links == one_by_one.links).all()
    assert at_once.latency_s == pytest.approx(one_by_one.latency_s)


def test_a_lone_device_needs_no_link():
    topology = graph(1)
    assert topology.route(0, 0) == ()
    assert topology.links.count == 0

"""A network's table gives the network's own answers, group by group."""

import numpy as np
import pytest
from builders import cluster

from sim.hardware.network import Group, Network, NetworkTable

SHAPES = [(1, 1), (2, 1), (4, 2), (8, 1), (4, 8), (3, 8), (1, 8), (4, 2), (16, 4)]
RANKS, STRIDES = (np.array(column) for column in zip(*SHAPES, strict=True))
SIZES = np.geomspace(1e3, 1e10, len(SHAPES))


@pytest.mark.parametrize("kind", ["all_reduce", "all_gather", "reduce_scatter"])
def test_collectives_are_the_networks_own(kind):
    network = Network(cluster(64))
    found = NetworkTable(network).run(kind, SIZES, Group(RANKS, STRIDES))
    assert not found.moving_s
    for row, shape in enumerate(SHAPES):
        assert found.seconds[row] == network.run(kind, float(SIZES[row]), Group(*shape)).seconds
    # One size for all is a size for each.
    same = NetworkTable(network).run(kind, 1e8, Group(RANKS, STRIDES)).seconds
    assert same[3] == network.run(kind, 1e8, Group(8, 1)).seconds


@pytest.mark.parametrize("distance", [8, -8, 16])
def test_sends_are_the_networks_own(distance):
    network, ranks, strides = Network(cluster(64)), np.array([4, 8, 3, 1]), np.array([8, 8, 16, 8])
    found = NetworkTable(network).send(1e6, np.array([distance, distance, 16, 0]), Group(ranks, strides)).seconds
    for row, (group, away) in enumerate(((Group(4, 8), distance), (Group(8, 8), distance), (Group(3, 16), 16))):
        assert found[row] == network.send(1e6, away, group).seconds
    assert found[3] == 0


def test_the_domain_is_the_networks():
    network = Network(cluster(64))
    assert NetworkTable(network).domain == network.domain == network.topology.domain

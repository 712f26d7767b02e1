"""What protocols make of the course of an algorithm, by hand."""

import dataclasses

import pytest

from sim.catalog import Protocol
from sim.hardware.network.algorithm import Hops
from sim.hardware.network.protocols import Course, chunk_waits, pace, scale_up_hop_s

PLAIN = Protocol(0.0, 3.4e-6, 0.0, 0.5)
INSIDE, ACROSS = Hops(7, 0, 0.0), Hops(56, 8, 0.0)


def test_a_hop_inside_takes_as_long_as_three_posts_where_the_ring_leaves_the_node():
    posted = dataclasses.replace(PLAIN, host_posts=3.0)
    assert scale_up_hop_s(posted, ACROSS, 2e-6) == pytest.approx(6e-6)
    assert scale_up_hop_s(posted, ACROSS, 1e-6) == scale_up_hop_s(posted, INSIDE, 2e-6) == 3.4e-6


def test_a_protocol_is_as_fast_as_its_payload_or_the_host():
    # Half of 10 GB/s is payload: 0.2 s a GB. At 20 GB/s of bus bandwidth 8 bytes a byte take 0.4 s, between nodes only.
    host = dataclasses.replace(PLAIN, network_bus_bytes_per_s=20e9)
    assert pace(1e-10, Course(1e-10, ACROSS, 8.0), PLAIN) == pytest.approx(2e-10)
    assert pace(1e-10, Course(1e-10, ACROSS, 8.0), host) == pytest.approx(4e-10)
    assert pace(1e-10, Course(1e-10, INSIDE, 8.0), host) == pytest.approx(2e-10)


@pytest.mark.parametrize("passes", [1, 2])
def test_every_hop_waits_for_a_chunk_of_its_card(passes):
    # Eight cards of 25 GB/s carry an eighth of what passes once, a quarter of what passes twice. A chunk of 1 MB at
    # half the rate takes 80 us at each of 8 hops, and is 8 MB of the size, on all cards.
    chunked = dataclasses.replace(PLAIN, card_chunk_bytes=1e6)
    course = Course(9e-9, ACROSS, 1.0, passes, passes / 8 / 25e9, passes / 8)
    waited_s_per_byte, chunk_bytes = chunk_waits(course, chunked)
    assert chunk_bytes == pytest.approx(8e6)
    assert waited_s_per_byte * chunk_bytes == pytest.approx(8 * 80e-6)
    assert chunk_waits(course, PLAIN) == chunk_waits(Course(9e-9, ACROSS, 1.0), chunked) == (0.0, 0.0)

"""A network at other rates and latencies than its topology has: for sweeps, and for what would be if."""

from __future__ import annotations

import dataclasses

import pytest

from sim.errors import InputError
from sim.hardware.network import Group, Network
from sim.hardware.topology import load_topology
from sim.prepare import prepare
from sim.scenario import read_document, resolved_toml, scenario_from
from sim.scenario.types import NetworkChange
from sim.simulate import simulate
from sim.sweep.grid import load_scenarios

TEXT = """
schema = 1
title = "network"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "64 sequences"
[[system]]
name = "cluster"
topology = "dgx-a100-superpod"
devices = 16
stack = "megatron-2022"
plan = { tensor = 2, micro_batch = 1 }
"""


def scenario(tmp_path, network=""):
    path = tmp_path / "file.toml"
    path.write_text(f"{TEXT}network = {network}\n" if network else TEXT, encoding="utf-8")
    return scenario_from(read_document(path), path, {})


@pytest.mark.parametrize("name", ["dgx-a100-superpod", "torus-3d", "dragonfly", "andromeda", "cs-2-single"])
def test_latencies_change_and_rates_stay(name):
    topology = load_topology(name, None, "test")
    slower = topology.with_latencies_times(3.0)
    assert slower.links.count == topology.links.count
    for number in range(0, topology.links.count, max(1, topology.links.count // 50)):
        before, after = topology.links.link(number), slower.links.link(number)
        assert after.latency_s == pytest.approx(3.0 * before.latency_s)
        assert after.bytes_per_s == before.bytes_per_s
    for algorithm, protocols in topology.about.library.protocols.items():
        for name_, protocol in protocols.items():
            changed = slower.about.library.protocols[algorithm][name_]
            assert changed.network_hop_s == pytest.approx(3.0 * protocol.network_hop_s)
            assert changed.scale_up_hop_s == pytest.approx(3.0 * protocol.scale_up_hop_s)
            assert (changed.base_s, changed.bandwidth_share) == (protocol.base_s, protocol.bandwidth_share)
    # What it was made from is as it was.
    assert load_topology(name, None, "test").links.link(0) == topology.links.link(0)


def test_a_small_message_feels_latency_and_a_large_one_rates():
    topology = load_topology("dgx-a100-superpod", 64, "test")
    group = Group(64, 1)

    def time_s(changed, size_bytes):
        return min(float(option.time_s(size_bytes)) for option in Network(changed).options("all_reduce", group))

    small, large = 1024.0, 10e9
    assert time_s(topology.with_latencies_times(2.0), small) > 1.5 * time_s(topology, small)
    assert time_s(topology.with_latencies_times(2.0), large) < 1.01 * time_s(topology, large)
    assert time_s(topology.with_rates_times(0.5), large) == pytest.approx(2 * time_s(topology, large), rel=0.01)
    assert time_s(topology.with_rates_times(0.5), small) < 1.05 * time_s(topology, small)


def test_a_scenario_says_how_fast_its_network_is(tmp_path):
    plain = scenario(tmp_path)
    assert plain.system.network == NetworkChange()
    slow = scenario(tmp_path, "{ rate_times = 0.25, latency_times = 4 }")
    (part,) = prepare(slow).parts
    (own,) = prepare(plain).parts
    assert part.topology.links.link(0).bytes_per_s == pytest.approx(0.25 * own.topology.links.link(0).bytes_per_s)
    assert part.topology.links.link(0).latency_s == pytest.approx(4 * own.topology.links.link(0).latency_s)
    times = [simulate(scenario(tmp_path, f"{{ rate_times = {rate} }}")).step_time_s for rate in (0.25, 1, 4)]
    assert times[0] > times[1] > times[2]
    assert times[1] == simulate(plain).step_time_s


def test_the_resolved_copy_keeps_it(tmp_path):
    slow = scenario(tmp_path, "{ latency_times = 4 }")
    copy = tmp_path / "copy.toml"
    (text,) = resolved_toml([slow])
    copy.write_text(text, encoding="utf-8")
    (again,) = load_scenarios(copy)
    assert again.system.network == slow.system.network
    assert dataclasses.replace(again.system, plan=slow.system.plan) == slow.system


@pytest.mark.parametrize("network", ["{ rate_times = 0 }", "{ latency_times = -1 }", "{ rate = 2 }", '"fast"'])
def test_what_is_no_change_of_a_network_is_refused(tmp_path, network):
    with pytest.raises(InputError, match="network"):
        scenario(tmp_path, network)

"""Plans that offload on machines whose hosts are missing or too small, and what is said where a plan does not fit."""

import dataclasses

import pytest
from builders import fixed, gpt, gpu_stack, point, run_on, training

from sim.catalog import load_host, load_model
from sim.errors import DoesNotFit, InputError
from sim.hardware.topology import Topology, load_topology
from sim.scenario.types import Scenario, Training

ABLE = gpu_stack(offloads_activations=True, host_update_bytes=44.0, host_gradient_bytes=6.0, zero_stages=(0, 1, 2, 3))


def node(devices: int = 8, **host: float) -> Topology:
    """A node of A100 whose host has something changed."""
    topology = load_topology("hgx-a100-node", devices, "test")
    about = dataclasses.replace(topology.about, host=dataclasses.replace(load_host("x86-2s-pcie4"), **host))
    topology.about = about
    return topology


def small(**plan: object) -> Scenario:
    return point(gpt(8), 8, fixed(**plan), recipe=training(16), topology="hgx-a100-node")


def test_a_step_says_what_went_over_the_links_to_hosts() -> None:
    outcome = run_on(small(data=8, zero=1, offload_layers=6, optimizer_offload="cpu"), stack=ABLE, topology=node())
    (there,) = [one for one in outcome.links.classes if one.link_class == "pcie to host"]
    (back,) = [one for one in outcome.links.classes if one.link_class == "pcie to device"]
    assert (there.links, back.links) == (8, 8)
    # 6 bytes to the host for every 2 that come back, and activations there and back.
    activations = there.total_bytes - 3 * (there.total_bytes - back.total_bytes) / 2
    assert 0 < activations < back.total_bytes < there.total_bytes
    assert outcome.ledger.device_seconds["offload"] > 0
    (held,) = [note for note in outcome.notes if "of a host's memory" in note]
    assert held.endswith("(Two x86 processors with DDR4, PCIe 4.0)")


def test_nothing_is_said_of_hosts_where_nothing_is_offloaded() -> None:
    plain = run_on(small(data=8), stack=ABLE, topology=node())
    assert [one.link_class for one in plain.links.classes] == ["scale_up"]
    assert plain.memory.host is None
    assert not [figure for figure in plain.figures if figure.name.startswith("host.")]
    assert plain.step_time_s == run_on(small(data=8)).step_time_s


def test_full_resolution_takes_as_long() -> None:
    scenario = small(data=8, zero=1, offload_layers=6, optimizer_offload="cpu")
    full = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, resolution="full"))
    one, all_of_them = (run_on(each, stack=ABLE, topology=node()) for each in (scenario, full))
    assert all_of_them.step_time_s == pytest.approx(one.step_time_s, rel=1e-9)


def test_a_device_without_a_host_offloads_nothing() -> None:
    bare = dataclasses.replace(load_topology("hgx-a100-node", 8, "test").load_device(), name="mine", base="")
    with pytest.raises(InputError, match="nothing is known of the host of the NVIDIA A100") as caught:
        run_on(small(data=8, offload_layers=6), bare, ABLE)
    assert 'host = "x86-2s"' in caught.value.remedy


def test_a_host_that_is_too_small_says_by_how_much() -> None:
    with pytest.raises(DoesNotFit, match=r"the devices of a host leave 0\.\d+ GiB in the 0\.\d+ GiB of its") as caught:
        run_on(small(data=8, zero=1, optimizer_offload="cpu"), stack=ABLE, topology=node(dram_bytes=2.0**26))
    assert caught.value.exit_code == 3


def test_hosts_are_named_where_no_other_change_of_a_plan_would_fit() -> None:
    # Llama 3 70B in full on eight A100: states over 64 GiB a device beside weights that fit in eight parts.
    scenario = point(
        load_model("llama-3-8b"), 1, fixed(recompute="full", micro_batch=1), recipe=Training(1e9, 512, 1),
        topology="hgx-a100-node",
    )  # fmt: skip
    with pytest.raises(DoesNotFit, match="optimizer") as caught:
        run_on(scenario, stack=ABLE, topology=node(1))
    assert caught.value.remedy.startswith('would fit with optimizer_offload = "cpu"')
    without = dataclasses.replace(ABLE, host_update_bytes=0.0)
    with pytest.raises(DoesNotFit) as caught:
        run_on(scenario, stack=without, topology=node(1))
    assert "offload" not in caught.value.remedy

"""Seconds of copies to hosts and back, and of an optimizer's step on the host, by hand."""

import dataclasses

import pytest
from builders import cluster, gpt, gpu_stack, machine, pass_of, plan, training

from sim.catalog import load_host
from sim.cost.offload import LayerCopies, beside_compute_s, host_update_s, optimizer_copies, with_copies
from sim.cost.step import step_costs
from sim.hardware.network import Communication, Network, host_copy
from sim.hardware.topology import HostShare
from sim.hardware.topology.host_share import share_of
from sim.workload.activations import layer_activation_bytes
from sim.workload.layer import Slice

HOST = HostShare(load_host("x86-2s"), 8, "pcie", {"to host": 50e9, "to device": 40e9}, 64e9, 256e9)
STACK = gpu_stack(
    host_update_bytes=32.0, host_update_efficiency=0.5, host_gradient_bytes=6.0, offloads_activations=True
)
MACHINE = dataclasses.replace(machine(stack=STACK), host=HOST)


def test_a_copy_takes_its_bytes_over_the_link() -> None:
    out, back = (host_copy(20e9, way, HOST) for way in ("to host", "to device"))
    assert (out.seconds, back.seconds) == (0.4, 0.5)
    assert [sum(one.moved_bytes.values()) for one in (out, back)] == [20e9, 20e9]


def test_no_copy_outruns_its_share_of_the_memory() -> None:
    """Two GPUs of one Grace: 486 GB/s of memory is 243 each, less than either way of their links."""
    share = share_of(load_host("grace"), 2)
    assert share.rates == {"to host": 243e9, "to device": 243e9}
    alone = share_of(load_host("grace"), 1)
    assert alone.rates["to host"] == pytest.approx(297e9)
    assert share.dram_bytes == 240e9


def test_a_step_on_the_host_is_bound_by_its_memory() -> None:
    # 1e9 parameters x 32 bytes at half of 64 GB/s.
    assert host_update_s(1e9, MACHINE) == 1.0


def test_an_optimizer_on_the_host_sends_gradients_and_gets_parameters() -> None:
    copies = optimizer_copies(1e9, plan(optimizer_offload="cpu"), MACHINE)
    assert copies.gradients.seconds == pytest.approx(6e9 / 50e9)
    assert copies.parameters.seconds == pytest.approx(2e9 / 40e9)
    assert optimizer_copies(1e9, plan(), MACHINE).gradients.seconds == 0


def test_copies_hide_beside_all_layers_but_one() -> None:
    assert beside_compute_s(8.0, 6.0, 8) == 8.0
    assert beside_compute_s(8.0, 7.0, 8) == 8.0
    assert beside_compute_s(8.0, 9.0, 8) == 10.0
    assert beside_compute_s(8.0, 0.0, 1) == 8.0


def test_what_does_not_hide_is_offload() -> None:
    passes = pass_of({"useful": 8.0}, {"useful": 16.0})
    paced = with_copies(passes, LayerCopies(Communication(9.0), Communication(20.0)), 8)
    assert paced["forward"].parts == {"useful": 8.0, "offload": 2.0}
    assert paced["backward"].parts == {"useful": 16.0, "offload": 6.0}


def test_the_copies_of_a_step_have_the_bytes_of_the_layers_that_leave() -> None:
    shape = plan(data=8, zero=1, offload_layers=3, optimizer_offload="cpu", micro_batches=1)
    model, recipe = gpt(4), training(8)
    costs = step_costs(model, recipe, shape, MACHINE, Network(cluster(8)))
    kept = layer_activation_bytes(model, Slice(128, 1, 1, False, 2.0), MACHINE.style, "none")
    assert costs.offloaded[0].out.seconds == pytest.approx(3 * kept / 50e9)
    assert costs.offloaded[0].back.seconds == pytest.approx(3 * kept / 40e9)
    whole = 4 * 12 * 256**2 + 1024 * 256 + 128 * 256
    gathered = costs.optimizer_copies[0].parameters.seconds * 40e9 / 2
    assert gathered == pytest.approx(whole / 8, rel=0.02)
    # 32 bytes of each of an eighth of the parameters, at half of an eighth of the host's memory.
    assert costs.optimizer[0] == {"optimizer": pytest.approx(gathered * 32 / 32e9)}

"""The hosts of the catalogue: every one complete and cited, one for every GPU, rates that copies can reach."""

from __future__ import annotations

import dataclasses

import pytest

from sim.catalog import Gpu, Host, device_names, host_names, host_of, hosted_by, load_device, load_host
from sim.errors import InputError

GPUS = [name for name in device_names() if isinstance(load_device(name), Gpu)]


@pytest.mark.parametrize("name", host_names())
def test_every_field_is_a_cited_figure(name: str) -> None:
    host = load_host(name)
    fields = {spec.name for spec in dataclasses.fields(Host)} - {"name", "title", "link", "figures"}
    assert {figure.name for figure in host.figures} == fields


@pytest.mark.parametrize("name", host_names())
def test_nothing_moves_faster_than_its_link_or_memory(name: str) -> None:
    host = load_host(name)
    shares = (host.dram_efficiency, host.to_host_efficiency, host.to_device_efficiency)
    assert all(0 < share <= 1 for share in shares)
    assert host.link_bytes_per_s < host.socket_bytes_per_s
    assert host.launch_factor > 0


@pytest.mark.parametrize("name", GPUS)
def test_every_gpu_has_one_host(name: str) -> None:
    assert [host for host in host_names() if name in hosted_by(host)] == [getattr(host_of(name), "name", None)]


def test_a_wafer_has_none() -> None:
    assert host_of("cs-3") is None


def test_rates_by_hand() -> None:
    """PCIe 5.0 x16: 32 GT/s x 16 lanes / 8 bits x 128/130 = 63 GB/s; two sockets of 8 x 4.8 GT/s x 8 bytes."""
    host = load_host("x86-2s")
    assert host.link_bytes_per_s == pytest.approx(32e9 * 16 / 8 * 128 / 130, rel=1e-3)
    assert host.to_device_bytes_per_s == pytest.approx(55.63e9, rel=1e-3)
    assert host.dram_bytes_per_s == pytest.approx(2 * 8 * 4.8e9 * 8 * 0.83)


def test_an_unknown_host_is_met_with_the_closest() -> None:
    with pytest.raises(InputError, match="did you mean 'grace'"):
        load_host("graze")

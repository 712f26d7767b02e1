"""Which host the nodes of a topology have, and how many devices share it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import InputError
from sim.hardware.topology import load_topology

SHELF = Path(__file__).parents[3] / "topologies"


@pytest.mark.parametrize(
    ("topology", "devices", "host", "shared"),
    [
        ("hgx-h100-node", 8, "x86-2s", 8),
        ("hgx-h100-node", 4, "x86-2s", 4),
        ("dgx-h100-superpod", 64, "x86-2s", 8),
        ("gb200-nvl72", 72, "grace", 2),
        ("gb200-nvl72", 1, "grace", 1),
        ("dgx-1-v100", 8, "x86-2s-pcie3", 8),
    ],
)
def test_a_node_has_the_usual_host_of_its_device(topology: str, devices: int, host: str, shared: int) -> None:
    found = load_topology(topology, devices, "test")
    assert found.host is not None
    assert (found.host.name, found.host_share.devices) == (host, shared)


def test_wafers_have_no_host() -> None:
    assert load_topology("cs-3-single", 1, "test").host is None


def test_a_topology_may_name_another(tmp_path: Path) -> None:
    text = (SHELF / "hgx-h100-node.toml").read_text()
    (tmp_path / "mine.toml").write_text('host = "grace-hopper"\n' + text)
    found = load_topology("mine.toml", 8, "test", tmp_path)
    assert found.host is not None
    assert (found.host.name, found.host_share.devices) == ("grace-hopper", 1)
    (tmp_path / "mine.toml").write_text('host = "grace-hoper"\n' + text)
    with pytest.raises(InputError, match="did you mean 'grace-hopper'"):
        load_topology("mine.toml", 8, "test", tmp_path)

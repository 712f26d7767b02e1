"""What a topology file names: sources that are listed, a device of the catalogue or of the user's own, a graph file."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_networks import LIBRARY, TIMING, head, link_class, table

from sim.errors import InputError
from sim.hardware.topology import load_topology

NODE = head("single-node", LIBRARY) + table("sizes", devices_per_node=8) + link_class("scale_up") + TIMING
OWN = NODE.replace('"a100-80gb-sxm"', '"cards/mine.toml"')
CARD = 'title = "My card"\nbase = "a100-80gb-sxm"\n'


@pytest.mark.parametrize("key", ["sizes.devices_per_node", "link_class.scale_up.rate", "timing.send_launch"])
def test_an_unknown_source_is_refused_wherever_it_is_cited(key: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(NODE, encoding="utf-8")
    load_topology("mine.toml", 8, "test", tmp_path)
    last = key.rpartition(".")[2]
    changed = "\n".join(
        line.replace('kind = "assumed"', 'kind = "published", source = "pcie4"') if line.startswith(last) else line
        for line in NODE.splitlines()
    )
    (tmp_path / "mine.toml").write_text(changed, encoding="utf-8")
    with pytest.raises(InputError, match=f"mine.toml: {key}\n  unknown source 'pcie4'") as error:
        load_topology("mine.toml", 8, "test", tmp_path)
    assert 'kind = "assumed"' in error.value.remedy


def test_a_device_file_is_found_beside_the_topology_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "mine.toml").write_text(CARD, encoding="utf-8")
    (tmp_path / "node.toml").write_text(OWN, encoding="utf-8")
    topology = load_topology("node.toml", 8, "test", tmp_path)
    assert topology.device == "mine"
    assert (topology.load_device().title, topology.load_device().base) == ("My card", "a100-80gb-sxm")
    assert topology.with_rates_times(2.0).load_device() == topology.load_device()


def test_a_device_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(OWN, encoding="utf-8")
    with pytest.raises(InputError, match=r"^node.toml: device = cards/mine.toml\n  there is no folder"):
        load_topology("node.toml", 8, "test", tmp_path)
    (tmp_path / "node.toml").write_text(NODE.replace('"a100-80gb-sxm"', "8"), encoding="utf-8")
    with pytest.raises(InputError, match=r"^node.toml: device\n  unknown device '8'"):
        load_topology("node.toml", 8, "test", tmp_path)


def test_a_device_is_not_taken_for_a_topology(tmp_path: Path) -> None:
    (tmp_path / "card.toml").write_text('title = "My card"\nbase = "h100-80gb-sxm"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"this is a device, not a topology\n  a topology names it: device = .card"):
        load_topology("card.toml", 8, "test", tmp_path)

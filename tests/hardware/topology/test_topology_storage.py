"""What a cluster writes checkpoints to, in topology files of every family."""

import pytest
from small_networks import FAT_TREE, LIBRARY, TIMING, head, link, link_class, table

from sim.errors import InputError
from sim.hardware.topology import Storage, load_topology, topology_names

STORAGE = table("storage", write_rate="50 GB/s", read_rate="1 TB/s", capacity="10 PB")
FILES = {
    "single-node": head("single-node", LIBRARY) + table("sizes", devices_per_node=8) + link_class("scale_up") + TIMING,
    "fat-tree": FAT_TREE,
    "torus": head("torus", LIBRARY) + table("sizes", x=4, y=2) + link_class("torus") + TIMING,
    "dragonfly": head("dragonfly", LIBRARY)
    + table(
        "sizes",
        devices_per_node=4,
        nics_per_node=4,
        nodes_per_switch=2,
        switches_per_group=3,
        largest_groups=5,
        local_links=2,
        global_links=3,
    )
    + "".join(link_class(name) for name in ("scale_up", "nic", "local", "global"))
    + TIMING,
    "wafers": head("swarmx-tree") + table("sizes", fan_out=4, largest_systems=16) + link_class("swarmx"),
    "graph": head("graph") + link_class("cable") + "".join(link(f"gpu{each}", "hub") for each in range(8)) + TIMING,
}


@pytest.fixture
def load(tmp_path):
    def from_text(text: str):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_topology("mine.toml", 8, "test", tmp_path)

    return from_text


@pytest.mark.parametrize("family", FILES)
def test_every_family_may_have_storage(load, family):
    without, with_it = load(FILES[family]), load(FILES[family] + STORAGE)
    assert without.about.storage is None
    assert with_it.about.storage == Storage(50e9, 1e12, 10e15)
    added = {figure.name for figure in with_it.figures} - {figure.name for figure in without.figures}
    assert added == {"storage.write_rate", "storage.read_rate", "storage.capacity"}


def test_a_capacity_may_be_unknown(load):
    text = FILES["torus"] + table("storage", write_rate="50 GB/s", read_rate="60 GiB/s")
    assert load(text).about.storage == Storage(50e9, 60 * 2**30, None)


@pytest.mark.parametrize(
    ("storage", "where", "problem"),
    [
        (table("storage", write_rate="50 GB/s"), r": \[storage\]", "missing: read_rate"),
        (table("storage", write_rate="50 Gbit/s", read_rate="1 GB/s"), ": storage.write_rate", "bits and bytes"),
        (table("storage", write_rate="50 GB/s", read_rate=1), ": storage.read_rate", "has no unit"),
        (table("storage", write_rate="50 GB/s", read_rate="0 GB/s"), ": storage.read_rate", "above zero"),
        (STORAGE.replace("10 PB", "10 PB/s"), ": storage.capacity", "byte is due"),
        (STORAGE.replace("capacity", "size"), r": \[storage\]", "unknown key 'size'"),
        ("[storage]\nwrite_rate = '1 GB/s'\nread_rate = '1 GB/s'", "", "not a figure"),
    ],
)
def test_storage_that_cannot_be_used_is_refused(load, storage, where, problem):
    with pytest.raises(InputError, match=rf"^mine\.toml{where}\n  .*{problem}"):
        load(FILES["torus"] + storage)


def test_storage_is_a_table(load):
    with pytest.raises(InputError, match="this is not a table"):
        load('storage = "fast"\n' + FILES["torus"])


def test_the_shelf_has_what_is_published_or_borrowed_from_it():
    found = {name: load_topology(name, None, "test").about.storage for name in topology_names()}
    assert {name for name, storage in found.items() if storage} == {
        "andromeda",
        "condor-galaxy-1",
        "condor-galaxy-3",
        "cs-2-single",
        "cs-3-single",
        "dgx-a100-superpod",
        "grand-teton-h100",
        "jean-zay",
    }
    assert found["jean-zay"].write_bytes_per_s == pytest.approx(2.3e12 / 40)
    assert found["dgx-a100-superpod"] == Storage(273e9, 1e12)
    assert found["grand-teton-h100"] == Storage(2e12, 2e12, 240e15)
    for wafers in ("andromeda", "condor-galaxy-1", "condor-galaxy-3", "cs-2-single", "cs-3-single"):
        assert found[wafers].write_bytes_per_s == pytest.approx(6.7e9 * 14 / (7 * 60), rel=0.01)

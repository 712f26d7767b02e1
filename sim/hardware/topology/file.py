"""Reads a topology file: the family, its sizes, and what its links carry, each figure with its source.

    title = "..."             family = "rail-fat-tree"        device = "..."        library = "..."
    routing = "adaptive"      or "hashed", for fat trees
    host = "x86-2s"           a host of the catalogue; without it, the usual one of the device
    sizes.NAME = { value = 8, kind = ..., source = ..., date = ..., note = ... }
    link_class.NAME.rate, .efficiency, .latency = { value = ..., kind = ..., ... }    a rate is per direction
    link_class.scale_up.reduction_efficiency = { value = 0.8, ... }     where that switch adds and multicasts
    link_class.fabric.reduces = { value = true, ... }                   where the switches above do
    timing.collective_launch, .send_launch, .host_post = { value = "40 us", kind = ..., ... }
    storage.write_rate, .read_rate, .capacity = { value = "50 GB/s", ... }   optional; of all nodes together, in bytes

device is a name of the catalogue, or the path of a device file of the user's own, relative to the topology file.

Family "graph" has [[link]] entries (a, b, class, optionally count), or the name of a file as graph_file, and
optionally devices = [...] and sizes.domain; see graph_file.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sim.catalog import Device, device_names, read_device
from sim.errors import InputError, some_of, unknown_name
from sim.hardware.topology.families import FAMILIES
from sim.hardware.topology.figures_file import FiguresFile, check_keys
from sim.hardware.topology.topology import Topology
from sim.reading import parse_toml, read_text
from sim.scenario.bounds import MOST_DEVICES, check_size
from sim.scenario.shelf import shelf, topology_names

__all__ = ["load_topology", "shelf", "topology_names"]

_TOP = ("title", "family", "device", "host", "sizes", "link_class", "timing", "storage")
_REQUIRED = ("title", "family", "device")


def load_topology(
    name: str,
    devices: int | None,
    where: str,
    base: Path | None = None,
    sizes: Mapping[str, float] | None = None,
    *,
    sizes_where: str = "",
    devices_where: str = "",
) -> Topology:
    """Build `devices` devices of a topology; as many as its file allows where that is None.

    name: a name on the shelf, or a path ending in .toml, relative to base (default: the working directory).
    where: shown first in messages about what the caller asks for.
    sizes: figures of [sizes] to use instead of the file's, by name.
    sizes_where, devices_where: the same for messages about sizes, and about the number of devices (default: where, and
    the file).
    Raises InputError for an unknown name, a file that cannot be used, or a topology smaller than asked.
    """
    if devices is not None:
        check_size(devices, MOST_DEVICES, "devices", devices_where or where)
    if name.endswith(".toml"):
        path = _path(name, base)
        shown = name
    else:
        if name not in topology_names():
            raise _unknown(name, where)
        path = _path(name, base)
        shown = f"topologies/{name}.toml"
    raw = parse_toml(read_text(path, where), shown)
    if "family" not in raw and {"base", "record"} & raw.keys():
        raise InputError(shown, "this is a device, not a topology", f'a topology names it: device = "{path.name}"')
    wanted = str(raw.get("family", ""))
    if "family" in raw and wanted not in FAMILIES:
        raise unknown_name(f"{shown}: family", "family", wanted, FAMILIES)
    family = FAMILIES.get(wanted, FAMILIES["graph"])
    check_keys(shown, raw, (*_TOP, *family.keys), (*_REQUIRED, *family.required))
    own_device = _own_device(raw["device"], path.parent, f"{shown}: device")
    asked = sizes_where or where
    return family.read(
        FiguresFile(shown, path.stem, path.parent, raw, devices, sizes or {}, asked, devices_where, own_device)
    )


def _own_device(device: object, folder: Path, where: str) -> Device | None:
    """The device that a topology names by a path; None where the catalogue has it."""
    if isinstance(device, str) and device.endswith(".toml"):
        return read_device(folder / device, f"{where} = {device}")
    if device not in device_names():
        raise unknown_name(where, "device", str(device), device_names())
    return None


def _path(name: str, base: Path | None) -> Path:
    """Where a topology's file lies, whether or not it is there."""
    return (base or Path.cwd()) / name if name.endswith(".toml") else shelf("topologies") / f"{name}.toml"


def _unknown(name: str, where: str) -> InputError:
    """The error for a topology that is not on the shelf; where it is a device, it names the topologies with it."""
    words = set(re.findall(r"[a-z0-9]+", name.lower()))
    devices = {found: words <= set(found.split("-")) for found in device_names()}
    having = [
        topology
        for topology in topology_names()
        if devices.get(parse_toml(read_text(_path(topology, None), where), topology)["device"])
    ]
    if not words or not having:
        return unknown_name(where, "topology", name, topology_names())
    some = some_of(having, name, listed_by="scaletax list topologies")
    return InputError(where, f"'{name}' is a device, not a topology", f"topologies with that device: {some}")

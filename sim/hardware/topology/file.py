"""Reads a topology file: the family, its sizes, and what its links carry, each figure with its source.

    title = "..."             family = "rail-fat-tree"        device = "..."        library = "..."
    routing = "adaptive"      or "hashed", for fat trees
    sizes.NAME = { value = 8, kind = ..., source = ..., date = ..., note = ... }
    link_class.NAME.rate, .efficiency, .latency = { value = ..., kind = ..., ... }    a rate is per direction
    link_class.scale_up.reduction_efficiency = { value = 0.8, ... }     where that switch adds and multicasts
    link_class.fabric.reduces = { value = true, ... }                   where the switches above do
    timing.collective_launch, .send_launch, .tree_level = { value = "40 us", kind = ..., ... }
    storage.write_rate, .read_rate, .capacity = { value = "50 GB/s", ... }   optional; of all nodes together, in bytes

Family "graph" has [[link]] entries (a, b, class, optionally count), or the name of a file as graph_file, and
optionally devices = [...] and sizes.domain; see graph_file.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from sim.catalog import device_names
from sim.errors import InputError, unknown_name
from sim.hardware.topology.families import FAMILIES
from sim.hardware.topology.figures_file import FiguresFile, check_keys
from sim.hardware.topology.topology import Topology
from sim.reading import is_file, read_text
from sim.scenario.shelf import shelf

__all__ = ["load_topology", "shelf", "topology_names"]

_TOP = ("title", "family", "device", "sizes", "link_class", "timing", "storage")
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
    if name.endswith(".toml"):
        path = (base or Path.cwd()) / name
        if not is_file(path):
            raise InputError(where, f"no topology file '{name}' in {base or Path.cwd()}", "check the path")
        shown = name
    else:
        if name not in topology_names():
            raise unknown_name(where, "topology", name, topology_names())
        path = shelf("topologies") / f"{name}.toml"
        shown = f"topologies/{name}.toml"
    try:
        raw = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(shown, f"this is not TOML ({error})", "see the files in topologies/") from error
    except OSError as error:
        raise InputError(where, f"cannot read topology file '{name}': {error.strerror}", "check the file") from error
    wanted = str(raw.get("family", ""))
    if "family" in raw and wanted not in FAMILIES:
        raise unknown_name(f"{shown}: family", "family", wanted, FAMILIES)
    family = FAMILIES.get(wanted, FAMILIES["graph"])
    check_keys(shown, raw, (*_TOP, *family.keys), (*_REQUIRED, *family.required))
    if raw["device"] not in device_names():
        raise unknown_name(f"{shown}: device", "device", str(raw["device"]), device_names())
    asked = sizes_where or where
    return family.read(FiguresFile(shown, path.stem, path.parent, raw, devices, sizes or {}, asked, devices_where))


def topology_names() -> list[str]:
    """Names of all topologies on the shelf, sorted."""
    return sorted(path.stem for path in shelf("topologies").glob("*.toml"))

"""Models and hardware as objects. Each is what a file would say, and is read and checked as that file is."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import tempfile
import threading
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from sim.errors import InputError, shown, unknown_name
from sim.reading import parse_toml, read_text
from sim.scenario.shelf import shelf, topology_names

_NOTE = "given from Python"
_PATHS = ("device", "graph_file")
"""Keys of a topology file whose value may be the path of another file."""


class Told:
    """What a file would say, as an object. told: key -> value."""

    told: dict[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.told.items())})"


class Model(Told):
    """A model: a name of the catalogue, a Hugging Face `config.json`, or the shape itself.

    Parameters
    ----------
    name : str, optional
        Of `scaletax list models`.
    config : str or Path, optional
        Path of a `config.json`.
    **shape
        `layers`, `hidden`, `heads`, `vocab`, `max_sequence`, and where they differ from GPT `kv_heads`, `head_dim`,
        `ffn_hidden`, `gated_mlp`, `position`, `norm`, `tied_embeddings`: the keys of `[model]`.

    Examples
    --------
    >>> import scaletax as st
    >>> st.Model(layers=24, hidden=2048, heads=16, vocab=50_257, max_sequence=2048)
    Model(layers=24, hidden=2048, heads=16, vocab=50257, max_sequence=2048)
    """

    def __init__(self, name: str | None = None, *, config: str | Path | None = None, **shape: Any) -> None:
        self.told = given(name=name, config=None if config is None else str(Path(config).absolute())) | shape


class Gpu(Told):
    """A device of your own: the nearest one of the catalogue, and what differs from it.

    Parameters
    ----------
    base : str
        Of `scaletax list devices`. What is not said is as there.
    title : str, optional
        For people.
    **figures
        `hbm_bytes="47.4 GiB"`, `hbm_bytes_per_s="960 GB/s"`, `peak_flops_per_s={"bf16": "210 TFLOP/s"}` (dense),
        `multiprocessors=132`, ...: the figures of a device file with their units.

    Examples
    --------
    >>> import scaletax as st
    >>> st.Gpu("a100-80gb-pcie", title="My card", hbm_bytes="47.4 GiB")
    Gpu(base='a100-80gb-pcie', title='My card', hbm_bytes='47.4 GiB')
    """

    def __init__(self, base: str, *, title: str = "My device", **figures: Any) -> None:
        self.told = {"base": base, "title": title, **figures}

    def save(self, folder: str | Path) -> Path:
        """Write the file that this stands for into a folder, under a name made of what it says; return its path."""
        own = {key: value if key in ("base", "title") else _figures(value) for key, value in self.told.items()}
        return _saved("device", plain(own, "Gpu", _no_topology), Path(folder))


class Topology(Told):
    """A cluster of your own: one of the shelf, and what differs from it.

    Parameters
    ----------
    base : str or Path
        Of `scaletax list topologies`, or a file. What is not said is as there.
    device : str or Gpu, optional
        What it is made of.
    title : str, optional
        For people.
    sizes : mapping, optional
        Such as `{"devices_per_node": 4}`.
    link_class : mapping of mappings, optional
        Rates, latencies, efficiencies by class of links: `{"scale_up": {"rate": "600 GB/s"}}`.
    **tables
        Any other key of a topology file.

    Examples
    --------
    >>> import scaletax as st
    >>> st.Topology("hgx-a100-node", device=st.Gpu("a100-80gb-sxm", hbm_bytes="60 GiB"))
    Topology(base='hgx-a100-node', device=Gpu(base='a100-80gb-sxm', title='My device', hbm_bytes='60 GiB'))
    """

    def __init__(
        self,
        base: str | Path,
        *,
        device: str | Gpu | None = None,
        title: str | None = None,
        sizes: Mapping[str, Any] | None = None,
        link_class: Mapping[str, Mapping[str, Any]] | None = None,
        **tables: Any,
    ) -> None:
        named = str(Path(base).absolute()) if str(base).endswith(".toml") else str(base)
        self.told = given(base=named, device=device, title=title, sizes=sizes, link_class=link_class) | tables

    def save(self, folder: str | Path) -> Path:
        """Write the files that this stands for into a folder, under names made of what they say; return its path.

        Raises InputError for a base that is not there.
        """
        place, table = Path(folder), _based_on(self.told["base"])
        for key, value in self.told.items():
            known = table.get(key, {})
            if isinstance(value, Gpu):
                table[key] = value.save(place).name
            elif key == "sizes":
                table[key] = {**known, **_figures(value)}
            elif key == "link_class":
                own = {name: {**known.get(name, {}), **_figures(one)} for name, one in value.items()}
                table[key] = {**known, **own}
            elif key != "base":
                table[key] = value
        return _saved("topology", plain(table, "Topology", _no_topology), place)


def _based_on(base: str) -> dict[str, Any]:
    """What the file of a topology says, by its name or its path."""
    if not base.endswith(".toml"):
        if base not in topology_names():
            raise unknown_name("Topology", "topology", base, topology_names())
        return tomllib.loads((shelf("topologies") / f"{base}.toml").read_text(encoding="utf-8"))
    path = Path(base)
    table = parse_toml(read_text(path, "Topology"), str(path))
    files = {key: table[key] for key in _PATHS if isinstance(table.get(key), str) and "." in table[key]}
    return {**table, **{key: str(path.parent / value) for key, value in files.items()}}


def as_model(model: str | Path | Model) -> Model:
    """A model from what a call was given: a name, a path of a config.json, or a model."""
    if isinstance(model, Model):
        return model
    return Model(config=model) if str(model).endswith(".json") else Model(str(model))


def in_temporary_folder(topology: Topology) -> str:
    """Write the files of a topology where temporary files lie; return the path of its own, the same each time."""
    return str(topology.save(temporary_folder()))


def temporary_folder() -> Path:
    """Where files of hardware lie while it is used; each user has one."""
    return Path(tempfile.gettempdir()).resolve() / f"scaletax-{getpass.getuser()}"


def moved(topology: str, folder: Path) -> str:
    """Where a topology of one's own lies beside the results in a folder; any other name, and any other file, stays."""
    path = Path(topology)
    return str(folder.absolute() / path.name) if path.parent == temporary_folder() else topology


def copied(topology: str, folder: Path) -> list[Path]:
    """Write a topology of one's own, and its device, beside the results in a folder; return their paths."""
    if moved(topology, folder) == topology:
        return []
    path = Path(topology)
    device = Path(str(tomllib.loads(path.read_text(encoding="utf-8"))["device"]))
    names = [path.name, *([device.name] if (path.parent / device).is_file() and not device.is_absolute() else [])]
    for name in names:
        write(folder / name, (path.parent / name).read_text(encoding="utf-8"))
    return [folder / name for name in names]


def inline(value: Any) -> str:
    """A plain value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{inline(str(key))} = {inline(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()


def plain(value: Any, where: str, place: Callable[[Topology], Any]) -> Any:
    """A value as TOML has it. place: what stands for a topology of one's own. Raises InputError for what TOML lacks."""
    if isinstance(value, Topology):
        return place(value)
    if isinstance(value, Model):
        return value.told
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(one, f"{where}: {key}", place) for key, one in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(one, where, place) for one in value]
    if hasattr(value, "tolist"):  # numbers and arrays of numpy, columns of pandas
        return plain(value.tolist(), where, place)
    remedy = "write text, a number, True or False, a list or a dict of them; Topology and Model where they belong"
    raise InputError(where, f"{shown(value)} is nothing that a scenario can say", remedy)


def _no_topology(topology: Topology) -> Any:
    raise InputError("Topology", f"{shown(topology)} stands within hardware", "name a topology in a System")


def toml(document: Mapping[str, Any], where: str) -> str:
    """The text of a file. Raises InputError for what no file may have, such as text with a NUL."""
    text = tomli_w.dumps(document)
    parse_toml(text, where)
    return text


def _saved(kind: str, table: Mapping[str, Any], folder: Path) -> Path:
    """Write a file that is called by its title and what it holds, so that no two have one name; return its path."""
    text, title = toml(table, kind), re.sub(r"[^a-z0-9]+", "-", str(table.get("title", kind)).lower()).strip("-")
    path = folder / f"{title[:40] or kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.toml"
    write(path, text)
    return path


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises InputError where it cannot be written."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            unfinished.write_text(text, encoding="utf-8")
            os.replace(unfinished, path)
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise InputError(str(path), problem, "choose a folder that can be written") from None


def _figures(value: Any) -> Any:
    """A figure as data files have it: with its kind and where it is from; a table of figures, each so."""
    if isinstance(value, Mapping):
        return {key: one if isinstance(one, Mapping) else _figures(one) for key, one in value.items()}
    return {"value": value, "kind": "assumed", "note": _NOTE}


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {key: value for key, value in values.items() if value is not None}

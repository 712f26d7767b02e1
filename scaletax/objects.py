"""Scenarios, models and hardware as objects. Each is what a file would say, and is read and checked as that file is."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from sim.errors import InputError
from sim.scenario.shelf import shelf

_NOTE = "given from Python"
Files = dict[str, str]
"""Name of a file -> its text."""


class Model:
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
        known = {"name": name, "config": None if config is None else str(Path(config).absolute())}
        self.table: dict[str, Any] = {**{key: value for key, value in known.items() if value is not None}, **shape}

    def __repr__(self) -> str:
        return _called("Model", self.table)


class Gpu:
    """A device of your own: the nearest one of the catalogue, and what differs from it.

    Parameters
    ----------
    base : str
        Of `scaletax list devices`. What is not said is as there.
    title : str, optional
        For people.
    peak_flops_per_s : mapping of str to str, optional
        Dense rate by format, such as `{"bf16": "210 TFLOP/s"}`.
    **figures
        `hbm_bytes="47.4 GiB"`, `hbm_bytes_per_s="960 GB/s"`, `multiprocessors=132`, ...: the figures of a device file
        with their units.

    Examples
    --------
    >>> import scaletax as st
    >>> st.Gpu("a100-80gb-pcie", title="My card", hbm_bytes="47.4 GiB")
    Gpu(base='a100-80gb-pcie', title='My card', hbm_bytes='47.4 GiB')
    """

    def __init__(
        self, base: str, *, title: str = "My device", peak_flops_per_s: Mapping[str, str] | None = None, **figures: Any
    ) -> None:
        self.told = {"base": base, "title": title, **figures}
        if peak_flops_per_s:
            self.told["peak_flops_per_s"] = dict(peak_flops_per_s)

    def __repr__(self) -> str:
        return _called("Gpu", self.told)

    def files(self) -> tuple[str, Files]:
        """The name of its file, and the file."""
        table = {key: value if key in ("base", "title") else _figures(value) for key, value in self.told.items()}
        return _named("device", table, {})


class Topology:
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
        told = {"device": device, "title": title, "sizes": sizes, "link_class": link_class, **tables}
        self.base, self.told = str(base), {key: value for key, value in told.items() if value is not None}

    def __repr__(self) -> str:
        return _called("Topology", {"base": self.base, **self.told})

    def files(self) -> tuple[str, Files]:
        """The name of its file, and the files that it takes."""
        is_file = self.base.endswith(".toml")
        path = Path(self.base) if is_file else shelf("topologies") / f"{self.base}.toml"
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            remedy = "name one of `scaletax list topologies`, or the path of a .toml file"
            raise InputError("Topology base", f"'{self.base}' cannot be read: {error.strerror}", remedy) from None
        files: Files = {}
        if is_file and str(table.get("device", "")).endswith(".toml"):
            table["device"] = str((path.parent / table["device"]).absolute())
        for key, value in self.told.items():
            if isinstance(value, Gpu):
                table[key], more = value.files()
                files |= more
            elif key == "sizes":
                table[key] = {**table.get(key, {}), **_figures(value)}
            elif key == "link_class":
                classes = table.get(key, {})
                table[key] = {
                    **classes,
                    **{name: {**classes.get(name, {}), **_figures(own)} for name, own in value.items()},
                }
            else:
                table[key] = value
        return _named("topology", table, files)


class System:
    """What trains the model: a topology, a number of devices, software, and a plan.

    Parameters
    ----------
    name : str
        How results call it.
    topology : str, Path or Topology
        Of `scaletax list topologies`, a file, or one of your own.
    devices : int
        How many are used.
    stack : str or list of str, optional
        Of `scaletax list stacks`; several show the range.
    plan : mapping, optional
        Degrees, such as `{"tensor": 4, "pipeline": 2, "micro_batch": 1}`; the best one is searched for without it.
    **keys
        Any other key of `[[system]]`: `variation="as-found"`, `run={...}`, `price={...}`.

    Examples
    --------
    >>> import scaletax as st
    >>> st.System("H100s", "dgx-h100-superpod", 64, stack="megatron-core-2024")
    System(name='H100s', topology='dgx-h100-superpod', devices=64, stack='megatron-core-2024')
    """

    def __init__(
        self,
        name: str,
        topology: str | Path | Topology,
        devices: int,
        *,
        stack: str | Sequence[str] | None = None,
        plan: Mapping[str, Any] | str | None = None,
        **keys: Any,
    ) -> None:
        told = {"name": name, "topology": topology, "devices": devices, "stack": stack, "plan": plan, **keys}
        self.told = {key: value for key, value in told.items() if value is not None}

    def __repr__(self) -> str:
        return _called("System", self.told)


class Scenario:
    """What a scenario file says, as an object. It is read and checked when it is run, exactly as the file would be.

    Parameters
    ----------
    model : str, Path or Model
        A name of the catalogue, the path of a `config.json`, or a shape.
    systems : list of System
        One or more.
    tokens : int or str
        To train on: `1.4e12`, `"1.4T"`, `"20 per parameter"`.
    batch : int or str
        Of one step: `512` sequences, `"2M tokens"`.
    sequence : int, optional
        Tokens in a sequence; by default the model's longest.
    title : str, optional
        For people.
    training, report, sweep : mapping, optional
        Any other keys of these tables.

    Examples
    --------
    >>> import scaletax as st
    >>> cluster = st.System("A100s", "hgx-a100-node", 8, stack="fsdp-2023")
    >>> mine = st.Scenario("cerebras-gpt-590m", [cluster], tokens="1B", batch=264, sequence=2048)
    >>> st.run(mine).rows[0]["devices"]
    8
    """

    def __init__(
        self,
        model: str | Path | Model,
        systems: Sequence[System],
        *,
        tokens: float | str = "20 per parameter",
        batch: int | str,
        sequence: int | None = None,
        title: str = "From Python",
        training: Mapping[str, Any] | None = None,
        report: Mapping[str, Any] | None = None,
        sweep: Mapping[str, Any] | None = None,
    ) -> None:
        own = as_model(model)
        amounts = {"tokens": tokens, "global_batch": f"{batch} sequences" if isinstance(batch, int) else batch}
        if sequence is not None:
            amounts["sequence"] = sequence
        self._files: Files = {}
        self.document: dict[str, Any] = {
            "schema": 1,
            "title": title,
            "model": own.table,
            "training": {**amounts, **(training or {})},
            "system": [self._system(one) for one in systems],
            **({"report": dict(report)} if report else {}),
            **({"sweep": dict(sweep)} if sweep else {}),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], files: Files | None = None) -> Scenario:
        """A scenario of the tables of a file. files: of hardware that it names, by name."""
        scenario = cls.__new__(cls)
        scenario.document, scenario._files = dict(document), dict(files or {})
        return scenario

    def __repr__(self) -> str:
        systems = ", ".join(str(one.get("name")) for one in self.document.get("system", []))
        return f"Scenario({self.document.get('title', '')!r}: {systems})"

    def to_toml(self) -> str:
        """The scenario as the text of a file."""
        return tomli_w.dumps(self.document)

    def save(self, folder: str | Path, name: str = "scenario") -> Path:
        """Write name.toml, and files of hardware of your own, into a folder; return the path of the scenario.

        Raises InputError where a file is there already that says something else.
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for file, text in {**self._files, f"{name}.toml": self.to_toml()}.items():
            path = place / file
            if path.exists() and path.read_text(encoding="utf-8") != text:
                raise InputError(
                    str(path), "this file is there already, with something else in it", "choose another folder"
                )
            path.write_text(text, encoding="utf-8")
        return place / f"{name}.toml"

    def path(self) -> Path:
        """The scenario as a file in the folder for temporary files, always the same one for the same scenario."""
        texts = sorted({**self._files, "scenario.toml": self.to_toml()}.items())
        digest = hashlib.sha256(repr(texts).encode()).hexdigest()[:16]
        return self.save(Path(tempfile.gettempdir()) / "scaletax" / digest)

    def _system(self, one: System) -> dict[str, Any]:
        table = dict(one.told)
        place = table["topology"]
        if isinstance(place, Topology):
            table["topology"], files = place.files()
            self._files |= files
        elif str(place).endswith(".toml"):
            table["topology"] = str(Path(place).absolute())
        return table


def as_model(model: str | Path | Model) -> Model:
    """A model from what a call was given: a name, a path of a config.json, or a model."""
    if isinstance(model, Model):
        return model
    return Model(config=model) if str(model).endswith(".json") else Model(str(model))


def _figures(value: Any) -> Any:
    """A figure as data files have it: with its kind and where it is from; a table of figures, each so."""
    if isinstance(value, Mapping):
        return {key: one if isinstance(one, Mapping) else _figures(one) for key, one in value.items()}
    return {"value": value, "kind": "assumed", "note": _NOTE}


def _named(kind: str, table: Mapping[str, Any], files: Files) -> tuple[str, Files]:
    """A file that is called by what it holds, so that two of a kind have two names; with the files that it takes."""
    text = tomli_w.dumps(table)
    name = f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.toml"
    return name, {**files, name: text}


def _called(name: str, told: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in told.items())})"

"""Scenarios as objects. Each is what a file would say, and is read and checked as that file is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scaletax.hardware import Model, Told, Topology, as_model, given, in_temporary_folder, inline, plain, toml, write
from sim.errors import InputError, shown
from sim.reading import parse_toml, read_text
from sim.scenario.base import with_absolute_paths, with_base
from sim.scenario.named import scenario_path
from sim.scenario.several_stacks import listed_stacks

_NAMELESS = Path("Scenario")
"""What messages call a scenario that is no file."""
Software = str | Path | Mapping[str, Any]
"""A stack by its name or the path of its file, or a mapping of its name and its options."""


class System(Told):
    """What trains the model: a topology, a number of devices, software, and a plan.

    Parameters
    ----------
    name : str
        How results call it.
    topology : str, Path or Topology
        Of `scaletax list topologies`, a file, or one of your own.
    devices : int
        How many are used.
    stack : str, Path, mapping or list, optional
        Of `scaletax list stacks`, or a file; with options, `{"name": "megatron-bridge-26.06", "cuda_graph": "full"}`;
        several show the range.
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
        stack: Software | Sequence[Software] | None = None,
        plan: Mapping[str, Any] | str | None = None,
        **keys: Any,
    ) -> None:
        self.told = given(name=name, topology=topology, devices=devices, stack=stack, plan=plan) | keys


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
        systems: System | Sequence[System],
        *,
        tokens: float | str = "20 per parameter",
        batch: int | str,
        sequence: int | None = None,
        title: str = "From Python",
        training: Mapping[str, Any] | None = None,
        report: Mapping[str, Any] | None = None,
        sweep: Mapping[str, Any] | None = None,
    ) -> None:
        amounts = {"tokens": tokens, "global_batch": f"{batch} sequences" if isinstance(batch, int) else batch}
        document = {
            "schema": 1,
            "title": title,
            "model": as_model(model).told,
            "training": {**amounts, **given(sequence=sequence), **(training or {})},
            "system": [one.told for one in ([systems] if isinstance(systems, System) else systems)],
            **given(report=report, sweep=sweep),
        }
        self.document = with_absolute_paths(plain(document, "Scenario", lambda own: own), Path.cwd())

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Scenario:
        """A scenario of the tables of a file."""
        scenario = cls.__new__(cls)
        scenario.document = dict(document)
        return scenario

    @classmethod
    def from_file(cls, scenario: str | Path) -> Scenario:
        """The scenario of a file, or of a name of `scaletax list scenarios`, without a base.

        Raises InputError where there is none, or it is no TOML.

        Examples
        --------
        >>> import scaletax as st
        >>> st.Scenario.from_file("quickstart")
        Scenario('Cerebras-GPT 590M: eight A100s against one CS-2': 8 A100, 1 CS-2)
        """
        path = scenario_path(Path(scenario))
        return cls.from_document(with_absolute_paths(with_base(_read(path), path, _read), path.parent))

    def __repr__(self) -> str:
        systems = ", ".join(str(one.get("name")) for one in self.document.get("system", []))
        return f"Scenario({self.document.get('title', '')!r}: {systems})"

    def to_toml(self) -> str:
        """The scenario as the text of a file; hardware of your own lies in the folder for temporary files."""
        return toml(plain(self.document, "Scenario", in_temporary_folder), "Scenario")

    def save(self, path: str | Path) -> Path:
        """Write the scenario as a file, and hardware of your own beside it; return its path.

        path: of the file; of a folder, which then gets a scenario.toml, where it does not end in .toml.
        """
        file = Path(path) if str(path).endswith(".toml") else Path(path) / "scenario.toml"
        document = plain(self.document, "Scenario", lambda own: own.save(file.parent).name)
        write(file, toml(document, "Scenario"))
        return file


def source_of(scenario: str | Path | Scenario) -> tuple[Path, str | None]:
    """(its file, or what messages call it; what it says where it is no file). Raises InputError."""
    if isinstance(scenario, Scenario):
        return _NAMELESS, scenario.to_toml()
    if not isinstance(scenario, (str, os.PathLike)):
        problem = f"{shown(scenario)} is no scenario"
        raise InputError("scenario", problem, "give the name of a ready one, the path of a file, or a st.Scenario")
    return scenario_path(Path(scenario)), None


def text_of(value: Any, where: str) -> str:
    """A value as --set and --sweep take it. Raises InputError for what is no value of a scenario."""
    return inline(plain(value, where, in_temporary_folder))


def listed(stack: Software | Sequence[Software]) -> list[Any]:
    """The stacks that a search is for, each once: names with commas between, one, or several. Raises InputError."""
    if isinstance(stack, str):
        return list(listed_stacks(stack))
    several = [stack] if isinstance(stack, (Path, Mapping)) else stack or listed_stacks("")
    told = [plain(one, "stack", in_temporary_folder) for one in several]
    return [one for number, one in enumerate(told) if one not in told[:number]]


def _read(path: Path) -> dict[str, Any]:
    return parse_toml(read_text(path, str(path)), str(path))

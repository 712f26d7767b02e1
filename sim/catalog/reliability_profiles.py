"""How often clusters fail and how they recover: reliability/NAME.toml, one profile a file.

default_for names the devices that a profile is taken for unless a scenario says otherwise; each is in exactly one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, fields
from typing import Any

from sim.catalog.data_files import names_on, read_data
from sim.catalog.figures import Figure, read_figure, unit_of
from sim.errors import InputError, unknown_name
from sim.units import NEVER, Rate, fraction, quantity, rate

_RATES = ("failures", "maintenance")
_SHARES = ("hardware_share",)
_PLAIN = ("failure_shape", "asynchronous_checkpoints")
_WORDS = ("title", "default_for")


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often a cluster fails, and what a failure and a start cost.

    failures: unexpected interruptions. failure_shape: of the Weibull distribution of the time between those of the
    whole cluster; 1 is exponential, below 1 they come in bursts. hardware_share: of failures after which a node is
    replaced.
    """

    name: str = "none"
    title: str = "nothing fails, starting takes no time"
    failures: Rate = NEVER
    failure_shape: float = 1.0
    hardware_share: float = 1.0
    detection_s: float = 0.0
    """From a failure until somebody or something has noticed it, and knows which node it is."""
    replacement_s: float = 0.0
    """Until a spare node stands in for one that failed."""
    repair_s: float = 0.0
    """Until a failed node is back, where no spare is left."""
    restart_s: float = 0.0
    """Start of the processes and communicators after an interruption, without reading the checkpoint."""
    restart_per_device_s: float = 0.0
    start_up_s: float = 0.0
    """The same once, before the first step, with everything that is only done then."""
    start_up_per_device_s: float = 0.0
    maintenance: Rate = NEVER
    """Planned interruptions."""
    maintenance_s: float = 0.0
    """How long one lasts, beside stopping and starting again."""
    asynchronous_checkpoints: bool = False
    """Training goes on while a checkpoint is written, as soon as a copy of it lies in the host's memory."""
    snapshot_bytes_per_s: float = 1.0
    """Rate at which each device copies its share there."""
    storage_bytes_per_s: float = 1.0
    """What each node writes and reads, where the topology does not say what the storage does."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


def reliability_names() -> list[str]:
    """Names of all profiles; first "none", which is no file."""
    return [Reliability().name, *names_on("reliability")]


def load_reliability(name: str, where: str = "catalogue") -> Reliability:
    """Read one profile. Raises InputError with the closest match for an unknown name."""
    if name not in reliability_names():
        raise unknown_name(where, "reliability", name, reliability_names())
    return Reliability() if name == Reliability().name else _profile(name)


def reliability_of(device: str) -> Reliability:
    """The profile that is taken for a device where a scenario names none."""
    for name in reliability_names()[1:]:
        if device in read_data(f"reliability/{name}")["default_for"]:
            return _profile(name)
    raise InputError(
        f"catalogue: {device}", "no reliability profile has it in default_for", "see sim/catalog/reliability"
    )


@functools.cache
def _profile(name: str) -> Reliability:
    raw, where = read_data(f"reliability/{name}"), f"catalogue: {name}"
    figures = [read_figure(key, entry, where) for key, entry in raw.items() if key not in _WORDS]
    known = {spec.name for spec in fields(Reliability)} - {"name", "figures"}
    surplus = sorted({figure.name for figure in figures} - known)
    missing = sorted(known - {figure.name for figure in figures} - {"title"})
    if surplus or missing:
        raise InputError(where, f"unknown fields {surplus}, missing fields {missing}", "see reliability_profiles.py")
    values: dict[str, Any] = {figure.name: _value(figure, f"{where}: {figure.name}") for figure in figures}
    return Reliability(name=name, title=raw["title"], **values, figures=tuple(figures))


def _value(figure: Figure, where: str) -> Any:
    """The plain value of a figure."""
    if figure.name in _RATES:
        return rate(figure.value, where)
    if figure.name in _SHARES:
        return fraction(figure.value, where)
    if figure.name in _PLAIN or not figure.value:
        return figure.value
    return quantity(figure.value, unit_of(figure.name), where)

"""Measured collectives: bus bandwidth by size, group and fabric, and what the network model says of them.

Roles are given by a rule, not by looking at errors. "rate": one row a fabric and kind of algorithm, its largest
message, from which a topology file takes the share of the links' rate that is reached. "fit": in each sweep and
collective, ordered by ranks, algorithms and bytes, the third of every four rows; where a latency is fitted, on them.
"outlier": a row whose note says what is wrong with it. All others are checks, as are all vendors' peaks but rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from statistics import fmean

import numpy as np
from pydantic import TypeAdapter

from sim.hardware.network import COLLECTIVES, Collective, Group, Network, bus_share
from sim.hardware.topology import Topology, load_topology
from sim.page.blocks import Column, Table, table, words
from sim.page.numbers import percent, signed_percent, whole
from sim.validation.rows import read_rows

SMALL_BYTES = 1e6
"""Below it, time is latency: kernel launches and the host's clock weigh more than the network."""


@dataclass(frozen=True, slots=True)
class CollectiveRow:
    """One measured bus bandwidth, as nccl-tests defines it.

    algorithms: those that the run was held to; all of the library's where empty. size_bytes: as in bus_share.
    """

    id: str
    role: str
    sweep: str
    collective: Collective
    topology: str
    algorithms: tuple[str, ...]
    ranks: int
    size_bytes: float
    bus_bytes_per_s: float
    source: str
    note: str

    @property
    def time_s(self) -> float:
        """The measured time."""
        return bus_share(self.collective, self.ranks) * self.size_bytes / self.bus_bytes_per_s


@dataclass(frozen=True, slots=True)
class CollectiveComparison:
    """One measured and one predicted collective."""

    row: CollectiveRow
    predicted_s: float
    algorithm: str

    @property
    def error(self) -> float:
        """Signed relative error of the bus bandwidth: positive means predicted too fast."""
        return self.row.time_s / self.predicted_s - 1.0


_READER = TypeAdapter(CollectiveRow)


def read_collectives() -> list[CollectiveRow]:
    """Read all rows that the project carries."""
    return [_row(raw) for raw in read_rows("collectives.csv")]


def _row(raw: dict[str, str]) -> CollectiveRow:
    names: dict[str, Collective] = {name.replace("_", "-"): name for name in COLLECTIVES}
    made = {
        "collective": names[raw["collective"]],
        "algorithms": raw["algorithms"].split("+") if raw["algorithms"] else (),
        "size_bytes": raw["bytes"],
        "bus_bytes_per_s": float(raw["bus_GBps"]) * 1e9,
    }
    return _READER.validate_python({**raw, **made})


Build = Callable[[str, int], Topology]


def compare_collectives(
    rows: Sequence[CollectiveRow] | None = None, build: Build | None = None
) -> list[CollectiveComparison]:
    """Predict every row. build: (topology name, devices) -> topology; from the shelf by default."""
    make: Build = build or (lambda name, devices: load_topology(name, devices, "collectives.csv"))
    networks: dict[tuple[str, int, tuple[str, ...]], Network] = {}
    found = []
    for row in read_collectives() if rows is None else rows:
        key = (row.topology, row.ranks, row.algorithms)
        if key not in networks:
            networks[key] = Network(make(row.topology, row.ranks), row.algorithms)
        option = networks[key].fastest(row.collective, row.size_bytes, Group(row.ranks))
        name = f"{option.wave.algorithm} {option.wave.protocol}"
        found.append(CollectiveComparison(row, float(option.time_s(row.size_bytes)), name))
    return found


def mean_error(comparisons: Sequence[CollectiveComparison]) -> float:
    """Mean absolute error of the bus bandwidth."""
    return fmean(abs(one.error) for one in comparisons)


@dataclass(frozen=True, slots=True)
class Checked:
    """How far off the check rows of one library's collective were, all within a scale-up domain or all across several.

    low, high: P10 and P90 of the signed error of the bus bandwidth; positive means predicted too fast.
    """

    library: str
    rows: int
    low: float
    high: float


def checked(collective: Collective, topology: Topology, group: Group) -> Checked | None:
    """What is known of such a collective; None where none of its library was measured."""
    crosses, library = group.block > topology.domain, topology.about.library.name
    build = cache(lambda name, devices: load_topology(name, devices, "collectives.csv"))
    rows = []
    for row in read_collectives():
        if (row.collective, row.role) == (collective, "check"):
            built = build(row.topology, row.ranks)
            if built.about.library.name == library and (row.ranks > built.domain) is crosses:
                rows.append(row)
    if not rows:
        return None
    low, high = np.percentile([one.error for one in compare_collectives(rows, build)], (10, 90))
    return Checked(library, len(rows), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Check rows of one collective in one sweep of measurements: of SMALL_BYTES and more, and below."""

    name: str
    collective: str
    large: tuple[CollectiveComparison, ...]
    small: tuple[CollectiveComparison, ...]


def sweeps(comparisons: Sequence[CollectiveComparison]) -> list[Sweep]:
    """The check rows, sweep by sweep."""
    checks = [one for one in comparisons if one.row.role == "check"]
    found = []
    ordered = sorted(checks, key=lambda one: (one.row.sweep, one.row.collective))
    for (sweep, collective), grouped in groupby(ordered, key=lambda one: (one.row.sweep, one.row.collective)):
        large, small = _by_size(list(grouped))
        found.append(Sweep(sweep, collective.replace("_", "-"), tuple(large), tuple(small)))
    return found


def collectives_table(found: Sequence[Sweep]) -> Table:
    """Errors sweep by sweep, for messages above and below a megabyte."""

    def signed(rows: Sequence[CollectiveComparison]) -> str:
        return signed_percent(fmean(one.error for one in rows)) if rows else ""

    def absolute(rows: Sequence[CollectiveComparison]) -> str:
        return percent(mean_error(rows)) if rows else ""

    columns: list[Column[Sweep]] = [
        words("sweep", lambda one: one.name, key=True),
        words("collective", lambda one: one.collective, key=True),
        Column("rows >= 1 MB", lambda one: whole(len(one.large))),
        Column("signed >= 1 MB", lambda one: signed(one.large)),
        Column("absolute >= 1 MB", lambda one: absolute(one.large)),
        Column("rows < 1 MB", lambda one: whole(len(one.small))),
        Column("signed < 1 MB", lambda one: signed(one.small)),
        Column("absolute < 1 MB", lambda one: absolute(one.small)),
    ]
    return table(found, columns)


def collectives_sentences(comparisons: Sequence[CollectiveComparison]) -> tuple[str, str]:
    """The error of all-reduce, and what was counted."""
    checks = [one for one in comparisons if one.row.role == "check"]
    large, small = _by_size([one for one in checks if one.row.collective == "all_reduce"])
    return (
        f"All-reduce: mean absolute error {percent(mean_error(large))} over {len(large)} rows of 1 MB and more,"
        f" {percent(mean_error(small))} over {len(small)} below.",
        f"Bus bandwidth, predicted over measured; {len(checks)} check rows"
        f" ({len(comparisons) - len(checks)} rows that a figure was taken from, and outliers, do not count).",
    )


def _by_size(rows: Sequence[CollectiveComparison]) -> tuple[list[CollectiveComparison], list[CollectiveComparison]]:
    """Rows of SMALL_BYTES and more, and those below."""
    large = [one for one in rows if one.row.size_bytes >= SMALL_BYTES]
    return large, [one for one in rows if one.row.size_bytes < SMALL_BYTES]

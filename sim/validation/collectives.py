"""Measured collectives: bus bandwidth by size, group and fabric, and what the network model says of them.

Roles are given by a rule, not by looking at errors. "rate": one row a fabric and kind of algorithm, its largest
message, from which a topology file takes the share of the links' rate that is reached. "fit": in each sweep and
collective, ordered by ranks, algorithms and bytes, the third of every four rows; where a latency is fitted, on them.
"outlier": a row whose note says what is wrong with it. All others are checks, as are all vendors' peaks but rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from pydantic import TypeAdapter

from sim.hardware.network import COLLECTIVES, Collective, Group, Network, bus_share
from sim.hardware.topology import Topology, load_topology
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


def collectives_table(comparisons: Sequence[CollectiveComparison]) -> str:
    """Errors of the check rows, sweep by sweep, for messages above and below a megabyte."""
    from tabulate import tabulate

    def summary(rows: Sequence[CollectiveComparison]) -> tuple[str, str, str]:
        if not rows:
            return "0", "", ""
        signed = fmean(one.error for one in rows)
        return str(len(rows)), f"{signed:+.1%}", f"{mean_error(rows):.1%}"

    checks = [one for one in comparisons if one.row.role == "check"]
    table = []
    ordered = sorted(checks, key=lambda one: (one.row.sweep, one.row.collective))
    for (sweep, collective), grouped in groupby(ordered, key=lambda one: (one.row.sweep, one.row.collective)):
        own = list(grouped)
        large = [one for one in own if one.row.size_bytes >= SMALL_BYTES]
        small = [one for one in own if one.row.size_bytes < SMALL_BYTES]
        table.append((sweep, collective.replace("_", "-"), *summary(large), *summary(small)))
    headers = ("sweep", "collective", "rows >= 1 MB", "signed", "absolute", "rows < 1 MB", "signed", "absolute")
    aligned = ("left", "left", *["right"] * 6)
    reduced = [one for one in checks if one.row.collective == "all_reduce"]
    large, small = ([one for one in reduced if (one.row.size_bytes >= SMALL_BYTES) is side] for side in (True, False))
    foot = (
        f"bus bandwidth, predicted over measured; {len(checks)} check rows\n"
        f"({len(comparisons) - len(checks)} rows that a figure was taken from, and outliers, do not count)\n"
        f"all-reduce: mean absolute error {mean_error(large):.1%} over {len(large)} rows of 1 MB and more,"
        f" {mean_error(small):.1%} over {len(small)} below"
    )
    return f"{tabulate(table, headers, tablefmt='simple', colalign=aligned, disable_numparse=True)}\n\n{foot}"

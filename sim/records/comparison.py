"""A comparison as plain data: its part of results.json, and the rows of comparison.csv."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from sim.outcome.comparison.matching import Match
from sim.study.compare import LIMITS, Bend, Comparison, Equal
from sim.study.criteria import Criterion, criteria


def comparison_record(comparison: Comparison, verdict: Sequence[str]) -> dict[str, Any]:
    """Everything of it but the points, which results.json has already; null is unknown. verdict: in sentences."""
    return {
        "verdict": list(verdict),
        "criteria": [_criterion(row) for row in criteria(comparison)],
        "knees": [_bend(bend) for bend in comparison.bends],
        "equals": [_equal(equal) for equal in comparison.equals],
        "absent": list(comparison.absent),
    }


def comparison_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One flat row for each reference and system; units are in the names, and what is unknown is empty."""
    return [_row(equal) for equal in comparison.equals]


def _criterion(row: Criterion) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "assumed": [str(one) for one in row.assumed]}


def _bend(bend: Bend) -> dict[str, Any]:
    growth = bend.growth
    return {
        "system": bend.curve.label,
        **dataclasses.asdict(bend.knee),
        "line": growth.line if growth else None,
        "line_share_of_growth": growth.share if growth else None,
    }


def _shared(equal: Equal) -> dict[str, Any]:
    """What the record and the row have in common."""
    return {
        "reference": equal.reference[0].label,
        "reference_devices": equal.reference[1].devices,
        "system": equal.curve.label,
        "tax": equal.tax,
        "useful_share": equal.useful,
    }


def _equal(equal: Equal) -> dict[str, Any]:
    return {
        **_shared(equal),
        **{name: plain(getattr(equal, name)) for name in ("match", "lowest", "highest")},
        **{name: plain(getattr(equal, name)) for name in ("rental_usd", "owned_usd", "energy_joules")},
        "at_equal": {name: plain(equal.afforded.get(name)) for name in LIMITS},
        "counterfactual": {name: plain(match) for name, match in equal.counterfactual.items()},
    }


def plain(record: Any) -> dict[str, Any] | None:
    """A frozen record as plain data; null is unknown."""
    return None if record is None else dataclasses.asdict(record)


def _row(equal: Equal) -> dict[str, Any]:
    matches: tuple[tuple[str, Match | None], ...] = (
        ("devices", equal.match), ("devices_low", equal.lowest), ("devices_high", equal.highest),
    )  # fmt: skip
    row: dict[str, Any] = {"reference_time_s": equal.reference[1].time_to_train_s}
    for name, match in matches:
        row |= {name: match.devices if match else None, f"{name}_reach": match.reach if match else None}
    for name in LIMITS:
        found = equal.afforded.get(name)
        row[f"devices_at_equal_{name}"] = found.devices if found else None
        row[f"time_at_equal_{name}_s"] = found.time_s if found else None
    for name in ("rental_usd", "owned_usd", "energy_joules"):
        amount = getattr(equal, name)
        row[name] = amount.typical if amount else None
    return {**_shared(equal), **row}

"""A comparison as plain data: its part of results.json, and the rows of comparison.csv."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.outcome.comparison.matching import Match
from sim.records.runs import range_record
from sim.report.comparison.verdict import verdict
from sim.study.compare import LIMITS, Bend, Comparison, Equal
from sim.study.criteria import Criterion, criteria


def comparison_record(comparison: Comparison) -> dict[str, Any]:
    """Everything of it but the points, which results.json has already; null is unknown."""
    return {
        "verdict": verdict(comparison),
        "criteria": [_criterion(row) for row in criteria(comparison)],
        "knees": [_bend(bend) for bend in comparison.bends],
        "equals": [_equal(equal) for equal in comparison.equals],
        "absent": list(comparison.absent),
    }


def comparison_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One flat row for each reference and system; units are in the names, and what is unknown is empty."""
    return [_row(equal) for equal in comparison.equals]


def _criterion(row: Criterion) -> dict[str, Any]:
    words = {"own": str(row.own), "other": str(row.other), "assumed": [str(one) for one in row.assumed]}
    return {**dataclasses.asdict(row), **words}


def _bend(bend: Bend) -> dict[str, Any]:
    growth = bend.growth
    return {
        "system": bend.curve.label,
        **dataclasses.asdict(bend.knee),
        "line": growth.line if growth else None,
        "line_share_of_growth": growth.share if growth else None,
    }


def _equal(equal: Equal) -> dict[str, Any]:
    return {
        "reference": equal.reference[0].label,
        "reference_devices": equal.reference[1].devices,
        "system": equal.curve.label,
        "match": _match(equal.match),
        "lowest": _match(equal.lowest),
        "highest": _match(equal.highest),
        "tax": equal.tax,
        "useful_share": equal.useful,
        "rental_usd": range_record(equal.rental_usd),
        "owned_usd": range_record(equal.owned_usd),
        "energy_joules": range_record(equal.energy_joules),
        "at_equal": {
            name: dataclasses.asdict(found) if (found := equal.afforded.get(name)) else None for name in LIMITS
        },
        "counterfactual": {name: _match(match) for name, match in equal.counterfactual.items()},
    }


def _row(equal: Equal) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, match in (("devices", equal.match), ("devices_low", equal.lowest), ("devices_high", equal.highest)):
        row[name] = match.devices if match else None
        row[f"{name}_reach"] = match.reach if match else None
    for name in LIMITS:
        found = equal.afforded.get(name)
        row[f"devices_at_equal_{name}"] = found.devices if found else None
        row[f"time_at_equal_{name}_s"] = found.time_s if found else None
    return {
        "reference": equal.reference[0].label,
        "reference_devices": equal.reference[1].devices,
        "reference_time_s": equal.reference[1].time_to_train_s,
        "system": equal.curve.label,
        **row,
        "tax": equal.tax,
        "useful_share": equal.useful,
        "rental_usd": equal.rental_usd.typical if equal.rental_usd else None,
        "owned_usd": equal.owned_usd.typical if equal.owned_usd else None,
        "energy_joules": equal.energy_joules.typical if equal.energy_joules else None,
    }


def _match(match: Match | None) -> dict[str, Any] | None:
    return None if match is None else dataclasses.asdict(match)

"""Lists what a run over days rests on: how clusters fail, what devices cost, what laws expect of models."""

from __future__ import annotations

from sim.catalog import (
    ParametricLaw,
    Price,
    device_names,
    economics_of,
    law_names,
    load_law,
    load_reliability,
    reliability_names,
    reliability_of,
)
from sim.page.numbers import duration
from sim.report.budget import fitted_range
from sim.report.catalogue.layout import listing
from sim.report.layout import flush, table
from sim.units import SECONDS_PER_YEAR

_SECONDS_PER_HOUR = 3600.0
_FAILURES = "failures\nper device\nand year"


def reliability_table() -> str:
    """Every profile of how often clusters fail and how they recover."""
    rows = {}
    for name in reliability_names():
        one = load_reliability(name)
        devices = ", ".join(device for device in device_names() if reliability_of(device).name == name)
        recovery_s = one.detection_s + one.replacement_s + one.restart_s
        rows[name] = {
            _FAILURES: f"{one.failures.per_s * SECONDS_PER_YEAR:.3g}" if one.failures.per_s else "-",
            "recovery": duration(recovery_s) if one.restart_s else "-",
            "default for": devices or "-",
            "title": one.title,
        }
    text = listing("reliability", rows, (_FAILURES, "recovery"), {"default for": 30, "title": 40})
    return (
        f"{text}\n\nRecovery: from a failure that needs another node to running again, reading the checkpoint excluded."
    )


def prices_table() -> str:
    """What every device costs and draws; nothing where no source states it."""
    rows = []
    for name in device_names():
        one = economics_of(name)
        watts = f"{one.busy_watts:,.0f}" if one.busy_watts is not None else "unknown"
        rows.append((name, *_price(one.rental, _SECONDS_PER_HOUR, ".2f"), *_price(one.purchase, 1.0, ",.0f"), watts))
    headers = (
        "device", "rented, USD/h\nlow, typical, high", "date", "bought, USD\nlow, typical, high", "date", "power\nW",
    )  # fmt: skip
    text = flush(table(rows, "lrlrlr", headers))
    legend = "Of one device with its share of the node, without cooling. ?: from no source that could be checked."
    return f"{text}\n\n{legend}"


def laws_table() -> str:
    """Every scaling law: what it was fitted on, and its lowest loss."""
    rows = {}
    for name in law_names():
        law = load_law(name)
        rows[name] = {
            "of": "parameters and tokens" if isinstance(law, ParametricLaw) else "compute",
            "lowest\nloss": f"{law.floor:.4g}",
            "on": law.corpus,
            "fitted on": fitted_range(law),
            "title": law.title,
        }
    return listing("law", rows, ("lowest\nloss",), {"fitted on": 28, "title": 30})


def _price(price: Price | None, times: float, form: str) -> tuple[str, str]:
    """Low, typical and high, and when the typical one was true."""
    if price is None:
        return "unknown", "-"
    return " ".join(f"{times * end:{form}}" for end in price.usd.ends), price.date + ("?" if price.assumed else "")

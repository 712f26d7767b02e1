"""Lists what a run over days rests on: how clusters fail, what devices cost, what laws expect of models."""

from __future__ import annotations

from sim.catalog import (
    Economics,
    Law,
    ParametricLaw,
    Price,
    Reliability,
    device_names,
    economics_of,
    law_names,
    load_law,
    load_reliability,
    reliability_names,
    reliability_of,
)
from sim.page.blocks import Block, Column, words
from sim.page.numbers import UNKNOWN, duration, fixed, number, whole
from sim.report.budget import fitted_range
from sim.report.catalogue.layout import listing
from sim.units import SECONDS_PER_YEAR

_SECONDS_PER_HOUR = 3600.0


def reliability_table() -> list[Block]:
    """Every profile of how often clusters fail and how they recover."""

    def devices(one: Reliability) -> str:
        return ", ".join(device for device in device_names() if reliability_of(device).name == one.name) or "-"

    def failures(one: Reliability) -> str:
        return number(one.failures.per_s * SECONDS_PER_YEAR) if one.failures.per_s else "-"

    def recovery(one: Reliability) -> str:
        return duration(one.detection_s + one.replacement_s + one.restart_s) if one.restart_s else "-"

    columns: list[Column[Reliability]] = [
        words("reliability", lambda one: one.name, key=True),
        Column("failures per device and year", failures),
        Column("recovery", recovery),
        words("default for", devices),
        words("title", lambda one: one.title),
    ]
    legend = "Recovery: from a failure that needs another node to running again, reading the checkpoint excluded."
    return listing("reliability", map(load_reliability, reliability_names()), columns, legend)


def prices_table() -> list[Block]:
    """What every device costs and draws; nothing where no source states it."""

    def price(one: Price | None, times: float, decimals: int) -> str:
        return UNKNOWN if one is None else " ".join(fixed(times * end, decimals) for end in one.usd.ends)

    def date(one: Price | None) -> str:
        return "-" if one is None else one.date + ("?" if one.assumed else "")

    columns: list[Column[tuple[str, Economics]]] = [
        words("device", lambda one: one[0], key=True),
        Column("rented, USD/h", lambda one: price(one[1].rental, _SECONDS_PER_HOUR, 2)),
        words("date", lambda one: date(one[1].rental)),
        Column("bought, USD", lambda one: price(one[1].purchase, 1.0, 0)),
        words("date", lambda one: date(one[1].purchase)),
        Column("power W", lambda one: UNKNOWN if one[1].busy_watts is None else whole(one[1].busy_watts)),
    ]
    legend = (
        "Low, typical, high; of one device with its share of the node, without cooling. ?: from no source that could be"
        " checked."
    )
    return listing("price", [(name, economics_of(name)) for name in device_names()], columns, legend)


def laws_table() -> list[Block]:
    """Every scaling law: what it was fitted on, and its lowest loss."""
    columns: list[Column[Law]] = [
        words("law", lambda law: law.name, key=True),
        words("of", lambda law: "parameters and tokens" if isinstance(law, ParametricLaw) else "compute"),
        Column("lowest loss", lambda law: number(law.floor)),
        words("on", lambda law: law.corpus),
        words("fitted on", fitted_range),
        words("title", lambda law: law.title),
    ]
    return listing("law", map(load_law, law_names()), columns)

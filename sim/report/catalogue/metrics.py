"""Lists every metric of a point: on the command line, and for docs/metrics.md."""

from __future__ import annotations

from sim.page.blocks import Block, Column, Said, table, words
from sim.page.markdown import table_markdown
from sim.records.metrics import ACCOUNT, METRICS, Metric

_COLUMNS: tuple[Column[Metric], ...] = (
    words("key", lambda one: one.key, key=True),
    words("title", lambda one: one.title),
    words("unit", lambda one: one.unit.axis or "-"),
    words("on the command line", lambda one: ", ".join(one.called) or "-"),
    words("meaning", lambda one: one.meaning),
)
_SHORT: tuple[Column[Metric], ...] = (
    words("key, and short names", lambda one: ", ".join((one.key, *one.called)), key=True),
    words("title (unit): meaning", lambda one: f"{one.axis}: {one.meaning}"),
)


def metrics_table() -> list[Block]:
    """Every metric, and every line of the account of a step."""
    lines = "Lines of the account of a step, in device-seconds:"
    return [table(METRICS, _SHORT), Said(lines), table(ACCOUNT, _SHORT)]


def metrics_blocks() -> dict[str, str]:
    """Name of a block of docs/metrics.md -> its text."""
    account = table(ACCOUNT, _COLUMNS).only(("key", "title", "meaning"))
    return {"metrics": table_markdown(table(METRICS, _COLUMNS)), "account": table_markdown(account)}

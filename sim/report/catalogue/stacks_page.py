"""The table of docs/stacks.md: for whom each stack is, what it stands for, and what checks it."""

from __future__ import annotations

from sim.catalog import latest_stacks, load_stack, stack_checks, stack_names, stack_uses
from sim.machines import kind_of
from sim.report.points import counted

_HEADERS = ("stack", "framework", "time", "devices", "what it stands for", "attention", "beside compute", "checked by")


def stacks_markdown() -> str:
    """A row for every stack, in Markdown."""
    rows = [_HEADERS, ("---",) * len(_HEADERS), *map(_row, stack_names())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def latest_markdown() -> str:
    """What the names of the newest stand for, in Markdown."""
    return "\n".join(
        ["| name | stands for |", "| --- | --- |", *(f"| `{a}` | `{b}` |" for a, b in latest_stacks().items())]
    )


def _row(name: str) -> tuple[str, ...]:
    stack, use, checks = load_stack(name), stack_uses()[name], stack_checks(name)
    _, attention, _, overlaps = kind_of(stack).stack_facts(stack)
    checked = f"{counted(checks.rows, 'row')}: {', '.join(checks.sources)}" if checks.rows else "nothing"
    return f"`{name}`", use.framework, use.time, use.devices, use.take, attention, overlaps, checked

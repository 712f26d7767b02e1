"""The comparison as blocks of Markdown: what the documentation and the README say of it, figure for figure."""

from __future__ import annotations

from collections.abc import Sequence

from sim.catalog.accuracy import Evidence, Situation
from sim.page.blocks import Table, table
from sim.page.borders import markdown_text
from sim.page.markdown import table_markdown
from sim.report.validation import recent_tables, tables
from sim.validation.summary import Summary
from sim.validation.unseen import Unseen
from sim.validation.unseen_groups import Peer, UnseenGroup

_README_ERRORS = ("errors of step times", "rows", "sources", "mean abs., each source alike", "median abs.", "P90 abs.")


def documentation_blocks(summary: Summary) -> dict[str, str]:
    """Name of a block of docs/validation.md -> its text."""
    problems = "\n".join(f"- {markdown_text(problem)}" for problem in summary.problems)
    sources = tables.groups_table(summary.sources, "source")
    reasons = map(recent_tables.reach_reasons, summary.reach[:1])
    return {
        "headline": f"{tables.headline_sentence(summary)}\n\n{tables.scaling_sentence(summary.series)}",
        "targets": table_markdown(table(summary.targets, tables.TARGETS)),
        "sources": table_block(sources, *([] if all(one.known for one in summary.sources) else [tables.GUESSED])),
        "stacks": table_markdown(tables.groups_table(summary.stacks, "stack")),
        "series": table_markdown(table(summary.series, tables.SERIES)),
        "worst": table_markdown(table(summary.worst, tables.WORST)),
        "speedups": table_markdown(table(summary.speedups, recent_tables.SPEEDUPS)),
        "reach": _tables(table(summary.reach, recent_tables.REACH), *reasons),
        "left-out": _tables(table(summary.reasons, tables.REASONS), table(summary.left_out, tables.LEFT_OUT)),
        "problems": problems or "None.",
    }


def believed_blocks(rows: Sequence[Unseen], summary: Summary, evidence: Evidence) -> dict[str, str]:
    """Name of a block of docs/validation.md on sources never seen -> its text."""
    bands = table_markdown(table(evidence.classes, tables.BANDS))
    return {
        "recent": table_markdown(recent_tables.recent_table(summary.recent, rows)),
        "believed": _tables(tables.believed_table(rows, summary), table(evidence.coverage, tables.COVERAGE)),
        "bands": f"{bands}\n\n{tables.selection_sentence(evidence)}\n\n{tables.memory_sentence(evidence)}",
    }


def unseen_block(groups: Sequence[UnseenGroup], beside: Sequence[Peer]) -> str:
    """Errors on sources that were left out, and the sentence on the first look."""
    found, others = table_markdown(tables.unseen_table(groups)), table_markdown(tables.peers_table(beside))
    return f"{found}\n\n{tables.first_look_sentence()}\n\n{others}"


def table_block(found: Table, *sentences: str) -> str:
    """A table, and what is said below it."""
    return "\n\n".join([table_markdown(found), *map(markdown_text, sentences)])


def readme_block(rows: Sequence[Unseen], summary: Summary, evidence: Evidence) -> str:
    """The README's block: errors on sources never seen, and what error bands hold, kind of machine by kind."""
    machines = [one for one in evidence.coverage if one.of == Situation(one.of.machine) and not one.is_class]
    return _tables(tables.believed_table(rows, summary).only(_README_ERRORS), table(machines, tables.COVERAGE))


def _tables(*tables: Table) -> str:
    return "\n\n".join(map(table_markdown, tables))

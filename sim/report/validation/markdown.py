"""The comparison as blocks of Markdown: what the documentation and the README say of it, figure for figure."""

from __future__ import annotations

from collections.abc import Sequence

from sim.catalog.accuracy import Evidence, Situation
from sim.page.blocks import Table, table
from sim.page.borders import markdown_text
from sim.page.markdown import table_markdown
from sim.report.validation.tables import (
    BANDS,
    COVERAGE,
    GUESSED,
    LEFT_OUT,
    REASONS,
    SERIES,
    TARGETS,
    WORST,
    believed_table,
    first_look_sentence,
    groups_table,
    headline_sentence,
    memory_sentence,
    peers_table,
    scaling_sentence,
    selection_sentence,
    unseen_table,
)
from sim.validation.summary import Group, Summary
from sim.validation.unseen import Unseen
from sim.validation.unseen_groups import Peer, UnseenGroup

_README_ERRORS = ("errors of step times", "rows", "sources", "mean abs., each source alike", "median abs.", "P90 abs.")


def documentation_blocks(summary: Summary) -> dict[str, str]:
    """Name of a block of docs/validation.md -> its text."""
    problems = "\n".join(f"- {markdown_text(problem)}" for problem in summary.problems)
    sources = groups_table(summary.sources, "source")
    return {
        "headline": f"{headline_sentence(summary)}\n\n{scaling_sentence(summary.series)}",
        "targets": table_markdown(table(summary.targets, TARGETS)),
        "sources": _with_legend(sources, summary.sources),
        "stacks": table_markdown(groups_table(summary.stacks, "stack")),
        "series": table_markdown(table(summary.series, SERIES)),
        "worst": table_markdown(table(summary.worst, WORST)),
        "left-out": _tables(table(summary.reasons, REASONS), table(summary.left_out, LEFT_OUT)),
        "problems": problems or "None.",
    }


def believed_blocks(rows: Sequence[Unseen], summary: Summary, evidence: Evidence) -> dict[str, str]:
    """Name of a block of docs/validation.md on sources never seen -> its text."""
    bands = table_markdown(table(evidence.classes, BANDS))
    return {
        "believed": _tables(believed_table(rows, summary), table(evidence.coverage, COVERAGE)),
        "bands": f"{bands}\n\n{selection_sentence(evidence)}\n\n{memory_sentence(evidence)}",
    }


def unseen_block(groups: Sequence[UnseenGroup], beside: Sequence[Peer]) -> str:
    """Errors on sources that were left out, and the sentence on the first look."""
    return "\n\n".join(
        [table_markdown(unseen_table(groups)), first_look_sentence(), table_markdown(peers_table(beside))]
    )


def table_block(found: Table, *sentences: str) -> str:
    """A table, and what is said below it."""
    return "\n\n".join([table_markdown(found), *map(markdown_text, sentences)])


def readme_block(rows: Sequence[Unseen], summary: Summary, evidence: Evidence) -> str:
    """The README's block: errors on sources never seen, and what error bands hold, kind of machine by kind."""
    machines = [one for one in evidence.coverage if one.of == Situation(one.of.machine) and not one.is_class]
    return _tables(believed_table(rows, summary).only(_README_ERRORS), table(machines, COVERAGE))


def _tables(*tables: Table) -> str:
    return "\n\n".join(map(table_markdown, tables))


def _with_legend(found: Table, groups: Sequence[Group]) -> str:
    text = table_markdown(found)
    return text if all(group.known for group in groups) else f"{text}\n\n{markdown_text(GUESSED)}"

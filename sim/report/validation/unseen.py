"""Errors on sources that were left out, as tables: for the screen and for Markdown."""

from __future__ import annotations

from tabulate import tabulate

from sim.page.numbers import percent
from sim.report.validation.tables import Cells
from sim.validation.errors import Errors
from sim.validation.unseen_groups import Peer, UnseenGroup, first_look


def unseen_block(groups: tuple[UnseenGroup, ...], beside: tuple[Peer, ...]) -> str:
    """Both tables and the sentence on the first look, as Markdown."""
    tables = (_markdown(unseen_cells(groups)), _markdown(peer_cells(beside)))
    return f"{tables[0]}\n\n{first_look_sentence()}\n\n{tables[1]}"


def unseen_screen(groups: tuple[UnseenGroup, ...], beside: tuple[Peer, ...]) -> str:
    """The same for the screen."""
    tables = [
        tabulate(cells.rows, cells.headers, tablefmt="simple", colalign=cells.aligned, disable_numparse=True)
        for cells in (unseen_cells(groups), peer_cells(beside))
    ]
    return f"{tables[0]}\n\n{first_look_sentence()}\n\n{tables[1]}"


def unseen_cells(groups: tuple[UnseenGroup, ...]) -> Cells:
    """Mean and median absolute errors by group: without the source, and on held-back rows of sources that are known.

    The latter only where a comparison with everything fitted is at hand.
    """
    headers = ("mean / median", "rows", "sources", "unseen, named", "unseen, guessed", "each source alike", "held back")
    rows = tuple(
        (
            group.name,
            f"{group.rows:,}",
            f"{group.sources}",
            *(_mean_and_median(errors) for errors in (group.named, group.guessed)),
            " / ".join("-" if one is None else percent(one) for one in group.by_source.values()),
            _mean_and_median(group.seen),
        )
        for group in groups
    )
    shown = len(headers) if any(group.seen for group in groups) else len(headers) - 1
    return Cells(headers[:shown], tuple(row[:shown] for row in rows))


def peer_cells(beside: tuple[Peer, ...]) -> Cells:
    """Mean absolute errors on the rows of sources that other programs were held against."""
    headers = ("source", "others", "rows", "others' error", "first look", "unseen, named", "unseen, guessed")
    rows = tuple(
        (
            one.source,
            one.program,
            f"{one.rows}",
            " / ".join(percent(error) for error in one.errors),
            percent(one.first_look),
            *("" if errors is None else percent(errors.mean_absolute) for errors in (one.named, one.guessed)),
        )
        for one in beside
    )
    return Cells(headers, rows, words=2)


def first_look_sentence() -> str:
    """How far off the rows were that were predicted before they touched anything."""
    errors = first_look()
    return (
        f"At first sight, before any of their rows had touched a fit or a decision, {errors.rows} rows of four sources"
        f" were {percent(errors.mean_absolute)} off on average, {percent(errors.median_absolute)} in the median."
    )


def _mean_and_median(errors: Errors | None) -> str:
    return "" if errors is None else f"{percent(errors.mean_absolute)} / {percent(errors.median_absolute)}"


def _markdown(cells: Cells) -> str:
    return tabulate(cells.rows, cells.headers, tablefmt="pipe", colalign=cells.aligned, disable_numparse=True)

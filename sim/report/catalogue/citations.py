"""Says which figures rest on which sources, and which are derived, fitted or assumed."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Sequence

from sim.catalog import Figure, load_sources
from sim.page.blocks import Bullets, Section, section
from sim.page.borders import ascii_only
from sim.page.numbers import few
from sim.page.terminal import NARROW

_EVIDENCE = ("datasheet", "published", "measured")
_REMAINDER = (
    ("derived", "Derived from a source"),
    ("fitted", "Fitted to measurements"),
    ("assumed", "Assumed, without a source"),
)


def sources_section(figures: Iterable[Figure]) -> Section | None:
    """Which sources figures rest on, and which of them are fitted or assumed, and why."""
    distinct = list({repr(dataclasses.astuple(figure)): figure for figure in figures}.values())
    sources = load_sources()
    of: dict[str, list[Figure]] = {}
    for one in distinct:
        if one.kind in _EVIDENCE:
            of.setdefault(one.source, []).append(one)
    rest = [one for one in distinct if one.kind in dict(_REMAINDER)]
    read = [
        f"{source.get('title', key)}. {source.get('reference', 'No reference is recorded')}:"
        f" {few([one.name for one in own], 8)}"
        for key, own in of.items()
        for source in [sources.get(key, {})]
    ]
    made = [f"{one.name} = {_written(one)} ({one.kind}): {one.note}" for one in rest]
    return section("Sources and assumptions", Bullets(tuple(read)), Bullets(tuple(made)), key="sources")


def cite(figures: Iterable[Figure]) -> str:
    """Say which of these figures come from which source, and which are derived, fitted or assumed, with the reason."""
    distinct = list({repr(dataclasses.astuple(figure)): figure for figure in figures}.values())
    blocks = [_cited(distinct)]
    for kind, heading in _REMAINDER:
        own = [figure for figure in distinct if figure.kind == kind]
        if own:
            blocks.append("\n".join([f"{heading}:", *(_reasoned(figure) for figure in own), *_named_sources(own)]))
    return ascii_only("\n\n".join(block for block in blocks if block))


def _cited(figures: Sequence[Figure]) -> str:
    """Evidence, source by source, in the order in which the sources first appear."""
    sources = load_sources()
    blocks = []
    for key in dict.fromkeys(figure.source for figure in figures if figure.kind in _EVIDENCE):
        source = sources.get(key, {})
        date = f" ({source['date']})" if "date" in source else ""
        own = [figure for figure in figures if figure.source == key and figure.kind in _EVIDENCE]
        # On a line of its own, so that a reference such as "arXiv 2304.03208" is not cut in two.
        lines = [_wrapped(source.get("title", key) + date, 0)]
        lines.append(_wrapped(source.get("reference", "no reference is recorded"), 2))
        lines += [_wrapped(f"{figure.name} = {_written(figure)}  [{figure.kind}]", 2) for figure in own]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _reasoned(figure: Figure) -> str:
    """A figure with why it is what it is, and what it was made from."""
    source = f" (from {figure.source})" if figure.source else ""
    return _wrapped(f"{figure.name} = {_written(figure)}{source}: {figure.note}", 2)


def _named_sources(figures: Sequence[Figure]) -> list[str]:
    """What the short names in the lines above stand for."""
    sources = load_sources()
    named = dict.fromkeys(figure.source for figure in figures if figure.source in sources)
    return [_wrapped(f"{key}: {sources[key]['title']}. {sources[key]['reference']}", 2) for key in named]


def _written(figure: Figure) -> str:
    """The value as a data file writes it."""
    if isinstance(figure.value, bool):
        return "yes" if figure.value else "no"
    return ", ".join(map(str, figure.value)) if isinstance(figure.value, list) else str(figure.value)


def _wrapped(text: str, indent: int) -> str:
    """A paragraph with a margin, its further lines indented."""
    margin = " " * indent
    return textwrap.fill(
        text, NARROW, initial_indent=margin, subsequent_indent=f"{margin}    ", break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip

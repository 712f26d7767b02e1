"""The files of a command, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from sim.report.layout import WIDTH

_MANY_FILES = 4


def written_files(paths: Sequence[Path]) -> str:
    """The files of a run for people, a chart in two formats once: a line each, or where there are many, a paragraph."""
    suffixes: dict[Path, list[str]] = {}
    for path in paths:
        suffixes.setdefault(path.with_suffix(""), []).append(path.suffix)
    named = {
        stem: f"{first}" + "".join(f" and {more}" for more in others) for stem, (first, *others) in suffixes.items()
    }
    folders = {stem.parent for stem in named}
    if len(folders) > 1 or len(named) < _MANY_FILES:
        return "\n".join(["Written:", *(f"  {stem}{suffix}" for stem, suffix in named.items())])
    names = ", ".join(f"{stem.name}{suffix}" for stem, suffix in named.items())
    text = textwrap.fill(names, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return f"Written to {folders.pop()}:\n{text}"

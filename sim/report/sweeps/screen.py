"""What a sweep came to, for people: how many points, what failed, and where everything is."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sim.errors import shown
from sim.page.borders import ascii_only
from sim.page.numbers import counted
from sim.report.layout import WIDTH
from sim.sweep.store import Store
from sim.sweep.sweep import Progress

_MOST_ERRORS = 5


def sweep_screen(store: Store, progress: Progress, folder: Path, written: Sequence[str]) -> str:
    """A few lines: counts, the errors with how many points have each, files, and what to do next."""
    total, done, failed, lost = store.counts()
    failed += lost
    lines = [f"{counted(total, 'point')}: {done:,} done, {failed:,} failed; {progress.new:,} of them computed now."]
    if failed:
        counts, first = _errors(store)
        lines += [
            f"{count:,} failed: {words}; {'the first ' if count > 1 else ''}at {first[words]}"
            for words, count in counts.most_common(_MOST_ERRORS)
        ]
        more = len(counts) - _MOST_ERRORS
        if more > 0:
            lines.append(f"and {counted(more, 'other error')}: see the column error of {folder / written[0]}")
    lines.append(f"Written to {folder}: {', '.join(written)}; everything is kept in {store.path.name}.")
    lines.append(f"Charts: scaletax plot {folder}")
    return ascii_only("\n".join(textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines))


def _errors(store: Store) -> tuple[Counter[str], dict[str, str]]:
    """How many points have each error, and the first of them in words, with what would help it."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for names, record, has_failed in store.records():
        if has_failed:
            words = record.get("problem", record["row"]["error"])
            counts[words] += 1
            axes = [f"{key} = {shown(value)}" for key, value in names.items() if key != "title"]
            place = ", ".join([f"'{record['row']['system']}'", *axes])
            first.setdefault(words, "; ".join([place, *record.get("remedy", "").splitlines()]))
    return counts, first

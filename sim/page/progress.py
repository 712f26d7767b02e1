"""How far work is: a bar on a terminal from the first second on, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from sim.page.numbers import counted, duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_EVERY_S = 10.0


class Progress:
    """Tells of progress until it is left. total: pieces of work, called unit. clock: seconds, for tests."""

    def __init__(
        self, total: int, unit: str = "point", out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total, self.unit, self.out, self.clock = total, unit, out or sys.stderr, clock
        self.begun_s = self.told_s = clock()
        self.done = self.failed = self.kept = 0
        self.bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        if self.out.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            # The guard of the command line lets no control character through; a bar is made of them.
            console = Console(file=getattr(self.out, "unguarded", self.out))
            columns = (TextColumn(f"{self.unit}s"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self.bar = RichProgress(*columns, TextColumn("{task.fields[failed]}"), console=console, transient=True)
            self.bar.add_task("", total=self.total, failed="")
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, total: int | None = None) -> None:
        """One piece more is done. total: of how many, where that is only known once the work has begun."""
        self.total = total or self.total
        self.set(self.done + 1)

    def set(self, done: int, failed: int = 0, kept: int = 0) -> None:
        """So many pieces are done, and failed; kept: of them that were done before."""
        self.done, self.failed, self.kept = done, failed, kept
        if self.bar is not None:
            words = f"{failed} failed" if failed else ""
            self.bar.update(self.bar.task_ids[0], completed=done, total=self.total, failed=words)
            return
        now_s = self.clock()
        if now_s - self.told_s >= _EVERY_S:
            self.told_s = now_s
            print(self.line(now_s - self.begun_s), file=self.out, flush=True)

    def say(self, words: str) -> None:
        """Say at once what the user must know."""
        if self.bar is not None:
            self.bar.console.print(f"warning: {words}", markup=False, highlight=False)
        else:
            print(f"warning: {words}", file=self.out, flush=True)

    def line(self, elapsed_s: float) -> str:
        """Done, failed, left, rate and time remaining in one line."""
        left = max(self.total - self.done, 0)
        rate = (self.done - self.kept) / elapsed_s if elapsed_s > 0 else 0.0
        remaining = f", {duration(left / rate)} to go" if rate and left else ""
        failed = f" {self.failed:,} failed," if self.failed else ""
        return f"{counted(self.done, self.unit)} done,{failed} {left:,} left; {rate:,.1f} a second{remaining}"

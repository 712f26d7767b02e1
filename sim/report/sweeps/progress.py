"""How far a sweep is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from sim.sweep.sweep import Progress
from sim.units import readable_time

_EVERY_S = 30.0


class Teller:
    """Tells of progress until it is left. total: points of the grid. clock: seconds, for tests."""

    def __init__(self, total: int, out: TextIO = sys.stderr, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.out, self.clock = total, out, clock
        self.begun_s = self.told_s = clock()
        self.bar: Any = None

    def __enter__(self) -> Teller:
        if self.out.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=self.total, unit="point", file=self.out, leave=False, smoothing=0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def say(self, words: str) -> None:
        """Say at once what the user must know."""
        if self.bar is not None:
            self.bar.clear()
        print(f"warning: {words}", file=self.out, flush=True)

    def __call__(self, progress: Progress) -> None:
        """Tell of it, if it is time."""
        if self.bar is not None:
            self.bar.n = progress.done
            self.bar.set_postfix_str(f"{progress.failed} failed" if progress.failed else "", refresh=False)
            self.bar.refresh()
            return
        now_s = self.clock()
        if now_s - self.told_s >= _EVERY_S:
            self.told_s = now_s
            print(progress_line(progress, self.total, now_s - self.begun_s), file=self.out, flush=True)


def progress_line(progress: Progress, total: int, elapsed_s: float) -> str:
    """Done, failed, left, rate and time remaining in one line."""
    left = max(total - progress.done, 0)
    rate = progress.new / elapsed_s if elapsed_s > 0 else 0.0
    remaining = f", {readable_time(left / rate)} to go" if rate and left else ""
    return f"{progress.done:,} done, {progress.failed:,} failed, {left:,} left; {rate:,.1f} points/s{remaining}"

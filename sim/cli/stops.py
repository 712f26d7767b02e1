"""What a command meets from outside: a terminal that obeys what it is sent, a reader that has gone, SIGTERM."""

from __future__ import annotations

import io
import os
import signal
import sys
from types import FrameType
from typing import Any, TextIO, cast

from sim.page.borders import printable

_CTRL_C, _TERMINATED = 130, 143
"""Exit codes, as a shell has them: 128 and the number of the signal."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: an end as orderly as that after Ctrl-C."""


class GuardedStream:
    """A stream of text that sends no control characters, and sends the rest nowhere once its reader has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            self._stream.write(printable(text))
        except BrokenPipeError:
            self._to_nowhere()
        return len(text)

    def styled(self, text: str) -> None:
        """Write a text of the program's own, with the codes of its colours, as it is."""
        try:
            self._stream.write(text)
        except BrokenPipeError:
            self._to_nowhere()

    @property
    def unguarded(self) -> TextIO:
        """The stream itself, for a progress bar."""
        return self._stream

    def flush(self) -> None:
        """Hand on what was written."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._to_nowhere()

    def _to_nowhere(self) -> None:
        """`scaletax check FILE | head -1` has read what it wanted: no error, and what is left to do is done."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard() -> None:
    """Guard the output of this process, and have SIGTERM stop it like Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = cast(TextIO, GuardedStream(sys.stdout)), cast(TextIO, GuardedStream(sys.stderr))
    owner = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() == owner:
            raise Terminated
        # A forked worker has nothing to put in order.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, stop)


def stop_code_of(stopped: BaseException) -> int:
    """The exit code after Ctrl-C or SIGTERM. stopped: what was raised, or what click made of it."""
    return _TERMINATED if isinstance(stopped.__cause__ or stopped, Terminated) else _CTRL_C

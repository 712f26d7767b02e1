"""What processes of tests do, in a module that they import quickly."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sim.processes import mapped

_told: list[str] = []


def square(number: int) -> int:
    return number * number


def place(number: int) -> int:
    return os.getpid()


def remember(words: str) -> None:
    _told[:] = [words]


def remembered(number: int) -> str:
    return _told[0]


def nested(number: int) -> list[int]:
    return list(mapped(square, [number, number + 1], 2))


def dies_once(folder: Path, number: int) -> int:
    """Kills its process the first time that it is asked for 2."""
    been = folder / "been"
    if number == 2 and not been.exists():
        been.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def dies_at(deadly: int, number: int) -> int:
    """Kills its process whenever it is asked for one number."""
    if number == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)

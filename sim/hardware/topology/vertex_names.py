"""Reads the names of vertices: all that a graph file of the user's has to say of their kinds and their order.

The families that number their vertices name them alike: "gpu17", "leaf3.1".
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def kind_of(vertex: str) -> str:
    """What a vertex is called without its number: "leaf" for "leaf3.1"."""
    return re.sub(r"[\d.]*$", "", vertex) or vertex


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts names as people do, gpu2 before gpu10: numbers by their size, text around them by letters."""
    parts = re.split(r"([0-9]+)", name)
    # Of two numbers the one of more digits is the larger.
    return [(len(part.lstrip("0")), part.lstrip("0")) if number % 2 else (0, part) for number, part in enumerate(parts)]


def naturally(names: Iterable[str]) -> list[str]:
    """Names sorted as people do."""
    return sorted(names, key=natural)

"""How messages write values."""

from __future__ import annotations

_LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """Write a value much as the file has it, and not too long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    text = repr(value) if isinstance(value, (str, int, float, list)) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."

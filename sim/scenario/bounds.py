"""The largest sizes that are simulated: beyond them a number is a slip, and the work that it asks for has no end."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from sim.errors import InputError

LARGEST_COUNT = 10**18
"""Any whole number of a scenario: it stays within 64 bits."""
MOST_PARAMETERS = 10**18
"""Of a model; a hundred times what so many devices hold."""
MOST_LAYERS = 10_000
MOST_DEVICES = 1 << 20
"""Of one topology."""
MOST_SEQUENCES = 10**12
"""Of a step's batch."""

MOST_STEPS = 10**15
"""Of a run: they are counted in floats, which know every whole number up to nine times as many."""

MOST_DEVICE_TURNS = 500_000_000
"""Instructions of a step over all devices, where each of them is simulated: what memory holds."""
MOST_TURNS_OF_STEPS = 20_000_000_000
"""The same over all steps: some minutes of work."""

MOST_TRACED_STEPS = 100
"""A step that is repeated so often shows nothing new."""

LARGEST_MESSAGE_BYTES = 10**18
"""Of a collective."""
MOST_CLUSTER_SIZES = 64
"""That one search for plans compares."""
_READABLE = 1e15
"""From here on a number is written with an exponent."""


def check_size(number: float, most: int, what: str, where: str) -> None:
    """Raise InputError for more of something than is simulated. what: in the plural, such as "devices"."""
    if number > most:
        few = f"{number:,.0f}" if number < _READABLE else f"{Decimal(number):.3g}"
        raise InputError(where, f"{few} {what}", f"at most {most:,} {what} are simulated")


def divisors(number: int, largest: int) -> list[int]:
    """Divisors of a number up to a largest one, ascending; found in pairs, by trying numbers up to its root."""
    tried = np.arange(1, min(int(number**0.5) + 1, largest) + 1)
    low = tried[number % tried == 0]
    both = np.unique(np.concatenate([low, number // low]))
    return [int(one) for one in both[both <= largest]]

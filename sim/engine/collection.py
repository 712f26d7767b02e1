"""Runs without the collection of garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """A program is many small objects, none of which is in a cycle: looking for cycles among them is time lost."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            # What has been made counts as old: the next collection would look through all of it at once.
            gc.freeze()
            gc.unfreeze()
            gc.enable()

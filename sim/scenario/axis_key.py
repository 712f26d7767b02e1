"""The key of a sweep's axis, as its file writes it."""

from __future__ import annotations


class AxisKey(str):
    """A dotted key of [sweep]: "training.tokens", "system.8 A100.devices"."""

    __slots__ = ()

    @property
    def last(self) -> str:
        """What it sets: "tokens". Names of systems may have dots, keys have none."""
        return self.rpartition(".")[2]

    @property
    def table(self) -> str:
        """The table of the file that it is in: "training"."""
        return self.partition(".")[0]

    def ends(self, text: str) -> bool:
        """Whether somebody means it who writes the end of it: "tensor", "plan.tensor"."""
        return self.endswith(f".{text}")

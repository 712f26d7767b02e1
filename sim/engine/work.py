"""What an instruction does, as fields. What it is called is derived from them, and never read back."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sim.workload.phases import Phase

Kind = Literal[
    "input", "pass", "send", "reduce", "gather", "scatter", "stream in", "stream out", "barrier", "straggler",
    "prepare", "optimizer", "to host", "to device",
]  # fmt: skip
"""A barrier only waits; a straggler is the time until the slowest replica has come as far."""
Unit = Literal["embedding", "layer", "head", "root", "shared gradients", "gradients", "parameters", "activations"]
"""What of the model it is about. The root is embedding, final norm and head together."""

_FIXED = {"input": "input", "straggler": "wait for the slowest replica", "optimizer": "optimizer"}
_MOVED = {
    "gather": "gather",
    "scatter": "scatter",
    "reduce": "reduce",
    "stream in": "weights",
    "stream out": "gradients",
    "to host": "offload",
    "to device": "bring back",
}


class Work(NamedTuple):
    """One instruction's work.

    phase: of a pass or a send. chunk: which of its stage's chunks, where a stage has several; layer: which layer or
    other unit of the model, where units run one by one. piece: (number from 0, how many) where work is cut. also: a
    pass that runs in the same instruction.
    """

    kind: Kind
    phase: Phase | None = None
    micro_batch: int | None = None
    chunk: int | None = None
    layer: int | None = None
    unit: Unit | None = None
    piece: tuple[int, int] | None = None
    also: Work | None = None

    @property
    def number(self) -> str:
        """Micro-batch, and after it the chunk or the layer: "3", "3.1"; empty where it is about neither."""
        inner = self.layer if self.chunk is None else self.chunk
        return ".".join(str(one) for one in (self.micro_batch, inner) if one is not None)

    @property
    def label(self) -> str:
        """What it is called in messages and timelines: "backward 3.1 part 1/4"."""
        words = [self._name, self.number, f"part {self.piece[0] + 1}/{self.piece[1]}" if self.piece else ""]
        label = " ".join(word for word in words if word)
        return f"{label} & {self.also.label}" if self.also else label

    @property
    def _name(self) -> str:
        unit = "" if self.unit in (None, "layer") else str(self.unit)
        if self.kind == "pass":
            is_plain_forward = self.phase == "forward" and unit
            return unit if is_plain_forward else f"{unit} {self.phase}".strip()
        if self.kind == "send" and self.phase:
            return "send activation" if self.phase == "forward" else "send gradient"
        if self.kind == "barrier" and unit:
            return f"{unit} complete"
        if self.kind == "prepare" and unit:
            return f"prepare {unit}"
        return _FIXED.get(self.kind) or f"{_MOVED.get(self.kind, self.kind)} {unit}".strip()

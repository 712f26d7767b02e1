"""Precision and optimizers as typed records: how wide every kind of number is, and what an optimizer keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim.catalog.figures import Figure


class Format(NamedTuple):
    """How numbers of one use are held. bytes: of each, its share of a block's scale included."""

    name: str
    bytes: float


NO_COPY = Format("none", 0.0)
"""Of what is not kept at all, such as a master copy of weights that are updated in place."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The format of every use of numbers in training."""

    name: str
    title: str
    products: Format
    """Operands of matrix products; a device has a peak for it."""
    attention: Format
    """Operands of what multiplies queries, keys and values; a device has a peak for it."""
    activations: Format
    """Kept for the backward pass, moved through memory, and sent between devices."""
    parameters: Format
    """The weights that products read, and that are gathered."""
    gradients: Format
    """The buffer that gradients are added up in."""
    reductions: Format
    """Gradients on their way between replicas."""
    master: Format
    """The copy of the weights that the optimizer updates."""
    moments: Format
    """The optimizer's states."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    def update_bytes(self, states: Any) -> Any:
        """Memory traffic per parameter of one optimizer step that keeps so many states of each: at least.

        Reads the gradient, reads and writes every state and what is updated, writes the weights that products read.
        Hand-worked: Adam in fp32 with bf16 weights and gradients: 2 + 2 (4 + 4) + 2 x 4 + 2 = 28; without a master copy
        and with states of 2 bytes, 2 + 2 (2 + 2) + 2 x 2 = 14.
        """
        copies = 2 * self.master.bytes + self.parameters.bytes if self.master.bytes else 2 * self.parameters.bytes
        return self.gradients.bytes + 2 * self.moments.bytes * states + copies


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What an optimizer keeps of each trained parameter, in numbers beside the master copy.

    matrix_states, table_states, vector_states: per element of a layer's matrices, of embedding and vocabulary
    projection, of biases and norms. line_states: per row and per column of every matrix, tables included.
    """

    name: str
    title: str
    matrix_states: float
    table_states: float
    vector_states: float
    line_states: float
    orthogonal_steps: int
    """Steps of the iteration that makes the update of a layer's matrix orthogonal; 0: none."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def states_each(self) -> float | None:
        """States of each parameter where all have equally many; None where that depends on the parameter."""
        alike = self.matrix_states == self.table_states == self.vector_states and not self.line_states
        return self.matrix_states if alike else None

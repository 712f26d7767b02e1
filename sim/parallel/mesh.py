"""The mesh: how many ranks each kind of parallelism has, and in which order they are laid out over the devices.

The order decides which links a group uses: the innermost axis has neighbours, the outermost the whole cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sim.errors import InputError
from sim.hardware.kernel import Array
from sim.hardware.network import Devices, Group, lattice

Axis = Literal["tensor", "context", "expert", "data", "pipeline"]
RANK_ORDER = "tp-cp-ep-dp-pp"
"""Innermost first. Source: Megatron-LM, initialize_model_parallel, its argument `order` and default."""
_AXES: dict[str, Axis] = {"tp": "tensor", "cp": "context", "ep": "expert", "dp": "data", "pp": "pipeline"}


@dataclass(frozen=True, slots=True)
class Mesh:
    """Degrees of parallelism, numbers or arrays of one shape, and their order.

    Experts share out the ranks of context and data parallelism: `with_experts` is the mesh that their layers see.
    Source: Megatron-LM, initialize_model_parallel (its expert rank generator). Hand-worked: tensor 4, data 8,
    pipeline 2 in the usual order: data groups of stride 4, pipeline groups of stride 32, 64 devices; with 2 expert
    ranks, expert groups of stride 4 and data groups of 4 ranks, stride 8.
    """

    tensor: Array = 1
    data: Array = 1
    pipeline: Array = 1
    context: Array = 1
    expert: Array = 1
    order: str = RANK_ORDER

    @property
    def devices(self) -> Array:
        """Product of all degrees."""
        return self.tensor * self.context * self.expert * self.data * self.pipeline

    @property
    def stage_devices(self) -> Array:
        """Devices of one pipeline stage."""
        return self.tensor * self.context * self.expert * self.data

    def stride(self, axis: Axis) -> Array:
        """Distance from a rank to the next on an axis: the product of all degrees inside of it."""
        stride: Array = 1
        for name in self.order.split("-"):
            if _AXES[name] == axis:
                break
            stride = stride * getattr(self, _AXES[name])
        return stride

    def group(self, axis: Axis) -> Group:
        """Ranks that differ on one axis alone."""
        return Group(getattr(self, axis), self.stride(axis))

    def split_group(self, axis: Axis, part: Array) -> tuple[Group, Group]:
        """Neighbours on an axis, `part` of them, and those who have the same place in different such parts.

        part: divides the degree. Hand-worked: 32 replicas, tensor 2, parts of 8: 8 ranks of stride 2, 4 of stride 16.
        """
        stride = self.stride(axis)
        return Group(part, stride), Group(getattr(self, axis) // part, stride * part)

    def with_experts(self, expert: Array) -> Mesh:
        """The same devices as layers of experts share them. expert: divides context times data."""
        return replace(self, context=1, expert=expert, data=self.context * self.data // expert)

    def devices_of(self, stages: Sequence[int], replicas: Sequence[int]) -> Devices:
        """Devices of some neighbouring stages and replicas: all their tensor and context ranks. Of one plan."""
        first = stages[0] * self.stride("pipeline") + replicas[0] * self.stride("data")
        counts = {"pipeline": len(stages), "data": len(replicas)}
        axes: list[Axis] = [_AXES[name] for name in self.order.split("-")]
        return lattice(first, [(counts.get(axis, getattr(self, axis)), self.stride(axis)) for axis in axes])


def check_rank_order(order: str, where: str) -> None:
    """Raise InputError for an order that does not name every axis once."""
    if sorted(order.split("-")) != sorted(_AXES):
        raise InputError(where, f"rank_order '{order}'", f"name each of {', '.join(_AXES)} once, joined by '-'")

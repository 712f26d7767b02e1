"""Many plans at once: arrays of degrees under one set of switches, as the search screens them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hardware.kernel import Array
from sim.parallel.cuts import balanced_cut, first_layer
from sim.parallel.mesh import RANK_ORDER, Mesh
from sim.parallel.plans import GATHERING_STAGE
from sim.parallel.schedules import SCHEDULES, SETTLED_ROUNDS, Schedule, peak_layers_in_flight
from sim.scenario.types import OptimizerOffload, PlanRequest, Recompute

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlanBlock:
    """Plans of one model under the same switches. All arrays are (B,).

    layers: of the model, cut into chunks as cuts.balanced_cut does.
    micro_batches: per replica and step; the most where the batch does not divide evenly.
    zero_group: as of a Plan; data in those plans where it is all.
    """

    layers: int
    tensor: Counts
    pipeline: Counts
    data: Counts
    virtual_stages: Counts
    micro_batch: Counts
    micro_batches: Counts
    zero: int
    sequence_parallel: bool
    recompute: Recompute
    schedule: str
    rank_order: str = RANK_ORDER
    zero_group: Counts | None = None
    offload_layers: int = 0
    optimizer_offload: OptimizerOffload = "none"

    def __len__(self) -> int:
        return len(self.tensor)

    @property
    def mesh(self) -> Mesh:
        """How the ranks of each plan lie over the devices."""
        return Mesh(self.tensor, self.data, self.pipeline, order=self.rank_order)

    @property
    def shards(self) -> Counts:
        """(B,) neighbouring replicas that ZeRO shares states out among."""
        return self.data if self.zero_group is None else self.zero_group

    @property
    def devices(self) -> Counts:
        """(B,) devices that each plan uses."""
        devices: Counts = self.mesh.devices
        return devices

    @property
    def reduces_each(self) -> bool:
        """As of a Plan."""
        return self.zero == GATHERING_STAGE

    @property
    def pipelining(self) -> Schedule:
        """The schedule itself."""
        return SCHEDULES[self.schedule]

    def at(self, rows: Any) -> PlanBlock:
        """Some of the plans: an index, a mask or a slice."""
        arrays = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        return PlanBlock(
            **{name: value[rows] if isinstance(value, np.ndarray) else value for name, value in arrays.items()}
        )

    def stage_layers(self, stage: Array) -> Array:
        """(B,) layers that a stage of each plan holds over all its chunks. stage: (B,)."""
        return self.pipelining.stage_layers(self.layers, self.pipeline, self.virtual_stages, stage)

    def layer_ranges(self, stage: Array) -> list[tuple[Array, Array]]:
        """[(first, past the last) layer] of every chunk of a stage of each plan; empty where others have more."""
        shapes = np.stack(np.broadcast_arrays(stage, self.pipeline, self.virtual_stages))
        different, place = np.unique(shapes, axis=1, return_inverse=True)
        most = self.virtual_stages.max(initial=1) * self.pipelining.copies
        ends = np.zeros((different.shape[1], most, 2), dtype=int)
        for row, (at, stages, virtual) in enumerate(different.T.tolist()):
            chunks = stages * virtual
            own = np.array(self.pipelining.chunks_of(at, stages, virtual)) % chunks
            ends[row, : len(own)] = np.stack([first_layer(self.layers, chunks, own + more) for more in (0, 1)], axis=-1)
        return [(first, last) for first, last in ends[place.reshape(-1)].transpose(1, 2, 0)]

    def layers_in_flight(self, stage: Array) -> Array:
        """(B,) layers, over micro-batches, that a stage of each plan holds activations of at its fullest."""
        shape = (stage, self.pipeline, self.virtual_stages, self.micro_batches)
        held = self.pipelining.held(*shape) * self.stage_layers(stage)
        own, chunks = self.virtual_stages * self.pipelining.copies, self.pipeline * self.virtual_stages
        ends = (stage == 0) | (stage == self.pipeline - 1)
        mixed = (own > 1) & (self.layers % chunks != 0) & ends
        if mixed.any():
            held = held.astype(float)
            held[mixed] = self._mixed_in_flight(np.stack(np.broadcast_arrays(*shape))[:, mixed])
        return held

    def _mixed_in_flight(self, shapes: Counts) -> NDArray[np.float64]:
        """The same for stages whose chunks differ, one order of slots for each different shape. shapes: (4, b)."""
        settled = shapes.copy()
        settled[3] = np.minimum(shapes[3], SETTLED_ROUNDS * shapes[1])
        different, place = np.unique(settled, axis=1, return_inverse=True)
        found = [
            peak_layers_in_flight(
                self.pipelining.order(stage, stages, virtual, micro_batches),
                (balanced_cut(self.layers, stages * virtual) * self.pipelining.copies).__getitem__,
            )
            for stage, stages, virtual, micro_batches in different.T.tolist()
        ]
        return np.array(found, dtype=float)[place.reshape(-1)]

    def request(self, row: int, batch: int) -> PlanRequest:
        """One of the plans as a user would write it down. batch: sequences of a step."""
        counts = ("tensor", "pipeline", "virtual_stages", "data", "micro_batch")
        given: dict[str, Any] = {name: int(getattr(self, name)[row]) for name in counts}
        data, most = given["data"], int(self.micro_batches[row])
        cut = balanced_cut(self.layers, given["pipeline"] * given["virtual_stages"])
        fewer = most * data - batch // given["micro_batch"]
        uneven = (most,) * (data - fewer) + (most - 1,) * fewer
        return PlanRequest(
            rule="fixed",
            **given,
            zero=self.zero,
            zero_group=int(self.shards[row]) if self.zero and self.shards[row] < data else None,
            sequence_parallel=self.sequence_parallel and given["tensor"] > 1,
            recompute=self.recompute,
            schedule=self.schedule,
            layers_per_stage=None if len(set(cut)) == 1 else cut,
            micro_batches=uneven if fewer else None,
            offload_layers=self.offload_layers or None,
            optimizer_offload=None if self.optimizer_offload == "none" else self.optimizer_offload,
        )

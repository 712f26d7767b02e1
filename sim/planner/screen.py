"""Memory and step time of all plans at once, by the functions that the engine's costs come from.

Plans share much: what a layer takes depends on tensor degree and micro-batch, what happens once a step on the degrees.
Each is worked out for every different combination, and each plan looks up its own.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.cost.compute import Machine
from sim.cost.estimate import estimated_step_s
from sim.cost.parts import duration_s
from sim.cost.sketch import ShardedSketch, Sketch, StageSketch, mean_layer
from sim.cost.split import gradient_send, pipeline_send, shared_gradient_bytes
from sim.cost.stage import exposed_gather, layer_unit, root_unit, stage_cost
from sim.cost.step import expected_maximum, micro_batch_passes, slice_of
from sim.hardware.kernel import Array
from sim.hardware.network import Communication, NetworkTable
from sim.parallel.memory import stage_memory, stage_parameters, trained_share
from sim.parallel.plan import shards_by_layer
from sim.parallel.plan_block import Counts, PlanBlock
from sim.parallel.stage_weights import stage_kinds as layers_of_stage
from sim.scenario.types import Scenario
from sim.workload.kinds import all_layers, model_kinds

Floats = NDArray[np.float64]
_ROWS = 1 << 14
"""Plans that are worked on at once: their columns stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Screened:
    """The plans of one block that fit. peak_bytes: of the fullest stage. step_s: by the closed form."""

    plans: PlanBlock
    peak_bytes: Floats
    step_s: Floats


class Screen:
    """Screens blocks of plans of one scenario on GPUs of one kind."""

    def __init__(self, scenario: Scenario, machine: Machine, table: NetworkTable) -> None:
        self.scenario, self.machine, self.table = scenario, machine, table
        batch, layers = scenario.training.global_batch, scenario.model.layers
        replicas = dict.fromkeys(("data", "shards", "micro_batch", "micro_batches"), batch + 1)
        stages = dict.fromkeys(("pipeline", "virtual_stages"), layers + 1)
        self._radices = {"tensor": scenario.model.heads + 1, **stages, **replicas}
        self._counts = list(all_layers(scenario.model).values())
        self._all_known: dict[tuple[object, ...], _Known] = {}

    def screened(self, block: PlanBlock, capacity_bytes: float) -> Screened:
        """The plans of a block that fit, with their memory and their step time."""
        peak_bytes = self.peak_bytes(block)
        fits = peak_bytes <= capacity_bytes
        fitting = block.at(fits)
        return Screened(fitting, peak_bytes[fits], self.step_s(fitting))

    def least_s(self, block: PlanBlock) -> Floats:
        """(B,) seconds that the layers of each plan take at least, whatever else it does: a bound from below."""
        if not len(block):
            return np.zeros(0)
        columns = self._layers_and_ends(block).at(slice(None))
        layers_s = mean_layer(self._by_kind(columns), self._counts)
        layer_s: Floats = layers_s[0] + layers_s[1]
        return block.micro_batches * (self.scenario.model.layers / block.pipeline) * layer_s

    def peak_bytes(self, block: PlanBlock) -> Floats:
        """(B,) bytes of the fullest device of each plan."""
        pieces = [self._peak_bytes(block.at(rows)) for rows in _pieces(len(block))]
        return np.concatenate(pieces) if pieces else np.zeros(0)

    def step_s(self, block: PlanBlock) -> Floats:
        """(B,) seconds of a step of each plan."""
        if not len(block):
            return np.zeros(0)
        sequence_parallel, layout = block.sequence_parallel, block.pipelining.layout
        split, once = ["data", "pipeline", "virtual_stages"], layout
        if block.reduces_each:
            # How often depends on the schedule and the number of micro-batches.
            split, once = [*split, "micro_batches"], block.schedule
        groups = ["shards"] if block.zero_group is not None else []
        shared = [
            self._layers_and_ends(block),
            self._known("sends", sequence_parallel, layout).of(
                block, self._sends, "tensor", "pipeline", "data", "micro_batch"
            ),
        ]
        for kind in range(_KINDS):
            cost = functools.partial(self._stages, kind=kind)
            known = self._known("stages", block.zero, once, kind, *groups)
            shared.append(known.of(block, cost, "tensor", *split, *groups))
        if shards_by_layer(block, self.machine.stack):
            known = self._known("sharded", block.zero, block.recompute, *groups)
            shared.append(known.of(block, self._sharded, "tensor", "data", *groups))
        return np.concatenate(
            [self._step_s(block.at(rows), [one.at(rows) for one in shared]) for rows in _pieces(len(block))]
        )

    def _layers_and_ends(self, block: PlanBlock) -> _Shared:
        """See _passes."""
        switches: list[object] = [block.sequence_parallel, block.recompute, block.pipelining.phases]
        degrees = ["tensor", "micro_batch"]
        if self.machine.recipe.quantised is not None:
            # How often weights are cast, and how many of them a device casts.
            switches, degrees = [*switches, block.zero], [*degrees, "micro_batches", "shards"]
        return self._known("passes", *switches).of(block, self._passes, *degrees)

    def _known(self, what: str, *switches: object) -> _Known:
        """What is known of something that depends on some switches and some degrees of a plan."""
        return self._all_known.setdefault((what, *switches), _Known(self._radices))

    def _peak_bytes(self, block: PlanBlock) -> Floats:
        scenario, machine = self.scenario, self.machine
        stages = [
            stage_memory(scenario.model, scenario.training, block, machine.stack, machine.style, stage).total
            for stage, _ in stage_kinds(block)
        ]
        peak_bytes: Floats = np.max(stages, axis=0)
        return peak_bytes

    def _passes(self, some: PlanBlock) -> list[Array]:
        """Forward, backward and its part that may run apart, of a layer of each kind, the embedding and the head."""
        scenario = self.scenario
        passes = micro_batch_passes(scenario.model, scenario.training, some, self.machine, self.table)
        units = (*passes.layers.values(), passes.embedding, passes.head)
        return [seconds for one in units for seconds in (one.forward_s, one.backward_s, one.weight_s)]

    def _by_kind(self, columns: Floats, each: int = 3) -> list[Floats]:
        """The columns of a layer of each kind, `each` at a time, of all that come first."""
        return [columns[each * index : each * index + each] for index in range(len(self._counts))]

    def _sends(self, some: PlanBlock) -> list[Array]:
        """A send onwards and one back, and gradients of parameters that two stages hold."""
        model, training, stack = self.scenario.model, self.scenario.training, self.machine.stack
        part = slice_of(training, some, self.machine.recipe)
        sends = [pipeline_send(model, part, some, stack, self.table, stages=stages) for stages in (1, -1)]
        width = 0.0 if training.lora else self.machine.gradient_bytes
        held = trained_share(model, training) * stage_parameters(model, some, np.zeros_like(some.pipeline))
        shared_bytes = shared_gradient_bytes(model, some, width, self.machine.gradient_bytes * held)
        sends.append(gradient_send(shared_bytes, some, self.table, stages=some.pipeline - 1))
        return [one.seconds for one in sends]

    def _stages(self, some: PlanBlock, kind: int) -> list[Array]:
        """What one kind of stage does once a step, and how far the slowest replica lags."""
        scenario = self.scenario
        stage, _ = stage_kinds(some)[kind]
        cost = stage_cost(scenario.model, scenario.training, some, stage, self.machine, self.table)
        lag = scenario.system.jitter * expected_maximum(some.data) if scenario.system.jitter else 0.0
        once = (cost.reduction.seconds, cost.buckets, cost.gather.seconds, cost.scales.seconds, cost.prepare_s)
        return [*once, duration_s(cost.optimizer), lag]

    def _sharded(self, some: PlanBlock) -> list[Array]:
        """What FSDP does for a layer of each kind and for the root."""
        model, training = self.scenario.model, self.scenario.training
        step = (model, training, some, self.machine, self.table)
        units = [*(layer_unit(kind, *step) for kind in model_kinds(model)), root_unit(*step)]
        return [
            column
            for one in units
            for column in (one.gather.seconds, one.again.seconds, one.scatter.seconds, one.prepare_s)
        ]

    def _step_s(self, block: PlanBlock, shared: list[Floats]) -> Floats:
        """The step of some plans, from what each of them has looked up."""
        (passes, (send_s, send_back_s, shared_s)), stages = shared[:2], shared[2 : 2 + _KINDS]
        stack, schedule = self.machine.stack, block.pipelining
        layers_s, embedding_s, head_s = self._by_kind(passes), passes[-6:-3], passes[-3:]
        sketches = []
        for (stage, count), own in zip(stage_kinds(block), stages, strict=True):
            reduction_s, buckets, gather_s, scales_s, prepare_s, optimizer_s, lag = own
            counts = layers_of_stage(self.scenario.model, block, stage).values()
            first, last = (has(stage, block.pipeline) for has in (schedule.has_first, schedule.has_last))
            forward_s, backward_s, weight_s = (
                (
                    functools.reduce(operator.add, [n * one[side] for n, one in zip(counts, layers_s, strict=True)])
                    + first * embedding_s[side]
                    + last * head_s[side]
                )
                / schedule.copies
                for side in range(3)
            )
            exposed_s = exposed_gather(Communication(gather_s), buckets, block, stack, forward_s).seconds + scales_s
            late_s = lag * block.micro_batches * (forward_s + backward_s)
            once_s = (reduction_s, buckets, exposed_s, prepare_s, optimizer_s, late_s)
            sketches.append(StageSketch(count, forward_s, backward_s, *once_s, weight_s))
        sharded_s = [0.0] * 7
        if len(shared) > 2 + _KINDS:
            layer_s = mean_layer(self._by_kind(shared[-1], 4), self._counts)
            root_gather_s, _, *root_s = shared[-1][-4:]
            sharded_s = [*layer_s, root_gather_s, *root_s]
        sides = [(one[0], one[1]) for one in (mean_layer(layers_s, self._counts), embedding_s, head_s)]
        sharded = ShardedSketch(*sides, *sharded_s)
        sketch = Sketch(self.machine.input_s, sketches, send_s, send_back_s, shared_s, sharded)
        step_s: Floats = estimated_step_s(block, sketch, stack)
        return step_s


def stage_kinds(block: PlanBlock) -> list[tuple[Array, Array]]:
    """(a stage, how many stages are like it) of each plan: the first, those between, and the last.

    Between the ends stages are alike but for what they hold; one that holds most stands for them. Where a kind has no
    stage, another stands in its place and counts for none.
    """
    depth = block.pipeline
    between = block.pipelining.fullest_between(depth), np.maximum(depth - 2, 0)
    return [(np.zeros_like(depth), np.ones_like(depth)), between, (depth - 1, np.minimum(depth - 1, 1))]


_KINDS = 3


@dataclass(frozen=True, slots=True)
class _Shared:
    """What plans share: columns of every different combination, and which of them each plan has."""

    columns: Floats
    place: Counts

    def at(self, rows: slice) -> Floats:
        """(columns, rows) of some of the plans."""
        found: Floats = self.columns[:, self.place[rows]]
        return found


class _Known:
    """What has been worked out for combinations of degrees, whichever block asked first."""

    def __init__(self, radices: Mapping[str, int]) -> None:
        self._radices = radices
        self._codes: Counts = np.zeros(0, dtype=np.int64)
        self._columns: Floats | None = None

    def of(self, block: PlanBlock, cost: Callable[[PlanBlock], list[Array]], *degrees: str) -> _Shared:
        """The columns of every plan of a block. cost: works them out for some plans. degrees: names of
        what they depend on."""
        code = np.zeros(len(block), dtype=np.int64)
        for degree in degrees:
            code = code * self._radices[degree] + getattr(block, degree)
        codes, first, place = np.unique(code, return_index=True, return_inverse=True)
        new = ~np.isin(codes, self._codes, assume_unique=True)
        if new.any():
            some = block.at(first[new])
            found = np.stack([np.broadcast_to(column, len(some)) for column in cost(some)]).astype(float)
            self._codes = np.concatenate([self._codes, codes[new]])
            self._columns = found if self._columns is None else np.concatenate([self._columns, found], axis=1)
        order = np.argsort(self._codes)
        at = order[np.searchsorted(self._codes, codes, sorter=order)]
        assert self._columns is not None
        return _Shared(self._columns[:, at], place)


def _pieces(length: int) -> list[slice]:
    return [slice(first, first + _ROWS) for first in range(0, length, _ROWS)]

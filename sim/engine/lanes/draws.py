"""What varies, drawn: between devices for a whole run, and from step to step.

Every part of a variation draws from generators of its own, so that to leave one out changes nothing about the others;
every step has its own as well, so that it is the same whichever steps are simulated beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.catalog import Slow, Variation
from sim.engine.lanes.turns import Floats, Lanes, Order, Turn

_PARTS = ("speed_spread", "slow_devices", "slow_nodes", "slow_links", "kernel_jitter", "stalls", "network_noise")
_FASTEST = 0.1
"""No device needs less than this share of the usual time, however wide the spread."""
_TYPICAL_JITTER = 0.1
_SECONDS_PER_HOUR = 3600.0

Work = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Lasting:
    """What holds for the whole run. N devices.

    slowness: (N,) time that each device needs over the usual. link_delays: (N,) what the bytes of each take longer, as
    a share. slow_nodes: numbers of the nodes that are slow as a whole. domain: devices in a node.
    """

    slowness: Floats
    link_delays: Floats
    slow_nodes: frozenset[int]
    domain: int


def lasting(variation: Variation, seed: int, devices: int, domain: int) -> Lasting:
    """Draw what holds for the whole run. domain: devices in a node."""
    numbers = np.arange(devices)
    nodes = numbers // domain
    slowness = np.ones(devices)
    if variation.speed_spread:
        spread = 1.0 + variation.speed_spread * _generator("speed_spread", seed).standard_normal(devices)
        slowness = np.maximum(spread, _FASTEST)
    slowness *= 1.0 + _some(variation.slow_devices, "slow_devices", seed, devices)
    slower_nodes = _some(variation.slow_nodes, "slow_nodes", seed, int(nodes[-1]) + 1)
    slowness *= 1.0 + slower_nodes[nodes]
    for place in variation.slow:
        here = numbers == place.device if place.device is not None else nodes == place.node
        slowness[here] *= 1.0 + place.slowdown
    named = {place.node for place in variation.slow if place.node is not None and place.slowdown}
    slow_nodes = frozenset(named.union(np.flatnonzero(slower_nodes).tolist()))
    return Lasting(slowness, _some(variation.slow_links, "slow_links", seed, devices), slow_nodes, domain)


class StepDraws:
    """What some steps of a run draw. B steps; T tensor ranks, D replicas of an actor."""

    def __init__(self, variation: Variation, always: Lasting, order: Order, seed: int, steps: Sequence[int]) -> None:
        self.steps = len(steps)
        self._jitter = variation.kernel_jitter
        self._kernels = [_generator("kernel_jitter", seed, step) for step in steps]
        self._slowness = [always.slowness[lanes.devices] for lanes in order.lanes]
        self._alike = bool((always.slowness == 1.0).all())
        self._delays = _Delays(always.link_delays, order.lanes)
        self._noise = [
            np.ones((self.steps, 1, 1))
            if not variation.network_noise
            else np.stack([1.0 + variation.network_noise * draw for draw in _noise(lanes, seed, steps)])
            for lanes in order.lanes
        ]
        self.stalls = _stalls(variation, order, seed, steps)

    def work_s(self, number: int, turn: Turn) -> Work:
        """(B or 1, stretches or 1, T or 1, D or 1) seconds of each stretch of a turn's work, stalls included.

        One stretch stands for all where they are alike. number: of the turn.
        """
        stretches = turn.stretches
        each_s = turn.work_s / stretches
        usual_s: Floats = np.full((1, 1), each_s) if self._alike else self._slowness[turn.actor] * each_s
        deviation_s = self._jitter * float(np.sqrt(turn.instruction.squares_s2 / stretches))
        stalls = self.stalls.get(number)
        if not deviation_s and not stalls:
            return usual_s[None, None]
        shape = (self.steps, stretches, *self._slowness[turn.actor].shape)
        if not deviation_s:
            own: Work = np.array(np.broadcast_to(usual_s, shape))
        else:
            # Single precision: what is drawn is a deviation, and it is most of the time that a run takes.
            own = np.empty(shape, dtype=np.float32)
            for step, generator in enumerate(self._kernels):
                generator.standard_normal(out=own[step], dtype=np.float32)
            # A kernel's deviation is a share of the time that it takes on its device.
            own *= (usual_s * (deviation_s / each_s)).astype(np.float32)
            own += usual_s.astype(np.float32)
            if deviation_s > _TYPICAL_JITTER * each_s:
                np.maximum(own, 0.0, out=own)
        for step, stretch, rank, replica, stall_s in stalls or ():
            own[step, stretch, rank, replica] += stall_s
        return own

    def network_s(self, turn: Turn) -> Floats:
        """(B or 1, T or 1, D or 1) seconds that a turn's bytes between scale-up domains take."""
        if not turn.network_s:
            return np.zeros((1, 1, 1))
        slowest = self._noise[turn.actor]
        if turn.instruction.together != "alone":
            # One factor for a group: what congests one of its members holds up all.
            slowest = slowest[:, :, :1]
        elif turn.instruction.meetings:
            slowest = slowest[:, :1, :]
        return turn.network_s * slowest * (1.0 + self._delays.of(turn))


class _Delays:
    """What slow links add to each kind of communication, as a share."""

    def __init__(self, link_delays: Floats, lanes: Sequence[Lanes]) -> None:
        self._link_delays, self._lanes = link_delays, lanes
        self._known: dict[tuple[int, str, int, bool], Floats] = {}
        self._any = bool(link_delays.any())

    def of(self, turn: Turn) -> Floats:
        """(T or 1, D or 1): the slowest link of those who communicate with each other."""
        if not self._any:
            return np.zeros((1, 1))
        instruction = turn.instruction
        key = (turn.actor, instruction.together, turn.reach, instruction.meetings > 0)
        if key not in self._known:
            partners = self._lanes[turn.actor].partners(turn, len(self._link_delays))
            self._known[key] = self._link_delays[partners].max(axis=0)
        return self._known[key]


def _generator(part: str, seed: int, *more: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, _PARTS.index(part), *more])))


def _some(slow: Slow, part: str, seed: int, count: int) -> Floats:
    """(count,) slowdown of each of some devices, nodes or links: zero for most of them.

    A larger share makes the same ones slow and more of them.
    """
    if not (slow.share and slow.slowdown):
        return np.zeros(count)
    chosen = _generator(part, seed).random(count) < slow.share
    return np.where(chosen, slow.slowdown, 0.0)


def _noise(lanes: Lanes, seed: int, steps: Sequence[int]) -> list[Floats]:
    """For each step (T, D) exponential values of mean one; those of an actor are its own whatever others there are."""
    shape = (lanes.tensor, lanes.replicas)
    return [_generator("network_noise", seed, step, lanes.first).exponential(size=shape) for step in steps]


Stall = tuple[int, int, int, int, float]
"""(step, stretch, tensor rank, replica, seconds)."""


def _stalls(variation: Variation, order: Order, seed: int, steps: Sequence[int]) -> dict[int, list[Stall]]:
    """Stalls by turn: their number is Poisson, their moments are spread evenly over the work of each device."""
    found: dict[int, list[Stall]] = defaultdict(list)
    rate_per_s = variation.stalls.per_device_hour / _SECONDS_PER_HOUR
    if not (rate_per_s and variation.stalls.mean_s):
        return found
    for actor, lanes in enumerate(order.lanes):
        own = [number for number, turn in enumerate(order.turns) if turn.actor == actor and turn.work_s > 0]
        until_s = np.cumsum([order.turns[number].work_s for number in own])
        for step, key in enumerate(steps):
            generator = _generator("stalls", seed, key, lanes.first)
            count = int(generator.poisson(rate_per_s * until_s[-1] * lanes.tensor * lanes.replicas))
            moments_s = generator.uniform(0.0, until_s[-1], count)
            ranks = generator.integers(lanes.tensor, size=count)
            replicas = generator.integers(lanes.replicas, size=count)
            lengths_s = generator.exponential(variation.stalls.mean_s, count)
            for place, index in enumerate(np.searchsorted(until_s, moments_s, side="right").tolist()):
                turn = order.turns[own[index]]
                begun_s = moments_s[place] - (until_s[index] - turn.work_s)
                stretch = min(int(begun_s / turn.work_s * turn.stretches), turn.stretches - 1)
                where = (step, stretch, int(ranks[place]), int(replicas[place]), float(lengths_s[place]))
                found[own[index]].append(where)
    return found

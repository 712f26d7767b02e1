"""From what the network costs to what an instruction carries: the transfers of some devices."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from sim.engine.program import Actor, Program, Transfer
from sim.engine.sharing import FULL, SharedLinks, Usage
from sim.hardware.network import Communication, Devices, Network, Wave, first_of
from sim.hardware.topology import Numbers
from sim.parallel.plan import Plan


class Flow:
    """What a wave does among some devices, for example those of one stage, on one of their streams.

    devices: as the network of their part of the system numbers them. part: which, in the order of the pipeline.
    Compared by value; its hash is worked out once, because the engine asks for it at every transfer.
    """

    __slots__ = ("_hash", "devices", "part", "stream", "wave")

    def __init__(self, wave: Wave, devices: Devices, stream: str, part: int = 0) -> None:
        self.wave, self.devices, self.stream, self.part = wave, devices, stream, part
        self._hash = hash((wave, devices, stream, part))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Flow):
            return False
        return (self.wave, self.devices, self.stream, self.part) == (
            other.wave, other.devices, other.stream, other.part,
        )  # fmt: skip

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Flow], tuple[Wave, Devices, str, int]]:
        # Hashes of text differ from process to process.
        return Flow, (self.wave, self.devices, self.stream, self.part)

    def __repr__(self) -> str:
        return f"Flow({self.wave}, {self.devices}, {self.stream!r}, {self.part})"


class Transfers:
    """The transfers of some devices of one part, made once for each communication that they repeat."""

    def __init__(self, devices: Devices, part: int = 0) -> None:
        self._devices, self._part = devices, part
        self._known: dict[tuple[str, str, int], tuple[Communication, tuple[Transfer, ...]]] = {}

    def of(self, stream: str, line: str, communication: Communication) -> tuple[Transfer, ...]:
        """The transfers of an instruction on one stream whose communication is on one ledger line."""
        if not communication.moving_s:
            return ()
        key = (stream, line, id(communication))
        if key not in self._known:
            made = tuple(
                Transfer(Flow(wave, self._devices, stream, self._part), line, time_s, communication.moved_bytes[wave])
                for wave, time_s in communication.moving_s.items()
            )
            self._known[key] = communication, made
        return self._known[key][1]


class Moved(NamedTuple):
    """What a flow moves in a step. seconds: at full pace. size_bytes: of its collectives and sends."""

    seconds: float
    size_bytes: float


def actor_of(name: str, plan: Plan, stages: range, replicas: range) -> Actor:
    """The actor that stands for some stages and replicas of a plan."""
    mesh = plan.mesh
    strides = int(mesh.stride("tensor")), int(mesh.stride("data"))
    devices = mesh.devices_of(stages, replicas)
    return Actor(name, len(devices), {}, first_of(devices), plan.tensor, *strides)


def repeated(transfers: Iterable[tuple[Transfer, ...]]) -> dict[Flow, Moved]:
    """What every flow moves, over many instructions that share their transfers."""
    given = list(transfers)
    times = Counter(map(id, given))
    once = dict(zip(map(id, given), given, strict=True))
    found: dict[Flow, Moved] = {}
    for key, together in once.items():
        for transfer in together:
            flow = cast(Flow, transfer.wave)
            before = found.get(flow, Moved(0.0, 0.0))
            found[flow] = Moved(
                before.seconds + times[key] * transfer.seconds, before.size_bytes + times[key] * transfer.size_bytes
            )
    return found


def first_links(networks: Sequence[Network]) -> list[int]:
    """Where the links of each part's network begin when all are numbered through, and how many there are in all."""
    return [0, *itertools.accumulate(network.topology.links.count for network in networks)]


def shared_links(program: Program, *networks: Network) -> SharedLinks:
    """The links that the flows of a program compete for.

    networks: of each part of the system; they have no link in common.
    What one stream does follows on itself, so its flows never compete with each other: a link is contested where the
    largest shares of all streams add up to more than it has. Members are compared by their rate on such links.
    """
    firsts = first_links(networks)
    rates = np.concatenate([network.topology.links.bytes_per_s[:-1] for network in networks])
    load = np.zeros(firsts[-1])
    flows: dict[Flow, tuple[Numbers, NDArray[np.float64]]] = {}
    for actor in program.actors:
        for instructions in actor.streams.values():
            largest = np.zeros(len(load))
            once = {id(one.transfers): one.transfers for one in instructions}
            for flow in dict.fromkeys(cast(Flow, one.wave) for transfers in once.values() for one in transfers):
                own, shares = networks[flow.part].usage(flow.wave, flow.devices)
                flows[flow] = numbers, shares = own + firsts[flow.part], shares
                largest[numbers] = np.maximum(largest[numbers], shares)
            load += largest
    usages: dict[Hashable, Usage] = {}
    for flow, (numbers, shares) in flows.items():
        contested = load[numbers] > FULL
        if contested.any():
            narrow, taken = numbers[contested], shares[contested]
            usages[flow] = Usage(narrow, taken, float(np.max(taken * rates[narrow])))
    return SharedLinks(usages)

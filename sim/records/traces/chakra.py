"""Writes a step as Chakra execution traces: what every device computes and communicates, and what waits for what.

A node is what runs between two exchanges, a collective, a send or a receive. Times are those of the simulated step; a
simulator of networks uses bytes and groups instead of those of communication. Sources: MLCommons, Chakra, et_def.proto;
ASTRA-sim, Workload.cc, for the attributes and for what a collective's size is.
"""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sim.engine.trace import Span
from sim.errors import InputError
from sim.hardware.network import Wave
from sim.outcome.outcome import Outcome
from sim.records.files import write_beside
from sim.records.traces.pieces import Piece, Pieces
from sim.records.traces.ranks import COLLECTIVES, STREAMED, Step
from sim.study.points import drawn

MOST_BYTES = 256_000_000
"""Of the files of all devices; where they take more, the first of each rank is written alone."""
_NORM_BYTES = 4
"""Of the gradients' norm, which all devices need before any of them updates its parameters."""
_TYPES = {
    "all_reduce": "ALL_REDUCE",
    "all_gather": "ALL_GATHER",
    "reduce_scatter": "REDUCE_SCATTER",
    "all_to_all": "ALL_TO_ALL",
    "broadcast": "BROADCAST",
    "reduce": "REDUCE",
}


class _Node(NamedTuple):
    """A node of all devices of a rank. needs: numbers of nodes. distance: to the other end of a send or receive.

    actors: whose devices take part in what has no wave of its own; size_bytes: of the collective as the network counts.
    """

    kind: str
    name: str
    start_s: float
    end_s: float
    needs: tuple[int, ...]
    is_host: bool = False
    flops: float = 0.0
    size_bytes: float = 0.0
    wave: Wave | None = None
    actors: tuple[str, ...] = ()
    distance: int = 0
    tag: int = 0


def chakra_files(outcomes: Sequence[Outcome]) -> dict[str, bytes]:
    """Name of a file -> an execution trace of one device, and beside them the groups, as ASTRA-sim reads both.

    step.0.et, step.1.et, ... and comm_group.json of a single point; of several those whose timelines are drawn, each
    with its name. Raises InputError where mlc-chakra is not installed.
    """
    shown, files, schema = drawn(outcomes), dict[str, bytes](), Schema()
    for name, _, point in shown:
        files |= _files(point, schema, name if len(shown) > 1 else "step", f"{name}-" if len(shown) > 1 else "")
    return files


def write_chakra(outcomes: Sequence[Outcome], directory: Path) -> list[Path]:
    """Write execution traces beside whatever else lies in a folder, made if need be; return their paths."""
    files = chakra_files(outcomes)

    def write(folder: Path) -> list[Path]:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return [folder / name for name in files]

    return write_beside(write, directory)


def _files(outcome: Outcome, schema: Schema, name: str, prefix: str) -> dict[str, bytes]:
    step, groups, files = Step(outcome), dict[tuple[int, ...], int](), dict[str, bytes]()
    tags = _tags(step)
    nodes = {actor: _Rank(step, actor, tags).nodes for actor in step.ranks}
    first = {
        actor: _encoded(step, actor, rank.number, nodes[actor], schema, groups) for actor, rank in step.ranks.items()
    }
    whole = sum(len(first[actor]) * len(rank.devices) for actor, rank in step.ranks.items())
    if whole > MOST_BYTES:
        print(f"note: {name} has the first device of each rank alone: all are too large", file=sys.stderr)
    for actor, rank in step.ranks.items():
        files[f"{name}.{rank.number}.et"] = first[actor]
        for device in rank.devices[1:] if whole <= MOST_BYTES else ():
            files[f"{name}.{device}.et"] = _encoded(step, actor, device, nodes[actor], schema, groups)
    table = {str(number): list(members) for members, number in groups.items()}
    files[f"{prefix}comm_group.json"] = (json.dumps(table) + "\n").encode()
    return files


def _tags(step: Step) -> dict[int, int]:
    """Every send's tag, by its span: its number among those of its rank, so that both ends have the same."""
    count: Counter[str] = Counter()
    found = {}
    for span in step.trace.spans:
        if step.distance(span):
            found[id(span)] = count[span.actor]
            count[span.actor] += 1
    return found


@dataclass
class _Rank:
    """The nodes of one rank, in an order in which each comes after what it needs."""

    step: Step
    actor: str
    tags: dict[int, int]
    nodes: list[_Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        cut, last = Pieces(), dict[str, tuple[int, ...]]()
        self._ends: dict[int, tuple[int, ...]] = {}
        """Span -> the nodes that are its end; those it waited for where it has none of its own."""
        for span in self.step.spans[self.actor]:
            needs = self._needs(span, last.get(span.stream, ()))
            for node in _segments(span, cut.of(span, self.step.transfers(span))):
                needs = self._add(self._placed(node, span, needs))
            if span.work.kind in COLLECTIVES and self.step.distance(span):
                needs = self._exchanged(span, needs)
            last[span.stream] = self._ends[id(span)] = needs

    def _add(self, node: _Node) -> tuple[int, ...]:
        self.nodes.append(node)
        return (len(self.nodes),)

    def _needs(self, span: Span, before: tuple[int, ...]) -> tuple[int, ...]:
        """What is before it on its stream, what it waits for here, and what it receives or agrees on with others."""
        sources, sends = self.step.sources(span), self.step.received(span)
        needs = list(before)
        for source in sources:
            needs += self._ends.get(id(source), ()) if source.actor == self.actor else ()
        for send in sends:
            needs += self._receive(send, before)
        joint = {source.actor for source in sources if source not in sends and source.work.kind not in COLLECTIVES}
        if joint - {self.actor} and span.work.kind not in COLLECTIVES:
            everyone = tuple(name for name in self.step.ranks if name in joint | {self.actor})
            agreed = _Node("COLL", "gradient norm", span.start_s, span.start_s, _unique(needs), actors=everyone)
            return self._add(agreed._replace(size_bytes=_NORM_BYTES))
        return _unique(needs)

    def _receive(self, send: Span, needs: tuple[int, ...]) -> tuple[int, ...]:
        """It ends when its send has, and takes no time of its own."""
        size = sum(float(one.size_bytes) for one in self.step.transfers(send))
        node = _Node("RECV", f"receive: {send.what}", send.end_s, send.end_s, needs, size_bytes=size)
        return self._add(node._replace(distance=-(self.step.distance(send) or 0), tag=self.tags[id(send)]))

    def _exchanged(self, span: Span, needs: tuple[int, ...]) -> tuple[int, ...]:
        """The other half of gradients that two stages share: what the mirrored one sends."""
        here = list(self.step.ranks)
        classes = len(here) // (max(rank.stage for rank in self.step.ranks.values()) + 1)
        place = here.index(self.actor)
        there = here[len(here) - classes * (place // classes + 1) + place % classes]
        sent = [one for one in self.step.spans[there] if one.work == span.work and self.step.distance(one)]
        return self._receive(sent[0], needs)

    def _placed(self, node: _Node, span: Span, needs: tuple[int, ...]) -> _Node:
        """A node with what it needs, and for whom it is."""
        if node.kind == "COLL" and (distance := self.step.distance(span)):
            return node._replace(kind="SEND", needs=needs, distance=distance, tag=self.tags[id(span)])
        if node.kind == "COLL" and span.work.kind in STREAMED:
            return node._replace(kind="LOAD" if span.work.kind == "stream in" else "STORE", needs=needs)
        return node._replace(needs=needs)


def _segments(span: Span, pieces: Sequence[Piece]) -> list[_Node]:
    """A span cut at its exchanges; gaps between kernels are part of what runs there."""
    if not pieces and span.end_s > span.start_s:
        return [_Node("COMP", span.what, span.start_s, span.end_s, (), is_host=span.work.kind == "input")]
    found, now_s = list[_Node](), span.start_s
    moving = [piece for piece in pieces if piece.moves]
    ends_s = [*(piece.start_s for piece in moving), span.end_s]
    for piece, until_s in zip([*moving, None], ends_s, strict=True):
        ran = [one.run.kernel for one in pieces if one.run and now_s <= one.start_s < until_s]
        if ran or _us(until_s) > _us(now_s):
            flops, size = sum(float(one.flops) for one in ran), sum(float(one.traffic_bytes) for one in ran)
            found.append(_Node("COMP", span.what, now_s, until_s, (), flops=flops, size_bytes=size))
        if piece:
            name = f"{span.what}: {piece.wave.kind.replace('_', '-')}" if piece.wave else span.what
            node = _Node("COLL", name, piece.start_s, piece.end_s, (), size_bytes=piece.size_bytes, wave=piece.wave)
            found.append(node)
            now_s = piece.end_s
    return found


def _us(seconds: float) -> int:
    """Whole microseconds, as the format has them."""
    return round(seconds * 1e6)


def _unique(numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(numbers))


class Schema:
    """The messages of the format, from the package that defines them. Raises InputError where it is not installed."""

    def __init__(self) -> None:
        try:
            from chakra.schema.protobuf import et_def_pb2
            from chakra.src.third_party.utils.protolib import encodeMessage
        except ImportError:
            remedy = "pip install 'scaletax[chakra]'"
            raise InputError("--chakra", "mlc-chakra is not installed", remedy) from None
        self.messages: Any = et_def_pb2
        self.encode: Callable[[io.BytesIO, Any], None] = encodeMessage


def _encoded(
    step: Step, actor: str, device: int, nodes: Sequence[_Node], schema: Schema, groups: dict[tuple[int, ...], int]
) -> bytes:
    """The file of one device. groups: members -> number, which grows by those that are met here."""
    file, messages = io.BytesIO(), schema.messages

    def attribute(name: str, **value: object) -> Any:
        return messages.AttributeProto(name=name, **value)

    schema.encode(file, messages.GlobalMetadata(version="0.0.4"))
    types = {"COMP": "COMP_NODE", "COLL": "COMM_COLL_NODE", "SEND": "COMM_SEND_NODE", "RECV": "COMM_RECV_NODE"}
    types |= {"LOAD": "MEM_LOAD_NODE", "STORE": "MEM_STORE_NODE"}
    for number, node in enumerate(nodes, start=1):
        one = messages.Node(id=number, name=node.name, type=getattr(messages, types[node.kind]))
        one.data_deps.extend(node.needs)
        one.start_time_micros = _us(node.start_s)
        one.duration_micros = _us(node.end_s) - one.start_time_micros
        size = max(round(node.size_bytes), 1)
        one.attr.append(attribute("is_cpu_op", bool_val=node.is_host))
        if node.kind == "COMP":
            one.attr.append(attribute("num_ops", int64_val=round(node.flops)))
        if node.kind in ("COMP", "LOAD", "STORE"):
            one.attr.append(attribute("tensor_size", uint64_val=size))
        elif node.kind == "COLL":
            members = _members(step, actor, device, node)
            kind = node.wave.kind if node.wave else "all_reduce"
            # A gather's size is what each device gives.
            given = size // len(members) if kind == "all_gather" else size
            one.attr.append(attribute("comm_type", int64_val=getattr(messages, _TYPES[kind])))
            one.attr.append(attribute("comm_size", int64_val=max(given, 1)))
            one.attr.append(attribute("pg_name", string_val=str(groups.setdefault(members, len(groups) + 1))))
        else:
            ends = (device, device + node.distance)
            sender, receiver = ends if node.kind == "SEND" else ends[::-1]
            one.attr.append(attribute("comm_size", int64_val=size))
            for name, value in (("comm_src", sender), ("comm_dst", receiver), ("comm_tag", node.tag)):
                one.attr.append(attribute(name, int32_val=value))
        schema.encode(file, one)
    return file.getvalue()


def _members(step: Step, actor: str, device: int, node: _Node) -> tuple[int, ...]:
    """Devices that take part in a collective."""
    if node.wave is not None:
        return step.group(node.wave, actor, device)
    return tuple(sorted(one for name in node.actors or (actor,) for one in step.ranks[name].devices))

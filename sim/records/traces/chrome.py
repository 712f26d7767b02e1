"""Writes a step as PyTorch's profiler does: JSON that Perfetto, chrome://tracing and HolisticTraceAnalysis open.

Times are whole microseconds, cut at the same places for all that follows on itself, so that nothing overlaps or gets
lost where a reader rounds. Source: PyTorch, Kineto, output_json.cpp; Google, Trace Event Format.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.cost.passes import KernelRun
from sim.engine.program import COMPUTE
from sim.engine.trace import Span
from sim.errors import InputError
from sim.hardware.network import Wave
from sim.outcome.outcome import Outcome
from sim.records.traces.pieces import Piece, Pieces
from sim.records.traces.ranks import STREAMED, Rank, Step
from sim.scenario.bounds import MOST_TRACED_STEPS, check_size
from sim.study.points import drawn

MOST_BYTES = 256_000_000
"""Of all ranks of a file before it is compressed; the first rank is written whatever it takes."""
GZIPPED_FROM = 1_000_000
"""Bytes from which a file is compressed."""
_NAMES = {
    "all_reduce": ("AllReduce", "allreduce"),
    "all_gather": ("AllGather", "_allgather_base"),
    "reduce_scatter": ("ReduceScatter", "_reduce_scatter_base"),
    "all_to_all": ("AllToAll", "all_to_all"),
    "broadcast": ("Broadcast", "broadcast"),
    "reduce": ("Reduce", "reduce"),
    "send": ("SendRecv", "send"),
}
"""Wave -> its name in a kernel of NCCL, and as PyTorch calls the collective."""
_FIRST_LAUNCH = 1_000_000
"""HolisticTraceAnalysis puts positions of events where numbers of launches were, in as few bytes as these took."""
_HOST = 1
_MOST_LISTED = 64
"""Members of a group that are listed one by one."""

_TEXT = json.JSONEncoder(separators=(",", ":")).encode
Event = dict[str, Any]


def trace_files(outcomes: Sequence[Outcome], steps: int = 1) -> dict[str, dict[str, bytes]]:
    """Name of a point whose timeline is drawn -> names of files, and the traces in them; of a lone point trace.json.

    For each point a file of all ranks, for viewers, and one of each rank, because HolisticTraceAnalysis reads these; a
    lone rank is in the first alone. steps: how often the step is repeated. Ranks that make a file too large are left
    out, the last ones, and a note on stderr says so. Raises InputError for so many steps that no rank has room.
    """
    check_size(steps, MOST_TRACED_STEPS, "steps", "trace")
    shown = drawn(outcomes)
    return {name: _files(point, steps, f"trace-{name}" if len(shown) > 1 else "trace") for name, _, point in shown}


def _files(outcome: Outcome, steps: int, name: str) -> dict[str, bytes]:
    step, cut = Step(outcome), Pieces()
    lines: dict[_Writer, list[str]] = {}
    left = MOST_BYTES
    for rank in step.ranks.values():
        writer, own = _Writer(step, rank, cut, steps), list[str]()
        for line in writer.lines():
            own.append(line)
            left -= len(line)
            if left < 0 and (lines or steps > 1):
                break
        if left < 0 and lines:
            break
        if left < 0 and steps > 1:
            raise InputError("trace", f"{steps} steps of one rank are more than a file holds", "trace fewer steps")
        lines[writer] = own
    if len(lines) < (there := len(step.ranks)):
        print(f"note: {name} has the first {len(lines)} of {there} ranks: more are too large", file=sys.stderr)
    every = [line for own in lines.values() for line in own]
    every += _arrows(step, {writer.rank.name: writer for writer in lines}, steps)
    files = [_file(name, next(iter(lines)).head(), every)]
    if len(lines) > 1:
        files += [_file(f"{name}-rank-{writer.rank.number}", writer.head(), own) for writer, own in lines.items()]
    return dict(files)


def _arrows(step: Step, shown: Mapping[str, _Writer], steps: int) -> Iterator[str]:
    """From every span that records an event to those that wait for it on another stream, of ranks that are shown."""
    number = 0
    for turn in range(steps):
        for span in step.trace.spans:
            for source in step.sources(span) if span.actor in shown else ():
                if source.actor in shown and (source.actor, source.stream) != (span.actor, span.stream):
                    number += 1
                    yield shown[source.actor].arrow("s", number, source, turn)
                    yield shown[span.actor].arrow("f", number, span, turn)


def _file(name: str, head: Event, lines: list[str]) -> tuple[str, bytes]:
    # HolisticTraceAnalysis finds the rank by a pattern with a blank in it, as json writes it.
    start = json.dumps(head)[:-1]
    text = (start + ', "traceEvents": [\n' + ",\n".join(lines) + "\n]}\n").encode()
    if len(text) < GZIPPED_FROM:
        return f"{name}.json", text
    return f"{name}.json.gz", gzip.compress(text, 6, mtime=0)


class _Writer:
    """Turns what one rank did into lines, each an event of the format."""

    def __init__(self, step: Step, rank: Rank, cut: Pieces, steps: int) -> None:
        self.rank = rank
        self._step, self._cut, self._steps = step, cut, steps
        self._streams = {COMPUTE: 7}
        self._launches = {id(span): number for number, span in enumerate(step.spans[rank.name], start=_FIRST_LAUNCH)}
        self._shapes: dict[int, str] = {}

    def head(self) -> Event:
        """What stands before the events of a file of this rank, or of it and those after it."""
        outcome, number = self._step.outcome, self.rank.number
        capacity = outcome.memory.capacities_bytes[self.rank.stage]
        return {
            "schemaVersion": 1,
            "deviceProperties": [{"id": number, "name": outcome.device_title, "totalGlobalMem": int(capacity)}],
            "distributedInfo": {"backend": "nccl", "rank": number, "world_size": outcome.plan.devices},
            "displayTimeUnit": "ms",
            "traceName": f"{outcome.scenario.title}: simulated by scaletax",
        }

    def lines(self) -> Iterator[str]:
        """Everything that the rank did, and the names of its streams."""
        for turn in range(self._steps):
            yield from self._host(turn)
            yield from self._memory(turn)
            for span in self._step.spans[self.rank.name]:
                yield from self._received(span, turn)
                yield from self._ran(span, turn)
            yield from self._waited(turn)
        yield from self._names()

    def arrow(self, end: str, number: int, span: Span, turn: int) -> str:
        """One end of an arrow: "s" at the end of a span that records an event, "f" at the start of one that waits."""
        starts, ends = self._us(span.start_s, turn), self._us(span.end_s, turn)
        # Viewers look for the slice that is open at this moment, and at its very end it is not.
        place = {"tid": self._stream(span.stream), "ts": starts if end == "f" else max(starts, ends - 1)}
        return self._line(ph=end, id=number, cat="ac2g", name="ac2g", **place, **({"bp": "e"} if end == "f" else {}))

    def _line(self, **event: Any) -> str:
        return _TEXT({**event, "pid": self.rank.number})

    def _slice(self, category: str, name: str, thread: int, start_s: float, end_s: float, turn: int, args: str) -> str:
        """Something with a beginning and an end. args: as JSON. By the hundred thousand, so written by hand."""
        begins, ends = self._us(start_s, turn), self._us(end_s, turn)
        return (
            f'{{"ph":"X","cat":"{category}","name":{_TEXT(name)},"pid":{self.rank.number},"tid":{thread},'
            f'"ts":{begins},"dur":{ends - begins},"args":{args}}}'
        )

    def _us(self, seconds: float, turn: int) -> int:
        """Whole microseconds since the start of the first step."""
        return round((seconds + turn * self._step.trace.step_time_s) * 1e6)

    def _stream(self, stream: str) -> int:
        """A stream's number, as CUDA counts those beside its own first ones: 7, 8, ..."""
        return self._streams.setdefault(stream, 7 + len(self._streams))

    def _names(self) -> Iterator[str]:
        count = len(self.rank.devices)
        labels = {
            "process_name": {"name": f"rank {self.rank.number}: {self.rank.name}"},
            "process_labels": {"labels": f"one of {count:,} devices that do the same" if count > 1 else "one device"},
            "process_sort_index": {"sort_index": self.rank.number},
        }
        threads = {_HOST: "host (launches are not simulated)"}
        threads |= {number: f"stream {number} {stream}" for stream, number in self._streams.items()}
        for name, args in labels.items():
            yield self._line(ph="M", name=name, tid=0, ts=0, args=args)
        for number, name in threads.items():
            yield self._line(ph="M", name="thread_name", tid=number, ts=0, args={"name": name})

    def _host(self, turn: int) -> Iterator[str]:
        """The step as the profiler marks it, and for every span one launch that its kernels belong to.

        As a graph of kernels is launched: without one, readers of several steps cannot tell which step a kernel is of.
        """
        until_s = self._step.trace.step_time_s
        yield self._slice("user_annotation", f"ProfilerStep#{turn}", _HOST, 0.0, until_s, turn, "{}")
        for span in self._step.spans[self.rank.name]:
            if span.end_s > span.start_s:
                args = f'{{"correlation":{self._launch(span, turn)}}}'
                yield self._slice("cuda_runtime", "cudaGraphLaunch", _HOST, span.start_s, span.start_s, turn, args)

    def _launch(self, span: Span, turn: int) -> int:
        return turn * len(self._launches) + self._launches[id(span)]

    def _memory(self, turn: int) -> Iterator[str]:
        for at_s, size in self._step.memory(self.rank.name):
            yield self._line(ph="C", name="memory", ts=self._us(at_s, turn), args={"bytes": round(size)})

    def _received(self, span: Span, turn: int) -> Iterator[str]:
        """What other ranks send to this one, while it is under way."""
        for send in self._step.received(span):
            for piece in self._cut.of(send, self._step.transfers(send)):
                there = piece._replace(stream=f"receive from {send.actor}")
                yield self._moving(there, send, self._launch(span, turn), turn, received=True)

    def _waited(self, turn: int) -> Iterator[str]:
        """What others move among themselves while this rank waits for them: communication to the ledger as well."""
        for waiting, wait, moving in self._step.waited(self.rank.name):
            start_s, end_s = max(wait.start_s, moving.start_s), min(wait.end_s, moving.end_s)
            piece = Piece(f"wait for {moving.actor}", moving.what, start_s, end_s, moves=True)
            yield self._moving(piece, moving, self._launch(waiting, turn), turn)

    def _ran(self, span: Span, turn: int) -> Iterator[str]:
        """A span of the compute stream as an annotation around its kernels, and all its kernels."""
        if span.stream == COMPUTE:
            about: Event = {"micro-batch": span.work.micro_batch, "layer": span.work.layer}
            about |= {f"{line} (us)": round(seconds * 1e6, 3) for line, seconds in span.parts.items()}
            place = self._stream(span.stream), span.start_s, span.end_s, turn
            yield self._slice("gpu_user_annotation", span.what, *place, _TEXT(about))
        launch = self._launch(span, turn)
        for piece in self._cut.of(span, self._step.transfers(span)):
            if piece.moves:
                yield self._moving(piece, span, launch, turn)
            else:
                yield self._piece("kernel", piece.name, piece, launch, turn, self._shape(piece.run))

    def _piece(self, category: str, name: str, piece: Piece, launch: int, turn: int, facts: str) -> str:
        """facts: JSON of an object."""
        thread, number = self._stream(piece.stream), self.rank.number
        args = f'{{"device":{number},"context":1,"stream":{thread},"correlation":{launch},{facts[1:]}'
        return self._slice(category, name, thread, piece.start_s, piece.end_s, turn, args)

    def _shape(self, run: KernelRun | None) -> str:
        """What a kernel computes, and how long it takes where nothing stretches it."""
        if id(run) not in self._shapes:
            facts: Event = {"work": "one piece"}
            if run is not None:
                kernel = run.kernel
                sizes = {"batch": kernel.batch, "m": kernel.m, "n": kernel.n, "k": kernel.k}
                facts = {
                    "shape": {key: round(size) for key, size in sizes.items() if size},
                    "flops": round(kernel.flops),
                    "bytes": round(kernel.traffic_bytes),
                    "alone (us)": round(float(run.time_s) * 1e6, 3),
                }
            self._shapes[id(run)] = _TEXT(facts)
        return self._shapes[id(run)]

    def _moving(self, piece: Piece, span: Span, launch: int, turn: int, *, received: bool = False) -> str:
        """A collective or a send; what streams into a wafer or out of it is a copy from and to memory outside of it."""
        facts: Event = {"bytes": round(piece.size_bytes), "work": span.what}
        category, name = "kernel", "ncclDevKernel_SendRecv"
        if span.work.kind in STREAMED:
            way = "HtoD" if span.work.kind == "stream in" else "DtoH"
            category, name = "gpu_memcpy", f"Memcpy {way} ({piece.name})"
        elif piece.wave is not None:
            facts |= self._collective(piece.wave, piece, span, received=received)
            how = filter(None, (_NAMES[piece.wave.kind][0], piece.wave.algorithm, piece.wave.protocol))
            name = f"ncclDevKernel_{'_'.join(how)}"
        return self._piece(category, name, piece, launch, turn, _TEXT(facts))

    def _collective(self, wave: Wave, piece: Piece, span: Span, *, received: bool) -> Event:
        """What the profiler says of a collective. Elements are bytes, whatever the format."""
        here, distance = self.rank.number, self._step.distance(span) or 0
        if wave.kind == "send":
            members, axis = sorted({here, here - distance if received else here + distance}), "pipeline"
        else:
            members, axis = [*self._step.group(wave, self.rank.name, here)], self._step.group_name(wave)
        size = round(piece.size_bytes)
        shares = {"all_gather": (size // len(members), size), "reduce_scatter": (size, size // len(members))}
        given, got = shares.get(wave.kind, (size, size))
        listed = members if len(members) <= _MOST_LISTED else (*members[:2], "...", members[-1])
        return {
            "Collective name": "recv" if received else _NAMES[wave.kind][1],
            "In msg nelems": given,
            "Out msg nelems": got,
            "dtype": "Byte",
            "Group size": len(members),
            "Process Group Name": axis,
            "Process Group Description": f"{axis} parallel",
            "Process Group Ranks": f"[{', '.join(map(str, listed))}]",
        }

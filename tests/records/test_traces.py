"""A trace in the form of PyTorch's profiler holds what the step did: the same seconds, bytes, waits and memory."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import sys
from collections import defaultdict

import pytest
from builders import fixed, gpt, point
from small_systems import FIXED, GPU, PIPELINE, WAFER, scenario

from sim.errors import InputError
from sim.outcome.ledger import accounts
from sim.outcome.outcome import Outcome
from sim.records.traces.chakra import write_chakra
from sim.records.traces.chrome import GZIPPED_FROM, MOST_BYTES, trace_files
from sim.records.traces.pieces import EXCHANGES, IDLE, Pieces
from sim.records.traces.ranks import Step
from sim.scenario import PlanRequest
from sim.simulate import simulate

SHARDED = PlanRequest(rule="fixed", micro_batch=2, zero=3)
UNEVEN = PlanRequest(rule="fixed", pipeline=2, micro_batch=1, micro_batches=(7, 6, 6, 5), schedule="1f1b")


@pytest.fixture(scope="module")
def every() -> dict[str, Outcome]:
    """A step of every kind of program."""
    return {
        "sharded": simulate(scenario(GPU, 8, SHARDED)),
        "pipeline": simulate(scenario(PIPELINE, 16, FIXED)),
        "uneven replicas": simulate(scenario(PIPELINE, 8, UNEVEN, batch=24)),
        "wafer": simulate(scenario(WAFER, 2, PlanRequest())),
    }


@pytest.fixture(scope="module", params=["sharded", "pipeline", "uneven replicas", "wafer"])
def outcome(request: pytest.FixtureRequest, every: dict[str, Outcome]) -> Outcome:
    return every[request.param]


def opened(outcome: Outcome, steps: int = 1) -> dict[str, dict]:
    (files,) = trace_files([outcome], steps).values()
    texts = {name: gzip.decompress(one) if name.endswith(".gz") else one for name, one in files.items()}
    return {name: json.loads(text) for name, text in texts.items()}


def whole(outcome: Outcome, steps: int = 1) -> dict:
    return next(iter(opened(outcome, steps).values()))


def test_pieces_of_a_span_are_its_compute_its_exchanges_and_its_gaps(outcome):
    cut, step = Pieces(), Step(outcome)
    for span in outcome.trace.spans:
        found = cut.of(span, step.transfers(span))
        if span.end_s <= span.start_s or span.work.kind in IDLE:
            assert not found
            continue
        moved_s = math.fsum(piece.end_s - piece.start_s for piece in found if piece.moves)
        ran_s = math.fsum(piece.end_s - piece.start_s for piece in found if not piece.moves)
        lines = EXCHANGES if span.stream == "compute" else span.parts
        exchanged_s = math.fsum(span.parts.get(line, 0.0) for line in lines)
        gaps_s = span.parts.get("launch", 0.0) if span.stream == "compute" else 0.0
        length_s = span.end_s - span.start_s
        assert moved_s == pytest.approx(exchanged_s, abs=1e-9 * length_s)
        assert ran_s == pytest.approx(length_s - exchanged_s - gaps_s, abs=1e-9 * length_s)
        ends = [(piece.start_s, piece.end_s) for piece in found]
        assert all(before[1] <= after[0] + 1e-12 for before, after in itertools.pairwise(ends))
        assert span.start_s <= ends[0][0]
        assert ends[-1][1] <= span.end_s + 1e-12


def test_exchanges_of_a_pass_move_its_bytes(every):
    outcome = every["pipeline"]
    cut, step = Pieces(), Step(outcome)
    span = next(span for span in outcome.trace.spans if span.work.kind == "pass")
    moved = sum(piece.size_bytes for piece in cut.of(span, step.transfers(span)))
    assert moved == pytest.approx(sum(one.size_bytes for one in span.transfers))
    assert len([piece for piece in cut.of(span, ()) if piece.moves]) == span.instruction.meetings


def test_layers_of_several_kinds_come_in_the_order_of_the_model():
    # Their MLPs are 1,024 and 2,048 wide.
    model = gpt(5, runs=(("dense", 2), ("wide", 2), ("dense", 1)))
    outcome = simulate(point(model, plan=fixed(pipeline=1, recompute="full")))
    passes = [span for span in outcome.trace.spans if span.work.kind == "pass"]
    for phase, name, order in (("forward", "mlp in", 1), ("backward", "mlp in dx", -1)):
        span = next(one for one in passes if one.work.phase == phase)
        widths = [piece.run.kernel for piece in Pieces().of(span, ()) if piece.name == name]
        assert [max(one.n, one.k) for one in widths] == [1024, 1024, 2048, 2048, 1024][::order]
    names = [piece.name for piece in Pieces().of(span, ())]
    assert names.index("mlp out") < names.index("mlp out dx"), "recomputed before its gradient"


def test_kernels_and_collectives_of_a_rank_are_its_ledger(every):
    outcome = every["pipeline"]
    events = whole(outcome)["traceEvents"]
    for actor, rank in Step(outcome).ranks.items():
        kernels = [one for one in events if one.get("cat") == "kernel" and one["pid"] == rank.number]
        moving = [one for one in kernels if one["name"].startswith("nccl")]
        exchanged = sum(one["dur"] for one in moving) / 1e6
        ran = sum(one["dur"] for one in kernels if one not in moving) / 1e6
        account = accounts(outcome.trace)[actor]
        lines = ("useful", "kernel_loss", "sharding_loss", "recompute", "optimizer", "data_comm")
        assert ran == pytest.approx(sum(account.busy.get(line, 0.0) for line in lines), rel=1e-3)
        moved = sum(account.busy.get(line, 0.0) for line in EXCHANGES)
        moved += sum(account.waiting.get(line, 0.0) for line in (*EXCHANGES, "data_comm"))
        # Gradients that two stages share move while the next collective of one of them does.
        assert exchanged == pytest.approx(moved, rel=0.02)


def test_slices_of_a_thread_follow_each_other_or_lie_in_each_other(outcome):
    threads = defaultdict(list)
    for one in whole(outcome)["traceEvents"]:
        if one["ph"] == "X":
            threads[one["pid"], one["tid"]].append((one["ts"], -one["dur"]))
    assert threads
    for slices in threads.values():
        open_until = []
        for starts, less in sorted(slices):
            while open_until and open_until[-1] <= starts:
                open_until.pop()
            assert not open_until or starts - less <= open_until[-1]
            open_until.append(starts - less)


def test_arrows_lead_from_what_records_to_what_waits(outcome):
    events = whole(outcome)["traceEvents"]
    starts = {one["id"]: one for one in events if one["ph"] == "s"}
    ends = {one["id"]: one for one in events if one["ph"] == "f"}
    assert starts.keys() == ends.keys()
    assert starts
    assert all(starts[number]["ts"] <= ends[number]["ts"] for number in starts)
    waits = sum(
        (source.actor, source.stream) != (span.actor, span.stream)
        for span in outcome.trace.spans
        for source in Step(outcome).sources(span)
    )
    assert len(starts) == waits


def test_memory_is_at_most_the_stated_peak_and_ends_as_it_began(outcome):
    step = Step(outcome)
    for actor, rank in step.ranks.items():
        sizes = [size for _, size in step.memory(actor)]
        stated = sum(outcome.memory.stages[rank.stage].values())
        most = max(size for name in step.ranks for _, size in step.memory(name) if step.ranks[name].stage == rank.stage)
        assert most == pytest.approx(stated)
        assert sizes[0] == pytest.approx(sizes[-1])
        assert max(sizes) <= stated * (1 + 1e-12)


def test_groups_are_those_of_the_plan(every):
    events = whole(every["pipeline"])["traceEvents"]
    keys = ("Collective name", "Process Group Name", "Process Group Ranks")
    moving = [one for one in events if keys[0] in one.get("args", {})]
    ranks = {(one["pid"], *(one["args"][key] for key in keys)) for one in moving}
    assert (0, "_allgather_base", "tensor", "[0, 1]") in ranks
    assert (8, "allreduce", "data", "[8, 10, 12, 14]") in ranks
    assert (0, "send", "pipeline", "[0, 8]") in ranks
    assert (8, "recv", "pipeline", "[0, 8]") in ranks


def test_replicas_that_differ_take_part_in_the_same_collectives(every):
    outcome = every["uneven replicas"]
    events = whole(outcome)["traceEvents"]
    reduced = defaultdict(list)
    for one in events:
        if one.get("args", {}).get("Collective name") == "allreduce":
            reduced[one["pid"]].append((one["args"]["bytes"], one["args"]["Process Group Ranks"]))
    by_stage = defaultdict(set)
    for rank in Step(outcome).ranks.values():
        by_stage[rank.stage].add(tuple(reduced[rank.number]))
    assert len(Step(outcome).ranks) > len(by_stage)
    assert all(len(found) == 1 and next(iter(found)) for found in by_stage.values())


def test_steps_follow_each_other(every):
    outcome = every["sharded"]
    marks = [one for one in whole(outcome, 3)["traceEvents"] if one.get("cat") == "user_annotation"]
    assert [one["name"] for one in marks] == ["ProfilerStep#0", "ProfilerStep#1", "ProfilerStep#2"]
    assert marks[2]["ts"] == round(2e6 * outcome.trace.step_time_s)


def test_files_are_of_all_ranks_and_of_each(every):
    assert list(opened(every["sharded"])) == ["trace.json"]
    files = opened(every["pipeline"])
    assert {name.split(".")[0] for name in files} == {"trace", "trace-rank-0", "trace-rank-8"}
    assert {one["pid"] for one in files["trace-rank-8.json"]["traceEvents"]} == {8}
    assert files["trace-rank-8.json"]["distributedInfo"] == {"backend": "nccl", "rank": 8, "world_size": 16}


def test_large_files_are_compressed_and_the_same_every_time(every):
    (files,) = trace_files([every["pipeline"]], 2).values()
    assert all(name.endswith(".gz") == (one[:2] == b"\x1f\x8b") for name, one in files.items())
    assert len(gzip.decompress(files["trace.json.gz"])) >= GZIPPED_FROM
    assert [files] == list(trace_files([every["pipeline"]], 2).values())


def test_whole_ranks_are_left_out_of_what_is_too_large(every, monkeypatch, capsys):
    monkeypatch.setattr("sim.records.traces.chrome.MOST_BYTES", MOST_BYTES // 100_000)
    (files,) = trace_files([every["pipeline"]]).values()
    assert list(files) == ["trace.json"]
    assert capsys.readouterr().err == "note: trace has the first 1 of 2 ranks: more are too large\n"
    assert b'"pid":8' not in files["trace.json"]


def test_too_many_steps_are_refused(every, monkeypatch):
    with pytest.raises(InputError, match="101 steps"):
        trace_files([every["sharded"]], 101)
    monkeypatch.setattr("sim.records.traces.chrome.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="trace fewer steps"):
        trace_files([every["sharded"]], 2)


def test_chakra_says_how_to_install_what_is_missing(every, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "chakra.schema.protobuf", None)
    with pytest.raises(InputError, match="pip install 'scaletax\\[chakra\\]'"):
        write_chakra([every["sharded"]], tmp_path)

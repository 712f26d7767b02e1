"""HolisticTraceAnalysis reads the traces, and finds the shares and the overlap that the ledger states."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_systems import FIXED, GPU, PIPELINE, WAFER, first_of, scenario

from sim.engine.program import COMPUTE
from sim.outcome.ledger import accounts
from sim.outcome.outcome import Outcome
from sim.records.traces.chrome import trace_files
from sim.records.traces.ranks import Step
from sim.scenario import PlanRequest
from sim.simulate import simulate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SHARE = 0.01
COMMUNICATION = ("tensor_comm", "context_comm", "expert_comm", "pipeline_comm")
WAITED = (*COMMUNICATION, "data_comm", "weight_streaming", "offload")
COMPUTED = ("useful", "kernel_loss", "sharding_loss", "recompute", "optimizer", "data_comm")
Spans = list[tuple[float, float]]


CASES = {
    "sharded": lambda: simulate(scenario(GPU, 8, PlanRequest(rule="fixed", micro_batch=2, zero=3))),
    "sharded, optimizer states alone": lambda: simulate(scenario(GPU, 16, PlanRequest())),
    "tensor, pipeline, data": lambda: simulate(scenario(PIPELINE, 16, FIXED)),
    "wafer": lambda: simulate(scenario(WAFER, 2, PlanRequest())),
    "llama 65b on 2,048": lambda: first_of("llama-65b-2048-a100"),
    "mpt 7b on 440": lambda: first_of("mpt-7b-440-a100"),
}


@pytest.fixture(scope="module", params=CASES)
def outcome(request: pytest.FixtureRequest) -> Outcome:
    return CASES[request.param]()


def analysed(outcome: Outcome, folder: Path, steps: int = 1) -> tuple[list[dict], list[dict]]:
    """(temporal breakdown, overlap) of each rank, as HolisticTraceAnalysis has them."""
    analysis = pytest.importorskip("hta.trace_analysis", reason="needs HolisticTraceAnalysis (make test-slow)")
    (files,) = trace_files([outcome], steps).values()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    ranks = Step(outcome).ranks.values()
    paths = {
        rank.number: next(name for name in files if len(files) == 1 or f"-{rank.number}." in name) for rank in ranks
    }
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = {number: str(folder / name) for number, name in paths.items()}
            read = analysis.TraceAnalysis(trace_files=whole, trace_dir="")
            breakdown = read.get_temporal_breakdown(visualize=False)
            overlap = read.get_comm_comp_overlap(visualize=False)
    finally:
        logging.disable(logging.NOTSET)
    return breakdown.to_dict("records"), overlap.to_dict("records")


def covered_s(spans: Spans, others: Spans) -> Iterator[float]:
    """For each span the seconds that others, which do not overlap each other, share with it."""
    starts, ends = (np.array(side) for side in zip(*others, strict=True)) if others else (np.zeros(0), np.zeros(0))
    for start, end in spans:
        yield float(np.maximum(np.minimum(ends, end) - np.maximum(starts, start), 0.0).sum())


def joined(spans: Spans) -> Spans:
    found: Spans = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def beside(outcome: Outcome, actor: str) -> Spans:
    """When an actor's own streams move something beside its compute, and when others send to it."""
    trace = outcome.trace
    moving = [(one.start_s, one.end_s) for one in trace.spans if one.actor == actor and one.stream != COMPUTE]
    for span in trace.spans:
        if span.actor == actor:
            sources = [trace.recorded_by[event] for event in span.instruction.waits]
            moving += [(one.start_s, one.end_s) for one in sources if one.actor != actor and one.work.kind == "send"]
    return joined([one for one in moving if one[1] > one[0]])


def expected(outcome: Outcome, actor: str) -> tuple[float, float, float]:
    """(seconds computed, seconds that communication alone fills, share of communication beside compute).

    Of the ledger: what an account is busy with and waits for. Communication that runs while nothing computes in gaps
    between kernels, or while the host works, is communication to who looks at the device.
    """
    account = accounts(outcome.trace)[actor]
    computed_s = sum(account.busy.get(line, 0.0) for line in COMPUTED)
    exposed_s = sum(account.busy.get(line, 0.0) for line in COMMUNICATION)
    exposed_s += sum(account.waiting.get(line, 0.0) for line in WAITED)
    own = [
        one for one in outcome.trace.spans if one.actor == actor and one.stream == COMPUTE and one.end_s > one.start_s
    ]
    moving = beside(outcome, actor)
    hidden_s = 0.0
    for span, shared_s in zip(own, covered_s([(one.start_s, one.end_s) for one in own], moving), strict=True):
        length_s = span.end_s - span.start_s
        idle_s = length_s if span.work.kind in ("input", "straggler") else span.parts.get("launch", 0.0)
        exchanged_s = sum(span.parts.get(line, 0.0) for line in COMMUNICATION)
        if span.work.kind in ("input", "straggler"):
            computed_s -= span.parts.get("data_comm", 0.0)
        exposed_s += shared_s * idle_s / length_s
        hidden_s += shared_s * (length_s - idle_s - exchanged_s) / length_s
    whole_s = hidden_s + exposed_s
    return computed_s, exposed_s, hidden_s / whole_s if whole_s else 0.0


def test_shares_and_overlap_are_the_ledgers(outcome, tmp_path):
    breakdown, overlap = analysed(outcome, tmp_path)
    step_us = outcome.trace.step_time_s * 1e6
    is_wafer = "wafer" in outcome.trace.multiplicity
    for actor, shares, beside_each_other in zip(outcome.trace.multiplicity, breakdown, overlap, strict=True):
        computed_s, exposed_s, hidden = expected(outcome, actor)
        idle_us = step_us - shares["compute_time(us)"] - shares["non_compute_time(us)"]
        assert shares["compute_time(us)"] / step_us == pytest.approx(computed_s * 1e6 / step_us, abs=SHARE)
        assert shares["non_compute_time(us)"] / step_us == pytest.approx(exposed_s * 1e6 / step_us, abs=SHARE)
        assert idle_us / step_us == pytest.approx(1 - (computed_s + exposed_s) * 1e6 / step_us, abs=SHARE)
        if not is_wafer:
            # What streams into a wafer is a copy to this reader, and copies are no communication to it.
            assert beside_each_other["comp_comm_overlap_pctg"] / 100 == pytest.approx(hidden, abs=SHARE)


def test_communication_is_overlapped_where_the_ledger_says_so(tmp_path):
    outcome = CASES["sharded"]()
    _, overlap = analysed(outcome, tmp_path)
    assert overlap[0]["comp_comm_overlap_pctg"] > 30
    assert expected(outcome, "replica")[2] > 0.3


def test_all_but_the_last_of_several_steps_are_counted(tmp_path):
    outcome = CASES["sharded"]()
    (one,), _ = analysed(outcome, tmp_path)
    (two,), _ = analysed(outcome, tmp_path, 3)
    assert two["compute_time(us)"] == pytest.approx(2 * one["compute_time(us)"], rel=1e-3)

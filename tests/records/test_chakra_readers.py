"""Chakra's own reader and jsonizer accept the execution traces, and their critical path is the step."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from small_systems import FIXED, GPU, PIPELINE, WAFER, first_of, scenario

from sim.outcome.outcome import Outcome
from sim.records.traces.chakra import write_chakra
from sim.records.traces.pieces import EXCHANGES
from sim.records.traces.ranks import Step
from sim.scenario import PlanRequest
from sim.simulate import simulate

pytestmark = pytest.mark.slow
UNEVEN = PlanRequest(rule="fixed", pipeline=2, micro_batch=1, micro_batches=(7, 6, 6, 5), schedule="1f1b")


def split(schedule: str) -> PlanRequest:
    return PlanRequest(rule="fixed", tensor=2, pipeline=2, micro_batch=1, schedule=schedule)


CASES = {
    "sharded": lambda: simulate(scenario(GPU, 8, PlanRequest(rule="fixed", micro_batch=2, zero=3))),
    "tensor, pipeline, data": lambda: simulate(scenario(PIPELINE, 16, FIXED)),
    "uneven replicas": lambda: simulate(scenario(PIPELINE, 8, UNEVEN, batch=24)),
    "zero bubble": lambda: simulate(scenario((*PIPELINE[:2], "megatron-zero-bubble"), 16, split("zb-h1"))),
    "both ways": lambda: simulate(scenario((*PIPELINE[:2], "dualpipe"), 16, split("dualpipe"))),
    "wafer": lambda: simulate(scenario(WAFER, 2, PlanRequest())),
    "mpt 7b on 440": lambda: first_of("mpt-7b-440-a100"),
}


@pytest.fixture(scope="module", params=CASES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    pytest.importorskip("chakra", reason="needs mlc-chakra (make test-slow)")
    outcome, folder = CASES[request.param](), tmp_path_factory.mktemp("chakra")
    write_chakra([outcome], folder)
    return outcome, folder


def read(path: Path) -> list[Any]:
    """All nodes of a file, by the package's own reader."""
    from chakra.schema.protobuf import et_def_pb2
    from chakra.src.third_party.utils import protolib

    found = []
    file = protolib.openFileRd(str(path))
    assert protolib.decodeMessage(file, et_def_pb2.GlobalMetadata())
    node = et_def_pb2.Node()
    while protolib.decodeMessage(file, node):
        found.append(node)
        node = et_def_pb2.Node()
    file.close()
    return found


def kind(node: Any) -> str:
    from chakra.schema.protobuf import et_def_pb2

    return et_def_pb2.NodeType.Name(node.type)


def value(node: Any, name: str) -> Any:
    attribute = next(one for one in node.attr if one.name == name)
    return getattr(attribute, attribute.WhichOneof("value"))


def critical_path_us(ranks: dict[int, list[Any]], groups: dict[str, list[int]]) -> int:
    """When the last node ends, if each begins once all that it needs has ended.

    A collective begins when all of its members that have a trace have come to it; a receive ends no sooner than its
    send. Collectives of a group are told apart by their order.
    """
    ends: dict[tuple[int, int], int] = {}
    sent: dict[tuple[int, int, int], int] = {}
    joined: dict[tuple[str, int], dict[tuple[int, int], int]] = defaultdict(dict)
    turns: dict[tuple[int, str], int] = defaultdict(int)
    left = [(rank, node) for rank, nodes in ranks.items() for node in nodes]
    left.sort(key=lambda one: one[1].start_time_micros)
    while left:
        later = []
        for rank, node in left:
            needs = [ends.get((rank, need)) for need in node.data_deps]
            starts = None if None in needs else max(needs, default=0)
            if starts is not None and kind(node) == "COMM_RECV_NODE":
                send = sent.get((value(node, "comm_src"), rank, value(node, "comm_tag")))
                starts = None if send is None else max(starts, send)
            if starts is None:
                later.append((rank, node))
            elif kind(node) == "COMM_COLL_NODE":
                group = value(node, "pg_name")
                turn = joined[group, turns[rank, group]]
                turns[rank, group] += 1
                turn[rank, node.id] = starts
                if len(turn) == sum(one in ranks for one in groups[group]):
                    ends |= dict.fromkeys(turn, max(turn.values()) + node.duration_micros)
            else:
                ends[rank, node.id] = starts + node.duration_micros
                if kind(node) == "COMM_SEND_NODE":
                    sent[rank, value(node, "comm_dst"), value(node, "comm_tag")] = ends[rank, node.id]
        assert len(later) < len(left), "nodes wait for each other for ever"
        left = later
    return max(ends.values())


def opened(written: tuple[Outcome, Path]) -> tuple[dict[int, list[Any]], dict[str, list[int]]]:
    outcome, folder = written
    groups = json.loads((folder / "comm_group.json").read_text())
    devices = range(min(outcome.plan.devices, 32))
    return {device: read(folder / f"step.{device}.et") for device in devices}, groups


def test_the_critical_path_is_the_step(written):
    outcome, _ = written
    ranks, groups = opened(written)
    assert critical_path_us(ranks, groups) == pytest.approx(outcome.trace.step_time_s * 1e6, rel=0.01)


def test_every_device_has_a_file_and_every_send_a_receive(written):
    outcome, folder = written
    assert len(list(folder.glob("step.*.et"))) == outcome.plan.devices
    ranks, _ = opened(written)
    ends = {"COMM_SEND_NODE": set(), "COMM_RECV_NODE": set()}
    for nodes in ranks.values():
        for node in nodes:
            if kind(node) in ends:
                keys = ("comm_src", "comm_dst", "comm_tag", "comm_size")
                ends[kind(node)].add(tuple(value(node, key) for key in keys))
    assert ends["COMM_SEND_NODE"] == ends["COMM_RECV_NODE"]
    assert bool(ends["COMM_SEND_NODE"]) == (len(Step(outcome).ranks) > 1)


def test_members_of_a_group_make_the_same_collectives(written):
    ranks, groups = opened(written)
    made: dict[str, dict[int, list[tuple[int, int]]]] = defaultdict(dict)
    for rank, nodes in ranks.items():
        for node in nodes:
            if kind(node) == "COMM_COLL_NODE":
                group = value(node, "pg_name")
                assert rank in groups[group]
                sizes = value(node, "comm_type"), value(node, "comm_size")
                made[group].setdefault(rank, []).append(sizes)
    for of_ranks in made.values():
        assert len({tuple(one) for one in of_ranks.values()}) == 1


def test_bytes_of_collectives_are_those_that_the_step_moves(written):
    outcome, _ = written
    ranks, groups = opened(written)
    for actor, rank in Step(outcome).ranks.items():
        expected = found = 0.0
        for span in outcome.trace.spans:
            if span.actor == actor:
                for one in Step(outcome).transfers(span) if span.end_s > span.start_s else ():
                    expected += float(one.size_bytes)
        for node in ranks.get(rank.number, ()):
            if kind(node) == "COMM_COLL_NODE" and node.name != "gradient norm":
                shares = len(groups[value(node, "pg_name")]) if value(node, "comm_type") == 2 else 1
                found += value(node, "comm_size") * shares
            elif kind(node) == "COMM_SEND_NODE":
                found += value(node, "comm_size")
            elif kind(node) in ("MEM_LOAD_NODE", "MEM_STORE_NODE"):
                found += value(node, "tensor_size")
        assert found == pytest.approx(expected, rel=1e-3)


def test_its_jsonizer_reads_every_node(written, tmp_path):
    outcome, folder = written
    target = tmp_path / "step.json"
    given = ["--input_filename", str(folder / "step.0.et"), "--output_filename", str(target)]
    subprocess.run([sys.executable, "-m", "chakra.src.jsonizer.jsonizer", *given], check=True)
    text, decoder, place, found = target.read_text(), json.JSONDecoder(), 0, []
    while place < len(text):
        one, place = decoder.raw_decode(text, place)
        found.append(one)
    assert len(found) == 1 + len(read(folder / "step.0.et"))
    assert found[0] == {"version": "0.0.4"}
    ran = {span.what for span in outcome.trace.spans if span.work.kind == "pass" and span.end_s > span.start_s}
    assert ran & {one["name"] for one in found[1:]}


def test_compute_and_communication_take_the_seconds_of_the_ledger(written):
    outcome, _ = written
    ranks, _ = opened(written)
    for actor, rank in Step(outcome).ranks.items():
        busy = [span for span in outcome.trace.spans if span.actor == actor]
        moved_s = sum(
            sum(seconds for line, seconds in span.parts.items() if span.stream != "compute" or line in EXCHANGES)
            for span in busy
        )
        whole_s = sum(span.end_s - span.start_s for span in busy)
        nodes = ranks[rank.number]
        moved_us = sum(one.duration_micros for one in nodes if kind(one) != "COMP_NODE")
        whole_us = sum(one.duration_micros for one in nodes)
        assert moved_us == pytest.approx(moved_s * 1e6, rel=1e-2, abs=5)
        assert whole_us == pytest.approx(whole_s * 1e6, rel=1e-3)

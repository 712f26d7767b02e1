"""Transfers on shared links and compute beside a collective: by hand, and as integrals of the pace over time."""

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim
from sim.engine.clock import run
from sim.engine.program import COMPUTE, DATA, Actor, Instruction, Program, Transfer, without_waiting_for_others
from sim.engine.sharing import SharedLinks, Usage
from sim.engine.work import Work
from sim.errors import ScaletaxError, Stalled
from sim.outcome.ledger import close_ledger


def move(wave, seconds, waits=(), records=None, first=0.0, slows=0.0, what=""):
    """Send over the links of a wave, after some seconds of something else."""
    parts = {"useful": first, "data_comm": seconds} if first else {"data_comm": seconds}
    transfer = Transfer(wave, "data_comm", seconds)
    return Instruction(Work(what or str(wave)), parts, tuple(waits), records, (transfer,), slows)


def do(seconds, waits=(), records=None, what="work"):
    return Instruction(Work(what), {"useful": seconds}, tuple(waits), records)


def beside(seconds, slows, waits=(), records=None, line="data_comm"):
    """A collective that takes speed from compute, on links of its own."""
    return Instruction(Work("beside"), {line: seconds, "launch": 0.0}, tuple(waits), records, (), slows)


def program(actors):
    """Actor -> stream -> instructions; one device each."""
    return Program([Actor(name, 1, streams) for name, streams in actors.items()])


def one_link(**shares):
    """Waves with equal members on one link."""
    return SharedLinks({wave: Usage(np.zeros(1, np.int64), np.array([share]), 1e9) for wave, share in shares.items()})


def alone(*streams):
    """Every stream on an actor of its own."""
    return program({f"actor {number}": {DATA: stream} for number, stream in enumerate(streams)})


def ends(trace):
    return {span.what: span.end_s for span in trace.spans}


def test_two_that_overlap_fully_take_twice_as_long():
    trace = run(alone([move("a", 10.0)], [move("b", 10.0)]), one_link(a=1.0, b=1.0))
    assert ends(trace) == {"a": 20.0, "b": 20.0}
    assert [span.parts for span in trace.spans] == [{"data_comm": 20.0}] * 2
    assert trace.spans[0].transfers == (Transfer("a", "data_comm", 10.0),)
    assert trace.step_time_s == 20.0


def test_partial_overlap():
    # 0 to 5: a alone does 5. 5 to 15: half pace, a does its other 5. 15 to 20: b alone does the other 5 of its 10.
    trace = run(alone([move("a", 10.0)], [do(5.0), move("b", 10.0)]), one_link(a=1.0, b=1.0))
    assert ends(trace) == {"a": 15.0, "work": 5.0, "b": 20.0}
    assert [span.parts for span in trace.spans_of("actor 1", DATA)] == [{"useful": 5.0}, {"data_comm": 15.0}]


def test_who_ends_early_releases_its_share():
    # Both at half pace until a has done its 2, at 4; then b does the other 8 of its 10 alone.
    trace = run(alone([move("a", 2.0)], [move("b", 10.0)]), one_link(a=1.0, b=1.0))
    assert ends(trace) == {"a": 4.0, "b": 12.0}


def test_shares_below_the_whole_slow_less():
    trace = run(alone([move("a", 10.0)], [move("b", 10.0)]), one_link(a=0.6, b=0.65))
    # Members of equal rate: 1.25 p = 1.
    assert ends(trace) == pytest.approx({"a": 12.5, "b": 12.5})
    trace = run(alone([move("a", 10.0)], [move("b", 10.0)]), one_link(a=0.6, b=0.65, c=1.0))
    assert ends(trace) == pytest.approx({"a": 12.5, "b": 12.5})


def test_unequal_members():
    # Paces 1/4 and 3/4: b has done its 3 at 4, when a has done 1 of its 10.
    usages = {"a": Usage(np.array([4]), np.ones(1), 3e9), "b": Usage(np.array([4]), np.ones(1), 1e9)}
    trace = run(alone([move("a", 10.0)], [move("b", 3.0)]), SharedLinks(usages))
    assert ends(trace) == pytest.approx({"a": 13.0, "b": 4.0})


def test_the_rest_of_an_instruction_elapses_before_its_transfers():
    # a reaches the link at 4, b at 0: b does 4 alone, then both share: b's other 2 end at 8, a's 6 at 12.
    trace = run(alone([move("a", 6.0, first=4.0)], [move("b", 6.0)]), one_link(a=1.0, b=1.0))
    assert ends(trace) == {"a": 12.0, "b": 8.0}
    assert trace.spans_of("actor 0", DATA)[0].parts == {"useful": 4.0, "data_comm": 8.0}


def test_transfers_of_one_instruction_run_in_turn():
    both = Instruction(Work("both"), {"tensor_comm": 5.0, "data_comm": 2.0}, (), None, (
        Transfer("a", "tensor_comm", 4.0), Transfer("free", "tensor_comm", 1.0), Transfer("c", "data_comm", 2.0),
    ))  # fmt: skip
    links = SharedLinks({
        "a": Usage(np.array([0]), np.ones(1), 1e9), "b": Usage(np.array([0]), np.ones(1), 1e9),
        "c": Usage(np.array([1]), np.ones(1), 1e9), "d": Usage(np.array([1]), np.ones(1), 1e9),
    })  # fmt: skip
    # The free second first; from 1 to 5 at half pace beside b, which ends there; the other 2 alone; c from 7, beside d.
    trace = run(alone([both], [move("b", 3.0)], [do(7.0), move("d", 9.0)]), links)
    assert ends(trace) == {"both": 11.0, "b": 5.0, "work": 7.0, "d": 18.0}
    span = trace.spans_of("actor 0", DATA)[0]
    assert span.parts == {"tensor_comm": 7.0, "data_comm": 4.0}
    assert span.transfers == both.transfers


def test_a_wave_does_not_compete_with_itself():
    links = one_link(a=1.0, b=1.0)
    assert ends(run(alone([move("a", 10.0, what="x")], [move("a", 8.0, what="y")]), links)) == {"x": 10.0, "y": 8.0}
    # Both at half pace as long as b is there.
    trace = run(alone([move("a", 10.0, what="x")], [move("a", 8.0, what="y")], [move("b", 2.0)]), links)
    assert ends(trace) == {"x": 12.0, "y": 10.0, "b": 4.0}


def test_one_transfer_at_once_after_another_leaves_no_gap():
    # a moves 2 + 2 + 2 without a pause: b sees one competitor until 12, not three.
    chain = [move("a", 2.0, what="x"), move("a", 2.0, what="y"), move("a", 2.0, what="z")]
    trace = run(alone(chain, [move("b", 8.0)]), one_link(a=1.0, b=1.0))
    assert ends(trace) == {"x": 4.0, "y": 8.0, "z": 12.0, "b": 14.0}


def test_what_follows_at_the_same_instant_leaves_no_gap_either():
    # A chain on one stream, and one whose second waits for what the first records. Between the two, at one instant, b
    # is not alone: it goes on at half pace without a stop, which shows in the last bit of its end.
    lengths = random.Random(0)
    for _ in range(50):
        first, second, other = (lengths.uniform(0.1, 3.0) for _ in range(3))
        chain = [[move("a", first, what="x"), move("a", second, what="y")]]
        apart = [move("a", first, records="there", what="x")], [do(0.0, ["there"]), move("a", second, what="y")]
        for streams in (chain, apart):
            whole_s = first + second + other
            found = ends(run(alone(*streams, [move("b", whole_s)]), one_link(a=1.0, b=1.0)))
            assert found["y"] == found["x"] + second / 0.5
            assert found["b"] == found["y"] + (whole_s - found["y"] * 0.5)


def test_an_event_that_a_slowed_transfer_records_comes_late():
    streams = {DATA: [move("a", 3.0, records="there")], COMPUTE: [do(1.0), do(1.0, ["there"], what="after")]}
    trace = run(program({"x": streams, "y": {DATA: [move("b", 3.0)]}}), one_link(a=1.0, b=1.0))
    assert ends(trace)["after"] == 7.0
    assert trace.waits[0][2:] == (1.0, 6.0, "there")
    # The wait is communication, for as long as it took.
    assert close_ledger(trace, 2).device_seconds["data_comm"] == pytest.approx(5.0)


def test_compute_beside_a_collective():
    # A quarter of the speed is lost until 4: 3 done, 7 left.
    trace = run(program({"a": {COMPUTE: [do(10.0)], DATA: [beside(4.0, 0.25)]}}))
    assert ends(trace) == {"work": 11.0, "beside": 4.0}
    assert trace.spans_of("a", COMPUTE)[0].parts == {"useful": 10.0, "data_comm": 1.0}
    # In the middle, from 2 to 6.
    trace = run(program({"a": {COMPUTE: [do(10.0)], DATA: [do(2.0), beside(4.0, 0.25)]}}))
    assert trace.spans_of("a", COMPUTE)[0].end_s == 11.0
    # From 8 on: 2 left at half the speed, while the collective goes on.
    trace = run(program({"a": {COMPUTE: [do(10.0)], DATA: [do(8.0), beside(9.0, 0.5)]}}))
    assert trace.spans_of("a", COMPUTE)[0].end_s == 12.0
    assert trace.spans_of("a", COMPUTE)[0].parts == {"useful": 10.0, "data_comm": 2.0}


def test_only_compute_of_the_same_actor_is_slowed_and_no_wait_is():
    streams = {COMPUTE: [do(1.0, ["go"])], DATA: [beside(4.0, 0.25, records="go")], "send": [do(7.0, what="send")]}
    trace = run(program({"a": streams, "b": {COMPUTE: [do(6.0, what="other")]}}))
    assert ends(trace) == {"work": 5.0, "beside": 4.0, "send": 7.0, "other": 6.0}
    # On the compute stream itself it slows nothing.
    trace = run(program({"a": {COMPUTE: [beside(4.0, 0.25), do(1.0)]}}))
    assert ends(trace) == {"beside": 4.0, "work": 5.0}


def test_every_piece_of_compute_is_slowed_by_what_is_beside_it():
    # 3 s each at half the speed until 4, then at full speed: 2 of the first done, 1 left.
    pieces = [do(3.0, what="x"), do(3.0, what="y", records="y"), Instruction(Work("barrier"), {}), do(2.0, what="z")]
    trace = run(program({"a": {COMPUTE: pieces, DATA: [beside(4.0, 0.5), beside(0.5, 0.5, ["y"])]}}))
    assert [(span.what, span.start_s, span.end_s) for span in trace.spans_of("a", COMPUTE)] == [
        ("x", 0.0, 5.0), ("y", 5.0, 8.0), ("barrier", 8.0, 8.0), ("z", 8.0, 10.25),
    ]  # fmt: skip
    assert trace.spans_of("a", COMPUTE)[1].parts == {"useful": 3.0}
    assert trace.spans_of("a", COMPUTE)[2].parts == {}


def test_of_several_collectives_the_one_that_takes_most_counts():
    # 0 to 2: a quarter (data). 2 to 4: a half (weights). 4 to 6: a quarter. Done: 1.5 + 1 + 1.5.
    streams = {
        COMPUTE: [do(10.0)],
        DATA: [beside(6.0, 0.25)],
        "weights": [do(2.0), beside(2.0, 0.5, line="weight_streaming")],
    }
    trace = run(program({"a": streams}))
    span = trace.spans_of("a", COMPUTE)[0]
    assert span.end_s == 12.0
    assert span.parts == {"useful": 10.0, "data_comm": 1.0, "weight_streaming": 1.0}


def test_equal_losses_are_on_the_line_of_the_first():
    streams = {COMPUTE: [do(4.0)], DATA: [beside(2.0, 0.5)], "send": [beside(4.0, 0.5, line="pipeline_comm")]}
    span = run(program({"a": streams})).spans_of("a", COMPUTE)[0]
    assert span.end_s == 6.0
    assert span.parts == {"useful": 4.0, "data_comm": 1.0, "pipeline_comm": 1.0}


def test_a_collective_that_is_slowed_slows_for_longer():
    streams = {COMPUTE: [do(10.0)], DATA: [move("a", 2.0, slows=0.5)]}
    trace = run(program({"a": streams, "b": {DATA: [move("b", 2.0)]}}), one_link(a=1.0, b=1.0))
    assert ends(trace) == {"work": 12.0, "a": 4.0, "b": 4.0}
    # The same without competition.
    assert ends(run(program({"a": streams})))["work"] == 11.0


@pytest.mark.parametrize("links", [None, one_link(a=1.0, b=1.0)])
def test_transfers_on_the_compute_stream_are_not_slowed_as_compute(links):
    # 2 s of work at half the speed until 4, then 5 s on the links at their own pace.
    streams = {COMPUTE: [move("a", 5.0, first=2.0)], DATA: [beside(20.0, 0.5)]}
    trace = run(program({"a": streams}), links)
    assert ends(trace) == {"a": 9.0, "beside": 20.0}
    assert trace.spans_of("a", COMPUTE)[0].parts == {"useful": 2.0, "data_comm": 7.0}


def test_a_step_ends_when_its_last_instruction_does():
    # For a second the compute seems to end at 100; that nothing happens then any more is no part of the step.
    trace = run(program({"a": {COMPUTE: [do(10.0)], DATA: [beside(1.0, 0.9)]}}))
    assert trace.step_time_s == trace.spans_of("a", COMPUTE)[0].end_s == pytest.approx(10.9)


def test_what_a_program_cannot_mean_is_refused():
    for share in (1.0, -0.1):
        with pytest.raises(ScaletaxError, match="'beside' cannot take"):
            run(program({"a": {COMPUTE: [do(1.0)], DATA: [beside(1.0, share)]}}))
    short = Instruction(Work("short"), {"data_comm": 1.0}, transfers=(Transfer("a", "data_comm", 2.0),))
    with pytest.raises(ScaletaxError, match=r"'short' takes 1\.0 s, less than its transfers"):
        run(alone([short]), one_link(a=1.0, b=1.0))


def test_a_stall_is_reported_as_ever():
    streams = {COMPUTE: [do(1.0), do(1.0, ["never"], what="x")], DATA: [move("a", 2.0, slows=0.5)]}
    # Half the speed for as long as the transfer goes on.
    with pytest.raises(Stalled, match="a / compute: 'x' waits since 2 s for never, which nothing records"):
        run(program({"a": streams, "b": {DATA: [move("b", 0.25)]}}), one_link(a=1.0, b=0.5))


def test_without_other_actors_a_program_keeps_its_transfers():
    left = without_waiting_for_others(alone([move("a", 2.0, slows=0.5, records="e")], [move("b", 1.0, ["e"])]))
    assert left.actors[1].streams[DATA] == [move("b", 1.0)]
    assert left.actors[0].streams[DATA] == [move("a", 2.0, slows=0.5, records="e")]


WAVES = tuple("pqrs")


@st.composite
def programs(draw, slowing=False):
    """A program that cannot stall, with transfers of four waves; optionally with collectives that slow compute."""
    actors, recorded = {}, []
    seconds = st.integers(1, 5).map(float) | st.floats(0.01, 5.0)
    for index in range(draw(st.integers(1, 30))):
        actor, stream = draw(st.sampled_from("abc")), draw(st.sampled_from([COMPUTE, DATA, "send"]))
        waits = draw(st.lists(st.sampled_from(recorded), max_size=2, unique=True)) if recorded else []
        records = f"e{index}" if draw(st.booleans()) else None
        slows = draw(st.sampled_from([0.0, 0.25, 0.5])) if slowing and stream != COMPUTE else 0.0
        if draw(st.booleans()):
            first = draw(st.sampled_from([0.0, 1.5]))
            one = move(draw(st.sampled_from(WAVES)), draw(seconds), waits, records, first, slows, str(index))
        else:
            parts = {"useful" if stream == COMPUTE else "data_comm": draw(seconds)}
            one = Instruction(Work(str(index)), parts, tuple(waits), records, (), slows)
        actors.setdefault(actor, {}).setdefault(stream, []).append(one)
        recorded += [records] if records else []
    # The ledger wants a compute stream everywhere.
    return program({name: {COMPUTE: [], **streams} for name, streams in actors.items()})


@st.composite
def usages(draw, most=1.0):
    """Links of the four waves: three links."""
    share = st.sampled_from([most, most / 2]) | st.floats(0.01 * most, most)
    found = {}
    for wave in WAVES:
        shares = draw(st.dictionaries(st.integers(0, 2), share))
        member = draw(st.sampled_from([1e9, 2e9]))
        found[wave] = Usage(np.array(list(shares), np.int64), np.array(list(shares.values())), member)
    return found


@given(programs(), usages(most=0.25))
def test_on_links_wide_enough_for_all_the_trace_is_that_without_links(one, given_usages):
    assert repr(run(one, SharedLinks(given_usages))) == repr(run(one))


@given(programs(slowing=True), usages(most=0.25))
def test_on_links_wide_enough_for_all_only_collectives_slow_compute(one, given_usages):
    assert repr(run(one, SharedLinks(given_usages))) == repr(run(one))


@pytest.mark.slow
@given(programs(), usages())
@settings(max_examples=200, deadline=None)
def test_what_is_moved_is_the_pace_over_time(one, given_usages):
    # The transfer comes last in an instruction, and nothing else of it is on its line.
    links = SharedLinks(given_usages)
    trace = run(one, links)
    flows = [
        (span.end_s - span.parts["data_comm"], span.end_s, span.transfers[0]) for span in trace.spans if span.transfers
    ]
    edges = sorted({edge for start_s, end_s, _ in flows for edge in (start_s, end_s)})
    moved = [0.0] * len(flows)
    for begin_s, end_s in itertools.pairwise(edges):
        middle_s = (begin_s + end_s) / 2
        active = [flow for flow, (start_s, stop_s, _) in enumerate(flows) if start_s < middle_s < stop_s]
        paces = links.paces(flows[flow][2].wave for flow in active)
        for flow in active:
            moved[flow] += paces[flows[flow][2].wave] * (end_s - begin_s)
    assert moved == pytest.approx([transfer.seconds for _, _, transfer in flows], rel=1e-9, abs=1e-9)


@pytest.mark.slow
@given(programs(slowing=True), usages())
@settings(max_examples=200, deadline=None)
def test_what_is_computed_is_the_speed_over_time(one, given_usages):
    trace = run(one, SharedLinks(given_usages))
    slows = {instruction.what: instruction.slows_compute for _, _, instruction in one.instructions()}
    given_s = {instruction.what: instruction.duration_s for _, _, instruction in one.instructions()}
    for span in trace.spans:
        if span.stream != COMPUTE or span.transfers:
            continue
        others = [other for other in trace.spans if other.actor == span.actor and slows[other.what]]
        inner = [edge for other in others for edge in (other.start_s, other.end_s) if span.start_s < edge < span.end_s]
        edges = [span.start_s, *sorted(inner), span.end_s]
        done_s = 0.0
        for begin_s, end_s in itertools.pairwise(edges):
            middle_s = (begin_s + end_s) / 2
            lost = [slows[other.what] for other in others if other.start_s < middle_s < other.end_s]
            done_s += (1 - max(lost, default=0.0)) * (end_s - begin_s)
        assert done_s == pytest.approx(given_s[span.what], rel=1e-9)


@pytest.mark.slow
@given(programs(slowing=True), usages())
@settings(max_examples=200, deadline=None)
def test_spans_have_the_length_of_their_parts_and_the_ledger_closes(one, given_usages):
    trace = run(one, SharedLinks(given_usages))
    given_parts = {instruction.what: instruction.parts for _, _, instruction in one.instructions()}
    for span in trace.spans:
        assert span.end_s - span.start_s == pytest.approx(sum(span.parts.values()), rel=1e-9, abs=1e-9)
        assert all(span.parts[line] >= seconds for line, seconds in given_parts[span.what].items())
    assert trace.step_time_s == max(span.end_s for span in trace.spans)
    ledger = close_ledger(trace, len(one.actors) + 1)
    assert sum(ledger.device_seconds.values()) == pytest.approx(ledger.total_s, rel=1e-9)


@given(programs(slowing=True), usages(), st.randoms(use_true_random=False))
def test_the_order_of_actors_and_streams_does_not_matter(one, given_usages, shuffling):
    links = SharedLinks(given_usages)
    other = [Actor(a.name, a.multiplicity, dict(shuffled(a.streams.items(), shuffling))) for a in one.actors]
    found = ends(run(Program(shuffled(other, shuffling)), links))
    assert found == pytest.approx(ends(run(one, links)), rel=1e-9)


def shuffled(items, shuffling: random.Random):
    result = list(items)
    shuffling.shuffle(result)
    return result


SCRIPT = """
import numpy as np
from sim.engine.clock import run
from sim.engine.program import Actor, Instruction, Program, Transfer
from sim.engine.sharing import SharedLinks, Usage
from sim.engine.work import Work
names = ("alpha", "beta", "gamma", "delta", "epsilon")
rates = {name: 1e9 * (index + 1) / 3 for index, name in enumerate(names)}
usages = {name: Usage(np.array([i % 3, 3]), np.array([0.7, 0.31]), rates[name]) for i, name in enumerate(names)}
actors = []
for index, name in enumerate(names):
    moves = [Transfer(other, "data_comm", 0.1 + index / 7) for other in names[index:] + names[:index]]
    parts = {"data_comm": sum(move.seconds for move in moves)}
    streams = {"compute": [Instruction(Work("work"), {"useful": 1.0})] * 9}
    streams["data"] = [Instruction(Work("move"), parts, transfers=tuple(moves), slows_compute=0.1)] * 5
    actors.append(Actor(name, 1, streams))
print(run(Program(actors), SharedLinks(usages)))
"""


def test_one_trace_whatever_the_hash_seed_and_the_competition():
    root = Path(sim.__file__).parents[1]
    found = []
    for seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout)
    assert found[0] == found[1]
    assert found[0].count("Span(") == 70

"""The clock on hand-made programs: order, waits, events, stalls, and the same trace whatever the hash seed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.engine.clock import run
from sim.engine.program import COMPUTE, Actor, Instruction, Program
from sim.engine.trace import Wait
from sim.engine.work import Work
from sim.errors import ScaletaxError, Stalled


def do(what, seconds, waits=(), records=None):
    return Instruction(Work(what), {"useful": seconds}, tuple(waits), records)


def program(**streams):
    """Actors a, b, ... from names such as a_compute; one device each."""
    actors = {}
    for name, instructions in streams.items():
        actor, stream = name.split("_")
        actors.setdefault(actor, Actor(actor, 1)).streams[stream] = instructions
    return Program(list(actors.values()))


def times(trace, actor, stream=COMPUTE):
    return [(span.what, span.start_s, span.end_s) for span in trace.spans_of(actor, stream)]


def test_one_stream_runs_in_order():
    trace = run(program(a_compute=[do("x", 1.0), do("y", 2.0), do("z", 4.0)]))
    assert times(trace, "a") == [("x", 0.0, 1.0), ("y", 1.0, 3.0), ("z", 3.0, 7.0)]
    assert trace.step_time_s == 7.0
    assert not trace.waits


def test_two_actors_wait_for_each_other():
    # a: x until 1, y until 3. b: works until 2, waits for y until 3, then u until 7. a waits for u from 3 to 7.
    trace = run(
        program(
            a_compute=[do("x", 1.0), do("y", 2.0, records="y"), do("z", 1.0, ["u"])],
            b_compute=[do("t", 2.0), do("u", 4.0, ["y"], "u")],
        )
    )
    assert times(trace, "a") == [("x", 0.0, 1.0), ("y", 1.0, 3.0), ("z", 7.0, 8.0)]
    assert times(trace, "b") == [("t", 0.0, 2.0), ("u", 3.0, 7.0)]
    assert sorted(trace.waits) == [Wait("a", COMPUTE, 3.0, 7.0, "u"), Wait("b", COMPUTE, 2.0, 3.0, "y")]
    assert trace.recorded_by["u"].what == "u"
    assert trace.step_time_s == 8.0


def test_an_event_that_is_there_already_costs_no_wait():
    trace = run(program(a_compute=[do("x", 1.0, records="x")], b_compute=[do("t", 5.0), do("u", 1.0, ["x"])]))
    assert times(trace, "b") == [("t", 0.0, 5.0), ("u", 5.0, 6.0)]
    assert not trace.waits


def test_an_event_between_start_and_end_of_earlier_work_costs_no_wait():
    # b is asked for the event at 0, when it is not there yet; it comes at 3, while b works until 4.
    second = [do("s", 2.0), do("t", 2.0), do("u", 1.0, ["x"])]
    trace = run(program(a_compute=[do("x", 3.0, records="x")], b_compute=second))
    assert times(trace, "b")[-1] == ("u", 4.0, 5.0)
    assert not trace.waits


def test_several_events_are_waited_for_one_after_the_other():
    trace = run(
        program(
            a_compute=[do("x", 1.0, records="x")],
            b_compute=[do("y", 3.0, records="y")],
            c_compute=[do("z", 1.0, ["x", "y"])],
        )
    )
    assert times(trace, "c") == [("z", 3.0, 4.0)]
    assert trace.waits == [Wait("c", COMPUTE, 0.0, 1.0, "x"), Wait("c", COMPUTE, 1.0, 3.0, "y")]


def test_streams_of_one_actor_overlap():
    trace = run(
        program(
            a_compute=[do("x", 1.0, records="x"), do("y", 3.0), do("z", 1.0, ["sent"])],
            a_send=[do("send", 2.0, ["x"], "sent")],
        )
    )
    assert times(trace, "a", "send") == [("send", 1.0, 3.0)]
    assert times(trace, "a")[-1] == ("z", 4.0, 5.0)


def test_work_of_no_length_and_streams_of_no_work():
    first = [do("x", 0.0, records="x"), do("y", 0.0, ["x"])]
    trace = run(program(a_compute=first, a_send=[], b_compute=[do("z", 0.0, ["x"])]))
    assert trace.step_time_s == 0
    assert len(trace.spans) == 3


def test_parts_are_kept_and_sum_to_the_length():
    instruction = Instruction(Work("x"), {"useful": 1.0, "launch": 0.5})
    trace = run(program(a_compute=[instruction]))
    assert trace.spans[0].parts == {"useful": 1.0, "launch": 0.5}
    assert trace.step_time_s == 1.5
    assert trace.multiplicity == {"a": 1}


def test_a_stall_names_every_waiting_stream():
    crossed = program(
        a_compute=[do("x", 1.5), do("y", 1.0, ["v"], "y")],
        b_compute=[do("u", 2.5), do("v", 1.0, ["y"], "v")],
        c_compute=[do("alone", 9.0)],
    )
    with pytest.raises(Stalled) as caught:
        run(crossed)
    lines = str(caught.value).splitlines()
    assert caught.value.exit_code == 4
    assert "  a / compute: 'y' waits since 1.5 s for v, recorded by b / compute" in lines
    assert "  b / compute: 'v' waits since 2.5 s for y, recorded by a / compute" in lines
    assert not any(line.strip().startswith("c /") for line in lines)


def test_an_event_that_nobody_records_is_a_stall():
    with pytest.raises(Stalled, match="a / send: 'x' waits since 0 s for never, which nothing records"):
        run(program(a_compute=[do("w", 1.0)], a_send=[do("x", 1.0, ["never"])]))


def test_an_event_that_is_recorded_twice_is_refused():
    twice = program(a_compute=[do("x", 1.0, records="e")], b_compute=[do("y", 2.0, records="e")])
    with pytest.raises(ScaletaxError, match="event e is recorded twice"):
        twice.producers()
    # The second record would be lost on whoever waits: run() must refuse it as well.
    with pytest.raises(ScaletaxError, match="event e is recorded twice"):
        run(twice)


@st.composite
def chains(draw):
    """A program that cannot stall: whatever is waited for was written down before, in the order of the draw."""
    streams, recorded = {}, []
    for index in range(draw(st.integers(1, 40))):
        name = draw(st.sampled_from(["a_compute", "a_send", "b_compute", "b_data", "c_compute"]))
        waits = draw(st.lists(st.sampled_from(recorded), max_size=3, unique=True)) if recorded else []
        records = f"e{index}" if draw(st.booleans()) else None
        streams.setdefault(name, []).append((index, draw(st.integers(0, 5)), waits, records))
        recorded += [records] if records else []
    return streams


@given(chains())
def test_ends_are_the_longest_path(streams):
    # End = latest of the end before it on its stream and the ends of what it waits for, plus its own length.
    ends, last, at = {}, dict.fromkeys(streams, 0), {}
    listed = sorted((row[0], name, *row[1:]) for name, rows in streams.items() for row in rows)
    for index, name, seconds, waits, records in listed:
        at[index] = last[name] = max([last[name], *(ends[key] for key in waits)]) + seconds
        if records:
            ends[records] = last[name]
    trace = run(
        program(**{
            name: [do(str(index), seconds, waits, records) for index, seconds, waits, records in rows]
            for name, rows in streams.items()
        })
    )  # fmt: skip
    assert {int(span.what): span.end_s for span in trace.spans} == at
    assert trace.step_time_s == max(at.values())
    # A stream is always busy or waiting between its first and its last instruction.
    for name in streams:
        actor, stream = name.split("_")
        spans = trace.spans_of(actor, stream)
        waited = sum(wait.end_s - wait.start_s for wait in trace.waits if (wait.actor, wait.stream) == (actor, stream))
        assert waited + sum(span.end_s - span.start_s for span in spans) == spans[-1].end_s


SCRIPT = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from builders import fixed, overlapping, point, run_on
outcome = run_on(point(plan=fixed(pipeline=2, virtual_stages=2, data=4), jitter=0.01), stack=overlapping())
trace = outcome.trace
text = repr((trace.spans, trace.waits, trace.multiplicity, list(trace.recorded_by), outcome.ledger.device_seconds))
print(hashlib.sha256(text.encode()).hexdigest(), len(trace.spans))
"""


@pytest.mark.slow
def test_one_trace_whatever_the_hash_seed():
    root = Path(sim.__file__).parents[1]
    found = []
    for seed in ("0", "4711"):
        command = [sys.executable, "-c", SCRIPT, str(root / "tests")]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    assert found[0] == found[1]
    assert int(found[0][1]) > 50

"""The ledger on hand-made programs: which line every second lands in, and that all of them land."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine.clock import run
from sim.engine.program import COMPUTE, Actor, Instruction, Program
from sim.engine.trace import Span, Trace
from sim.engine.work import Work
from sim.errors import LedgerNotClosed
from sim.outcome.ledger import close_ledger
from sim.outcome.lines import GROUPS, LINES, SPLIT_LINES
from sim.outcome.outcome import utilisation


def do(seconds, waits=(), records=None, line="useful"):
    return Instruction(Work(line), {line: seconds}, tuple(waits), records)


def account(*actors, devices=None, multiplicity=1):
    """Ledger of actors given as {stream: instructions}; only the lines that are not zero."""
    listed = [Actor(f"a{index}", multiplicity, dict(streams)) for index, streams in enumerate(actors)]
    trace = run(Program(listed))
    ledger = close_ledger(trace, devices or multiplicity * len(actors))
    return ledger, {line: seconds for line, seconds in ledger.device_seconds.items() if seconds}


def test_work_lands_where_the_instruction_says():
    parts = {"useful": 3.0, "kernel_loss": 2.0, "launch": 1.0}
    ledger, lines = account({COMPUTE: [Instruction(Work("x"), parts), do(4.0, line="optimizer")]})
    assert lines == {**parts, "optimizer": 4.0}
    assert ledger.step_time_s == ledger.total_s == 10
    assert ledger.share("useful") == 0.3
    assert ledger.tax == 0


def test_devices_beyond_the_plan_are_stranded():
    ledger, lines = account({COMPUTE: [do(10.0)]}, devices=10, multiplicity=8)
    assert lines == {"useful": 80.0, "stranded": 20.0}
    assert ledger.tax == ledger.share("stranded") == 0.2


def test_waiting_for_a_collective_of_ones_own_is_communication():
    # 10 s of work; the collective starts after 4 and takes 9: 3 of its seconds show.
    _, lines = account({
        COMPUTE: [do(4.0, records="x"), do(6.0), do(1.0, ["y"])],
        "data": [do(9.0, ["x"], "y", "data_comm")],
    })  # fmt: skip
    assert lines == {"useful": 11.0, "data_comm": 3.0}


def test_a_collective_that_itself_waits_is_a_bubble_until_it_moves():
    # Own work ends at 1. The collective waits for the other actor until 5 and moves until 7.
    ledger, lines = account(
        {COMPUTE: [do(1.0), do(1.0, ["y"])], "data": [do(2.0, ["z"], "y", "data_comm")]},
        {COMPUTE: [do(5.0, records="z")]},
    )
    # 4 s of waiting and the other's 3 s at the end; the first has 3 s less to do than the other: imbalance.
    assert lines == {"useful": 7.0, "data_comm": 2.0, "bubble": 4.0, "imbalance": 3.0}
    assert ledger.total_s == 16


def test_parts_of_a_transfer_share_the_wait():
    # The transfer is three quarters streaming and one quarter communication.
    transfer = Instruction(Work("weights"), {"weight_streaming": 6.0, "data_comm": 2.0}, (), "w")
    _, lines = account({"weight-in": [transfer], COMPUTE: [do(4.0, ["w"])]})
    assert lines == {"useful": 4.0, "weight_streaming": 6.0, "data_comm": 2.0}


def test_several_transfers_before_the_awaited_one():
    # The stream moves from 0 to 2 and from 2 to 5; compute waits for the second from 1 to 5.
    _, lines = account({
        COMPUTE: [do(1.0), do(1.0, ["second"])],
        "data": [do(2.0, line="data_comm"), do(3.0, records="second", line="tensor_comm")],
    })  # fmt: skip
    assert lines == {"useful": 2.0, "data_comm": 1.0, "tensor_comm": 3.0}


def test_waiting_for_a_neighbour_is_a_bubble_but_for_its_send():
    # The neighbour works until 3 and sends until 5, which both see: 3 s of bubble and 2 s of communication for the one
    # who waits. Then the neighbour idles for 5 s; as both have 5 s to do, nothing of it is imbalance.
    _, lines = account(
        {COMPUTE: [do(3.0), do(2.0, records="sent", line="pipeline_comm")]},
        {COMPUTE: [do(5.0, ["sent"])]},
    )
    assert lines == {"useful": 8.0, "pipeline_comm": 4.0, "bubble": 8.0}


def test_less_to_do_than_the_busiest_is_imbalance():
    # One works 10 s, the other 6 s, then waits for the end: 4 s of imbalance, no bubble.
    _, lines = account({COMPUTE: [do(10.0)]}, {COMPUTE: [do(6.0)]})
    assert lines == {"useful": 16.0, "imbalance": 4.0}


def test_multiplicity_counts_every_device():
    _, lines = account({COMPUTE: [do(10.0)]}, {COMPUTE: [do(6.0)]}, multiplicity=8)
    assert lines == {"useful": 128.0, "imbalance": 32.0}


def test_an_actor_without_work_is_idle():
    _, lines = account({COMPUTE: [do(10.0)]}, {COMPUTE: []})
    assert lines == {"useful": 10.0, "imbalance": 10.0}


@st.composite
def programs(draw):
    """Actors whose streams wait for whatever was written down before; they cannot stall."""
    actors = [Actor(f"a{index}", draw(st.integers(1, 64))) for index in range(draw(st.integers(1, 4)))]
    recorded = []
    for index in range(draw(st.integers(1, 40))):
        actor, stream = draw(st.sampled_from(actors)), draw(st.sampled_from([COMPUTE, "data", "send"]))
        waits = draw(st.lists(st.sampled_from(recorded), max_size=2, unique=True)) if recorded else []
        known = st.sampled_from(["useful", "data_comm", "pipeline_comm", "launch"])
        names = draw(st.lists(known, max_size=3, unique=True))
        parts = {name: draw(st.floats(0, 1e3)) for name in names}
        actor.add(stream, Instruction(Work(str(index)), parts, tuple(waits), index))
        recorded.append(index)
    return Program(actors)


@given(programs(), st.integers(0, 100))
def test_every_second_lands_in_one_line(program, unused):
    trace = run(program)
    if trace.step_time_s == 0:
        return
    used = sum(actor.multiplicity for actor in program.actors)
    ledger = close_ledger(trace, used + unused)
    assert sum(ledger.device_seconds.values()) == pytest.approx(ledger.total_s, rel=1e-9)
    assert all(seconds >= 0 for seconds in ledger.device_seconds.values())
    assert set(ledger.device_seconds) == set(LINES)
    assert ledger.device_seconds["stranded"] == pytest.approx(unused * trace.step_time_s)
    # What a compute stream does is what its instructions say, to the second.
    useful = sum(
        actor.multiplicity * one.parts.get("useful", 0.0)
        for actor in program.actors
        for one in actor.streams.get(COMPUTE, [])
    )
    assert ledger.device_seconds["launch"] >= 0
    assert ledger.device_seconds["useful"] >= useful * (1 - 1e-9)


def test_a_trace_that_does_not_add_up_is_refused():
    # Ten seconds of wall time, of which two spans cover the same five: fifteen seconds of work.
    first = Span("a", COMPUTE, Instruction(Work("x"), {"useful": 10.0}), 0.0, 5.0, {"useful": 10.0})
    overlapping = [first, Span("a", COMPUTE, Instruction(Work("y"), {"useful": 5.0}), 0.0, 10.0, {"useful": 5.0})]
    with pytest.raises(LedgerNotClosed, match="lines sum to 15"):
        close_ledger(Trace(10.0, {"a": 1}, overlapping), 1)


def test_a_negative_line_is_refused():
    with pytest.raises(LedgerNotClosed, match="stranded is negative"):
        close_ledger(
            Trace(
                10.0,
                {"a": 2},
                [Span("a", COMPUTE, Instruction(Work("x"), {"useful": 10.0}), 0.0, 10.0, {"useful": 10.0})],
            ),
            1,
        )
    wrong = [
        Span(
            "a",
            COMPUTE,
            Instruction(Work("x"), {"useful": 11.0, "launch": -1.0}),
            0.0,
            10.0,
            {"useful": 11.0, "launch": -1.0},
        )
    ]
    with pytest.raises(LedgerNotClosed, match="launch is negative"):
        close_ledger(Trace(10.0, {"a": 1}, wrong), 1)


def test_the_tax_is_the_split_group():
    assert set(SPLIT_LINES) == set(GROUPS["split"])
    assert len(LINES) == len(set(LINES)) == sum(len(group) for group in GROUPS.values())
    parts = {line: 1.0 for line in LINES if line not in ("bubble", "imbalance", "stranded")}
    ledger, _ = account({COMPUTE: [Instruction(Work("x"), parts)]})
    assert ledger.tax == pytest.approx((len(SPLIT_LINES) - 3) / len(parts))


def test_waiting_at_a_barrier_for_another_stages_reduction_is_communication():
    # Both compute 1 s; the second then reduces for 3 s, and the first waits at the barrier for that.
    barrier = Instruction(Work("gradients complete"), {}, ("reduced",), "ready")
    first = {COMPUTE: [do(1.0), do(2.0, ["ready"], line="optimizer")]}
    second = {
        COMPUTE: [do(1.0, records="done"), barrier, do(2.0, ["ready"], line="optimizer")],
        "data comm": [do(3.0, ["done"], "reduced", line="data_comm")],
    }
    _, lines = account(first, second)
    assert lines == {"useful": 2.0, "data_comm": 6.0, "optimizer": 4.0}


def test_utilisation_by_hand():
    # 6 FLOPs in 2 device-seconds that could do 12 each.
    assert utilisation(6.0, 2.0, 12.0) == 0.25

"""Weight streaming in the engine: stream-bound or compute-bound, buffers, and the batch between the two."""

import dataclasses

import pytest
from builders import gpt, swarm, training, wafer, wafer_stack
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.parts import duration_s
from sim.cost.wafer import Stream, UnitCost, WaferCosts, break_even_tokens, wafer_costs
from sim.engine.clock import run
from sim.engine.wafer_program import GRADIENTS, WEIGHTS, wafer_program
from sim.hardware.network import Communication, Network
from sim.outcome.ledger import close_ledger
from sim.parallel.wafer_plan import WaferPlan

SMALL = st.integers(1, 50).map(float)


def streamed(seconds):
    """A transfer through the fabric that nobody else slows."""
    return Stream({"weight_streaming": seconds}, Communication(seconds))


def simulated(units, weight, forward, backward, gradient, passes=1, optimizer=0.0, straggler=0.0):
    one = UnitCost("layer", streamed(weight), {"useful": forward}, {"useful": backward}, streamed(gradient))
    shape = WaferPlan(1, 1, passes)
    costs = WaferCosts((one,) * units, {"optimizer": optimizer}, straggler)
    trace = run(wafer_program(shape, costs))
    return trace, close_ledger(trace, 1)


@given(st.integers(1, 12), st.integers(1, 3), SMALL, SMALL, SMALL, SMALL)
def test_compute_bound(units, passes, forward, backward, weight, gradient):
    # Weights no slower than either pass, gradients no slower than a backward: first weights in, all compute, last out.
    weight, gradient = min(weight, forward, backward), min(gradient, backward)
    trace, ledger = simulated(units, weight, forward, backward, gradient, passes, 3.0, 2.0)
    compute = passes * units * (forward + backward)
    exposed = weight + max(gradient - 2.0, 0.0)
    assert trace.step_time_s == compute + exposed + 2.0 + 3.0
    assert ledger.device_seconds["useful"] == compute
    assert ledger.device_seconds["weight_streaming"] == exposed
    assert ledger.device_seconds["bubble"] == 0


@given(st.integers(1, 12), st.integers(1, 3), SMALL, SMALL, SMALL)
def test_stream_bound(units, passes, forward, backward, more):
    # Weights slower than compute: one after the other, 2 units a pass; then the last backward and its gradients.
    weight = max(forward, backward) + more
    trace, ledger = simulated(units, weight, forward, backward, weight / 2, passes)
    assert trace.step_time_s == 2 * units * passes * weight + backward + weight / 2
    assert ledger.device_seconds["bubble"] == 0


@given(st.integers(3, 12), SMALL, SMALL)
def test_slow_gradients_hold_compute_up(units, compute, more):
    # Two buffers: the backward of unit i needs the gradients of the unit before last to have left.
    gradient = compute + more
    trace, _ = simulated(units, 0.0, compute, compute, gradient)
    assert trace.step_time_s == units * compute + compute + units * gradient


def test_doubling_the_link_halves_a_stream_bound_step():
    slow, _ = simulated(10, 8.0, 0.0, 0.0, 4.0, passes=2)
    fast, _ = simulated(10, 4.0, 0.0, 0.0, 2.0, passes=2)
    assert slow.step_time_s == 2 * fast.step_time_s == 10 * 2 * 2 * 8 + 4


@given(st.integers(1, 8), SMALL, SMALL, SMALL, SMALL)
def test_only_two_layers_are_on_the_wafer_at_once(units, weight, forward, backward, gradient):
    trace, _ = simulated(units, weight, forward, backward, gradient, passes=2)
    weights, compute = trace.spans_of("wafer", WEIGHTS), trace.spans_of("wafer", "compute")
    passes = [span for span in compute if span.what.startswith(("forward", "backward"))]
    for turn, (arriving, using) in enumerate(zip(weights, passes, strict=True)):
        assert using.start_s >= arriving.end_s
        if turn >= 2:
            assert arriving.start_s >= passes[turn - 2].end_s
    backwards = [span for span in passes if span.what.startswith("backward")]
    for leaving, made in zip(trace.spans_of("wafer", GRADIENTS), backwards, strict=True):
        assert leaving.start_s >= made.end_s


def real(tokens_of_break_even, rate=150e9):
    """Layers of negligible attention and no vocabulary to speak of, at a share of the break-even batch."""
    tokens = break_even_tokens(6, 8, 2.0e15, 150e9) * tokens_of_break_even
    sequence = 64
    batch = round(tokens / sequence)
    model = gpt(24, 4096, 32, vocab=1, max_sequence=1, norm_bias=False, attention_bias=False, mlp_bias=False)
    device = wafer(peak_flops_per_s={"bf16": 2.0e15})
    stack = wafer_stack(array_ceiling=1.0, array_half_width=0.0, layer_turn_s=0.0, step_fixed_s=0.0)
    network = Network(swarm(rate=rate, latency=0.0))
    costs = wafer_costs(model, training(batch, sequence), WaferPlan(1, batch, 1), device, stack, network)
    trace = run(wafer_program(WaferPlan(1, batch, 1), costs))
    streaming_s = 2 * sum(duration_s(unit.weight_in.parts) for unit in costs.units)
    compute_s = sum(duration_s(unit.forward) + duration_s(unit.backward) for unit in costs.units)
    return trace.step_time_s, streaming_s, compute_s


def test_below_the_break_even_the_stream_rules_and_above_it_compute():
    # Around the 17,778 tokens forward and backward differ: a forward of 2 FLOPs a parameter hides 4 bytes above
    # 26,667 tokens only, a backward of 4 FLOPs from 13,333 on. Outside of these one side rules alone.
    for share in (0.2, 0.4, 0.7):
        time_s, streaming_s, compute_s = real(share)
        assert compute_s < streaming_s
        assert time_s == pytest.approx(streaming_s, rel=0.06)
    for share in (1.7, 3.0, 8.0):
        time_s, streaming_s, compute_s = real(share)
        assert compute_s > streaming_s
        assert time_s == pytest.approx(compute_s, rel=0.06)
    time_s, streaming_s, compute_s = real(1.0)
    assert streaming_s == pytest.approx(compute_s, rel=0.02)
    assert max(streaming_s, compute_s) < time_s < streaming_s + compute_s


def test_link_rate_matters_below_the_break_even_only():
    assert real(0.02)[0] / real(0.02, rate=300e9)[0] == pytest.approx(2, rel=0.03)
    assert real(8.0)[0] / real(8.0, rate=300e9)[0] == pytest.approx(1, rel=0.03)


def test_all_systems_are_counted():
    trace, _ = simulated(2, 1.0, 1.0, 1.0, 1.0)
    assert trace.multiplicity == {"wafer": 1}
    costs = WaferCosts((UnitCost("layer", streamed(0.0), {"useful": 1.0}, {"useful": 1.0}, streamed(0.0)),), {}, 0.0)
    shape = dataclasses.replace(WaferPlan(1, 1, 1), systems=16)
    assert run(wafer_program(shape, costs)).multiplicity == {"wafer": 16}


def test_weights_and_gradients_keep_the_tree_busy_in_opposite_directions():
    shape, network = WaferPlan(4, 1, 1), Network(swarm(4))
    costs = wafer_costs(gpt(2), training(4), shape, wafer(), wafer_stack(), network)
    kinds = {WEIGHTS: "broadcast", GRADIENTS: "reduce"}
    for _, stream, instruction in wafer_program(shape, costs).instructions():
        if stream not in kinds:
            assert not instruction.transfers
            continue
        (transfer,) = instruction.transfers
        assert (transfer.wave.wave.kind, transfer.wave.devices) == (kinds[stream], range(4))
        assert transfer.line == "weight_streaming"
        # All but the latency of two levels of the tree.
        assert instruction.duration_s - transfer.seconds == pytest.approx(2 * 5e-6)

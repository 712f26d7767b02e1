"""Fully sharded data parallelism in the engine: what hides behind what, by hand.

Gathers g, scatters s, layer forward f and backward b; root gather and scatter of 1 s each.
"""

import pytest
from builders import cluster, free_costs, gpt, gpu_stack, machine, pass_of, plan, training
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.stage import ShardedUnit
from sim.cost.step import LayerCost, step_costs
from sim.engine.clock import run
from sim.engine.program import COMPUTE
from sim.engine.sharded_program import sharded_program
from sim.hardware.network import Communication, Network
from sim.outcome.ledger import close_ledger


def simulated(layers, gather, scatter, forward, backward, micro_batches=1, again=None, **stack):
    shape = plan(data=8, zero=3, micro_batches=micro_batches, layers_per_chunk=(layers,))
    options = {"prefetch_layers": 1, "overlap_slowdown": 0.0, "reduces_every_micro_batch": True, **stack}
    costs = free_costs(
        shape, root=ShardedUnit(Communication(1.0), Communication(1.0), Communication(1.0), 0.0),
        layers=(LayerCost(
            pass_of({"useful": forward}, {"useful": backward}),
            ShardedUnit(Communication(gather), Communication(again or gather), Communication(scatter), 0.0),
        ),) * layers,
    )  # fmt: skip
    trace = run(sharded_program(shape, costs, gpu_stack("fsdp-2023", **options)))
    return trace, close_ledger(trace, shape.devices)


SMALL = st.integers(1, 20).map(float)


@given(st.integers(2, 12), SMALL, SMALL, SMALL, SMALL)
def test_compute_hides_all_but_the_first_gathers_and_the_last_scatter(layers, gather, scatter, more, extra):
    # f > g and b >= g + s: root, first gather, forwards; first gather of the way back, backwards; last scatter, root.
    forward, backward = gather + more, gather + scatter + extra
    trace, ledger = simulated(layers, gather, scatter, forward, backward)
    exposed = 1 + gather + gather + scatter + 1
    assert trace.step_time_s == layers * (forward + backward) + exposed
    assert ledger.device_seconds["data_comm"] == 8 * exposed
    assert ledger.device_seconds["bubble"] == 0


@given(st.integers(2, 12), SMALL, SMALL, SMALL, SMALL, SMALL)
def test_without_a_gather_ahead_and_with_scatters_waited_for_nothing_hides(
    layers, gather, again, scatter, forward, backward
):
    # Compute of no length stands at the ends: nothing is beside the first gather, nor beside the last scatter.
    trace, ledger = simulated(
        layers, gather, scatter, forward, backward, again=again, prefetch_layers=0, overlap_gradient_reduction=False
    )
    exposed = 1 + layers * (gather + again + scatter) + 1
    assert trace.step_time_s == pytest.approx(layers * (forward + backward) + exposed)
    assert ledger.device_seconds["data_comm"] == pytest.approx(8 * exposed)


@given(st.integers(2, 12), SMALL, SMALL)
def test_where_gathers_and_scatters_rule_compute_hides(layers, gather, scatter):
    # Compute of no length: everything is one collective after the other.
    trace, ledger = simulated(layers, gather, scatter, 0.0, 0.0)
    assert trace.step_time_s == 1 + layers * gather + layers * (gather + scatter) + 1
    assert ledger.device_seconds["useful"] == ledger.device_seconds["bubble"] == 0


@given(st.integers(2, 8), st.integers(1, 4), SMALL, SMALL, SMALL, SMALL, st.booleans())
def test_every_micro_batch_gathers_twice_and_scatters(layers, micro_batches, gather, scatter, forward, backward, every):
    trace, ledger = simulated(
        layers, gather, scatter, forward, backward, micro_batches, reduces_every_micro_batch=every
    )
    spans = trace.spans_of("replica", "data comm")
    reduced = micro_batches if every else 1
    moved = sum(span.end_s - span.start_s for span in spans)
    assert moved == pytest.approx(micro_batches * (1 + 2 * layers * gather) + reduced * (layers * scatter + 1))
    busy = micro_batches * layers * (forward + backward)
    assert max(busy, moved) <= trace.step_time_s <= busy + moved
    # Without a pipeline there is no bubble: every wait is for a collective.
    assert ledger.device_seconds["bubble"] == pytest.approx(0, abs=1e-9 * ledger.total_s)
    assert ledger.device_seconds["useful"] == pytest.approx(8 * busy)


def test_a_layer_is_never_used_before_it_is_gathered_nor_gathered_too_early():
    trace, _ = simulated(6, 1.0, 1.0, 3.0, 5.0)
    used = {span.what: span for span in trace.spans_of("replica", "compute")}
    gathers = [span for span in trace.spans_of("replica", "data comm") if span.what.startswith("gather 0.")]
    for gather in gathers[:6]:
        layer = int(gather.what.split(".")[1])
        assert used[f"forward 0.{layer}"].start_s >= gather.end_s
        if layer >= 2:
            # One layer ahead: the buffer of the layer before last has to be free.
            assert gather.start_s >= used[f"forward 0.{layer - 2}"].end_s


def test_without_prefetch_every_gather_shows():
    trace, ledger = simulated(4, 3.0, 1.0, 10.0, 20.0, prefetch_layers=0)
    # The last scatter and the root's; the other scatters hide behind the gather and the backward that follow.
    expected = 1 + 4 * (3 + 10) + 4 * (3 + 20) + 1 + 1
    assert trace.step_time_s <= expected + 3 * 1.0
    assert ledger.device_seconds["data_comm"] >= 8 * (1 + 4 * 3 + 4 * 3 + 1 + 1)


def test_nothing_is_stolen_where_nothing_runs_beside():
    # Without prefetch a gather never overlaps compute, so it slows none down: only scatters do.
    quiet, _ = simulated(4, 3.0, 0.0, 10.0, 20.0, prefetch_layers=0)
    stolen, _ = simulated(4, 3.0, 0.0, 10.0, 20.0, prefetch_layers=0, overlap_slowdown=0.1)
    assert stolen.step_time_s == pytest.approx(quiet.step_time_s)


def test_stolen_multiprocessors_are_communication():
    # Beside three gathers forward, three gathers and three scatters back: a tenth of 3 x 3 + 3 x 3 + 3 x 1 seconds.
    quiet, _ = simulated(4, 3.0, 1.0, 10.0, 20.0)
    stolen, ledger = simulated(4, 3.0, 1.0, 10.0, 20.0, overlap_slowdown=0.1)
    assert stolen.step_time_s == pytest.approx(quiet.step_time_s + 2.1)
    assert ledger.device_seconds["useful"] == pytest.approx(8 * 4 * 30)


def test_where_collectives_rule_slowed_compute_hides_behind_them():
    # Gathers of 20 s and scatters of 5 s hold up forwards of 10 s and backwards of 16 s, slowed or not. Root 1, gathers
    # until 81, the last forward until 91, gather 3 until 111, gather 2, scatter 3, gather 1, scatter 2, gather 0 until
    # 181; the last backward loses a tenth of the 5 s of scatter 1 beside it: 181 + 16.5; then scatter 0 and the root's.
    quiet, _ = simulated(4, 20.0, 5.0, 10.0, 16.0)
    slowed, _ = simulated(4, 20.0, 5.0, 10.0, 16.0, overlap_slowdown=0.1)
    assert quiet.step_time_s == 181 + 16 + 5 + 1
    assert slowed.step_time_s == pytest.approx(181 + 16.5 + 5 + 1)


def test_what_is_kept_is_not_gathered_again():
    # Four layers: with each given back after its forward eight gathers, without four.
    model, recipe, on = gpt(4), training(8), machine(stack=gpu_stack("fsdp-2023"))
    gathers = {}
    for zero in (2, 3):
        shape = plan(data=8, zero=zero, micro_batches=1, layers_per_chunk=(4,))
        costs = step_costs(model, recipe, shape, on, Network(cluster(8)))
        trace = run(sharded_program(shape, costs, on.stack))
        gathers[zero] = sum(span.what.startswith("gather 0") for span in trace.spans)
    assert gathers == {2: 4, 3: 8}


def test_every_collective_moves_bytes_among_all_devices_and_slows_compute():
    model, recipe, on = gpt(4), training(8), machine(stack=gpu_stack("fsdp-2023", overlap_slowdown=0.05))
    shape = plan(data=8, zero=3, micro_batches=1, layers_per_chunk=(4,))
    costs = step_costs(model, recipe, shape, on, Network(cluster(8)))
    kinds = []
    for _, stream, instruction in sharded_program(shape, costs, on.stack).instructions():
        if stream == COMPUTE:
            assert not instruction.transfers
            assert instruction.slows_compute == 0
            continue
        (transfer,) = instruction.transfers
        assert (transfer.line, transfer.wave.devices) == ("data_comm", range(8))
        assert 0 < transfer.seconds < instruction.duration_s
        assert instruction.slows_compute == 0.05
        kinds.append(transfer.wave.wave.kind)
    # The root once and every layer twice; every layer and the root.
    assert (kinds.count("all_gather"), kinds.count("reduce_scatter"), len(kinds)) == (9, 5, 14)

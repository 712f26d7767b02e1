"""Seconds on wafers: the array's efficiency, the stream, and where it hides."""

import numpy as np
import pytest
from builders import gpt, swarm, training, wafer, wafer_stack
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.parts import duration_s
from sim.cost.wafer import array_efficiency, break_even_tokens, layer_turn, stream, wafer_costs
from sim.hardware.network import Network
from sim.parallel.wafer_plan import WaferPlan
from sim.scenario.types import Lora
from sim.workload.parameters import count_parameters


def costs(model, micro_batch=1, systems=1, lora=None, jitter=0.0, device=None, **stack):
    recipe = training(micro_batch * systems, lora=lora)
    shape = WaferPlan(systems, micro_batch, 1)
    network = Network(swarm(systems))
    return wafer_costs(model, recipe, shape, device or wafer(), wafer_stack(**stack), network, jitter)


def test_efficiency_by_width():
    stack = wafer_stack(array_ceiling=0.3, array_half_width=600.0)
    assert array_efficiency(600.0, stack) == pytest.approx(0.15)
    assert array_efficiency(1200.0, stack) == pytest.approx(0.3 * 8 / 9)
    assert array_efficiency(1e9, stack) == pytest.approx(0.3)
    widths = np.array([100.0, 600.0, 5000.0])
    found = array_efficiency(widths, stack)
    assert list(found) == [array_efficiency(width, stack) for width in widths]
    assert all(np.diff(found) > 0)


def test_break_even_by_hand():
    # 8 bytes at 150 GB/s take as long as 6 FLOPs a token at 2.0e15 FLOP/s for 17,778 tokens.
    assert break_even_tokens(6, 8, 2.0e15, 150e9) == pytest.approx(17_777.8, abs=0.1)
    rates = np.array([1e15, 2e15])
    assert list(break_even_tokens(6, 8, rates, 150e9)) == [break_even_tokens(6, 8, rate, 150e9) for rate in rates]


@given(st.integers(1, 64), st.sampled_from([512, 4096]))
def test_at_the_break_even_the_stream_takes_as_long_as_compute(layers, width):
    # Layers whose attention is negligible (a sequence of 2), so that they are 6 FLOPs a parameter and token.
    model = gpt(layers, width, 8, vocab=1, max_sequence=1, norm_bias=False, attention_bias=False, mlp_bias=False)
    device = wafer(peak_flops_per_s={"bf16": 2.0e15})
    recipe = training(1, sequence=2)
    tokens = break_even_tokens(6, 8, 2.0e15, 150e9)
    network = Network(swarm(latency=0.0))
    stack = wafer_stack(array_ceiling=1.0, array_half_width=0.0, layer_turn_s=0.0)
    found = wafer_costs(model, recipe, WaferPlan(1, 1, 1), device, stack, network)
    layer = found.units[1]
    streaming_s = 2 * duration_s(layer.weight_in.parts)
    compute_s = tokens / 2 * (duration_s(layer.forward) + duration_s(layer.backward))
    assert streaming_s == pytest.approx(compute_s, rel=0.002)


def test_units_are_embedding_layers_and_head():
    model = gpt(3, tied_embeddings=False)
    found = costs(model, weight_bytes=4.0, gradient_bytes=2.0)
    assert [unit.name for unit in found.units] == ["embedding", "layer", "layer", "layer", "head"]
    # Every parameter comes in once a pass over the units, and every gradient leaves once; 5 us on each of two links.
    parameters = count_parameters(model).total
    weights_s = sum(duration_s(unit.weight_in.parts) for unit in found.units) - 5 * 2 * 5e-6
    gradients_s = sum(duration_s(unit.gradient_out.parts) for unit in found.units) - 5 * 2 * 5e-6
    assert weights_s == pytest.approx(4 * parameters / 150e9)
    assert gradients_s == pytest.approx(2 * parameters / 150e9)


def test_compute_by_hand():
    # h = 256, 128 tokens: 24 T h^2 + 4 T s h FLOPs forward, at 7.5 PFLOP/s x 0.25 / (1 + 9), and 2 ms for the turn.
    model = gpt(1)
    figures = {"array_ceiling": 0.25, "array_half_width": 9 ** (1 / 3) * 256.0, "layer_turn_s": 2e-3}
    embedding, found, head = costs(model, **figures).units
    flops = 24 * 128 * 256**2 + 4 * 128 * 128 * 256
    assert duration_s(found.forward) == pytest.approx(flops / (7.5e15 * 0.025) + 2e-3)
    assert duration_s(found.backward) == pytest.approx(2 * flops / (7.5e15 * 0.025) + 2e-3)
    assert duration_s(embedding.forward) == 0
    assert duration_s(head.forward) == pytest.approx(2 * 128 * 256 * 1024 / (7.5e15 * 0.025))
    assert found.forward["useful"] == pytest.approx((flops - 2 * 128 * 128 * 256) / 7.5e15)


def test_a_turn_by_hand():
    compute, again = {"useful": 4e-3, "kernel_loss": 6e-3}, {"useful": 2e-3, "kernel_loss": 3e-3}
    turn = layer_turn(compute, wafer_stack(layer_turn_s=2e-3))
    assert turn == {"useful": 4e-3, "kernel_loss": pytest.approx(8e-3)}
    repeated = layer_turn(compute, wafer_stack(layer_turn_s=2e-3), again)
    assert repeated == {**turn, "recompute": pytest.approx(7e-3)}
    assert duration_s(repeated) == pytest.approx(19e-3)


def test_running_layers_again_is_a_third_more_of_everything_in_them():
    plain, again = (costs(gpt(), recomputes_layers=answer) for answer in (False, True))
    layer, repeated = plain.units[1], again.units[1]
    assert repeated.forward == layer.forward
    assert repeated.backward["recompute"] == pytest.approx(duration_s(layer.forward))
    assert duration_s(repeated.backward) == pytest.approx(duration_s(layer.backward) + duration_s(layer.forward))
    # Neither the head nor what streams is repeated.
    assert again.units[-1] == plain.units[-1]
    assert (repeated.weight_in, repeated.gradient_out) == (layer.weight_in, layer.gradient_out)


def test_steps_of_encoders_at_small_batches():
    # 16,384 tokens of BERT-base and BERT-large took 56.4 and 123.1 ms: almost all of it turns of 12 and 24 layers.
    for layers, width, measured_s in ((12, 768, 0.0564), (24, 1024, 0.1231)):
        model = gpt(layers, width, width // 64, vocab=1, max_sequence=128)
        units = costs(model, micro_batch=128).units
        found_s = sum(duration_s(unit.forward) + duration_s(unit.backward) for unit in units)
        assert found_s == pytest.approx(measured_s, rel=0.05)


def test_one_system_pays_nothing_for_others():
    found = costs(gpt())
    for unit in found.units:
        assert unit.weight_in.parts["data_comm"] == unit.gradient_out.parts["data_comm"] == 0
    assert found.straggler_s == 0


@given(st.sampled_from([2, 4, 16]))
def test_every_system_streams_at_line_rate(systems):
    # Broadcast and reduction in the fabric: only the depth of the tree shows.
    for alone, among in zip(costs(gpt()).units, costs(gpt(), systems=systems).units, strict=True):
        extra = duration_s(among.weight_in.parts) - duration_s(alone.weight_in.parts)
        assert extra == pytest.approx(5e-6 * (1 if systems > 4 else 0), abs=1e-12)


def test_what_several_systems_add_is_communication():
    # Sixteen systems need a second level of the tree: 5 us more than one system on every transfer, and that is what
    # splitting costs. The reference is one system alone, which needs no second level.
    network = Network(swarm(16))
    found = stream(1e9, 4.0, 16, network, inwards=True)
    assert found.parts["weight_streaming"] == pytest.approx(4e9 / 150e9 + 2 * 5e-6, rel=1e-12)
    assert found.parts["data_comm"] == pytest.approx(5e-6)


@given(st.sampled_from([1, 3, 16]), st.booleans(), st.floats(1, 1e10))
def test_a_stream_keeps_the_tree_busy_while_its_bytes_pass(systems, inwards, parameters):
    found = stream(parameters, 2.0, systems, Network(swarm(systems)), inwards=inwards)
    assert float(duration_s(found.parts)) == pytest.approx(found.communication.seconds)
    ((wave, moving_s),) = found.communication.moving_s.items()
    assert (wave.kind, wave.algorithm) == ("broadcast" if inwards else "reduce", "store")
    assert moving_s == pytest.approx(2 * parameters / 150e9)


def test_frozen_weights_send_no_gradients():
    # Adapters of rank 8 on query and value: 2 x 8 x (h + h) parameters a layer have gradients, as on GPUs.
    model = gpt(hidden=4096, heads=32)
    frozen = costs(model, lora=Lora(8, ("query", "value")), gradient_bytes=4.0).units[1]
    assert duration_s(frozen.gradient_out.parts) == pytest.approx(4 * 2 * 8 * 2 * 4096 / 150e9 + 2 * 5e-6, rel=1e-6)
    # Their weights still stream in, with those of the adapters.
    assert duration_s(frozen.weight_in.parts) >= duration_s(costs(model).units[1].weight_in.parts)

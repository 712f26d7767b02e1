"""Costs of a pipeline over hardware of different kinds: each stage on its own, sends by the slower side."""

import dataclasses

import pytest
from builders import cluster, gpt, gpu, gpu_stack, machine, plan, training
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.estimate import estimate_step_s
from sim.cost.parts import duration_s
from sim.cost.sites import Site
from sim.cost.step import step_costs, step_costs_on_sites
from sim.engine.clock import run
from sim.engine.pipeline_program import pipeline_program
from sim.hardware.network import FreeNetwork, Network


def slower(times):
    """A GPU all of whose rates are so many times lower."""
    device = gpu()
    peaks = {name: rate / times for name, rate in device.peak_flops_per_s.items()}
    return gpu(
        peak_flops_per_s=peaks, hbm_bytes_per_s=device.hbm_bytes_per_s / times, kernel_gap_s=device.kernel_gap_s * times
    )


def site(times=1.0, devices=32, build=Network, stack=None, **network):
    own = build(cluster(devices, **network))
    return Site(machine(slower(times), stack), own, own)


def costs(shape, sites, model=None):
    model, recipe = model or gpt(8, 1024, 8), training(shape.data * shape.micro_batch * shape.micro_batches)
    return step_costs_on_sites(model, recipe, shape, sites)


def halves(**over):
    values = {"tensor": 2, "data": 2, "pipeline": 4, "micro_batches": 6, "zero": 1, "layers_per_chunk": (2,) * 4}
    return plan(**{**values, **over}, part_stages=(2, 2))


def test_every_stage_costs_what_it_costs_on_its_own_hardware():
    first, second = site(1.0, 16, nic=20e9), site(3.0, 16, nic=5e9)
    shape, model = halves(), gpt(8, 1024, 8)
    mixed = costs(shape, (first, second), model)
    for one, stages in ((first, range(2)), (second, range(2, 4))):
        # Collectives are counted on the devices of the part, sends between its two stages on its network.
        alone = step_costs(model, training(12), dataclasses.replace(shape, part_stages=()), one.machine, one.network)
        two = step_costs(model, training(12), plan(tensor=2, data=2, pipeline=2), one.machine, one.network)
        for stage in stages:
            for name in ("chunks", "reductions", "gathers", "prepares_s", "optimizer"):
                assert getattr(mixed, name)[stage] == getattr(alone, name)[stage], name
        assert mixed.sends[stages[0]] == two.sends[0]
        assert mixed.sends_back[stages[1]] == two.sends_back[1]


def test_a_send_between_parts_takes_what_the_slower_one_takes():
    fast, slow = site(1.0, 16, nic=20e9), site(1.0, 16, nic=2e9)
    for sites in ((fast, slow), (slow, fast)):
        found = costs(halves(tensor=1, data=8, virtual_stages=2, layers_per_chunk=(1,) * 8), sites)
        inside = found.sends[0], found.sends[2]
        assert inside[0].seconds != inside[1].seconds
        worst = max(one.seconds for one in inside)
        # From the second stage to the third, from the last round to the first, and back.
        assert [found.sends[1].seconds, found.sends[3].seconds] == [worst] * 2
        assert [found.sends_back[2].seconds, found.sends_back[4].seconds] == [worst] * 2
        # They share no links with anybody.
        assert found.sends[1].moving_s == found.sends_back[2].moving_s == {}
        # What both ends of a shared embedding send each other crosses as well.
        assert [one.seconds > worst for one in found.shared] == [True, False, False, True]


def test_the_border_of_a_single_stage_is_a_network_of_two():
    own, border = Network(cluster(8, nic=2e9)), Network(cluster(16, nic=2e9))
    lone = Site(machine(), own, border)
    shape = plan(data=8, pipeline=2, part_stages=(1, 1))
    sends = costs(shape, (lone, lone)).sends
    plain = step_costs(gpt(8, 1024, 8), training(32), plan(data=8, pipeline=2), machine(), border)
    assert sends[0].seconds == plain.sends[0].seconds > 0


def test_one_site_is_what_it_was():
    shape, one = plan(tensor=2, data=2, pipeline=2, virtual_stages=2, layers_per_chunk=(2,) * 4), site()
    model, recipe = gpt(8, 1024, 8), training(8)
    plain = step_costs(model, recipe, shape, one.machine, one.network)
    assert step_costs_on_sites(model, recipe, dataclasses.replace(shape, part_stages=(2,)), [one]) == plain


def test_twice_as_slow_a_stage_by_hand():
    # The first stage is twice as slow in all that it does, on a free network. In 1F1B its first backward waits until
    # the second stage has done a forward and a backward, if its own second forward is over by then; then no more.
    shape = plan(pipeline=2, micro_batches=4, part_stages=(1, 1), layers_per_chunk=(4, 4))
    # No launches, which the host paces and not the device.
    paces = {"host_launch_s": 0.0, "host_backward_launch_s": 0.0, "launch_gap_s": 0.0, "fixed_step_s": 0.0}
    stack = gpu_stack(**paces, overlap_pipeline_send=False)
    sites = [site(times, stack=stack, build=FreeNetwork) for times in (2.0, 1.0)]
    found = costs(shape, sites)
    (forward_s, backward_s), (forward_2_s, backward_2_s) = (
        (float(one.forward_s), float(one.backward_s)) for one in found.chunks
    )
    layer_s = float(found.layers[0].passes.forward_s) / 2
    head_s = forward_2_s - 4 * layer_s
    assert 0 < head_s < layer_s
    assert forward_s + backward_s > forward_2_s + backward_2_s > forward_s
    last_s = max(float(duration_s(one)) for one in found.optimizer)
    by_hand_s = 4 * (forward_s + backward_s) + (forward_2_s + backward_2_s - forward_s) + last_s
    assert run(pipeline_program(shape, found, stack)).step_time_s == pytest.approx(by_hand_s, rel=1e-12)
    # The closed form counts all of the second stage's work once, though the first's second forward runs beside it.
    estimated_s = 4 * (forward_s + backward_s) + forward_2_s + backward_2_s + last_s
    assert estimate_step_s(shape, found, stack) == pytest.approx(estimated_s, rel=1e-12)


# Where the host is the clock, a slower device only makes longer weight gradients, which more of the tensor ranks'
# reductions hide behind. So either nothing hides, or the host is never in the way.
EXPOSED = gpu_stack(overlap_tensor_gradients=False)
UNHURRIED = gpu_stack(overlap_tensor_gradients=True, host_launch_s=0.0, host_backward_launch_s=0.0)


@settings(max_examples=20)
@given(st.floats(1, 5), st.floats(1, 5), st.sampled_from([0, 1]), st.booleans(), st.sampled_from([EXPOSED, UNHURRIED]))
def test_a_slower_part_never_makes_a_step_shorter(times, more, which, narrower, stack):
    shape = halves()

    def step_time_s(factor, nic):
        sites = [site(2.0, 16, stack=stack), site(2.0, 16, stack=stack)]
        sites[which] = site(factor, 16, nic=nic, stack=stack)
        program = pipeline_program(shape, costs(shape, sites), sites[0].machine.stack)
        return run(program).step_time_s

    before, after = step_time_s(times, 20e9), step_time_s(times * more, 20e9 / (more if narrower else 1))
    assert after >= before * (1 - 1e-12)

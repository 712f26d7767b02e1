"""TPUs: told from GPUs by their devices and stacks alone."""

import dataclasses

import pytest
from builders import fixed, gpt, point, training

from sim.catalog import load_stack
from sim.errors import InputError
from sim.machines import kind_called, kind_of
from sim.prepare import prepare
from sim.simulate import simulate

TPU = {"stack": "maxtext-2024", "topology": "tpu-v5e"}


def on_slices(devices: int = 64, slices: int = 1, **over):
    group = None if slices == 1 else devices // slices
    scenario = point(
        gpt(), devices, fixed(zero=3, micro_batch=1, zero_group=group), recipe=training(devices), **TPU, **over
    )
    return dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, sizes={"slices": slices}))


def test_a_compiled_program_has_no_launches():
    outcome = simulate(on_slices())
    assert outcome.machine == "TPU"
    assert kind_called(outcome.machine).plural == "TPUs"
    assert outcome.ledger.share("launch") < 0.02
    assert kind_of(load_stack("maxtext-2024")).default_stack == "maxtext-2024"


def test_slices_cost_a_sum_over_the_data_centre_once_a_step():
    one, two = simulate(on_slices()), simulate(on_slices(slices=2))
    links = {one.label: one for one in two.links.classes}
    assert links["dcn"].links > 0
    assert two.step_time_s > one.step_time_s
    assert two.ledger.device_seconds["data_comm"] > one.ledger.device_seconds["data_comm"]


@pytest.mark.parametrize(("stack", "topology"), [("fsdp-2023", "tpu-v5e"), ("maxtext-2024", "dgx-h100-superpod")])
def test_stacks_of_gpus_and_of_tpus_do_not_mix(stack, topology):
    with pytest.raises(InputError, match=r"does not run on the (.|\n)*a TPU stack on a TPU topology"):
        prepare(point(gpt(), 64, fixed(zero=3, micro_batch=1), recipe=training(64), stack=stack, topology=topology))

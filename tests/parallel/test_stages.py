"""Which stages run on which part: whole ones, in order."""

import pytest
from builders import fixed, gpt, gpu_stack, parted, plan, training

from sim.errors import InputError
from sim.parallel.check import check_plan
from sim.parallel.stages import stage_ranges, stages_of_parts
from sim.scenario.types import Part


def test_stages_fill_the_parts_in_order():
    assert stage_ranges((2, 3)) == (range(2), range(2, 5))
    shape = plan(pipeline=5, part_stages=(2, 3), layers_per_chunk=(1,) * 5)
    assert shape.parts == (range(2), range(2, 5))
    assert shape.stage_parts == (0, 0, 1, 1, 1)
    assert shape.summary() == "PP(2+3) DP1 mb1"


def test_hardware_of_one_kind_is_one_part():
    shape = plan(pipeline=4, data=2)
    assert (shape.parts, shape.stage_parts, shape.summary()) == ((range(4),), (0, 0, 0, 0), "PP4 DP2 mb1")


def test_a_part_holds_whole_stages():
    parts = [Part("a", 48), Part("b", 40)]
    assert stages_of_parts(parts, 8, "here") == (6, 5)
    with pytest.raises(InputError) as caught:
        stages_of_parts(parts, 16, "here")
    assert str(caught.value) == (
        "here.part[1] devices\n"
        "  40 devices do not hold whole pipeline stages: tensor x data = 16 devices are one\n"
        "  give this part 32 or 48 devices, or change tensor or data"
    )
    with pytest.raises(InputError, match="give this part 64 devices, or change"):
        stages_of_parts(parts, 64, "here")


def test_a_plan_knows_the_stages_of_its_parts():
    scenario = parted((16, 48), fixed(tensor=4, pipeline=4), model=gpt(8), recipe=training(64))
    assert check_plan(scenario.system.plan, scenario, gpu_stack()).part_stages == (1, 3)
    uneven = parted((24, 40), fixed(tensor=4, pipeline=4), model=gpt(8), recipe=training(64))
    with pytest.raises(InputError, match=r"24 devices do not hold whole pipeline stages: tensor x data = 16 devices"):
        check_plan(uneven.system.plan, uneven, gpu_stack())

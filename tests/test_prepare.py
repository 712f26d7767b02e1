"""Looking up the parts of a system: what can be one, and what a message says of one that cannot."""

import dataclasses

import pytest
from builders import equipped, fixed, gpt, gpu, parted, point, training

from sim.errors import DoesNotFit, InputError
from sim.machines.gpu import machines_of
from sim.prepare import prepare_as_measured
from sim.report.checked import checked
from sim.scenario.types import Part, PlanRequest
from sim.simulate import prepare, simulate

PLAN = fixed(tensor=8, pipeline=2)


def refusal(devices, plan=PLAN, model=None, **given):
    with pytest.raises((InputError, DoesNotFit)) as caught:
        prepare(parted(devices, plan, model=model or gpt(8, 256, 8), recipe=training(64), **given))
    return str(caught.value)


def test_every_part_is_looked_up():
    prepared = prepare(parted((16, 48), fixed(tensor=8, pipeline=4), model=gpt(8, 256, 8), recipe=training(64)))
    assert [(part.topology.name, part.topology.devices) for part in prepared.parts] == [
        ("dgx-a100-superpod", 16), ("dgx-h100-superpod", 48),
    ]  # fmt: skip
    assert prepared.device_title == "NVIDIA A100 80 GB SXM + NVIDIA H100 80 GB SXM"
    assert [machine.gpu.name for machine in machines_of(prepared)] == ["a100-80gb-sxm", "h100-80gb-sxm"]
    # A single stage has no neighbour on its own devices; what it sends is reckoned on twice as many.
    assert [part.border.devices for part in prepared.parts] == [32, 48]
    names = {figure.name for figure in prepared.figures}
    for part in prepared.parts:
        assert {figure.name for figure in part.topology.figures} <= names
        assert all(figure in prepared.figures for figure in part.device.figures if figure.name == "hbm_bytes")


def test_a_single_part_is_a_plain_system():
    recipe, plan = training(64), fixed(tensor=8, pipeline=2)
    alone = prepare(parted((32,), plan, model=gpt(8, 256, 8), recipe=recipe, topologies=("dgx-a100-superpod",)))
    plain = prepare(point(gpt(8, 256, 8), 32, plan, recipe=recipe))
    assert dataclasses.replace(alone.plan, part_stages=()) == plain.plan
    assert (alone.memory, alone.device_title, alone.figures) == (plain.memory, plain.device_title, plain.figures)


def test_a_plan_that_is_known_to_have_run_is_not_held_to_the_memory():
    # 12 x 24 x 12,288^2 = 43e9 parameters of 18 bytes and more on eight devices are some 100 of 80 GiB each.
    huge, eighth = gpt(24, 12_288, 96), fixed(tensor=8, micro_batch=1)
    scenario = point(huge, 8, eighth, recipe=training(8))
    with pytest.raises(DoesNotFit):
        prepare(scenario)
    prepared = prepare_as_measured(scenario)
    assert prepared.memory.peak_bytes > prepared.memory.capacity_bytes
    assert (prepared.plan.tensor, prepared.plan.micro_batches) == (8, 8)
    # Where it fits there is no difference, and what is no plan is refused all the same.
    small = point(gpt(8, 256, 8), 8, eighth, recipe=training(8))
    found, held = prepare_as_measured(small), prepare(small)
    assert (found.plan, found.memory, found.figures) == (held.plan, held.memory, held.figures)
    with pytest.raises(InputError, match="tensor"):
        prepare_as_measured(point(gpt(8, 256, 8), 8, fixed(tensor=3, micro_batch=1), recipe=training(8)))


def test_a_users_plan_within_the_margin_runs_and_is_warned_about():
    scenario = point(devices=8, plan=fixed())
    needs = prepare(scenario).memory.peak_bytes
    for share, is_tight in ((0.94, False), (0.96, True), (1.0, True)):
        asked = equipped(scenario, gpu(hbm_bytes=needs / share))
        prepared, outcome = prepare(asked), simulate(asked)
        assert prepared.is_tight is is_tight
        assert any("within 5 %" in note for note in outcome.notes) is is_tight
        assert ("a search leaves 5 % free" in " ".join(checked(prepared).split())) is is_tight
    with pytest.raises(DoesNotFit):
        prepare(equipped(scenario, gpu(hbm_bytes=needs * 0.999)))


def test_the_rule_asks_for_a_plan():
    assert refusal((16, 16), PlanRequest()) == (
        'test.toml: [system "test"] plan\n'
        '  plan = "best" with [[system.part]]: the search knows hardware of one kind only\n'
        "  write a table [system.plan] with tensor, pipeline and micro_batch"
    )


def test_parts_are_gpus():
    mixed = refusal((16, 1), topologies=("dgx-a100-superpod", "cs-2-single"))
    assert mixed == (
        'test.toml: [system "test"].part[1] topology\n'
        "  the Cerebras CS-2 (WSE-2) cannot be a part of a system: it runs whole models, not stages of a pipeline\n"
        "  use parts of GPUs, or a system of wafers alone"
    )
    wafers = refusal((1, 1), topologies=("cs-2-single", "cs-2-single"), stack="cerebras-r2")
    assert wafers.startswith('test.toml: [system "test"].part[0] topology\n  the Cerebras CS-2')
    assert "the stack 'cerebras-r2' does not run on the NVIDIA A100" in refusal((16, 16), stack="cerebras-r2")


def test_a_part_that_is_too_large_or_unknown_is_named():
    assert refusal((16, 16), topologies=("dgx-a100-superpod", "dgx-h100")).startswith(
        "test.toml: [system \"test\"].part[1]\n  unknown topology 'dgx-h100'"
    )
    assert "hgx-a100-node" in refusal((16, 16), topologies=("hgx-a100-node", "dgx-h100-superpod"))


def test_a_lone_stage_needs_a_topology_with_room_for_two():
    text = refusal((8, 8), fixed(tensor=8, pipeline=2), topologies=("hgx-a100-node", "dgx-h100-superpod"))
    assert text.startswith(
        'test.toml: [system "test"].part[0] topology\n'
        "  'hgx-a100-node' has no room for two pipeline stages of 8 devices"
    )
    assert text.endswith("use a topology with room for 16 devices, or a smaller tensor or data")


def test_whole_stages_only():
    assert "part[0] devices\n  24 devices do not hold whole pipeline stages: tensor x data = 16" in refusal(
        (24, 8), fixed(tensor=8, pipeline=2)
    )
    # What shards by layer has no stages.
    fsdp = refusal((16, 16), fixed(data=32), stack="fsdp-2023")
    assert "16 devices do not hold whole pipeline stages: tensor x data = 32 devices are one" in fsdp


def test_what_does_not_fit_names_the_device_of_its_stage():
    # A layer has 0.8e9 parameters; an eighth of 26 of them at 18 bytes does not fit 40 GB, of 50 not even 80 GB.
    heavy = gpt(52, 8192, 64, vocab=32000, max_sequence=2048)
    plan = fixed(tensor=8, pipeline=2, recompute="full", layers_per_stage=(26, 26))
    topologies = ("a100-40gb-cloud-1600gbps", "dgx-h100-superpod")
    text = refusal((8, 8), plan, model=heavy, topologies=topologies)
    assert "stage 0 needs" in text
    assert "on one NVIDIA A100 40 GB" in text
    light = dataclasses.replace(plan, layers_per_stage=(2, 50))
    text = refusal((8, 8), light, model=heavy, topologies=topologies)
    assert "stage 1 needs" in text
    assert "on one NVIDIA H100 80 GB" in text


def test_memory_is_held_against_the_device_of_each_stage():
    model = gpt(24, 4096, 32, vocab=32000)
    plan = fixed(tensor=8, pipeline=2, layers_per_stage=(10, 14))
    scenario = parted((8, 8), plan, model=model, topologies=("a100-40gb-cloud-1600gbps", "dgx-h100-superpod"))
    memory = prepare(scenario).memory
    assert memory.capacities_bytes == (39.5 * 2**30, 79.11 * 2**30)
    totals = [sum(items.values()) for items in memory.stages]
    # The second stage holds more, the first fills more of what it has.
    assert totals[1] > totals[0] > totals[1] / 2
    assert (memory.fullest, memory.peak_bytes, memory.capacity_bytes) == (0, totals[0], 39.5 * 2**30)


def test_parts_of_a_file_that_is_not_there(tmp_path):
    scenario = parted((16, 16), PLAN, model=gpt(8, 256, 8), recipe=training(64))
    system = dataclasses.replace(
        scenario.system, parts=(Part(str(tmp_path / "none.toml"), 16), scenario.system.parts[1])
    )
    with pytest.raises(InputError, match=r"part\[0\]\n  there is no file"):
        prepare(dataclasses.replace(scenario, system=system))

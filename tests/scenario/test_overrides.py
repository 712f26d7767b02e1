"""--set key=value: which keys it reaches, how values are read, and what happens to the axes of a sweep."""

from __future__ import annotations

import pytest

from sim.errors import InputError
from sim.scenario import PlanRequest, parse_key, read_document
from sim.scenario.overrides import parse_value
from sim.sweep.grid import load_scenarios

TWO = """
[[system]]
name = "A100 v1.5"
topology = "dgx-a100-superpod"
devices = 16
stack = "megatron-2022"
"""


@pytest.fixture
def two(example):
    """The example with a second system, whose name has a space and a dot."""
    return example(("[report]", f"{TWO}[report]"))


def devices(path, *overrides):
    return [scenario.system.devices for scenario in load_scenarios(path, overrides)]


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("64", 64),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("{ tensor = 8 }", {"tensor": 8}),
        ('"best"', "best"),
        ("best", "best"),
        ("20 per parameter", "20 per parameter"),
        ("0.5 %", "0.5 %"),
        ("[1, 2", "[1, 2"),
        ("1\nother = 2", "1\nother = 2"),
        ("", ""),
    ],
)
def test_values_are_toml_or_bare_text(text, value):
    assert parse_value(text, "--set") == value


def test_sets_one_key(two):
    (first, second) = load_scenarios(two, ["training.tokens=1e9", "training.global_batch = 64 sequences"])
    assert first.training == second.training
    assert (first.training.tokens, first.training.global_batch) == (1e9, 64)


def test_sets_one_system_or_all(two):
    assert devices(two, "system.A100 v1.5.devices=32") == [64, 32]
    assert devices(two, 'system."A100 v1.5".devices=32') == [64, 32]
    assert devices(two, "system.devices=32") == [32, 32]
    assert devices(two, "system.devices=32", "system.cluster.devices=8") == [8, 32]


def test_makes_the_tables_on_the_way(two):
    plans = [scenario.system.plan for scenario in load_scenarios(two, ["system.plan.data=2"])]
    assert plans == [PlanRequest("fixed", tensor=8, data=2), PlanRequest("fixed", data=2)]
    (scenario, _) = load_scenarios(two, ["system.plan=best", "system.cluster.plan.zero=1"])
    assert scenario.system.plan == PlanRequest("fixed", zero=1)
    scenario = load_scenarios(two, ["training.method=lora", 'training.lora={rank=4, targets=["query"]}'])[0]
    assert scenario.training.lora.rank == 4


def test_a_model_by_name_replaces_an_inline_one(example):
    inline = "layers = 2\nhidden = 64\nheads = 4\nvocab = 100\nmax_sequence = 2048"
    path = example(('name = "cerebras-gpt-13b"', inline))
    assert load_scenarios(path, ["model.layers=3"])[0].model.layers == 3
    assert load_scenarios(path, ["model.name=cerebras-gpt-111m"])[0].model.hidden == 768


def test_a_system_may_have_an_equals_sign_in_its_name(example):
    path = example(('name = "cluster"', 'name = "N=8"'))
    assert devices(path, 'system."N=8".devices=8') == [8]


def test_does_not_change_what_was_read(example):
    path = example()
    assert read_document(path) != read_document(path, ["system.devices=8"])
    assert read_document(path)["system"][0]["devices"] == 64


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.tokns=1", "unknown key 'training.tokns'; did you mean 'training.tokens'?\n  allowed: tr"),
        ("sytem.devices=1", "unknown key 'sytem.devices'; did you mean 'system.devices'?\n  allowed: system.devices, "),
        ("system.clutser.devices=1", "did you mean 'system.cluster.devices'?\n  allowed: system.devices, "),
        ("system.clutser.devices=1", "one system's own: system.NAME.KEY, NAME of: cluster"),
        ("tp=8", "unknown key 'tp'; did you mean 'system.plan.tensor'?\n  allowed: system.plan.tensor, "),
        ("training.seq_len=8", "did you mean 'training.sequence'?"),
        (
            "system.plan.rank_order=tp-dp-pp",
            "'; the order of ranks is rank_order, a figure of the stack: docs/plans.md",
        ),
        ("system.cluster.plan.order=tp-dp-pp", "'; the order of ranks is rank_order, a figure of the stack"),
        ("system.plan.ep=8", "'system.plan.ep' is reserved: expert parallelism is not simulated yet\n  leave it out"),
        ("tensor=8", "unknown key 'tensor'; did you mean 'system.plan.tensor'?"),
        ("training.tokens", "there is no '='\n  write key=value, for example training.tokens=1e9"),
        ("schema=2", "'schema' cannot be set here\n  change it in the file"),
        ("system.name=a", "'system.name' cannot be set here"),
    ],
)
def test_refuses_keys(override, expected, example):
    message = refusal(example(), override)
    assert message.startswith(f"--set {override}\n  ")
    assert expected in message


def test_a_wrong_value_is_refused_as_in_the_file(example):
    assert ": [training] global_batch\n  720 has no unit" in refusal(example(), "training.global_batch=720")
    assert "1000.0 is not a whole number\n  write 1000" in refusal(example(), "system.devices=1e3")
    assert "'context' is reserved" in refusal(example(), "system.plan.context=2")


def test_setting_an_axis_replaces_it(two):
    path = two
    path.write_text(f'{path.read_text()}\n[sweep]\n"system.devices" = [8, 16]\nseed = [1, 2]\n')
    assert devices(path) == [8, 8, 16, 16] * 2
    assert devices(path, "seed=3") == [8, 16] * 2
    assert devices(path, "system.devices=4") == [4, 4] * 2
    # The axis of all systems stays with the other one.
    assert devices(path, "system.cluster.devices=4") == [4, 4, 8, 8, 16, 16]


def test_setting_all_systems_replaces_the_axis_of_one(two):
    path = two
    path.write_text(f'{path.read_text()}\n[sweep]\n"system.A100 v1.5.devices" = [8, 16]\n')
    assert devices(path, "system.cluster.devices=4") == [4, 8, 16]
    assert devices(path, "system.devices=4") == [4, 4]


def told(path, *overrides):
    notes = []
    load_scenarios(path, overrides, notes.append)
    return notes


def test_an_axis_that_another_key_replaces_is_told_of(two):
    path = two
    jitter, batch = '"system.variation.kernel_jitter" = [0, 0.1]', '"system.cluster.plan.micro_batch" = [1, 2]'
    text = path.read_text().replace('jitter = "0.5 %"', "")
    path.write_text(f"{text}\n[sweep]\n{jitter}\n{batch}\nseed = [1, 2]\n")
    assert told(path) == told(path, "seed=3", "training.tokens=1e9") == []
    # The very key of an axis takes its place: whoever sets it knows.
    assert told(path, "system.variation.kernel_jitter=0.2", 'system."cluster".plan.micro_batch=2') == []
    assert told(path, "system.variation=well-run", "system.plan=best") == [
        "the sweep over system.variation.kernel_jitter is replaced by --set system.variation",
        "the sweep over system.cluster.plan.micro_batch is replaced by --set system.plan",
    ]
    assert told(path, "system.plan.micro_batch=2") == [
        "the sweep over system.cluster.plan.micro_batch is replaced by --set system.plan.micro_batch"
    ]
    assert told(path, "system.cluster.variation=none") == [
        "the sweep over system.variation.kernel_jitter is replaced by --set system.cluster.variation for 'cluster';"
        " the other systems are still swept"
    ]
    assert len(load_scenarios(path, ["system.cluster.variation=none"])) == 2 * 2 + 2 * 2


def test_a_key_within_an_axis_cannot_be_set(example):
    path = example(("[report]", '[sweep]\n"system.plan" = ["best", { tensor = 4 }]\n[report]'))
    message = refusal(path, "system.plan.tensor=8")
    assert "the axis 'system.plan' of [sweep] sets this key at every point\n  set 'system" in message


def test_keys_print_as_they_are_written():
    for text in ("training.tokens", "system.devices", "system.a b.plan.tensor", "seed"):
        assert str(parse_key(text, ["a b"], "here")) == text

"""A software stack of one's own: what differs from one of the catalogue, in a file."""

import dataclasses

import pytest

from sim.catalog import load_stack, read_stack
from sim.errors import InputError
from sim.prepare import prepare
from sim.records.belief import warnings_of
from sim.scenario import resolved_toml
from sim.simulate import simulate
from sim.sweep.grid import load_scenarios

FILE = """title = "Mine"
base = "megatron-core-2024"
rank_order = {{ value = {order}, kind = "assumed", date = "2026", note = "ours" }}
schedules = {{ value = {schedules}, kind = "assumed", date = "2026", note = "ours" }}
{more}
"""
SCENARIO = """schema = 1
title = "own stack"
[model]
name = "cerebras-gpt-590m"
[training]
tokens = "1B"
sequence = 2048
global_batch = "64 sequences"
[[system]]
name = "a"
topology = "dgx-a100-superpod"
devices = 32
stack = "{stack}"
[system.plan]
tensor = 2
pipeline = 2
schedule = "{schedule}"
"""


@pytest.fixture
def write(tmp_path):
    """Write a stack and a scenario beside it; return the scenario."""

    def written(order='"tp-cp-ep-pp-dp"', schedules='["1f1b", "zb-h1"]', more="", schedule="zb-h1"):
        (tmp_path / "mine.toml").write_text(FILE.format(order=order, schedules=schedules, more=more), encoding="utf-8")
        path = tmp_path / "scenario.toml"
        path.write_text(SCENARIO.format(stack="mine.toml", schedule=schedule), encoding="utf-8")
        (scenario,) = load_scenarios(path)
        return scenario

    return written


def test_it_is_its_base_with_what_differs(write, tmp_path):
    write()
    mine, base = read_stack(tmp_path / "mine.toml", "mine"), load_stack("megatron-core-2024")
    assert (mine.name, mine.title, mine.rank_order, mine.schedules) == (
        "mine",
        "Mine",
        "tp-cp-ep-pp-dp",
        ("1f1b", "zb-h1"),
    )
    same = {"name": base.name, "title": base.title, "rank_order": base.rank_order, "schedules": base.schedules}
    assert dataclasses.replace(mine, **same, figures=base.figures) == base


def test_its_order_of_ranks_and_schedules_are_used(write):
    outcome = simulate(write())
    assert (outcome.plan.rank_order, outcome.plan.schedule) == ("tp-cp-ep-pp-dp", "zb-h1")
    # Of 2 tensor ranks, 2 stages and 8 replicas: the next stage is 2 devices on, not 16.
    assert sends(outcome) == {2, -2}
    assert sends(simulate(write(order='"tp-cp-ep-dp-pp"'))) == {16, -16}


def test_screens_call_it_by_its_title(write):
    outcome = simulate(write())
    assert warnings_of(outcome) == ["Mine: no error band, as no published row has a stack of one's own"]
    usual = write()
    usual = dataclasses.replace(usual, system=dataclasses.replace(usual.system, stack="megatron-zero-bubble"))
    assert simulate(usual).stack == "megatron-zero-bubble"


def test_the_resolved_copy_finds_it_again_by_its_whole_path(write, tmp_path):
    scenario, copy = write(), tmp_path / "elsewhere" / "resolved.toml"
    copy.parent.mkdir()
    copy.write_text(*resolved_toml([scenario]), encoding="utf-8")
    (again,) = load_scenarios(copy)
    assert again.system.stack == scenario.system.stack == str((tmp_path / "mine.toml").resolve())
    assert prepare(again).stack == prepare(scenario).stack


def sends(outcome):
    """Distances over which stages send."""
    waves = {one.wave.wave for span in outcome.trace.spans for one in span.transfers if one.line == "pipeline_comm"}
    return {wave.distance for wave in waves}


def recipes_of(precision, name):
    return f'[recipes]\n{precision} = {{ value = {name}, kind = "assumed", note = "x" }}'


def traffic_of(optimizer, size):
    return f'[optimizer_traffic_bytes]\n{optimizer} = {{ value = {size}, kind = "assumed", note = "x" }}'


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"order": '"tp-dp"'}, "rank_order 'tp-dp'"),
        ({"order": "3"}, "3 is not a word"),
        ({"schedules": '["zb-h7"]'}, "unknown schedule 'zb-h7'"),
        ({"schedules": "[1]"}, r"\[1\] is not a list"),
        ({"more": 'launch_gap = { value = 1, kind = "assumed", note = "x" }'}, "unknown key 'launch_gap'"),
        ({"more": 'host_launch_s = { value = "5 kg", kind = "assumed", note = "x" }'}, "'5 kg' is not a quantity"),
        ({"more": 'overlap_slowdown = { value = -1, kind = "assumed", note = "x" }'}, "no number from 0 on"),
        ({"more": 'attention_kernel = { value = "flash-9", kind = "assumed", note = "x" }'}, "no figure for 'flash-9'"),
        ({"more": 'selective_recompute = { value = "all", kind = "assumed", note = "x" }'}, "unknown recomputation"),
        ({"more": 'gradient_sum = { value = "later", kind = "assumed", note = "x" }'}, "unknown sum of gradients"),
        ({"more": 'rms_norm = { value = "slow", kind = "assumed", note = "x" }'}, "unknown way to run norms"),
        ({"more": 'vocabulary_multiple = { value = 0, kind = "assumed", note = "x" }'}, "0 is too little"),
        ({"more": 'gradient_bucket_bytes = { value = 0, kind = "assumed", note = "x" }'}, "0 is too little"),
        ({"more": 'prefetch_layers = { value = 1.5, kind = "assumed", note = "x" }'}, "1.5 is not whole"),
        ({"more": 'zero_stages = { value = [0, 0.5], kind = "assumed", note = "x" }'}, "is not whole"),
        ({"more": 'fragmentation = { kind = "assumed", note = "x" }'}, "fragmentation\n  this figure has no value"),
        ({"more": 'overlap_slowdown = { value = 1, kind = "assumed", note = "x" }'}, "1 is more than 0.9"),
        ({"more": recipes_of("bf16", '"zz"')}, "recipes.bf16\n  unknown precision recipe 'zz'"),
        ({"more": recipes_of("bf16", "[3]")}, r"unknown precision recipe '\[3\]'"),
        ({"more": recipes_of("bf16", '"fp32"')}, "the products of the recipe 'fp32' run in fp32"),
        ({"more": recipes_of("fp6", '"bf16"')}, "unknown precision 'fp6'"),
        ({"more": recipes_of("fp8", '"bf16"')}, "the products of the recipe 'bf16' run in bf16"),
        ({"more": traffic_of("lion", '"8 B"')}, "unknown optimizer 'lion'"),
        ({"more": traffic_of("muon", "8")}, "8 has no unit"),
        ({"schedule": "zb-h2"}, "the stack mine does not run zb-h2"),
    ],
)
def test_what_cannot_be_is_refused(write, given, message):
    with pytest.raises(InputError, match=message):
        prepare(write(**given))


def test_who_names_a_file_that_is_not_there_is_told_where(write, tmp_path):
    scenario = write()
    (tmp_path / "mine.toml").unlink()
    with pytest.raises(InputError, match=r'scenario.toml: \[system "a"\]\n  there is no file .*mine.toml'):
        prepare(scenario)


def test_a_name_of_the_catalogue_is_not_taken_again(tmp_path):
    path = tmp_path / "vtrain.toml"
    path.write_text('title = "x"\nbase = "vtrain"\n', encoding="utf-8")
    with pytest.raises(InputError, match="the catalogue has a 'vtrain'"):
        read_stack(path, "mine")


@pytest.mark.parametrize(("value", "message"), [("0", "0 is too little"), ("1.5", "1.5 is more than 1")])
def test_a_wafer_reaches_some_of_its_peak(tmp_path, value, message):
    path = tmp_path / "mine.toml"
    figure = f'array_ceiling = {{ value = {value}, kind = "assumed", note = "x" }}'
    path.write_text(f'title = "x"\nbase = "cerebras-r2"\n{figure}\n', encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_stack(path, "mine")

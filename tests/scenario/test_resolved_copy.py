"""The resolved copy: read again, it gives the same scenarios."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from sim.catalog import Model, Slow, SlowPlace, Stalls, Variation, load_variation, variation_names
from sim.errors import InputError
from sim.scenario import (
    Lora,
    Part,
    PlanRequest,
    Report,
    Scenario,
    System,
    Training,
    resolved_documents,
    resolved_toml,
)
from sim.scenario.amounts import Batch, sequences_in
from sim.scenario.table import read as read_table
from sim.scenario.types import RecipeRequest
from sim.scenario.variation import VariationTable, variation_from, written_variation
from sim.sweep.grid import load_scenarios

COUNTS = st.integers(1, 10**6)
SHARES = st.floats(0, 0.5)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
SWITCHES = st.booleans()


@st.composite
def models(draw):
    kv_heads = draw(st.integers(1, 16))
    return Model(
        name=draw(NAMES),
        layers=draw(COUNTS),
        hidden=draw(COUNTS),
        heads=kv_heads * draw(st.integers(1, 16)),
        kv_heads=kv_heads,
        head_dim=draw(COUNTS),
        ffn_hidden=draw(COUNTS),
        vocab=draw(COUNTS),
        max_sequence=draw(COUNTS),
        gated_mlp=draw(SWITCHES),
        position=draw(st.sampled_from(["rotary", "alibi", "none"])),
        norm=draw(st.sampled_from(["layernorm", "rmsnorm"])),
        attention_output_bias=draw(st.none() | SWITCHES),
        norms_per_layer=draw(st.integers(1, 4)),
        dropout=draw(SWITCHES),
        published_parameters=draw(st.none() | st.floats(1, 1e13)),
    )


RECIPES = st.builds(
    RecipeRequest,
    name=st.none() | st.sampled_from(["bf16-only", "8bit-moments"]),
    gradients=st.none() | st.sampled_from(["bf16", "fp32"]),
    master=st.none() | st.sampled_from(["fp32", "none"]),
    moments=st.none() | st.sampled_from(["fp32", "bf16", "int8"]),
)


@st.composite
def trainings(draw):
    method = draw(st.sampled_from(["pretrain", "finetune", "lora"]))
    targets = st.lists(st.sampled_from(["query", "key", "value", "qkv", "output", "mlp"]), min_size=1, unique=True)
    per_parameter = draw(st.none() | st.floats(1e-3, 1e6))
    sequence, asked = draw(COUNTS), draw(st.none() | COUNTS)
    rounded = asked is not None and asked % sequence != 0
    recipe = draw(RECIPES)
    return Training(
        tokens=draw(st.floats(1, 1e15)) if per_parameter is None else 0.0,
        sequence=sequence,
        global_batch=sequences_in(Batch(asked, "tokens"), sequence) if rounded else draw(COUNTS),
        precision=draw(st.just("bf16") if recipe.name else st.sampled_from(["bf16", "fp16", "fp32", "tf32"])),
        optimizer=draw(st.sampled_from(["adam", "sgd", "adafactor", "muon"])),
        recipe=recipe,
        method=method,
        lora=Lora(draw(COUNTS), tuple(draw(targets))) if method == "lora" else None,
        tokens_per_parameter=per_parameter,
        asked_batch_tokens=asked if rounded else None,
    )


PLANS = st.just(PlanRequest()) | st.builds(
    PlanRequest,
    rule=st.just("fixed"),
    tensor=st.none() | COUNTS,
    pipeline=st.none() | COUNTS,
    virtual_stages=st.none() | COUNTS,
    data=st.none() | COUNTS,
    micro_batch=st.none() | COUNTS,
    zero=st.none() | st.integers(0, 3),
    sequence_parallel=st.none() | SWITCHES,
    recompute=st.sampled_from([None, "none", "selective", "full"]),
    schedule=st.sampled_from([None, "gpipe", "1f1b", "interleaved"]),
    layers_per_stage=st.none() | st.lists(COUNTS, min_size=1, max_size=4).map(tuple),
    micro_batches=st.none() | st.lists(COUNTS, min_size=1, max_size=4).map(tuple),
)
SLOW = st.builds(Slow, share=st.floats(0, 1), slowdown=st.floats(0, 100))
PLACES = st.builds(SlowPlace, slowdown=st.floats(0, 100), device=COUNTS) | st.builds(
    SlowPlace, slowdown=st.floats(0, 100), node=st.integers(0, 9)
)
OWN_VARIATIONS = st.builds(
    Variation,
    name=st.just("custom"),
    title=st.just("as the scenario says"),
    speed_spread=SHARES,
    kernel_jitter=SHARES,
    network_noise=SHARES,
    stalls=st.just(Stalls()) | st.builds(Stalls, st.floats(0, 3600), st.floats(1e-9, 3600)),
    slow_devices=SLOW,
    slow_nodes=SLOW,
    slow_links=SLOW,
    slow=st.lists(PLACES, max_size=3, unique_by=lambda place: (place.device, place.node)).map(tuple),
).filter(lambda variation: not variation.is_none)
WRITTEN_SLOW = st.fixed_dictionaries(
    {}, optional={"share": st.just(0) | st.floats(0, 0.9), "slowdown": st.just(0) | st.floats(0, 0.9)}
)
CHANGED_PROFILES = st.fixed_dictionaries(
    {"profile": st.sampled_from(["well-run", "as-found"])},
    optional={
        "speed_spread": SHARES | st.just(0.01),
        "network_noise": SHARES,
        "stalls": st.fixed_dictionaries({}, optional={"per_device_hour": st.floats(0, 9), "mean": st.just("3 s")}),
        "slow_devices": WRITTEN_SLOW,
        "slow_links": WRITTEN_SLOW,
        "slow": st.just([]) | st.just([{"node": 2, "slowdown": 0.5}]),
    },
)
# A lag is estimated for all, or devices differ one by one.
LAGS = st.fixed_dictionaries({"jitter": SHARES, "resolution": st.sampled_from(["auto", "folded"])})
DIFFERENCES = st.fixed_dictionaries(
    {
        "variation": st.sampled_from([load_variation(name) for name in variation_names()]) | OWN_VARIATIONS,
        "resolution": st.sampled_from(["auto", "full"]),
    }
)
TOPOLOGIES = st.sampled_from(["dgx-a100-superpod", "/racks/mine.toml"])
SIZES = st.dictionaries(st.sampled_from(["nodes_per_leaf", "largest_nodes"]), COUNTS, max_size=2)
HARDWARE = st.fixed_dictionaries({"topology": TOPOLOGIES, "devices": COUNTS, "sizes": SIZES}) | st.lists(
    st.builds(Part, topology=TOPOLOGIES, devices=COUNTS, sizes=SIZES), min_size=1, max_size=3
).map(lambda parts: {"topology": "", "devices": sum(part.devices for part in parts), "parts": tuple(parts)})
SYSTEMS = st.builds(
    lambda unequal, hardware, **fields: System(**fields, **unequal, **hardware),
    unequal=LAGS | DIFFERENCES,
    hardware=HARDWARE,
    name=NAMES,
    stack=st.sampled_from(["fsdp-2023", "megatron-2022"]),
    plan=PLANS,
)
SCENARIOS = st.builds(
    Scenario,
    title=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    path=st.just(Path("my.toml")),
    model=models(),
    training=trainings(),
    system=SYSTEMS,
    report=st.builds(Report, flop_convention=st.sampled_from(["full-attention", "causal-attention"]), charts=SWITCHES),
    seed=st.integers(0, 2**32),
    steps=st.integers(1, 100_000),
)


def plain(scenario):
    """Without what a copy cannot keep: where it was read, and the axes that made it."""
    return dataclasses.replace(scenario, path=Path("my.toml"), axes={})


def read_again(scenarios, folder):
    found = []
    for number, text in enumerate(resolved_toml(scenarios)):
        path = folder / f"resolved-{number}.toml"
        path.write_text(text, encoding="utf-8")
        found += load_scenarios(path)
    return [plain(scenario) for scenario in found]


@given(SCENARIOS)
def test_any_scenario_reads_back_the_same(tmp_path_factory, scenario):
    assert read_again([scenario], tmp_path_factory.getbasetemp()) == [scenario]


@given(CHANGED_PROFILES)
def test_a_changed_profile_reads_back_with_its_name_and_its_sources(changes):
    def read(written):
        table = read_table(VariationTable, {"profile": written} if isinstance(written, str) else written)
        try:
            return variation_from(table, lambda *keys: "here", "here")
        except InputError:
            return reject()  # half of a part, say

    variation = read(changes)
    written = written_variation(variation)
    again = read(written)
    assert (again, again.figures) == (variation, variation.figures)
    if again.name != changes["profile"]:
        assert again.name == f"{changes['profile']}, changed"
        # What is as in the profile is not said again.
        assert written.keys() <= changes.keys()


def test_a_sweep_reads_back_the_same(example, tmp_path):
    batches = '"training.global_batch" = ["512 sequences", "1024 sequences"]'
    devices = '"system.cluster.devices" = [8, 64]'
    scenarios = load_scenarios(example(("[report]", f"[sweep]\n{batches}\n{devices}\n[report]")))
    copy = tmp_path / "copy"
    copy.mkdir()
    assert len(scenarios) == 4
    assert read_again(scenarios, copy) == [plain(scenario) for scenario in scenarios]


def test_systems_share_a_document_while_all_else_is_alike(example):
    path = example()
    second = path.read_text().split("[[system]]")[1].split("[report]")[0].replace('"cluster"', '"other"')
    path.write_text(f"{path.read_text()}\n[[system]]{second}")
    (document,) = resolved_documents(load_scenarios(path))
    assert [system["name"] for system in document["system"]] == ["cluster", "other"]
    sizes = '"model.name" = ["cerebras-gpt-13b", "cerebras-gpt-111m"]'
    path.write_text(f"{path.read_text()}\n[sweep]\n{sizes}\n")
    documents = resolved_documents(load_scenarios(path))
    assert [len(document["system"]) for document in documents] == [2, 2]
    assert [document["model"]["layers"] for document in documents] == [40, 10]


def test_sizes_of_a_system_become_a_sweep(example, tmp_path):
    scenarios = load_scenarios(example(("[report]", '[sweep]\n"system.cluster.devices" = [8, 64, 16]\n[report]')))
    (document,) = resolved_documents(scenarios)
    assert document["sweep"] == {"system.cluster.devices": [8, 64, 16]}
    assert [system["devices"] for system in document["system"]] == [8]
    copy = tmp_path / "copy"
    copy.mkdir()
    assert read_again(scenarios, copy) == [plain(scenario) for scenario in scenarios]


def test_a_variation_that_is_as_its_profile_stays_its_name(example):
    path = example(('jitter = "0.5 %"', 'variation = "as-found"'))
    (document,) = resolved_documents(load_scenarios(path))
    assert document["system"][0]["variation"] == "as-found"
    (document,) = resolved_documents(load_scenarios(path, ["system.variation.speed_spread=0.01"]))
    assert document["system"][0]["variation"] == "as-found"


def test_the_name_of_a_profile_with_other_numbers_is_no_profile(example):
    (scenario,) = load_scenarios(example(('jitter = "0.5 %"', 'variation = "well-run"')))
    other = dataclasses.replace(scenario.system.variation, speed_spread=0.25)
    system = dataclasses.replace(scenario.system, variation=other)
    (document,) = resolved_documents([dataclasses.replace(scenario, system=system)])
    assert document["system"][0]["variation"]["speed_spread"] == 0.25


def test_a_changed_profile_is_written_with_what_differs(example, tmp_path):
    changes = [
        "system.variation.slow_nodes.share=0",
        "system.variation.kernel_jitter=0.03",
        "system.variation.slow=[{ node = 2, slowdown = 2.0 }]",
    ]
    (scenario,) = load_scenarios(example(('jitter = "0.5 %"', 'variation = "as-found"')), changes)
    (document,) = resolved_documents([scenario])
    assert document["system"][0]["variation"] == {
        "profile": "as-found",
        "slow_nodes": {"share": 0.0, "slowdown": 0.118},
        "slow": [{"node": 2, "slowdown": 2.0}],
    }
    copy = tmp_path / "copy"
    copy.mkdir()
    (again,) = read_again([scenario], copy)
    assert again == plain(scenario)
    before, after = scenario.system.variation, again.system.variation
    assert (after.name, after.figures) == ("as-found, changed", before.figures)
    assert {figure.source for figure in after.figures} >= {"falcon-2024", "mlperf-training"}


def test_nothing_is_left_to_look_up(example):
    path = example(("dgx-a100-superpod", "mine.toml"), ("720 sequences", "2048000 tokens"))
    (text,) = resolved_toml(load_scenarios(path))
    document = tomllib.loads(text)
    assert document["model"]["hidden"] == 5120
    assert "figures" not in document["model"]
    assert document["training"]["global_batch"] == "1000 sequences"
    assert document["training"]["tokens"] == 257e9
    assert document["system"][0]["topology"] == str(path.with_name("mine.toml").resolve())
    assert document["system"][0]["jitter"] == pytest.approx(0.005)

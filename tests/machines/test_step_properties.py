"""What must hold of any step: narrow formats, graphs of kernels and offloading, on plans and machines of every sort."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_model
from sim.machines.prepared import Prepared
from sim.prepare import prepare_as_measured
from sim.scenario.types import PlanRequest, Report, Scenario, StackRequest, System, Training

BRIDGE = "megatron-bridge-26.08"
NARROW = st.sampled_from(
    [
        ("hgx-h100-node", BRIDGE, "fp8"),
        ("hgx-h100-node", "torchtitan-2025", "fp8"),
        ("hgx-b200-node", BRIDGE, "mxfp8"),
        ("hgx-b200-node", "transformer-engine", "nvfp4"),
        ("gb300-nvl72", BRIDGE, "nvfp4"),
        ("mi355x-cluster", BRIDGE, "mxfp8"),
    ]
)
MODELS = st.sampled_from(["gpt2-small", "llama-3.2-1b", "qwen3-8b", "gemma-3-12b"])
"""From those whose casts cost more than they gain to those that fill a node."""
TENSOR, MICRO_BATCH = st.sampled_from([1, 2, 4]), st.sampled_from([1, 4])


def step(model: str, topology: str, stack: Any, precision: Any = "bf16", **plan: Any) -> Prepared:
    """A step on eight devices, whatever memory it takes; fewer tensor ranks where the model has not the heads."""
    found = load_model(model)
    tensor = next(one for one in (plan.pop("tensor", 1), 2, 1) if found.heads % one == found.kv_heads % one == 0)
    training = Training(1e9, 1024, 64, precision=precision)
    request = PlanRequest(rule="fixed", tensor=tensor, **plan)
    system = System("a node", topology, 8, stack, request)
    return prepare_as_measured(Scenario("Any step", Path("scenarios/any.toml"), found, training, system, Report()))


def seconds_s(one: Prepared) -> float:
    return one.kind.closed_form_s(one, one.networks[0])


@given(NARROW, MODELS, TENSOR, MICRO_BATCH)
def test_a_narrow_format_is_faster_or_a_note_says_that_casts_cost_more(machine, model, tensor, micro_batch):
    plan = {"tensor": tensor, "micro_batch": micro_batch}
    topology, stack, precision = machine
    wide, narrow = step(model, topology, stack, **plan), step(model, topology, stack, precision, **plan)
    if seconds_s(narrow) > seconds_s(wide):
        assert any("casts cost more" in note for note in narrow.kind.notes(narrow))


@given(st.sampled_from(["hgx-h100-node", "hgx-b200-node", "gb300-nvl72"]), MODELS, TENSOR, MICRO_BATCH)
def test_a_graph_of_all_kernels_is_never_slower_than_launching_them(topology, model, tensor, micro_batch):
    plan = {"tensor": tensor, "micro_batch": micro_batch}
    eager, full = (step(model, topology, StackRequest(BRIDGE, graph), **plan) for graph in ("none", "full"))
    assert seconds_s(full) <= seconds_s(eager) * (1 + 1e-9)
    assert full.trace.step_time_s <= eager.trace.step_time_s * (1 + 1e-9)


@given(MODELS, TENSOR, MICRO_BATCH, st.data())
def test_offloading_never_takes_memory_of_the_device(model, tensor, micro_batch, data):
    plan = {"tensor": tensor, "micro_batch": micro_batch}
    away = sorted(data.draw(st.lists(st.integers(0, load_model(model).layers - 1), min_size=2, max_size=2)))
    fewer, more = (step(model, "hgx-b200-node", BRIDGE, offload_layers=one, **plan).memory for one in away)
    assert more.peak_bytes <= fewer.peak_bytes * (1 + 1e-9)
    states = ({"optimizer_offload": where} for where in ("none", "cpu"))
    here, at_host = (step(model, "hgx-b200-node", "deepspeed-2026", micro_batch=micro_batch, **one) for one in states)
    assert at_host.memory.peak_bytes <= here.memory.peak_bytes
    assert at_host.trace.step_time_s >= here.trace.step_time_s

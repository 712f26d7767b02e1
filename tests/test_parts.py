"""Systems with parts of different hardware, the whole way: against plain systems, by hand, and through the reports."""

import dataclasses
import itertools
import json

import pytest
from builders import fixed, gpt, parted, point, report_of, screen_of, training
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog import SlowPlace, Variation, load_variation
from sim.counterfactual import counterfactuals
from sim.errors import InputError
from sim.records.document import results_document, summary_rows
from sim.report.checked import checked
from sim.scenario import resolved_toml
from sim.simulate import prepare, simulate
from sim.study.findings import findings
from sim.sweep.grid import load_scenarios

A100, H100 = "dgx-a100-superpod", "dgx-h100-superpod"
MODEL = gpt(8, 1024, 16, max_sequence=1024)
WIDE = gpt(8, 8192, 64, max_sequence=1024)
"""Whose kernels are large enough for the devices to matter."""
NODES = fixed(tensor=8, pipeline=2, micro_batch=1)


def mixed(layers=(4, 4), topologies=(A100, H100), devices=(16, 16), model=MODEL, **over):
    plan = dataclasses.replace(NODES, layers_per_stage=layers, **over)
    return parted(devices, plan, model=model, recipe=training(64, 1024), topologies=topologies)


@pytest.mark.parametrize("degrees", [(8, 2, 1), (8, 4, 1), (8, 4, 2), (4, 4, 1), (2, 4, 1)])
@pytest.mark.parametrize("zero", [0, 1])
@pytest.mark.parametrize("stack", ["megatron-2021", "megatron-2022"])
def test_parts_of_one_kind_are_a_plain_system(degrees, zero, stack):
    # Nodes on one leaf: neighbouring stages are as far from each other within a part as between two.
    tensor, pipeline, virtual = degrees
    zero = zero if stack == "megatron-2022" else 0
    plan = fixed(tensor=tensor, pipeline=pipeline, virtual_stages=virtual, zero=zero)
    recipe = training(64)
    plain = simulate(point(MODEL, 32, plan, recipe=recipe, stack=stack))
    parts = simulate(parted((16, 16), plan, model=MODEL, recipe=recipe, topologies=(A100, A100), stack=stack))
    assert parts.step_time_s == pytest.approx(plain.step_time_s, rel=1e-12)
    for line, seconds in plain.ledger.device_seconds.items():
        assert parts.ledger.device_seconds[line] == pytest.approx(seconds, rel=1e-9, abs=1e-9)
    assert (parts.mfu, parts.hfu) == pytest.approx((plain.mfu, plain.hfu))


def test_a_single_part_is_a_plain_system_to_the_last_bit():
    plan = fixed(tensor=4, pipeline=4, micro_batch=1)
    plain = simulate(point(MODEL, 32, plan, recipe=training(32)))
    part = simulate(parted((32,), plan, model=MODEL, recipe=training(32), topologies=(A100,)))
    assert (part.ledger, part.links, part.mfu, part.hfu) == (plain.ledger, plain.links, plain.mfu, plain.hfu)


def test_faster_devices_with_as_many_layers_wait():
    even, slow, fast = (
        simulate(mixed(topologies=kinds, model=WIDE)) for kinds in ((A100, H100), (A100, A100), (H100, H100))
    )
    assert fast.step_time_s < even.step_time_s < slow.step_time_s
    # Half of the devices idles for what it is faster by, up to the ends of the model and the pipeline's own bubble.
    faster = 1 - fast.step_time_s / slow.step_time_s
    assert slow.ledger.share("imbalance") < 0.01
    assert even.ledger.share("imbalance") == pytest.approx(faster / 2, rel=0.2)
    balanced = simulate(mixed((3, 5), model=WIDE))
    assert balanced.step_time_s < even.step_time_s
    assert balanced.ledger.share("imbalance") < even.ledger.share("imbalance")
    assert balanced.ledger.tax < even.ledger.tax


@settings(max_examples=15)
@given(st.integers(1, 7), st.permutations([A100, H100]), st.sampled_from(["none", "full"]), st.sampled_from([0, 1]))
def test_utilisation_by_hand(first, topologies, recompute, zero):
    outcome = simulate(mixed((first, 8 - first), tuple(topologies), recompute=recompute, zero=zero))
    parts, flops = outcome.parts, outcome.flops
    for field in ("needed", "counted", "recomputed_needed", "recomputed_counted"):
        assert sum(getattr(part.flops, field) for part in parts) == pytest.approx(getattr(flops, field))
    assert [len(part.stages) for part in parts] == [1, 1]
    assert parts[0].flops.recomputed_needed * (8 - first) == pytest.approx(parts[1].flops.recomputed_needed * first)
    # MFU: of what all devices could have done. The useful share: each at its own peak, all seconds alike.
    could = sum(part.devices * part.peak_flops_per_s for part in parts) * outcome.step_time_s
    assert outcome.mfu_causal == pytest.approx(flops.needed / could)
    by_device = [part.flops.needed / part.devices / part.peak_flops_per_s for part in parts]
    useful = sum(16 * seconds for seconds in by_device) / (32 * outcome.step_time_s)
    assert outcome.ledger.share("useful") == pytest.approx(useful, rel=1e-9)
    assert sum(outcome.ledger.device_seconds.values()) == pytest.approx(32 * outcome.step_time_s, rel=1e-9)
    assert 0 < outcome.mfu_causal <= outcome.hfu_causal <= 1


def test_more_layers_on_slower_devices_are_never_faster_than_on_faster_ones():
    # Stages in the order of the pipeline: as many layers more on the A100s as before on the H100s.
    for more in (1, 2, 3):
        slow, fast = (simulate(mixed((4 + by, 4 - by))).step_time_s for by in (more, -more))
        assert fast < slow
    times = [simulate(mixed((4 + more, 4 - more))).step_time_s for more in range(4)]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))


def test_removing_a_loss_never_makes_a_step_longer():
    prepared, outcome = prepare(mixed(recompute="full")), simulate(mixed(recompute="full"))
    step_time_s, without = outcome.step_time_s, counterfactuals(prepared, outcome)
    assert all(time_s <= step_time_s * (1 + 1e-12) for time_s in without.values())
    assert without["free network"] < step_time_s
    assert without["no bubble"] < step_time_s
    assert without["unlimited memory"] < step_time_s


def test_uneven_replicas_on_parts():
    plan = fixed(tensor=8, pipeline=2, micro_batches=(12, 4))
    outcome = simulate(parted((16, 16), plan, model=MODEL, recipe=training(16)))
    assert list(outcome.trace.multiplicity.values()) == [8] * 4
    assert outcome.ledger.share("imbalance") > 0.25


def test_links_are_told_apart_by_their_part():
    outcome = simulate(mixed())
    classes = {one.label: one for one in outcome.links.classes}
    assert len(classes) == len(outcome.links.classes)
    first = "scale_up of part 1, DGX A100 SuperPOD (HDR InfiniBand, eight rails)"
    second = "scale_up of part 2, DGX H100 SuperPOD (NDR InfiniBand, eight rails)"
    assert classes[first].total_bytes > 0
    # The same exchanges on both, and the same bytes, but for the ends of the model.
    assert classes[first].total_bytes == pytest.approx(classes[second].total_bytes, rel=0.3)
    assert outcome.links.bottleneck in outcome.links.classes
    edges, shares = outcome.links.over_time(outcome.trace, 50)
    for one, row in zip(outcome.links.classes, shares, strict=True):
        assert row.mean() == pytest.approx(one.mean_utilisation, rel=1e-6)
    assert len(edges) == 51


def test_reports_say_all_of_it():
    outcome = simulate(mixed())
    (told,) = results_document(findings([outcome]))["points"]
    assert told["device"] == "NVIDIA A100 80 GB SXM + NVIDIA H100 80 GB SXM"
    assert told["topology"] == f"{A100} + {H100}"
    found = [(part["topology"], part["devices"], part["stages"]) for part in told["parts"]]
    assert found == [(A100, 16, [0]), (H100, 16, [1])]
    assert len(told["memory"]["capacities_bytes"]) == 2
    assert len(told["links"]["classes"]) == len(outcome.links.classes)
    json.dumps(told, allow_nan=False)
    assert summary_rows([outcome])[0]["devices"] == 32
    assert "PP(1+1) DP2" in " ".join(screen_of([outcome]).split())
    flat = report_of([outcome])
    assert "sends between parts take what the slower of the two takes inside itself" in flat
    assert "MFU counts every device by its peak" in flat
    assert "no error band, as no published row has parts of different devices" in flat
    described = " ".join(checked(prepare(mixed())).split())
    assert described.startswith(
        "test: 16 x NVIDIA A100 80 GB SXM, DGX A100 SuperPOD (HDR InfiniBand, eight rails)"
        " + 16 x NVIDIA H100 80 GB SXM, DGX H100 SuperPOD (NDR InfiniBand, eight rails), Megatron-LM"
    )


def test_the_resolved_copy_runs_the_same(tmp_path):
    scenario = mixed((3, 5))
    (text,) = resolved_toml([scenario])
    (tmp_path / "resolved.toml").write_text(text, encoding="utf-8")
    (again,) = load_scenarios(tmp_path / "resolved.toml")
    assert again.system == scenario.system
    assert simulate(again).ledger == simulate(scenario).ledger


def differing(scenario, variation, steps=4, **over):
    system = dataclasses.replace(scenario.system, variation=variation, **over)
    return dataclasses.replace(scenario, system=system, steps=steps)


def test_every_device_on_its_own_takes_as_long_as_the_folded_ones():
    scenario = mixed((3, 5))
    full = simulate(differing(scenario, Variation(), resolution="full"))
    assert full.step_time_s == pytest.approx(simulate(scenario).step_time_s, rel=1e-9)


def test_a_slow_device_holds_up_more_where_everybody_waits_for_its_stage():
    # Even layers on A100s and H100s: the H100s have time to spare.
    alike = simulate(mixed(model=WIDE))
    late = []
    for device in (0, 16):
        slow = differing(mixed(model=WIDE), Variation(slow=(SlowPlace(0.2, device=device),)), steps=1)
        outcome = simulate(slow)
        late.append(outcome.step_time_s / alike.step_time_s - 1)
        assert outcome.step_times.held_up[0].actor == f"stage {device // 16}"
        assert outcome.ledger.share("straggler_wait") > 0
    # Communication takes no longer.
    assert 0.1 < late[0] < 0.2
    assert late[1] < late[0] / 4


def test_nodes_are_numbered_through_the_parts_only_where_they_are_alike():
    scenario = mixed(topologies=(A100, "gb200-nvl72"))
    assert simulate(scenario).step_time_s > 0
    with pytest.raises(InputError) as caught:
        simulate(differing(scenario, load_variation("well-run")))
    assert str(caught.value) == (
        'test.toml: [system "test"] variation\n'
        "  the variation 'well-run' on parts whose nodes have 8 and 72 devices is not simulated yet\n"
        '  use parts with nodes of one size, or variation = "none"'
    )
    cut = dataclasses.replace(mixed(devices=(12, 12)).system.plan, tensor=4, data=3)
    scenario = parted((12, 12), cut, model=MODEL, recipe=training(48, 1024))
    with pytest.raises(InputError, match=r"part\[0\] devices\n  12 devices end within a node of 8: with the variation"):
        simulate(differing(scenario, load_variation("well-run")))
    assert simulate(scenario).step_time_s > 0

"""A model of two kinds of layers: everything is the sum over them, by hand."""

import dataclasses

import numpy as np
import pytest
from builders import FLASH, WIDE, gpt, training
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog.data_files import read_data
from sim.catalog.model_files import model_of
from sim.errors import InputError
from sim.scenario.types import Lora
from sim.workload.flops import model_flops
from sim.workload.kinds import EMBEDDING, HEAD, layers_by_kind, model_kinds, model_runs, runs_between
from sim.workload.kinds.transformer import DENSE
from sim.workload.operations import Slice
from sim.workload.parameters import adapter_parameters, count_parameters, layer_adapter_parameters, states_each

MIXED = gpt(7, runs=(("dense", 2), ("wide", 3), ("dense", 2)))


def test_runs_of_kinds():
    assert model_runs(gpt(7)) == ((DENSE, 7),)
    assert model_kinds(gpt(7)) == (DENSE,)
    assert model_runs(MIXED) == ((DENSE, 2), (WIDE, 3), (DENSE, 2))
    assert model_kinds(MIXED) == (DENSE, WIDE)
    with pytest.raises(ValueError, match="has 8 layers, but its runs have others"):
        model_runs(dataclasses.replace(MIXED, layers=8))


def test_runs_of_a_file_are_pairs():
    family = read_data("models/gpt2")

    def written(runs):
        table = {**family["model"]["gpt2-small"], "layers": 12, "runs": runs}
        return model_of("gpt2-small", "gpt2", {**family, "model": {"gpt2-small": table}})

    mixed = written([["dense", 8], ["wide", 4]])
    assert model_runs(mixed) == ((DENSE, 8), (WIDE, 4))
    assert count_parameters(mixed).total > 0
    for runs in (["dense", 12], "dense", [["dense"]], [["dense", 0], ["wide", 12]], [["dense", "12"]], [[3, 12]]):
        with pytest.raises(InputError, match="is no run of layers") as refused:
            written(runs)
        assert refused.value.where == "catalogue: gpt2-small (gpt2.toml): runs"
    with pytest.raises(InputError, match=r"unknown kind of layers 'convolution'\n.*allowed: dense") as refused:
        model_runs(written([["dense", 8], ["convolution", 4]]))
    assert refused.value.where == "model gpt2-small: runs"
    with pytest.raises(InputError, match=r"11 in .*\n.*write runs of 12 layers in all"):
        model_runs(written([["dense", 8], ["wide", 3]]))


def test_layers_in_a_range_by_hand():
    # Layers 1 to 5: 1 and 5 are dense, 2, 3 and 4 wide.
    assert layers_by_kind(MIXED, 1, 6) == {DENSE: 2, WIDE: 3}
    assert layers_by_kind(MIXED, 0, 7) == {DENSE: 4, WIDE: 3}
    assert layers_by_kind(MIXED, 3, 3) == {DENSE: 0, WIDE: 0}
    assert layers_by_kind(MIXED, 5, 7) == {DENSE: 2, WIDE: 0}
    assert runs_between(MIXED, 1, 6) == [(DENSE, 1), (WIDE, 3), (DENSE, 1)]
    assert runs_between(MIXED, 2, 4) == [(WIDE, 2)]


@given(st.lists(st.integers(0, 7), min_size=1, max_size=5), st.integers(0, 7))
def test_ranges_of_many_plans_at_once(firsts, last):
    ends = np.maximum(np.array(firsts), last)
    found = layers_by_kind(MIXED, np.array(firsts), ends)
    for kind, own in {DENSE: [0, 1, 5, 6], WIDE: [2, 3, 4]}.items():
        counted = [sum(first <= layer < end for layer in own) for first, end in zip(firsts, ends, strict=True)]
        assert found[kind].tolist() == counted


def test_parameters_are_those_of_all_layers():
    # h = 256: an MLP of 2,048 instead of 1,024 has 2 x 256 x 1,024 more weights and 1,024 more biases.
    more = 2 * 256 * 1024 + 1024
    plain = count_parameters(gpt(7))
    mixed = count_parameters(MIXED)
    assert mixed.total == plain.total + 3 * more
    assert mixed.layer == plain.layer + more
    assert mixed.root == plain.root
    # Adapters of rank 4: (256 + 1,024) more columns and rows become (256 + 2,048).
    lora = Lora(4, ("mlp",))
    assert adapter_parameters(MIXED, lora) == 4 * 2 * 4 * (256 + 1024) + 3 * 2 * 4 * (256 + 2048)
    assert layer_adapter_parameters(MIXED, lora) == 2 * 4 * (256 + 2048)


def test_states_are_those_of_all_layers():
    recipe = dataclasses.replace(training(), optimizer="muon")
    matrices = 4 * 12 * 256**2 + 3 * (4 * 256**2 + 2 * 256 * 2048)
    total = count_parameters(MIXED).total
    assert states_each(MIXED, recipe) == pytest.approx((matrices + 2 * (total - matrices)) / total)


@pytest.mark.parametrize("recompute", ["none", "full"])
def test_flops_are_those_of_all_layers(recompute):
    narrow, wide = (model_flops(gpt(7, ffn_hidden=f), training(), FLASH, recompute) for f in (1024, 2048))
    mixed = model_flops(MIXED, training(), FLASH, recompute)
    for field in ("needed", "counted", "recomputed_needed", "recomputed_counted"):
        own, other = getattr(narrow, field), getattr(wide, field)
        assert getattr(mixed, field) == pytest.approx(own + 3 / 7 * (other - own), rel=1e-12)


@pytest.mark.parametrize("kind", [EMBEDDING, HEAD])
def test_ends_keep_nothing_of_a_layer(kind):
    model, part = gpt(), Slice(128, 2)
    for of in (kind.kept_bytes, kind.working_bytes):
        assert [float(of(model, part, FLASH, recompute)) for recompute in ("none", "selective", "full")] == [0, 0, 0]
    assert kind.gradient_flow_bytes(model, part, FLASH) == 0
    assert kind.copied_weights(model, 8) == 0

"""An embedding of every layer (Gemma 4): what it weighs, computes and keeps, by hand."""

import dataclasses

import pytest
from builders import FLASH, UNFUSED, fixed, gpt, point, training

from sim.errors import InputError
from sim.planner.space import pipeline_cuts
from sim.simulate import simulate
from sim.workload.activations import layer_activation_bytes, working_bytes
from sim.workload.flops import model_flops
from sim.workload.kinds import EMBEDDING, KINDS
from sim.workload.operations import Slice
from sim.workload.parameters import largest_tensor
from sim.workload.weights import copied_weights, embedding_weights, layer_weights

# Four layers, h = 256, p = 8, a table of 2,000 entries.
PLAIN = gpt(norm="rmsnorm", norm_bias=False, dropout=False)
OWN = dataclasses.replace(PLAIN, layer_embedding=8, layer_vocab=2000)
NEWER = {"stack": "megatron-core-2024", "topology": "dgx-h100-superpod"}


def test_weights():
    assert layer_weights(OWN).total - layer_weights(PLAIN).total == 2 * 256 * 8 + 256
    # A table with the embeddings of all layers, the product of the input embedding, and the norm of width 8.
    assert embedding_weights(OWN).total - embedding_weights(PLAIN).total == 2000 * 32 + 256 * 32 + 8
    assert copied_weights(OWN, 4) == 3 * 2 * 256 * 8
    assert largest_tensor(dataclasses.replace(OWN, layer_vocab=100_000)) == 100_000 * 32


def test_flops():
    # 6 for each parameter and token: two products in every layer, and one at the start for all of them.
    more = model_flops(OWN, training(), FLASH, "none").needed - model_flops(PLAIN, training(), FLASH, "none").needed
    assert more == pytest.approx(6 * 32 * 128 * (4 * 2 * 256 * 8 + 256 * 32), rel=1e-9)


def test_rows_and_their_sum_are_passes_over_memory():
    operations = {one.name: one for one in EMBEDDING.operations(OWN, Slice(128, 1), FLASH, None)}
    tokens = 128
    assert operations["layer embeddings"].forward[0].traffic_bytes == tokens * 32 * 2 * 2
    assert operations["layer inputs sum"].forward[0].traffic_bytes == tokens * 32 * 3 * 2
    gating = [one for one in KINDS["dense"].operations(OWN, Slice(128, 1), FLASH, None) if one.name == "layer gating"]
    assert gating[0].forward[0].traffic_bytes == tokens * 8 * 3 * 2


def test_what_a_layer_keeps_for_it():
    def more(recompute, style=FLASH, **part):
        sizes = (Slice(128, 1, **part), style, recompute)
        return (layer_activation_bytes(OWN, *sizes) - layer_activation_bytes(PLAIN, *sizes)) / 128

    # The gate's input, three of width 8, and input and output of the norm.
    assert more("none") == 2 * (256 + 3 * 8) + 4 * 256
    assert more("none", tensor=4, sequence_parallel=True) == more("none") / 4
    assert more("full") == 2 * 8
    products = dataclasses.replace(FLASH, selective_recompute="all but products")
    assert more("selective", products) == 2 * (2 * 8 + 256)
    both = [layer_activation_bytes(OWN, Slice(128, 1), products, one) for one in ("none", "selective")]
    assert working_bytes(OWN, Slice(128, 1), products, "selective") == both[0] - both[1]
    assert more("none", UNFUSED) == more("none")


def test_it_stays_on_one_stage():
    assert simulate(point(OWN, plan=fixed(tensor=2), **NEWER)).step_time_s > 0
    with pytest.raises(InputError, match="pipeline 2, but small makes embeddings of every layer on its first stage"):
        simulate(point(OWN, plan=fixed(pipeline=2), **NEWER))
    assert len(pipeline_cuts(4, 8)) > 1
    assert simulate(point(OWN, **NEWER)).plan.pipeline == 1

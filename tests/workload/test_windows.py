"""Attention within a window: what it needs, counts and computes, layer by layer, by hand."""

import dataclasses

import numpy as np
import pytest
from builders import FLASH, UNFUSED, fixed, gpt, point, training, wafer, wafer_stack
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.parallel.wafer_plan import plan_wafers
from sim.simulate import simulate
from sim.workload.activations import head_activation_bytes, layer_activation_bytes
from sim.workload.flops import model_flops
from sim.workload.kinds import KINDS, all_layers, layers_by_kind, model_runs
from sim.workload.operations import Slice
from sim.workload.windows import counted_share, executed_share, needed_share

SIZES = st.tuples(st.integers(1, 4096), st.integers(1, 4096))
NEWER = {"stack": "megatron-core-2024", "topology": "dgx-h100-superpod"}
FIVE_OF_SIX = {"window": 32, "runs": (("sliding", 5), ("dense", 1)), "runs_repeat": True}


def test_shares_by_hand():
    # 8 tokens, a window of 4: 1 + 2 + 3 + 5 x 4 = 26 of 64 pairs; 4 keys for each query without the mask.
    assert needed_share(8, 4) == pytest.approx(26 / 64)
    assert counted_share(8, 4) == 4 / 8
    # 4,096 tokens, a window of 512, blocks of 128: 480.06 keys and half a block of rows and of keys, from row 512 on.
    assert executed_share(4096, 512) * 4096 == pytest.approx(512 - 512 * 511 / 8192 + 7 / 8 * 128)
    assert [share(4096) for share in (needed_share, counted_share, executed_share)] == [0.5, 1.0, 0.5]
    assert needed_share(8192, 128) * 8192 == pytest.approx(127.008, abs=1e-3)


@given(SIZES)
def test_a_window_never_asks_for_more_than_none_and_less_where_it_is_narrower(sizes):
    sequence, window = sizes
    assert 0 < needed_share(sequence, window) <= executed_share(sequence, window) <= 0.5
    assert needed_share(sequence, window) <= counted_share(sequence, window) <= 1
    for share in (needed_share, counted_share, executed_share):
        assert share(sequence, window) <= share(sequence, window + 1) + 1e-15
    if window >= sequence:
        assert (needed_share(sequence, window), counted_share(sequence, window)) == (0.5, 1)


@given(st.integers(2, 300), st.integers(1, 300))
def test_needed_is_the_number_of_pairs(sequence, window):
    # The diagonal is neglected where no window cuts it, so that a wide one counts half a key less.
    pairs = sum(min(row, window) for row in range(1, sequence + 1))
    assert needed_share(sequence, window) == pytest.approx(min(pairs / sequence**2, 0.5))


def test_flops_are_the_sum_over_layers_that_slide_and_that_do_not():
    # h = 256, one token: forward and backward 6 x 2 s h for the causal half, 6 x 2 (w - w (w - 1) / 2 s) h in a window.
    recipe, sequence, hidden = training(sequence=128), 128, 256
    plain = model_flops(gpt(7), recipe, FLASH, "none")
    mixed = model_flops(gpt(7, **FIVE_OF_SIX), recipe, FLASH, "none")
    tokens, reach = 32 * sequence, 32 - 32 * 31 / 256
    assert plain.needed - mixed.needed == pytest.approx(6 * 12 * tokens * hidden * (sequence / 2 - reach), rel=1e-9)
    assert plain.counted - mixed.counted == pytest.approx(6 * 12 * tokens * hidden * (sequence - 32), rel=1e-9)


def test_what_a_layer_keeps_does_not_depend_on_its_window():
    part = Slice(128, 2)
    for style in (FLASH, UNFUSED):
        for recompute in ("none", "selective", "full"):
            kept = [KINDS[name].kept_bytes(gpt(window=8), part, style, recompute) for name in ("dense", "sliding")]
            assert kept[0] == kept[1]


def test_rows_that_reach_as_far_are_as_long():
    (forward,) = KINDS["sliding"].operations(gpt(window=8), Slice(4096, 1), FLASH, None)[3].forward
    assert forward.longest == pytest.approx(8 / (8 - 8 * 7 / 8192))
    (forward,) = KINDS["dense"].operations(gpt(window=8), Slice(4096, 1), FLASH, None)[3].forward
    assert forward.longest == 2


def test_a_kernel_that_knows_no_window_computes_the_causal_half():
    masked = dataclasses.replace(FLASH, window_skip=False)
    sliding, dense = (
        KINDS[name].operations(gpt(window=8), Slice(4096, 1), masked, None)[3].forward[0]
        for name in ("sliding", "dense")
    )
    assert (sliding.flops, sliding.longest) == (dense.flops, dense.longest)
    assert sliding.useful_flops == pytest.approx(dense.useful_flops * (8 - 8 * 7 / 8192) / 2048)


def test_runs_that_begin_again():
    model = gpt(8, **FIVE_OF_SIX)
    assert [(kind.name, count) for kind, count in model_runs(model)] == [("sliding", 5), ("dense", 1), ("sliding", 2)]
    assert {kind.name: count for kind, count in all_layers(model).items()} == {"sliding": 7, "dense": 1}
    found = layers_by_kind(model, np.array([0, 4, 5, 6]), np.array([8, 6, 6, 8]))
    assert {kind.name: counts.tolist() for kind, counts in found.items()} == {
        "sliding": [7, 1, 0, 2], "dense": [1, 1, 1, 0]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"window": 32}, "no layer is sliding, but there is a window"),
        ({"runs": (("sliding", 4),)}, "layers are sliding without a window"),
        ({"runs": (("dense", 5),), "runs_repeat": True}, "has 4 layers, but its runs have others: 5"),
        ({"runs": (("dense", 3),)}, "or runs_repeat = true where they begin again"),
        ({"runs_repeat": True}, "runs_repeat is set, but there are no runs"),
        ({"layers": 10**18, "runs": (("dense", 3),), "runs_repeat": True}, "at most 10,000 layers"),
    ],
)
def test_runs_and_windows_that_do_not_fit_each_other(fields, message):
    with pytest.raises(InputError, match=message):
        model_runs(dataclasses.replace(gpt(), **fields))


def test_a_step_with_windows_lies_between():
    # Wide heads and long sequences, so that attention is most of the work.
    long = {"max_sequence": 16384, "dropout": False}
    recipe, request = training(8, 16384), fixed(micro_batch=1, pipeline=2)
    window = {"window": 1024, "runs": (("sliding", 1), ("dense", 1)), "runs_repeat": True}
    all_slide = window | {"runs": (("sliding", 1),)}
    plain, half, every = (
        simulate(point(gpt(4, 1024, 8, **long, **own), plan=request, recipe=recipe, **NEWER))
        for own in ({}, window, all_slide)
    )
    assert plain.step_time_s > half.step_time_s > every.step_time_s
    assert half.step_time_s == pytest.approx((plain.step_time_s + every.step_time_s) / 2, rel=0.01)
    assert half.memory.peak_bytes == plain.memory.peak_bytes
    assert 0 < half.mfu_causal < half.mfu < 1


def test_wafers_refuse_windows_by_name():
    model = gpt(2, window=32, runs=(("sliding", 2),))
    scenario = dataclasses.replace(point(model, 1, stack="cerebras-r2"), training=training(4))
    with pytest.raises(InputError, match="within a window of 32 tokens, which is not simulated on wafers"):
        plan_wafers(scenario, wafer(), wafer_stack(), FLASH)
    scenario = dataclasses.replace(scenario, training=training(4, 32))
    assert plan_wafers(scenario, wafer(), wafer_stack(), FLASH).systems == 1


def test_norms_of_queries_and_keys_keep_what_they_take():
    # 2 T (q + k) more in half precision, and what they take in fp32 where they cast: 4 + 2.
    part, width = Slice(128, 2), 2 * 256
    rms = {"norm": "rmsnorm", "norm_bias": False}
    for style, each in ((FLASH, 2), (dataclasses.replace(FLASH, rms_norm="single"), 6)):
        plain, normed = (
            layer_activation_bytes(gpt(**rms, query_key_norm=norm), part, style, "none") for norm in ("none", "head")
        )
        assert normed - plain == 256 * width * each


def test_capped_logits_are_there_once_more():
    part = Slice(128, 2)
    plain, capped = (head_activation_bytes(gpt(logit_softcap=cap), part, 6.0) for cap in (False, True))
    assert capped - plain == 2 * 256 * 1024

"""What the papers say of bubbles and of what is held, against stages that run their orders."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipelines import Pipeline, bubble_formula_s, bubbles, legal, phase_seconds, spans

SECONDS = st.floats(0.1, 10)


def close(expected_s):
    return pytest.approx(expected_s, rel=1e-9, abs=1e-9)


def shapes(*names):
    """Shapes of up to six stages."""
    return st.sampled_from([shape for name in names for shape in legal(name, most_stages=6)])


@settings(max_examples=200)
@given(shapes("1f1b", "gpipe", "interleaved"), SECONDS, SECONDS, SECONDS)
def test_one_way_pipelines_lose_a_pass_for_every_other_stage(shape, forward_s, input_s, weight_s):
    # Narayanan et al. 2021, sec. 2.2: (p - 1) (F + B) of a stage, over v; here of a chunk, a v-th of a stage.
    expected_s = (shape.stages - 1) * (forward_s + input_s + weight_s)
    assert bubbles(shape, forward_s, input_s, weight_s) == [close(expected_s)] * shape.stages
    assert bubble_formula_s(shape, forward_s, input_s, weight_s) == close(expected_s)


@settings(max_examples=200)
@given(shapes("zb-h1"), SECONDS, SECONDS, st.floats(0, 1))
def test_zb_h1_fills_gaps_with_weight_gradients(shape, forward_s, input_s, share):
    # Qi et al. 2023, table 2: (p - 1) (F + B_input - W), where a weight gradient is no longer than what it fills; with
    # fewer micro-batches than stages, only the weight gradients that there are fill anything.
    weight_s, gaps = share * min(forward_s, input_s), shape.stages - 1
    expected_s = gaps * (forward_s + input_s) - min(gaps, shape.micro_batches - 1) * weight_s
    assert bubble_formula_s(shape, forward_s, input_s, weight_s) == close(expected_s)
    assert bubbles(shape, forward_s, input_s, weight_s) == [close(expected_s)] * shape.stages


def gaps(shape, *chunk_s):
    """Idle time of each stage between its first and its last slot."""
    found = spans(shape, phase_seconds(*chunk_s))
    return [sum(later[0] - one[1] for one, later in itertools.pairwise(done)) for done in found]


@pytest.mark.parametrize("stages", range(2, 9))
def test_zb_h2_has_no_gap_once_a_stage_has_begun(stages):
    # Qi et al. 2023, sec. 2.3 and fig. 3, phases of equal length: what is lost is the time until the last has begun.
    for shape in (one for one in legal("zb-h2") if one.stages == stages and one.micro_batches >= 2 * stages - 1):
        assert gaps(shape, 1.0, 1.0, 1.0) == [0.0] * stages
        assert bubbles(shape, 1.0, 1.0, 1.0) == [stages - 1] * stages
        assert bubble_formula_s(shape, 1.0, 1.0, 1.0) == stages - 1


@pytest.mark.parametrize("shape", [*legal("zb-h2", most_stages=6)])
def test_zb_h2_with_few_micro_batches(shape):
    # Phases of 1, 2 and 1 s: beside a forward, a weight gradient fits where a stage waits for an input gradient.
    gaps = shape.stages - 1
    expected_s = gaps + max(2 * gaps - min(shape.micro_batches - 1, 2 * gaps), 0)
    assert bubble_formula_s(shape, 1.0, 2.0, 1.0) == expected_s
    assert max(bubbles(shape, 1.0, 2.0, 1.0)) == expected_s


@pytest.mark.parametrize("shape", [one for one in legal("zb-v") if one.micro_batches <= one.stages])
def test_zb_v_with_no_more_micro_batches_than_stages(shape):
    expected_s = 4 * (shape.stages - 1) - 3 * (shape.micro_batches - 1)
    assert bubble_formula_s(shape, 1.0, 1.0, 1.0) == expected_s
    assert max(bubbles(shape, 1.0, 1.0, 1.0)) == expected_s


@pytest.mark.parametrize("stages", range(2, 9))
def test_zb_v_loses_half_a_forward_for_every_stage(stages):
    # A chunk is half of a stage: p forwards of a chunk, with phases of equal length and more micro-batches than stages.
    for shape in (one for one in legal("zb-v") if one.stages == stages and one.micro_batches > stages):
        assert bubbles(shape, 1.0, 1.0, 1.0) == [stages] * stages
        assert bubble_formula_s(shape, 1.0, 1.0, 1.0) == stages


@settings(max_examples=200)
@given(shapes("dualpipe", "dualpipev"), SECONDS, st.floats(1, 3), st.floats(0.1, 1))
def test_two_ways_at_once(shape, forward_s, longer, share):
    # DualPipe, README: (p / 2 - 1) (F&B + B - 3 W), on p / 2 stages for the V, where W <= F <= B_input, and a pair of
    # a forward and a backward is as long as both.
    input_s, weight_s = longer * forward_s, share * forward_s
    half = shape.stages // 2 if shape.name == "dualpipe" else shape.stages
    pair_s, backward_s = forward_s + input_s + weight_s, input_s + weight_s
    expected_s = (half - 1) * (pair_s + backward_s - 3 * weight_s)
    assert bubble_formula_s(shape, forward_s, input_s, weight_s) == close(expected_s)
    assert bubbles(shape, forward_s, input_s, weight_s) == [close(expected_s)] * shape.stages


def test_bubbles_by_hand():
    # Four stages, phases of 1 s; F + B of 1F1B is 3 s.
    unit = (1.0, 1.0, 1.0)
    found = {
        name: bubbles(Pipeline(name, 4, virtual, 12), *unit)[0]
        for name, virtual in (
            ("1f1b", 1), ("zb-h1", 1), ("zb-h2", 1), ("interleaved", 2), ("zb-v", 2), ("dualpipe", 1), ("dualpipev", 2),
        )
    }  # fmt: skip
    assert found == {
        "1f1b": 9, "zb-h1": 3, "zb-h2": 3, "interleaved": 9, "zb-v": 4, "dualpipe": 2, "dualpipev": 6,
    }  # fmt: skip


@pytest.mark.parametrize("stages", [2, 4, 6, 8])
def test_what_the_papers_say_is_held(stages):
    # In chunks, on the stage that holds most. Qi et al. 2023, table 2: p, 2 p - 1; Qi et al. 2024, table 1: p stages of
    # two chunks; Korthikanti et al. 2022, sec. 4.2.3; DualPipe, README: p + 1 of two on a stage, 2 p + 1 in a V.
    many = 4 * stages
    held = {
        "1f1b": (1, stages),
        "gpipe": (1, many),
        "interleaved": (3, 3 * stages * (1 + (stages - 1) / (3 * stages))),
        "zb-h1": (1, stages),
        "zb-h2": (1, 2 * stages - 1),
        "zb-v": (2, 2 * stages),
        "dualpipe": (1, stages + 1),
        "dualpipev": (2, 2 * stages + 1),
    }
    for name, (virtual, chunks) in held.items():
        assert max(Pipeline(name, stages, virtual, many).held_chunks) == pytest.approx(chunks), name
    # All but 1F1B and interleaving hold as much on every stage.
    for name in held.keys() - {"1f1b", "interleaved"}:
        assert len(set(Pipeline(name, stages, held[name][0], many).held_chunks)) == 1


def test_zero_bubble_order_by_hand():
    # Qi et al. 2023, fig. 2: four stages, the second of them; two forwards ahead, one weight gradient behind.
    shown = ["".join((one.phase[0], str(one.micro_batch))) for one in Pipeline("zb-h1", 4, 1, 4).orders[1]]
    assert shown == ["f0", "f1", "f2", "i0", "f3", "i1", "w0", "i2", "w1", "i3", "w2", "w3"]

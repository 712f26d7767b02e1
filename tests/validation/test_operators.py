"""Measured operators: roles by rule, shapes as the source says, the model near what was measured."""

from __future__ import annotations

import math
from statistics import fmean

import pytest

from sim.catalog import load_device, load_sources
from sim.validation.operators import (
    CLASSES,
    SHORT_US,
    OperatorRow,
    compare_operators,
    operator_errors,
    operator_kernels,
    operators_sentences,
    operators_table,
    read_operators,
)
from sim.workload.operations import total

ROWS = read_operators()
LOSS_BYTES = 60.0
FEW = 219
"""Elements a head up to which a product of queries and keys has a short loop: what an A100 holds at once."""


@pytest.fixture(scope="module")
def comparisons():
    return compare_operators()


def row(operator, **over):
    values = {
        "id": "x", "role": "check", "operator": operator, "device": "a100-80gb-sxm", "tensor": 2, "micro_batch": 4,
        "heads": 16, "sequence": 1024, "hidden": 2048, "forward_us": 100.0, "backward_us": 200.0, "source": "x",
    }  # fmt: skip
    return OperatorRow(**{**values, **over})


def flops(operator, **over):
    ahead, back = operator_kernels(row(operator, **over), LOSS_BYTES)
    return float(total(ahead, "flops")), float(total(back, "flops"))


def traffic(operator, **over):
    ahead, back = operator_kernels(row(operator, **over), LOSS_BYTES)
    return float(total(ahead, "traffic_bytes")), float(total(back, "traffic_bytes"))


def test_rows_have_ids_sources_and_positive_times():
    assert len({one.id for one in ROWS}) == len(ROWS) > 400
    for one in ROWS:
        assert one.source in load_sources()
        assert one.forward_us >= SHORT_US
        assert one.backward_us is None or one.backward_us > 0
        assert one.hidden % one.tensor == 0
        assert not one.heads or one.heads % one.tensor == 0 == one.hidden % one.heads


def test_every_second_product_of_few_elements_a_head_is_for_fitting():
    shallow = [one for one in ROWS if one.operator == "scores" and one.hidden / one.heads < FEW]
    assert [one.role for one in shallow] == ["fit" if index % 2 == 0 else "check" for index in range(len(shallow))]
    assert {one.id for one in ROWS if one.role == "fit"} <= {one.id for one in shallow}


@pytest.mark.parametrize(
    ("operator", "forward"),
    [
        # 4,096 tokens, 2,048 wide, on two devices: 3,072, 1,024 and 4,096 columns or rows of the weight each.
        ("qkv", 2 * 4096 * 2048 * 3072), ("attention output", 2 * 4096 * 1024 * 2048),
        ("mlp in", 2 * 4096 * 2048 * 4096), ("mlp out", 2 * 4096 * 4096 * 2048),
        # 50,257 words on two devices, each a multiple of 128: 25,216.
        ("vocabulary", 2 * 4096 * 2048 * 25_216),
        # 4 x 8 heads of 128 and 1,024 x 1,024 scores.
        ("scores", 2 * 32 * 1024 * 1024 * 128), ("context", 2 * 32 * 1024 * 1024 * 128),
    ],
)  # fmt: skip
def test_products_have_the_shape_that_was_measured_and_two_gradients(operator, forward):
    assert flops(operator) == (forward, 2 * forward)


def test_a_fused_attention_computes_the_full_square():
    square = 4 * 32 * 1024 * 1024 * 128
    assert flops("attention", heads=16) == (square, 2.5 * square)


@pytest.mark.parametrize(
    ("operator", "forward", "backward"),
    [
        # Half precision. 4,096 tokens of 2,048; the activation of 4 x 2,048 and the rotation of queries and keys, of
        # 1,024 each, are split over two devices. Scores: 32 x 1,024 x 1,024.
        ("norm", 3 * 2 * 4096 * 2048, 7 * 2 * 4096 * 2048), ("residual", 3 * 2 * 4096 * 2048, 3 * 2 * 4096 * 2048),
        ("activation", 2 * 2 * 4096 * 4096, 3 * 2 * 4096 * 4096),
        ("rotary", 9 * 2 * 4096 * 2048, 15 * 2 * 4096 * 2048),
        ("softmax", 2 * 2 * 32 * 1024 * 1024, 3 * 2 * 32 * 1024 * 1024),
        # Half of the 60 bytes a logit of logits in fp32, half of it each way.
        ("loss", 15 * 4096 * 25_216, 15 * 4096 * 25_216),
    ],
)  # fmt: skip
def test_passes_over_memory_are_those_of_the_operator_alone(operator, forward, backward):
    assert traffic(operator) == (forward, backward)


def test_short_passes_are_left_out_and_errors_are_signed():
    found = compare_operators([row("residual", forward_us=49.9, backward_us=1000.0)])
    assert [one.backward for one in found] == [True]
    # 6 bytes x 4,096 x 2,048 at 0.796 of 2,039 GB/s are 31 us, far less than measured.
    assert found[0].error == pytest.approx(6 * 4096 * 2048 / (0.796 * 2039e9) / 1e-3 - 1)


def test_the_bandwidth_of_an_a100_is_what_its_operators_reach(comparisons):
    device = load_device("a100-80gb-sxm")
    reached = []
    for operator, passes in (("residual", [0]), ("activation", [0, 1]), ("softmax", [0, 1]), ("norm", [0])):
        for backward in passes:
            own = [one for one in comparisons if (one.row.operator, one.backward) == (operator, bool(backward))]
            ratios = [one.predicted_us / one.measured_us for one in own if one.measured_us >= 200]
            reached.append(device.memory_efficiency * math.exp(fmean(math.log(ratio) for ratio in ratios)))
    assert math.exp(fmean(math.log(one) for one in reached)) == pytest.approx(device.memory_efficiency, abs=1e-3)


def test_products_attention_and_additions_are_near_what_was_measured(comparisons):
    def absolute(*operators):
        return fmean(abs(one.error) for one in comparisons if one.row.operator in operators)

    assert absolute("residual", "activation", "softmax") < 0.12
    assert absolute("qkv", "attention output", "mlp in", "mlp out", "vocabulary") < 0.17
    assert absolute("scores", "context") < 0.16
    assert absolute("attention") < 0.18


def test_the_table_counts_check_rows_only(comparisons):
    checks = [one for one in comparisons if one.row.role == "check"]
    text = " ".join(operators_sentences(comparisons))
    assert f"{len(checks)} passes of 50 us and more" in text
    assert f"({len(comparisons) - len(checks)} passes" in text
    table = operators_table(operator_errors(comparisons))
    assert all(heading.title for heading in table.headings)
    lines = [row for row in table.rows if row[0] == "qkv"]
    assert [row[1] for row in lines] == ["forward", "backward"]
    sized = [one for one in checks if one.row.operator == "qkv" and not one.backward]
    counts = [sum(start <= one.measured_us < end for one in sized) for start, end in CLASSES]
    assert [int(word) for word in lines[0][4::2]] == counts

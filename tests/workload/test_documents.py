"""Documents packed into sequences: a fused attention stays inside each."""

import pytest
from builders import FLASH, UNFUSED, gpt

from sim.workload.layer import layer_operations
from sim.workload.operations import Slice, total


def flops(document, style, field="flops"):
    operations = layer_operations(gpt(1, 256, 4), Slice(4096, 2, document=document), style)
    return float(total(tuple(kernel for one in operations for kernel in one.forward), field))


def test_what_attention_stays_inside_of():
    assert Slice(4096, 2).attended == (2, 4096)
    assert Slice(4096, 2, document=512).attended == Slice(4096, 2, document=512).unsplit().attended == (16, 512)
    # No document is longer than its sequence.
    assert Slice(4096, 2, document=8192).attended == (2, 4096)


@pytest.mark.parametrize("field", ["flops", "useful_flops", "counted_flops"])
def test_attention_between_documents_is_left_out(field):
    # Scores and their product with values: 4 x 2 x 4096 x 4096 x 256, of documents of 512 an eighth; half is causal.
    whole = 4 * 2 * 4096 * 4096 * 256 * (1 if field == "counted_flops" else 1 / 2)
    assert flops(None, FLASH, field) - flops(512, FLASH, field) == pytest.approx(7 / 8 * whole, rel=1e-3)


def test_scores_in_memory_are_computed_and_masked():
    assert flops(512, UNFUSED) == flops(None, UNFUSED)

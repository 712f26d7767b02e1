"""What scripts say of rows whose tables are silent."""

import pytest
from measured import row

from sim.catalog import load_model
from sim.scenario.types import Training
from sim.validation.cases import Case, case_of, counted_flops
from sim.validation.scripts import scripted
from sim.validation.table import read_tables
from sim.workload.parameters import count_parameters

MAXTEXT = {
    one.id: one for one in read_tables().rows if one.source.startswith("Google maxtext_fork") and "TPU" in one.gpu
}


def test_a_row_that_no_script_is_known_of_stays_as_it_is():
    one = row()
    assert scripted(one).row is one
    assert not scripted(one).filled


def test_blanks_are_filled_and_nothing_else():
    one = MAXTEXT["maxtext_v5p_32B_2x128"]
    found = scripted(one)
    # 6 sequences a chip: 24 for each four, 768 for 128.
    assert (found.row.micro_batch, found.row.global_batch_sequences, found.row.tp) == (24, 768, 4)
    assert (found.row.recompute, found.row.d_model, dict(found.sizes)) == ("selective", 8192, {"slices": 2})
    assert "global_batch_sequences 768" in found.filled[0]
    assert "tp" not in found.filled[0].replace("micro_batch", "")


def test_all_rows_without_offloading_are_simulated():
    cases = {name: case_of(one) for name, one in MAXTEXT.items()}
    refused = {name for name, one in cases.items() if not isinstance(one, Case)}
    assert refused == {f"maxtext_v5e_128B_{slices}x256" for slices in (4, 8, 32)}
    assert len(cases) == 25


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("v4_22b_1x128", 22e9), ("v4_52b_2x384", 52e9), ("v5e_16B_2x256", 15.8e9), ("v5e_64B_1x256", 62.8e9),
        ("v5p_128B_1x256", 125.1e9), ("v5p_512B_2x1024", 499.3e9), ("v5p_1024B_1x4096", 997.5e9),
    ],
)  # fmt: skip
def test_shapes_come_to_the_sizes_of_their_names(name, size):
    case = case_of(MAXTEXT[f"maxtext_{name}"])
    assert isinstance(case, Case)
    assert count_parameters(case.scenario.model).total == pytest.approx(size, rel=0.02)


def test_a_step_follows_from_a_rate_and_what_it_counts():
    model, training = load_model("llama-2-7b"), Training(tokens=8192.0, sequence=4096, global_batch=2)
    whole, causal = (counted_flops(model, training, one) for one in ("full-attention", "causal-attention"))
    # 32 layers of width 4096: 12 x 32 x 4096 x 4096 FLOPs a token in full, and half of it.
    assert whole - causal == 8192 * 6 * 32 * 4096 * 4096
    assert causal == pytest.approx(8192 * (6 * 6.738e9 + 6 * 32 * 4096 * 4096), rel=1e-3)
    case = case_of(MAXTEXT["maxtext_v5e_32B_1x256"])
    assert isinstance(case, Case)
    flops = counted_flops(case.scenario.model, case.scenario.training, "causal-attention")
    assert case.step_time_s == pytest.approx(flops / (132e12 * 256))

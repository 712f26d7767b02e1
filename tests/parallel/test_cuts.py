"""How layers are cut: by hand, and against counting."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.parallel.cuts import balanced_cut, balanced_layers, cut_layers, cuts_well


def test_by_hand():
    assert balanced_cut(70, 12) == (5, *(6,) * 10, 5)
    assert balanced_cut(126, 16) == (7, *(8,) * 14, 7)
    assert balanced_cut(8, 4) == (2, 2, 2, 2)
    assert balanced_cut(5, 3) == (2, 2, 1)


@given(st.integers(1, 130), st.integers(1, 40))
def test_chunks_are_as_equal_as_can_be_and_the_ends_are_no_larger(layers, chunks):
    cut = balanced_cut(layers, chunks)
    assert (len(cut), sum(cut)) == (chunks, layers)
    assert max(cut) - min(cut) <= 1
    assert cut[-1] == min(cut)
    assert cut[0] == min(cut) or cut.count(min(cut)) == 1


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 6))
def test_layers_of_a_stage_are_those_of_its_chunks(layers, stages, virtual):
    cut = balanced_cut(layers, stages * virtual)
    for stage in range(stages):
        assert balanced_layers(layers, stages, virtual, stage) == sum(cut[stage::stages])


def test_good_cuts_are_equal_but_for_the_ends():
    for layers, chunks in itertools.product(range(1, 40), range(1, 45)):
        if layers < chunks:
            assert not cuts_well(layers, chunks)
            continue
        cut = balanced_cut(layers, chunks)
        with_ends = (cut[0] + 1, *cut[1:-1], cut[-1] + 1) if chunks > 1 else cut
        assert bool(cuts_well(layers, chunks)) == (len(set(cut)) == 1 or len(set(with_ends)) == 1)


def cut(layers, stages, first=None, last=None, virtual=1, chunks=None):
    return cut_layers(layers, stages, virtual, chunks, (first, last), "test")


def test_uneven_ends_by_hand():
    # DeepSeek-V3 has 61 layers. 15 + 14 at the ends of four stages leave 32 for two.
    assert cut(61, 4, 15, 14) == (15, 16, 16, 14)
    assert cut(31, 4, last=7) == (8, 8, 8, 7)
    assert cut(9, 2, 5, 4) == cut(9, 2, 5) == cut(9, 2, last=4) == (5, 4)
    assert cut(10, 3, 3, 4) == (3, 3, 4)
    # Two chunks a stage: halves of 4, 8, 8 and 6 layers, chunk by chunk.
    assert cut(26, 4, 4, 6, virtual=2) == (2, 4, 4, 3, 2, 4, 4, 3)
    assert cut(12, 3) == (4, 4, 4)


@pytest.mark.parametrize(
    ("layers", "stages", "ends", "virtual"),
    [(61, 4, (15, 15), 1), (8, 1, (8, None), 1), (8, 2, (3, 4), 1), (8, 4, (7, 1), 1), (26, 4, (5, 5), 2)],
)
def test_ends_that_leave_no_equal_stages_are_refused(layers, stages, ends, virtual):
    with pytest.raises(InputError, match=r"leave .* for the other"):
        cut(layers, stages, *ends, virtual=virtual)


def test_all_stages_or_their_ends():
    with pytest.raises(InputError, match="layers_per_stage beside"):
        cut(8, 2, 4, None, chunks=(4, 4))


def test_only_the_ends_that_were_given_are_named():
    with pytest.raises(InputError, match="first_stage_layers 1 of 8 layers leave 7 for the other 2 of 3"):
        cut(8, 3, 1)

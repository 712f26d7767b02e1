"""How layers are cut: by hand, and against counting."""

import itertools
import re

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
    for layers, stages, virtual in itertools.product(range(1, 40), range(1, 45), (1, 2, 3)):
        chunks = stages * virtual
        cut = balanced_cut(layers, chunks)
        with_ends = (cut[0] + 1, *cut[1:-1], cut[-1] + 1) if chunks > 1 else cut
        is_good = (len(set(cut)) == 1 and cut[0] > 0) or (len(set(with_ends)) == 1 and with_ends[0] > 0)
        # Only where its stage has other chunks may one be embedding or head alone.
        assert bool(cuts_well(layers, stages, virtual)) == (is_good and (cut[0] > 0 or virtual > 1))


def test_ends_without_layers():
    # Llama 3 405B: 126 layers on 16 stages of 8 chunks, of which the first is the embedding and the last the head.
    ends = (0, *(1,) * 126, 0)
    assert balanced_cut(126, 128) == cut(126, 16, virtual=8, chunks=ends) == ends
    assert cuts_well(126, 16, 8)
    assert not cuts_well(126, 128, 1)
    for chunks, virtual in (((0, 4), 1), ((2, 0, 2, 2), 2)):
        with pytest.raises(InputError, match="embedding or head alone"):
            cut(sum(chunks), 2, virtual=virtual, chunks=chunks)


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
    ("layers", "stages", "ends", "virtual", "problem", "remedy"),
    [
        # 61 - 30 = 31 is odd. With 15 at one end the other has 14 or 16.
        (
            61,
            4,
            (15, 15),
            1,
            "first_stage_layers 15 and last_stage_layers 15 of 61 layers leave 31 for the other 2",
            "nearest that work: first_stage_layers = 14 or 16, or last_stage_layers = 14 or 16",
        ),
        (
            32,
            4,
            (6, None),
            1,
            "first_stage_layers 6 of 32 layers leave 26 for the other 3 of 4 stages",
            "first_stage_layers = 5 or 8;",
        ),
        (
            32,
            4,
            (None, 40),
            1,
            "last_stage_layers 40 of 32 layers leave none for the other 3 of 4 stages",
            "last_stage_layers = 29;",
        ),
        (32, 4, (None, 10**18), 1, "leave none for the other 3", "last_stage_layers = 29;"),
        (
            8,
            1,
            (8, None),
            1,
            "first_stage_layers 8 of a pipeline of one stage",
            "leave out first_stage_layers, or set pipeline",
        ),
        (7, 4, (2, None), 1, "leave 5 for the other 3", "first_stage_layers = 1 or 4;"),
        (8, 2, (6, 1), 1, "sum to 7", "first_stage_layers = 7, or last_stage_layers = 2"),
        (8, 2, (3, 4), 1, "sum to 7", "first_stage_layers = 4, or last_stage_layers = 5"),
        (8, 4, (7, 1), 1, "leave none for the other 2 of 4 stages", "nearest that work: first_stage_layers = 5;"),
        (
            26,
            4,
            (5, 5),
            2,
            "leave 16 for the other 2 of 4 stages of 2 chunks",
            "give multiples of 2 that leave some for each",
        ),
    ],
)
def test_ends_that_leave_no_equal_stages_are_refused(layers, stages, ends, virtual, problem, remedy):
    with pytest.raises(InputError) as caught:
        cut(layers, stages, *ends, virtual=virtual)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy
    assert not any(word in str(caught.value) for word in ("None", "-", "1 chunks"))


@given(st.integers(2, 60), st.integers(2, 8), st.integers(1, 70), st.none() | st.integers(1, 70), st.integers(1, 3))
def test_ends_that_a_message_names_work(layers, stages, first, last, virtual):
    try:
        cut(layers, stages, first, last, virtual=virtual)
    except InputError as error:
        for key, numbers in re.findall(r"(first|last)_stage_layers = (\d+(?: or \d+)?)", error.remedy):
            for number in map(int, numbers.split(" or ")):
                found = cut(layers, stages, **{"first": first, "last": last, key: number}, virtual=virtual)
                assert sum(found) == layers


def test_all_stages_or_their_ends():
    with pytest.raises(InputError, match="layers_per_stage beside"):
        cut(8, 2, 4, None, chunks=(4, 4))


def test_only_the_ends_that_were_given_are_named():
    with pytest.raises(InputError, match="first_stage_layers 1 of 8 layers leave 7 for the other 2 of 3"):
        cut(8, 3, 1)

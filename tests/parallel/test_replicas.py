"""Replicas with different numbers of micro-batches: which are alike, and what does not make up the batch."""

import pytest
from builders import fixed, gpt, gpu_stack, plan, point, training
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.parallel.check import check_plan
from sim.parallel.replicas import refuse_gathering, replica_classes

COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def check(counts, batch=28, micro_batch=1, devices=4, stack="megatron-2022", **request):
    request = fixed(micro_batches=tuple(counts), micro_batch=micro_batch, **request)
    scenario = point(gpt(8), devices, request, recipe=training(batch))
    return check_plan(scenario.system.plan, scenario, gpu_stack(stack))


def refusal(*counts, **given):
    with pytest.raises(InputError) as caught:
        check(counts, **given)
    assert caught.value.where.startswith('test.toml: [system "test"].plan')
    return f"{caught.value.problem}\n{caught.value.remedy}"


def test_classes_by_hand():
    assert replica_classes((8, 8, 6)) == ((8, range(2)), (6, range(2, 3)))
    assert plan(data=3, micro_batches=5).replica_classes == ((5, range(3)),)


@given(COUNTS)
def test_every_replica_is_in_one_class(counts):
    counts = sorted(counts, reverse=True)
    classes = replica_classes(counts)
    assert [count for count, replicas in classes for _ in replicas] == counts
    assert [number for _, replicas in classes for number in replicas] == list(range(len(counts)))
    assert len({count for count, _ in classes}) == len(classes)


def test_the_most_comes_first():
    shape = check([6, 8, 6, 8])
    assert (shape.micro_batches, shape.replica_micro_batches) == (8, (8, 8, 6, 6))
    assert shape.replica_classes == ((8, range(2)), (6, range(2, 4)))
    assert shape.summary() == "DP4 mb1 x(2x8+2x6)"


@pytest.mark.parametrize("zero", [0, 1])
def test_equal_numbers_are_the_plan_without_them(zero):
    without = fixed(zero=zero)
    scenario = point(gpt(8), 4, without, recipe=training(28))
    assert check([7] * 4, zero=zero) == check_plan(without, scenario, gpu_stack())


def test_what_does_not_make_up_the_batch():
    assert refusal(8, 8, 6) == (
        "micro_batches [8, 8, 6] has 3 entries, but data is 4\ngive 4 entries, one for each replica"
    )
    assert refusal(8, 8, 6, 6, batch=30) == (
        "micro_batches [8, 8, 6, 6] sum to 28; x micro_batch 1 = 28 sequences, but the global batch has 30\n"
        "give 4 entries that sum to 30, or change the batch to 28 sequences"
    )
    assert refusal(8, 8, 6, 6, batch=31, micro_batch=2) == (
        "micro_batches [8, 8, 6, 6] sum to 28; x micro_batch 2 = 56 sequences, but the global batch has 31\n"
        "use a micro_batch that divides 31, or change the batch to 56 sequences"
    )
    # Four replicas cannot share three micro-batches.
    assert refusal(1, 1, 1, 1, batch=3).endswith("\nchange the batch to 4 sequences")


def test_replicas_that_meet_at_every_micro_batch_have_the_same_number():
    problem = refusal(8, 8, 6, 6, stack="fsdp-2023")
    assert problem == (
        "replicas have 8 to 6 micro-batches with zero 3: gradients or parameters are shared out at every micro-batch,"
        " and every replica must take part in that\nuse zero 0 or 1, or the same number for every replica"
    )
    assert check([7] * 4, stack="fsdp-2023").zero == 3


def test_interleaving_needs_multiples_in_every_replica():
    given = {"devices": 8, "pipeline": 2, "virtual_stages": 2}
    assert check([8, 8, 6, 6], **given).micro_batches == 8
    assert "multiple of pipeline 2 micro-batches, but a replica has 7" in refusal(8, 7, 7, 6, **given)


def test_replicas_that_meet_at_every_micro_batch_have_as_many():
    for counts, zero in (((3, 2), 0), ((3, 2), 1), ((2, 2), 2), ((2, 2), 3)):
        refuse_gathering(counts, zero, "here")
    for zero in (2, 3):
        with pytest.raises(InputError, match="3 to 2 micro-batches"):
            refuse_gathering((3, 2), zero, "here")

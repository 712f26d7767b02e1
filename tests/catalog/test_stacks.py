"""What the stacks of the catalogue do with a vocabulary."""

from __future__ import annotations

import pytest

from sim.catalog import GpuStack, load_stack, stack_names
from sim.validation.cases import Case, case_of
from sim.validation.table import read_tables
from sim.workload.layer import padded_vocabulary

GPT_2 = 50_257
ALIGNED = 8
"""Half-precision elements in the 16 bytes that matrix libraries want rows to start at a multiple of."""
STACKS = [stack for stack in map(load_stack, stack_names()) if isinstance(stack, GpuStack)]
AS_IT_IS = "fsdp-2022-12"
"""Its published runs had the vocabulary of GPT-2, and are slow for it."""


@pytest.mark.parametrize("stack", [one for one in STACKS if one.name != AS_IT_IS], ids=lambda stack: stack.name)
def test_an_odd_vocabulary_is_padded(stack: GpuStack) -> None:
    assert padded_vocabulary(GPT_2, 1, stack.vocabulary_multiple) % ALIGNED == 0


def test_what_was_measured_on_sharded_parameters_had_the_vocabulary_that_is_simulated() -> None:
    multiples = {stack.name: stack.vocabulary_multiple for stack in STACKS if stack.name.startswith("fsdp")}
    rows = [one for one in map(case_of, read_tables().rows) if isinstance(one, Case) and one.known]
    measured = [one for one in rows if one.stack in multiples]
    assert len(measured) > 500
    for one in measured:
        vocab = one.scenario.model.vocab
        assert padded_vocabulary(vocab, 1, multiples[one.stack]) == vocab

"""The error tree: text, exit codes, builtins, and that sweeps can send errors between processes."""

from __future__ import annotations

import pickle

import pytest

from sim.errors import (
    Defect,
    DoesNotFit,
    InputError,
    LedgerNotClosed,
    ScaletaxError,
    Stalled,
    closest,
    shown,
    some_of,
    unknown_name,
)

TREE = [
    (ScaletaxError, 1, Exception),
    (InputError, 2, ValueError),
    (DoesNotFit, 3, ScaletaxError),
    (Stalled, 4, RuntimeError),
    (Defect, 70, ScaletaxError),
    (LedgerNotClosed, 70, ArithmeticError),
]


@pytest.mark.parametrize(("kind", "exit_code", "builtin"), TREE)
def test_every_error_has_an_exit_code_and_a_builtin(kind, exit_code, builtin):
    assert kind.exit_code == exit_code
    assert issubclass(kind, builtin)
    assert issubclass(kind, ScaletaxError)


@pytest.mark.parametrize("kind", [kind for kind, _, _ in TREE])
def test_every_error_survives_pickling(kind):
    error = kind("here", "this is wrong", "do that")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert (back.where, back.problem, back.remedy) == ("here", "this is wrong", "do that")
    assert str(back) == str(error)


def test_text_has_the_place_first_and_the_rest_indented():
    error = InputError("my.toml: [training] tokens", "first line\nsecond line", "change it")
    assert str(error) == "my.toml: [training] tokens\n  first line\n  second line\n  change it"


def test_text_without_a_remedy():
    assert str(InputError("here", "this is wrong")) == "here\n  this is wrong"


def test_unknown_name_suggests_the_closest_and_lists_all():
    error = unknown_name("here", "fruit", "aple", ["pear", "apple"])
    assert str(error) == "here\n  unknown fruit 'aple'; did you mean 'apple'?\n  allowed: apple, pear"


def test_nothing_is_suggested_when_nothing_is_close():
    assert closest("zzzz", ["apple", "pear"]) == ""
    assert closest("APPLE", ["Apple"]) == "; did you mean 'Apple'?"


def test_names_are_recognised_without_their_organisation_case_and_punctuation():
    models = ["llama-3-8b", "llama-3-70b", "opt-13b", "opt-1.3b", "gpt2"]
    assert closest("meta-llama/Meta-Llama-3-8B", models) == "; did you mean 'llama-3-8b'?"
    assert closest("meta-llama/Llama_3_70B", models) == "; did you mean 'llama-3-70b'?"
    # The point of a size is no punctuation.
    assert closest("facebook/opt-1.3B", models) == "; did you mean 'opt-1.3b'?"
    assert closest("facebook/OPT 13B", models) == "; did you mean 'opt-13b'?"


def test_at_most_eight_names_are_written_the_nearest_first():
    names = [f"name-{letter}" for letter in "abcdefghijkl"]
    assert some_of(names[:8], "name-h") == ", ".join(names[:8])
    text = some_of(names, "name-k", listed_by="scaletax list names")
    assert text.startswith("name-k, name-a, ")
    assert text.endswith(" and 4 more (scaletax list names)")
    assert text.count("name-") == 8
    assert some_of(names) == "name-a, name-b, name-c, name-d, name-e, name-f, name-g, name-h and 4 more"


def test_a_name_without_end_and_a_number_without_end_are_shown_short():
    assert len(str(unknown_name("here", "fruit", "x" * 10_000, ["apple"]))) < 200
    assert shown(16**5000) == "a number of thousands of digits"
    assert shown([16**5000]) == "a number of thousands of digits"

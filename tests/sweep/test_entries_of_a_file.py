"""Files with entries: their points, what was published of them, and what is refused."""

import dataclasses

import pytest

from sim.errors import InputError
from sim.scenario import resolved_toml
from sim.scenario.types import Published
from sim.sweep.grid import load, load_scenarios

TEXT = """
schema = 1
title = "entries"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "common"
topology = "hgx-a100-node"
devices = 8
stack = "fsdp-2023"

[[entry]]
name = "small"
model = { name = "cerebras-gpt-111m" }
published = { days = 2, device_hours = 10, source = "llama-2023", clean = true }

[[entry]]
name = "large, 1.3B"
model = { name = "cerebras-gpt-1.3b" }
training = { tokens = 2e9 }
published = { time = "3 h", cost = "100 USD", loss = 2, source = "A table, 2023", system = "own", remembered = true }
[[entry.system]]
name = "common"
devices = 4
[[entry.system]]
name = "own"
topology = "cs-2-single"
devices = 1
stack = "cerebras-r2"

[[entry]]
name = "secret"
model = { name = "gpt-4" }
expect = "refused"
"""


@pytest.fixture
def written(tmp_path):
    def write(*changes, text=TEXT):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path, overrides=()):
    with pytest.raises(InputError) as caught:
        load(path, overrides)
    return str(caught.value)


def test_points_come_entry_by_entry_over_what_is_common(written):
    found = load_scenarios(written())
    shown = [(one.entry, one.model.name, one.system.name, one.system.devices, one.training.tokens) for one in found]
    assert shown == [
        ("small", "cerebras-gpt-111m", "common", 8, 1e9),
        ("large, 1.3B", "cerebras-gpt-1.3b", "common", 4, 2e9),
        ("large, 1.3B", "cerebras-gpt-1.3b", "own", 1, 2e9),
    ]
    assert found[2].where.endswith('my.toml: [entry "large, 1.3B"] [system "own"]')


def test_what_was_published_is_that_of_one_system(written):
    small, other, own = load_scenarios(written())
    assert small.published == Published(time_s=2 * 86400, device_hours=10, source="llama-2023", clean=True)
    assert other.published is None
    assert own.published == Published(
        time_s=3 * 3600, cost_usd=100, loss=2, source="A table, 2023", clean=None, remembered=True
    )


def test_an_expected_refusal_is_no_error_and_says_why(written):
    (refused,) = load(written()).refusals
    assert (refused.entry, refused.model) == ("secret", "gpt-4")
    assert "parameters, training tokens and hardware are missing" in refused.reason.problem
    assert '[entry "secret"] [model] name' in refused.reason.where


def test_what_should_be_refused_and_is_not_is_an_error(written):
    message = refusal(written(('"gpt-4"', '"gpt3-175b"')))
    assert '[entry "secret"] expect' in message
    assert "the model 'gpt3-175b' is known" in message


def test_what_is_refused_unexpectedly_is_an_error(written):
    assert "GPT-4 cannot be simulated" in refusal(written(('expect = "refused"', "")))


def test_a_file_of_refusals_alone_has_no_points(written):
    loaded = load(written(text='schema = 1\n[[entry]]\nname = "a"\nmodel = { name = "dall-e-2" }\nexpect = "refused"'))
    assert loaded.scenarios == []
    assert len(loaded.refusals) == 1


def test_keys_are_those_of_all_entries_or_of_one(written):
    everywhere = load_scenarios(written(), ["training.tokens=5e9", "system.common.devices=2"])
    assert [(one.training.tokens, one.system.devices) for one in everywhere] == [(5e9, 2), (5e9, 2), (5e9, 1)]
    one = load_scenarios(written(), ["entry.large, 1.3B.system.common.devices=2", 'entry."small".training.tokens=3e9'])
    assert [(each.training.tokens, each.system.devices) for each in one] == [(3e9, 8), (2e9, 2), (2e9, 1)]


def test_axes_are_those_of_all_entries_or_of_one(written):
    sweep = '[sweep]\n"entry.small.system.common.devices" = [4, 8]\n"training.tokens" = [1e9, 2e9]\n[training]\n'
    found = load_scenarios(written(("[training]\n", sweep)))
    assert [one.entry for one in found] == ["small"] * 4 + ["large, 1.3B"] * 4
    assert [one.system.devices for one in found[:4]] == [4, 4, 8, 8]
    notes = []
    path = written(("[training]\n", '[sweep]\n"training.tokens" = [1e9, 2e9]\n[training]\n'))
    left = load_scenarios(path, ["entry.small.training.tokens=7e9"], notes.append)
    assert [one.training.tokens for one in left] == [7e9, 1e9, 2e9, 1e9, 2e9]
    assert "for 'small'; the other entries are still swept" in notes[0]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("entry.smal.training.tokens=1", "unknown entry in 'entry.smal.training.tokens'; did you mean 'small'?"),
        ("entry.small.training.token=1", "unknown key 'training.token'; did you mean 'training.tokens'?"),
        ("entry.small.seed=1", "'seed' is the same for all entries"),
        ("entry=1", "'entry' cannot be set here"),
    ],
)
def test_keys_of_entries_that_are_none(written, override, words):
    assert words in refusal(written(), [override])


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (('expect = "refused"', "expct = 1"), '[entry "secret"] expct', "did you mean 'expect'?"),
        (("clean = true", "claen = true"), '[entry "small".published] claen', "did you mean 'clean'?"),
        (('source = "llama-2023"', 'source = "lama-2023"'), "published] source", "did you mean 'llama-2023'?"),
        ((', source = "llama-2023"', ""), '[entry "small"] published', "a figure without 'source'"),
        (("days = 2,", 'days = 2, time = "2 days",'), '[entry "small"] published', "'days' and 'time' are both given"),
        (('"3 h"', "3"), "published] time", "3 has no unit"),
        (('system = "own"', 'system = "ow"'), "published] system", "did you mean 'own'?"),
        (("{ tokens = 2e9 }", "{ token = 2e9 }"), '[entry "large, 1.3B"] [training] token', "did you mean 'tokens'?"),
        (("devices = 4", "device = 4"), '[entry "large, 1.3B"] [system "common"] device', "did you mean 'devices'?"),
        (('name = "large, 1.3B"', 'name = "small"'), "entry", "2 entries are named 'small'"),
        (('"cerebras-gpt-111m"', '"cerebras-gpt-11m"'), '[entry "small"] [model] name', "did you mean"),
        (('expect = "refused"', 'expect = "refusd"'), '[entry "secret"] expect', "did you mean 'refused'?"),
    ],
)
def test_slips_are_named_with_their_entry(written, change, where, words):
    message = refusal(written(change))
    assert where in message.splitlines()[0]
    assert words in message


def test_an_entry_without_what_it_needs(written):
    message = refusal(written(text='schema = 1\n[[entry]]\nname = "bare"\nmodel = { name = "gpt3-175b" }'))
    assert '[entry "bare"]' in message
    assert "'training' is missing" in message
    assert "'system' is missing" in message


def test_a_base_may_have_entries(written, tmp_path):
    written()
    top = tmp_path / "top.toml"
    top.write_text('base = "my.toml"\n[[entry]]\nname = "small"\ntraining = { tokens = 4e9 }', encoding="utf-8")
    assert [one.training.tokens for one in load_scenarios(top)] == [4e9, 2e9, 2e9]


def test_the_resolved_copy_gives_the_same_points(written, tmp_path):
    scenarios = load_scenarios(
        written(("[training]\n", '[sweep]\n"entry.small.system.devices" = [4, 8]\n[training]\n'))
    )
    (text,) = resolved_toml(scenarios)
    copy = tmp_path / "resolved.toml"
    copy.write_text(text, encoding="utf-8")
    again = load_scenarios(copy)

    def bare(scenario):
        model = dataclasses.replace(scenario.model, figures=())
        return dataclasses.replace(scenario, path=copy, axes={}, model=model)

    assert [bare(one) for one in again] == [bare(one) for one in scenarios]
    assert "base" not in text

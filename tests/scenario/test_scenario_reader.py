"""Reading scenario files: what is read, how problems are gathered, and properties of the strict keys."""

from __future__ import annotations

import dataclasses
import difflib
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.catalog import Model, Variation, load_model
from sim.errors import InputError
from sim.scenario import Lora, PlanRequest, Report, System, Training, read_document, scenario_from
from sim.scenario.amounts import batch, batch_note, token_budget
from sim.scenario.problems import check
from sim.scenario.schema import LISTED, RESERVED_KEYS, TABLES, keys_of
from sim.sweep.grid import load_scenarios


def read(path, *overrides):
    (scenario,) = load_scenarios(path, overrides)
    return scenario


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


def test_reads_the_example(example):
    path = example()
    scenario = read(path)
    assert (scenario.title, scenario.seed, scenario.path) == ("An example", 7, path)
    assert scenario.model == load_model("cerebras-gpt-13b")
    assert scenario.training == Training(257e9, 2048, 720)
    plan = PlanRequest(rule="fixed", tensor=8)
    assert scenario.system == System("cluster", "dgx-a100-superpod", 64, "fsdp-2023", plan, 0.005)
    assert scenario.report == Report()
    assert scenario.where == f'{path}: [system "cluster"]'


def test_defaults_are_those_of_the_types(example):
    scenario = read(
        example(
            ('title = "An example"\nseed = 7\n', ""),
            ("sequence = 2048\n", ""),
            ('jitter = "0.5 %"\n', ""),
            ("[system.plan]\ntensor = 8\n", ""),
            ("[report]\ncharts = true\n", ""),
        )
    )
    assert (scenario.title, scenario.seed, scenario.steps) == ("my", 0, 100)
    assert scenario.training.sequence == 2048
    assert scenario.system.plan == PlanRequest()
    assert scenario.system.jitter == 0
    assert (scenario.system.resolution, scenario.system.variation) == ("auto", Variation())


def test_reads_every_key_of_a_plan(example):
    plan = """tensor = 8
pipeline = 2
virtual_stages = 2
data = 4
micro_batch = 1
zero = 1
zero_group = 2
sequence_parallel = true
recompute = "selective"
schedule = "interleaved"
layers_per_stage = [20, 20]
first_stage_layers = 19
last_stage_layers = 21
micro_batches = [8, 8, 6, 6]
offload_layers = 4
optimizer_offload = "cpu\""""
    assert {line.split()[0] for line in plan.splitlines()} == set(keys_of(("system", "plan")))
    read_plan = read(example(("tensor = 8", plan))).system.plan
    switches = (1, True, "selective", "interleaved")
    cuts = (20, 20), 19, 21, (8, 8, 6, 6)
    assert read_plan == PlanRequest(
        "fixed", 8, 2, 2, 4, 1, *switches, *cuts, zero_group=2, offload_layers=4, optimizer_offload="cpu"
    )


def test_reads_a_batch_in_tokens(example):
    assert read(example(('"720 sequences"', '"1474560 tokens"'))).training.global_batch == 720
    assert read(example(('"720 sequences"', '"4.096e6 tokens"'))).training.global_batch == 2000


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ("1T", 1e12), ("1.4 T", 1.4e12), ("300B", 3e11), ("300b tokens", 3e11), ("12M", 12e6), ("5k", 5000),
        ("1.1M", 1_100_000), ("257,000,000,000 tokens", 257e9), ("1.5e3 k", 1.5e6), ("1e12 tokens", 1e12),
    ],
)  # fmt: skip
def test_reads_tokens_for_people(written, tokens, example):
    assert read(example(("257e9", f'"{written}"'))).training.tokens == tokens


def test_a_batch_in_tokens_becomes_whole_sequences(example):
    # Hand-worked: 4e6 / 2048 = 1953.1; 3,000 / 2048 = 1.46; half a sequence and less is one.
    taken = {"4M tokens": 1953, "4e6 tokens": 1953, "3000 tokens": 1, "3072 tokens": 2, "10 tokens": 1}
    for written, sequences in taken.items():
        training = read(example(('"720 sequences"', f'"{written}"'))).training
        assert training.global_batch == sequences
        assert training.asked_batch_tokens == batch(written).count
    training = read(example(('"720 sequences"', '"4M tokens"'))).training
    assert batch_note(training) == "a batch of 4,000,000 tokens is 1,953.1 sequences of 2,048: 1,953 taken"
    whole = read(example(('"720 sequences"', '"2.048M tokens"'))).training
    assert (whole.global_batch, whole.asked_batch_tokens, batch_note(whole)) == (1000, None, "")


@pytest.mark.parametrize("read_amount", [batch, token_budget])
@pytest.mark.parametrize("digits", [20, 400, 6000])
def test_no_number_is_too_large_to_be_refused(read_amount, digits):
    for given_value in (10**digits, "1" * 400 + " tokens", "1e19 tokens"):
        with pytest.raises(InputError, match=r"more than 1e\+18|above zero and finite"):
            read_amount(given_value)


def test_reads_tokens_per_parameter(example):
    training = read(example(("257e9", '"20 per parameter"'))).training
    assert (training.tokens, training.tokens_per_parameter) == (0, 20)


def test_reads_lora(example):
    lora = 'method = "lora"\n[training.lora]\nrank = 16\ntargets = ["query", "value"]\n'
    training = read(example(("[[system]]", f"{lora}[[system]]"))).training
    assert training.lora == Lora(16, ("query", "value"))


def test_reads_an_inline_model(example):
    fields = "layers = 2\nhidden = 64\nheads = 4\nvocab = 100\nmax_sequence = 2048\nkv_heads = 2"
    model = read(example(('name = "cerebras-gpt-13b"', fields))).model
    assert model == Model("custom", 2, 64, 4, 2, 16, 256, 100, 2048)


def test_a_topology_file_is_found_from_the_scenario_file(example):
    path = example(('"dgx-a100-superpod"', '"racks/mine.toml"'))
    assert read(path).system.topology == str((path.parent / "racks/mine.toml").resolve())


def test_a_model_has_the_keys_of_the_catalogue():
    fields = {spec.name for spec in dataclasses.fields(Model)} - {"figures", "runs"}
    assert set(keys_of(("model",))) == fields | {"config"}


@pytest.mark.parametrize("table", ["model", "training", "system"])
def test_refuses_a_file_without_a_table(table, tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("schema = 1\n")
    message = refusal(path)
    assert f"my.toml: {table}\n" in message
    assert f"'{table}' is missing" in message


@pytest.mark.parametrize("key", ["context", "expert"])
def test_reserved_keys_of_a_plan_say_so(key, example):
    message = refusal(example(("tensor = 8", f"{key} = 2")))
    reason = RESERVED_KEYS["system", "plan", key]
    assert f"[system \"cluster\".plan] {key}\n  '{key}' is reserved: {reason}\n  leave it out" in message


def test_two_systems_of_one_name(example):
    path = example()
    system = path.read_text().split("[[system]]")[1].split("[system.plan]")[0]
    path.write_text(f"{path.read_text()}\n[[system]]{system}")
    assert "my.toml: system\n  2 systems are named 'cluster'\n  give each its own name" in refusal(path)


def test_all_problems_are_reported_with_an_unknown_key_first(example):
    message = refusal(example(("tokens = 257e9", "tokns = 257e9"), ("devices = 64", "devices = 8.0")))
    assert message.startswith("my.toml: [training] tokns\n  unknown key 'tokns'; did you mean 'tokens'?")
    assert "\n  also my.toml: [training] tokens\n    'tokens' is missing\n" in message
    assert '\n  also my.toml: [system "cluster"] devices\n    8.0 is not a whole number\n' in message


def test_problems_with_names_are_reported_together(example):
    message = refusal(example(("cerebras-gpt-13b", "cerebras-gpt-31b"), ("fsdp-2023", "fsdp-2032")))
    assert "unknown model" in message
    assert 'also my.toml: [system "cluster"] stack\n    unknown software stack' in message


def test_a_file_that_is_not_there_names_its_neighbours(example):
    path = example()
    wrong = path.with_name("mi.toml")
    with pytest.raises(InputError) as caught:
        read_document(wrong)
    assert str(caught.value) == f"{wrong}\n  there is no file {wrong}\n  did you mean my.toml?"
    with pytest.raises(InputError, match=r"in that folder: my\.toml"):
        read_document(path.with_name("something-else.toml"))
    with pytest.raises(InputError, match="there is no folder"):
        read_document(path.parent / "nowhere" / "my.toml")
    with pytest.raises(InputError, match="is a folder"):
        read_document(path.parent)


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "my.toml"
    path.write_bytes(b'title = "\xff"')
    with pytest.raises(InputError, match="byte 9 is not UTF-8"):
        read_document(path)


def test_a_document_is_expanded_before_it_is_resolved(example):
    path = example(("[report]", "[sweep]\nseed = [1, 2]\n[report]"))
    with pytest.raises(ValueError, match="expand the document first"):
        scenario_from(read_document(path), path)


# A key of one letter has no letter that could be wrong.
KEYS = [(table, key) for table in TABLES for key in keys_of(table) if len(key) > 1]


@given(st.sampled_from(KEYS), st.data())
def test_any_key_with_one_letter_changed_is_refused_and_suggested(where, data):
    table, key = where
    place = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    wrong = f"{key[:place]}{letter}{key[place + 1 :]}"
    allowed = keys_of(table)
    assume(wrong not in allowed and (*table, wrong) not in RESERVED_KEYS)
    raw = {"schema": 1, "system": [{"name": "cluster"}]}
    target = raw
    for depth, step in enumerate(table, 1):
        listed = step == "system" or table[:depth] in LISTED
        target = target.setdefault(step, [{}])[0] if listed else target.setdefault(step, {})
    target[wrong] = 1
    with pytest.raises(InputError) as caught:
        check(raw, "my.toml")
    message = str(caught.value)
    assert f"unknown key '{wrong}'; did you mean '" in message
    suggested = message.split("did you mean '")[1].split("'")[0]
    alike = {name: difflib.SequenceMatcher(None, name, wrong).ratio() for name in allowed}
    # Where two keys are equally near, either is a fair suggestion.
    assert suggested == key or alike[suggested] >= alike[key]
    assert key in message.split("allowed: ")[1]


@given(st.one_of(st.integers(), st.floats()))
def test_a_batch_without_a_unit_is_never_accepted(number):
    for given_value in (number, repr(number), f" {number!r} "):
        with pytest.raises(InputError):
            batch(given_value)


@given(st.integers(1, 10**9), st.sampled_from(["sequences", "tokens"]))
def test_a_batch_with_a_unit_is_accepted(count, unit):
    assert (batch(f"{count} {unit}").count, batch(f"{count} {unit}").unit) == (count, unit)

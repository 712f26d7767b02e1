"""[system.run]: what is read, what is refused and with which words, dotted keys, sweeps, and the copy."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.scenario import resolved_toml
from sim.scenario.run_request import (
    CheckpointRequest,
    EvaluationRequest,
    Interval,
    MaintenanceRequest,
    RunRequest,
    StorageRequest,
)
from sim.scenario.schema import examples_of, keys_of
from sim.scenario.table import read, written
from sim.sweep.grid import load_scenarios
from sim.units import SECONDS_PER_YEAR, Rate, rate

EVERY = """[system.run]
reliability = "llama-3"
failures = "0.2 per device-year"
failure_shape = 0.9
hardware_share = "78 %"
spares = 4
detection = "5 min"
replacement = "3 min"
repair = "1 day"
restart = "4 min"
start_up = "10 min"
runs = 200

[system.run.checkpoint]
every = "1 h"
mode = "asynchronous"
snapshot_rate = "10 GB/s"

[system.run.storage]
write_rate = "100 GB/s"
read_rate = "200 GB/s"
capacity = "1 PB"

[system.run.evaluation]
every = "1000 steps"
lasts = "12 min"

[system.run.maintenance]
every = "7 days"
lasts = "2 h"
"""
READ = RunRequest(
    profile="llama-3",
    failures=Rate(0.2 / SECONDS_PER_YEAR, "device"),
    failure_shape=0.9,
    hardware_share=0.78,
    detection_s=300.0,
    replacement_s=180.0,
    repair_s=86400.0,
    restart_s=240.0,
    start_up_s=600.0,
    maintenance=MaintenanceRequest(7 * 86400.0, 7200.0),
    checkpoint=CheckpointRequest(Interval(seconds=3600.0), "asynchronous", 10e9),
    storage=StorageRequest(100e9, 200e9, 1e15),
    spares=4,
    evaluation=EvaluationRequest(1000, 720.0),
    runs=200,
)
CHANGES = {
    "failures": Rate(0.2 / SECONDS_PER_YEAR, "device"),
    "failure_shape": 0.9,
    "hardware_share": 0.78,
    "detection_s": 300.0,
    "replacement_s": 180.0,
    "repair_s": 86400.0,
    "restart_s": 240.0,
    "restart_per_device_s": 0.0,
    "start_up_s": 600.0,
    "start_up_per_device_s": 0.0,
    "maintenance": Rate(1.0 / (7 * 86400.0), "cluster"),
    "maintenance_s": 7200.0,
    "asynchronous_checkpoints": True,
    "snapshot_bytes_per_s": 10e9,
}
TABLES = ((), ("checkpoint",), ("storage",), ("evaluation",), ("maintenance",))


@pytest.fixture
def with_run(example):
    """Write the example with some text below its system's keys."""
    return lambda text="": example(('jitter = "0.5 %"\n', f"{text}\n"))


def run(path, *overrides):
    (only,) = load_scenarios(path, overrides)
    return only.system.run


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


def test_every_key_is_read(with_run):
    for table in TABLES:
        keys = set(keys_of(("system", "run", *table))) - {"checkpoint", "storage", "evaluation", "maintenance"}
        assert all(f"{key} = " in EVERY for key in keys)
    assert run(with_run(EVERY)) == READ
    assert READ.changes == CHANGES


def test_nothing_given_leaves_all_to_the_catalogue(with_run):
    assert run(with_run()) == RunRequest()
    assert run(with_run("[system.run]")) == RunRequest()
    assert RunRequest().changes == {}


def test_a_profile_stands_for_a_table_that_names_it(with_run):
    assert run(with_run('run = "none"')) == RunRequest(profile="none")
    assert run(with_run('run = "rsc-1"')) == run(with_run('[system.run]\nreliability = "rsc-1"'))


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("best", ("best", 0, 0.0)),
        ("never", ("never", 0, 0.0)),
        ("500 steps", ("", 500, 0.0)),
        ("1 step", ("", 1, 0.0)),
        ("90 min", ("", 0, 5400.0)),
    ],
)
def test_intervals_of_checkpoints(with_run, every, expected):
    found = run(with_run(f'[system.run.checkpoint]\nevery = "{every}"'))
    assert found.checkpoint == CheckpointRequest(Interval(*expected))


def test_nothing_is_a_duration(with_run):
    assert run(with_run('[system.run]\ndetection = "0 s"\nrepair = "0.0 h"')).changes == {
        "detection_s": 0.0,
        "repair_s": 0.0,
    }


@pytest.mark.parametrize("table", TABLES)
def test_the_examples_of_the_messages_can_be_read(table):
    for key in keys_of(("system", "run", *table)):
        if key in ("checkpoint", "storage", "evaluation", "maintenance"):
            continue
        needed = {"evaluation": 'every = "1 step"\nlasts = "1 s"\n', "maintenance": 'every = "1 d"\nlasts = "1 s"\n'}
        for example in examples_of(("system", "run", *table), key):
            rest = "".join(
                line for line in needed.get("".join(table), "").splitlines(True) if not line.startswith(f"{key} ")
            )
            head = f"[{'.'.join(table)}]\n" if table else ""
            assert read(RunRequest, tomllib.loads(f"{head}{rest}{key} = {example}\n"))


@pytest.mark.parametrize(
    ("text", "where", "problem", "remedy"),
    [
        ("failures = 0.2", ".run] failures", "0.2 has no unit: of what, and in what time", '"0.2 per device-year"'),
        ('failures = "0.2"', ".run] failures", "'0.2' is not a rate", '"6.5 per 1000 node-days"'),
        ('failures = "-1 per device-year"', ".run] failures", "is not a rate", '"0.2 per device-year"'),
        ('failures = "1 per rack-year"', ".run] failures", "is not a rate", '"1 per cluster-week"'),
        ('failures = "1 per 0 device-years"', ".run] failures", "is not a rate", '"0.2 per device-year"'),
        ('failures = "1e9 per device-hour"', ".run] failures", "more than once a second", "lower rate"),
        ("failure_shape = 0.1", ".run] failure_shape", "0.2", ""),
        ("hardware_share = 78", ".run] hardware_share", "78 is not a share", '"78 %"'),
        ("spares = -1", ".run] spares", "-1", "0"),
        ("spares = 1.5", ".run] spares", "1.5", ""),
        ("detection = 5", ".run] detection", "5 has no unit", '"10 min"'),
        ('detection = "-5 min"', ".run] detection", "must be above zero", '"10 min"'),
        ('detection = "0 GB"', ".run] detection", "is in byte", '"10 min"'),
        ('detection = "0 potatoes"', ".run] detection", "is not a quantity", '"10 min"'),
        ('repair = "20 years"', ".run] repair", "longer than ten years", "write less"),
        ("runs = 0", ".run] runs", "0", ""),
        ("runs = 1000000", ".run] runs", "1000000", "100000"),
        ('reliability = "lama-3"', ".run] reliability", "unknown reliability 'lama-3'", "did you mean 'llama-3'"),
        ('failurs = "1 per node-day"', ".run]", "unknown key 'failurs'", "failures"),
        ('[system.run.checkpoint]\nevery = "1 hours ago"', ".run.checkpoint] every", "1 hours ago", '"500 steps"'),
        ('[system.run.checkpoint]\nevery = "0 steps"', ".run.checkpoint] every", "0 steps", '"best", "never"'),
        ('[system.run.checkpoint]\nevery = 500', ".run.checkpoint] every", "500 has no unit", '"best", "never"'),
        ('[system.run.checkpoint]\nevery = "1e308 s"', ".run.checkpoint] every", "ten years", '"best"'),
        ('[system.run.checkpoint]\nmode = "async"', ".run.checkpoint] mode", "async", "asynchronous"),
        ('[system.run.checkpoint]\nat = "1 h"', ".run.checkpoint]", "unknown key 'at'", "every"),
        ('[system.run.storage]\nwrite_rate = "100 Gbit/s"', ".run.storage] write_rate", "bits and bytes", '"300 GB/s"'),
        ('[system.run.storage]\ncapacity = "0 B"', ".run.storage] capacity", "must be above zero", '"80 GB'),
        ('[system.run.evaluation]\nevery = "1 h"\nlasts = "1 s"', ".run.evaluation] every", "'1 h'", '"1000 steps"'),
        ('[system.run.evaluation]\nevery = "9 steps"', ".run.evaluation]", "lasts", '"12 min"'),
        ('[system.run.maintenance]\nevery = "0.1 s"\nlasts = "1 s"', ".run.maintenance] every", "a second", '"7 days"'),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(with_run, text, where, problem, remedy):
    found = refusal(with_run(text if text.startswith("[") else f"[system.run]\n{text}"))
    first, *rest = found.splitlines()
    assert first.startswith('my.toml: [system "cluster"')
    assert where in first
    assert problem in "\n".join(rest)
    assert remedy in "\n".join(rest)


@pytest.mark.parametrize("text", ["run = 3", "run = true", 'run = ["llama-3"]'])
def test_a_run_is_a_table_or_a_name(with_run, text):
    found = refusal(with_run(text))
    assert "is no run" in found
    assert "scaletax list reliability" in found


def test_an_unknown_profile_is_met_with_the_closest(with_run):
    assert "did you mean 'bloom'" in refusal(with_run('run = "blom"'))


def test_dotted_keys_set_parts_of_it(with_run):
    path = with_run()
    assert run(path, "system.run.spares=3").spares == 3
    assert run(with_run('run = "none"'), "system.run.spares=3") == RunRequest(profile="none", spares=3)
    with_run()
    assert run(path, "system.run.checkpoint.every=never").checkpoint.every.rule == "never"
    assert run(path, "system.cluster.run.failures=1 per node-day").changes["failures"] == Rate(1 / 86400, "node")
    assert "did you mean 'system.run.spares'" in refusal(path, "system.run.spare=3")


def test_rates_can_be_swept(with_run, example):
    path = example(
        ("[report]", '[sweep]\n"system.run.failures" = ["1 per node-year", "2 per node-year"]\n[report]'),
    )
    found = [scenario.system.run.changes["failures"].per_s for scenario in load_scenarios(path, ())]
    assert found == pytest.approx([1 / SECONDS_PER_YEAR, 2 / SECONDS_PER_YEAR])


def copied(path, tmp_path):
    (text,) = resolved_toml(load_scenarios(path, ()))
    copy = tmp_path / "copy.toml"
    copy.write_text(text, encoding="utf-8")
    return run(copy)


@pytest.mark.parametrize("text", [EVERY, 'run = "none"', '[system.run.checkpoint]\nevery = "7 steps"', ""])
def test_the_copy_reads_as_the_same_run(with_run, tmp_path, text):
    path = with_run(text)
    assert copied(path, tmp_path) == run(path)


RATES = st.builds(
    lambda number, count, of, span: rate(f"{number!r} per {count} {of}-{span}s", ""),
    st.floats(1e-3, 1e3),
    st.sampled_from([1, 10, 100, 1000]),
    st.sampled_from(["device", "node", "cluster"]),
    st.sampled_from(["hour", "day", "week", "month", "year"]),
)
SECONDS = st.floats(0.0, 1e8)


@given(
    st.builds(
        RunRequest,
        failures=st.none() | RATES,
        failure_shape=st.none() | st.floats(0.2, 10),
        hardware_share=st.none() | st.floats(0, 1),
        detection_s=st.none() | SECONDS,
        repair_s=st.none() | SECONDS,
        maintenance=st.none() | st.builds(MaintenanceRequest, st.floats(1.0, 1e8), SECONDS),
        evaluation=st.none() | st.builds(EvaluationRequest, st.integers(1, 10**14), SECONDS),
        spares=st.none() | st.integers(0, 100),
        checkpoint=st.builds(
            CheckpointRequest,
            st.sampled_from([Interval("best"), Interval("never"), Interval(steps=12), Interval(seconds=777.7)]),
            st.sampled_from([None, "synchronous", "asynchronous"]),
        ),
    )
)
def test_what_is_written_is_read_as_it_was(asked):
    assert read(RunRequest, written(asked)) == asked

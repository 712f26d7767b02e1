"""How a scenario says in what devices, nodes and links differ: profiles, changes, dotted keys, refusals."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import Slow, SlowPlace, Stalls, Variation, load_variation
from sim.errors import InputError
from sim.scenario.amounts import part, slowdown, stall
from sim.scenario.schema import LISTED, TABLES, keys_of
from sim.scenario.variation import SlowPlaceTable, SlowTable, StallsTable, VariationTable
from sim.sweep.grid import load_scenarios

HEADER = "[system.variation]\n"


@pytest.fixture
def varied(example):
    """Write the example with some text below its system's keys, and without its jitter."""
    return lambda text="", **more: example(('jitter = "0.5 %"\n', f"{text}\n"), **more)


def variations(path, *overrides):
    return [scenario.system.variation for scenario in load_scenarios(path, overrides)]


def variation(path, *overrides):
    (only,) = variations(path, *overrides)
    return only


def cited(found):
    return {figure.name for figure in found.figures}


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


@pytest.mark.parametrize("name", ["none", "well-run", "as-found"])
@pytest.mark.parametrize("text", ['variation = "{}"', 'variation = {{ profile = "{}" }}', HEADER + 'profile = "{}"'])
def test_a_profile_by_its_name(varied, name, text):
    found = variation(varied(text.format(name)))
    assert found == load_variation(name)
    assert found.figures == load_variation(name).figures


def test_reads_every_key_without_a_profile(varied):
    text = """[system.variation]
speed_spread = 0.01
kernel_jitter = "3 %"
network_noise = "0.5"
stalls = { per_device_hour = 2, mean = "100 ms" }
slow_devices = { share = "0.5 %", slowdown = "20 %" }
slow_nodes = { share = 1.0, slowdown = "2000 %" }
[system.variation.slow_links]
share = 0.25
slowdown = 2.5
[[system.variation.slow]]
device = 0
slowdown = "10 %"
[[system.variation.slow]]
node = 3
slowdown = 1.5"""
    assert all(key in text for key in keys_of(("system", "variation")) if key != "profile")
    found = variation(varied(text))
    assert found == Variation(
        name="custom",
        title="as the scenario says",
        speed_spread=0.01,
        kernel_jitter=pytest.approx(0.03),
        network_noise=0.5,
        stalls=Stalls(2.0, 0.1),
        slow_devices=Slow(pytest.approx(0.005), pytest.approx(0.2)),
        slow_nodes=Slow(1.0, pytest.approx(20)),
        slow_links=Slow(0.25, 2.5),
        slow=(SlowPlace(pytest.approx(0.1), device=0), SlowPlace(1.5, node=3)),
    )
    assert found.figures == ()


def test_the_tables_have_the_fields_of_the_records():
    names = {spec.name for spec in dataclasses.fields(Variation)} - {"name", "title", "profile", "figures"}
    assert {spec.name for spec in dataclasses.fields(VariationTable)} == names | {"profile"}
    for table, record in ((SlowTable, Slow), (SlowPlaceTable, SlowPlace), (StallsTable, Stalls)):
        assert {spec.name for spec in dataclasses.fields(table)} == {spec.name for spec in dataclasses.fields(record)}


def test_what_is_given_takes_the_place_of_the_profile(varied):
    profile = load_variation("as-found")
    found = variation(varied(HEADER + 'profile = "as-found"\nspeed_spread = 0.02\nslow_nodes = { share = "5 %" }'))
    assert found == dataclasses.replace(
        profile,
        name="as-found, changed",
        title=f"{profile.title}; changed by the scenario",
        speed_spread=0.02,
        slow_nodes=Slow(0.05, profile.slow_nodes.slowdown),
    )


def test_only_what_still_comes_from_the_profile_is_cited(varied):
    profile = load_variation("as-found")
    found = variation(varied(HEADER + 'profile = "as-found"\nspeed_spread = 0.02\nslow_nodes = { share = "5 %" }'))
    assert cited(profile) - cited(found) == {"speed_spread", "slow_nodes.share"}
    # A part that is switched off rests on nothing any more.
    off = variation(
        varied(HEADER + 'profile = "as-found"\nslow_links = { share = 0 }\nstalls = { per_device_hour = 0 }')
    )
    gone = {"slow_links.share", "slow_links.slowdown", "stalls.per_device_hour", "stalls.mean_s"}
    assert cited(profile) - cited(off) == gone
    assert cited(off) < cited(profile)


def test_the_same_numbers_are_the_profile(varied):
    found = variation(varied(HEADER + 'profile = "well-run"\nspeed_spread = "1 %"\nslow = []'))
    assert (found, cited(found)) == (load_variation("well-run"), cited(load_variation("well-run")))


def test_zero_switches_off(varied):
    off = """[system.variation]
profile = "as-found"
speed_spread = 0
kernel_jitter = "0 %"
network_noise = 0.0
stalls = { per_device_hour = 0 }
slow_devices = { share = 0 }
slow_nodes = { share = 0.0 }
slow_links = { slowdown = 0 }"""
    found = variation(varied(off))
    assert found.is_none
    assert found.figures == ()
    assert variation(varied(HEADER + "slow_nodes = { share = 0 }")) == Variation()


def test_reads_resolution_and_steps(varied):
    (scenario,) = load_scenarios(varied('resolution = "full"\nvariation = "well-run"'), ["steps=7"])
    assert (scenario.system.resolution, scenario.steps) == ("full", 7)
    (scenario,) = load_scenarios(varied('resolution = "folded"\nvariation = { speed_spread = 0 }'))
    assert scenario.system.resolution == "folded"


# (dotted key below the system, value as --set takes it, what it must change in the record)
KEYS = {
    "speed_spread": ("2 %", {"speed_spread": pytest.approx(0.02)}),
    "kernel_jitter": ("0", {"kernel_jitter": 0.0}),
    "network_noise": ("0.1", {"network_noise": 0.1}),
    "stalls.per_device_hour": ("3", {"stalls": Stalls(3.0, 0.021)}),
    "stalls.mean": ("2 s", {"stalls": Stalls(4.8, 2.0)}),
    "stalls": ("{ per_device_hour = 0 }", {"stalls": Stalls(0.0, 0.021)}),
    "slow_devices.share": ("0.5 %", {"slow_devices": Slow(pytest.approx(0.005), 0.25)}),
    "slow_devices.slowdown": ("300 %", {"slow_devices": Slow(0.00064, pytest.approx(3))}),
    "slow_nodes.share": ("0", {"slow_nodes": Slow(0.0, 0.118)}),
    "slow_nodes.slowdown": ("0.5", {"slow_nodes": Slow(0.0102, 0.5)}),
    "slow_links.share": ("1.0", {"slow_links": Slow(1.0, 0.46)}),
    "slow_links.slowdown": ("1 %", {"slow_links": Slow(0.0155, pytest.approx(0.01))}),
    "slow_links": ("{ share = 0.5 }", {"slow_links": Slow(0.5, 0.46)}),
    "slow": ("[{ device = 3, slowdown = 0.5 }]", {"slow": (SlowPlace(0.5, device=3),)}),
}


@pytest.mark.parametrize("text", ['variation = "as-found"', HEADER + 'profile = "as-found"'])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("system", ["system", "system.cluster"])
def test_a_dotted_key_changes_the_profile_that_is_there(varied, text, key, system):
    value, changes = KEYS[key]
    found = variation(varied(text), f"{system}.variation.{key}={value}")
    expected = dataclasses.replace(load_variation("as-found"), name=found.name, title=found.title, **changes)
    assert found == expected
    assert found.name == "as-found, changed"


def test_every_key_of_a_variation_can_be_set():
    tables = [table for table in TABLES if table[:2] == ("system", "variation") and table not in LISTED]
    keys = {".".join([*table[2:], key]) for table in tables for key in keys_of(table)}
    assert keys - set(KEYS) == {"profile", "slow_devices", "slow_nodes"}


def test_a_dotted_key_sets_the_whole_and_the_profile(varied):
    path = varied(HEADER + "speed_spread = 0.02")
    assert variation(path, "system.variation=well-run") == load_variation("well-run")
    changed = variation(path, "system.variation.profile=well-run")
    assert (changed.name, changed.speed_spread, changed.kernel_jitter) == ("well-run, changed", 0.02, 0.03)
    assert variation(varied(), "system.cluster.variation=as-found") == load_variation("as-found")
    assert variation(varied(), "system.variation.speed_spread=0.02").name == "custom"
    assert variation(varied('variation = "as-found"'), "system.variation.profile=none") == Variation()


def test_a_sweep_over_profiles_and_over_one_number(varied):
    path = varied('variation = "none"')
    text = path.read_text()
    path.write_text(f'{text}\n[sweep]\n"system.variation" = ["none", "well-run", {{ speed_spread = 0.02 }}]\n')
    assert [found.name for found in variations(path)] == ["none", "well-run", "custom"]
    path.write_text(f'{text}\n[sweep]\n"system.cluster.variation.speed_spread" = [0, "2 %"]\nsteps = [1, 2]\n')
    found = [(scenario.system.variation.speed_spread, scenario.steps) for scenario in load_scenarios(path)]
    assert found == [(0.0, 1), (0.0, 2), (pytest.approx(0.02), 1), (pytest.approx(0.02), 2)]


def test_an_axis_of_profiles_is_not_changed_below(varied):
    path = varied()
    path.write_text(f'{path.read_text()}\n[sweep]\n"system.variation" = ["none", "well-run"]\n')
    message = refusal(path, "system.variation.speed_spread=0.02")
    assert "the axis 'system.variation' of [sweep] sets this key at every point" in message


# (text below the system's keys, the message from after the file's name)
REFUSED = {
    "unknown profile": (
        'variation = "wel-run"',
        """: [system "cluster"] variation
  unknown variation 'wel-run'; did you mean 'well-run'?
  allowed: as-found, none, well-run""",
    ),
    "unknown profile in a table": (
        HEADER + 'profile = "wel-run"',
        ": [system \"cluster\".variation] profile\n  unknown variation 'wel-run'; did you mean 'well-run'?",
    ),
    "empty name": ('variation = ""', ": [system \"cluster\"] variation\n  unknown variation ''\n  allowed: as-found"),
    "neither name nor table": (
        "variation = 3",
        """: [system "cluster"] variation
  3 is not a variation
  write for example variation = "well-run" (scaletax list variations), or a table [system.variation]""",
    ),
    "unknown key": (
        HEADER + "sped_spread = 0.01",
        """: [system "cluster".variation] sped_spread
  unknown key 'sped_spread'; did you mean 'speed_spread'?
  allowed: speed_spread, profile, slow_nodes, slow_devices, """,
    ),
    "unknown key of a part": (
        HEADER + "slow_nodes = { shar = 0.1, slowdown = 0.2 }",
        """: [system "cluster".variation.slow_nodes] shar
  unknown key 'shar'; did you mean 'share'?
  allowed: share, slowdown""",
    ),
    "unknown key of a place": (
        HEADER + "slow = [{ device = 3, slowdwn = 0.2, slowdown = 0.2 }]",
        """: [system "cluster".variation.slow[0]] slowdwn
  unknown key 'slowdwn'; did you mean 'slowdown'?
  allowed: device, node, slowdown""",
    ),
    "spread too wide": (
        HEADER + "speed_spread = 1",
        ': [system "cluster".variation] speed_spread\n  1 is not a share between 0 and 0.5\n  write "1 %"',
    ),
    "negative jitter": (
        HEADER + 'kernel_jitter = "-3 %"',
        "] kernel_jitter\n  '-3 %' is not a share between 0 and 0.5",
    ),
    "noise of another kind": (HEADER + 'network_noise = "3 us"', "] network_noise\n  '3 us' is not a share"),
    "part as a number": (
        HEADER + "slow_devices = 0.01",
        """: [system "cluster".variation] slow_devices
  0.01 is not a table
  write [system.variation.slow_devices] with its keys below""",
    ),
    "spread as a truth value": (
        HEADER + "speed_spread = true",
        '] speed_spread\n  true is not a share between 0 and 0.5\n  write for example 0.05 or "5 %"',
    ),
    "stall as a truth value": (HEADER + "stalls = { mean = true }", "] mean\n  true has no unit\n  write text with"),
    "two per cent as a number": (
        HEADER + "slow_devices = { share = 2, slowdown = 0.2 }",
        ': [system "cluster".variation.slow_devices] share\n  2 is not a share between 0 and 1\n  write "2 %"',
    ),
    "twice all": (
        HEADER + 'slow_devices = { share = "200 %", slowdown = 0.2 }',
        "] share\n  '200 %' is not a share between 0 and 1\n  write for example 0.05 or",
    ),
    "share above all": (
        HEADER + "slow_devices = { share = 1.5, slowdown = 0.2 }",
        ': [system "cluster".variation.slow_devices] share\n  1.5 is not a share between 0 and 1\n  write',
    ),
    "share that may be per cent": (
        HEADER + "slow_devices = { share = 1, slowdown = 0.2 }",
        """: [system "cluster".variation.slow_devices] share
  1 may be 1 % or 100 %
  write "1 %" or "100 %\"""",
    ),
    "slowdown that may be per cent": (
        HEADER + "slow_links = { share = 0.1, slowdown = 20 }",
        """: [system "cluster".variation.slow_links] slowdown
  20 may be 20 % or 2000 %
  write "20 %" or "2000 %\"""",
    ),
    "slower than allowed": (
        HEADER + "slow_links = { share = 0.1, slowdown = 100.5 }",
        '] slowdown\n  100.5 is not a share between 0 and 100\n  write "100.5 %"',
    ),
    "share without slowdown": (
        HEADER + 'profile = "well-run"\nslow_nodes = { share = 0.1 }',
        """: [system "cluster".variation] slow_nodes
  'slowdown' is missing
  write for example slow_nodes = { share = "0.5 %", slowdown = "20 %" }""",
    ),
    "slowdown without share": (
        HEADER + "slow_links = { slowdown = 0.1 }",
        ": [system \"cluster\".variation] slow_links\n  'share' is missing\n  write for example slow_links = {",
    ),
    "stalls without length": (
        HEADER + "stalls = { per_device_hour = 0.1 }",
        """: [system "cluster".variation] stalls
  'mean' is missing
  write for example stalls = { per_device_hour = 0.2, mean = "100 ms" }""",
    ),
    "stalls without rate": (
        HEADER + 'stalls = { mean = "1 s" }',
        ": [system \"cluster\".variation] stalls\n  'per_device_hour' is missing\n  write for example stalls",
    ),
    "stall without unit": (
        HEADER + "stalls = { per_device_hour = 1, mean = 0.1 }",
        ': [system "cluster".variation.stalls] mean\n  0.1 has no unit\n  write text with a unit, for example',
    ),
    "stall of no length": (HEADER + 'stalls = { mean = "0 s" }', "] mean\n  '0 s' must be above zero and finite"),
    "stall of bytes": (HEADER + 'stalls = { mean = "1 GB" }', "] mean\n  '1 GB' is in byte, but second is due"),
    "stall of a day": (
        HEADER + 'stalls = { mean = "1 d" }',
        "] mean\n  '1 d' is longer than an hour\n  that is a failure, no stall: write \"1 h\" or less",
    ),
    "negative rate": (
        HEADER + "stalls = { per_device_hour = -1 }",
        "] per_device_hour\n  -1 must be at least 0\n  write for example per_device_hour = 0.2",
    ),
    "incessant stalls": (HEADER + "stalls = { per_device_hour = 1e9 }", "1000000000.0 must be at most 3600\n"),
    "rate without bound": (HEADER + "stalls = { per_device_hour = inf }", "] per_device_hour\n  inf is not a finite"),
    "place without slowdown": (
        HEADER + "slow = [{ device = 3 }]",
        """: [system "cluster".variation.slow[0]] slowdown
  'slowdown' is missing
  write for example slowdown = "20 %\"""",
    ),
    "two places in one": (
        HEADER + "slow = [{ device = 3, node = 0, slowdown = 0.1 }]",
        """: [system "cluster".variation] slow[0]
  a slow place is one device or one node, and both are there
  write device = 3 or node = 0""",
    ),
    "no place": (
        HEADER + "slow = [{ device = 3, slowdown = 0.1 }, { slowdown = 0.1 }]",
        ': [system "cluster".variation] slow[1]\n  a slow place is one device or one node, and neither is there',
    ),
    "place below zero": (
        HEADER + "slow = [{ node = -1, slowdown = 0.1 }]",
        ': [system "cluster".variation.slow[0]] node\n  -1 must be at least 0\n  write for example node = 0',
    ),
    "place twice": (
        HEADER + "slow = [{ node = 1, slowdown = 0.1 }, { device = 1, slowdown = 0.1 }, { node = 1, slowdown = 0.2 }]",
        ': [system "cluster".variation] slow\n  node 1 is there more than once\n  write each place once',
    ),
    "single brackets": (
        "[system.variation.slow]\nnode = 1\nslowdown = 0.1",
        """: [system "cluster".variation] slow
  a table is not a list
  write [[system.variation.slow]] with double brackets""",
    ),
    "place as a number": (
        HEADER + "slow = [3]",
        ': [system "cluster".variation] slow[0]\n  3 is not a table\n  write [[system.variation.slow]] with its keys',
    ),
    "variation and its estimate": (
        'jitter = 0.01\nvariation = "well-run"',
        """: [system "cluster"] jitter
  jitter = 0.01 together with the variation 'well-run'
  leave out one: jitter is the folded estimate of what variation simulates""",
    ),
    "one slow place and its estimate": (
        "jitter = 0.01\nvariation = { slow = [{ node = 0, slowdown = 0.1 }] }",
        ": [system \"cluster\"] jitter\n  jitter = 0.01 together with the variation 'custom'\n  leave out one",
    ),
    "folded variation": (
        'resolution = "folded"\nvariation = { profile = "well-run", speed_spread = 0.02 }',
        """: [system "cluster"] resolution
  resolution = "folded" together with the variation 'well-run, changed'
  write resolution = "full" or "auto", or variation = "none\"""",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses(kind, varied):
    text, expected = REFUSED[kind]
    message = refusal(varied(text))
    assert message.startswith("my.toml: ")
    assert expected in message
    assert "also" not in message


def test_a_variation_that_is_off_goes_with_jitter(varied):
    for text in ('variation = "none"', "variation = { slow_nodes = { share = 0, slowdown = 0.2 } }"):
        (scenario,) = load_scenarios(varied(f'jitter = 0.01\nresolution = "folded"\n{text}'))
        assert (scenario.system.jitter, scenario.system.variation.is_none) == (0.01, True)


def test_no_dotted_key_leads_into_a_list(varied):
    message = refusal(varied(), "system.variation.slow.device=3")
    assert "unknown key 'system.variation.slow.device'; did you mean 'system.variation.slow" in message


def test_problems_of_stack_and_variation_are_reported_together(varied):
    message = refusal(varied('variation = "wel-run"'), "system.stack=fsdp-2032")
    assert "unknown variation 'wel-run'" in message
    assert 'also my.toml: [system "cluster"] stack\n    unknown software stack' in message


@given(st.integers(1, 100), st.sampled_from([part, slowdown]), st.sampled_from([str, int]))
def test_a_whole_number_is_never_taken_for_a_part(number, read, form):
    with pytest.raises(InputError):
        read(form(number))


@given(st.floats(0, 1))
def test_parts_are_read_as_numbers_and_as_per_cent(share):
    assert part(share) == slowdown(share) == share
    if 0 < 100 * share <= 100:
        assert part(f"{100 * share:.17g} %") == pytest.approx(share)


@given(st.floats(1e-9, 3600))
def test_stalls_are_read_in_seconds(length_s):
    assert stall(f"{length_s!r} s") == length_s

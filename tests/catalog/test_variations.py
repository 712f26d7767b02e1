"""The variations of the catalogue: in what devices, nodes and links differ."""

from __future__ import annotations

import dataclasses

import pytest

from sim.catalog import Slow, Stalls, Variation, load_variation, variation_names
from sim.errors import InputError

PROFILES = [name for name in variation_names() if name != "none"]
SLOW = ("slow_devices", "slow_nodes", "slow_links")


def test_none_is_listed_first_and_is_the_record_as_it_stands() -> None:
    assert variation_names()[0] == "none"
    assert load_variation("none") == Variation()
    assert Variation().is_none


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_varies_and_is_named_after_its_file(name: str) -> None:
    variation = load_variation(name)
    assert not variation.is_none
    assert (variation.name, variation.slow) == (name, ())
    assert isinstance(variation.stalls, Stalls)
    assert all(isinstance(getattr(variation, part), Slow) for part in SLOW)


@pytest.mark.parametrize("name", PROFILES)
def test_every_number_of_a_profile_has_a_figure_and_no_other_has(name: str) -> None:
    variation = load_variation(name)
    numbers = {}
    for spec in dataclasses.fields(variation):
        value = getattr(variation, spec.name)
        if isinstance(value, (Slow, Stalls)):
            numbers |= {f"{spec.name}.{key}": number for key, number in dataclasses.asdict(value).items()}
        elif isinstance(value, float):
            numbers[spec.name] = value
    cited = [figure.name for figure in variation.figures]
    assert len(cited) == len(set(cited))
    assert set(cited) == {key for key, number in numbers.items() if number}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_within_what_a_scenario_may_say(name: str) -> None:
    variation = load_variation(name)
    assert 0 <= max(variation.speed_spread, variation.kernel_jitter, variation.network_noise) <= 0.5
    for part in SLOW:
        slow = getattr(variation, part)
        assert 0 <= slow.share <= 1
        assert (slow.share > 0) == (slow.slowdown > 0)
    assert 0 <= variation.stalls.per_device_hour <= 3600
    assert 0 <= variation.stalls.mean_s <= 3600


def test_a_well_run_cluster_has_no_slow_machines() -> None:
    variation = load_variation("well-run")
    assert {getattr(variation, part) for part in SLOW} == {Slow()}


def test_as_found_is_well_run_with_slow_machines_left_in() -> None:
    well_run, found = load_variation("well-run"), load_variation("as-found")
    changed = {part: getattr(found, part) for part in SLOW}
    assert Slow() not in changed.values()
    named = {"name": found.name, "title": found.title, "profile": found.profile}
    assert dataclasses.replace(well_run, **named, **changed) == found


def test_figures_follow_from_the_counts_that_their_notes_give() -> None:
    found = load_variation("as-found")
    assert found.slow_devices.share == pytest.approx(2 / (392 * 8), rel=0.01)
    assert found.slow_devices.slowdown == pytest.approx(1 / (1 - 0.2) - 1)
    assert found.slow_nodes.share == pytest.approx(4 / 392, rel=0.01)
    assert found.slow_nodes.slowdown == pytest.approx(0.1179, rel=0.01)
    # Four nodes with eight links each meet a slow one as often as the probes did.
    assert 1 - (1 - found.slow_links.share) ** 32 == pytest.approx(42 / 107, rel=0.01)
    assert found.slow_links.slowdown / 3 == pytest.approx(0.1545, rel=0.01)


def test_times_are_seconds() -> None:
    assert load_variation("well-run").stalls.mean_s == pytest.approx(0.021)


def test_a_misspelt_variation_is_met_with_the_closest() -> None:
    with pytest.raises(InputError, match="unknown variation 'wel-run'; did you mean 'well-run'") as caught:
        load_variation("wel-run", "my.toml: here")
    assert caught.value.where == "my.toml: here"
    assert caught.value.remedy == "allowed: as-found, none, well-run"

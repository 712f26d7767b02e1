"""How often clusters fail: every profile complete and cited, its rates those of its source, a default per device."""

import dataclasses

import pytest

from sim.catalog import Reliability, device_names, load_model, load_reliability, reliability_names, reliability_of
from sim.catalog.figures import is_iso_date
from sim.errors import InputError
from sim.hardware.topology import load_topology
from sim.parallel.checkpoint import checkpoint_bytes
from sim.scenario.types import Training
from sim.units import SECONDS_PER_YEAR

DAY_S = 86400.0
NAMES = reliability_names()[1:]


def a_device_year(name: str, devices_per_node: int = 8) -> float:
    found = load_reliability(name).failures
    return found.per_s * SECONDS_PER_YEAR / (devices_per_node if found.of == "node" else 1)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_figure_with_a_date_and_evidence(name: str) -> None:
    found = load_reliability(name)
    fields = {spec.name for spec in dataclasses.fields(Reliability)} - {"name", "title", "figures"}
    assert {figure.name for figure in found.figures} == fields
    for figure in found.figures:
        assert is_iso_date(figure.date), figure
        assert figure.note if figure.kind in ("assumed", "derived") else figure.source, figure


@pytest.mark.parametrize("name", NAMES)
def test_values_are_such_as_clusters_have(name: str) -> None:
    found = load_reliability(name)
    assert 0.05 < a_device_year(name) < 3
    assert 0 <= found.hardware_share <= 1
    assert found.failure_shape > 0
    assert 60 <= found.detection_s + found.restart_s <= 2 * 3600
    assert found.repair_s > found.replacement_s
    assert found.snapshot_bytes_per_s > 1e9
    assert found.storage_bytes_per_s > 1e8


@pytest.mark.parametrize(
    ("name", "failures", "devices", "days"),
    [
        ("llama-3", 419, 16_384, 54),
        ("rsc-1", 6.5, 8, 1000),
        ("rsc-2", 2.34, 8, 1000),
        ("bloom", 1, 384, 7),
        ("opt-175b", 35 + 70, 992, 61),
        ("crusoe-h200", 205, 1600, 365.25 / 3),
    ],
)
def test_the_rates_are_those_of_the_sources(name: str, failures: float, devices: int, days: float) -> None:
    assert a_device_year(name) == pytest.approx(failures / devices / days * 365.25, rel=0.01)


def test_maintenance_is_as_often_as_llama_3_had_it() -> None:
    found = load_reliability("llama-3").maintenance
    assert found.per_s * 16_384 * 54 * DAY_S == pytest.approx(47, rel=0.01)


def test_every_device_has_exactly_one_profile() -> None:
    for name in device_names():
        assert reliability_of(name).name in NAMES
    with pytest.raises(InputError, match="no reliability profile has it in default_for"):
        reliability_of("abacus")


def test_none_is_a_profile_in_which_nothing_fails() -> None:
    assert load_reliability("none") == Reliability()
    assert load_reliability("none").failures.per_s == 0


def test_an_unknown_profile_is_met_with_the_closest() -> None:
    with pytest.raises(InputError, match="did you mean 'llama-3'"):
        load_reliability("llama3")


@pytest.mark.parametrize("name", ["cs-2-single", "andromeda", "condor-galaxy-1"])
def test_wafers_write_a_checkpoint_of_seven_billion_parameters_in_as_long_as_was_logged(name: str) -> None:
    storage = load_topology(name, 1, "").about.storage
    assert storage is not None
    size_bytes = checkpoint_bytes(load_model("cerebras-gpt-6.7b"), Training(1e9, 2048, 1))
    assert size_bytes / storage.write_bytes_per_s == pytest.approx(7 * 60, rel=0.01)
    assert load_reliability("wafer").storage_bytes_per_s == storage.write_bytes_per_s

"""What is compared of an outcome, by hand."""

import dataclasses
from types import SimpleNamespace

import pytest
from builders import believed, fixed, gpt, point, training

from sim.outcome.comparison.metrics import Span, account, error_span, meter_watts, time_span_s
from sim.outcome.confidence import Confidence
from sim.simulate import simulate


@pytest.fixture(scope="module")
def outcome():
    return simulate(point(gpt(), 8, fixed(tensor=2, micro_batch=1), recipe=training()))


def with_band(outcome, low, high):
    return dataclasses.replace(outcome, run=None, confidence=believed(low, high))


def test_spans_that_touch_are_not_apart():
    assert Span(1, 2).apart(Span(3, 4))
    assert Span(3, 4).apart(Span(1, 2))
    assert not Span(1, 2).apart(Span(2, 3))
    assert not Span(2, 3).apart(Span(1, 2))
    assert not Span(1, 4).apart(Span(2, 3))


def test_a_step_that_is_a_tenth_too_fast_is_a_run_of_a_ninth_more(outcome):
    # Errors from -10 % to +25 %: the run takes 1 / 1.25 to 1 / 0.9 of what is simulated.
    found, simulated_s = time_span_s(with_band(outcome, -0.1, 0.25)), outcome.undisturbed_s
    assert (found.low, found.high) == (pytest.approx(0.8 * simulated_s), pytest.approx(simulated_s / 0.9))
    assert error_span(with_band(outcome, -0.1, 0.25)) == Span(-0.1, 0.25)
    assert error_span(dataclasses.replace(outcome, confidence=Confidence())) is None


def test_the_account_without_a_run_is_that_of_all_steps(outcome):
    alone = dataclasses.replace(outcome, run=None)
    found = account(alone)
    assert found.total_s == pytest.approx(8 * outcome.steps * outcome.step_time_s)
    for line, seconds in outcome.ledger.device_seconds.items():
        assert found.device_seconds[line] == seconds * outcome.steps
    assert account(outcome) is outcome.run.ledger


def test_power_is_energy_over_time(outcome):
    joules = outcome.bill.energy_joules.typical
    assert meter_watts(outcome) == joules / outcome.time_to_train_s
    assert meter_watts(SimpleNamespace(bill=None)) is None

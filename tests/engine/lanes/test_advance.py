"""Lanes against the folded run, against SimPy with an actor per device, and against what theory expects."""

import pytest

from sim.catalog import Variation
from sim.engine.lanes import run_lanes
from sim.engine.lanes.advance import advance
from sim.engine.lanes.draws import StepDraws, lasting
from tests.engine.lanes.every_device import ends_on_simpy
from tests.engine.lanes.random_programs import random_case, random_variation

ALIKE = Variation()


@pytest.mark.parametrize("number", range(216))
def test_devices_that_are_alike_take_as_long_as_a_folded_one(number):
    case = random_case(number)
    found = run_lanes(case.order, ALIKE, 0, 1, case.devices, case.topology.domain)
    assert found.step_times_s[0] == pytest.approx(case.trace.step_time_s, rel=1e-9), case.name
    ends_s = advance(case.order, _draws(case, ALIKE, range(1))).ends_s
    spans = case.trace.spans
    for turn_s, span in zip(ends_s, spans, strict=True):
        assert turn_s.min() == pytest.approx(turn_s.max(), rel=1e-12)
        assert float(turn_s.max()) == pytest.approx(span.end_s, rel=1e-9, abs=1e-9 * case.trace.step_time_s)


@pytest.mark.parametrize("number", range(60))
def test_lanes_equal_simpy_with_an_actor_per_device(number):
    case = random_case(number, largest=16)
    draws = _draws(case, random_variation(number), range(3, 5))
    again = _draws(case, random_variation(number), range(3, 5))
    ends_s = advance(case.order, draws).ends_s
    reference = ends_on_simpy(case.order, _Fixed(again, case.order), 1)
    longest = max(reference.values())
    for (turn, rank, replica), end_s in reference.items():
        steps, ranks, replicas = ends_s[turn].shape
        place = (1 % steps, rank % ranks, replica % replicas)
        assert ends_s[turn][place] == pytest.approx(end_s, rel=1e-9, abs=1e-9 * longest), case.name


def _draws(case, variation, steps):
    always = lasting(variation, 5, case.devices, case.topology.domain)
    return StepDraws(variation, always, case.order, 5, steps)


class _Fixed:
    """Draws that may be asked for again: work is drawn as it is asked for."""

    def __init__(self, draws, order):
        self._draws, self._known = draws, {}

    def work_s(self, number, turn):
        if number not in self._known:
            self._known[number] = self._draws.work_s(number, turn)
        return self._known[number]

    def network_s(self, turn):
        return self._draws.network_s(turn)

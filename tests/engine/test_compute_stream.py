"""The compute stream as it is written."""

import pytest

from sim.cost.passes import PhaseCost
from sim.engine.compute_stream import ComputeStream
from sim.engine.program import COMPUTE, Actor
from sim.engine.transfers import Transfers
from sim.engine.work import Work
from sim.hardware.network import Communication


def written(exchanges, squares_s2=0.0):
    actor = Actor("a", 4, tensor=4)
    cost = PhaseCost({"useful": 2.0, "tensor_comm": 0.5}, {"tensor_comm": exchanges}, squares_s2)
    ComputeStream(actor, Transfers(range(4))).run(Work("pass", "forward", 0), cost, (), None)
    (one,) = actor.streams[COMPUTE]
    return one


def test_what_is_communication_and_what_is_work():
    one = written(Communication(0.5, {}, 2.0), squares_s2=0.25)
    assert (one.duration_s, one.communicates_s) == (2.5, 0.5)
    assert (one.meetings, one.squares_s2, one.together) == (2, 0.25, "alone")


def test_an_instruction_that_exchanges_nothing():
    actor = Actor("a", 4, tensor=4)
    ComputeStream(actor, Transfers(range(4))).add(Work("optimizer"), {"optimizer": 2.0}, together="all")
    (one,) = actor.streams[COMPUTE]
    assert (one.duration_s, one.communicates_s, one.meetings, one.together) == (2.0, 0.0, 0, "all")


@pytest.mark.parametrize(("meetings", "whole"), [(0.0, 0), (0.2, 1), (2.6, 3)])
def test_ranks_meet_a_whole_number_of_times_and_at_least_once(meetings, whole):
    assert written(Communication(0.5, {}, meetings)).meetings == whole


def test_ranks_meet_for_every_line_that_they_share_work_on():
    actor = Actor("a", 4, tensor=4)
    lines = {"tensor_comm": Communication(0.5, {}, 2.0), "data_comm": Communication(0.25, {}, 1.0)}
    cost = PhaseCost({"useful": 2.0, "tensor_comm": 0.5, "data_comm": 0.25}, lines)
    stream = ComputeStream(actor, Transfers(range(4)))
    stream.run(Work("pass", "forward", 0), cost, (), None)
    # The same cost again is the same communication.
    stream.run(Work("pass", "forward", 1), cost, (), None)
    first, second = actor.streams[COMPUTE]
    assert (first.duration_s, first.communicates_s, first.meetings) == (2.75, 0.75, 3)
    assert first.transfers is second.transfers

"""The compute stream as it is written."""

import pytest

from sim.engine.compute_stream import ComputeStream
from sim.engine.program import COMPUTE, Actor
from sim.engine.transfers import Transfers
from sim.engine.work import Work
from sim.hardware.network import Communication


def written(**given):
    actor = Actor("a", 4, tensor=4)
    ComputeStream(actor, Transfers(range(4))).add(Work("input"), {"useful": 2.0, "tensor_comm": 0.5}, **given)
    (one,) = actor.streams[COMPUTE]
    return one


def test_what_is_communication_and_what_is_work():
    one = written(exchanges={"tensor_comm": Communication(0.5, {}, 2.0)}, squares_s2=0.25, together="all")
    assert (one.duration_s, one.communicates_s) == (2.5, 0.5)
    assert (one.meetings, one.squares_s2, one.together) == (2, 0.25, "all")


@pytest.mark.parametrize(("meetings", "whole"), [(0.0, 0), (0.2, 1), (2.6, 3)])
def test_ranks_meet_a_whole_number_of_times_and_at_least_once(meetings, whole):
    assert written(exchanges={"tensor_comm": Communication(0.5, {}, meetings)}).meetings == whole

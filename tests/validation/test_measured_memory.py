"""Peak memory against what was measured: what an allocator reports of a plan, and how far that is off."""

import pytest

from sim.outcome.outcome import Memory
from sim.prepare import prepare_as_measured
from sim.validation.cases import case_of
from sim.validation.compare import measured_bytes
from sim.validation.conventions import convention_of
from sim.validation.table import read_tables

ROWS = {row.id: row for row in read_tables().rows}


def test_an_allocator_knows_nothing_of_the_runtime():
    first = {"weights": 8.0, "activations": 4.0, "fragmentation": 1.0, "runtime": 2.0}
    memory = Memory((first, {**first, "weights": 7.0}), (32.0, 32.0))
    assert measured_bytes(memory, "allocated") == 12
    assert measured_bytes(memory, "reserved") == 13
    assert memory.peak_bytes == 15


@pytest.mark.parametrize(
    ("row", "what", "bound"),
    [
        ("simumax-b200-0001", "allocated", 0.005),
        ("simumax-b200-0002", "allocated", 0.005),
        ("simumax-b200-0003", "allocated", 0.005),
        ("torchtitan-2024-12-0008", "reserved", 0.03),
        ("torchtitan-2024-12-0009", "reserved", 0.03),
    ],
)
def test_measured_peaks(row, what, bound):
    case = case_of(ROWS[row])
    assert convention_of(case.row).memory == what
    memory = prepare_as_measured(case.scenario).memory
    predicted = measured_bytes(memory, what) / 2.0**30
    assert predicted == pytest.approx(case.row.memory_GiB, rel=bound)

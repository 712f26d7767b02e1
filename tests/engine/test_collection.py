"""The collection of garbage is held off while something runs, and as it was afterwards."""

import gc

import pytest

from sim.engine.collection import without_garbage_collection


@pytest.fixture(autouse=True)
def as_it_was():
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


def failing():
    with without_garbage_collection():
        assert not gc.isenabled()
        with without_garbage_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise KeyError


@pytest.mark.parametrize("was_on", [True, False])
def test_it_is_as_it_was_after_an_error_too(was_on):
    (gc.enable if was_on else gc.disable)()
    with pytest.raises(KeyError):
        failing()
    assert gc.isenabled() == was_on
    assert gc.get_freeze_count() == 0


def test_what_was_made_meanwhile_is_collected_all_the_same():
    gc.enable()
    with without_garbage_collection():
        cycle: list[object] = []
        cycle.append(cycle)
        place = id(cycle)
        del cycle
    assert any(id(one) == place for one in gc.get_objects())
    gc.collect()
    assert not any(id(one) == place for one in gc.get_objects() if type(one) is list and one and one[0] is one)

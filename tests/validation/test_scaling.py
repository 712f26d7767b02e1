"""Series of one model on several sizes, and the loss between their ends: hand-made."""

from __future__ import annotations

import pytest
from measured import comparison

from sim.validation.compare import Comparison
from sim.validation.scaling import STRONG, WEAK, mean_scaling_error, series_of


def weak(devices: int, step_s: float, error: float = 0.0, **over: object) -> Comparison:
    """Two sequences a device, tensor 2."""
    return comparison(
        error, id=f"{devices}-{step_s}", n_gpus=devices, dp=devices // 2, global_batch_sequences=2 * devices,
        step_time_s=step_s, **over,
    )  # fmt: skip


def test_the_loss_is_that_of_throughput_per_device_between_the_ends() -> None:
    # With the batch in step with the devices, the rate per device falls as the step grows: 1 s to 1.25 s is 20 %.
    (series,) = series_of([weak(8, 1.25, 0.6), weak(2, 1.0), weak(4, 1.1)])
    assert (series.kind, series.devices, series.batch) == (WEAK, (2, 4, 8), 2.0)
    assert series.measured_loss == pytest.approx(0.2)
    # Predicted 2 s at the largest: half is lost.
    assert series.predicted_loss == pytest.approx(0.5)
    assert series.error == pytest.approx(0.3)
    assert mean_scaling_error([series]) == pytest.approx(0.3)


def test_a_constant_error_is_no_error_of_scaling() -> None:
    (series,) = series_of([weak(size, time, 0.4) for size, time in ((2, 1.0), (4, 1.1), (8, 1.3))])
    assert series.error == pytest.approx(0.0)


def test_one_global_batch_on_more_devices_is_strong_scaling() -> None:
    # Perfect scaling halves the step with twice the devices.
    rows = [
        comparison(id=str(n), n_gpus=n, dp=n // 2, global_batch_sequences=16, step_time_s=time)
        for n, time in ((2, 4.0), (4, 2.0), (8, 1.0))
    ]
    (series,) = series_of(rows)
    assert (series.kind, series.batch) == (STRONG, 16.0)
    assert series.measured_loss == pytest.approx(0.0)


def test_a_series_leaves_the_node_where_its_largest_size_does() -> None:
    (inside,) = series_of([weak(2, 1.0), weak(4, 1.1), weak(8, 1.25)])
    (beyond,) = series_of([weak(4, 1.0), weak(8, 1.1), weak(16, 1.25)])
    (stated,) = series_of([weak(size, 1.0, gpus_per_node=4) for size in (2, 4, 8)])
    assert [one.leaves_node for one in (inside, beyond, stated)] == [False, True, True]


def test_two_sizes_are_no_series() -> None:
    assert series_of([weak(2, 1.0), weak(4, 1.1)]) == ()
    assert mean_scaling_error(()) is None


@pytest.mark.parametrize("differs", [{"micro_batch": 2}, {"layers": 8}, {"recompute": "full"}, {"model": "other"}])
def test_what_else_differs_ends_a_series(differs: dict[str, object]) -> None:
    assert series_of([weak(2, 1.0), weak(4, 1.1), weak(8, 1.2, **differs)]) == ()


def test_rows_of_one_size_count_as_one() -> None:
    (series,) = series_of([weak(2, 1.0), weak(4, 1.1), weak(8, 1.0), weak(8, 2.0)])
    # Rates 1 and 1/2 of the smallest: their mean is 3/4.
    assert series.measured_loss == pytest.approx(0.25)


def test_rows_that_are_held_back_count_as_sizes_but_not_in_the_loss() -> None:
    held_back = [weak(2, 9.0).case]
    (series,) = series_of([weak(4, 1.0), weak(8, 1.25)], held_back)
    assert series.devices == (4, 8)
    assert series.measured_loss == pytest.approx(0.2)
    assert series_of([weak(4, 1.0)], [weak(2, 1.0).case, weak(8, 1.0).case]) == ()

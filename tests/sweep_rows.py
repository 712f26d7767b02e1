"""Rows of a small sweep: two systems at several sizes."""

from __future__ import annotations

from sim.outcome.lines import LINES
from sim.scenario import AxisKey


def row(system: str, devices: int, time_s: float, **axes: object) -> dict[str, object]:
    account = {f"{line}_device_s": 0.0 for line in LINES}
    return {
        "system": system,
        "devices": devices,
        AxisKey(f"system.{system}.devices"): devices,
        "mfu_full": 0.5,
        "distribution_tax": 0.1,
        "time_to_train_s": time_s,
        "rental_usd": 10.0 * devices,
        **account,
        "useful_device_s": 1.0,
        "bubble_device_s": 1.0,
        "error": None,
        **{AxisKey(key): value for key, value in axes.items()},
    }


ROWS = [
    row("a", 8, 864000.0), row("a", 16, 432000.0), row("a", 64, 400000.0),
    row("b", 8, 86400.0), row("b", 32, 43200.0),
]  # fmt: skip

"""A run on a device of the user's own: its figures decide, what the catalogue knows of the base alone does not."""

from __future__ import annotations

from pathlib import Path

from builders import fixed, point

from sim.hardware.topology import shelf
from sim.simulate import simulate

FOLDER = 'title = "Half a card"\nbase = "a100-80gb-sxm"\n[peak_flops_per_s]\n'
PEAK = 'bf16 = { value = "156 TFLOP/s", kind = "assumed", note = "half of it" }\n'


def test_the_users_figures_decide_and_what_is_not_known_of_the_device_is_said(tmp_path: Path) -> None:
    node = (shelf("topologies") / "hgx-a100-node.toml").read_text(encoding="utf-8")
    (tmp_path / "node.toml").write_text(node.replace('"a100-80gb-sxm"', '"card.toml"'), encoding="utf-8")
    (tmp_path / "card.toml").write_text(FOLDER + PEAK, encoding="utf-8")
    plan = fixed(micro_batch=4)
    theirs = simulate(point(plan=plan, topology=str(tmp_path / "node.toml")))
    known = simulate(point(plan=plan, topology="hgx-a100-node"))
    assert theirs.peak_flops_per_s == known.peak_flops_per_s / 2
    assert theirs.step_time_s > known.step_time_s
    # Failures are as of the base; prices are not, and nothing was ever compared with a measurement.
    assert theirs.run is not None
    assert known.run is not None
    assert theirs.run.reliability.name == known.run.reliability.name == "rsc-1"
    assert theirs.bill is not None
    assert {"rental of card", "power of card"} <= set(map(str, theirs.bill.unknown))
    assert theirs.confidence.standing.unlike == ("device card",)
    assert theirs.confidence.step is None
    assert known.confidence.step is not None

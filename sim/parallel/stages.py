"""Which pipeline stages run on which part of a system: whole stages, in order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from sim.errors import InputError
from sim.scenario.types import Part


def stages_of_parts(parts: Sequence[Part], width: int, where: str) -> tuple[int, ...]:
    """How many stages each part holds.

    width: devices of one stage, tensor x data. where: the system. Raises InputError for a part of a stage.
    """
    for index, part in enumerate(parts):
        if part.devices % width:
            below, above = part.devices // width * width, (part.devices // width + 1) * width
            near = f"{below} or {above}" if below else f"{above}"
            raise InputError(
                f"{where}.part[{index}] devices",
                f"{part.devices} devices do not hold whole pipeline stages: tensor x data = {width} devices are one",
                f"give this part {near} devices, or change tensor or data",
            )
    return tuple(part.devices // width for part in parts)


def stage_ranges(counts: Sequence[int]) -> tuple[range, ...]:
    """Stages of each part. Hand-worked: 2 and 3: stages 0 and 1, stages 2 to 4."""
    ends = list(itertools.accumulate(counts))
    return tuple(range(end - count, end) for count, end in zip(counts, ends, strict=True))

"""How far to believe a point: the error band beside its step time, a note on it, and why there is none."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.catalog.accuracy import Situation
from sim.outcome.confidence import Band, Confidence
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, percent_span

NOT_CHECKED = "not checked"


def error_band(outcome: Outcome) -> str:
    """Beside a step time: "-6..+3 %", or that nothing like it was compared."""
    return band_words(outcome.confidence.step)


def ends_of(band: Band | None) -> tuple[float | None, float | None]:
    """Low and high end of a band; nothing of none."""
    return (None, None) if band is None else (band.low, band.high)


def band_words(band: Band | None) -> str:
    """A band in whole percent: "-6..+3 %"."""
    return NOT_CHECKED if band is None else percent_span(band.low, band.high)


def situation_words(of: Situation) -> str:
    """A situation: "GPU, stack named, outside its checked range, to 128 devices"."""
    reach = {"": "", "inside": "inside its checked range", "outside": "outside its checked range"}
    scale = {"": "", "node": "within a node", "to 128": "to 128 devices", "above 128": "above 128 devices"}
    words = (of.machine, f"stack {of.stack}" if of.stack else "", reach[of.reach], scale[of.scale])
    return ", ".join(filter(None, words)) or "all predictions"


def accuracy_notes(outcome: Outcome) -> list[str]:
    """One note: what the band beside the step time is made of; none where there is no band."""
    return [] if outcome.confidence.step is None else [f"{outcome.stack}: {evidence_words(outcome.confidence)}"]


def evidence_words(confidence: Confidence) -> str:
    """What the error bands of a prediction rest on."""
    band = confidence.step
    assert band is not None
    searched = ", with what a search for the fastest plan adds" if confidence.is_searched else ""
    memory = "" if confidence.memory is None else f"; of peak memory {_exactly(confidence.memory)}"
    return (
        f"for sources never seen, eight of ten step times are {_exactly(band)} off{searched} (negative: predicted too"
        f" fast, and MFU too high; {situation_words(band.of)}: {counted(band.rows, 'row')} of"
        f" {counted(band.sources, 'source')}){memory}"
    )


def warnings_of(outcome: Outcome) -> list[str]:
    """Warnings: why there is no error band, or in what a point lies outside the rows of its stack."""
    return standing_warnings(outcome.stack, outcome.confidence)


def standing_warnings(stack: str, confidence: Confidence) -> list[str]:
    """The same of a prediction with a stack."""
    place = confidence.standing
    if place.unlike:
        return [f"{stack}: no error band, as no published row has {', or '.join(place.unlike)}"]
    if confidence.step is None:
        return [f"{stack}: no error band, as nothing like it was compared with published rows"]
    if place.compared is None:
        return [f"{stack}: no published row ran it; its error band is that of stacks outside what they were checked on"]
    return [f"{stack} was only checked on {words}; outside, errors may be larger" for words in place.outside]


def confidence_record(confidence: Confidence) -> dict[str, Any]:
    """Errors and evidence of a prediction that is no point; errors are null where no row like it was compared."""
    errors: dict[str, float | None] = {}
    for name, band in (("step_time", confidence.step), ("peak_memory", confidence.memory)):
        errors |= dict(zip((f"{name}_error_p10", f"{name}_error_p90"), ends_of(band), strict=True))
    return {**errors, **evidence_record(confidence)}


def evidence_record(confidence: Confidence) -> dict[str, Any]:
    """What the errors of a prediction rest on; checked_on is null where no published row ran the stack."""
    place, step = confidence.standing, confidence.step
    return {
        "evidence": None if step is None else dataclasses.asdict(step),
        "searched": confidence.is_searched,
        "checked_on": None if place.compared is None else dataclasses.asdict(place.compared),
        "outside": list(place.outside),
        "not_checked_because": list(place.unlike),
    }


def _exactly(band: Band) -> str:
    return percent_span(band.low, band.high, 1)

"""What FLOPs cost on one kind of device, rented: its peak, the share of it that is used, and its price."""

from __future__ import annotations

from dataclasses import dataclass

from sim.catalog import Price, Range, economics_of, load_device
from sim.errors import InputError
from sim.outcome.quality.optimum import INFERENCE_FLOPS, Recipe
from sim.units import fraction

_PRECISIONS = ("bf16", "fp16")
"""What models train in; the first that a device has."""
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Machine:
    """A device and how much of its dense peak a run uses. rental: None where no source states it."""

    device: str
    peak_flops_per_s: float
    mfu: float
    inference_mfu: float
    rental: Price | None

    @property
    def inference_weight(self) -> float:
        """What a FLOP of inference costs, over what one of training does."""
        return self.mfu / self.inference_mfu

    def device_hours(self, recipe: Recipe, inference_tokens: float) -> float:
        """Of training and all inference."""
        training_s = recipe.training_flops / (self.peak_flops_per_s * self.mfu)
        inference_flops = INFERENCE_FLOPS * recipe.parameters * inference_tokens
        return (training_s + inference_flops / (self.peak_flops_per_s * self.inference_mfu)) / _SECONDS_PER_HOUR

    def cost_usd(self, recipe: Recipe, inference_tokens: float) -> Range | None:
        """Device-hours at the rental price; None where that is unknown."""
        if self.rental is None:
            return None
        seconds = self.device_hours(recipe, inference_tokens) * _SECONDS_PER_HOUR
        low, typical, high = (price * seconds for price in self.rental.usd.ends)
        return Range(low, typical, high)


def machine(device: str | None, mfu: str | None, inference_mfu: str | None) -> Machine | None:
    """Read what the command line says of the device; None where it says nothing.

    Raises InputError for an unknown device, a share that is none, and one without the other.
    """
    if device is None and mfu is None and inference_mfu is None:
        return None
    if device is None or mfu is None:
        raise InputError(
            "budget",
            "a device without its utilisation, or the other way round",
            'give both, for example --device h100-80gb-sxm --mfu "40 %"',
        )
    record = load_device(device, "--device")
    peak = next(record.peak_flops_per_s[each] for each in _PRECISIONS if each in record.peak_flops_per_s)
    share = _share(mfu, "--mfu")
    served = share if inference_mfu is None else _share(inference_mfu, "--inference-mfu")
    return Machine(device, peak, share, served, economics_of(device).rental)


def _share(text: str, where: str) -> float:
    share = fraction(text, where)
    if not 0 < share <= 1:
        raise InputError(where, f"'{text}' is no share of a peak above zero", 'write for example "40 %"')
    return share

"""In what devices differ, in a few words for each part of a variation."""

from __future__ import annotations

from sim.catalog import Slow, SlowPlace, Stalls, Variation
from sim.page.numbers import duration, plain_percent

_MOST_PLACES = 3


def variation_words(variation: Variation) -> list[str]:
    """Every part that is switched on."""
    parts = {
        "speed spread": per_cent(variation.speed_spread),
        "kernel jitter": per_cent(variation.kernel_jitter),
        "network noise": per_cent(variation.network_noise),
        "stalls": stalls_words(variation.stalls),
        "slow devices": slow_words(variation.slow_devices),
        "slow nodes": slow_words(variation.slow_nodes),
        "slow links": slow_words(variation.slow_links),
    }
    places = [_place_words(place) for place in variation.slow if place.slowdown]
    if len(places) > _MOST_PLACES:
        places[_MOST_PLACES:] = [f"{len(places) - _MOST_PLACES} more slow places"]
    return [*(f"{name} {words}" for name, words in parts.items() if words), *places]


def per_cent(share: float) -> str:
    """A share; nothing where it is zero."""
    return plain_percent(share) if share else ""


def slow_words(slow: Slow) -> str:
    """How many, and how much longer they take; nothing where none is slow."""
    return f"{per_cent(slow.share)} +{per_cent(slow.slowdown)}" if slow.share and slow.slowdown else ""


def stalls_words(stalls: Stalls) -> str:
    """How often and how long; nothing where there are no stalls."""
    if not (stalls.per_device_hour and stalls.mean_s):
        return ""
    return f"{stalls.per_device_hour:g} an hour of {duration(stalls.mean_s)}"


def _place_words(place: SlowPlace) -> str:
    where = f"node {place.node:,}" if place.device is None else f"device {place.device:,}"
    return f"{where} +{per_cent(place.slowdown)}"

"""What differs from layer to layer of a config.json: how far attention reaches back, and whether heads are rotated.

Source: the configuration files of the transformers library, which write such lists or the rules that make them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from sim.errors import InputError, shown, some_of
from sim.scenario.bounds import MOST_LAYERS, check_size
from sim.scenario.config_fields import ModelConfig

_SLIDING, _FULL = "sliding_attention", "full_attention"
_KINDS = {
    (False, True): "dense",
    (True, True): "sliding",
    (False, False): "unrotated",
    (True, False): "sliding unrotated",
}
"""By whether a layer slides, and whether it rotates queries and keys."""


def count_layers(config: ModelConfig, *names: str) -> int:
    """The number of layers, no more than are simulated."""
    layers = config.size(*names)
    check_size(layers, MOST_LAYERS, "layers", config.where)
    return layers


def each_layer(
    config: ModelConfig,
    layers: int,
    longest: int | None,
    window: int | None,
    slides: Callable[[int], bool],
    rotated: Callable[[int, bool], bool] = lambda index, sliding: True,
    borrowing: int = 0,
) -> dict[str, Any]:
    """Fields of catalog.Model that say what each layer's attention does; none where all do the same.

    longest: sequence; a window that holds all of it is none. window: of the layers that slide; None: none does.
    slides: whether a layer does where the file has no 'layer_types', by its number from 0.
    rotated: whether a layer rotates queries and keys, by its number and whether it slides.
    borrowing: so many at the end take keys and values of earlier layers.
    """
    listed = _listed(config, layers)
    sliding = [window is not None and (listed[index] if listed else slides(index)) for index in range(layers)]
    turned = [rotated(index, one) for index, one in enumerate(sliding)]
    if longest is not None and window is not None and window >= longest:
        sliding = [False] * layers
    kinds = [_KINDS[one] for one in zip(sliding, turned, strict=True)]
    kinds = [f"{kind} borrowing" if index >= layers - borrowing else kind for index, kind in enumerate(kinds)]
    return {} if set(kinds) == {"dense"} else {**_runs(kinds), "window": window if any(sliding) else None}


def flags(config: ModelConfig, name: str, layers: int) -> list[bool] | None:
    """A list of 0 and 1 for each layer; None where it is not there."""
    value = config.value(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != layers or any(one not in (0, 1) for one in value):
        raise InputError(config.where, f"'{name}' is {shown(value)}", f"it must be a list of {layers} times 0 or 1")
    return [bool(one) for one in value]


def _listed(config: ModelConfig, layers: int) -> list[bool]:
    """Which layers slide by the file's own list; empty where it has none."""
    kinds = config.value("layer_types")
    if kinds is None:
        return []
    others = sorted({str(kind) for kind in kinds} - {_SLIDING, _FULL}) if isinstance(kinds, list) else []
    if others:
        problem = f"layers of several kinds (layer_types: {some_of(others)}): not simulated yet"
        raise InputError(config.where, problem, f"simulated: {_FULL}, {_SLIDING}")
    if not isinstance(kinds, list) or len(kinds) != layers:
        raise InputError(config.where, f"'layer_types' is {shown(kinds)}", f"it must be a list of {layers} kinds")
    return [kind == _SLIDING for kind in kinds]


def _runs(kinds: Sequence[str]) -> dict[str, Any]:
    """Layers as runs of one kind; as few as repeat."""
    period = next(size for size in range(1, len(kinds) + 1) if all(map(str.__eq__, kinds, kinds[size:])))
    runs = tuple((kind, len(list(own))) for kind, own in groupby(kinds[:period]))
    return {"runs": runs, "runs_repeat": True} if period < len(kinds) else {"runs": runs}


def gpt_neo_layers(config: ModelConfig, layers: int) -> list[bool]:
    """Which layers of a GPT-Neo slide: written one by one, or as groups and how often each comes; one of two without.

    Both may be there, and then agree.
    """
    written, groups = config.value("attention_layers"), config.value("attention_types")
    told: list[object] = []
    if groups is None:
        told += (["global", "local"] * layers)[:layers]
    for group in groups if isinstance(groups, list) else []:
        match group:
            case [[*kinds], int(times)]:
                told += kinds * min(times, layers)
            case _:
                told.append(group)
    kinds = told if written is None or groups is not None else written
    if not isinstance(kinds, list) or len(kinds) != layers or any(one not in ("global", "local") for one in kinds):
        problem = f"attention of {layers} layers is {shown(groups or written)}"
        remedy = 'write "attention_types": [[["global", "local"], N]], of every layer either global or local'
        raise InputError(config.where, problem, remedy)
    if written is not None and written != kinds:
        raise InputError(config.where, "'attention_layers' and 'attention_types' differ", "leave out one of the two")
    return [kind == "local" for kind in kinds]

"""One colour for one thing in every chart, safe for colour-blind readers.

Hues say the group of a ledger line (blue: compute; yellow to brown, and red to plum where it waits: split; purple:
memory; green: other; grey: run). Within a group the lightness tells lines apart; lines of two groups stay apart to
readers who see no red or no green.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LINE_COLOURS: dict[str, str] = {
    "useful": "#12436d",
    "kernel_loss": "#8ab8e0",
    "recompute": "#3f7fbf",
    "sharding_loss": "#fff0a3",
    "tensor_comm": "#f2a51f",
    "context_comm": "#684001",
    "expert_comm": "#c67f2f",
    "pipeline_comm": "#f0d261",
    "data_comm": "#ad500b",
    "bubble": "#d3263e",
    "imbalance": "#500743",
    "straggler_wait": "#7a0030",
    "stranded": "#7d557e",
    "weight_streaming": "#6a3d9a",
    "offload": "#e3d3f5",
    "optimizer": "#1b7837",
    "input": "#b5e2b0",
    "launch": "#5aae61",
    "checkpoint": "#252525",
    "evaluation": "#717171",
    "lost_work": "#979797",
    "restart": "#4b4b4b",
    "maintenance": "#bcbcbc",
    "warm_up": "#e0e0e0",
}

KIND_COLOURS: dict[str, str] = {
    "forward": "#56a0d3",
    "backward": "#12436d",
    "weight gradient": "#f5d76e",
    "communication": "#e8820c",
    "optimizer": "#1b7837",
    "wait for the slowest replica": "#7a0030",
    "other": "#8a8a8a",
}

# Okabe and Ito 2008, without the yellow, which is too light for a line on white.
SYSTEM_COLOURS: tuple[str, ...] = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9")
SYSTEM_MARKERS: tuple[str, ...] = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

# Okabe and Ito 2008 as well; what has no colour here takes the next one that is free.
ALGORITHM_COLOURS: dict[str, str] = {
    "ring": "#0072b2",
    "tree": "#d55e00",
    "in-switch": "#009e73",
    "in-switch tree": "#cc79a7",
    "in-fabric": "#000000",
    "halving and doubling": "#e69f00",
    "level by level": "#56b4e9",
    "direct": "#009e73",
    "pairwise": "#0072b2",
    "store tree": "#0072b2",
}
LINK_COLOURS: dict[str, str] = {
    "scale_up": "#0072b2",
    "nic": "#d55e00",
    "host": "#e69f00",
    "fabric": "#009e73",
    "local": "#56b4e9",
    "global": "#cc79a7",
}

INK = "#222222"
FAINT = "#6b6b6b"


def system_style(index: int) -> tuple[str, str]:
    """(colour, marker) of the system with this number."""
    return SYSTEM_COLOURS[index % len(SYSTEM_COLOURS)], SYSTEM_MARKERS[index % len(SYSTEM_MARKERS)]


def page_colour(index: int) -> str:
    """The colour of a system or an item on a page, which may be light or dark: neither black nor white."""
    colour = SYSTEM_COLOURS[index % len(SYSTEM_COLOURS)]
    return "#8a8a8a" if colour == "#000000" else colour


def colours_of(names: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Name -> colour: its own where it is known, else the next of SYSTEM_COLOURS that none of the others has."""
    taken = {known[name] for name in names if name in known}
    free = [colour for colour in SYSTEM_COLOURS if colour not in taken] or list(SYSTEM_COLOURS)
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    fresh = {name: free[index % len(free)] for index, name in enumerate(unknown)}
    return {name: known.get(name) or fresh[name] for name in dict.fromkeys(names)}


def text_colour(background: str) -> str:
    """Black or white, whichever reads better on a colour "#rrggbb"."""
    red, green, blue = (int(background[start : start + 2], 16) / 255 for start in (1, 3, 5))
    # Luma of ITU-R BT.601.
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else "black"

"""Mutated inputs: documents of the shelves with odd values, keys that are gone, there twice or misspelt, odd bytes."""

from __future__ import annotations

import copy
import functools
import tomllib
from collections.abc import Iterator
from random import Random
from typing import Any

import tomli_w

from sim.hardware.topology import shelf
from sim.scenario.schema import TABLES, keys_of

SMALL = """
schema = 1
title = "small"
steps = 3
[model]
layers = 4
hidden = 256
heads = 4
kv_heads = 2
ffn_hidden = 1024
vocab = 1000
max_sequence = 512
[training]
tokens = 1e9
sequence = 256
global_batch = "64 sequences"
[[system]]
name = "cluster"
topology = "dgx-a100-superpod"
devices = 16
stack = "megatron-2022"
plan = { tensor = 2, pipeline = 2, micro_batch = 2, recompute = "full", schedule = "1f1b" }
sizes = { nodes_per_leaf = 4 }
network = { rate_times = 2.0, latency_times = 0.5 }
price = { rental = "2 USD/h", date = "2026-03", pue = 1.2, in_use = "80 %" }
[system.run]
reliability = "llama-3"
failures = "0.2 per device-year"
spares = 1
runs = 20
checkpoint = { every = "500 steps", mode = "asynchronous" }
storage = { write_rate = "50 GB/s", read_rate = "50 GB/s" }
evaluation = { every = "1000 steps", lasts = "2 min" }
maintenance = { every = "7 days", lasts = "2 h" }
[[system]]
name = "searched"
topology = "hgx-a100-node"
devices = 4
stack = "megatron-core-2024"
plan = "best"
search = { only = ["tensor <= 2"], memory_margin = "5 %" }
jitter = "0.5 %"
[[system]]
name = "varied"
topology = "hgx-a100-node"
devices = 8
stack = "fsdp-2023"
[system.variation]
speed_spread = "1 %"
stalls = { per_device_hour = 0.2, mean = "100 ms" }
slow_devices = { share = "10 %", slowdown = "20 %" }
slow = [{ device = 1, slowdown = "20 %" }]
[[system]]
name = "wafer"
topology = "cs-2-single"
devices = 1
stack = "cerebras-r2"
[report]
charts = false
[sweep]
"system.cluster.devices" = [8, 16]
"system.searched.devices" = { range = [2, 4, 2] }
"training.tokens" = { logspace = [1e9, 1e10, 2] }
seed = [1, 2]
zip = [["training.tokens", "seed"]]
"""
"""A scenario with nearly every table, small enough to run at once."""

ODD_NUMBERS = (
    0, -1, 1, 2, 3, 7, 8, 64, 10**6, 10**9, 10**12, 10**15, 10**18, 2**31, 2**53 + 1, 2**63 - 1, -(2**63),
    2**64, 10**30,
    10**400, 0.0, -0.0, 0.5, -1.5, 1e-300, 5e-324, 1e300, 1e18, 1.7e308, float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
ODD_TEXTS = (
    "", " ", "x", "best", "none", "never", "true", "1", "-1", "1e999", "nan", "inf", "0 s", "1e-300 s", "1e300 s",
    "1 s", "10 years", "0 %", "100 %", "1e300 %", "50 %", "1 sequences", "1e15 sequences", "1e9 sequences",
    "999999937 sequences", "963761198400 sequences", "1e400 sequences", "0 tokens", "1e18 tokens", "1e-5 per parameter",
    "1e300 per parameter", "1 per device-second", "1e9 per device-year", "3600 per device-hour",
    "1 per 1e9 node-days", "0 per cluster-year",
    "1 GB/s", "1e-300 GB/s", "1e300 GB/s", "0 USD/h", "1e300 USD", "tensor <= 0", "devices > 10", "x.toml", "/dev/null",
    "/dev/zero", "/", ".", "..", "../../etc/passwd", "claim", "gpt-4", "\x00", "a\x00.toml", "\x1b[31m", "\n", "é" * 50,
    "\ufeff", "\u202e", "x" * 5000, "x" * 5000 + ".toml", "9" * 5000, "<a>&", "=1+1", "{}", "2026-13-45", "llama-7b",
    "hgx-a100-node", "dragonfly", "cs-2-single", "dgx-a100-superpod", "fsdp-2023", "cerebras-r2", "full", "gpipe",
    "interleaved", "lora",
)  # fmt: skip


def odd(random: Random) -> Any:
    """A value that nobody would write: of any type, and of any size."""
    kind = random.randrange(10)
    if kind < 4:
        return random.choice(ODD_NUMBERS)
    if kind < 8:
        return random.choice(ODD_TEXTS)
    if kind == 8:
        nested: Any = [] if random.random() < 0.5 else {}
        for _ in range(random.choice((0, 1, 3, 70))):
            nested = [nested] if random.random() < 0.5 else {"a": nested}
        return nested
    return random.choice((True, False, [1, 2], [1, 1], ["a", "b"], {"range": [1, 8, 1]}, {"logspace": [1, 8, 3]}))


def near(value: Any, random: Random) -> Any:
    """A value much like another one, more often legal than an odd one is."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        times = random.choice((0, 0.5, 2, 3, 10, 1e3, 1e6, 1e9, 1e12, -1))
        return type(value)(value * times) if abs(value) < 1e15 else 1
    if isinstance(value, str) and value:
        place = random.randrange(len(value))
        inserted = random.choice(("", "9", "0", " ", "e3", "e9", "-"))
        return value[:place] + inserted + value[place + random.randrange(2) :]
    return odd(random)


def mutated(document: dict[str, Any], random: Random, times: int) -> dict[str, Any]:
    """The document with some places of it changed."""
    changed = copy.deepcopy(document)
    for _ in range(times):
        places = list(_places(changed))
        if places:
            _change(*random.choice(places), random)
    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(table or list, key or number) of everything in a document."""
    members = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, member in members:
        yield value, key
        if isinstance(member, (dict, list)):
            yield from _places(member)


def _change(table: Any, key: Any, random: Random) -> None:
    kind = random.randrange(12)
    if kind < 3:
        table[key] = odd(random)
    elif kind < 8:
        table[key] = near(table[key], random)
    elif kind == 8:
        del table[key]
    elif isinstance(table, list):
        table.append(copy.deepcopy(table[key]))
    elif kind == 9:
        table[f"{key}x"] = table.pop(key)
    else:
        # A key of the format, where it may belong and where it does not.
        named = random.choice(_KEYS)
        table[named] = odd(random) if kind == 10 else copy.deepcopy(table[key])


_KEYS = sorted({key for names in TABLES for key in keys_of(names)})


def written(document: dict[str, Any], random: Random) -> bytes:
    """The document as a file, now and then with odd bytes in it."""
    text = tomli_w.dumps(document).encode("utf-8")
    return spoilt(text, random) if random.random() < 0.15 else text


ODD_BYTES = (b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r", b'"', b"[", b"=", b"9" * 60)


def spoilt(content: bytes, random: Random) -> bytes:
    """Bytes of a file of which some are gone, there twice, or others."""
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(content) + 1)
        end = min(place + random.choice((1, 3, 40)), len(content))
        content = content[:place] + random.choice((*ODD_BYTES, content[place:end] * 2)) + content[end:]
    return content


def reduced(document: dict[str, Any]) -> dict[str, Any]:
    """A document of a shelf with fewer points: one entry, two systems, two values of each axis."""
    found = {**document, "report": {**document.get("report", {}), "charts": False}}
    found["report"].pop("comparison", None)
    for name, most in (("entry", 1), ("system", 2)):
        if name in found:
            found[name] = found[name][:most]
    found["sweep"] = {
        key: values[:2] if isinstance(values, list) else values for key, values in found.get("sweep", {}).items()
    }
    found["sweep"] = {key: values for key, values in found["sweep"].items() if _is_kept(key, found)}
    return found


def _is_kept(axis: str, document: dict[str, Any]) -> bool:
    """Whether an axis is about systems that are still there."""
    names = [system.get("name") for system in document.get("system", [])]
    return not axis.startswith("system.") or axis.count(".") == 1 or any(f".{name}." in axis for name in names)


@functools.cache
def small_scenarios() -> tuple[dict[str, Any], ...]:
    """One with nearly every table, and each of its systems alone."""
    small = tomllib.loads(SMALL)
    return (small, *({**small, "system": [system], "sweep": {}} for system in small["system"]))


@functools.cache
def shelved_scenarios() -> tuple[dict[str, Any], ...]:
    """Those of the shelf, reduced."""
    shelved = [tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(shelf("scenarios").glob("*.toml"))]
    # A base would bring back all the points of its own sweep.
    return tuple(reduced(one) for one in shelved if "base" not in one)


@functools.cache
def topologies() -> tuple[dict[str, Any], ...]:
    """The topologies of the shelf."""
    return tuple(tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(shelf("topologies").glob("*.toml")))

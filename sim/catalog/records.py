"""What the catalogue holds, as typed records: devices, libraries, how devices vary.

A record carries plain floats in SI units for computing, and the figures they came from for citing.
"""

from __future__ import annotations

import math
import typing
from dataclasses import Field, dataclass, field, replace
from typing import Any, ClassVar

from sim.catalog.figures import Figure

_RUNS_INSTEAD = {"flash-4": "fused-3", "flash-4 fp8": "fused-3 fp8"}
"""What a package of attention kernels runs where the device is none of those that its newest are for: Blackwell."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, dense rates, links per direction."""

    name: str
    title: str
    peak_flops_per_s: dict[str, float]
    hbm_bytes: float
    """What the runtime reports as the device's total memory: less than is printed on it."""
    hbm_bytes_per_s: float
    multiprocessors: int
    power_watts: float
    gemm_ceiling: float
    """Best measured GEMM rate over many shapes, as a share of the bf16 peak."""
    gemm_sustained: float
    """GEMM rate that the power limit sustains when all multiprocessors are full, as a share of the bf16 peak."""
    gemm_store_share: float
    """Share of a GEMM's output traffic that is not hidden behind its arithmetic, where k is long."""
    gemm_fill_s: float
    """What a tile of a GEMM costs a multiprocessor before its first product and after its last, where k is short."""
    gemm_buffered_elements: int
    """How many k of the operands of a tile a multiprocessor holds at once."""
    memory_efficiency: float
    """Achieved share of the memory bandwidth in streaming kernels."""
    kernel_gap_s: float
    """Idle time of the device between two kernels of one stream."""
    gemm_unaligned: float
    """Rate of a GEMM with a size that is no multiple of 16 bytes, as a share of what it reaches otherwise."""
    gemm_aligned_elements: int
    """Sizes of a GEMM that are multiples of it load 16 bytes at a time."""
    gemm_tiles: tuple[tuple[int, int], ...]
    """(rows, columns) of the output tiles of the matrix library's fast kernels."""
    gemm_splits: tuple[int, ...]
    """In how many parts the matrix library may cut k to fill the multiprocessors."""
    attention_efficiency: dict[str, float]
    """Share of peak on the FLOPs that a fused attention executes, by kernel and phase ("flash-1 forward")."""
    format_efficiency: dict[str, float] = field(default_factory=dict)
    """Share of its own peak that a product in a format reaches, over what half precision reaches of its; absent: 1."""
    fp8_transposes: bool = False
    """Products in fp8 read operands along k only, so that of each a transposed copy is made."""
    base: str = ""
    """The device of the catalogue that one of the user's own builds on; empty for those of the catalogue."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    def attention_share(self, kernel: str, phase: str) -> float | None:
        """What a fused attention reaches in a phase, or what runs in its place here; None where nothing is known."""
        names = f"{kernel} {phase}", f"{_RUNS_INSTEAD.get(kernel, kernel)} {phase}"
        return next((self.attention_efficiency[name] for name in names if name in self.attention_efficiency), None)


@dataclass(frozen=True, slots=True)
class Wafer:
    """One wafer-scale system that trains by weight streaming."""

    name: str
    title: str
    peak_flops_per_s: dict[str, float]
    sram_bytes: float
    sram_bytes_per_s: float
    power_watts: float
    base: str = ""
    """As for a GPU."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


class Device(typing.Protocol):
    """What every device says of itself, whatever its kind."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def peak_flops_per_s(self) -> dict[str, float]: ...
    @property
    def power_watts(self) -> float: ...
    @property
    def base(self) -> str: ...
    @property
    def figures(self) -> tuple[Figure, ...]: ...


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol of one algorithm of a collective library: what it costs beside bytes over links.

    base_s: once per collective. scale_up_hop_s, network_hop_s: per hop of the longest chain of messages, inside a
    scale-up domain and between domains. bandwidth_share: share of the links' rate that is payload.
    host_posts: messages that the host posts for each step of a ring that leaves the domain.
    card_chunk_bytes: payload that a network card passes on at a time; hops that pass all bytes on wait for it.
    network_bus_bytes_per_s: most bus bandwidth between domains, where the host touches every byte.
    """

    base_s: float
    scale_up_hop_s: float
    network_hop_s: float
    bandwidth_share: float
    host_posts: float = 0.0
    card_chunk_bytes: float = 0.0
    network_bus_bytes_per_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Library:
    """A collective communication library: which algorithms it has, and what its protocols cost.

    algorithms: collective ("all_reduce", ...) -> names of algorithms. protocols: algorithm -> protocol name -> costs.
    """

    name: str
    title: str
    algorithms: dict[str, tuple[str, ...]]
    protocols: dict[str, dict[str, Protocol]]
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    def with_hops_times(self, factor: float) -> Library:
        """The same library whose hops, and hosts that touch bytes, take so many times as long.

        What a collective costs once stays.
        """
        host = 1 / factor if factor else math.inf
        protocols = {
            algorithm: {
                name: replace(
                    protocol,
                    scale_up_hop_s=protocol.scale_up_hop_s * factor,
                    network_hop_s=protocol.network_hop_s * factor,
                    network_bus_bytes_per_s=protocol.network_bus_bytes_per_s * host,
                )
                for name, protocol in own.items()
            }
            for algorithm, own in self.protocols.items()
        }
        return replace(self, protocols=protocols)


@dataclass(frozen=True, slots=True)
class Stalls:
    """Rare stalls of one device: garbage collection, interrupts, a late data loader.

    per_device_hour: how many, of each device and hour of its work. mean_s: how long; lengths are exponential.
    """

    per_device_hour: float = 0.0
    mean_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Slow:
    """Some share of all devices, nodes or links that is slow throughout.

    slowdown: what they do takes (1 + slowdown) times as long.
    """

    share: float = 0.0
    slowdown: float = 0.0


@dataclass(frozen=True, slots=True)
class SlowPlace:
    """One device, or all devices of one node, that is slow throughout; one of the two is given."""

    slowdown: float
    device: int | None = None
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Variation:
    """In what devices and links of one kind differ, and how what they do differs from one time to the next.

    speed_spread: standard deviation of the time that equal devices need for equal work, lasting (silicon, cooling).
    kernel_jitter: standard deviation of one kernel's time over its mean, independent from kernel to kernel.
    network_noise: mean share by which a group's communication between nodes is slowed in a step, exponential.
    profile: name of the one in the catalogue that it is, or was made of.
    """

    name: str = "none"
    title: str = "every device alike"
    speed_spread: float = 0.0
    kernel_jitter: float = 0.0
    network_noise: float = 0.0
    stalls: Stalls = Stalls()
    slow_devices: Slow = Slow()
    slow_nodes: Slow = Slow()
    slow_links: Slow = Slow()
    slow: tuple[SlowPlace, ...] = ()
    profile: str = "none"
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_none(self) -> bool:
        """Whether nothing varies."""
        shares = [(one.share, one.slowdown) for one in (self.slow_devices, self.slow_nodes, self.slow_links)]
        pairs = [*shares, (self.stalls.per_device_hour, self.stalls.mean_s)]
        spreads = (self.speed_spread, self.kernel_jitter, self.network_noise)
        named = any(place.slowdown for place in self.slow)
        return not (any(spreads) or named or any(share and size for share, size in pairs))


_RINGS = ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce")
PLAIN_LIBRARY = Library(
    "plain",
    "Textbook rings: nothing but the links costs time",
    {**dict.fromkeys(_RINGS, ("ring",)), "all_to_all": ("pairwise",)},
    {name: {"plain": Protocol(0.0, 0.0, 0.0, 1.0)} for name in ("ring", "pairwise")},
)

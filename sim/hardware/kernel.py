"""How long a kernel keeps a GPU busy, by its shape.

A kernel here is one piece of work for one device: a (batched) matrix product, a fused attention, or a pass over
memory. Every size may be a numpy array: one element per plan.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from sim.catalog import Gpu, GpuStack, load_format

Array = Any
"""A float or a numpy array of floats; formulas broadcast over it."""
TINY_S = 1e-300
"""Less than any time: what nothing is divided by, so that a share of nothing is nothing."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One piece of work on one device.

    flops: what is executed; useful_flops: what the mathematics needs (the causal half of attention);
    counted_flops: the same with attention over the full square, as most papers count.
    traffic_bytes: read from and written to the device's memory.
    m, n, k, batch, output_bytes: shape of a (batched) matrix product and bytes written per output element. Of a fused
    attention: m query rows of size k in each of batch heads.
    longest: of a fused attention whose blocks of rows differ in work, that of the longest over the mean: 2 where it
    skips what a causal mask hides.
    format: of a product's operands; empty: that of the training's precision.
    launches: on average over micro-batches, of which some may do without it.
    """

    name: str
    kind: Literal["gemm", "attention", "elementwise"]
    flops: Array = 0.0
    traffic_bytes: Array = 0.0
    useful_flops: Array = 0.0
    counted_flops: Array = 0.0
    m: Array = 0.0
    n: Array = 0.0
    k: Array = 0.0
    batch: Array = 1.0
    output_bytes: float = 0.0
    backward: bool = False
    longest: float = 1.0
    format: str = ""
    launches: Array = 1.0


_PARTIAL_SUM_BYTES = 8.0
"""A cut in k writes and reads fp32 partial sums."""


def gemm_time_s(
    m: Array, n: Array, k: Array, batch: Array, output_bytes: Array, gpu: Gpu, peak: Array, per_half: int = 1
) -> Array:
    """Time of a (batched) matrix product (m, k) x (k, n) by arithmetic; memory traffic is a bound of its own.

    The best of the device's tiles and cuts in k, slower where a size is no multiple of what loads at once. The fullest
    multiprocessor runs at the best measured rate, the mean load at the sustained (power-limited) rate, and part of the
    output's write is not hidden behind arithmetic: all of it where k is short (`_shown_s`).
    output_bytes: per output element. peak: FLOP/s of the precision. per_half: elements of the operands that take as
    much room as one in half precision. Arguments broadcast; returns seconds.
    Source: tile and wave quantisation, NVIDIA, Matrix Multiplication Background User's Guide; the constants are
    fitted on GEMM measurements named in the device's file.
    """
    m, n, k, batch = (np.asarray(size, dtype=float)[..., None, None] for size in (m, n, k, batch))
    rows, columns = np.array(gpu.gemm_tiles, dtype=float).T[..., None]
    splits, multiple = np.array(gpu.gemm_splits, dtype=float), gpu.gemm_aligned_elements * per_half
    load = np.ceil(m / rows) * np.ceil(n / columns) * batch * splits / gpu.multiprocessors
    peak = np.asarray(peak, dtype=float)[..., None, None]
    tile_time_s = 2.0 * rows * columns * k / splits * gpu.multiprocessors / peak
    aligned = (m % multiple == 0) & (n % multiple == 0) & (k % multiple == 0)
    tile_time_s = tile_time_s / np.where(aligned, 1.0, gpu.gemm_unaligned)
    arithmetic_s = tile_time_s * np.maximum(load / gpu.gemm_sustained, np.ceil(load) / gpu.gemm_ceiling)
    partial_bytes = np.where(splits > 1, _PARTIAL_SUM_BYTES * splits, 0.0)
    written = np.asarray(output_bytes, dtype=float)[..., None, None] + partial_bytes
    store_s = batch * m * n * written / gpu.hbm_bytes_per_s
    shown_s = _shown_s(arithmetic_s, store_s, np.ceil(load), k / splits / per_half, gpu)
    return np.min(arithmetic_s + shown_s, axis=(-2, -1))


def _shown_s(arithmetic_s: Array, store_s: Array, tiles: Array, depth: Array, gpu: Gpu) -> Array:
    """What of filling, draining and storing a product's tiles is not hidden behind arithmetic.

    A multiprocessor fills before a tile's first product and drains and stores after its last. Only what a loop over k
    does beyond the part that its buffers hold at once hides that, and never more than all but `gemm_store_share` of
    the store. tiles: of the fullest multiprocessor, one after the other. depth: k of one tile, as in half precision.
    Source: prologue, main loop and epilogue of a tile, NVIDIA, CUTLASS, Efficient GEMM in CUDA.
    """
    hiding_s = arithmetic_s * np.maximum(1.0 - gpu.gemm_buffered_elements / depth, 0.0)
    return np.maximum(gpu.gemm_store_share * store_s, store_s + tiles * gpu.gemm_fill_s - hiding_s)


_HALF_BYTES = 2.0
_QUERY_ROWS = 128.0
_HEAD_STEP = 32.0
"""A fused attention works on blocks of so many query rows, with sizes of a head rounded up to a multiple."""


def attention_time_s(kernel: Kernel, gpu: Gpu, flops_per_s: Array) -> Array:
    """Time of a fused attention by arithmetic, at the rate that it reaches where every multiprocessor is busy.

    A multiprocessor works on whole blocks of query rows of one head. Of equal ones the fullest has the mean number
    rounded up. Of uneven ones the last to end is half of the longest late on average: one mean where that takes two.
    Source: Dao 2023 (FlashAttention-2), sec. 3.2, blocks of rows over multiprocessors; Dao-AILab/flash-attention,
    flash_api.cpp, for the rounded size of a head; Graham 1966, lists of jobs on equal machines.
    Hand-worked: 4 heads of 80 and 4,096 rows on 108 multiprocessors, uneven: 32 blocks each, 1.185 a multiprocessor:
    (1.185 + 1) / 1.185 x 96 / 80 = 2.21 times as long as at the full rate.
    """
    load = kernel.batch * np.ceil(kernel.m / _QUERY_ROWS) / gpu.multiprocessors
    fullest = load + kernel.longest / 2 if kernel.longest > 1 else np.ceil(load)
    rounded = np.ceil(kernel.k / _HEAD_STEP) * _HEAD_STEP / kernel.k
    return kernel.flops / flops_per_s * rounded * fullest / load


def memory_time_s(traffic_bytes: Array, gpu: Gpu) -> Array:
    """Time of a pass over memory at the achieved bandwidth. Source: the roofline (Williams et al. 2009)."""
    return traffic_bytes / (gpu.hbm_bytes_per_s * gpu.memory_efficiency)


def kernel_time_s(kernel: Kernel, gpu: Gpu, stack: GpuStack, precision: str) -> Array:
    """Busy time of one kernel: the slower of arithmetic and memory; launch gaps are charged apart.

    Source: the roofline (Williams et al. 2009), with efficiencies by shape.
    """
    bytes_time_s = memory_time_s(kernel.traffic_bytes, gpu)
    operands = kernel.format or precision
    peak = gpu.peak_flops_per_s[operands]
    if kernel.kind == "elementwise":
        return bytes_time_s
    if kernel.kind == "gemm":
        # Both the best and the sustained rate are shares of the peak: what a format reaches less of it scales either.
        peak, per_half = peak * gpu.format_efficiency.get(operands, 1.0), elements_per_half(operands)
        arithmetic_s = gemm_time_s(kernel.m, kernel.n, kernel.k, kernel.batch, kernel.output_bytes, gpu, peak, per_half)
    else:
        share = gpu.attention_share(attention_of(stack, operands), "backward" if kernel.backward else "forward")
        assert share is not None
        arithmetic_s = attention_time_s(kernel, gpu, peak * share)
    return np.maximum(arithmetic_s, bytes_time_s)


def attention_of(stack: GpuStack, operands: str) -> str:
    """What a device calls a stack's fused attention in a format."""
    return f"{stack.attention_kernel} {operands}" if elements_per_half(operands) > 1 else stack.attention_kernel


@functools.cache
def elements_per_half(name: str) -> int:
    """Elements of a format that take as much room as one in half precision, which devices state sizes for.

    At least one. Hand-worked: two in MXFP8, whose scales are stored apart; four in NVFP4; one in fp32.
    """
    return max(round(_HALF_BYTES / load_format(name).bytes), 1)


class Launching(NamedTuple):
    """How kernels get to the device. Seconds.

    each_s: of the host for each of them. gap_s: that the device idles at each. once_s: of the host for all together.
    """

    each_s: Array
    gap_s: Array
    once_s: Array = 0.0


def launched_time_s(busy_s: Array, launches: Array, how: Launching) -> Array:
    """Time of a sequence of kernels with its launches: the device's gaps, or the host where it is slower.

    launches: kernels that get to the device. Where kernels are shorter than launches, the host is the clock. A graph of
    kernels costs the host one launch, however many they are.
    Source: the queueing of asynchronous launches on one stream (CUDA C++ Programming Guide, streams; CUDA graphs).
    Hand-worked: 10 kernels of 1 us with gaps of 1 us: 20 us; from a host that takes 5 us for each, 50 us; as a graph
    that is launched in 30 us, 30 us.
    """
    return np.maximum(busy_s + launches * how.gap_s, launches * how.each_s + how.once_s)

"""Kernel times: tiles and waves by hand, the roofline, launches, and how times behave."""

import dataclasses

import numpy as np
import pytest
from builders import gpu, gpu_stack
from hypothesis import given
from hypothesis import strategies as st

from sim.hardware.kernel import Kernel, Launching, gemm_time_s, kernel_time_s, launched_time_s, memory_time_s

PEAK = 1e12
SIZES = st.integers(1, 20_000)
BATCHES = st.integers(1, 512)


def toy(multiprocessors=1, **over):
    """A GPU whose kernels lose nothing but to tiles and waves."""
    values = {
        "peak_flops_per_s": {"bf16": PEAK}, "hbm_bytes_per_s": 2e9, "multiprocessors": multiprocessors,
        "gemm_ceiling": 1.0, "gemm_sustained": 1.0, "gemm_store_share": 0.0, "memory_efficiency": 1.0,
        "gemm_unaligned": 1.0, "kernel_gap_s": 0.0, "gemm_fill_s": 0.0, "gemm_buffered_elements": 0, **over,
    }  # fmt: skip
    return gpu(**values)


def gemm(m, n, k, device, batch=1, output_bytes=2.0, peak=PEAK):
    return float(gemm_time_s(m, n, k, batch, output_bytes, device, peak))


TILE_S = 2 * 256 * 128 * 1000 / PEAK
"""One tile of 256 x 128 at depth 1000, by one multiprocessor that has the whole peak."""


def test_whole_tiles_run_at_peak():
    assert gemm(256, 128, 1000, toy()) == pytest.approx(TILE_S)
    assert gemm(128, 256, 1000, toy()) == pytest.approx(TILE_S)
    assert gemm(512, 256, 1000, toy(), batch=3) == pytest.approx(12 * TILE_S)


def test_part_of_a_tile_costs_a_tile():
    # 257 rows: two tiles of 256 rows, or three of 128 rows and twice the columns.
    assert gemm(257, 128, 1000, toy()) == pytest.approx(2 * TILE_S)
    # 300 x 300: two by three tiles of 256 x 128, or three by two: six either way.
    assert gemm(300, 300, 1000, toy()) == pytest.approx(6 * TILE_S)
    assert gemm(1, 1, 1000, toy()) == pytest.approx(TILE_S)


def test_part_of_a_wave_costs_a_wave():
    # Three tiles on two multiprocessors, each with half of the peak: two waves of two tile times. Half of the
    # output's write, 768 x 128 x 2 bytes at 2 GB/s, shows; cutting k in two would write 18 bytes instead of 2.
    found = gemm(768, 128, 1000, toy(2, gemm_store_share=0.5))
    assert found == pytest.approx(2 * 2 * TILE_S + 0.5 * 768 * 128 * 2 / 2e9)


def test_cutting_k_fills_the_multiprocessors():
    # One tile on four multiprocessors: cut in four where writing is free, alone where it is not.
    assert gemm(256, 128, 1000, toy(4, hbm_bytes_per_s=1e15)) == pytest.approx(TILE_S)
    alone = gemm(256, 128, 1000, toy(4, gemm_store_share=1.0, hbm_bytes_per_s=1e6))
    assert alone == pytest.approx(4 * TILE_S + 256 * 128 * 2 / 1e6)


@pytest.mark.parametrize("cuts", [2, 4, 8])
def test_partial_sums_are_written_and_read(cuts):
    # One tile on as many multiprocessors as k is cut in: at the whole peak. Half of what is written shows, at 100 GB/s:
    # 2 bytes of the result, and for each part a sum of 4 bytes that is written and read again.
    found = gemm(256, 128, 1000, toy(cuts, gemm_store_share=0.5, hbm_bytes_per_s=1e11))
    assert found == pytest.approx(TILE_S + 0.5 * 256 * 128 * (2 + cuts * (4 + 4)) / 1e11, rel=1e-12)
    # A result in fp32 that is read and written takes 8 bytes, cut or not.
    wide = gemm(256, 128, 1000, toy(cuts, gemm_store_share=0.5, hbm_bytes_per_s=1e11), output_bytes=8.0)
    assert wide - found == pytest.approx(0.5 * 256 * 128 * 6 / 1e11, rel=1e-9)


def test_the_mean_load_is_limited_by_power_and_the_fullest_processor_by_the_clock():
    # One tile, one multiprocessor: mean and fullest are the same, the slower rule counts.
    assert gemm(256, 128, 1000, toy(gemm_sustained=0.5, gemm_ceiling=0.8)) == pytest.approx(TILE_S / 0.5)
    # 11 tiles in k as one piece on 10 multiprocessors: mean 1.1, fullest 2.
    limited = toy(10, gemm_sustained=0.5, gemm_ceiling=0.8, gemm_store_share=1.0, hbm_bytes_per_s=1e6)
    found = gemm(256, 128, 1000, limited, batch=11)
    assert found == pytest.approx(10 * TILE_S * 2 / 0.8 + 11 * 256 * 128 * 2 / 1e6)


@pytest.mark.parametrize("size", [(255, 128, 1000), (256, 127, 1000), (256, 128, 999)])
def test_a_size_that_is_no_multiple_of_eight_elements_slows_a_product(size):
    # The tile is the same but for its depth; at a quarter of the rate it takes four times as long.
    tile_s = TILE_S * size[2] / 1000
    assert gemm(*size, toy(gemm_unaligned=0.25)) == pytest.approx(4 * tile_s)
    assert gemm(*size, toy()) == pytest.approx(tile_s)
    # The write of the result, half of it hidden, is not slower: 2 bytes an element at 2 GB/s.
    shown_s = 0.5 * size[0] * size[1] * 2 / 2e9
    assert gemm(*size, toy(gemm_unaligned=0.25, gemm_store_share=0.5)) == pytest.approx(4 * tile_s + shown_s)


@pytest.mark.parametrize("size", [(8, 8, 8), (256, 128, 1000), (1096, 50264, 4104)])
def test_multiples_of_eight_elements_run_at_the_full_rate(size):
    assert gemm(*size, toy(gemm_unaligned=0.25)) == gemm(*size, toy())


FILLED = {"gemm_fill_s": 1e-6, "gemm_buffered_elements": 200, "gemm_store_share": 0.5, "hbm_bytes_per_s": 1e11}
"""A tile fills and drains in 1 us, holds 200 k at once, and is written in 256 x 128 x 2 / 1e11 s = 0.66 us."""


@pytest.mark.parametrize("k", [8, 64, 200])
def test_nothing_hides_behind_a_short_loop(k):
    # Two tiles on one multiprocessor, one after the other: fill, products and store of each follow one another. (Cut
    # in k, twice as many tiles would each fill.)
    stored_s = 256 * 128 * 2 / 1e11
    assert gemm(512, 128, k, toy(**FILLED)) == pytest.approx(2 * (TILE_S * k / 1000 + 1e-6 + stored_s), rel=1e-12)


def test_a_long_loop_hides_what_lies_beyond_its_fill():
    tile_s, stored_s = TILE_S * 0.21, 256 * 128 * 2 / 1e11
    # k = 210: its last 10, 2 x 256 x 128 x 10 / 1e12 = 0.66 us, hide that much of 1.66 us.
    hidden_s = 2 * 256 * 128 * 10 / PEAK
    assert gemm(256, 128, 210, toy(**FILLED)) == pytest.approx(tile_s + 1e-6 + stored_s - hidden_s, rel=1e-12)
    # k = 1000: all is hidden but half of the store.
    assert gemm(256, 128, 1000, toy(**FILLED)) == pytest.approx(TILE_S + 0.5 * stored_s, rel=1e-12)


def test_a_longer_loop_is_never_faster():
    times = gemm_time_s(512.0, 256.0, np.arange(8.0, 1200.0, 8.0), 1.0, 2.0, toy(**FILLED), PEAK)
    assert (np.diff(times) > -1e-15).all()


def test_the_roofline():
    stack = gpu_stack(attention_kernel="ours")
    efficiencies = {"ours forward": 0.5, "ours backward": 0.25, "theirs forward": 0.9, "theirs backward": 0.9}
    device = toy(hbm_bytes_per_s=2e9, memory_efficiency=0.5, attention_efficiency=efficiencies)

    def time_s(kind, flops, traffic, backward=False):
        kernel = Kernel(
            "k", kind, flops, traffic, m=256, n=128, k=64 if kind == "attention" else 1000, backward=backward
        )
        return float(kernel_time_s(kernel, device, stack, "bf16"))

    assert time_s("elementwise", 0.0, 3e6) == 3e-3
    assert time_s("attention", 1e9, 1e3) == pytest.approx(2e-3)
    assert time_s("attention", 1e9, 1e3, backward=True) == pytest.approx(4e-3)
    assert time_s("attention", 1e9, 5e6) == pytest.approx(5e-3)
    assert time_s("gemm", 0.0, 1.0) == pytest.approx(TILE_S)
    assert time_s("gemm", 0.0, 1e9) == pytest.approx(1.0)


def test_a_kernel_runs_at_the_peak_of_its_format():
    device = toy(peak_flops_per_s={"bf16": PEAK, "tf32": PEAK / 2})
    sizes = {"m": 256, "n": 128, "k": 1000}
    own, other = (
        float(kernel_time_s(Kernel("k", "gemm", **sizes, format=name), device, gpu_stack(), "bf16"))
        for name in ("", "tf32")
    )
    assert other == pytest.approx(2 * own)


def test_a_product_in_a_format_reaches_its_share_of_what_half_precision_reaches():
    # Twice the peak, and 0.8 of the share: 1.6 times as fast where arithmetic is all. Attention has shares of its own.
    peaks, shares = {"bf16": PEAK, "fp8": 2 * PEAK}, {"flash forward": 0.5, "flash fp8 forward": 0.5}
    device = toy(peak_flops_per_s=peaks, format_efficiency={"fp8": 0.8}, attention_efficiency=shares)

    def time_s(kind, name):
        kernel = Kernel("k", kind, 1e9, m=256, n=128, k=1000 if kind == "gemm" else 64, format=name)
        return float(kernel_time_s(kernel, device, gpu_stack(attention_kernel="flash"), "bf16"))

    assert time_s("gemm", "bf16") == pytest.approx(1.6 * time_s("gemm", "fp8"))
    assert time_s("attention", "bf16") == pytest.approx(2.0 * time_s("attention", "fp8"))


def test_the_same_attention_is_as_fast_as_its_kernel():
    device = toy(attention_efficiency={"old forward": 0.25, "new forward": 0.75})
    kernel = Kernel("k", "attention", 3e9, m=128, k=64)
    old_s, new_s = (
        float(kernel_time_s(kernel, device, gpu_stack(attention_kernel=name), "bf16")) for name in ("old", "new")
    )
    assert (old_s, new_s) == pytest.approx((12e-3, 4e-3))


@pytest.mark.parametrize(
    ("rows", "heads", "size", "longest", "times"),
    [
        # On 4 multiprocessors: 8 blocks of 128 rows are two each, 9 are three for one of them: 3 / 2.25 of the mean.
        (1024, 1, 64, 1, 1.0), (128, 9, 64, 1, 3 / 2.25), (1025, 1, 64, 1, 3 / 2.25),
        # Uneven blocks: half of the longest, which is two means, is waited for in the end.
        (1024, 1, 64, 2, 3 / 2), (1024, 100, 64, 2, 201 / 200), (1024, 1, 64, 1.5, 2.75 / 2),
        # A head of 80 is worked on as one of 96.
        (1024, 1, 80, 1, 96 / 80), (1024, 1, 32, 1, 1.0),
    ],
)  # fmt: skip
def test_a_fused_attention_works_on_whole_blocks_and_rounded_heads(rows, heads, size, longest, times):
    device = toy(4, attention_efficiency={"ours forward": 0.5})
    kernel = Kernel("k", "attention", 1e9, m=rows, batch=heads, k=size, longest=longest)
    found = float(kernel_time_s(kernel, device, gpu_stack(attention_kernel="ours"), "bf16"))
    assert found == pytest.approx(times * 1e9 / (0.5 * PEAK))


def test_the_host_is_the_clock_where_kernels_are_short():
    # Ten launches of 5 us by the host, gaps of 1 us on the device.
    assert launched_time_s(1e-3, 10, Launching(5e-6, 1e-6)) == pytest.approx(1e-3 + 10e-6)
    assert launched_time_s(1e-6, 10, Launching(5e-6, 1e-6)) == pytest.approx(50e-6)
    # A graph of them is launched in 30 us, or runs for longer than that.
    assert launched_time_s(10e-6, 10, Launching(0.0, 1e-6, 30e-6)) == pytest.approx(30e-6)
    assert launched_time_s(1e-3, 10, Launching(0.0, 1e-6, 30e-6)) == pytest.approx(1e-3 + 10e-6)


SECONDS = st.floats(0, 1e-2)


@given(SECONDS, st.integers(0, 200), SECONDS, SECONDS, st.floats(0, 1e-3))
def test_more_work_launches_or_gaps_never_shorten(busy_s, launches, launch_s, gap_s, more):
    how = Launching(launch_s, gap_s)
    base = launched_time_s(busy_s, launches, how)
    assert base >= busy_s
    for slower in (Launching(launch_s, gap_s + more), Launching(launch_s + more, gap_s), how._replace(once_s=more)):
        assert launched_time_s(busy_s, launches, slower) >= base
    assert launched_time_s(busy_s + more, launches, how) >= base
    assert launched_time_s(busy_s, launches + 1, how) >= base


@given(SIZES, SIZES, SIZES, BATCHES)
def test_never_faster_than_the_device(m, n, k, batch):
    device = gpu()
    peak = device.peak_flops_per_s["bf16"]
    possible = gemm(m, n, k, device, batch, peak=peak) * peak * device.gemm_sustained
    assert possible >= 2.0 * m * n * k * batch * (1 - 1e-12)


@given(SIZES, SIZES, SIZES, BATCHES, st.floats(1, 10))
def test_a_faster_device_is_never_slower(m, n, k, batch, factor):
    device = gpu()
    peak = device.peak_flops_per_s["bf16"]
    base = gemm(m, n, k, device, batch, peak=peak)
    fast_memory = dataclasses.replace(device, hbm_bytes_per_s=device.hbm_bytes_per_s * factor)
    assert gemm(m, n, k, device, batch, peak=peak * factor) <= base
    assert gemm(m, n, k, fast_memory, batch, peak=peak) <= base
    faster = dataclasses.replace(fast_memory, gemm_fill_s=device.gemm_fill_s / factor)
    assert gemm(m, n, k, faster, batch, peak=peak * factor) == pytest.approx(base / factor, rel=1e-12)


@given(SIZES, SIZES, SIZES, BATCHES, st.floats(0.05, 1), st.floats(0.05, 1))
def test_an_unaligned_product_is_never_faster(m, n, k, batch, first, second):
    slow, fast = (gemm(m, n, k, gpu(gemm_unaligned=share), batch) for share in sorted((first, second)))
    level = gemm(m, n, k, gpu(gemm_unaligned=1.0), batch)
    assert slow >= fast >= level
    if all(size % 8 == 0 for size in (m, n, k)):
        assert slow == level


@given(SIZES, SIZES, SIZES, BATCHES, st.integers(1, 1000), st.booleans())
def test_more_work_never_takes_less_time(m, n, k, batch, more, aligned):
    # Between products that are aligned, or where that makes no difference: up to the next multiple, more is faster.
    device = gpu() if aligned else gpu(gemm_unaligned=1.0)
    if aligned:
        m, n, k, more = 8 * m, 8 * n, 8 * k, 8 * more
    base = gemm(m, n, k, device, batch)
    assert gemm(m + more, n, k, device, batch) >= base
    assert gemm(m, n + more, k, device, batch) >= base
    assert gemm(m, n, k + more, device, batch) >= base
    assert gemm(m, n, k, device, batch + more) >= base


@given(st.lists(SIZES, min_size=1, max_size=5), st.lists(SIZES, min_size=1, max_size=5), BATCHES)
def test_arrays_give_what_numbers_give(rows, columns, batch):
    device = gpu()
    m, n = np.array(rows)[:, None], np.array(columns)
    outputs = np.where(m > 1000, 2.0, 8.0)
    found = gemm_time_s(m, n, 512, batch, outputs, device, PEAK)
    assert found.shape == (len(rows), len(columns))
    for (row, column), value in np.ndenumerate(found):
        assert value == gemm(rows[row], columns[column], 512, device, batch, float(outputs[row, 0]))
    assert np.all(memory_time_s(m * 1.0, device) == np.array([[memory_time_s(row, device)] for row in rows], float))


@pytest.mark.parametrize("count", [2, 4])
def test_the_peak_may_be_an_array_too(count):
    # The peak is one of the arguments that are said to broadcast.
    device, peaks = gpu(), np.linspace(1e14, 4e14, count)
    found = gemm_time_s(np.full(count, 4096.0), 4096, 4096, 1, 2.0, device, peaks)
    assert found == pytest.approx([gemm(4096, 4096, 4096, device, peak=peak) for peak in peaks])

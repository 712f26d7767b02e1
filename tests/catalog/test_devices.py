"""The devices of the catalogue, and where every figure of the catalogue comes from."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from sim.catalog import (
    Gpu,
    GpuStack,
    Wafer,
    device_names,
    economics_of,
    format_figures,
    host_names,
    law_names,
    library_names,
    load_device,
    load_facility,
    load_host,
    load_law,
    load_library,
    load_model,
    load_optimizer,
    load_recipe,
    load_reliability,
    load_sources,
    load_stack,
    load_variation,
    model_names,
    optimizer_names,
    plan_spreads,
    recipe_names,
    reliability_names,
    stack_names,
    undisclosed_models,
    variation_names,
)
from sim.catalog.figures import KINDS, Figure
from sim.errors import InputError
from sim.validation.collectives import read_collectives
from sim.validation.slow_node import read_slow_nodes

GPUS = [name for name in device_names() if isinstance(load_device(name), Gpu)]
WAFERS = [name for name in device_names() if isinstance(load_device(name), Wafer)]

# What the vendors print on the front page, with sparsity.
SPARSE_HEADLINES = {
    "a100-40gb-sxm": {"tf32": 312e12, "bf16": 624e12},
    "a100-80gb-sxm": {"tf32": 312e12, "bf16": 624e12},
    "a100-80gb-pcie": {"tf32": 312e12, "bf16": 624e12},
    "h100-80gb-sxm": {"tf32": 989e12, "bf16": 1979e12, "fp8": 3958e12},
    "h100-96gb-hbm2e-500w": {"tf32": 989e12, "bf16": 1979e12, "fp8": 3958e12},
    "h200-141gb-sxm": {"tf32": 989e12, "bf16": 1979e12, "fp8": 3958e12},
    "b200-180gb-sxm": {"tf32": 2250e12, "bf16": 4500e12, "fp8": 9000e12, "nvfp4": 18000e12},
    "gb200": {"tf32": 2500e12, "bf16": 5000e12, "fp8": 10000e12, "nvfp4": 20000e12},
    "gh200-96gb": {"tf32": 989e12, "bf16": 1979e12, "fp8": 3958e12},
    "l40s": {"tf32": 366e12, "bf16": 733e12, "fp8": 1466e12},
    "a10": {"tf32": 125e12, "bf16": 250e12},
    # With fp32 accumulation; with fp16 accumulation these cards print twice as much again.
    "rtx-4090": {"tf32": 165.2e12, "bf16": 330.4e12, "fp16": 330.4e12, "fp8": 660.6e12},
    "rtx-3090": {"tf32": 71.2e12, "bf16": 142.4e12, "fp16": 142.4e12},
}


def gpu(name: str) -> Gpu:
    device = load_device(name)
    assert isinstance(device, Gpu)
    return device


def wafer(name: str) -> Wafer:
    device = load_device(name)
    assert isinstance(device, Wafer)
    return device


def all_figures() -> list[tuple[str, Figure]]:
    """Every figure of the catalogue, with the record that holds it."""
    records = [
        *(load_device(name) for name in device_names()),
        *(load_host(name) for name in host_names()),
        *(load_stack(name) for name in stack_names()),
        *(load_model(name) for name in model_names()),
        *(load_library(name) for name in library_names()),
        *(load_variation(name) for name in variation_names()),
        *(load_recipe(name) for name in recipe_names()),
        *(load_optimizer(name) for name in optimizer_names()),
        *(load_reliability(name) for name in reliability_names()),
        *(load_law(name) for name in law_names()),
    ]
    spreads = [("plan_spreads", figure) for spread in plan_spreads() for figure in spread.figures]
    money = [load_facility(), *(economics_of(name) for name in device_names())]
    named = [(record.name, figure) for record in records for figure in record.figures]
    return [
        *named,
        *spreads,
        *(("formats", figure) for figure in format_figures()),
        *(("economics", figure) for record in money for own in record.figures.values() for figure in own),
    ]


@pytest.mark.parametrize("name", GPUS)
def test_formats_keep_their_dense_ratios(name: str) -> None:
    peak = gpu(name).peak_flops_per_s
    assert peak["fp32"] < peak["fp16"]
    if "bf16" in peak:
        assert peak["fp16"] == peak["bf16"]
        assert peak["tf32"] == pytest.approx(peak["bf16"] / 2, rel=1e-3)
    if "fp8" in peak:
        assert peak["fp8"] == pytest.approx(2 * peak["bf16"], rel=1e-3)
        assert peak["fp8-block"] == peak["fp8"]
    if "mxfp8" in peak:
        assert peak["mxfp8"] == peak["fp8"]
    if "nvfp4" in peak:
        # Twice fp8, or where the chip was made for it three times; never twice the bytes' ratio.
        assert peak["nvfp4"] / peak["fp8"] == pytest.approx(2, rel=1e-3) or 2 < peak["nvfp4"] / peak["fp8"] <= 3.34


@pytest.mark.parametrize(("name", "headlines"), SPARSE_HEADLINES.items())
def test_no_peak_is_the_sparse_headline(name: str, headlines: dict[str, float]) -> None:
    peak = gpu(name).peak_flops_per_s
    for number_format, sparse in headlines.items():
        assert peak[number_format] == pytest.approx(sparse / 2, rel=2e-3)


def test_every_gpu_but_the_volta_is_held_against_its_headline() -> None:
    assert set(GPUS) - set(SPARSE_HEADLINES) == {"v100-32gb-sxm"}


def test_the_volta_has_neither_bf16_nor_fp8() -> None:
    assert set(gpu("v100-32gb-sxm").peak_flops_per_s) == {"fp32", "fp16"}


def test_the_ampere_has_no_fp8() -> None:
    assert not {"fp8", "fp8-block"} & set(gpu("a100-80gb-sxm").peak_flops_per_s)
    assert not {"mxfp8", "nvfp4"} & set(gpu("h100-80gb-sxm").peak_flops_per_s)


def test_wafers_are_dense() -> None:
    # The headlines are 62.5 and 125 PFLOP/s.
    assert wafer("cs-2").peak_flops_per_s["fp16"] < 10e15
    assert wafer("cs-3").peak_flops_per_s["fp16"] < 20e15


@pytest.mark.parametrize(
    ("name", "printed_gb"),
    [("a100-40gb-sxm", 40), ("a100-80gb-pcie", 80), ("h100-80gb-sxm", 80), ("h200-141gb-sxm", 141), ("gb200", 186)],
)
def test_no_process_can_allocate_what_is_printed(name: str, printed_gb: float) -> None:
    # What is printed is near the module's size in GiB; the driver and ECC keep about a hundredth of it.
    assert 0.97 * printed_gb < gpu(name).hbm_bytes / 2**30 < 0.995 * printed_gb


def test_the_memory_sizes_of_the_a100_are_not_mixed() -> None:
    small, large = gpu("a100-40gb-sxm"), gpu("a100-80gb-sxm")
    assert small.peak_flops_per_s == large.peak_flops_per_s
    assert large.hbm_bytes == pytest.approx(2 * small.hbm_bytes, rel=0.01)
    assert small.hbm_bytes_per_s < large.hbm_bytes_per_s


def test_the_boards_of_the_a100_are_not_mixed() -> None:
    sxm, pcie = gpu("a100-80gb-sxm"), gpu("a100-80gb-pcie")
    assert sxm.peak_flops_per_s == pcie.peak_flops_per_s
    assert sxm.hbm_bytes == pcie.hbm_bytes
    assert pcie.hbm_bytes_per_s < sxm.hbm_bytes_per_s
    assert pcie.power_watts < sxm.power_watts
    assert pcie.gemm_ceiling < sxm.gemm_ceiling


def test_the_h200_is_an_h100_with_other_memory() -> None:
    first, second = gpu("h100-80gb-sxm"), gpu("h200-141gb-sxm")
    assert first.peak_flops_per_s == second.peak_flops_per_s
    assert first.multiprocessors == second.multiprocessors
    assert first.hbm_bytes < second.hbm_bytes
    assert first.hbm_bytes_per_s < second.hbm_bytes_per_s


def test_the_blackwell_boards_are_not_mixed() -> None:
    board, superchip = gpu("b200-180gb-sxm"), gpu("gb200")
    assert board.peak_flops_per_s["bf16"] < superchip.peak_flops_per_s["bf16"]
    assert board.hbm_bytes < superchip.hbm_bytes
    assert board.power_watts < superchip.power_watts


def test_consumer_cards_have_half_the_rate_of_their_chip_where_sums_are_in_fp32() -> None:
    # The chips of the L40S and of the RTX 4090, and of the A10 and of the RTX 3090, are alike; FLOP per multiprocessor
    # and clock (GHz, boost) differ by two.
    clocks = {"l40s": 2.52e9, "rtx-4090": 2.52e9, "a10": 1.695e9, "rtx-3090": 1.695e9}
    per_clock = {name: gpu(name).peak_flops_per_s["bf16"] / gpu(name).multiprocessors / clocks[name] for name in clocks}
    assert per_clock == pytest.approx({"l40s": 1024, "rtx-4090": 512, "a10": 1024, "rtx-3090": 512}, rel=0.01)


def test_the_wafers_differ() -> None:
    second, third = wafer("cs-2"), wafer("cs-3")
    assert second.peak_flops_per_s["fp16"] < third.peak_flops_per_s["fp16"]
    assert second.sram_bytes < third.sram_bytes
    assert second.sram_bytes_per_s < third.sram_bytes_per_s


@pytest.mark.parametrize("name", device_names())
def test_every_quantity_is_above_zero(name: str) -> None:
    device = load_device(name)
    for spec in dataclasses.fields(device):
        value = getattr(device, spec.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            assert value > 0, spec.name
    assert all(rate > 0 for rate in device.peak_flops_per_s.values())


@pytest.mark.parametrize("name", GPUS)
def test_shares_are_shares(name: str) -> None:
    device = gpu(name)
    assert 0 < device.gemm_ceiling < 1
    assert 0 < device.memory_efficiency < 1
    assert 0 < device.gemm_unaligned <= 1
    assert all(0 < share < 1 for share in device.attention_efficiency.values())


@pytest.mark.parametrize("name", GPUS)
def test_every_attention_that_a_stack_calls_has_an_efficiency_on_every_device(name: str) -> None:
    stacks = [stack for stack in map(load_stack, stack_names()) if isinstance(stack, GpuStack)]
    called = {stack.attention_kernel for stack in stacks if stack.flash_attention}
    assert len(called) > 1
    device, known = gpu(name), gpu(name).attention_efficiency
    assert all(device.attention_share(kernel, phase) for kernel in called for phase in ("forward", "backward"))
    # And no kernel has one of its phases only.
    assert {key.removesuffix(" forward") for key in known if key.endswith(" forward")} == {
        key.removesuffix(" backward") for key in known if key.endswith(" backward")
    }


@pytest.mark.parametrize("stack", [name for name in stack_names() if isinstance(load_stack(name), GpuStack)])
def test_a_fused_attention_is_named_where_there_is_one(stack: str) -> None:
    found = load_stack(stack)
    assert isinstance(found, GpuStack)
    assert not (found.flash_attention and found.attention_kernel == "none")


@pytest.mark.parametrize("name", device_names())
def test_every_field_of_a_device_has_a_figure(name: str) -> None:
    device = load_device(name)
    cited = {figure.name.split(".")[0] for figure in device.figures}
    # Where a device says nothing of narrow formats, they reach what half precision does, and need no copies.
    known = {spec.name for spec in dataclasses.fields(device)} - {"name", "title", "base", "figures"}
    assert known - {"format_efficiency", "fp8_transposes"} <= cited <= known


def test_a_borrowed_figure_is_an_assumption() -> None:
    for where, figure in all_figures():
        if "borrowed" in figure.note:
            assert figure.kind == "assumed", (where, figure.name)


def test_every_figure_obeys_its_kind_and_has_a_date() -> None:
    for where, figure in all_figures():
        assert all(getattr(figure, need) for need in KINDS[figure.kind]), (where, figure.name)
        assert figure.date, (where, figure.name)


def test_every_cited_source_is_listed() -> None:
    unlisted = {(where, figure.name, figure.source) for where, figure in all_figures() if figure.source}
    unlisted = {entry for entry in unlisted if entry[2] not in load_sources()}
    assert not unlisted


def test_every_listed_source_is_cited() -> None:
    cited = {figure.source for _, figure in all_figures()}
    cited |= {row.source for row in (*read_collectives(), *read_slow_nodes())}
    cited |= {model.source for model in undisclosed_models().values()}
    shelves = [Path(__file__).parents[2] / shelf for shelf in ("topologies", "scenarios")]
    for path in (one for shelf in shelves for one in shelf.glob("*.toml")):
        cited |= set(re.findall(r'source = "([^"]+)"', path.read_text(encoding="utf-8")))
    assert set(load_sources()) <= cited


@pytest.mark.parametrize("key", load_sources())
def test_every_source_says_what_and_where_and_when(key: str) -> None:
    source = load_sources()[key]
    assert set(source) == {"title", "reference", "date"}
    assert all(source.values())


def test_a_misspelt_name_is_met_with_the_closest() -> None:
    with pytest.raises(InputError, match="did you mean 'h100-80gb-sxm'"):
        load_device("h100-80gb-smx")

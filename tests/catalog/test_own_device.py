"""A device of the user's own: a file that names a base of the catalogue and states what differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sim.catalog import Gpu, device_names, load_device, read_device
from sim.errors import InputError

HEAD = 'title = "My card"\nbase = "a100-80gb-sxm"\n'


def stated(name: str, value: object) -> str:
    shown = f'"{value}"' if isinstance(value, str) else value
    return f'{name} = {{ value = {shown}, kind = "assumed", note = "mine" }}\n'


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, name: str = "mine.toml") -> Gpu:
    device = read_device(write(folder, text, name), "mine.toml")
    assert isinstance(device, Gpu)
    return device


def test_what_a_file_does_not_state_is_its_bases(tmp_path: Path) -> None:
    text = HEAD + stated("power_watts", "250 W") + "[peak_flops_per_s]\n" + stated("bf16", "200 TFLOP/s")
    base, found = load_device("a100-80gb-sxm"), read(tmp_path, text)
    assert (found.name, found.title, found.base, found.power_watts) == ("mine", "My card", "a100-80gb-sxm", 250.0)
    assert found.peak_flops_per_s == {**base.peak_flops_per_s, "bf16": 200e12}
    changed = {"name", "title", "base", "power_watts", "peak_flops_per_s", "figures"}
    for spec in dataclasses.fields(found):
        assert spec.name in changed or getattr(found, spec.name) == getattr(base, spec.name), spec.name
    assert {one.note for one in found.figures if one.name in ("power_watts", "peak_flops_per_s.bf16")} == {"mine"}


@pytest.mark.parametrize("name", device_names())
def test_every_device_can_be_a_base(name: str, tmp_path: Path) -> None:
    assert read_device(write(tmp_path, f'title = "My card"\nbase = "{name}"\n'), "mine.toml").base == name


def test_a_switch_is_true_or_false(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD + stated("fp8_transposes", "true").replace('"true"', "true")).fp8_transposes
    with pytest.raises(InputError, match="fp8_transposes\n  2 is neither true nor false\n  write true or false"):
        read(tmp_path, HEAD + stated("fp8_transposes", 2))


def test_nothing_is_kept_of_a_file_that_changes(tmp_path: Path) -> None:
    first = read(tmp_path, HEAD + stated("gemm_ceiling", 0.5))
    second = read(tmp_path, HEAD + stated("gemm_ceiling", 0.6))
    assert (first.gemm_ceiling, second.gemm_ceiling) == (0.5, 0.6)
    assert load_device("a100-80gb-sxm").base == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = ", "not TOML"),
        ("a = " + "[" * 3000, "nested deeper than"),
        ('title = "My card"', "needs base"),
        ('base = "a100-80gb-sxm"', "needs title"),
        ('title = "My card"\nbase = 3', "needs base"),
        (
            'title = "My card"\nbase = "a100-80gb-smx"',
            r"base\n  unknown device 'a100-80gb-smx'; did you mean 'a100-80gb-",
        ),
        (HEAD + 'record = "wafer"', "record\n  'a100-80gb-sxm' is a gpu"),
        (HEAD + stated("hbm_byte", "80 GiB"), "unknown key 'hbm_byte'; did you mean 'hbm_bytes'"),
        (HEAD + "hbm_bytes = 80e9", "'hbm_bytes' is not a figure"),
        (HEAD + stated("hbm_bytes", 80e9), "mine.toml: hbm_bytes\n  80000000000.0 has no unit"),
        (HEAD + stated("hbm_bytes", "0 GB"), "mine.toml: hbm_bytes\n  '0 GB' must be above zero"),
        (HEAD + stated("hbm_bytes", "80 Gbit"), "bits and bytes"),
        (HEAD + stated("multiprocessors", 0), "multiprocessors\n  0 is not a whole number"),
        (HEAD + stated("multiprocessors", 2.5), "multiprocessors\n  2.5 is not a whole number"),
        (HEAD + stated("gemm_aligned_elements", 8.0), "gemm_aligned_elements\n  8.0 is not a whole number"),
        (HEAD + stated("gemm_splits", 4), "gemm_splits\n  4 is not a list of whole numbers"),
        (HEAD + stated("gemm_splits", []), "gemm_splits\n  .* is not a list of whole numbers"),
        (HEAD + stated("gemm_tiles", [256, 128]), "gemm_tiles\n  .* is not a list of pairs"),
        (HEAD + stated("gemm_tiles", [[256, 128, 64]]), "gemm_tiles\n  .* is not a list of pairs"),
        (HEAD + stated("gemm_ceiling", 1.5), "gemm_ceiling\n  1.5 is not a share"),
        (HEAD + stated("gemm_ceiling", float("nan")), "gemm_ceiling\n  nan is not a share"),
        (HEAD + stated("gemm_ceiling", "80 %"), "gemm_ceiling\n  '80 %' is not a share"),
        (HEAD + stated("attention_efficiency", 0.5), "attention_efficiency\n  this is a table of figures"),
        (
            HEAD + "[attention_efficiency]\n" + stated('"flash-2 forward"', 0),
            "flash-2 forward\n  0 is not a share",
        ),
        (HEAD + 'power_watts = { value = "250 W", kind = "measured", source = "nvidia-a101" }', "unknown source"),
    ],
)
def test_what_cannot_be_a_device_is_refused(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        read(tmp_path, text)


def test_a_file_that_is_not_there_or_takes_a_name_of_the_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file"):
        read_device(tmp_path / "none.toml", "none.toml")
    with pytest.raises(InputError, match="the catalogue has a 'h100-80gb-sxm'"):
        read(tmp_path, HEAD, "h100-80gb-sxm.toml")

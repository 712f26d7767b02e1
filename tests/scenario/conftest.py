"""A scenario file to change one thing in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = """\
schema = 1
title = "An example"
seed = 7

[model]
name = "cerebras-gpt-13b"

[training]
tokens = 257e9
sequence = 2048
global_batch = "720 sequences"

[[system]]
name = "cluster"
topology = "dgx-a100-superpod"
devices = 64
stack = "fsdp-2023"
jitter = "0.5 %"

[system.plan]
tensor = 8

[report]
charts = true
"""


@pytest.fixture
def example(tmp_path: Path) -> Callable[..., Path]:
    """Write the example with pieces of its text replaced."""

    def write(*replacements: tuple[str, str], text: str = EXAMPLE) -> Path:
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write

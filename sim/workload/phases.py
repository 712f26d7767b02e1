"""The phases of a training step's work: what a pass through some layers does, and what a schedule may run apart."""

from __future__ import annotations

from typing import Literal

Phase = Literal["forward", "backward", "input gradient", "weight gradient"]
"""A backward is both gradients in one go. Schedules that run them apart pass the input's on at once, and compute the
weights' whenever there is time (Qi et al. 2023, Zero Bubble Pipeline Parallelism, sec. 2)."""

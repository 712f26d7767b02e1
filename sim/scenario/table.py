"""What every table of a scenario file has in common.

Types are strict, because a guess at what was meant would be a silent error: "8" and 8.0 are not 8.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sim.scenario.bounds import LARGEST_COUNT

Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Text = Annotated[str, Field(min_length=1)]


class Table(BaseModel):
    """A table of the file: no unknown keys, no conversion of types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

"""Builds a model from its fields: fills in what follows from the others, and checks that the heads fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.catalog import Model
from sim.errors import InputError
from sim.scenario.bounds import divisors

_FEW_HEADS = 1024
"""Numbers of key/value heads that messages propose."""
REQUIRED = ("layers", "hidden", "heads", "vocab", "max_sequence")


def build_model(fields: Mapping[str, Any], where: str) -> Model:
    """Make a model of fields that are already of the right type.

    fields: of catalog.Model; kv_heads, head_dim and ffn_hidden may lack (heads, hidden / heads, 4 x hidden).
    Raises InputError when a required field lacks, or the heads do not divide what they share.
    """
    missing = [name for name in REQUIRED if name not in fields]
    if missing:
        raise InputError(
            where,
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
            f"a model of its own needs {', '.join(REQUIRED)}; one of the catalogue has name and no more",
        )
    hidden, heads = fields["hidden"], fields["heads"]
    kv_heads = fields.get("kv_heads", heads)
    if "head_dim" not in fields and hidden % heads:
        raise InputError(where, f"hidden {hidden} is not a multiple of heads {heads}", "change one, or say head_dim")
    if heads % kv_heads:
        raise InputError(
            where,
            f"kv_heads {kv_heads} does not divide heads {heads}",
            f"set kv_heads to one of {', '.join(map(str, divisors(heads, _FEW_HEADS)))}",
        )
    derived = {"name": "custom", "kv_heads": heads, "head_dim": hidden // heads, "ffn_hidden": 4 * hidden}
    return Model(**{**derived, **fields})

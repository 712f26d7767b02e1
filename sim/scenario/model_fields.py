"""Builds a model from its fields: fills in what follows from the others, and checks that the heads fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sim.catalog import Model
from sim.errors import InputError, shown

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
            f"set kv_heads to a divisor of heads, such as {math.gcd(heads, kv_heads)}",
        )
    _check_heads(fields, heads, where)
    derived = {"name": "custom", "kv_heads": heads, "head_dim": hidden // heads, "ffn_hidden": 4 * hidden}
    return Model(**{**derived, **fields})


def _check_heads(fields: Mapping[str, Any], heads: int, where: str) -> None:
    """Raise InputError where heads of some layers, or parts of heads, do not fit the others."""
    some = fields.get("global_kv_heads")
    if some and heads % some:
        raise InputError(where, f"global_kv_heads {some} does not divide heads {heads}", f"use a divisor of {heads}")
    if fields.get("borrows"):
        remedy = 'name the layers that do so in runs: "dense borrowing", "sliding borrowing"'
        raise InputError(where, "borrows = true, but no model has only such layers", remedy)
    if fields.get("key_value_rank") is None:
        for name in ("query_rank", "rotary_head_dim"):
            if fields.get(name) is not None:
                raise InputError(where, f"{name} is there, but key_value_rank is missing", "add it, or leave both out")
        return
    rotated, head_dim = fields.get("rotary_head_dim") or 0, fields.get("head_dim", fields["hidden"] // heads)
    if rotated > head_dim:
        problem = f"rotary_head_dim {rotated} is more than the head_dim {head_dim} that it is a part of"
        raise InputError(where, problem, "head_dim is all of a head: what is rotated, and what is not")
    needed: dict[str, tuple[Any, Any]] = {
        "kv_heads": (heads, heads), "query_key_norm": ("none", "none"), "position": ("rotary", "learned"),
    }  # fmt: skip
    for name, (only, default) in needed.items():
        if (given := fields.get(name, default)) != only:
            problem = f"{name} is {shown(given)}, but attention is latent (key_value_rank)"
            raise InputError(where, problem, f"write {name} = {shown(only)}")

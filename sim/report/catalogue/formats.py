"""Lists of precision recipes and of optimizers."""

from __future__ import annotations

from sim.catalog import load_optimizer, load_recipe, optimizer_names, recipe_names
from sim.report.catalogue.layout import listing

_USES = ("products", "attention", "activations", "parameters", "gradients", "reductions", "master", "moments")


def recipes_table() -> str:
    """Every precision recipe: in which format it holds what."""
    rows = []
    for name in recipe_names():
        recipe = load_recipe(name)
        rows.append((name, *(getattr(recipe, use).name for use in _USES), recipe.title))
    headers = (
        "recipe",
        "pro-\nducts",
        "atten-\ntion",
        "acti-\nvations",
        "para-\nmeters",
        "gra-\ndients",
        "reduc-\ntions",
    )
    return listing(rows, (*headers, "master", "moments", "title"), widths=(*[None] * 9, 22))


def optimizers_table() -> str:
    """Every optimizer: the numbers that it keeps of a parameter beside a master copy."""
    rows = []
    for name in optimizer_names():
        one = load_optimizer(name)
        states = (one.matrix_states, one.table_states, one.vector_states, one.line_states)
        rows.append((name, *(f"{each:g}" for each in states), one.title))
    headers = ("optimizer", "of a layer's\nmatrix", "of a\nvocabulary", "of a\nvector", "per row\nand column", "title")
    return f"{listing(rows, headers, right=(1, 2, 3, 4))}\n\nNumbers kept of each element beside a master copy."

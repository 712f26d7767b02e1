"""Lists of precision recipes and of optimizers."""

from __future__ import annotations

from sim.catalog import load_optimizer, load_recipe, optimizer_names, recipe_names
from sim.report.catalogue.layout import listing

_USES = {
    "products": "pro-\nducts",
    "attention": "atten-\ntion",
    "activations": "acti-\nvations",
    "parameters": "para-\nmeters",
    "gradients": "gra-\ndients",
    "reductions": "reduc-\ntions",
    "master": "master",
    "moments": "moments",
}


def recipes_table() -> str:
    """Every precision recipe: in which format it holds what."""
    rows = {}
    for name in recipe_names():
        recipe = load_recipe(name)
        rows[name] = {header: getattr(recipe, use).name for use, header in _USES.items()} | {"title": recipe.title}
    return listing("recipe", rows, (), {"title": 22})


def optimizers_table() -> str:
    """Every optimizer: the numbers that it keeps of a parameter beside a master copy."""
    headers = ("of a layer's\nmatrix", "of a\nvocabulary", "of a\nvector", "per row\nand column")
    rows = {}
    for name in optimizer_names():
        one = load_optimizer(name)
        states = (one.matrix_states, one.table_states, one.vector_states, one.line_states)
        rows[name] = {header: f"{each:g}" for header, each in zip(headers, states, strict=True)} | {"title": one.title}
    return f"{listing('optimizer', rows, headers)}\n\nNumbers kept of each element beside a master copy."

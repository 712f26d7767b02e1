"""Lists of precision recipes and of optimizers."""

from __future__ import annotations

from sim.catalog import Optimizer, Recipe, load_optimizer, load_recipe, optimizer_names, recipe_names
from sim.page.blocks import Block, Column, words
from sim.page.numbers import number
from sim.report.catalogue.layout import listing

_USES = {
    "products": "pro- ducts",
    "attention": "atten- tion",
    "activations": "acti- vations",
    "parameters": "para- meters",
    "gradients": "gra- dients",
    "reductions": "reduc- tions",
    "master": "master",
    "moments": "moments",
}


def recipes_table() -> list[Block]:
    """Every precision recipe: in which format it holds what."""

    def use(name: str) -> Column[Recipe]:
        return Column(_USES[name], lambda recipe: getattr(recipe, name).name)

    columns = [words("recipe", lambda one: one.name, key=True), *map(use, _USES), words("title", lambda one: one.title)]
    return listing("recipe", map(load_recipe, recipe_names()), columns)


def optimizers_table() -> list[Block]:
    """Every optimizer: the numbers that it keeps of a parameter beside a master copy."""
    columns: list[Column[Optimizer]] = [
        words("optimizer", lambda one: one.name, key=True),
        Column("of a layer's matrix", lambda one: number(one.matrix_states)),
        Column("of a vocabulary", lambda one: number(one.table_states)),
        Column("of a vector", lambda one: number(one.vector_states)),
        Column("per row and column", lambda one: number(one.line_states)),
        words("title", lambda one: one.title),
    ]
    optimizers = map(load_optimizer, optimizer_names())
    return listing("optimizer", optimizers, columns, "Numbers kept of each element beside a master copy.")

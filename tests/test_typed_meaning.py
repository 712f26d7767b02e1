"""Nothing that the program wrote is read back: what text is parsed comes from users, data files and other programs.

Meaning travels in fields: a label, a sentence or a column is made of them last. Who takes a text apart to know what it
is about writes the same thing twice, and a better word in one place breaks the other without an error.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

SIM = Path(__file__).parent.parent / "sim"
TAKES_APART = {
    "split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix", "startswith", "endswith", "fullmatch",
    "match", "search", "findall", "finditer",
}  # fmt: skip
PATTERNS = {"compile", "sub", "subn"}
"""Of the module re alone; other things compile and substitute too."""
LABELS = {"what", "label"}
"""Attributes that are made for people: compared with nothing, and asked for no part."""

READERS = ("scenario/", "catalog/")
"""Rooms that read what users wrote, and data files, whose names and units are their own."""
MAY = {
    "asked.py": (3, "--model and --sizes, as the user wrote them"),
    "cli/__init__.py": (1, "what a user began to type"),
    "cli/editors.py": (2, "what a user began to type"),
    "cli/sweeping.py": (1, "the name of the user's file"),
    "errors.py": (3, "what a user typed, to find the nearest name; the first line of a message where one has to do"),
    "hardware/network/study.py": (1, "--sizes, as the user wrote it"),
    "hardware/topology/exchange.py": (3, "names in graph files of the user's"),
    "hardware/topology/file.py": (5, "a name or path that the user gave"),
    "hardware/topology/graph_file.py": (1, "names in graph files of the user's"),
    "hardware/topology/named.py": (2, "--size KEY=NUMBER, as the user wrote it"),
    "hardware/topology/vertex_names.py": (2, "names in graph files of the user's"),
    "page/terminal.py": (5, "how wide lines and words are"),
    "report/charts/words.py": (3, "how wide lines and words are"),
    "parallel/check.py": (1, "the order of ranks, as stack files write it"),
    "parallel/mesh.py": (3, "the order of ranks, as stack files write it"),
    "reading.py": (1, "messages of the reader of TOML, which is not ours"),
    "page/borders.py": (3, "makes text of users and files safe for where it is written"),
    "study/points.py": (2, "the user's name of a system; what a file name cannot hold"),
    "sweep/executors.py": (2, "--executor, as the user wrote it"),
    "sweep/keys.py": (1, "paths of the package's files"),
    "units.py": (4, "quantities as people write them"),
    "validation/cells.py": (1, "cells of published tables"),
    "validation/collectives.py": (1, "a cell of a published table"),
    "validation/constants.py": (1, "names of constants in fits.toml"),
    "validation/conventions.py": (
        4,
        "names and notes of published tables, names of models and devices",
    ),
    "validation/labels.py": (3, "names of published sources"),
    "validation/obstacles.py": (6, "what published tables note"),
    "validation/slow_node.py": (1, "a cell of a published table"),
    "validation/step_spread.py": (1, "a cell of a published table"),
    "validation/table.py": (1, "cells of published tables"),
}
"""Module -> how often it takes a text apart at most, and whose text that is. A new one needs a reason as good."""


def taken_apart(source: str) -> list[str]:
    """Each place of a module that reads meaning out of text: its line and how."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            if node.func.attr in TAKES_APART or (of_re and node.func.attr in PATTERNS):
                found.append(f"line {node.lineno}: {node.func.attr}")
            elif isinstance(node.func.value, ast.Attribute) and node.func.value.attr in LABELS:
                found.append(f"line {node.lineno}: {node.func.attr} of a label")
        elif isinstance(node, ast.Subscript) and _is_call_of(node.value, "splitlines"):
            found.append(f"line {node.lineno}: one line of a text")
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(one, ast.Attribute) and one.attr in LABELS for one in sides):
                found.append(f"line {node.lineno}: a label compared")
    return found


def _is_call_of(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def modules() -> list[str]:
    return sorted(path.relative_to(SIM).as_posix() for path in SIM.rglob("*.py"))


@pytest.mark.parametrize("module", [name for name in modules() if not name.startswith(READERS)])
def test_only_text_of_others_is_taken_apart(module: str) -> None:
    found = taken_apart((SIM / module).read_text(encoding="utf-8"))
    most, whose = MAY.get(module, (0, "nobody's"))
    assert len(found) <= most, (
        f"{module} takes text apart: {'; '.join(found)}. Carry a field and make the text last; for text of users or of"
        f" files say so in MAY (now: {most}, {whose})"
    )


def test_the_list_of_exceptions_has_none_that_is_not_needed() -> None:
    assert set(MAY) <= set(modules())
    assert all((SIM / name).read_text(encoding="utf-8") for name in MAY)
    unneeded = {name: most for name, (most, _) in MAY.items() if len(_found(name)) < most}
    assert not unneeded, f"lower these: {unneeded}"


def _found(name: str) -> list[str]:
    return taken_apart((SIM / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        'words = span.what.split()',
        'kind = label.split(" (")[0]',
        'found = re.findall(r"([a-z_]+) [0-9.]+ %", " ".join(said))',
        '_NUMBERS = re.compile(r"[0-9]+")',
        'number, _, unit = low.partition(" ")',
        'is_backward = "backward" in span.what',
        'is_nic = one.label == "nic"',
        'first = error.problem.splitlines()[0]',
        'device = name.removeprefix("gpu")',
    ],
)  # fmt: skip
def test_the_habit_is_found(line: str) -> None:
    assert len(taken_apart(line)) >= 1


def test_making_text_is_no_habit() -> None:
    lines = ('text = "\\n".join(line.rstrip() for line in text.splitlines())', "label = chart_text(lane.label)")
    assert Counter(len(taken_apart(line)) for line in lines) == {0: 2}

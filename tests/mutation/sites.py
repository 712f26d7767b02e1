"""Where a formula can be changed in a small way, and a fixed sample of such changes.

A site is a place in a source file and what would stand there instead. Only what computes is changed: no messages,
labels, annotations, decorators or docstrings.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
OTHER_FUNCTION = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "ceil": "floor",
    "floor": "ceil",
}
"""The last name of what is called -> what is called instead."""
NO_SYMMETRY = ("where", "mod", "greater", "less", "greater_equal", "less_equal", "divmod", "linspace")
"""Functions of others whose first two arguments mean something else when they change places."""
_SMALLEST = 1e-6
"""Smaller constants are tolerances, which twice as large are as good."""
_NAMES_OF_TEXT = ("__repr__", "__str__", "__format__")


@dataclass(frozen=True, order=True)
class Site:
    """One change. place: file, and the function in it. old, new: text; start, end: where the old text stands."""

    file: str
    place: str
    line: int
    old: str
    new: str
    start: int
    end: int

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same while lines move."""
        return (self.file, self.place, self.old, self.new)

    def changed(self, text: str) -> str:
        """The file with the change. Offsets are of bytes, as those of ast."""
        whole = text.encode()
        return (whole[: self.start] + self.new.encode() + whole[self.end :]).decode()


def drawn(root: Path, patterns: Sequence[str], number: int, seed: int) -> list[Site]:
    """A sample of sites of the files under root, one change a node of the syntax.

    What is drawn depends on the seed and each site's own text: rewriting a function leaves the rest of the sample.
    """
    sites: list[Site] = []
    known = signatures([path.read_text(encoding="utf-8") for path in sorted(root.glob("sim/**/*.py"))])
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            sites += sites_of(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix(), known)
    counted: dict[tuple[str, ...], int] = {}
    ranked = []
    for site in sites:
        again = counted[site.key[:3]] = counted.get(site.key[:3], 0) + 1
        ranked.append((hashlib.sha256(repr((seed, *site.key[:3], again)).encode()).hexdigest(), site))
    return sorted(site for _, site in sorted(ranked)[:number])


Signatures = dict[str, list[str]]
"""Name of a function or class -> the types of what it is given in order."""


def signatures(texts: Sequence[str]) -> Signatures:
    """Of all functions and classes in some files."""
    found: Signatures = {}
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                names = [one for one in node.args.args if one.arg not in ("self", "cls")]
                found[node.name] = [ast.unparse(one.annotation) if one.annotation else "" for one in names]
            elif isinstance(node, ast.ClassDef):
                fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
                found[node.name] = [ast.unparse(one.annotation) for one in fields]
    return found


def sites_of(text: str, file: str, known: Signatures | None = None) -> list[Site]:
    """All sites of one file, for each node the change that its text chooses."""
    lines = [0]
    for line in text.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    found = []
    for place, node in _computing(ast.parse(text), ""):
        changes = [new for new in _changes(node, known or {}) if new != ast.unparse(node)]
        if changes:
            start = lines[node.lineno - 1] + node.col_offset
            end = lines[node.end_lineno - 1] + node.end_col_offset
            choice = int(hashlib.sha256(f"{file} {place} {ast.unparse(node)}".encode()).hexdigest(), 16)
            new = changes[choice % len(changes)]
            found.append(Site(file, place, node.lineno, ast.unparse(node), new, start, end))
    return found


def _computing(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
    """Nodes that compute, each with the function that it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            if not _is_text(child):
                inside = f"{place}.{child.name}".lstrip(".")
                bare = copy.copy(child)
                bare.decorator_list = []
                if isinstance(bare, ast.FunctionDef):
                    bare.returns, bare.args = None, _defaults_only(bare.args)
                yield from _computing(bare, inside)
        elif isinstance(child, ast.AnnAssign):
            if child.value is not None:
                yield from _and_inside(child.value, place)
        elif not isinstance(child, (ast.Raise, ast.JoinedStr, ast.Assert)) and not _makes_an_error(child):
            yield from _and_inside(child, place)


def _and_inside(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
    yield place, node
    yield from _computing(node, place)


def _defaults_only(arguments: ast.arguments) -> ast.arguments:
    bare = copy.copy(arguments)
    bare.args = bare.posonlyargs = bare.kwonlyargs = []
    bare.vararg = bare.kwarg = None
    return bare


def _is_text(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a function only makes text, or a class is an error."""
    if isinstance(node, ast.ClassDef):
        return any(_last_name(base).endswith(("Error", "Exception")) for base in node.bases)
    return node.name in _NAMES_OF_TEXT or (node.returns is not None and ast.unparse(node.returns) == "str")


def _makes_an_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _last_name(node.func).endswith(("Error", "cast"))


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _changes(node: ast.AST, known: Signatures) -> Iterator[str]:
    """What could stand in the place of a node."""
    if isinstance(node, ast.Constant):
        yield from _other_numbers(node.value)
    elif isinstance(node, ast.BinOp):
        yield from _other_operations(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPPED:
        yield _unparsed(node, ops=[SWAPPED[type(node.ops[0])]()])
    elif isinstance(node, ast.BoolOp):
        yield _unparsed(node, op=SWAPPED[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.IfExp):
        yield _unparsed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Call):
        yield from _other_calls(node, known)


def _other_numbers(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield repr(not value)
    elif isinstance(value, int):
        yield from (repr(value + 1), f"({value - 1})", repr(value * 2) if value else "2")
    elif isinstance(value, float) and not 0 < abs(value) < _SMALLEST:
        yield from (repr(value + 1), repr(value * 2) if value else "2.0", repr(value / 2) if value else "0.5")


def _other_operations(node: ast.BinOp) -> Iterator[str]:
    """Another operator, and a term or a factor dropped; sums of text or of tuples are none."""
    sides = (node.left, node.right)
    is_text = any(isinstance(side, (ast.JoinedStr, ast.Tuple, ast.List)) for side in sides)
    is_text |= any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides)
    if type(node.op) in SWAPPED and not is_text:
        yield _unparsed(node, op=SWAPPED[type(node.op)]())
        yield f"({ast.unparse(node.left)})"
        if isinstance(node.op, (ast.Add, ast.Mult)):
            yield f"({ast.unparse(node.right)})"


def _other_calls(node: ast.Call, known: Signatures) -> Iterator[str]:
    """The opposite function, one more or less in a range, and two arguments of one type in each other's place."""
    name = _last_name(node.func)
    if name in OTHER_FUNCTION:
        other = copy.deepcopy(node.func)
        setattr(other, "attr" if isinstance(other, ast.Attribute) else "id", OTHER_FUNCTION[name])
        yield _unparsed(node, func=other)
    elif name == "range":
        for change in (ast.Add(), ast.Sub()):
            yield _unparsed(node, args=[*node.args[:-1], ast.BinOp(node.args[-1], change, ast.Constant(1))])
    elif not any(isinstance(one, ast.Starred) for one in node.args):
        types = known.get(name, [])
        for index in range(len(node.args) - 1):
            alike = len(types) > index + 1 and types[index] == types[index + 1]
            if alike or (name in NO_SYMMETRY and index == len(node.args) - 2):
                first, second = node.args[index : index + 2]
                yield _unparsed(node, args=[*node.args[:index], second, first, *node.args[index + 2 :]])


def _unparsed(node: ast.AST, **other: object) -> str:
    """The node with other fields, in brackets, so that it can stand inside any expression."""
    changed = copy.copy(node)
    for name, value in other.items():
        setattr(changed, name, value)
    text = ast.unparse(changed)
    return text if isinstance(node, ast.Call) else f"({text})"

"""Entries of BibTeX: of the works that figures rest on, and of scaletax itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim import __version__
from sim.catalog import Figure, Source, read_sources
from sim.page.borders import ascii_only

URL = "https://github.com/scaletax/scaletax"
TITLE = "scaletax: what splitting a training run over many devices costs"
AUTHORS = "The scaletax authors"
YEAR = "2026"
"""How scaletax is cited. CITATION.cff and pyproject.toml say the same; a test holds the three together."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "$&#%_"},
}  # fmt: skip


def how_to_cite() -> str:
    """How to cite scaletax: a line for a list of references, then an entry of BibTeX."""
    said = f"{AUTHORS}, {TITLE}, version {__version__}, {YEAR}. {URL}"
    return f"{said}\n\n{own_entry()}\n\nThe works that a run rests on: scaletax cite FILE --bibtex"


def bibtex(figures: Iterable[Figure]) -> str:
    """An entry for scaletax and one for each work that some figures come or were made from, sorted by key."""
    sources = read_sources()
    keys = sorted({figure.source for figure in figures} & set(sources))
    return "\n\n".join([own_entry(), *(_entry_of(sources[key]) for key in keys)])


def own_entry() -> str:
    """The entry of scaletax itself."""
    fields = {"author": _authors([AUTHORS]), "title": _literal(TITLE), "year": f"{{{YEAR}}}"}
    version, where = f"{{Version {__version__}}}", rf"{{\url{{{URL}}}}}"
    return _entry("scaletax", {**fields, "note": version, "howpublished": where})


def _entry_of(source: Source) -> str:
    """The entry of one work; what its reference says is printed by every style."""
    fields = {"author": _authors(source.by)} if source.by else {"key": _literal(source.title)}
    fields |= {"title": _literal(source.title), "year": f"{{{source.year}}}"}
    fields |= {"month": _MONTHS[source.month - 1]} if source.month else {}
    fields |= {"eprint": f"{{{source.arxiv}}}", "archiveprefix": "{arXiv}"} if source.arxiv else {}
    return _entry(source.key, {**fields, "howpublished": f"{{{_escaped(source.reference)}}}"})


def _entry(key: str, fields: Mapping[str, str]) -> str:
    return "\n".join([f"@misc{{{key},", *(f"  {name} = {value}," for name, value in fields.items()), "}"])


def _authors(names: Iterable[str]) -> str:
    """Each name in braces, so that a team's is not taken apart; "others" is a word of BibTeX."""
    return f"{{{' and '.join(name if name == 'others' else f'{{{_escaped(name)}}}' for name in names)}}}"


def _literal(text: str) -> str:
    """Text whose capitals stay."""
    return f"{{{{{_escaped(text)}}}}}"


def _escaped(text: str) -> str:
    """Text without what TeX takes for a command."""
    return "".join(_ESCAPES.get(sign, sign) for sign in ascii_only(text))

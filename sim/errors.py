"""The error tree, and how messages write values.

Every message says where, what was given, what is allowed and what to change.

Exit codes: 2 bad input, 3 does not fit, 4 simulation stalled, 70 a defect of scaletax, 1 anything else.
All errors can be pickled, because sweeps send them between processes.
"""

from __future__ import annotations

import difflib
import os
import re
import traceback
from collections.abc import Iterable, Sequence

TRACEBACK = "SCALETAX_TRACEBACK"
"""The variable of the environment that asks for the traceback of a defect."""
_LONGEST_SHOWN = 60
_MOST_CHOICES = 8
_LISTED_BY = {
    kind: f"scaletax list {what}"
    for kind, what in {
        "architecture": "architectures",
        "device": "devices",
        "model": "models",
        "optimizer": "optimizers",
        "precision recipe": "recipes",
        "reliability": "reliability",
        "scaling law": "laws",
        "scenario": "scenarios",
        "software stack": "stacks",
        "topology": "topologies",
        "variation": "variations",
        "list": "--help",
    }.items()
}
"""The command that lists all names of a kind."""


class ScaletaxError(Exception):
    """Anything that scaletax reports to its user instead of a traceback."""

    exit_code = 1

    def __init__(self, where: str, problem: str, remedy: str = "") -> None:
        super().__init__(where, problem, remedy)
        self.where = where
        self.problem = problem
        self.remedy = remedy

    @property
    def headline(self) -> str:
        """The first line of the problem, where one line has to do."""
        return self.problem.splitlines()[0]

    def __str__(self) -> str:
        body = [line for part in (self.problem, self.remedy) if part for line in part.splitlines()]
        return "\n".join([self.where, *(f"  {line}" for line in body)])


class InputError(ScaletaxError, ValueError):
    """What the user wrote is not usable as it stands."""

    exit_code = 2


class DoesNotFit(ScaletaxError):
    """A plan needs more memory than the device has."""

    exit_code = 3


class Stalled(ScaletaxError, RuntimeError):
    """Nothing can happen any more, yet streams are still waiting."""

    exit_code = 4


class Defect(ScaletaxError):
    """A defect of scaletax, never of the input."""

    exit_code = 70


class LedgerNotClosed(Defect, ArithmeticError):
    """The account of device-seconds does not add up."""


def defect_of(error: Exception, where: str) -> ScaletaxError:
    """What an exception that nobody foresaw is to the user. where: what was being done, first in the message."""
    if isinstance(error, ScaletaxError):
        return error
    if isinstance(error, MemoryError):
        return Defect(where, "the memory of this machine is not enough", "ask for less at once, or use fewer --jobs")
    if TRACEBACK in os.environ:
        traceback.print_exception(error)
    return Defect(
        where,
        f"this is a defect of scaletax, not of the input: {type(error).__name__}: {shown(str(error))}",
        "please report it to the maintainers, with the command and the file;"
        f" set {TRACEBACK}=1 to see where it happened",
    )


def exit_code_of(errors: Sequence[ScaletaxError]) -> int:
    """The exit code after several errors: that of a defect where there is one, of the first where there is none."""
    return max(errors, key=lambda one: isinstance(one, Defect)).exit_code


def shown(value: object) -> str:
    """Write a value much as a TOML file has it, and not too long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    try:
        text = repr(value) if isinstance(value, (str, int, float, list)) else str(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def closest(given: str, allowed: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the closest allowed name, or an empty string.

    Upper and lower case, punctuation and what stands before a slash do not count: "meta-llama/Llama-3-8B".
    """
    names = list(allowed)
    if given.lower() in (exact := {name.lower(): name for name in names}):
        return f"; did you mean '{exact[given.lower()]}'?"
    plain = {_plain(name): name for name in names}
    match = difflib.get_close_matches(_plain(given), plain, n=1, cutoff=0.6)
    return f"; did you mean '{plain[match[0]]}'?" if match else ""


def some_of(allowed: Iterable[str], given: str = "", *, listed_by: str = "") -> str:
    """Write names that may be chosen: at most eight, those nearest to what was given first, and how to see the others.

    listed_by: the command that lists all, such as "scaletax list devices"; empty where there is none.
    """
    names = list(allowed)
    if len(names) <= _MOST_CHOICES:
        return ", ".join(names)
    alike = difflib.SequenceMatcher(b=_plain(given))

    def likeness(name: str) -> float:
        alike.set_seq1(_plain(name))
        return alike.ratio()

    nearest = sorted(names, key=likeness, reverse=True)[:_MOST_CHOICES] if given else names[:_MOST_CHOICES]
    more = f"and {len(names) - _MOST_CHOICES} more"
    return f"{', '.join(nearest)} {more}" + (f" ({listed_by})" if listed_by else "")


def unknown_name(where: str, kind: str, given: str, allowed: Iterable[str]) -> InputError:
    """Build the error for a misspelt name: the closest match, and what is allowed."""
    names = sorted(allowed)
    shortened = given if len(given) <= _LONGEST_SHOWN else f"{given[:_LONGEST_SHOWN]}..."
    return InputError(
        where,
        f"unknown {kind} '{shortened}'{closest(given, names)}",
        f"allowed: {some_of(names, given, listed_by=_LISTED_BY.get(kind, ''))}",
    )


def _plain(name: str) -> str:
    """A name without what people leave out or add: its organisation, upper case, and punctuation but the point."""
    return re.sub(r"[^a-z0-9.]", "", name.rsplit("/", 1)[-1].lower())

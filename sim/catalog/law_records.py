"""What a model is expected to lose after training: scaling_laws/NAME.toml, one law a file.

Losses are in nats per token, on the corpus that the law was fitted on, and comparable on that one alone.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, fields
from typing import Any

from sim.catalog.data_files import names_on, read_data
from sim.catalog.figures import Figure, read_figure
from sim.errors import InputError, unknown_name

DEFAULT_LAW = "chinchilla-epoch"
_WORDS = ("title", "corpus", "form")


@dataclass(frozen=True, slots=True)
class ParametricLaw:
    """Loss = floor + parameter_scale / N^parameter_exponent + token_scale / D^token_exponent.

    least_parameters to most_tokens: the models that it was fitted on.
    """

    name: str
    title: str
    corpus: str
    floor: float
    parameter_scale: float
    parameter_exponent: float
    token_scale: float
    token_exponent: float
    least_parameters: float
    most_parameters: float
    least_tokens: float
    most_tokens: float
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def tokens_per_parameter(self) -> tuple[float, float]:
        """The fewest and the most that a model within those ranges can have."""
        return self.least_tokens / self.most_parameters, self.most_tokens / self.least_parameters


@dataclass(frozen=True, slots=True)
class ComputeLaw:
    """Loss = (C / compute_scale_flops)^-exponent + floor, of models trained on so many tokens per parameter.

    least_flops, most_flops: the runs that it was fitted on.
    """

    name: str
    title: str
    corpus: str
    floor: float
    compute_scale_flops: float
    exponent: float
    tokens_per_parameter: float
    least_flops: float
    most_flops: float
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


Law = ParametricLaw | ComputeLaw
_FORMS: dict[str, type[ParametricLaw] | type[ComputeLaw]] = {
    "parameters and tokens": ParametricLaw,
    "compute": ComputeLaw,
}


def law_names() -> list[str]:
    """Names of all laws, the default one first."""
    return sorted(names_on("scaling_laws"), key=lambda name: name != DEFAULT_LAW)


@functools.cache
def load_law(name: str, where: str = "catalogue") -> Law:
    """Read one law. Raises InputError with the closest match for an unknown name."""
    if name not in law_names():
        raise unknown_name(where, "scaling law", name, law_names())
    raw, place = read_data(f"scaling_laws/{name}"), f"catalogue: {name}"
    if raw.get("form") not in _FORMS:
        raise unknown_name(place, "form", str(raw.get("form")), _FORMS)
    kind = _FORMS[raw["form"]]
    figures = tuple(read_figure(key, entry, place) for key, entry in raw.items() if key not in _WORDS)
    known = {spec.name for spec in fields(kind)} - {"name", "title", "corpus", "figures"}
    given = {figure.name for figure in figures}
    if given != known:
        raise InputError(
            place, f"unknown fields {sorted(given - known)}, missing {sorted(known - given)}", "see law_records.py"
        )
    values: dict[str, Any] = {figure.name: float(figure.value) for figure in figures}
    return kind(name=name, title=raw["title"], corpus=raw["corpus"], **values, figures=figures)

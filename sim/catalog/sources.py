"""The works that figures are taken from: who wrote them, what they are called, where and when they appeared."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from sim.catalog.data_files import read_data

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
_OTHERS = "others"


@dataclass(frozen=True)
class Source:
    """One work. by: surnames, or a team; "others" at the end stands for those who are not named. date: "2023-04"."""

    key: str
    by: tuple[str, ...]
    title: str
    reference: str
    date: str

    @property
    def heading(self) -> str:
        """Authors and title, as a list of references has them: "Dey et al., Cerebras-GPT: ..."."""
        if not self.by:
            return self.title
        *first, last = self.by
        if not first:
            return f"{last}, {self.title}"
        joined = f"{', '.join(first)} et al." if last == _OTHERS else f"{', '.join(first)} and {last}"
        return f"{joined}, {self.title}"

    @property
    def year(self) -> str:
        """Of its date."""
        return self.date[:4]

    @property
    def month(self) -> int | None:
        """Of its date, 1 to 12, where that has one."""
        return int(self.date[5:7]) if len(self.date) > 4 else None

    @property
    def arxiv(self) -> str | None:
        """The number of the work on arXiv, where its reference begins with one."""
        found = _ARXIV.match(self.reference)
        return found[1] if found else None


@functools.cache
def read_sources() -> dict[str, Source]:
    """All works of sources.toml by their keys, in the order of the file."""
    return {
        key: Source(key, tuple(raw.get("by", ())), raw["title"], raw["reference"], raw["date"])
        for key, raw in read_data("sources").items()
    }


@functools.cache
def load_sources() -> dict[str, dict[str, str]]:
    """All works as text: key -> {title (with the authors), reference, date}."""
    return {
        key: {"title": source.heading, "reference": source.reference, "date": source.date}
        for key, source in read_sources().items()
    }

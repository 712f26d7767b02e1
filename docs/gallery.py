"""Draws a picture of every scenario of the shelf and writes the gallery. Run with `make docs`: some minutes.

Points of sweeps are kept in results/gallery, so that only those are computed again that something changed for.
"""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from pages import DOCS, ROOT
from PIL import Image

import scaletax as st
from scaletax.results import figure as metric_figure
from sim.report.charts.canvas import save
from sim.report.charts.ledger import ledger_figure
from sim.report.charts.scaling import scaling_figure
from sim.report.charts.step_times import step_times_figure

JOBS = 2
FIGURES = DOCS / "figures" / "gallery"
WIDTHS, COLOURS, MOST_BYTES = (1000, 850, 700, 600), 64, 60_000
"""Of a picture, in pixels: as wide as the bytes allow, because the page has thirty of them."""
Draw = Callable[[str], Figure | None]


def account(name: str) -> Figure:
    """Where every device-second goes."""
    return ledger_figure(st.run(name, jobs=JOBS).outcomes)


def sizes(name: str) -> Figure:
    """Time and tax against the number of devices."""
    return scaling_figure(st.run(name, jobs=JOBS).outcomes)


def steps(name: str) -> Figure | None:
    """How much longer steps take because devices differ."""
    return step_times_figure(st.run(name, jobs=JOBS).outcomes)


def entries(metric: str) -> Draw:
    """A metric of every entry, system by system."""
    return lambda name: metric_figure(st.run(name, jobs=JOBS).rows, metric, "entry", "system")


def swept(metric: str, x: str, by: str | None = None) -> Draw:
    """A metric along an axis of a sweep."""
    return lambda name: st.sweep(name, out=ROOT / "results" / "gallery" / name, jobs=JOBS).plot(metric, x, by)


PICTURES: dict[str, dict[str, Draw]] = {
    "Two systems side by side": {
        "quickstart": account,
        "llama-65b-2048-a100": account,
        "mpt-7b-440-a100": account,
        "cerebras-gpt-family": swept("time", "model.name", "system"),
    },
    "The claim": {
        "claim": sizes,
        "claim-large-batch": sizes,
        "claim-6.7b": sizes,
        "claim-2.7b": sizes,
        "claim-1.3b": sizes,
        "claim-590m": sizes,
        "claim-256m": sizes,
        "claim-111m": sizes,
    },
    "GPU clusters": {
        "gpt3-175b-a100": account,
        "fabrics": account,
        "mixed-a100-h100": account,
        "stragglers": steps,
        "fine-tuning": account,
        "llama3-405b-gb300": account,
    },
    "TPUs": {
        "tpu-pod": account,
    },
    "Whole runs": {
        "article": account,
        "published-runs": account,
        "within-reach": entries("time"),
        "tokens-per-parameter": entries("time"),
    },
    "Sweeps": {
        "sweep-cluster-size": swept("tax", "devices", "system"),
        "sweep-model-size": swept("mfu", "model.name", "system"),
        "sweep-batch": swept("mfu", "global_batch", "micro_batch"),
        "sweep-network": swept("mfu", "rate_times", "latency_times"),
        "sweep-domain": swept("mfu", "devices_per_node"),
        "sweep-failures": swept("goodput", "run.failures", "devices"),
        "sweep-jitter": swept("mfu", "devices", "jitter"),
    },
}
"""The scenarios in the order of the page, each with the chart that says most about it."""
_HEAD = """# Gallery

Every scenario that comes with scaletax: a picture of what it finds, what to type, and the file. To start one of your
own, copy the nearest one. The pictures are drawn by `make docs`.
"""


def question(text: str) -> str:
    """The first sentence of the comment that a scenario begins with."""
    lines = [line.removeprefix("#").strip() for line in text.split("\nschema")[0].splitlines()]
    return re.split(r"(?<=[.?])(?<! al\.)\s(?=[A-Z])", " ".join(lines))[0]


def shown(name: str) -> str:
    """One scenario on the page."""
    text = (ROOT / "scenarios" / f"{name}.toml").read_text(encoding="utf-8")
    title = tomllib.loads(text)["title"]
    command = "sweep" if name.startswith("sweep-") else "run"
    return f"""### {title}

{question(text)}

![{title}](figures/gallery/{name}.png)

    scaletax {command} {name}

<details markdown="1">
<summary>{name}.toml</summary>

```toml
{text.strip()}
```

[The file](../scenarios/{name}.toml)

</details>
"""


def draw(name: str, picture: Draw) -> None:
    """Draw one picture, as wide as the bytes allow and in few colours."""
    figure = picture(name)
    if figure is None:
        raise SystemExit(f"{name} has nothing to draw")
    with tempfile.TemporaryDirectory() as folder:
        image = Image.open(save(figure, Path(folder), name)[0]).convert("RGB")
    path = FIGURES / f"{name}.png"
    for width in WIDTHS:
        small = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
        small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return
    raise SystemExit(f"{path} has {path.stat().st_size} bytes, {MOST_BYTES} are allowed")


def main() -> None:
    """Draw everything and write the page."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    parts = [_HEAD]
    for group, pictures in PICTURES.items():
        for name, picture in pictures.items():
            draw(name, picture)
        parts.append("\n".join([f"## {group}\n", *map(shown, pictures)]))
    (DOCS / "gallery.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()

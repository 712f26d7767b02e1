"""The sheet that charts are drawn on: it measures its texts and gives panels, legend and caption the room they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from sim.page.borders import chart_text
from sim.report.charts.words import fitted
from sim.report.colours import FAINT, INK
from sim.report.styles import ChartStyle

_FILES: dict[str, Any] = {
    # The font that is always there; looking for all others, and the hints inside it, take longer than all else.
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "text.hinting": "force_autohint",
    # Text stays text, in fonts that go along in a PDF; without a salt the identifiers in an SVG are random.
    "svg.fonttype": "none", "svg.hashsalt": "scaletax", "pdf.fonttype": 42,
}  # fmt: skip
_POINTS = 72.0
_MARGIN, _GAP = 0.1, 0.08
"""Inches around everything, and between what stands below each other."""
_PASSES = 2
"""Wrapping a label changes the room that it needs; a second pass settles that."""
_CAPTION_LINES, _TITLE_LINES, _LABEL_LINES = 12, 3, 3


class Spare(NamedTuple):
    """A text that is left out where it does not fit: into the sheet, between others, into its part of the x axis."""

    text: Text
    ax: Axes
    within: tuple[float, float] | None


class Sheet(Figure):
    """Panels one above the other, with a title above them and a legend and a caption below."""

    def __init__(
        self, style: ChartStyle, heights: Sequence[float], rows: Sequence[int], title: str, caption: str
    ) -> None:
        """heights: of the panels, in inches on the screen; rows: lines of text that each has to hold."""
        self.style = style
        self.words: dict[Text, str] = {}
        self.heads: dict[Axes, Text] = {}
        self.optional: list[Spare] = []
        self.ends: list[list[Annotation]] = []
        self._is_laid_out = False
        least = [count * style.row_inches for count in rows]
        self._heights = [max(height * style.panel, floor) for height, floor in zip(heights, least, strict=True)]
        self._least = [max(floor, 3 * style.row_inches) for floor in least]
        super().__init__(figsize=(style.width_inches, sum(self._heights) + 1.0), dpi=style.dots_per_inch)
        self.panels = [self.add_axes((0.1, 0.1, 0.8, 0.8)) for _ in heights]
        self.title, self.caption = title, caption
        self._title = self.text(0, 1, "", size=style.title_points or 1, weight="bold", color=INK, va="top")
        self._caption = self.text(0, 0, "", size=style.small_points, color=FAINT, va="bottom", linespacing=1.3)
        if style.title_points:
            self.words[self._title] = title
            self._title.set_text(chart_text(title))
        if style.captioned:
            self.words[self._caption] = caption
            self._caption.set_text(chart_text(caption))
        self._place(0.6, 0.3, [0.3] * len(heights), self._heights, self.get_figheight() - 0.5)

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Write the sheet, as matplotlib does, after laying it out."""
        with rc_context(_FILES):  # type: ignore[arg-type]
            if not self._is_laid_out:
                self.lay_out()
                self._is_laid_out = True
            super().savefig(*args, **kwargs)

    def lay_out(self) -> RendererAgg:
        """Give everything its room, and take away the texts that find none; return what measures the sheet.

        Done again, it changes nothing.
        """
        with rc_context(_FILES):  # type: ignore[arg-type]
            self.set_size_inches(self.style.width_inches, self.get_figheight())
            renderer = renderer_of(self)
            for _ in range(_PASSES):
                self._fit(renderer)
            for ax in self.panels:
                _thin_ticks(ax, renderer)
            self._leave_out(renderer)
        return renderer

    def panel_inches(self, ax: Axes) -> tuple[float, float]:
        """Width and height of a panel, once it knows the room that its labels need."""
        self.lay_out()
        box = ax.get_position()
        return box.width * self.get_figwidth(), box.height * self.get_figheight()

    def _fit(self, renderer: RendererAgg) -> None:
        width, margin, style = self.get_figwidth(), _MARGIN, self.style
        for text, lines in ((self._title, _TITLE_LINES), (self._caption, _CAPTION_LINES)):
            bold, size = text is self._title, float(text.get_fontsize())
            text.set_text(fitted(self.words.get(text, ""), size, width - 2 * margin, lines, bold=bold))
        for ax in self.panels:
            box = ax.get_position()
            across, up = box.width * width, box.height * self.get_figheight()
            for label, inches in ((ax.xaxis.label, 1.3 * across), (ax.yaxis.label, up), (self.heads.get(ax), across)):
                if label is not None and label in self.words:
                    size, bold = float(label.get_fontsize()), label.get_fontweight() == "bold"
                    label.set_text(fitted(self.words[label], size, inches, _LABEL_LINES, bold=bold))
        for ends in self.ends:
            spread(ends, renderer)
        left, right, below, above = self._overhangs(renderer)
        top = self._height(self._title, renderer) + (_GAP if self._title.get_text() else 0.0)
        foot = sum(
            self._height(each, renderer) + _GAP for each in (self._caption, *self.legends) if not _is_empty(each)
        )
        gaps = [below[index] + above[index + 1] + _GAP for index in range(len(above) - 1)]
        fixed = 2 * margin + top + above[0] + sum(gaps) + below[-1] + foot
        heights = self._heights
        if style.ratio:
            room = width / style.ratio - fixed
            if room < sum(self._least):
                # A slide whose rows do not fit becomes larger as a whole: its text is smaller when it is shown.
                width = (fixed + sum(self._least)) * style.ratio
                room = sum(self._least)
            heights = _shared(room, heights, self._least)
        total = fixed + sum(heights)
        self.set_size_inches(width, total)
        self._place(left + margin, right + margin, gaps, heights, total - margin - top - above[0])
        self._title.set_position((margin / width, 1 - margin / total))
        self._caption.set_position((margin / width, margin / total))
        up = margin + (0.0 if _is_empty(self._caption) else self._height(self._caption, renderer) + _GAP)
        for legend in self.legends:
            legend.set_bbox_to_anchor((margin / width, up / total), transform=self.transFigure)

    def _place(self, left: float, right: float, gaps: Sequence[float], heights: Sequence[float], top: float) -> None:
        """Put the panels where they belong, all in inches; top: of the first."""
        width, total = self.get_size_inches()
        for ax, height, gap in zip(self.panels, heights, [*gaps, 0.0], strict=False):
            top -= height
            ax.set_position((left / width, top / total, max(width - left - right, 0.3 * width) / width, height / total))
            top -= gap

    def _overhangs(self, renderer: RendererAgg) -> tuple[float, float, list[float], list[float]]:
        """What reaches beyond the panels: to the left and right of any, below and above each, in inches."""
        left, right, below, above = 0.0, 0.0, [], []
        for ax in self.panels:
            frame = ax.get_window_extent(renderer)
            box = ax.get_tightbbox(renderer) or frame
            left = max(left, (frame.x0 - box.x0) / self.dpi)
            right = max(right, (box.x1 - frame.x1) / self.dpi)
            below.append(max(0.0, (frame.y0 - box.y0) / self.dpi))
            above.append(max(0.0, (box.y1 - frame.y1) / self.dpi))
        return left, right, below, above

    def _height(self, artist: Any, renderer: RendererAgg) -> float:
        return float(artist.get_window_extent(renderer).height) / self.dpi if not _is_empty(artist) else 0.0

    def _leave_out(self, renderer: RendererAgg) -> None:
        """Hide each optional text that overlaps one before it or leaves its place."""
        for one in self.optional:
            one.text.set_visible(True)
        # A legend finds its place when it is drawn, below everything else.
        passing = {one.text for one in self.optional} | {one for legend in self.legends for one in legend.get_texts()}
        taken = [box for text in self.required() if text not in passing and (box := _box(text, renderer))]
        edge = Bbox.from_bounds(0, 0, *(self.get_size_inches() * self.dpi))
        for text, ax, within in self.optional:
            box = text.get_window_extent(renderer)
            fits = edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1
            if within is not None:
                ends = sorted(float(ax.transData.transform((at, 0.0))[0]) for at in within)
                fits = fits and box.width <= ends[1] - ends[0]
            if fits and not any(box.overlaps(other) for other in taken):
                taken.append(box)
            else:
                text.set_visible(False)

    def required(self) -> list[Text]:
        """Every text of the sheet that has words and is seen."""
        found = [each for each in self.findobj(Text) if isinstance(each, Text)]
        return [each for each in found if each.get_visible() and each.get_text().strip()]


def renderer_of(figure: Figure) -> RendererAgg:
    """What measures the texts of a figure."""
    renderer: RendererAgg = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    return renderer


def spread(ends: Sequence[Annotation], renderer: RendererAgg) -> None:
    """Move names of places upwards, from the lowest on, until none overlaps another."""
    for one in ends:
        one.set_position((one.get_position()[0], 0.0))
    taken: list[Bbox] = []
    for one in sorted(ends, key=lambda one: one.get_window_extent(renderer).y0):
        box = one.get_window_extent(renderer)
        up = 0.0
        while hit := next((other for other in taken if other.overlaps(box.translated(0, up))), None):
            up = hit.y1 + 1.0 - box.y0
        figure = one.get_figure(root=True)
        if up and figure is not None:
            one.set_position((one.get_position()[0], up * _POINTS / figure.dpi))
        taken.append(box.translated(0, up))


def _thin_ticks(ax: Axes, renderer: RendererAgg) -> None:
    """Drop ticks whose labels would overlap those before them."""
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        kept: list[tuple[float, str]] = []
        taken: list[Bbox] = []
        dropped = False
        for tick in axis.get_major_ticks():
            at, label = float(tick.get_loc()), tick.label1
            box = _box(label, renderer) if low <= at <= high else None
            if box is None:
                continue
            if any(box.overlaps(other) for other in taken):
                dropped = True
                continue
            kept.append((at, label.get_text()))
            taken.append(box.padded(2))
        if dropped:
            axis.set_ticks([at for at, _ in kept], [words for _, words in kept])


def _box(text: Text, renderer: RendererAgg) -> Bbox | None:
    if not text.get_visible() or not text.get_text().strip():
        return None
    return text.get_window_extent(renderer)


def _is_empty(artist: Any) -> bool:
    return isinstance(artist, Text) and not artist.get_text()


def _shared(room: float, heights: Sequence[float], least: Sequence[float]) -> list[float]:
    """So much room shared out as heights are to each other, none below its least."""
    found = [room * height / sum(heights) for height in heights]
    short = [index for index, (height, floor) in enumerate(zip(found, least, strict=True)) if height < floor]
    rest = [index for index in range(len(heights)) if index not in short]
    if not short or not rest:
        return found
    left = room - sum(least[index] for index in short)
    others = _shared(left, [heights[index] for index in rest], [least[index] for index in rest])
    shared = dict(zip(rest, others, strict=True)) | {index: least[index] for index in short}
    return [shared[index] for index in range(len(heights))]

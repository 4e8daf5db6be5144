"""An explanation as a figure: the pictures with what counted in them, the rationale, the options."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .prompt_mmcot import letter


if TYPE_CHECKING:
    from .explanation_mmcot import Explanation, Seen


INK, QUIET, HEAT = "#22252a", "#6a6e75", "#d9480f"
TRACK, CHOSEN, OTHER = "#e9e6e0", "#1d5c86", "#9db4c4"
# All in inches.
MARGIN, GAP, PICTURE, TEXT_WIDTH = 0.3, 0.4, 3.4, 5.4
LINE, BAR, LABEL = 0.34, 0.2, 1.9
DRAWN = 800  # pixels of the longer side of a picture
# What falls less than this anywhere is nothing to be seen.
LEAST_FALL = 1e-3


def draw_explanation(explanation: "Explanation") -> Any:
    """See [`Explanation.figure`]."""
    page = Page(left=MARGIN + len(explanation.pictures) * (PICTURE + GAP))
    draw_pictures(page, explanation.pictures, explanation.maps)
    page.write_lines(explanation.question.split(), size=13, weight="bold")
    if explanation.words:
        page.write_head("Rationale")
        page.write_lines([word.text for word in explanation.words], shades=[word.weight for word in explanation.words])
    if explanation.options:
        page.write_head("Options")
        names = [f"({letter(position)}) {option.text}" for position, option in enumerate(explanation.options)]
        draw_shares(page, names, explanation.options)
    if explanation.answer:
        page.write_head("Answer")
        draw_shares(page, [word.text for word in explanation.answer], explanation.answer)
    page.write_notes(notes(explanation))
    return page.finish()


class Page:
    """A figure that is filled from the top, in inches; its height comes last.

    Args:
        left: where the text begins.
    """

    def __init__(self, left: float):
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError("Drawing an explanation needs matplotlib; pip install matplotlib.") from None
        self.left, self.width = left, left + TEXT_WIDTH + MARGIN
        self.figure = Figure(figsize=(self.width, 1), facecolor="white")
        self.canvas = FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.axis("off")
        self.top = self.bottom = MARGIN
        self.pictures: list[Any] = []

    def text(self, x: float, y: float, text: str, size: float = 11, **style: Any) -> Any:
        style = {"color": INK, "va": "center", **style}
        return self.axes.text(x, y, text, fontsize=size, parse_math=False, **style)

    def measure(self, text: str, size: float, weight: str = "normal") -> float:
        """Width of a text in inches."""
        written = self.text(0, 0, text, size, weight=weight)
        width = written.get_window_extent(self.canvas.get_renderer()).width / self.figure.dpi
        written.remove()
        return width

    def write_lines(
        self, words: Sequence[str], size: float = 11.5, weight: str = "normal", shades: Sequence[float] | None = None
    ) -> None:
        """Words in lines, each shaded between white at 0 and the colour of heat at 1."""
        space = size / 72 * 0.42
        x, y = self.left, self.top + LINE / 2
        for position, word in enumerate(words):
            width = self.measure(word, size, weight)
            if x > self.left and x + width > self.left + TEXT_WIDTH:
                x, y = self.left, y + LINE
            if shades is not None:
                self.box(x - space / 2, y - 0.12, width + space, 0.24, HEAT, alpha=0.75 * max(0.0, shades[position]))
            self.text(x, y, word, size, weight=weight)
            x += width + space
        self.top = y + LINE / 2

    def write_head(self, text: str) -> None:
        self.top += 0.14
        self.text(self.left, self.top + LINE / 2, text, 9, color=QUIET)
        self.top += LINE - 0.04

    def write_notes(self, lines: Sequence[str]) -> None:
        self.top += 0.12
        for line in lines:
            self.text(self.left, self.top + 0.1, line, 8, color=QUIET)
            self.top += 0.19

    def box(self, x: float, y: float, width: float, height: float, colour: str, alpha: float = 1.0) -> None:
        self.axes.fill([x, x + width, x + width, x], [y, y, y + height, y + height], colour, alpha=alpha, lw=0)

    def finish(self) -> Any:
        """The figure, as high as what stands on it."""
        height = max(self.top, self.bottom) + MARGIN
        self.figure.set_size_inches(self.width, height)
        self.axes.set(xlim=(0, self.width), ylim=(height, 0))
        for axes, (x, y, width, tall) in self.pictures:
            axes.set_position((x / self.width, 1 - (y + tall) / height, width / self.width, tall / height))
        return self.figure


def draw_pictures(page: Page, pictures: Sequence[Image.Image], maps: Sequence[np.ndarray]) -> None:
    """The pictures side by side, each with its heat over it; the same scale for all of them."""
    for position, (picture, heat) in enumerate(zip(pictures, heats(pictures, maps), strict=True)):
        scale = PICTURE / max(picture.size)
        width, height = picture.width * scale, picture.height * scale
        x = MARGIN + position * (PICTURE + GAP) + (PICTURE - width) / 2
        axes = page.figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.imshow(with_heat(picture, heat), interpolation="bilinear")
        axes.contour(heat, levels=[0.5], colors=HEAT, linewidths=1.6)
        page.pictures.append((axes, (x, page.top, width, height)))
        page.bottom = max(page.bottom, page.top + height)


def heat_pictures(pictures: Sequence[Image.Image], maps: Sequence[np.ndarray]) -> list[Image.Image]:
    """See [`Explanation.heat`]."""
    return [with_heat(picture, heat) for picture, heat in zip(pictures, heats(pictures, maps), strict=True)]


def heats(pictures: Sequence[Image.Image], maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Maps from 0 to 1, the same scale for all, in as many pixels as their pictures are drawn with."""
    most = max([LEAST_FALL, *(float(each.max()) for each in maps)])
    return [smooth(picture, np.clip(each / most, 0, 1)) for picture, each in zip(pictures, maps, strict=True)]


def smooth(picture: Image.Image, heat: np.ndarray) -> np.ndarray:
    """A map `(rows, columns)` of 0 to 1 in as many pixels as the picture is drawn with."""
    mask = Image.fromarray(heat.astype(np.float32)).resize(drawn_size(picture), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(mask), 0, 1)


def drawn_size(picture: Image.Image) -> tuple[int, int]:
    width, height = (max(1, round(DRAWN * side / max(picture.size))) for side in picture.size)
    return width, height


def with_heat(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """A picture that keeps its colours where there is heat, and fades where there is none.

    Args:
        heat: from 0 to 1, `(height, width)` as it is drawn.
    """
    shown = np.asarray(picture.resize(drawn_size(picture), Image.Resampling.BICUBIC), dtype=np.float32)
    faded = 0.4 * shown.mean(-1, keepdims=True) + 0.6 * 255
    # The root: half the heat is most of the colour.
    return Image.fromarray((faded + heat[:, :, None] ** 0.5 * (shown - faded)).astype(np.uint8))


def draw_shares(page: Page, names: Sequence[str], options: Sequence["Seen"]) -> None:
    """A bar for each option, or word of the answer, the most probable one in colour."""
    best = max(option.probability for option in options)
    start, length = page.left + LABEL, TEXT_WIDTH - LABEL - 0.55
    for name, option in zip(names, options, strict=True):
        y = page.top + LINE / 2
        weight, colour = ("bold", CHOSEN) if option.probability == best else ("normal", OTHER)
        page.text(page.left, y, cut_to_width(page, name, LABEL - 0.15), weight=weight)
        page.box(start, y - BAR / 2, length, BAR, TRACK)
        page.box(start, y - BAR / 2, length * option.probability, BAR, colour)
        page.text(page.left + TEXT_WIDTH, y, f"{option.probability:.0%}", 10, ha="right", weight=weight)
        page.top += LINE


def cut_to_width(page: Page, text: str, width: float) -> str:
    """A text that is at most so wide."""
    if page.measure(text, 11, "bold") <= width:
        return text
    while text and page.measure(f"{text}…", 11, "bold") > width:
        text = text[:-1]
    return f"{text}…"


def notes(explanation: "Explanation") -> list[str]:
    """How to read the figure."""
    if not explanation.pictures:
        return ["No picture was asked about."]
    gates = ", ".join(f"{stage} {value:.0%}" for stage, value in explanation.gates.items())
    return [
        strongest(explanation),
        *(["Shaded: how much less probable a word is without the picture."] if explanation.words else []),
        f"Gate, the share of the picture in what the decoder reads: {gates}.",
    ]


def strongest(explanation: "Explanation") -> str:
    """What hiding a place of the picture does at most."""
    shown = explanation.words or explanation.options or explanation.answer
    falls = [(max(float(each.max()) for each in seen.maps), seen.text) for seen in shown]
    fall, text = max(falls, default=(0.0, ""))
    if fall < LEAST_FALL:
        return "Hiding a place of the picture makes no difference anywhere."
    return f"In colour: what counts. Hiding it makes “{text.rstrip('.,;:')}” up to {fall:.1%} less probable."

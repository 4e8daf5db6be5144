"""A canvas that draws three times too large in jittered coordinates, and the palette of SketchQA."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from PIL import Image, ImageDraw


Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

SUPERSAMPLING = 3

COLOURS: dict[str, Colour] = {
    "red": (222, 50, 48),
    "blue": (44, 104, 222),
    "green": (46, 160, 70),
    "yellow": (248, 212, 48),
    "purple": (142, 70, 190),
    "orange": (244, 134, 34),
}
INK: Colour = (52, 56, 70)
PAPER: Colour = (232, 234, 232)
WHITE: Colour = (250, 250, 248)
# Points of a circle, five in each quarter, that round the corners of a rectangle.
ROUND = [
    (math.cos(angle), math.sin(angle))
    for quarter in range(4)
    for angle in (math.pi / 2 * (quarter + (0.5 + step) / 5) for step in range(5))
]


def shade(colour: Colour, factor: float) -> Colour:
    """The same colour, darker for a factor below one, lighter above."""
    red, green, blue = [min(255, round(channel * factor)) for channel in colour]
    return red, green, blue


class Canvas:
    """A square image. Its unit is the side, its origin the middle, x goes right and y goes down.

    Every canvas moves (up to 7 % of the side) and scales (0.85 to 1.1) what is drawn on it, so a shape between -0.38
    and 0.38 always stays inside, and no two images are equal.
    """

    def __init__(self, size: int, rng: Random) -> None:
        self.size = size
        self.rng = rng
        side = size * SUPERSAMPLING
        self._unit = side * rng.uniform(0.85, 1.1)
        self._origin = (side * (0.5 + rng.uniform(-0.07, 0.07)), side * (0.5 + rng.uniform(-0.07, 0.07)))
        self._image = Image.new("RGB", (side, side), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def jitter(self, colour: Colour | str, spread: int = 14) -> Colour:
        """A colour (or the palette's colour of that name) with each channel up to `spread` levels off."""
        channels = COLOURS[colour] if isinstance(colour, str) else colour
        red, green, blue = [round(channel + spread * (2 * self.rng.random() - 1)) for channel in channels]
        return max(0, min(255, red)), max(0, min(255, green)), max(0, min(255, blue))

    def background(self, colour: Colour) -> Colour:
        """Fill the whole image with `colour`, jittered, and return what was filled in."""
        filled = self.jitter(colour)
        self._image.paste(filled, (0, 0, *self._image.size))
        return filled

    def rectangle(self, box: Box, fill: Colour, outline: Colour | None = None, width: float = 0.02) -> None:
        """A rectangle from (x0, y0) to (x1, y1)."""
        self._draw.rectangle(self._corners(box), fill, outline, self._pixels(width))

    def rounded(
        self, box: Box, radius: float, fill: Colour, outline: Colour | None = None, width: float = 0.02
    ) -> None:
        """A rectangle with round corners (as a polygon, in about 60 % of the time that Pillow's own takes)."""
        if outline is not None:
            self.polygon(_rounded_outline(box, radius), outline)
            box = (box[0] + width, box[1] + width, box[2] - width, box[3] - width)
            radius = max(0.0, radius - width)
        self.polygon(_rounded_outline(box, radius), fill)

    def ellipse(self, box: Box, fill: Colour, outline: Colour | None = None, width: float = 0.02) -> None:
        """An ellipse that fills the box."""
        self._draw.ellipse(self._corners(box), fill, outline, self._pixels(width))

    def disc(
        self, centre: Point, radius: float, fill: Colour, outline: Colour | None = None, width: float = 0.02
    ) -> None:
        """A disc."""
        self.ellipse(around(centre, radius), fill, outline, width)

    def half_disc(self, centre: Point, radius: float, turn: float, fill: Colour) -> None:
        """Half a disc, round side to the right, turned clockwise by `turn` radians."""
        angles = [turn + math.pi * (step / 20 - 0.5) for step in range(21)]
        self.polygon([(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles], fill)

    def polygon(
        self, points: Sequence[Point], fill: Colour, outline: Colour | None = None, width: float = 0.02
    ) -> None:
        """A closed polygon; its outline is drawn with round joints."""
        pixels = [self._place(point) for point in points]
        self._draw.polygon(pixels, fill)
        if outline is not None:
            self._draw.line([*pixels, *pixels[:2]], outline, self._pixels(width), joint="curve")

    def line(self, points: Sequence[Point], colour: Colour, width: float = 0.03) -> None:
        """A line through the points with round joints."""
        self._draw.line([self._place(point) for point in points], colour, self._pixels(width), joint="curve")

    def star(self, centre: Point, rays: int, inner: float, outer: float, fill: Colour) -> None:
        """A star with pointed rays between the radii `inner` and `outer`."""
        radii = (outer, inner)
        angles = [math.pi * step / rays for step in range(2 * rays)]
        points = [
            (centre[0] + radii[step % 2] * math.sin(angle), centre[1] - radii[step % 2] * math.cos(angle))
            for step, angle in enumerate(angles)
        ]
        self.polygon(points, fill)

    def image(self) -> Image.Image:
        """The finished image, RGB, `size` pixels wide and high."""
        return self._image.reduce(SUPERSAMPLING)

    def box_in_pixels(self, box: Box) -> list[float]:
        """A box of canvas units as [x0, y0, x1, y1] in pixels of the finished image, cut at its border."""
        x0, y0, x1, y1 = (max(0.0, min(self.size, value / SUPERSAMPLING)) for value in self._corners(box))
        return [round(x0, 1), round(y0, 1), round(x1, 1), round(y1, 1)]

    def _place(self, point: Point) -> Point:
        return self._origin[0] + self._unit * point[0], self._origin[1] + self._unit * point[1]

    def _corners(self, box: Box) -> Box:
        return *self._place(box[:2]), *self._place(box[2:])

    def _pixels(self, length: float) -> int:
        return max(1, round(length * self._unit))


def around(centre: Point, half_width: float, half_height: float | None = None) -> Box:
    """The box around a point."""
    half_height = half_width if half_height is None else half_height
    return centre[0] - half_width, centre[1] - half_height, centre[0] + half_width, centre[1] + half_height


def _rounded_outline(box: Box, radius: float) -> list[Point]:
    left, right = box[0] + radius, box[2] - radius
    top, bottom = box[1] + radius, box[3] - radius
    return [
        ((left if cosine < 0 else right) + radius * cosine, (top if sine < 0 else bottom) + radius * sine)
        for cosine, sine in ROUND
    ]


def enclosing(points: Sequence[Point]) -> Box:
    """The smallest box that holds all the points."""
    columns, rows = zip(*points, strict=True)
    return min(columns), min(rows), max(columns), max(rows)

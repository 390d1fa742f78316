"""Acronyms of regions in a picture of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform, TransformedPatchPath

from xarray_atlas.plotting.decorations import INKS
from xarray_atlas.plotting.label_places import label_places
from xarray_atlas.plotting.name_layout import NameLayout, Placed
from xarray_atlas.plotting.planes import Plane
from xarray_atlas.plotting.smooth import face_colors
from xarray_atlas.printable import one_line

__all__ = ["RegionName", "add_names", "colors_below", "luminances"]

SIZE, LEAST = 0.6, 5.0
"""Of a name: a share of matplotlib's font size, and what can be read in print, in points."""

AA = 4.5
"""The contrast of a text that WCAG 2 asks for."""


class RegionName(Text):
    """The acronym of a region, which is drawn if it fits.

    It lies inside of its region, or next to the brain with a line to it. No two names overlap, and
    more appear in a larger figure. It is black or white, whichever has more contrast to what is
    drawn below it, with a halo where neither has enough.

    Parameters
    ----------
    layout : NameLayout
        Which places it.
    region : int
        Its position in the hierarchy.
    part : int
        The part of the plane that it names, in which the name is placed if it fits.
    row, column : int
        The voxel on which it is centred at first.
    bounds : tuple of int
        The rows and columns of the part.
    step : int
        Step in voxels at which it is sampled.
    sizes : sequence of float
        Of the font in points; the first that fits is used.
    **kwargs
        Of matplotlib's Text.
    """

    def __init__(
        self,
        layout: NameLayout,
        region: int,
        part: int,
        row: int,
        column: int,
        bounds: Sequence[int],
        step: int,
        sizes: Sequence[float],
        **kwargs: Any,
    ) -> None:
        plane = layout.plane
        self.spot = (
            float(plane.x.corners(column + 0.5)),
            float(plane.y.corners(row + 0.5)),
        )
        text = one_line(plane.terminology.acronyms[region])
        super().__init__(
            *self.spot, text, ha="center", va="center", fontsize=sizes[0], in_layout=False,
            parse_math=False, **kwargs,
        )  # fmt: skip
        self.layout, self.region, self.part = layout, region, part
        self.bounds, self.step, self.sizes = bounds, step, sizes
        self.placed: Placed | None = None
        """Its position, None if it is not drawn. Known after the figure has been drawn."""
        self.chosen: str | None = None
        """The colour that was set here; another one is the user's, and stays."""
        self.leader: Line2D | None = None
        self.measured: dict[float, tuple[float, float]] = {}

    def extent(self, renderer: Any, size: float) -> tuple[float, float]:
        """Return its width and height in pixels in a font of that size."""
        pixel = renderer.points_to_pixels(1.0)
        if pixel not in self.measured:
            box = self.get_window_extent(renderer)
            one = float(self.get_fontsize())
            self.measured[pixel] = box.width / one, box.height / one
        width, height = self.measured[pixel]
        return width * size, height * size

    def draw(self, renderer: Any) -> None:
        """Draw the name, if there is room."""
        self.layout.arrange(renderer, first=self is next(iter(self.layout.names), self))
        if self.placed is None or not self.get_visible():
            return
        self._move()
        self._choose_ink(renderer)
        if self.placed.target is not None:
            self._draw_leader(renderer)
        super().draw(renderer)

    def _move(self) -> None:
        # setting a property redraws an interactive figure, so set it only if it changes
        assert self.placed is not None
        back = self.layout.ax.transData.inverted()
        x, y = back.transform((self.placed.x, self.placed.y)).tolist()
        if not np.allclose((x, y), self.get_position(), atol=0):
            self.set_position((x, y))
        if self.placed.size != self.get_fontsize():
            self.set_fontsize(self.placed.size)

    def _choose_ink(self, renderer: Any = None) -> None:
        ax = self.layout.ax
        x, y = (np.array([at]) for at in self.get_position())
        if renderer is not None:  # the colours below each of its letters
            box = self.get_window_extent(renderer)
            points = np.stack(
                np.meshgrid(np.linspace(box.x0, box.x1, 7), np.linspace(box.y0, box.y1, 4)), axis=-1
            )
            x, y = ax.transData.inverted().transform(points.reshape(-1, 2)).T
        light = luminances(colors_below(ax, x, y))
        to_black, to_white = (light.min() + 0.05) / 0.05, 1.05 / (light.max() + 0.05)
        ink = "black" if to_black >= to_white else "white"
        if self.chosen is None or (self.get_color() == self.chosen and ink != self.chosen):
            self.set_color(ink)
            self.chosen = ink
        if self.get_color() != self.chosen:
            return
        halo = max(to_black, to_white) < AA
        if halo != bool(self.get_path_effects()):
            self.set_path_effects(halo_of(ink) if halo else [])

    def _draw_leader(self, renderer: Any) -> None:
        assert self.placed is not None
        assert self.placed.target is not None
        x, y = self.placed.target
        box = self.get_window_extent(renderer)
        ink = str(self.chosen)
        start = np.clip(x, box.x0, box.x1), np.clip(y, box.y0, box.y1)
        self.leader = Line2D(
            [start[0], x], [start[1], y], color=ink, linewidth=0.5, marker=".", markersize=2,
            markevery=[1], markeredgewidth=0, path_effects=halo_of(ink, 0.6),
            transform=IdentityTransform(),
        )  # fmt: skip
        figure = self.get_figure(root=False)
        assert figure is not None
        self.leader.set_figure(figure)
        self.leader.draw(renderer)


def halo_of(ink: str, width: float = 0.9) -> list[Any]:
    """Return the path effect that separates text from the drawing below it.

    Parameters
    ----------
    ink : "black" or "white"
    width : float
        Of the halo on either side, in points.
    """
    return [withStroke(linewidth=2 * width, foreground=INKS[ink])]


def add_names(ax: Axes, plane: Plane) -> None:
    """Write the acronyms of regions into them, or next to the brain with a line to them."""
    from matplotlib import rcParams

    layout = NameLayout(ax, plane)
    clip = TransformedPatchPath(ax.patch)  # one for all: each of its own takes long
    large = max(SIZE * rcParams["font.size"], LEAST)
    sizes = (large,) if large == LEAST else (large, LEAST)
    regions, terminology = plane.parts.regions, plane.terminology
    places = label_places(plane.parts.index, (plane.y.voxel, plane.x.voxel))
    for part, row, column, bounds in zip(*(each.tolist() for each in places[:4]), strict=True):
        if part in regions:
            name = RegionName(
                layout, regions[part], part, row, column, bounds, places.step, sizes, clip_path=clip
            )
            layout.names.append(name)
            layout.outside.setdefault(name.region, name)
    outside = dict(zip(regions.values(), regions, strict=True))
    if not plane.parts.are_chosen:
        # siblings that are too small may be named together if all of them are leaves: layers
        deeper = {p for r in regions.values() for p in terminology.ancestors(r)[:-1].tolist()}
        for part, region in regions.items():
            parent = int(terminology.parents[region])
            if parent >= 0 and parent not in deeper:
                layout.above.add(parent)
                outside.setdefault(parent, part)
    for region, part in outside.items():
        if region not in layout.outside:
            layout.outside[region] = RegionName(
                layout, region, part, 0, 0, (0, 0, 0, 0), 1, sizes, clip_path=clip
            )
    for name in dict.fromkeys([*layout.names, *layout.outside.values()]):
        name._choose_ink()
        ax.add_artist(name)


def luminances(colors: Any) -> Any:
    """Return the relative luminance of colours, as WCAG 2 defines it.

    Parameters
    ----------
    colors : ndarray, shape (n, 3)
        From 0 to 1.
    """
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def colors_below(ax: Axes, x: Any, y: Any) -> Any:
    """Return the colours at points of axes, of the images and faces that lie over each other.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : ndarray, shape (n,)
        In data coordinates.

    Returns
    -------
    ndarray, shape (n, 3)
        Red, green and blue, from 0 to 1.
    """
    colors = np.ones((x.size, 3))
    figure = ax.get_figure(root=True)
    assert figure is not None
    layers = [
        np.broadcast_to(to_rgba(patch.get_facecolor()), (x.size, 4))
        for patch in (figure.patch, ax.patch)
    ]
    images = [image for image in ax.images if image.get_visible()]
    layers += [_pixels(image, x, y) for image in sorted(images, key=lambda i: i.get_zorder())]
    layers += face_colors(ax, x, y)
    for layer in layers:
        alpha = layer[:, 3:]
        colors = alpha * layer[:, :3] + (1 - alpha) * colors
    return colors.clip(0, 1)


def _pixels(image: AxesImage, x: Any, y: Any) -> Any:
    """Return red, green, blue and alpha of the pixels of an image that hold points."""
    array: Any = image.get_array()
    left, right, bottom, top = image.get_extent()
    column = np.floor((x - left) / (right - left) * array.shape[1]).astype(np.int64)
    down = (y - top) / (bottom - top) if image.origin == "upper" else (y - bottom) / (top - bottom)
    row = np.floor(down * array.shape[0]).astype(np.int64)
    inside = (row >= 0) & (row < array.shape[0]) & (column >= 0) & (column < array.shape[1])
    row, column = row[inside], column[inside]
    alpha: Any = image.get_alpha()
    if isinstance(alpha, np.ndarray):
        alpha = alpha[row, column][None]
    found = np.zeros((x.size, 4))
    if row.size:
        found[inside] = image.to_rgba(array[row, column][None], alpha=alpha)[0]
    return found

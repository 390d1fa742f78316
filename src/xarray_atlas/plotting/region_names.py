"""Names of regions that are drawn only where they have room."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.transforms import TransformedPatchPath

from xarray_atlas.plotting.label_places import label_places
from xarray_atlas.plotting.palette import ink_for
from xarray_atlas.plotting.planes import Plane
from xarray_atlas.plotting.smooth import face_colors
from xarray_atlas.printable import one_line

__all__ = ["RegionName", "add_names"]

SIZE = 0.6
"""Of a name, as a share of matplotlib's font size."""

NARROW = 0.3
"""Of a letter, as a share of its height: shorter texts there are none."""


PAD = 0.15
"""Between a name and the rim of its region, as a share of its height."""


class OtherTexts:
    """The texts that are on axes already, laid out once for a drawing and not for each name."""

    def __init__(self, ax: Axes) -> None:
        self.ax, self.texts = ax, list(ax.texts)
        self.laid_out: tuple[Any, list[Any]] = (None, [])

    def overlap(self, box: Any, renderer: Any) -> bool:
        """Tell whether one of them overlaps a box of the display."""
        of = renderer.points_to_pixels(1), *self.ax.bbox.bounds, *self.ax.get_xlim()
        if self.laid_out[0] != of:
            shown = [text for text in self.texts if text.get_visible()]
            self.laid_out = of, [text.get_window_extent(renderer) for text in shown]
        return bool(box.count_overlaps(self.laid_out[1]))


class RegionName(Text):
    """A text that is drawn where all of it lies in its region, whatever the size of the figure.

    So no two of them overlap, and more appear where a part is shown larger. It is black or white,
    whichever can be read better on what is drawn below it.

    Parameters
    ----------
    plane : Plane
    row, column : int
        The voxel on which it is centred.
    text : str
    avoided : OtherTexts
        Below which there is no room.
    **kwargs
        Of matplotlib's Text.
    """

    def __init__(
        self, plane: Plane, row: int, column: int, text: str, avoided: OtherTexts, **kwargs: Any
    ) -> None:
        x, y = plane.x.corners(column + 0.5), plane.y.corners(row + 0.5)
        super().__init__(float(x), float(y), text, ha="center", va="center", **kwargs)
        self.plane, self.avoided = plane, avoided
        self.part = plane.parts.index[row, column]
        self.chosen: str | None = None
        """The colour that was set here; another one is the user's, and stays."""

    def draw(self, renderer: Any) -> None:
        """Draw the text, if there is room."""
        if self.get_visible() and self._has_room(renderer):
            self._choose_ink()
            super().draw(renderer)

    def _choose_ink(self) -> None:
        ink = ink_for(*color_below(self.avoided.ax, *self.get_position()))
        # what is set is drawn again by an interactive figure, so only where it changes
        if self.chosen is None or (self.get_color() == self.chosen and ink != self.chosen):
            self.set_color(ink)
            self.chosen = ink

    def _has_room(self, renderer: Any) -> bool:
        # most are much too long: that is seen without laying out the text
        height = renderer.points_to_pixels(self.get_fontsize())
        at = np.array(self.get_transform().transform(self.get_position()))
        half = np.array([NARROW * height * len(self.get_text()), height / 2]) / 2
        if not self._holds(np.array([at - half, at + half])):
            return False
        box = self.get_window_extent(renderer).padded(PAD * height)
        if not all(self.avoided.ax.bbox.contains(*point) for point in box.get_points()):
            return False  # of what is not in sight there is no name
        return self._holds(box.get_points()) and not self.avoided.overlap(box, renderer)

    def _holds(self, box: Any) -> bool:
        """Tell whether all voxels in a box of the display have the label."""
        corners = self.get_transform().inverted().transform(box)
        pieces = []
        for axis, ends in ((self.plane.y, corners[:, 1]), (self.plane.x, corners[:, 0])):
            low, high = np.sort((ends - axis.first) / axis.step)
            if low < 0 or high > axis.count:
                return False
            pieces.append(slice(int(low), int(np.ceil(high))))
        return bool((self.plane.parts.index[tuple(pieces)] == self.part).all())


def add_names(ax: Axes, plane: Plane) -> None:
    """Write the acronyms of the regions into them, where they have room."""
    from matplotlib import rcParams

    avoided = OtherTexts(ax)
    clip = TransformedPatchPath(ax.patch)  # one for all: each of its own takes long
    size = SIZE * rcParams["font.size"]
    places = label_places(plane.parts.index, (plane.y.voxel, plane.x.voxel))
    for part, row, column in zip(*(each.tolist() for each in places), strict=True):
        region = plane.parts.regions.get(part)
        if region is None:
            continue
        name = RegionName(
            plane, row, column, one_line(plane.terminology.acronyms[region]), avoided,
            fontsize=size, in_layout=False, clip_path=clip, parse_math=False,
        )  # fmt: skip
        name._choose_ink()
        ax.add_artist(name)


def color_below(ax: Axes, x: float, y: float) -> tuple[float, float, float]:
    """Return the colour at a point of axes, of the images and faces that lie over each other there.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : float
        In data coordinates.

    Returns
    -------
    red, green, blue : float
        From 0 to 1.
    """
    color = np.ones(3)
    figure = ax.get_figure(root=True)
    assert figure is not None
    layers = [to_rgba(patch.get_facecolor()) for patch in (figure.patch, ax.patch)]
    images = [image for image in ax.images if image.get_visible()]
    layers += [_pixel(image, x, y) for image in sorted(images, key=lambda i: i.get_zorder())]
    layers += face_colors(ax, x, y)
    for *rgb, alpha in layers:
        color = alpha * np.array(rgb) + (1 - alpha) * color
    red, green, blue = color.clip(0, 1).tolist()
    return red, green, blue


def _pixel(image: AxesImage, x: float, y: float) -> tuple[float, float, float, float]:
    """Return red, green, blue and alpha of the pixel of an image that holds a point."""
    array: Any = image.get_array()
    left, right, bottom, top = image.get_extent()
    column = int(np.floor((x - left) / (right - left) * array.shape[1]))
    down = (y - top) / (bottom - top) if image.origin == "upper" else (y - bottom) / (top - bottom)
    row = int(np.floor(down * array.shape[0]))
    if not (0 <= row < array.shape[0] and 0 <= column < array.shape[1]):
        return 0.0, 0.0, 0.0, 0.0
    alpha: Any = image.get_alpha()
    if isinstance(alpha, np.ndarray):
        alpha = float(alpha[row, column])
    pixel = image.to_rgba(array[row : row + 1, column : column + 1], alpha=alpha)[0, 0]
    red, green, blue, opacity = np.asarray(pixel, np.float64).tolist()
    return red, green, blue, opacity

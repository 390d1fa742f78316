"""The layout of acronyms in a picture of a plane: inside their regions, or next to the brain.

A name is written where its whole box lies in one part of its region. What has no such place is
named outside of the brain, with a line to a point inside of it: the largest first, and siblings
none of which has a name of its own by their parent (the layers of an area by the area).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.transforms import Bbox

from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.plotting.artists import ScaleBar
from xarray_atlas.plotting.name_geometry import (
    box_at,
    crossed,
    full_boxes,
    is_free,
    line_to,
    meet,
)
from xarray_atlas.plotting.palette import INSTALL
from xarray_atlas.plotting.planes import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NameLayout", "Placed"]

PAD = 0.15
"""Margin around a name, as a fraction of its height."""

STEP = 1.25
"""Points from one place that is looked at to the next."""

LONGEST = 0.22, 0.4
"""The longest line to a name, as a share of the width of the axes; that of one of a few chosen."""

SMALLEST = 25.0, 4.0
"""Square points: the area of a part to which a line leads; that of one of a few chosen."""

FEW = 15
"""Maximum number of chosen regions that are named at any distance from the brain's edge."""

MANY = 1000
"""Points of a plotted line; one with more is not kept clear of."""

RIM = 1.5
"""Points between a name and the frame of the axes."""

TRIED = 300
"""How many places are tried for a name outside, the nearest first."""


class Placed(NamedTuple):
    """The place of a name, in pixels of the display."""

    x: float
    y: float
    size: float
    """Of the font, in points."""
    target: tuple[float, float] | None = None
    """The end of its line; None for a name inside its region."""


class Raster(NamedTuple):
    """The parts of a plane at the pixels of a coarse picture of its axes."""

    index: Any
    """Shape (rows, columns); the first row is the lowest."""
    tissue: Any
    """Mask of the brain with holes filled."""
    origin: tuple[float, float]
    step: float

    def at(self, rows: Any, columns: Any) -> tuple[Any, Any]:
        """Return the centres of cells as x and y of the display."""
        return (
            self.origin[0] + (np.asarray(columns) + 0.5) * self.step,
            self.origin[1] + (np.asarray(rows) + 0.5) * self.step,
        )


@dataclass
class NameLayout:
    """Places the names of a plane, again whenever the size or the limits of the axes change."""

    ax: Axes
    plane: Plane
    names: list[Any] = field(default_factory=list)
    """Texts with ``part``, ``region``, ``places`` and ``sizes``."""
    outside: dict[int, Any] = field(default_factory=dict)
    """The text by which a region is named next to the brain."""
    above: set[int] = field(default_factory=set)
    """Regions by which those below them may be named together."""
    _key: Any = None
    _surrounded: Any = None
    _shown: Any = None
    _frame: Any = None
    _drawn: Any = None
    _few: bool = False

    def arrange(self, renderer: Any, first: bool = True) -> None:
        """Place all names for a renderer, unless that has been done.

        Parameters
        ----------
        renderer : matplotlib renderer
        first : bool, default: True
            Also check whether the surroundings of the names have changed, which takes longer.
        """
        pixel = renderer.points_to_pixels(1.0)
        limits = (*self.ax.bbox.bounds, *self.ax.get_xlim(), *self.ax.get_ylim())
        key = (pixel, *limits)
        if key == self._key and not first:
            return
        around, drawn = self._around(renderer), self._lines()
        surrounded = np.round(np.reshape(around, (-1, 4)), 1).tobytes() + drawn.tobytes()
        shown = tuple(name.get_visible() for name in self.names)
        if (key, surrounded, shown) == (self._key, self._surrounded, self._shown):
            return
        self._key, self._surrounded, self._shown = key, surrounded, shown
        self._frame = np.array([*self.ax.bbox.min + RIM * pixel, *self.ax.bbox.max - RIM * pixel])
        self._drawn = drawn
        boxes = list(around)
        named: set[int] = set()
        for name in self.names:
            name.placed = None
            if name.get_visible() and (found := self._inside(name, renderer, boxes)) is not None:
                name.placed, box = found
                boxes.append(box)
                named.add(name.region)
        for name in {*self.outside.values()} - {*self.names}:
            name.placed = None
        if any(name.get_visible() for name in self.names):
            self._beside(renderer, boxes, named)

    def _around(self, renderer: Any) -> list[FloatArray]:
        """Return the boxes that names keep clear of: other texts, hairs and the scale bar."""
        own = {*map(id, self.names), *map(id, self.outside.values())}
        found = [
            text.get_window_extent(renderer)
            for text in self.ax.texts
            if id(text) not in own and text.get_visible() and text.get_text()
        ]
        thin = 3 * renderer.points_to_pixels(1.0)
        for line in self.ax.lines:
            box = line.get_window_extent(renderer)
            if isinstance(line, ScaleBar):
                found.append(Bbox.union([box, line.text.get_window_extent(renderer)]))
            elif line.get_visible() and min(abs(box.width), abs(box.height)) < thin:
                found.append(box.padded(thin / 4))
        return [np.array([*box.min, *box.max]) for box in found]

    def _lines(self) -> FloatArray:
        """Return lines and points that were plotted: their ends in pixels, shape (n, 2, 2)."""
        found = [np.empty((0, 2, 2))]
        for line in self.ax.lines:
            at = line.get_transform().transform(line.get_xydata())
            if line.get_visible() and not isinstance(line, ScaleBar) and len(at) <= MANY:
                joined = line.get_linestyle() not in ("None", "none", " ", "")
                ends = [at[:-1], at[1:]] if joined else [at, at]
                found.append(np.stack(ends, axis=1))
        lines = np.concatenate(found)
        return np.round(lines[np.isfinite(lines).all(axis=(1, 2))], 1)

    def _is_free(self, box: FloatArray, boxes: list[FloatArray]) -> bool:
        """Return whether a box is within the axes and free of other boxes, lines and points."""
        return is_free(box, boxes, self._frame) and not crossed(self._drawn, box[None]).any()

    # -- inside

    def _inside(self, name: Any, renderer: Any, boxes: list[FloatArray]) -> Any:
        """Return the position of a name in its region, with its box; None if it does not fit."""
        pixel = renderer.points_to_pixels(1.0)
        for size in name.sizes:
            height = size * pixel
            # most are much too long, which is seen without laying out the text
            if not self._fits(name, 0.3 * height * len(name.get_text()), 0.5 * height):
                continue
            width, height = name.extent(renderer, size)
            pad = PAD * height
            spot = tuple(self.ax.transData.transform(name.spot).tolist())
            for x, y in (spot, *self._places(name, width + 2 * pad, height + 2 * pad)):
                box = box_at(x, y, width + 2 * pad, height + 2 * pad)
                if self._holds(box, name.part) and self._is_free(box, boxes):
                    return Placed(x, y, size), box
        return None

    def _fits(self, name: Any, width: float, height: float) -> bool:
        """Return whether the extent of a part has room for a box."""
        top, bottom, left, right = name.bounds
        corners = self.ax.transData.transform(
            [
                (self.plane.x.corners(left), self.plane.y.corners(top)),
                (self.plane.x.corners(right), self.plane.y.corners(bottom)),
            ]
        )
        wide, high = np.abs(corners[1] - corners[0])
        return bool(wide >= width and high >= height)

    def _places(self, name: Any, width: float, height: float) -> list[tuple[float, float]]:
        """Return the position in a part at which a box fits with the largest margin, if any."""
        top, bottom, left, right = name.bounds
        step = name.step
        part = self.plane.parts.index[top:bottom:step, left:right:step] == name.part
        corners = self.ax.transData.transform(
            [
                (self.plane.x.corners(0), self.plane.y.corners(0)),
                (self.plane.x.corners(step), self.plane.y.corners(step)),
            ]
        )
        wide, high = np.abs(corners[1] - corners[0])
        columns, rows = int(np.ceil(width / wide)) + 1, int(np.ceil(height / high)) + 1
        full = full_boxes(part, rows, columns)
        if not full.any():
            return []
        ndimage: Any = optional("scipy.ndimage", INSTALL, "placing the names of regions")
        room = ndimage.distance_transform_edt(np.pad(full, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(room.argmax()), room.shape)
        at = (
            self.plane.x.corners(left + (column + columns / 2) * step),
            self.plane.y.corners(top + (row + rows / 2) * step),
        )
        x, y = self.ax.transData.transform(at).tolist()
        return [(x, y)]

    def _holds(self, box: FloatArray, part: int) -> bool:
        """Return whether all voxels in a box of the display are of a part."""
        corners = self.ax.transData.inverted().transform(box.reshape(2, 2))
        pieces = []
        for axis, ends in ((self.plane.y, corners[:, 1]), (self.plane.x, corners[:, 0])):
            low, high = np.sort((ends - axis.first) / axis.step)
            if low < 0 or high > axis.count:
                return False
            pieces.append(slice(int(low), int(np.ceil(high))))
        return bool((self.plane.parts.index[tuple(pieces)] == part).all())

    # -- outside

    def _beside(self, renderer: Any, boxes: list[FloatArray], named: set[int]) -> None:
        """Place names next to the brain, for regions without a name inside."""
        pixel = renderer.points_to_pixels(1.0)
        raster = self._raster(STEP * pixel)
        if raster is None:
            return
        ndimage: Any = optional("scipy.ndimage", INSTALL, "placing the names of regions")
        near = ndimage.binary_dilation(raster.tissue, iterations=2)
        free = ~near
        lines: list[FloatArray] = []
        groups = self._groups(raster, named)
        self._few = self.plane.parts.are_chosen and len(groups) <= FEW
        smallest = SMALLEST[self._few] * pixel**2
        for region, parts in groups:
            text = self.outside[region]
            if not text.get_visible():
                continue
            size = text.sizes[-1]
            width, height = text.extent(renderer, size)
            targets = _targets(raster, parts, smallest, ndimage)
            found = self._place_for(raster, free, targets, width, height, boxes, lines)
            if found is None:
                continue
            (x, y), target = found
            text.placed = Placed(x, y, size, target)
            pad = PAD * height
            boxes.append(box_at(x, y, width + 2 * pad, height + 2 * pad))
            lines.append(line_to(x, y, width, height, target))

    def _raster(self, step: float) -> Raster | None:
        """Return the parts that are in sight on a coarse grid of the display."""
        x0, y0, width, height = self.ax.bbox.bounds
        rows, columns = int(height / step), int(width / step)
        if rows < 4 or columns < 4:
            return None
        raster = Raster(None, None, (x0, y0), step)
        x, y = raster.at(*np.mgrid[:rows, :columns])
        points = self.ax.transData.inverted().transform(np.stack([x.ravel(), y.ravel()], axis=1))
        at = []
        inside = np.ones(len(points), bool)
        for axis, values in ((self.plane.y, points[:, 1]), (self.plane.x, points[:, 0])):
            place = np.floor((values - axis.first) / axis.step).astype(np.int64)
            inside &= (place >= 0) & (place < axis.count)
            at.append(place.clip(0, axis.count - 1))
        index = np.where(inside, self.plane.parts.index[tuple(at)].astype(np.int64), 0)
        index = index.reshape(rows, columns)
        ndimage: Any = optional("scipy.ndimage", INSTALL, "placing the names of regions")
        return raster._replace(index=index, tissue=ndimage.binary_fill_holes(index != 0))

    def _groups(self, raster: Raster, named: set[int]) -> list[tuple[int, list[int]]]:
        """Return the regions to be named outside with their parts, the largest first."""
        terminology, regions = self.plane.terminology, self.plane.parts.regions
        seen, area = np.unique(raster.index, return_counts=True)
        areas = {int(part): int(n) for part, n in zip(seen, area, strict=True) if part in regions}
        siblings: dict[int, list[int]] = {}
        for part in areas:
            siblings.setdefault(int(terminology.parents[regions[part]]), []).append(part)
        groups: dict[int, list[int]] = {}
        for parent, parts in siblings.items():
            unnamed = [part for part in parts if regions[part] not in named]
            whole = len(unnamed) == len(parts) and parent in self.above - named
            unnamed = [part for part in unnamed if terminology.parents[regions[part]] >= 0]
            for part in unnamed:
                groups.setdefault(parent if whole else regions[part], []).append(part)
        return sorted(groups.items(), key=lambda item: -sum(areas[part] for part in item[1]))

    def _place_for(
        self,
        raster: Raster,
        free: Any,
        targets: list[tuple[float, float]],
        width: float,
        height: float,
        boxes: list[FloatArray],
        lines: list[FloatArray],
    ) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return the nearest free place for a name outside, and the target of its line."""
        pad = PAD * height
        wide, high = width + 2 * pad, height + 2 * pad
        columns, rows = (int(np.ceil(n / raster.step)) for n in (wide, high))
        row, column = np.nonzero(full_boxes(free, rows, columns))
        if not row.size or not targets:
            return None
        x = raster.origin[0] + (column + columns / 2) * raster.step
        y = raster.origin[1] + (row + rows / 2) * raster.step
        longest = LONGEST[self._few] * self.ax.bbox.width
        cost = np.stack(
            [
                np.hypot(
                    np.maximum(np.abs(x - tx) - width / 2, 0),
                    np.maximum(np.abs(y - ty) - height / 2, 0),
                )
                for tx, ty in targets
            ]
        )
        order = np.argsort(cost, axis=None)
        order = order[cost.ravel()[order] <= longest]
        taken, drawn = np.reshape(boxes, (-1, 4)), np.reshape(lines, (-1, 2, 2))
        for which, k in zip(*np.unravel_index(order[:TRIED], cost.shape), strict=True):
            box = box_at(x[k], y[k], wide, high)
            line = line_to(x[k], y[k], width, height, targets[which])
            if (
                self._is_free(box, boxes)
                and not crossed(drawn, box[None]).any()
                and not crossed(line[None], taken).any()
                and not meet(line, drawn).any()
            ):
                return (float(x[k]), float(y[k])), targets[which]
        return None


def _targets(raster: Raster, parts: list[int], least: float, ndimage: Any) -> list[Any]:
    """Return the points farthest inside of the largest pieces of some parts."""
    pieces, count = ndimage.label(np.isin(raster.index, parts))
    found = []
    for number, place in enumerate(ndimage.find_objects(pieces, max_label=count), 1):
        piece = np.pad(pieces[place] == number, 1)
        area = int(piece.sum())
        if area * raster.step**2 < least:
            continue
        room = ndimage.distance_transform_edt(piece)[1:-1, 1:-1]
        row, column = np.unravel_index(int(room.argmax()), room.shape)
        x, y = raster.at(row + place[0].start, column + place[1].start)
        found.append((area, (float(x), float(y))))
    found.sort(key=lambda each: -each[0])
    return [point for _, point in found[:2]]

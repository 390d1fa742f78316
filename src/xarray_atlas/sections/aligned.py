"""A histological section in an atlas: its labels, hemispheres and positions, pixel by pixel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.build import atlas_coordinates
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.hemispheres import has_hemispheres
from xarray_atlas.coords.space import AXES, RAS_AXES, Space, require_orientation
from xarray_atlas.errors import GridError
from xarray_atlas.images.grids import attrs_of, grid_axes
from xarray_atlas.images.plane_lookup import Plane, PlaneAxis, looked_up
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.kernels.triangles import triangulated
from xarray_atlas.transforms.known_frames import in_ccf
from xarray_atlas.transforms.registration import nearest_letters
from xarray_atlas.transforms.remembered import remember
from xarray_atlas.transforms.steps import AffineStep, Step
from xarray_atlas.transforms.triangle_steps import TriangleStep

__all__ = ["ACROSS", "Anchored", "aligned_section", "extent_of", "is_mirrored", "section_shape"]

ACROSS = "plane"
"""The scalar coordinate of a section across its plane."""

MM = {"units": "mm"}


@dataclass(frozen=True)
class Anchored:
    """Position of a section in the volume of an atlas.

    Parameters
    ----------
    anchoring : tuple of nine float
        The upper left corner and the edges to the right and downwards, in voxels of the
        target to right, anterior and superior from the volume's left, posterior, inferior corner.
    voxel : float
        Of the target, in mm.
    image : tuple of int
        Width and height of the image that was aligned, in pixels.
    markers : sequence of (x, y, moved x, moved y)
        In pixels of that image.
    """

    anchoring: tuple[float, ...]
    voxel: float
    image: tuple[int, int]
    markers: Sequence[Sequence[float]] = ()

    def vectors(self, order: Sequence[str]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return o, u and v in voxels of the target, along anatomical axes in an order."""
        columns = [RAS_AXES.index(axis) for axis in order]
        o, u, v = np.reshape(self.anchoring, (3, 3))[:, columns]
        return o, u, v


def extent_of(obj: xr.Dataset | xr.DataArray) -> dict[str, float]:
    """Return how long the whole volume of an atlas is along ml, ap and dv, in mm."""
    _, space = find_atlas(obj)
    require_orientation(space)
    if space.atlas is not None:
        raise GridError(
            "sections are opened on the atlas itself, not on a grid onto which it was brought; "
            "pass the Dataset that open_atlas gave"
        )
    if not space.shape:
        raise GridError(
            "how large the whole volume is was not written with this atlas (by an older version); "
            "open it again from where it came"
        )
    at = {axis: space.position(axis) for axis in RAS_AXES}
    return {axis: space.voxel_size[i] * space.shape[i] for axis, i in at.items()}


def is_mirrored(obj: xr.Dataset | xr.DataArray) -> bool:
    """Return whether labels are stored mirrored relative to the stated right-left axis.

    BrainGlobe's volumes of the Allen CCF have the voxels in the order of the Allen Institute's
    files, with the first on the left, and state that the first is on the right.
    """
    terminology, space = find_atlas(obj)
    return in_ccf(terminology, space) and space.direction("ml") == "right-to-left"


def aligned_section(
    ds: xr.Dataset,
    section: Anchored,
    pixels: Any,
    mirrored: bool,
    thickness: float | None,
) -> xr.Dataset:
    """Resample an atlas to the pixels of a section, lazily if it is lazy.

    Parameters
    ----------
    ds : Dataset
        An atlas, on any part of its grid.
    section : Anchored
    pixels : "atlas", "image" or (int, int)
        The pixels of the result: about as large as voxels of the atlas, those of the image, or
        that many rows and columns.
    mirrored : bool
        Whether labels are looked up on the other side of the midline.
    thickness : float, optional
        In mm.
    """
    terminology, space = find_atlas(ds)
    names, dims, sizes = grid_axes(ds, space)
    order = sorted(AXES, key=space.position)
    axes = [
        _axis(ds, space, axis, lengths(ds, name), size, section.voxel, False)
        for axis, name, size in zip(order, names, sizes, strict=True)
    ]
    o, u, v = section.vectors(order)
    width, height = section.image
    triangles = triangulated(width, height, section.markers) if section.markers else None
    scales = np.array([axis.scale for axis in axes])
    shape = section_shape(pixels, (height, width), _voxels(u * scales, v * scales))
    fine = np.maximum(scales, 1.0)  # VisuAlign does not round to voxels larger than the target's
    grid = _voxels(u * fine, v * fine)
    place = Plane(o, u, v, tuple(axes), shape, (height, width), triangles, grid)
    labels = place
    if mirrored:
        at = order.index("ml")
        axes[at] = _axis(ds, space, "ml", lengths(ds, names[at]), sizes[at], section.voxel, True)
        labels = Plane(o, u, v, tuple(axes), shape, (height, width), triangles, grid)
    annotation = annotation_of(ds).variable.transpose(*dims)
    label_attrs = {k: a for k, a in annotation.attrs.items() if k != "grid_mapping"}
    plane = ("y", "x")
    variables = {"annotation": Variable(plane, looked_up(annotation.data, labels), label_attrs)}
    sides = _hemispheres(ds, space, place, names, dims, order)
    if sides is not None:
        variables["hemispheres"] = Variable(plane, sides, {"long_name": "hemisphere"})
    geometry = _Geometry.of(space, section, order, shape)
    on_plane, kept = _space(space, geometry, section, triangles, shape, thickness)
    centres = [np.array([geometry.across]), *geometry.centres(shape)]
    coords = atlas_coordinates(terminology, on_plane, centres)
    found = xr.Dataset(variables, coords, attrs_of(ds, on_plane, centres)).isel({ACROSS: 0})
    positions: dict[Any, Any] = {
        axis: Variable(plane, _positions(place, order.index(axis), *geometry.along[axis]), MM)
        for axis in AXES
    }
    pixel = {"long_name": "pixel of the image that was aligned, from its outer corner"}
    for name, count, whole in (("x", shape[1], width), ("y", shape[0], height)):
        middles = (np.arange(count) + 0.5) * whole / count
        positions[f"pixel_{name}"] = Variable((name,), middles, pixel)
    return found.assign_coords({**positions, **kept}).assign_attrs(
        image_width=width,
        image_height=height,
        anchoring=json.dumps(list(section.anchoring)),
        anchoring_voxel_mm=section.voxel,
        markers=json.dumps([list(marker) for marker in section.markers]),
    )


def _axis(
    ds: xr.Dataset,
    space: Space,
    axis: str,
    centres: FloatArray,
    size: float,
    voxel: float,
    mirrored: bool,
) -> PlaneAxis:
    """Describe the voxels of the target along one axis of a Dataset, or a part of one."""
    at = space.position(axis)
    corner, long = space.corner[at], space.voxel_size[at] * space.shape[at]
    low, high = float(centres.min()) - size / 2, float(centres.max()) + size / 2
    grows = (space.orientation[at] in "lpi") != mirrored
    offset = corner - low if grows else high - (corner + long)
    falls = bool(centres[-1] < centres[0])
    return PlaneAxis(_clean(voxel / size), _clean(offset / size), centres.size, falls == grows)


def _clean(value: float) -> float:
    """Return a number without rounding noise, so that boundaries of voxels coincide."""
    near = round(value * 1e6) / 1e6
    return near if abs(value - near) < 1e-9 * max(abs(value), 1.0) else value


def section_shape(
    pixels: Any, image: tuple[int, int], atlas: tuple[int, int], least: int = 1
) -> tuple[int, int]:
    """Return the number of rows and columns of a section.

    Parameters
    ----------
    pixels : "atlas", "image" or (int, int)
        Same as in :func:`open_sections`.
    image : tuple of int
        Rows and columns of the image that was aligned.
    atlas : tuple of int
        Rows and columns of pixels about as large as the atlas's voxels.
    least : int
        Rows, and columns, that there must be.
    """
    if isinstance(pixels, str) and pixels in ("atlas", "image"):
        return atlas if pixels == "atlas" else image
    if isinstance(pixels, tuple | list) and len(pixels) == 2:
        rows, columns = pixels
        if all(isinstance(n, int | np.integer) and n >= least for n in (rows, columns)):
            return int(rows), int(columns)
    raise ValueError(
        f"pixels={pixels!r} is not 'atlas' (about as large as voxels of the atlas), 'image' (those "
        "of the image that was aligned) or a pair (rows, columns)"
    )


def _voxels(u: FloatArray, v: FloatArray) -> tuple[int, int]:
    """Return rows and columns of about one voxel, as QuickNII and VisuAlign count them."""
    return int(np.linalg.norm(v)) + 1, int(np.linalg.norm(u)) + 1


@dataclass(frozen=True)
class _Geometry:
    """The coordinates of a section: mm from its upper left corner, and across its plane.

    `matrix` leads from (across, y, x) to the Dataset, in the order of its space; `along` holds for
    each anatomical axis what makes a coordinate of the Dataset of a position in voxels of the
    target: a factor and an offset.
    """

    matrix: FloatArray
    size: tuple[float, float]
    across: float
    along: dict[str, tuple[float, float]]

    @classmethod
    def of(
        cls, space: Space, section: Anchored, order: Sequence[str], shape: tuple[int, int]
    ) -> _Geometry:
        along = {}
        for axis in order:
            at = space.position(axis)
            long = space.voxel_size[at] * space.shape[at]
            grows = space.orientation[at] in "lpi"
            along[axis] = (
                (section.voxel, space.corner[at])
                if grows
                else (-section.voxel, space.corner[at] + long)
            )
        factors = np.array([along[axis][0] for axis in order])
        corner, right, down = (factors * part for part in section.vectors(order))
        corner += np.array([along[axis][1] for axis in order])
        normal = np.cross(right, down)
        width = float(np.linalg.norm(right))
        if not width or np.linalg.norm(normal) < 1e-6 * width * float(np.linalg.norm(down)):
            raise GridError(
                f"the anchoring vector {list(section.anchoring)} spans no plane: its edges are "
                "0 or parallel"
            )
        # the area is that of the parallelogram, should its edges not be perpendicular
        height = float(np.linalg.norm(normal)) / width
        normal /= np.linalg.norm(normal)
        nearest = int(np.argmax(np.abs(normal)))
        normal *= np.sign(normal[nearest])
        across = float((corner + right / 2 + down / 2)[nearest])
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([normal, down / height, right / width], axis=1)
        matrix[:3, 3] = corner - normal * across
        return cls(matrix, (height, width), across, along)

    def centres(self, shape: tuple[int, int]) -> list[FloatArray]:
        """Return the centres of pixels along y and x."""
        return [(np.arange(n) + 0.5) * size / n for n, size in zip(shape, self.size, strict=True)]


def _space(
    atlas: Space,
    geometry: _Geometry,
    section: Anchored,
    triangles: Any,
    shape: tuple[int, int],
    thickness: float | None,
) -> tuple[Space, dict[str, Variable]]:
    """Return the space of a section, and the fields of the transform to the atlas."""
    names: Any = (ACROSS, "y", "x")
    letters = nearest_letters(geometry.matrix, atlas.orientation)
    thick = thickness or 0.0
    height, width = geometry.size
    steps: tuple[Step, ...] = (AffineStep(geometry.matrix),)
    through = ""
    fields: dict[str, Variable] = {}
    if triangles is not None:
        columns, rows = section.image
        steps = (TriangleStep(triangles.scaled(width / columns, height / rows)), *steps)
        through, fields = remember(steps)
    space = Space(
        names,
        letters,
        (thick, height / shape[0], width / shape[1]),
        (geometry.across - thick / 2, 0.0, 0.0),
        midline=None,
        midline_assumed=atlas.midline_assumed,
        shape=(1, *shape),
        atlas=atlas,
        to_atlas=() if through else tuple(float(x) for x in geometry.matrix.ravel()),
        frames=atlas.frames,
        through=through,
    )
    return space, fields


# -- computed from the plane alone


def _hemispheres(
    ds: xr.Dataset,
    space: Space,
    place: Plane,
    names: Sequence[Any],
    dims: Sequence[Any],
    order: Sequence[str],
) -> Any:
    """Return the hemisphere of each pixel; None if it is not known."""
    if has_hemispheres(ds):
        return looked_up(ds["hemispheres"].variable.transpose(*dims).data, place)
    if space.midline is None:
        return None
    at = order.index("ml")
    left = np.asarray(space.is_left(lengths(ds, names[at])))
    return _by_block(place, _Sides(place, at, left), np.dtype(np.uint8))


def _positions(place: Plane, axis: int, factor: float, offset: float) -> Any:
    return _by_block(place, _Position(place, axis, factor, offset), np.dtype(np.float64))


@dataclass(frozen=True)
class _Sides:
    """Tells left and right apart by the voxel of a pixel along the right-left axis."""

    plane: Plane
    axis: int
    left: Any

    def __call__(self, rows: tuple[int, int]) -> Any:
        index, inside = self.plane.voxels(np.arange(*rows), np.arange(self.plane.shape[1]))
        side = np.where(self.left[index[self.axis]], 1, 2)
        return np.where(inside, side, 0).astype(np.uint8)


@dataclass(frozen=True)
class _Position:
    """Computes coordinates of a Dataset along one of its axes."""

    plane: Plane
    axis: int
    factor: float
    offset: float

    def __call__(self, rows: tuple[int, int]) -> Any:
        columns = np.arange(self.plane.shape[1])
        found = self.plane.positions(np.arange(*rows), columns, self.axis)
        return self.factor * found + self.offset


def _by_block(plane: Plane, make: Any, dtype: np.dtype[Any]) -> da.Array:
    """Return a lazy array computed from the rows of pixels, block by block."""
    rows, columns = plane.shape
    most = max(2**20 // max(columns, 1), 1)
    heights = tuple(min(most, rows - begin) for begin in range(0, rows, most))
    name = f"pixels-{tokenize(make)}"
    begins = np.cumsum((0, *heights))
    graph: dict[Any, Any] = {
        (name, i, 0): (make, (int(begins[i]), int(begins[i + 1]))) for i in range(len(heights))
    }
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[])
    return da.Array(layers, name, (heights, (columns,)), dtype=dtype)

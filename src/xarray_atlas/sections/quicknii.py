"""Series of sections written as an alignment of QuickNII and VisuAlign."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.space import AXES, RAS_AXES, Space
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import GridError, StoreExistsError
from xarray_atlas.kernels.spacing import FloatArray, without_noise
from xarray_atlas.transforms.known_frames import in_ccf
from xarray_atlas.transforms.remembered import grid_to_atlas

__all__ = ["alignment_of", "to_quicknii"]

ALLEN = ("ABA_Mouse_CCFv3_2017_25um.cutlas", 0.025)
"""The atlas of the Allen CCF included in QuickNII, and its voxel size in mm."""

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
"""The upper left, upper right and lower left corner, as fractions of width and height."""

APART, MOST = 1.0, 16
"""Distance of markers in mm, and their largest number along an axis, less one."""


def to_quicknii(
    sections: xr.DataTree | Mapping[str, xr.Dataset],
    path: str | os.PathLike[str],
    *,
    target: str | None = None,
    voxel_size: Any = None,
) -> None:
    """Write sections as an alignment that QuickNII and VisuAlign open.

    Parameters
    ----------
    sections : DataTree or mapping of str to Dataset
        A series of :func:`open_sections`, or planes by the names of their images: oblique
        planes of :func:`section`, or the results of :func:`resample_like` for sections. A
        deformation within the plane is written as markers of VisuAlign, about 1 mm apart, with
        linear interpolation between them; QuickNII shows the nearest plane.
    path : str or path
        A new file, ``.json``.
    target : str, optional
        The atlas of QuickNII. By default "ABA_Mouse_CCFv3_2017_25um.cutlas" for the Allen CCF.
    voxel_size : str or pint.Quantity, optional
        Of that atlas, if it is not the default.

    Raises
    ------
    GridError
        If a section is bent out of its plane by more than half a voxel of the target, has no place
        in the atlas, or the target is not known.
    StoreExistsError
        If there is such a file.

    Examples
    --------
    >>> import tempfile, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> plane = ds.atlas.section(ap="7 mm", tilt="10 deg")
    >>> path = tempfile.mkdtemp() + "/alignment.json"
    >>> xarray_atlas.to_quicknii({"m1_s001.png": plane}, path)
    >>> tree = xarray_atlas.open_sections(path, ds, pixels=plane.annotation.shape)
    >>> plane.atlas.area("CTX").item().round(1), tree.atlas.area("CTX")[0].item().round(1)
    (<Quantity(30.2, 'millimeter ** 2')>, <Quantity(29.8, 'millimeter ** 2')>)
    """
    place = Path(path)
    if place.exists():
        raise StoreExistsError(f"there is something at {place}; choose another name")
    place.write_text(json.dumps(alignment_of(sections, target, voxel_size), indent=1))


def alignment_of(
    sections: xr.DataTree | Mapping[str, xr.Dataset], target: str | None, voxel_size: Any
) -> dict[str, Any]:
    """Return the contents of a QuickNII file.

    Parameters
    ----------
    sections, target, voxel_size
        Same as in :func:`to_quicknii`.
    """
    if isinstance(sections, xr.DataTree):
        nodes = {n.name or "section": n.to_dataset() for n in sections.subtree if n.data_vars}
        if any("anchoring" in node.attrs for node in nodes.values()):
            target = target or sections.attrs.get("target")
    else:
        nodes = dict(sections)
    if not nodes:
        raise GridError("there is no section to write")
    first = next(iter(nodes.values()))
    terminology, space = find_atlas(first)
    atlas = space.atlas or space
    size = None if voxel_size is None else float(to_mm(voxel_size, "voxel_size"))
    if in_ccf(terminology, atlas) and target in (None, ALLEN[0]):
        target, size = ALLEN[0], size or ALLEN[1]
    size = size or first.attrs.get("anchoring_voxel_mm")
    if target is None or size is None:
        raise GridError(
            "which atlas of QuickNII? Give target='NAME.cutlas' and the size of its voxels, "
            "voxel_size='39 um'; only that of the Allen CCF is known here"
        )
    shape = [round(atlas.voxel_size[i] * atlas.shape[i] / size) for i in _along(atlas)]
    return {
        "name": "",
        "target": target,
        "target-resolution": shape,
        "aligner": "xarray-atlas",
        "slices": [
            _slice(name, node, size, at) for at, (name, node) in enumerate(nodes.items(), 1)
        ],
    }


def _along(space: Space) -> list[int]:
    return [space.position(axis) for axis in RAS_AXES]


def _slice(name: str, node: xr.Dataset, size: float, number: int) -> dict[str, Any]:
    annotation = annotation_of(node)
    if annotation.ndim != 2:
        raise GridError(f"{name!r} is not a plane; its dimensions are {list(annotation.dims)}")
    rows, columns = annotation.shape
    found: dict[str, Any] = {
        "filename": node.attrs.get("filename") or name,
        "nr": int(node.attrs.get("section_number", number)),
        "width": int(node.attrs.get("image_width", columns)),
        "height": int(node.attrs.get("image_height", rows)),
    }
    if "anchoring" in node.attrs:  # as read; a part of a section still has its image
        scale = node.attrs["anchoring_voxel_mm"] / size
        found["anchoring"] = [value * scale for value in json.loads(node.attrs["anchoring"])]
        if markers := json.loads(node.attrs["markers"]):
            found["markers"] = markers
        return found
    shares = _lattice(node, annotation) if find_atlas(node)[1].through else CORNERS
    places = _places(name, node, annotation, shares) / size
    edges = np.stack([places[0], places[1] - places[0], places[2] - places[0]])
    if len(places) > len(CORNERS):
        edges, markers = _bent(name, shares, places)
        found["markers"] = (markers * np.tile([found["width"], found["height"]], 2)).tolist()
    found["anchoring"] = [without_noise(float(value)) for value in edges.ravel()]
    return found


def _lattice(node: xr.Dataset, annotation: xr.DataArray) -> FloatArray:
    """Return positions over an image as shares of its width and height, shape (n, 2).

    Every other row is shifted by half a step, so that no four of them lie on a circle, whose
    triangulation would be arbitrary.
    """
    down, right = (
        min(max(int(np.ptp(lengths(node, str(dim))) / APART), 4), MOST) for dim in annotation.dims
    )
    even, odd = np.linspace(0, 1, right + 1), (np.arange(right) + 0.5) / right
    rows = [(even if row % 2 == 0 else odd, row / down) for row in range(down + 1)]
    return np.array([(x, y) for along, y in rows for x in along])


def _bent(name: str, shares: FloatArray, places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the plane nearest to a bent section, and the markers of VisuAlign as shares.

    Parameters
    ----------
    name : str
    shares : float64 array, shape (n, 2)
        Positions in the image, as shares of its width and height.
    places : float64 array, shape (n, 3)
        The same positions in voxels of the target; NaN if undefined.

    Returns
    -------
    edges : float64 array, shape (3, 3)
        The corner of the plane, its edge to the right and its edge downwards.
    markers : float64 array, shape (m, 4)
        Positions in the plane, and in the image.
    """
    known = np.isfinite(places).all(axis=1)
    if known.sum() < 4:
        raise GridError(f"{name!r} has no place in the atlas")
    shares, places = shares[known], places[known]
    rows = np.column_stack([np.ones(len(shares)), shares])
    edges = np.asarray(np.linalg.lstsq(rows, places, rcond=None)[0], np.float64)
    normal = np.cross(edges[1], edges[2])
    off = np.abs((places - rows @ edges) @ normal).max() / np.linalg.norm(normal)
    if not off < 0.5:
        raise GridError(
            f"{name!r} is bent out of its plane by {off:.3g} voxels of the target, and QuickNII "
            "and VisuAlign have planes only"
        )
    flat = np.linalg.lstsq(edges[1:].T, (places - edges[0]).T, rcond=None)[0].T
    return edges, np.hstack([flat, shares])


def _places(
    name: str, node: xr.Dataset, annotation: xr.DataArray, shares: FloatArray
) -> FloatArray:
    """Return the positions in the atlas of positions in a plane, shape (n, 3).

    Positions are shares of the plane's width and height. The result is in mm to the right, to
    anterior and to superior from the left, posterior, inferior corner of the atlas.
    """
    _, space = find_atlas(node)
    names = space.coordinates(node)
    ends: dict[str, tuple[float, float]] = {}
    for axis in AXES:
        coordinate = names[axis]
        if coordinate is None:
            raise GridError(f"nothing says where {name!r} lies along {axis!r}")
        values = np.atleast_1d(lengths(node, coordinate))
        half = (values[-1] - values[0]) / (values.size - 1) / 2 if values.size > 1 else 0.0
        ends[axis] = (float(values[0] - half), float(values[-1] + half))
    row, column = (
        next(axis for axis in AXES if node.coords[names[axis]].dims == (dim,))
        for dim in annotation.dims
    )
    order = sorted(AXES, key=space.position)
    there = np.empty((len(shares), 3))
    for i, axis in enumerate(order):
        share = shares[:, 0] if axis == column else shares[:, 1] if axis == row else 0.0
        there[:, i] = ends[axis][0] + share * (ends[axis][1] - ends[axis][0])
    atlas = space
    if space.atlas is not None:
        atlas, there = space.atlas, np.asarray(grid_to_atlas(node).points(there))
    found = np.empty((len(shares), 3))
    for at, axis in enumerate(RAS_AXES):
        i = atlas.position(axis)
        grows = atlas.orientation[i] in "lpi"
        low = atlas.corner[i]
        high = low + atlas.voxel_size[i] * atlas.shape[i]
        found[:, at] = there[:, i] - low if grows else high - there[:, i]
    return found

"""Save an atlas in BrainGlobe's layout."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.atlases.saved_frames import saved_frames
from xarray_atlas.atlases.saved_transforms import saved_transform
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import (
    affine_of,
    annotation_of,
    array_orientation,
    as_opened,
    lengths,
    spacing,
)
from xarray_atlas.coords.hemispheres import hemispheres_of
from xarray_atlas.coords.space import AXES, Space, require_orientation
from xarray_atlas.errors import GridError, StoreError
from xarray_atlas.io.brainglobe.manifest import FRAMES, MIDLINE, TO_ATLAS, TO_RAS
from xarray_atlas.io.brainglobe.writer import NewAtlas, write_atlas
from xarray_atlas.io.zarr.stores import is_url
from xarray_atlas.io.zarr.write_ome_zarr import CHUNK, Pyramid
from xarray_atlas.kernels.downsample import halved
from xarray_atlas.kernels.relabel import relabel
from xarray_atlas.kernels.spacing import TOLERANCE
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.numbering import as_brainglobe

__all__ = ["save"]

ORIENTATION = "asr"
"""Which BrainGlobe's API takes every atlas to have."""


def save(
    obj: xr.Dataset | xr.DataArray,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str | None = None,
    levels: int | None = None,
    masks: bool = True,
) -> None:
    """Save an atlas in BrainGlobe's layout, which BrainGlobe's API can open.

    The annotation, ``template`` and ``hemispheres`` if present, and other images on the same grid
    are written as OME-Zarr pyramids (0.5, zarr format 3, chunks of 128), with the table of regions
    and a manifest for each level. Writing is atomic: nothing appears under its name before it is
    complete. It proceeds chunk by chunk, on the active dask scheduler; the volume is never in
    memory.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas in the orientation "asr", or a part of it; or its annotation alone. A part is saved
        as a separate atlas: it keeps its coordinates when it is opened again by this package, while
        BrainGlobe's API counts from its first voxel.
    path : str or path
        The local folder with ``atlases/``, ``annotation-sets/`` and so on; it may contain other
        atlases. BrainGlobe's is ``~/.brainglobe/brainglobe-atlasapi``.
    name : str, optional
        Name of the atlas, by default ``ds.attrs["name"]``. BrainGlobe uses the form
        "author_species".
    version : str, optional
        A number, or two separated by a point. By default ``ds.attrs["version"]``, or "1.0".
    levels : int, optional
        Number of resolutions, each with voxels twice as large along every axis. By default the
        coarsest has a single chunk, of at most 128 voxels along its longest axis.
    masks : bool, default: True
        Whether to write the mask of every region, which BrainGlobe's ``get_structure_mask`` reads.
        Masks take most of the time and files.

    Raises
    ------
    GridError
        If the orientation is not "asr" (see :func:`reorient`), there are not that many levels, or a
        variable cannot be saved.
    TerminologyError
        If BrainGlobe's API could not read the regions: without a single root called "root", with
        ids or labels outside 1 to 2**32 - 1, or labels that several regions share.
    AtlasMismatchError
        If the annotation has labels without a region that equal a region's id.
    StoreExistsError
        If an atlas or component of that name and version exists.
    StoreError
        If `path` is a URL.
    ValueError
        If there is no name, or BrainGlobe could not read the name or version.

    Warns
    -----
    UserWarning
        If the midline was assumed when the atlas was opened, or the transform from the grid to the
        atlas is lost.

    Notes
    -----
    *Levels.* A label is the most frequent of the 8 voxels, or the smallest of several; 0 counts as
    a label. A template is their mean, rounded if it holds integers. The last voxel of an odd axis
    covers the rest.

    *Left and right.* ``symmetric`` is true if the midline is half the extent and there is no
    ``hemispheres``; another midline is saved as hemispheres, and in the manifest as ``midline_mm``,
    which BrainGlobe ignores. Without either, BrainGlobe's ``hemispheres`` is an error. BrainGlobe
    assigns the middle plane of an odd axis to left or right by rounding; here it is left.

    *World coordinates.* BrainGlobe counts from the outer corner of the first voxel, and cannot
    represent the origin of world coordinates. For an atlas from a file with an affine the OME-Zarr
    metadata start from 0, as in BrainGlobe, and the manifest gets ``to_ras_mm``, the 4 x 4 matrix
    from these positions (mm along the axes, in their order) to RAS mm. BrainGlobe ignores it; this
    package restores the world coordinates exactly. The OME-Zarr alone, opened without the manifest,
    counts from the corner.

    *An atlas on the grid of an image* keeps its transform to the atlas: the manifest gets
    ``to_atlas``, the atlas's space and the steps of the transform, and displacement fields are
    stored in ``to_atlas.zarr`` next to the annotation. BrainGlobe ignores both; this package
    restores ``ds.atlas.transform`` and the frames of the atlas.

    *Labels.* BrainGlobe's ids are the labels. If the label of a region differs from its id, or
    there are several (left and right), its voxels get its id. If ids are text ("MBA:997"), the
    region's smallest label becomes its id, and regions without a label get the numbers after the
    largest. A region without a color becomes grey.

    *Without a template* one of zeros is written, since BrainGlobe's API requires one; its name ends
    in "-template-missing".

    Species, citation and link are ``ds.attrs["species"]``, ``["citation"]`` and ``["atlas_link"]``;
    by default "unknown", "unpublished" and "".

    Examples
    --------
    >>> import tempfile, xarray_atlas
    >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
    >>> whole = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> part = whole.isel(z=slice(60, 64))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xarray_atlas.save(part, folder, name="my_mouse", version="1.0", masks=False)
    ...     again = xarray_atlas.open_atlas("my_mouse_100um", root=folder)
    ...     bool((again.annotation.values == part.annotation.values).all()), again.z.values[0]
    (True, np.float64(6.025))
    """
    if is_url(os.fspath(path)):
        raise StoreError(
            f"{os.fspath(path)} is a URL; an atlas is saved to a local folder, which can be copied "
            "there"
        )
    terminology, space = find_atlas(obj)
    require_orientation(space)
    annotation = annotation_of(obj).variable
    ds = obj if isinstance(obj, xr.Dataset) else obj.to_dataset(name="annotation")
    name, version = _name(ds, name), _version(ds, version)
    pyramid = _pyramid(ds, annotation, space, levels)
    table, *numbers = as_brainglobe(terminology)
    images = _images(ds, annotation)
    symmetric, sides = _hemispheres(ds, annotation, space, pyramid)
    known = ("species", "citation", "atlas_link")
    about: dict[str, Any] = {key: ds.attrs[key] for key in known if key in ds.attrs}
    if not symmetric and space.midline is not None:
        about[MIDLINE] = _in_store(ds, space, pyramid, space.midline)
    if space.world:
        about[TO_RAS] = _to_ras(ds, pyramid)
    fields = None
    if space.atlas is None:
        frames = saved_frames(ds, spacing(ds))
    else:  # of the atlas, to which the transform leads
        frames = [json.loads(frame) for frame in space.frames]
        about[TO_ATLAS], fields = saved_transform(ds, spacing(ds))
    if frames:
        about[FRAMES] = frames
    write_atlas(
        Path(path).expanduser().absolute(),
        NewAtlas(
            name,
            version,
            pyramid,
            table,
            _renumbered(annotation, table, *numbers),
            template=images.pop("template", None),
            hemispheres=sides,
            references=images,
            symmetric=symmetric,
            masks=masks,
            about=about,
            fields=fields,
        ),
    )


# -- what it is called


def _name(ds: xr.Dataset, name: str | None) -> str:
    if name is None:
        # an annotation that was opened separately has the name of that component
        name = str(ds.attrs.get("name", "")).removesuffix("-annotation")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(
            f"{name!r} cannot name an atlas or an image of one: names are of letters, digits, '_', "
            "'-' and '.', such as name='allen_mouse'"
        )
    return name


def _version(ds: xr.Dataset, version: str | None) -> str:
    version = str(ds.attrs.get("version", "1.0") if version is None else version)
    version = version.replace("_", ".")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", version):
        raise ValueError(f"version {version!r} is not one or two numbers, as '1.0' is")
    return version


# -- where it lies


def _pyramid(ds: xr.Dataset, annotation: Variable, space: Space, levels: int | None) -> Pyramid:
    sizes = spacing(ds)
    names = {}
    for axis, coord in space.coordinates(ds).items():
        assert coord is not None  # spacing has checked this
        names[ds.coords[coord].dims[0]] = axis, coord
    if set(names) != set(annotation.dims):
        raise GridError(
            f"the annotation has the dimensions {list(annotation.dims)}; an atlas is saved with "
            f"its three of space, {list(names)}"
        )
    sides = array_orientation(ds)
    orientation, scale, first = "", [], []
    backwards = False
    for dim, wanted in zip(annotation.dims, ORIENTATION, strict=True):
        axis, coord = names[dim]
        positions = lengths(ds, coord)
        if positions.size == 0:
            raise GridError(f"there is nothing to save: dimension {dim!r} has no voxel")
        # a single plane has no direction in world coordinates
        one = bool(space.world) and positions.size == 1 and wanted in AXES[axis]
        orientation += wanted if one else sides[dim]
        backwards |= positions[-1] < positions[0]
        scale.append(as_opened(sizes[dim], space.voxel_size[space.position(axis)]))
        first.append(0.0 if space.world else float(positions[0]))
    if orientation != ORIENTATION:
        raise GridError(
            f"the annotation has the orientation {orientation!r} (as its dimensions "
            f"{list(annotation.dims)} run), and BrainGlobe's API takes every atlas to be "
            f"{ORIENTATION!r}; save ds.atlas.reorient({ORIENTATION!r})"
        )
    if backwards and not space.world:
        raise GridError(
            "a coordinate of the annotation falls along its dimension, and those of a file grow; "
            f"save ds.atlas.reorient({ORIENTATION!r})"
        )
    shape = annotation.shape
    return Pyramid(shape, tuple(scale), tuple(first), _levels(shape, levels), orientation)


def _to_ras(ds: xr.Dataset, pyramid: Pyramid) -> list[list[float]]:
    """Return the matrix from mm in the store, counted from the first voxel, to RAS mm."""
    annotation = annotation_of(ds)
    matrix = affine_of(annotation)
    matrix[:3, :3] /= pyramid.scale
    for dim, letter in array_orientation(annotation).items():
        column = annotation.dims.index(dim)
        if letter != ORIENTATION[column]:  # a single plane
            matrix[:3, column] *= -1
    found: list[list[float]] = (matrix + 0.0).tolist()  # not -0.0
    return found


def _in_store(ds: xr.Dataset, space: Space, pyramid: Pyramid, position: float) -> float:
    """Return a position along the left-right axis in mm in the store."""
    if not space.world:
        return position
    name = space.coordinate(ds, "ml")
    assert name is not None  # spacing has checked this
    sign = 1 if space.orientation[space.position("ml")] in pyramid.orientation else -1
    return sign * (position - float(lengths(ds, name)[0]))


def _levels(shape: tuple[int, ...], levels: int | None) -> int:
    """Return the number of levels; an axis of one voxel cannot be halved."""
    count, most = 1, 1
    while min(shape) > 1:
        if max(shape) > CHUNK:
            count += 1
        shape, most = halved(shape), most + 1
    if levels is None:
        return count
    if not 1 <= levels <= most:
        raise GridError(
            f"there are from 1 to {most} levels, of voxels twice as large until an axis has one "
            f"voxel; not {levels}"
        )
    return levels


# -- what is saved


def _renumbered(
    annotation: Variable, table: Terminology, labels: Any, numbers: Any
) -> da.Array | Any:
    """Return the labels as BrainGlobe's ids, lazily."""
    data = _as_dask(annotation)
    return da.map_blocks(
        relabel,
        data,
        labels=labels,
        numbers=numbers,
        taken=np.sort(table.ids),
        dtype=np.uint32,
        meta=np.empty((0, 0, 0), np.uint32),
    )


def _as_dask(variable: Variable) -> da.Array:
    # data that was opened without dask also stays on disk until it is written
    chunked: da.Array = variable.data if variable.chunks else variable.chunk(CHUNK).data
    return chunked


def _images(ds: xr.Dataset, annotation: Variable) -> dict[str, Any]:
    """Return the images on the annotation's grid, by name."""
    images = {}
    for name, array in ds.data_vars.items():
        if name in ("annotation", "hemispheres"):
            continue
        if set(array.dims) != set(annotation.dims) or array.dtype.kind not in "iufb":
            raise GridError(
                f"{name!r} ({array.dtype} on {list(array.dims)}) is not an image on the grid of "
                f"the annotation and cannot be saved with the atlas; leave it out with "
                f"ds.drop_vars({name!r})"
            )
        data = _as_dask(array.variable.transpose(*annotation.dims))
        images[_name(ds, str(name))] = data.astype(np.uint8) if data.dtype == bool else data
    return images


def _hemispheres(
    ds: xr.Dataset, annotation: Variable, space: Space, pyramid: Pyramid
) -> tuple[bool, Any]:
    """Return whether the atlas is symmetric, and the hemispheres to save, if any."""
    given = "hemispheres" in ds.variables
    if not given and space.midline is None:
        return False, None
    sides = hemispheres_of(ds)
    if not given and ds.attrs.get("symmetric", 1) and _is_halved(ds, space, pyramid):
        return True, None
    missing: dict[Hashable, int] = {
        d: n for d, n in annotation.sizes.items() if d not in sides.dims
    }
    whole = sides.chunk().set_dims({**missing, **sides.sizes}).transpose(*annotation.dims)
    return False, _as_dask(whole).rechunk(CHUNK).astype(np.uint8)


def _is_halved(ds: xr.Dataset, space: Space, pyramid: Pyramid) -> bool:
    """Return whether the midline is half the extent of the saved volume."""
    assert space.midline is not None
    at = pyramid.orientation.index("r")
    size = pyramid.scale[at]
    middle = pyramid.translation[at] + (pyramid.shape[at] - 1) * size / 2
    return abs(_in_store(ds, space, pyramid, space.midline) - middle) <= TOLERANCE * size

"""Resample atlases onto the grid of an image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.build import atlas_coordinates
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.image_axes import ImageAxes, image_axes
from xarray_atlas.coords.space import Space
from xarray_atlas.coords.world import IDENTITY, ras_matrix
from xarray_atlas.errors import GridError
from xarray_atlas.images.blocks import Mapping3, resampled
from xarray_atlas.images.fractions import label_fractions
from xarray_atlas.images.grids import (
    attrs_of,
    fill_of,
    grid_axes,
    is_label,
    method_of,
    numbers_like,
    order_of_space,
    other_coords,
    plain,
    require_method,
    require_on_grid,
    with_hemispheres,
)
from xarray_atlas.images.overlap import require_overlap
from xarray_atlas.kernels.positions import SourceAxis
from xarray_atlas.regions.results import region_coords
from xarray_atlas.terminology import Terminology
from xarray_atlas.transforms.ends import IMAGE
from xarray_atlas.transforms.registration import (
    atlas_names,
    bound_to_atlas,
    nearest_letters,
    read_registration,
)
from xarray_atlas.transforms.remembered import PREFIX, grid_to_atlas, remember
from xarray_atlas.transforms.steps import is_straight, matrix_of
from xarray_atlas.transforms.transform import Transform

__all__ = ["resample_like"]


def resample_like(
    obj: xr.Dataset | xr.DataArray,
    image: xr.Dataset | xr.DataArray,
    transform: Any = None,
    method: str | None = None,
    order: str = "dims",
    space: str | None = None,
    *,
    fractions: bool = False,
) -> xr.Dataset:
    """Resample an atlas onto the grid of an image, through a registration's transform.

    Labels, hemispheres and masks are those of the atlas voxel that contains the centre of the image
    voxel; the template is interpolated linearly. Lazy if the atlas is, with a task for each block
    of the result, which reads the chunks under that block only. All methods of ``.atlas`` support
    the result.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, with its three dimensions.
    image : Dataset or DataArray
        Its coordinates must be lengths in any unit, in either form, with a ``direction`` attribute,
        like those of :func:`open_image`. Names are not interpreted. Other dimensions, such as time,
        are ignored. A scalar coordinate denotes a single plane. No value is read.
    transform : Transform, (4, 4) array or DataArray, optional
        A :class:`Transform`, as read by :func:`open_transform`, between the image and the atlas, in
        either direction: its ends define which is the atlas. Or the map from a position in the
        image to the position in the atlas, as in ITK, ANTs and ConfUSIus: a matrix in mm, between
        the coordinates of the two Datasets; or a field of displacements to add to the image's
        coordinates, with a unit, on the spatial dimensions of the image (or others of the same
        names, with coordinates) and one of length 3, labelled with the names of the dimensions (or
        in their order). By default positions are the same in both.
    method : "nearest" or "linear", optional
        For variables other than labels, hemispheres and masks. By default linear for floats and the
        template, nearest for other integers.
    order : "dims" or "xyz", default: "dims"
        Whether columns of the matrix are the spatial dimensions in the order of the image (a single
        plane at the position of the atlas's axis), and rows those of the atlas in its order; or
        both reversed.
    space : "LPS" or "RAS", optional
        The space of the matrix or field if it is between world coordinates: mm to the left,
        posterior and superior, as in ITK and ANTs, or to the right, anterior and superior. For an
        image or an atlas from a file these are defined by its affine. If there are no world
        coordinates, as in BrainGlobe's atlases, they are the coordinates, negated on axes of the
        opposite direction, as in the affine of :func:`to_nifti`.
    fractions : bool, default: False
        Add the variable ``fraction``: the fraction of each voxel that each region fills.

    Returns
    -------
    Dataset
        On the image's spatial dimensions, in its order, in mm, decoded. Outside the atlas labels
        and other integers are 0, floats are NaN. ``hemispheres`` are added if left and right are
        known. ``ds.atlas.transform`` leads back to the atlas; displacement fields are coordinates
        of the result, on separate dimensions.

    Raises
    ------
    GridError
        If a Transform takes no part of the image into the atlas; if an axis of
        the image is missing or uneven, if the transform is not an invertible 4 x 4 matrix and
        no field along the image's axes, or if labels are asked for linearly.
    UnitsError
        If a coordinate has no unit.

    Warns
    -----
    UserWarning
        If a Transform takes less than 1 % of the smaller of image and atlas into the
        other, as one that is the wrong way round.

    See Also
    --------
    resample : An image on the grid of an atlas.
    interp_like : The same atlas at other positions along its own axes.

    Notes
    -----
    *Rounding.* Voxel i covers [i, i + 1), counted from the boundary of the first one; a position
    within a millionth of a voxel below a boundary belongs to the upper voxel. An interpolated
    template keeps its type: integers are rounded. In the outer half of the outermost voxels it
    has their value.

    *Fractions* are those of the regions' own labels, as with ``mask(..., direct=True)``, on a
    dimension ``region`` of all regions (or the parcels of a parcellation). They are disjoint and
    add up to the labelled fraction of the voxel; sum them to include descendants. If the image's
    axes are parallel to those of the atlas, they are exact overlaps of volumes. Otherwise, and for
    a field, evenly spaced points are looked up in each voxel, half a voxel of the atlas apart, at
    least 4 and at most 16 along each axis. All regions of a block are computed at once, since
    that reads the labels once.

    *Fields* are known only when they are read. For labels in a store each block reads what is
    under it; for labels derived from them by other operations it waits for all of them.

    *The thickness of a single plane* is given by ``coords[...].attrs["spacing_mm"]``. Without it
    volumes and fractions are errors, and labels are those at the plane's position.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> def um(direction):
    ...     return {"units": "um", "direction": direction}
    >>> image = xr.DataArray(
    ...     np.zeros((5, 20, 10, 30)),
    ...     dims=("time", "z", "y", "x"),
    ...     coords={
    ...         "z": ("z", 4000 + 300.0 * np.arange(20), um("anterior-to-posterior")),
    ...         "y": ("y", 200.0 * np.arange(10), um("superior-to-inferior")),
    ...         "x": ("x", 200.0 * np.arange(30), um("right-to-left")),
    ...     },
    ... )
    >>> image_to_atlas = np.eye(4)
    >>> image_to_atlas[:3, 3] = 0.5, 0.0, 2.5
    >>> mine = xarray_atlas.resample_like(ds, image, image_to_atlas)
    >>> dict(mine.sizes), mine.annotation.dtype
    ({'z': 20, 'y': 10, 'x': 30}, dtype('uint32'))
    >>> f"{mine.atlas.volume('RSP').item():.2f}"
    '9.92 millimeter ** 3'
    """
    terminology, atlas = find_atlas(obj)
    ds = obj if isinstance(obj, xr.Dataset) else obj.to_dataset(name=obj.name or "annotation")
    names, dims, sizes = grid_axes(ds, atlas)
    _require_method(method, ds)
    target = image_axes(image, obj)
    order_of_atlas = order_of_space(ds, atlas, dims)
    known = atlas_names(obj)
    if isinstance(transform, Transform):
        transform = bound_to_atlas(transform, image, known)
    through = read_registration(transform, target, atlas, order_of_atlas, order, space, known)
    parts = zip(names, sizes, strict=True)
    axes = tuple(SourceAxis.of(lengths(ds, name), size) for name, size in parts)
    mapping = Mapping3.of(through, target.centres, axes)
    if isinstance(transform, Transform):
        require_overlap(mapping, target, names, [lengths(ds, name) for name in names])
    whole = through
    if atlas.atlas is not None:  # the atlas itself was resampled onto a grid before
        whole = grid_to_atlas(obj) @ through.rename(target=IMAGE)
    on_image, fields = _space_of(target, atlas, whole)
    chunks = _chunks_of(image, target)
    variables = with_hemispheres(ds)
    result = {
        name: _resampled(name, variable, dims, mapping, target, method, chunks)
        for name, variable in variables.items()
    }
    coords: Mapping[Hashable, Any] = {}
    if fractions:
        target.require_sizes("fractions=True")
        result["fraction"], coords = _fractions(variables, dims, mapping, target, terminology)
    built = atlas_coordinates(terminology, on_image, target.centres)
    made = xr.Dataset(result, built, attrs_of(ds, on_image, target.centres)).assign_coords(
        {**coords, **fields}
    )
    kept = other_coords(ds, names, {*made.variables, *made.dims})
    kept = {name: v for name, v in kept.items() if not str(name).startswith(PREFIX)}
    # a single plane has a scalar coordinate, like the image
    return made.assign_coords(kept).isel(dict.fromkeys(target.planes, 0))


def _require_method(method: str | None, ds: xr.Dataset) -> None:
    require_method(method)
    if method == "linear" and all(is_label(n, v.variable) for n, v in ds.data_vars.items()):
        raise GridError(
            "labels are names and cannot be interpolated; method= is for the template and other "
            "images, and there is none here: leave it out, or see fractions=True for soft masks"
        )


# -- position of the grid


def _space_of(
    target: ImageAxes, atlas: Space, transform: Transform
) -> tuple[Space, dict[str, Variable]]:
    """Return the space of the image's grid, and the fields that lead from it to the atlas."""
    matrix, straight = matrix_of(transform.steps), is_straight(transform.steps)
    through, fields = ("", {}) if straight else remember(transform.steps)
    origin = atlas.atlas or atlas
    letters = nearest_letters(matrix, origin.orientation)
    world: tuple[float, ...] = ()
    if target.world is not None:
        # the file may name its axes differently than the atlas
        to_ras = ras_matrix(target.letters, target.world)
        found = to_ras @ np.linalg.inv(ras_matrix(letters, IDENTITY))
        world = tuple(float(x) for x in found.ravel())
    space = Space(
        tuple(map(str, target.names)),
        letters,
        target.sizes,
        target.corner,
        midline=None,
        midline_assumed=atlas.midline_assumed,
        shape=target.shape,
        atlas=origin,
        to_atlas=tuple(float(x) for x in matrix.ravel()) if straight else (),
        world=world,
        frames=atlas.frames,
        through=through,
    )
    return space, fields


def _chunks_of(image: xr.Dataset | xr.DataArray, target: ImageAxes) -> Any:
    try:
        chunks = image.chunksizes
    except ValueError:  # variables of a Dataset with different chunks
        chunks = {}
    return tuple(
        chunks.get(name) or ("auto" if name in image.dims else (1,)) for name in target.names
    )


def _resampled(
    name: Hashable,
    variable: Variable,
    dims: Sequence[Hashable],
    mapping: Mapping3,
    target: ImageAxes,
    method: str | None,
    chunks: Any,
) -> Variable:
    require_on_grid(name, variable, dims)
    others = [dim for dim in variable.dims if dim not in dims]
    how = method_of(name, variable, method)
    fill = fill_of(variable.dtype)
    data = plain(variable.transpose(*others, *dims).data)
    values = resampled(data, mapping, how, fill, chunks)
    return numbers_like(variable, (*others, *target.names), values)


def _fractions(
    variables: Mapping[Hashable, Variable],
    dims: Sequence[Hashable],
    mapping: Mapping3,
    target: ImageAxes,
    terminology: Terminology,
) -> tuple[Variable, dict[Hashable, Any]]:
    if "annotation" not in variables:
        raise GridError("fractions=True needs the labels: pass the Dataset or its annotation")
    labels = variables["annotation"].transpose(*dims).data
    positions = terminology.default_positions
    pairs, regions = terminology.label_pairs(direct=True)
    row = np.full(len(terminology), -1)
    row[positions] = np.arange(len(positions))
    kept = row[regions] >= 0
    data = label_fractions(
        labels, mapping, target.sizes, pairs[kept], row[regions[kept]], len(positions)
    )
    attrs = {"long_name": "share of the voxel that is labelled with the region", "units": "1"}
    return Variable(("region", *target.names), data, attrs), region_coords(terminology, positions)

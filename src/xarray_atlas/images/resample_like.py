"""Atlases resampled onto the grid of an image."""

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
    apart,
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
    """Bring an atlas onto the grid of an image, through a registration's transform.

    Labels, hemispheres and masks are those of the voxel of the atlas that holds the centre of
    the image's voxel; the template is interpolated linearly. Lazy where the atlas is: a task for
    each block of the result, which reads the chunks under that block alone. All of ``.atlas``
    works on the result.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, with its three dimensions.
    image : Dataset or DataArray
        Its coordinates are lengths in any unit, in either form, and say in their attributes in
        which ``direction`` they grow, as those of :func:`open_image` do. Names tell nothing.
        Other dimensions, such as time, are passed over. A scalar coordinate is a single plane. No
        value of it is read.
    transform : Transform, (4, 4) array or DataArray, optional
        A :class:`Transform`, as :func:`open_transform` reads it, between the image and the
        atlas, in either direction: its ends say which is the atlas. Or, of a position on the
        image, the position in the atlas, as ITK, ANTs and ConfUSIus have it: a matrix in mm,
        between the coordinates of the two Datasets; or a field of displacements that
        are added to the image's coordinates, on the spatial dimensions of the image (or others of
        the same names, with coordinates) and one of length 3, labelled with the dimensions'
        names (else in their order), with its unit. By default a position is the same in both.
    method : "nearest" or "linear", optional
        For all that is neither labels, hemispheres nor a mask. By default linear for floats
        and the template, nearest for other integers.
    order : "dims" or "xyz", default: "dims"
        Columns of the matrix are the spatial dimensions in the order in which the image has
        them (a single plane where the atlas has its axis), rows those of the atlas in its order;
        or both in reverse.
    space : "LPS" or "RAS", optional
        The matrix or field is between positions in the worlds of both: mm towards left, posterior
        and superior, as ITK and ANTs have them, or towards right, anterior and superior. Of an
        image or an atlas from a file these are the positions that its affine gives. Where there is
        no world, as in BrainGlobe's atlases, they are the coordinates, with their sign turned on an
        axis that grows the other way: what the affine of :func:`to_nifti` gives.
    fractions : bool, default: False
        Add the variable ``fraction``: the share of each voxel that each region fills.

    Returns
    -------
    Dataset
        On the image's spatial dimensions, in its order, in mm, decoded. Outside of the atlas labels
        and other integers are 0, floats are NaN. ``hemispheres`` are added where left and
        right are known. ``ds.atlas.transform`` leads back to the atlas; displacement fields
        are coordinates of the result, on dimensions of their own.

    Raises
    ------
    GridError
        If a Transform takes no part of the image into the atlas; if an axis of
        the image is missing or uneven, if the transform is not an invertible 4 x 4 matrix and
        no field along the image's axes, or if labels are asked for linearly.
    UnitsError
        If a coordinate has no unit.

    See Also
    --------
    resample : An image on the grid of an atlas.
    interp_like : The same atlas at other positions along its own axes.

    Notes
    -----
    *Rounding.* Voxel i owns [i, i + 1) from the outer face of the first one, and a position within
    a millionth of a voxel below a face belongs to the upper voxel. An interpolated template keeps
    its type: integers are rounded. In the outer half of the outermost voxels it is
    their value.

    *Fractions* are of the regions' own labels, as ``mask(..., direct=True)`` has it, on a dimension
    ``region`` of all regions (of a parcellation its parcels). So they are disjoint, and add up to
    the part of the voxel that is labelled; a region with its descendants is the
    sum over them. Where the image's axes run along those of the atlas they are exact: volumes of
    overlaps. Else, and for a field, points are looked up in each voxel, evenly, half a voxel of
    the atlas apart, at least 4 and at most 16 along each axis. All regions of a block are made
    at once, since that reads the labels once.

    *A field* is known when it is read. Of labels in a store each block reads what is under it;
    of labels derived from them by other operations it waits for all of them.

    *The thickness of a single plane* is that of ``coords[...].attrs["spacing_mm"]``. Without it
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
    if isinstance(transform, Transform) and not mapping.meets:
        raise apart(target.names, target.centres, names, [lengths(ds, name) for name in names])
    whole = through
    if atlas.atlas is not None:  # the atlas was brought onto a grid before
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
    made = xr.Dataset(result, built, attrs_of(ds, on_image)).assign_coords({**coords, **fields})
    kept = other_coords(ds, names, {*made.variables, *made.dims})
    kept = {name: v for name, v in kept.items() if not str(name).startswith(PREFIX)}
    # a single plane has a scalar coordinate, as the image has it
    return made.assign_coords(kept).isel(dict.fromkeys(target.planes, 0))


def _require_method(method: str | None, ds: xr.Dataset) -> None:
    require_method(method)
    if method == "linear" and all(is_label(n, v.variable) for n, v in ds.data_vars.items()):
        raise GridError(
            "labels are names and cannot be interpolated; method= is for the template and other "
            "images, and there is none here: leave it out, or see fractions=True for soft masks"
        )


# -- where it lies


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
        # its axes may have other names in the atlas than its file gives them
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
    except ValueError:  # variables of a Dataset that are chunked differently
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

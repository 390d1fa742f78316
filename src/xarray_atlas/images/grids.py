"""The variables of an atlas or an image that is resampled onto another grid."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.grid import spacing
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.hemispheres import hemispheres_of
from xarray_atlas.coords.image_axes import ImageAxes
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.coords.world import WORLD
from xarray_atlas.errors import GridError, HemisphereError
from xarray_atlas.images.results import with_unit
from xarray_atlas.kernels.spacing import FloatArray

__all__ = [
    "apart",
    "attrs_of",
    "fill_of",
    "grid_axes",
    "is_label",
    "method_of",
    "numbers_like",
    "order_of_dims",
    "order_of_space",
    "other_coords",
    "plain",
    "require_method",
    "require_on_grid",
    "warn_of_finer",
    "with_hemispheres",
]

METHODS = ("nearest", "linear")

LABELS = ("annotation", "hemispheres")
"""Categorical variables, which are never averaged."""


OF_THE_STORE = (
    "source",
    "level",
    "resolution",
    "root",
    "manifest",
    "symmetric",
    "ome_zarr_version",
)
"""Attributes of an atlas that say which stored grid it is on, which it then is not any more."""

FINER = 1.5
"""How many voxels of an image may lie along one of the atlas before it is worth a warning."""


def grid_axes(
    obj: xr.Dataset | xr.DataArray, atlas: Space
) -> tuple[list[Hashable], list[Hashable], list[float]]:
    """Return an atlas's coordinates, dimensions and voxel sizes, in the order of its space."""
    measured = spacing(obj)
    # spacing has checked them
    names = [
        name for axis in sorted(AXES, key=atlas.position) if (name := atlas.coordinate(obj, axis))
    ]
    dims = [obj.coords[name].dims[0] for name in names]
    for dim in dims:
        if obj.sizes[dim] == 0:
            raise GridError(f"this part of the atlas has no voxel along {dim!r}")
    return names, dims, [measured[dim] for dim in dims]


def order_of_dims(obj: xr.Dataset | xr.DataArray, dims: Sequence[Hashable]) -> list[Hashable]:
    """Return the spatial dimensions in the order of the arrays."""
    if isinstance(obj, xr.Dataset):
        arrays = [v for v in obj.data_vars.values() if set(dims) <= set(v.dims)]
        obj = obj["annotation"] if "annotation" in obj else arrays[0] if arrays else obj
    if not isinstance(obj, xr.DataArray):
        return list(dims)
    return [dim for dim in obj.dims if dim in dims]


def order_of_space(
    obj: xr.Dataset | xr.DataArray, atlas: Space, dims: Sequence[Hashable]
) -> list[str]:
    """Return the dims of the space in the order of the atlas's arrays."""
    return [atlas.dims[dims.index(dim)] for dim in order_of_dims(obj, dims)]


def is_label(name: Hashable, variable: Variable) -> bool:
    """Return whether the values of a variable are categories or booleans."""
    return name in LABELS or "flag_values" in variable.attrs or variable.dtype.kind == "b"


def require_method(method: str | None) -> None:
    """Refuse a method that does not exist."""
    if method not in (None, *METHODS):
        raise ValueError(f"method={method!r} is not 'nearest' or 'linear'")


def method_of(name: Hashable, variable: Variable, method: str | None) -> str:
    """Return the method by which a variable of an atlas is resampled."""
    if is_label(name, variable) or variable.dtype.kind not in "iufc":
        return "nearest"
    if method is not None:
        return method
    return "linear" if variable.dtype.kind in "fc" or name == "template" else "nearest"


def with_hemispheres(ds: xr.Dataset) -> dict[Hashable, Variable]:
    """Return the variables of an atlas, with the hemisphere of each voxel if it is known."""
    variables = {name: array.variable for name, array in ds.data_vars.items()}
    if "annotation" in variables and "hemispheres" not in ds.variables:
        try:
            with warnings.catch_warnings():
                # warn when a hemisphere is first used: the space remembers the assumption
                warnings.simplefilter("ignore", UserWarning)
                sides = hemispheres_of(ds)
        except HemisphereError:
            return variables
        annotation = variables["annotation"]
        lazy = isinstance(annotation._data, da.Array)
        missing = {d: n for d, n in annotation.sizes.items() if d not in sides.dims}
        whole = (sides.chunk() if lazy else sides).set_dims({**missing, **sides.sizes})
        whole = whole.chunk(annotation.chunksizes) if lazy else whole
        variables["hemispheres"] = Variable(whole.dims, whole.data, {"long_name": "hemisphere"})
    return variables


def plain(data: Any) -> Any:
    """Return the numbers of quantities; a dask array unchanged."""
    data = getattr(data, "magnitude", data)
    return data if isinstance(data, da.Array) else np.asarray(data)


def numbers_like(variable: Variable, dims: Sequence[Hashable], numbers: Any) -> Variable:
    """Return numbers with the attributes of a variable, and its unit if it holds quantities."""
    unit = getattr(variable._data, "units", None)
    return with_unit(Variable(dims, numbers), unit, variable.attrs.get("units"), variable.attrs)


def fill_of(dtype: np.dtype[Any]) -> Any:
    """Return the value outside the source, as a zero-dimensional array: NaN for floats, else 0."""
    return np.array(np.nan if dtype.kind in "fc" else 0, dtype)


def require_on_grid(name: Hashable, variable: Variable, dims: Sequence[Hashable]) -> None:
    """Refuse a variable that is not on all dimensions of the atlas.

    Raises
    ------
    GridError
    """
    if not {*dims} <= {*variable.dims} or variable.dtype.kind not in "iufcb":
        raise GridError(
            f"{name!r} ({variable.dtype} on {list(variable.dims)}) is not on the grid of the atlas "
            f"and cannot be brought onto another; leave it out with ds.drop_vars({name!r})"
        )


def apart(
    names: Sequence[Hashable],
    centres: Sequence[FloatArray],
    atlas_names: Sequence[Hashable],
    atlas_centres: Sequence[FloatArray],
    found: str = "the transform takes no part of the image into the atlas",
) -> GridError:
    """Return the error for a transform that maps no part of an image into the atlas."""

    def span(names: Sequence[Hashable], centres: Sequence[FloatArray]) -> str:
        parts = zip(names, centres, strict=True)
        return ", ".join(f"{name} {c.min():g} to {c.max():g}" for name, c in parts)

    return GridError(
        f"{found}. The image spans {span(names, centres)} mm, the atlas "
        f"{span(atlas_names, atlas_centres)} mm, each in its own coordinates. Is it the wrong way "
        "round (transform.inverse(), or maps= of open_transform), is a matrix in LPS "
        "(space='LPS'), or was another image of the atlas registered than ds.atlas.to_nifti "
        "writes, which lies elsewhere in its RAS mm "
        "(transform.bind(target=ds, image=open_image(path)))?"
    )


def other_coords(
    obj: xr.Dataset | xr.DataArray, names: Sequence[Hashable], taken: set[Hashable]
) -> dict[Hashable, Any]:
    """Return the coordinates that do not depend on the old grid."""
    old = {dim for name in names for dim in obj.coords[name].dims}
    carrier = find_coordinate(obj)
    return {
        name: coord.variable
        for name, coord in obj.coords.items()
        if name not in taken and name not in (carrier, WORLD, *names) and not old & set(coord.dims)
    }


def attrs_of(ds: xr.Dataset, space: Space, centres: Sequence[FloatArray]) -> dict[Hashable, Any]:
    """Return the attributes of an atlas that remain valid on another grid."""
    kept = {
        key: value
        for key, value in ds.attrs.items()
        if key not in OF_THE_STORE and not str(key).endswith("_url")
    }
    if "orientation" in kept:
        # it is that of the array, also where world coordinates descend along it
        falls = [bool(space.world) and values[0] > values[-1] for values in centres]
        letters = zip(space.orientation, falls, strict=True)
        kept["orientation"] = "".join(OPPOSITE[a] if fall else a for a, fall in letters)
    return kept


def warn_of_finer(
    image: ImageAxes,
    names: Sequence[Hashable],
    sizes: Sequence[float],
    back: FloatArray,
    dims: Sequence[Hashable],
) -> None:
    """Warn if point sampling of an image would alias."""
    # number of image voxels per atlas voxel, along each axis of either
    steps = np.abs(back[:3, :3]) * np.array(sizes) / np.array(image.sizes)[:, None]
    finer = {
        name: round(float(step))
        for name, step in zip(image.names, steps.max(axis=1), strict=True)
        if step > FINER and name in dims
    }
    if finer:
        windows = ", ".join(f"{name}={max(count, 2)}" for name, count in finer.items())
        warnings.warn(
            f"the image is finer than the atlas along {sorted(map(str, finer))}, up to "
            f"{steps.max():.3g} of its voxels in one of the atlas: single values are looked up, "
            f"not means. Smooth it first: image.coarsen({windows}, boundary='trim').mean(), or a "
            "Gaussian; or bring the atlas onto the image, ds.atlas.resample_like(image)",
            UserWarning,
            stacklevel=find_stack_level(),
        )

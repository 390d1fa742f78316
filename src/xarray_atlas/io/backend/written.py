"""Open atlases written by xarray, decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
import zarr

from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.encoding import decode_lengths
from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.files.images.files import is_image_file
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.checked_store import CheckedStore
from xarray_atlas.io.zarr.chunk_layout import layout_of, layout_of_array
from xarray_atlas.io.zarr.stores import unreadable, within

__all__ = ["open_file", "open_written_group"]


def open_file(path: str, groups: bool, drop_variables: Any = None) -> dict[str, xr.Dataset]:
    """Open the netCDF file of an atlas.

    Parameters
    ----------
    path : str
    groups : bool
        Whether to open all groups, or the root only.
    drop_variables : str or iterable of str, optional

    Returns
    -------
    dict of str to Dataset
        By the path of the group.

    Raises
    ------
    StoreFormatError
        If it is not a netCDF file, or does not contain an atlas.
    """
    try:
        opened = _open(path, groups, drop_variables=drop_variables)
    except Exception as error:  # each engine of xarray raises other errors
        if is_image_file(path):
            raise StoreFormatError(
                f"{path} is an image file, which does not hold the names of its regions; an atlas "
                "of it and of a table of regions is made by "
                f"xarray_atlas.create_atlas({path!r}, 'regions.csv', name='mine')"
            ) from error
        raise StoreFormatError(
            f"{path} is a file that is neither a zarr nor an atlas written by xarray: {error}"
        ) from error
    return _decoded(opened, path)


def open_written_group(
    group: zarr.Group, place: str, groups: bool, drop_variables: Any = None
) -> dict[str, xr.Dataset]:
    """Open the zarr store of an atlas; see :func:`open_file`.

    Raises
    ------
    StoreFormatError
        If it does not contain an atlas.
    StoreError
        If it cannot be read.
    """
    # consolidated metadata are found without listing the store
    consolidated = not group.path and group.metadata.consolidated_metadata is not None
    try:
        opened = within(
            lambda: _open(
                group.store,
                groups,
                engine="zarr",
                group=group.path or None,
                consolidated=consolidated,
                zarr_format=group.metadata.zarr_format,
                drop_variables=drop_variables,
            )
        )
    except Exception as error:  # file systems raise any error of their client libraries
        raise unreadable(place, error) from safe_cause(error)
    # xarray names groups relative to its root or the requested one
    opened = {f"/{path.strip('/.')}": ds for path, ds in opened.items()}
    for path, ds in opened.items():
        _expect(group, path, ds)
    return _decoded(opened, place, lambda: _content(group))


def _expect(group: zarr.Group, path: str, ds: xr.Dataset) -> None:
    """Let the store validate compressed chunks like those of an OME-Zarr."""
    if not isinstance(group.store, CheckedStore):
        return
    for name, variable in ds.variables.items():
        parts = (group.path, path.strip("/"), str(name))
        place = "/".join(part for part in parts if part)
        encoding = variable.encoding
        if encoding.get("shards"):  # the encoding does not describe their index
            array = group[place.removeprefix(group.path).strip("/")]
            if isinstance(array, zarr.Array):
                group.store.expect(place, layout_of_array(array))
        elif "chunks" in encoding:
            group.store.expect(
                place,
                layout_of(
                    encoding["chunks"],
                    np.dtype(encoding.get("dtype", variable.dtype)).itemsize,
                    encoding.get("compressors"),
                    encoding.get("filters"),
                    encoding.get("serializer"),
                ),
            )


def _content(group: zarr.Group) -> str:
    """Describe the content of a group, if it can be listed."""
    try:
        members = sorted(within(lambda: list(group.keys())))
    except Exception:  # a bucket without permission to list
        return ""
    return f"; it holds {', '.join(members) or 'nothing'}"


def _open(source: Any, groups: bool, **kwargs: Any) -> dict[str, xr.Dataset]:
    if groups:
        return dict(xr.open_groups(source, **kwargs))
    return {"/": xr.open_dataset(source, **kwargs)}


def _decoded(
    opened: dict[str, xr.Dataset], place: str, content: Callable[[], str] = str
) -> dict[str, xr.Dataset]:
    atlases = {path for path, ds in opened.items() if find_coordinate(ds) is not None}
    if not atlases:
        for ds in opened.values():
            ds.close()
        raise StoreFormatError(
            f"{place} is neither an OME-Zarr image (its attributes hold no 'multiscales') nor an "
            f"atlas written by xarray (it does not have a region hierarchy){content()}"
        )
    decoded = {}
    for path, ds in opened.items():
        decoded[path] = decode_lengths(ds) if path in atlases else ds
        decoded[path].set_close(ds.close)
    return decoded

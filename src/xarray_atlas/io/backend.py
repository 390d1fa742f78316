"""xarray's ``engine="atlas"``: open_dataset and open_datatree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
import zarr
from xarray import Variable
from xarray.backends import BackendEntrypoint
from xarray.core import indexing

from xarray_atlas.atlas_index import FORMAT_KEY, AtlasIndex
from xarray_atlas.errors import GridError, StoreFormatError
from xarray_atlas.forms import decode
from xarray_atlas.io.brainglobe import find_terminology, load_terminology, parse_place
from xarray_atlas.io.ome_zarr import LabelArray, Level, Multiscale, read_multiscale
from xarray_atlas.io.stores import is_url, locate, open_group
from xarray_atlas.length_index import LengthIndex
from xarray_atlas.space import AXES, DIRECTIONS, Space
from xarray_atlas.terminology import Terminology
from xarray_atlas.units import to_mm

__all__ = ["AtlasBackendEntrypoint"]


class AtlasBackendEntrypoint(BackendEntrypoint):  # type: ignore[misc]
    """Open a brain atlas's OME-Zarr, or an atlas that xarray has written.

    See :func:`xarray_atlas.open_atlas` for the parameters.
    """

    description = "Brain atlases: OME-Zarr annotations in millimetres with their region hierarchy"
    url = "https://xarray-atlas.readthedocs.io"
    open_dataset_parameters = (
        "filename_or_obj",
        "drop_variables",
        "resolution",
        "terminology",
        "storage_options",
        "align_levels",
        "midline",
    )
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Never: an atlas is opened by name, so that other zarr stores keep their engine."""
        return False

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        resolution: Any = None,
        terminology: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        align_levels: bool = False,
        midline: Any = None,
    ) -> xr.Dataset:
        """Open one level."""
        written = _reopen(filename_or_obj, storage_options, drop_variables)
        if written is not None:
            return written
        atlas = _Atlas(filename_or_obj, terminology, storage_options, align_levels, midline)
        return _drop(atlas.dataset(atlas.multiscale.select(resolution)), drop_variables)

    def open_groups_as_dict(  # type: ignore[override]
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        terminology: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        align_levels: bool = False,
        midline: Any = None,
    ) -> dict[str, xr.Dataset]:
        """Open all levels, one Dataset each, by the path of the level."""
        atlas = _Atlas(filename_or_obj, terminology, storage_options, align_levels, midline)
        groups = {"/": xr.Dataset(attrs=atlas.attrs)}
        for level in atlas.multiscale.levels:
            groups[f"/{level.path}"] = _drop(atlas.dataset(level), drop_variables)
        return groups

    def open_datatree(self, filename_or_obj: Any, **kwargs: Any) -> xr.DataTree:
        """Open all levels, one node each."""
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **kwargs))


class _Atlas:
    """What all levels of one store share."""

    def __init__(
        self,
        source: Any,
        terminology: Any,
        storage_options: Mapping[str, Any] | None,
        align_levels: bool,
        midline: Any,
    ) -> None:
        self.place = locate(source)
        self.group: zarr.Group = open_group(source, storage_options)
        multiscale: Multiscale = read_multiscale(self.group, self.place)
        self.multiscale = multiscale.align() if align_levels else multiscale
        self.midline = None if midline is None else float(to_mm(midline, "midline"))
        self.terminology: Terminology = (
            find_terminology(self.place, storage_options)
            if terminology is None
            else load_terminology(terminology, storage_options)
        )

    @property
    def attrs(self) -> dict[str, str]:
        component = parse_place(self.place)
        known = {} if component is None else {"name": component.name, "version": component.version}
        return {
            **known,
            "orientation": self.multiscale.orientation,
            "source": self.place,
            "ome_zarr_version": self.multiscale.version,
        }

    def dataset(self, level: Level) -> xr.Dataset:
        """Open one level; reads the metadata of its array."""
        array = LabelArray(self.group, level, self.place)
        multiscale = self.multiscale
        indexes: dict[Any, Any] = {}
        coords: dict[Any, Variable] = {}
        for i, dim in enumerate(multiscale.dims):
            # the centre of each voxel, as OME-Zarr defines it
            centres = level.scale[i] * np.arange(array.shape[i]) + level.translation[i]
            attrs = {"units": "mm", "direction": DIRECTIONS[multiscale.orientation[i]]}
            plain = {dim: Variable((dim,), centres, attrs)}
            indexes[dim] = LengthIndex.from_variables(plain, options={"spacing": level.scale[i]})
            coords.update(indexes[dim].create_variables(plain))
        carrier = AtlasIndex(self.terminology, self._space(level, array.shape))
        indexes[carrier.name] = carrier
        coords.update(carrier.create_variables())
        preferred = dict(zip(multiscale.dims, array.chunks, strict=True))
        annotation = Variable(
            multiscale.dims,
            indexing.LazilyIndexedArray(array),
            {"long_name": "region label"},
            {"preferred_chunks": preferred},
        )
        return xr.Dataset(
            {"annotation": annotation},
            coords=xr.Coordinates(coords, indexes=indexes),
            attrs={**self.attrs, "level": level.path, "resolution": level.resolution},
        )

    def _space(self, level: Level, shape: tuple[int, ...]) -> Space:
        orientation = self.multiscale.orientation
        corner = tuple(t - s / 2 for s, t in zip(level.scale, level.translation, strict=True))
        ml = next(i for i, letter in enumerate(orientation) if letter in AXES["ml"])
        half = corner[ml] + shape[ml] * level.scale[ml] / 2
        if self.midline is not None and not (
            corner[ml] <= self.midline <= corner[ml] + shape[ml] * level.scale[ml]
        ):
            raise GridError(
                f"midline {self.midline:g} mm lies outside the volume, which spans "
                f"{corner[ml]:g} to {corner[ml] + shape[ml] * level.scale[ml]:g} mm along "
                f"{self.multiscale.dims[ml]!r}"
            )
        return Space(
            dims=self.multiscale.dims,
            orientation=orientation,
            voxel_size=level.scale,
            corner=corner,
            midline=half if self.midline is None else self.midline,
            midline_assumed=self.midline is None,
        )


def _drop(ds: xr.Dataset, drop_variables: str | Iterable[str] | None) -> xr.Dataset:
    if drop_variables is None:
        return ds
    names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
    return ds.drop_vars(names, errors="ignore")


def _reopen(
    source: Any, storage_options: Mapping[str, Any] | None, drop_variables: Any
) -> xr.Dataset | None:
    """Open, decoded, what ``to_netcdf`` or ``to_zarr`` wrote of an atlas; else None."""
    is_path = isinstance(source, str | os.PathLike)
    if is_path and not is_url(str(source)) and os.path.isfile(source):
        if str(source).endswith(".zip"):
            return None
        try:
            return decode(xr.open_dataset(source, drop_variables=drop_variables))
        except ValueError as error:
            raise StoreFormatError(
                f"{source} is a file that is neither a zarr nor an atlas written by xarray"
            ) from error
    group = open_group(source, storage_options)
    attrs = group.attrs.asdict()
    if "multiscales" in attrs.get("ome", attrs):
        return None
    if not any(FORMAT_KEY in array.attrs for _, array in group.arrays()):
        return None
    options = {} if is_path is False else {"storage_options": storage_options}
    store = group.store if not is_path else source
    ds = xr.open_dataset(
        store, engine="zarr", consolidated=False, drop_variables=drop_variables, **options
    )
    return decode(ds)

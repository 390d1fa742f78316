"""xarray's ``engine="atlas"``: open_dataset, open_groups and open_datatree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import xarray as xr
import zarr
from xarray import Variable
from xarray.backends import BackendEntrypoint
from xarray.core import indexing

from xarray_atlas.assemble import atlas_coordinates, centres_of
from xarray_atlas.errors import GridError, StoreFormatError
from xarray_atlas.io.brainglobe import find_terminology, load_terminology, parse_place
from xarray_atlas.io.label_array import LabelArray
from xarray_atlas.io.ome_zarr import Level, Multiscale, is_multiscale, read_multiscale
from xarray_atlas.io.stores import is_url, locate, open_group, options_of, protocol
from xarray_atlas.io.written import open_file, open_written_group
from xarray_atlas.space import Space
from xarray_atlas.terminology import Terminology
from xarray_atlas.units import to_mm

__all__ = ["AtlasBackendEntrypoint"]


class AtlasBackendEntrypoint(BackendEntrypoint):
    """Open a brain atlas's OME-Zarr, or an atlas that xarray has written.

    See :func:`xarray_atlas.open_atlas` for the parameters.
    """

    description = "Brain atlases: OME-Zarr annotations in millimetres with their region hierarchy"
    open_dataset_parameters = (
        "filename_or_obj",
        "drop_variables",
        "resolution",
        "terminology",
        "storage_options",
        "align_levels",
        "midline",
        "snapshot",
    )
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Never: an atlas is opened by name, so that other zarr stores keep their engine."""
        return False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        resolution: Any = None,
        terminology: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        align_levels: bool = False,
        midline: Any = None,
        snapshot: str | None = None,
    ) -> xr.Dataset:
        """Open one level.

        xarray makes the names of dask arrays from the source and all parameters. `snapshot`
        is there to be one of them and for nothing else: with a text that no other opening has,
        what is kept by such a name (by a cluster, of an array that was persisted) is not
        taken for what a store holds that has changed since.
        """
        group = _open_zarr(filename_or_obj, storage_options)
        if group is None or not is_multiscale(group):
            return _open_written(
                filename_or_obj,
                group,
                groups=False,
                drop_variables=drop_variables,
                resolution=resolution,
                terminology=terminology,
                align_levels=align_levels,
                midline=midline,
            )["/"]
        atlas = _open_atlas(
            group, filename_or_obj, terminology, storage_options, align_levels, midline
        )
        level = atlas.multiscale.select(resolution)
        return _drop(atlas.dataset(level), drop_variables)

    def open_groups_as_dict(
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
        group = _open_zarr(filename_or_obj, storage_options)
        if group is None or not is_multiscale(group):
            return _open_written(
                filename_or_obj,
                group,
                groups=True,
                drop_variables=drop_variables,
                terminology=terminology,
                align_levels=align_levels,
                midline=midline,
            )
        atlas = _open_atlas(
            group, filename_or_obj, terminology, storage_options, align_levels, midline
        )
        groups = {"/": xr.Dataset(attrs=atlas.attrs)}
        for level in atlas.multiscale.levels:
            groups[f"/{level.path}"] = _drop(atlas.dataset(level), drop_variables)
        return groups

    def open_datatree(self, filename_or_obj: Any, **kwargs: Any) -> xr.DataTree:
        """Open all levels, one node each."""
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **kwargs))


def _open_zarr(source: Any, storage_options: Mapping[str, Any] | None) -> zarr.Group | None:
    """Open a zarr group; None where the source is a file that may be netCDF."""
    if isinstance(source, str | os.PathLike):
        place = locate(source)
        if not is_url(place) and os.path.isfile(place) and not place.endswith(".zip"):
            return None
    return open_group(source, storage_options)


def _open_written(
    source: Any, group: zarr.Group | None, groups: bool, drop_variables: Any, **choices: Any
) -> dict[str, xr.Dataset]:
    """Open what xarray has written, which leaves nothing to choose."""
    place = locate(source)
    if group is None:
        opened = open_file(place, groups, drop_variables)
    else:
        opened = open_written_group(group, place, groups, drop_variables)
    chosen = [name for name, value in choices.items() if value is not None and value is not False]
    if chosen:
        for ds in opened.values():
            ds.close()
        raise StoreFormatError(
            f"{place} is an atlas that xarray has written, with its own levels, terminology and "
            f"space; {', '.join(chosen)} can only be chosen where an OME-Zarr is opened"
        )
    return opened


def _open_atlas(
    group: zarr.Group,
    source: Any,
    terminology: Any,
    storage_options: Mapping[str, Any] | None,
    align_levels: bool,
    midline: Any,
) -> _Atlas:
    place = locate(source)
    multiscale = read_multiscale(group, place)
    options = options_of(source, storage_options)
    if terminology is None:
        table = find_terminology(place, options)
    elif isinstance(terminology, str | os.PathLike):
        # options are the store's: another file system would not know them
        same = protocol(locate(terminology)) == protocol(place)
        table = load_terminology(terminology, options if same else None)
    else:
        table = load_terminology(terminology)
    return _Atlas(
        place,
        group,
        multiscale.align() if align_levels else multiscale,
        table,
        None if midline is None else float(to_mm(midline, "midline")),
    )


@dataclass(frozen=True)
class _Atlas:
    """What all levels of one OME-Zarr share."""

    place: str
    group: zarr.Group
    multiscale: Multiscale
    terminology: Terminology
    midline: float | None

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
        array = LabelArray(self.group, level.path, self.place)
        dims = self.multiscale.dims
        centres = [
            centres_of(scale, translation, count)
            for scale, translation, count in zip(
                level.scale, level.translation, array.shape, strict=True
            )
        ]
        coords = atlas_coordinates(self.terminology, self._space(level, array.shape), centres)
        annotation = Variable(
            dims,
            indexing.LazilyIndexedArray(array),
            {"long_name": "region label"},
            {"preferred_chunks": dict(zip(dims, array.chunks, strict=True))},
        )
        return xr.Dataset(
            {"annotation": annotation},
            coords=coords,
            attrs={**self.attrs, "level": level.path, "resolution": level.resolution},
        )

    def _space(self, level: Level, shape: tuple[int, ...]) -> Space:
        corner = tuple(t - s / 2 for s, t in zip(level.scale, level.translation, strict=True))
        space = Space(
            self.multiscale.dims, self.multiscale.orientation, level.scale, corner, shape=shape
        )
        ml = space.position("ml")
        low, high = corner[ml], corner[ml] + shape[ml] * level.scale[ml]
        if self.midline is not None and not low <= self.midline <= high:
            raise GridError(
                f"midline {self.midline:g} mm lies outside the volume, which spans "
                f"{low:g} to {high:g} mm along {space.dims[ml]!r}"
            )

        return replace(
            space,
            midline=(low + high) / 2 if self.midline is None else self.midline,
            midline_assumed=self.midline is None,
        )


def _drop(ds: xr.Dataset, drop_variables: str | Iterable[str] | None) -> xr.Dataset:
    if drop_variables is None:
        return ds
    names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
    return ds.drop_vars(names, errors="ignore")

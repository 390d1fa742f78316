"""xarray's ``engine="atlas"``: open_dataset, open_groups and open_datatree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import xarray as xr
import zarr
from xarray.backends import BackendEntrypoint

from xarray_atlas.coords.units import quantity
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.errors import AtlasError, StoreFormatError
from xarray_atlas.io.backend.atlas import StoredAtlas, open_stored_atlas
from xarray_atlas.io.backend.parts import Parts, Table, begin_parts, begin_terminology
from xarray_atlas.io.backend.written import open_file, open_written_group
from xarray_atlas.io.brainglobe.catalogue import is_name
from xarray_atlas.io.brainglobe.components import open_part
from xarray_atlas.io.brainglobe.layout import parse_place
from xarray_atlas.io.brainglobe.lookup import find_atlas_manifest
from xarray_atlas.io.brainglobe.manifest import MANIFEST, Manifest, read_manifest
from xarray_atlas.io.brainglobe.other_volumes import refuse_hemispheres, refuse_template
from xarray_atlas.io.zarr.addresses import part_url, without_secrets
from xarray_atlas.io.zarr.ahead import (
    GROUP,
    Ahead,
    level_keys,
    likely_levels,
    read_ahead,
)
from xarray_atlas.io.zarr.labels_group import find_labels
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale, is_multiscale, read_multiscale
from xarray_atlas.io.zarr.stores import (
    is_url,
    locate,
    open_group,
    options_of,
    part_root,
    within,
)
from xarray_atlas.io.zarr.zips import below, is_zip

__all__ = ["AtlasBackendEntrypoint", "AtlasName"]

ANNOTATION = ("annotation",)

T = TypeVar("T", xr.Dataset, xr.DataTree)


@dataclass(frozen=True)
class Choices:
    """Parameters of :func:`xarray_atlas.open_atlas` that choose the atlas and its source."""

    version: str | None = None
    root: str | os.PathLike[str] | None = None
    include: str | Iterable[str] = ANNOTATION
    terminology: Any = None
    storage_options: Mapping[str, Any] | None = None
    align_levels: bool = False
    midline: Any = None
    voxel_size: Any = None
    orientation: str | None = None

    @property
    def described(self) -> dict[str, Any]:
        """The parameters that describe the geometry of an annotation, by name."""
        names = ("align_levels", "midline", "voxel_size", "orientation")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Choices:
        """Create from parameters that were passed by name.

        Raises
        ------
        TypeError
            For one that does not exist.
        """
        names = [field.name for field in fields(cls)]
        unknown = [name for name in given if name not in names]
        if unknown:
            raise TypeError(f"engine='atlas' has no parameter {unknown[0]!r}; it has {names}")
        return cls(**given)


@dataclass(frozen=True)
class AtlasName:
    """Name of an atlas, of a type that xarray does not take for a path.

    Before 2026.7 xarray asks the file system for the modification time of a path that is opened in
    chunks, which raises FileNotFoundError for a name.

    Attributes
    ----------
    name : str
    """

    name: str


class AtlasBackendEntrypoint(BackendEntrypoint):
    """Open a brain atlas by name or from its OME-Zarr, or one written by xarray.

    See :func:`xarray_atlas.open_atlas` for the parameters.
    """

    description = "Brain atlases: OME-Zarr annotations in millimetres with their region hierarchy"
    open_dataset_parameters = (
        "filename_or_obj",
        "drop_variables",
        "resolution",
        *(field.name for field in fields(Choices)),
        "snapshot",
    )
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return False: atlases are opened by name, so that other zarr stores keep their engine."""
        return False

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        resolution: Any = None,
        snapshot: str | None = None,
        **choices: Any,
    ) -> xr.Dataset:
        """Open one level; the choices are those of :class:`Choices`.

        xarray derives the names of dask arrays from the source and all parameters. `snapshot` only
        serves to make them unique to each opening, so that results cached by name (on a cluster,
        for a persisted array) are not mistaken for the contents of a store that has changed since.
        """
        if isinstance(filename_or_obj, AtlasName):
            filename_or_obj = filename_or_obj.name
        opened = _open(filename_or_obj, Choices.of(choices), drop_variables, resolution=resolution)
        if isinstance(opened, StoredAtlas):
            (found,) = (_drop(ds, drop_variables) for ds in opened.datasets().values())
        else:
            found = opened["/"]
        return _sourced(found, filename_or_obj)

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        **choices: Any,
    ) -> dict[str, xr.Dataset]:
        """Open all levels, as one Dataset each, by the path of the level."""
        opened = _open(filename_or_obj, Choices.of(choices), drop_variables, groups=True)
        if not isinstance(opened, StoredAtlas):
            return {path: _sourced(ds, filename_or_obj) for path, ds in opened.items()}
        groups = {"/": xr.Dataset(attrs=opened.attrs)}
        for path, ds in opened.datasets().items():
            groups[f"/{path}"] = _drop(ds, drop_variables)
        return {path: _sourced(ds, filename_or_obj) for path, ds in groups.items()}

    def open_datatree(self, filename_or_obj: Any, **kwargs: Any) -> xr.DataTree:
        """Open all levels, one node each."""
        tree = xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **kwargs))
        _sourced(tree, filename_or_obj)
        return tree


def _open(
    source: Any,
    choices: Choices,
    drop_variables: Any,
    *,
    resolution: Any = None,
    groups: bool = False,
) -> StoredAtlas | dict[str, xr.Dataset]:
    """Open an atlas by name, from its manifest or annotation, or one written by xarray."""
    source, choices = _part(source, choices)
    manifest = _manifest(source, choices, resolution, groups)
    opening = Opening(choices, manifest, resolution, groups)
    options = choices.storage_options
    if manifest is not None:
        set_of = manifest.annotation
        near = f"{set_of.url}/{set_of.files[0]}"
        parts = opening.parts(near, opening.terminology(near))
        source, group = open_part(set_of, options, opening.likely)
        return opening.atlas(group, source, parts)
    known = parse_place(locate(source)) is not None
    # other sources may have labels below it, with other neighbours
    table = opening.terminology(source) if known or choices.terminology is not None else None
    early = opening.parts(source, table) if known and table is not None else None
    opened = _open_zarr(source, options, opening.ahead(known))
    if opened is not None:
        source, opened = _labels_of(source, opened, opening)
    if opened is not None and is_multiscale(opened):
        table = opening.terminology(source) if table is None else table
        return opening.atlas(opened, source, early or opening.parts(source, table))
    include = None if opening.include == ANNOTATION else choices.include
    described = {**choices.described, "terminology": choices.terminology}
    return _open_written(
        source, opened, groups, drop_variables, resolution=resolution, include=include, **described
    )


@dataclass(frozen=True)
class Opening:
    """A request to open an OME-Zarr, with reads that are started early."""

    choices: Choices
    manifest: Manifest | None
    resolution: Any
    groups: bool
    """Return whether all levels are opened."""

    @property
    def include(self) -> tuple[str, ...]:
        """The names of the requested components."""
        include = self.choices.include
        return (include,) if isinstance(include, str) else tuple(include)

    def levels(self, multiscale: Multiscale) -> Sequence[Level]:
        """Return the levels to open: by default that of the manifest, or else the finest."""
        return multiscale.levels if self.groups else [multiscale.select(self._resolution)]

    @property
    def _resolution(self) -> Any:
        if self.resolution is None and self.manifest is not None:
            return quantity(list(self.manifest.voxel_size))
        return self.resolution

    @property
    def likely(self) -> tuple[str, ...]:
        """The probable paths of these levels, before the metadata are known."""
        return likely_levels(self._resolution, self.groups)

    def ahead(self, known: bool) -> Ahead:
        """Return the keys to read ahead: for a store of unknown format, those of both formats.

        In BrainGlobe's layout (`known`) few stores have format 2.
        """
        return {".zgroup": level_keys(self.likely, 2)} if known else {"zarr.json": GROUP}

    def terminology(self, source: Any) -> Table:
        """Start to read the terminology of an annotation."""
        options = options_of(source, self.choices.storage_options)
        return begin_terminology(self.choices.terminology, locate(source), self.manifest, options)

    def parts(self, source: Any, table: Table) -> Parts:
        """Start to open the other components of an annotation."""
        return begin_parts(
            self.include,
            locate(source),
            self.manifest,
            options_of(source, self.choices.storage_options),
            terminology=table,
            likely=self.likely,
            **self.choices.described,
        )

    def atlas(self, group: zarr.Group, source: Any, parts: Parts) -> StoredAtlas:
        """Open an annotation and its parts."""
        return open_stored_atlas(
            group,
            source,
            parts,
            choose=self.levels,
            manifest=self.manifest,
            include=self.include,
            storage_options=self.choices.storage_options,
            **self.choices.described,
        )


def _part(source: Any, choices: Choices) -> tuple[Any, Choices]:
    """Separate credentials from the addresses: afterwards only fsspec's options contain them."""
    if isinstance(source, str) and is_url(source):
        source, options = part_url(source, choices.storage_options)
        choices = replace(choices, storage_options=options)
    if choices.root is not None:
        root, options = part_root(choices.root, choices.storage_options)
        choices = replace(choices, root=root, storage_options=options)
    return source, choices


def _manifest(source: Any, choices: Choices, resolution: Any, all_levels: bool) -> Manifest | None:
    """Return the manifest of an atlas that is opened by name or by manifest."""
    root, version = choices.root, choices.version
    if is_name(source) and (root is not None or not os.path.exists(source)):
        return find_atlas_manifest(
            source,
            None if root is None else str(root),
            version=version,
            resolution=resolution,
            include=choices.include,
            all_levels=all_levels,
            storage_options=choices.storage_options,
        )
    if root is not None or version is not None:
        raise StoreFormatError(
            f"root= and version= go with the name of an atlas, and {source!r} is a place of its own"
        )
    if isinstance(source, str | os.PathLike):
        place = locate(source)
        if place.replace("\\", "/").rpartition("/")[2] == MANIFEST:
            return read_manifest(place, choices.storage_options)
    return None


def _open_zarr(
    source: Any, storage_options: Mapping[str, Any] | None, ahead: Ahead
) -> zarr.Group | None:
    """Open a zarr group; None if the source is a file that may be netCDF."""
    if isinstance(source, str | os.PathLike):
        place = locate(source)
        if not is_url(place) and os.path.isfile(place) and not is_zip(place):
            return None
    return open_group(source, storage_options, ahead=ahead)


def _labels_of(source: Any, group: zarr.Group, opening: Opening) -> tuple[Any, zarr.Group]:
    """Find the labels in a group; return them and their location."""
    place = locate(source)
    refuse_hemispheres(place)
    if parse_place(place) is not None:
        return source, group  # BrainGlobe's annotations have no others below them
    if is_multiscale(group):
        refuse_template(place, options_of(source, opening.choices.storage_options))
        with suppress(AtlasError):  # raised later
            described = opening.choices.described
            voxel_size = (
                None
                if described["voxel_size"] is None
                else stated_voxel_size(described["voxel_size"])
            )
            multiscale = read_multiscale(group, place, described["orientation"], voxel_size)
            read_ahead(group, place, [level.path for level in opening.levels(multiscale)])
    path = find_labels(group, place)
    if not path:
        return source, group
    labels = within(lambda: group[path])
    if not isinstance(labels, zarr.Group):
        raise StoreFormatError(f"{below(place, path)} is a zarr array, not a group")
    return below(place, path) if isinstance(source, str | os.PathLike) else labels, labels


def _open_written(
    source: Any, group: zarr.Group | None, groups: bool, drop_variables: Any, **choices: Any
) -> dict[str, xr.Dataset]:
    """Open a store written by xarray, which does not have other options."""
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


def _sourced(ds: T, source: Any) -> T:
    """Record the source without the credentials that xarray would include."""
    text = getattr(source, "path", source)  # as in xarray
    if isinstance(text, str) and is_url(text) and without_secrets(text) != text:
        ds.encoding["source"] = without_secrets(text)
    return ds


def _drop(ds: xr.Dataset, drop_variables: str | Iterable[str] | None) -> xr.Dataset:
    if drop_variables is None:
        return ds
    names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables)
    return ds.drop_vars(names, errors="ignore")

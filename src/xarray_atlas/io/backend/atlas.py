"""Stored atlases: the properties of all levels, and one level as a Dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr
import zarr
from xarray import Variable
from xarray.core import indexing

from xarray_atlas.coords.atlas_index import COORDINATE
from xarray_atlas.coords.build import atlas_coordinates, centres_of
from xarray_atlas.coords.hemispheres import HEMISPHERES
from xarray_atlas.coords.space import Space
from xarray_atlas.coords.units import to_mm
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.coords.world import RAS_LETTERS, WorldAxes
from xarray_atlas.errors import (
    AtlasError,
    ComponentNotFoundError,
    GridError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.backend.parts import Parts
from xarray_atlas.io.backend.resampled import on_its_grid
from xarray_atlas.io.brainglobe.components import ImagePyramid
from xarray_atlas.io.brainglobe.layout import parse_place
from xarray_atlas.io.brainglobe.manifest import TO_RAS, Component, Manifest
from xarray_atlas.io.zarr.ahead import begin, forget, is_remote, read_ahead
from xarray_atlas.io.zarr.arrays import LabelArray
from xarray_atlas.io.zarr.checked_store import was_refused
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale, read_multiscale
from xarray_atlas.io.zarr.sides_array import SidesArray
from xarray_atlas.io.zarr.stores import locate, options_of
from xarray_atlas.kernels.spacing import FloatArray, without_noise
from xarray_atlas.terminology import Terminology

__all__ = ["StoredAtlas", "open_stored_atlas"]

LONG_NAMES = {"annotation": "region label", "hemispheres": "1 left, 2 right"}


@dataclass(frozen=True)
class StoredAtlas:
    """The properties that all levels of an atlas share.

    Parameters
    ----------
    place : str
        URL or path of the annotation's OME-Zarr.
    group : zarr.Group
    multiscale : Multiscale
        Pyramid of the annotation.
    terminology : Terminology
    terminology_url : str
        Its path or URL; "" if it was passed.
    midline : float, optional
        In mm, as given by the user.
    manifest : Manifest, optional
    storage_options : mapping, optional
    annotation : bool
        Whether the Dataset includes the labels.
    sides : bool
        Whether it includes hemispheres computed from the midline.
    components : tuple of ImagePyramid
        Other components of the Dataset.
    voxel_size : tuple of float, optional
        Of the finest level in mm, as given by the user.
    orientation : str, optional
        A letter per axis, as given by the user.
    levels : tuple of Level
        The requested levels.
    """

    place: str
    group: zarr.Group
    multiscale: Multiscale
    terminology: Terminology
    terminology_url: str
    midline: float | None
    manifest: Manifest | None
    storage_options: Mapping[str, Any] | None
    annotation: bool
    sides: bool
    components: tuple[ImagePyramid, ...]
    voxel_size: tuple[float, ...] | None = None
    orientation: str | None = None
    levels: tuple[Level, ...] = ()

    @property
    def _orientation_assumed(self) -> bool:
        """Return whether the orientation of the axes is unknown; BrainGlobe's is fixed."""
        own = self.manifest is not None or parse_place(self.place) is not None
        return not (own or self.orientation or self.multiscale.axes.oriented)

    @property
    def _own_terminology(self) -> bool:
        """Return whether the terminology is the one that belongs to the annotation."""
        if self.manifest is not None:
            return self.terminology_url.startswith(self.manifest.terminology.url)
        component = parse_place(self.place)
        return component is not None and self.terminology_url == component.terminology

    @property
    def attrs(self) -> dict[str, Any]:
        """The origin of all components, as text and numbers that any file format can store."""
        place = {
            "orientation": self.multiscale.orientation,
            "source": self.place,
            "ome_zarr_version": self.multiscale.version,
        }
        if self.voxel_size is not None:
            place["stated_voxel_size"] = ", ".join(f"{size!r} mm" for size in self.voxel_size)
        terminology = {"terminology_url": self.terminology_url} if self.terminology_url else {}
        if self.manifest is None:
            component = parse_place(self.place)
            if component is None:
                return {**place, **terminology}
            known = {"name": component.name, "version": component.version}
            return {**known, **place, "root": component.root, **terminology}
        manifest = self.manifest
        said = {key: manifest.content.get(key) for key in ("species", "citation", "atlas_link")}
        attrs: dict[str, Any] = {"name": manifest.name, "version": manifest.version}
        attrs.update({key: str(value) for key, value in said.items() if value})
        if manifest.symmetric is not None:
            attrs["symmetric"] = int(manifest.symmetric)
        attrs.update(place, root=manifest.root, manifest=manifest.place)
        attrs.update(_about("annotation", manifest.annotation, self.place))
        if self._own_terminology:
            attrs.update(_about("terminology", manifest.terminology, self.terminology_url))
        else:  # the user's
            attrs.update(terminology_name=self.terminology.name, **terminology)
        if manifest.coordinate_space is not None:
            space = manifest.coordinate_space
            attrs.update(_about("coordinate_space", space, space.url))
        for image in self.components:
            if image.name == "hemispheres":
                attrs["hemispheres_url"] = image.place
            else:
                attrs.update(_about(image.name, manifest.image(image.name), image.place))
        return attrs

    def dataset(self, level: Level) -> xr.Dataset:
        """Open one level; reads the metadata of its arrays."""
        axes = self.multiscale.axes
        labels = LabelArray(self.group, level.path, self.place, level.scale, axes)
        shape, dims = labels.shape, self.multiscale.dims
        centres = self._centres(level, shape)
        alone = self._space(level, centres)
        space, fields = on_its_grid(alone, self.manifest, self.storage_options)
        coords = atlas_coordinates(self.terminology, space, centres)
        arrays: dict[str, Any] = {"annotation": labels} if self.annotation else {}
        for image in self.components:
            arrays[image.name] = image.array(self.multiscale, level, shape)
        if self.sides:
            arrays["hemispheres"] = _sides(space, coords, labels)
        found = xr.Dataset(
            {name: _variable(name, dims, array) for name, array in arrays.items()},
            coords=coords,
            attrs={**self.attrs, "level": level.path, "resolution": level.resolution},
        )
        return found.assign_coords(fields) if fields else found

    def datasets(self) -> dict[str, xr.Dataset]:
        """Open the requested levels, by path."""
        found = {level.path: self.dataset(level) for level in self.levels}
        for group in (self.group, *(image.group for image in self.components)):
            forget(group)
        return found

    @cached_property
    def _world(self) -> WorldAxes | None:
        """The world coordinates of the store's axes, if the manifest states them."""
        # a voxel size corrected by the user invalidates the world coordinates
        if self.manifest is None or self.voxel_size is not None:
            return None
        to_ras = self.manifest.to_ras
        if to_ras is None:
            return None
        world = WorldAxes.of(to_ras)
        if world.letters != self.multiscale.orientation:
            raise StoreFormatError(
                f"{TO_RAS!r} in {self.manifest.place} is of axes that begin at {world.letters!r}, "
                f"and those of {self.place} begin at {self.multiscale.orientation!r}"
            )
        return world

    def _centres(self, level: Level, shape: tuple[int, ...]) -> list[FloatArray]:
        """Return the coordinates of a level's voxels."""
        placed = zip(level.scale, level.translation, shape, strict=True)
        stored = [centres_of(*axis) for axis in placed]
        if self._world is None:
            return stored
        return [self._world.positions(i, values) for i, values in enumerate(stored)]

    def _space(self, level: Level, centres: list[FloatArray]) -> Space:
        corner = tuple(
            float(values.min(initial=np.inf)) - size / 2
            for values, size in zip(centres, level.scale, strict=True)
        )
        shape = tuple(values.size for values in centres)
        letters, world = self.multiscale.orientation, self._world
        to_ras: tuple[float, ...] = ()
        if world is not None:
            letters = "".join(RAS_LETTERS[row] for row in world.rows)
            to_ras = tuple(world.turn.ravel().tolist())
        space = Space(
            self.multiscale.dims,
            letters,
            level.scale,
            corner,
            shape=shape,
            world=to_ras,
            orientation_assumed=self._orientation_assumed,
            frames=() if self.manifest is None else self.manifest.frames,
        )
        ml = space.position("ml")
        low, high = corner[ml], corner[ml] + shape[ml] * level.scale[ml]
        if self.midline is not None:
            if not low <= self.midline <= high:
                raise GridError(
                    f"midline {self.midline:g} mm lies outside the volume, which spans "
                    f"{low:g} to {high:g} mm along {space.dims[ml]!r}"
                )
            return replace(space, midline=self.midline)
        symmetric = None if self.manifest is None else self.manifest.symmetric
        said = None if self.manifest is None else self.manifest.midline
        if said is not None and world is not None:
            said = without_noise(float(world.positions(ml, said)))
        if said is not None and low <= said <= high:
            return replace(space, midline=said)
        if symmetric is False:
            return space  # it has hemispheres, or the midline is unknown
        return replace(space, midline=(low + high) / 2, midline_assumed=symmetric is None)


def open_stored_atlas(
    group: zarr.Group,
    source: Any,
    parts: Parts,
    *,
    choose: Callable[[Multiscale], Sequence[Level]],
    manifest: Manifest | None = None,
    include: Iterable[str] = ("annotation",),
    storage_options: Mapping[str, Any] | None = None,
    align_levels: bool = False,
    midline: Any = None,
    voxel_size: Any = None,
    orientation: str | None = None,
) -> StoredAtlas:
    """Read the metadata of an annotation and its components, and the terminology.

    Parameters
    ----------
    group : zarr.Group
        The annotation's OME-Zarr.
    source : str, path, zarr store or group
        Location of the source.
    parts : Parts
        The components to open.
    choose : callable
        Returns the levels of a pyramid to open.
    manifest : Manifest, optional
        Manifest of the atlas.
    include, storage_options, align_levels, midline, voxel_size, orientation
        Same as in :func:`xarray_atlas.open_atlas`.
    """
    place = locate(source)
    options = options_of(source, storage_options)
    given = orientation
    if manifest is not None and manifest.orientation is not None:
        orientation = manifest.orientation
    stated = None if voxel_size is None else stated_voxel_size(voxel_size)
    multiscale = read_multiscale(group, place, orientation, stated)
    if given is not None and multiscale.orientation != given:
        raise StoreFormatError(
            f"orientation={given!r} contradicts {place}, which has {multiscale.orientation!r}: "
            "omit it or, if the store is wrong, make an atlas from its array with "
            "create_atlas, whose orientation= overrides it"
        )
    with suppress(AtlasError):  # raised later
        _read_levels_ahead(group, multiscale, parts, choose(multiscale))
    table, url = parts.terminology()
    wanted = dict.fromkeys(include)
    annotation = "annotation" in wanted
    wanted.pop("annotation", None)
    components, sides = list[ImagePyramid](), False
    for name in wanted:
        if name == "hemispheres" and manifest is not None and manifest.symmetric:
            sides = True
        elif name == "hemispheres":
            components.append(_hemispheres(parts, place))
        elif name in (*multiscale.dims, COORDINATE):
            raise ComponentNotFoundError(
                f"a component called {name!r} cannot be opened with the annotation: that is what a "
                "coordinate is called"
            )
        elif manifest is None:
            raise ComponentNotFoundError(
                f"{name!r} cannot be found from {place} alone: open the atlas by its name, or its "
                "manifest.json, which says what belongs to it"
            )
        else:
            components.append(parts.images[name]())
    if "hemispheres" in parts.images and "hemispheres" not in wanted:
        components += _hemispheres_if_there(parts)
    multiscale = multiscale.align() if align_levels else multiscale
    return StoredAtlas(
        place,
        group,
        multiscale,
        table,
        url,
        None if midline is None else float(to_mm(midline, "midline")),
        manifest,
        options,
        annotation,
        sides,
        tuple(components),
        stated,
        given,
        tuple(choose(multiscale)),
    )


def _read_levels_ahead(
    group: zarr.Group, multiscale: Multiscale, parts: Parts, levels: Sequence[Level]
) -> None:
    """Read the metadata of levels while the terminology and other images are being read."""
    read_ahead(group, multiscale.place, [level.path for level in levels])

    def follow(opened: Callable[[], ImagePyramid]) -> None:
        image = opened()
        same = [
            other.path
            for other in image.multiscale.levels
            if any(other.has_voxels_of(level.scale) for level in levels)
        ]
        read_ahead(image.group, image.place, same)

    if is_remote(multiscale.place):
        for opened in parts.images.values():
            begin(partial(follow, opened), multiscale.place)


def _hemispheres(parts: Parts, place: str) -> ImagePyramid:
    """Return the requested volume of hemispheres."""
    try:
        return parts.images["hemispheres"]()
    except StoreNotFoundError as error:
        raise ComponentNotFoundError(
            f"no hemispheres are stored next to {place}; leave them out of include, and say with "
            "midline= where left and right meet"
        ) from error


def _hemispheres_if_there(parts: Parts) -> list[ImagePyramid]:
    try:
        return [parts.images["hemispheres"]()]
    except StoreNotFoundError:
        return []  # using a hemisphere is then an error
    except StoreError as error:
        if not was_refused(error):
            raise
        return []  # as in a bucket without permission to list


def _sides(space: Space, coords: xr.Coordinates, labels: LabelArray) -> SidesArray:
    axis = space.position("ml")
    left = space.is_left(to_mm(coords[space.dims[axis]].variable).values)
    sides = np.where(left, HEMISPHERES["left"], HEMISPHERES["right"]).astype(np.uint8)
    return SidesArray(sides, labels.shape, axis, labels.chunks, labels.block)


def _variable(name: str, dims: tuple[str, ...], array: Any) -> Variable:
    attrs = {"long_name": LONG_NAMES[name]} if name in LONG_NAMES else {}
    encoding = {"preferred_chunks": dict(zip(dims, array.chunks, strict=True))}
    return Variable(dims, indexing.LazilyIndexedArray(array), attrs, encoding)


def _about(name: str, part: Component, url: str) -> dict[str, str]:
    return {f"{name}_name": part.name, f"{name}_version": part.version, f"{name}_url": url}

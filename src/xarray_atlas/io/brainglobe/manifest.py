"""A ``manifest.json`` of BrainGlobe's layout: the components of an atlas and their locations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xarray_atlas.coords.world import WorldAxes
from xarray_atlas.errors import ComponentNotFoundError, StoreFormatError
from xarray_atlas.io.copies.records import leads_out
from xarray_atlas.io.zarr.stores import locate, read_bytes
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.frames import Frame

__all__ = ["FRAMES", "MANIFEST", "MIDLINE", "TO_RAS", "Manifest", "Component", "read_manifest"]

MANIFEST = "manifest.json"
MIDLINE = "midline_mm"
"""A key of a manifest that is not BrainGlobe's, and is ignored by its tools."""

TO_RAS = "to_ras_mm"
"""Another: the 4 x 4 matrix from the positions that OME-Zarr's metadata give, in mm along the
axes in their order, to RAS mm, the world of the file from which the atlas was made."""

TO_ATLAS = "to_atlas"
"""Another, of an atlas that was brought onto the grid of an image: the space of the atlas, and the
steps of the transform to it, from mm from the anterior, superior, left outer corner."""

FIELDS = "to_atlas.zarr"
"""The folder of the fields of these steps, below the annotation set."""

FRAMES = "frames"
"""Another: frames that were added to the atlas, as objects of JSON; from mm from the anterior,
superior, left outer corner of the volume."""

LABELS = ("annotations_compressed.ome.zarr", "annotation.ome.zarr")
"""The names of the labels of an annotation set, the newest first."""
TEMPLATES = ("template.ome.zarr", "anatomical_template.ome.zarr")
HEMISPHERES = ("hemispheres.ome.zarr",)
TERMINOLOGY = "terminology.csv"


@dataclass(frozen=True)
class Component:
    """A component of an atlas: its name, its version, and its folder.

    Parameters
    ----------
    name, version : str
    url : str
        Of the folder ``<root>/<kind>/<name>/<version>``, or its path.
    files : tuple of str
        The possible names of the store within it, the newest first.
    """

    name: str
    version: str
    url: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """The components of an atlas at one resolution.

    Parameters
    ----------
    root : str
        The URL or path of the layout's root.
    path : str
        Of the manifest below it: ``atlases/<atlas>_<resolution>um/<version>/manifest.json``.
    content : mapping
        The JSON object.
    """

    root: str
    path: str
    content: Mapping[str, Any] = field(hash=False)

    @property
    def place(self) -> str:
        """URL or path of the manifest."""
        return f"{self.root}/{self.path}"

    @property
    def name(self) -> str:
        """The atlas's name, without a resolution."""
        return str(self.content["name"])

    @property
    def version(self) -> str:
        """The atlas's version, such as ``"3.0"``."""
        return str(self.content["version"])

    @property
    def folder(self) -> str:
        """The name with the resolution: the parent of the version's folder."""
        return self.path.split("/")[-3]

    @property
    def orientation(self) -> str | None:
        """A letter per axis, for the side of the first voxel; None if missing."""
        return self.content.get("orientation") or None

    @property
    def symmetric(self) -> bool | None:
        """Return whether the midline is at half the extent; None if missing."""
        said = self.content.get("symmetric")
        return said if isinstance(said, bool) else None

    @property
    def midline(self) -> float | None:
        """The position of the midline in mm in the store, if it is not half the extent."""
        said = self.content.get(MIDLINE)
        return float(said) if isinstance(said, int | float) else None

    @property
    def to_ras(self) -> FloatArray | None:
        """The matrix from positions in the store to RAS mm; None without world coordinates."""
        said = self.content.get(TO_RAS)
        if said is None:
            return None
        matrix = np.array(said, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.array_equal(matrix[3], (0, 0, 0, 1)):
            raise ValueError(f"{TO_RAS!r} is {said}, not a 4 x 4 matrix")
        letters = WorldAxes.of(matrix).letters
        if self.orientation not in (None, letters):
            raise ValueError(
                f"the axes of {TO_RAS!r} begin at {letters!r}, and the orientation is "
                f"{self.orientation!r}"
            )
        return matrix

    @property
    def frames(self) -> tuple[str, ...]:
        """The frames that were saved with the atlas, each as JSON."""
        said = self.content.get(FRAMES) or ()
        return tuple(json.dumps(Frame.from_dict(frame).to_dict()) for frame in said)

    @property
    def to_atlas(self) -> Mapping[str, Any] | None:
        """The transform from the grid to the atlas resampled onto it; None for an atlas."""
        said = self.content.get(TO_ATLAS)
        if said is None:
            return None
        if not isinstance(said, Mapping) or not {"atlas", "steps"} <= set(said):
            raise ValueError(f"{TO_ATLAS!r} is {said}, not an object with 'atlas' and 'steps'")
        return said

    @property
    def voxel_size(self) -> tuple[float, ...]:
        """In mm, one an axis; the manifest has micrometres."""
        return tuple(float(size) / 1000 for size in self.content["resolution"])

    @property
    def annotation(self) -> Component:
        """The annotation set, as the labels."""
        return self._part(self.content["annotation_set"], LABELS)

    @property
    def hemispheres(self) -> Component:
        """The annotation set, as the hemispheres: it need not have any."""
        return self._part(self.content["annotation_set"], HEMISPHERES)

    @property
    def terminology(self) -> Component:
        """The table of regions."""
        return self._part(self.content["terminology"], (TERMINOLOGY,))

    @property
    def template(self) -> Component | None:
        """The template of the annotation set, as used by BrainGlobe's own tools."""
        said = self.content["annotation_set"].get("template") or self.content.get("template")
        return self._part(said, TEMPLATES) if said else None

    @property
    def coordinate_space(self) -> Component | None:
        """The coordinate space, which only has a name and a version."""
        said = self.content.get("coordinate_space")
        return self._part(said, (MANIFEST,)) if said else None

    @property
    def references(self) -> dict[str, Component]:
        """The additional references by name."""
        parts = self.content.get("additional_references") or ()
        # manifests of old have names alone, of files that this layout does not have
        return {
            str(part["name"]): self._part(part, TEMPLATES)
            for part in parts
            if isinstance(part, Mapping)
        }

    def image(self, name: str) -> Component:
        """Return ``"template"`` or an additional reference by name.

        Raises
        ------
        ComponentNotFoundError
            If the atlas has none of that name; the message lists the available ones.
        """
        there = dict(self.references)
        if self.template is not None:
            there = {"template": self.template, self.template.name: self.template, **there}
        if name not in there:
            raise ComponentNotFoundError(
                f"the atlas {self.name} {self.version} has no component {name!r}; there are "
                f"{', '.join(map(repr, ['annotation', 'hemispheres', *there]))}"
            )
        return there[name]

    def _part(self, said: Mapping[str, Any], files: tuple[str, ...]) -> Component:
        location = str(said["location"] or "").strip("/")
        # it is read and copied below the root
        if leads_out(location):
            raise ValueError(f"the location {said['location']!r} is not a folder below its root")
        return Component(str(said["name"]), str(said["version"]), f"{self.root}/{location}", files)


def read_manifest(place: str, storage_options: Mapping[str, Any] | None = None) -> Manifest:
    """Read a manifest; one request.

    Parameters
    ----------
    place : str
        Its URL or path: ``<root>/atlases/<name>/<version>/manifest.json``.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    StoreNotFoundError, StoreError
        If there is none, or it cannot be read.
    StoreFormatError
        If it is not a manifest of an atlas.
    """
    content = read_bytes(place, storage_options)
    place = locate(place)
    # the separators of Windows are not those of the layout
    parts = place.replace("\\", "/").split("/")
    if len(parts) < 5 or parts[-4] != "atlases":
        raise StoreFormatError(
            f"{place} does not lie in BrainGlobe's layout, "
            "<root>/atlases/<name>/<version>/manifest.json, from which its components are found"
        )
    try:
        manifest = Manifest("/".join(parts[:-4]), "/".join(parts[-4:]), json.loads(content))
        _ = manifest.name, manifest.version, manifest.annotation, manifest.terminology
        _ = manifest.template, manifest.references, manifest.coordinate_space, manifest.to_ras
        _ = manifest.frames
        if len(manifest.voxel_size) != 3:
            raise ValueError(f"a resolution of {len(manifest.voxel_size)} numbers, not 3")
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreFormatError(f"{place} is not a manifest of an atlas: {what}") from error
    return manifest

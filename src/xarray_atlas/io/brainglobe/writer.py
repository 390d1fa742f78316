"""Write an atlas in BrainGlobe's layout: components, and a manifest per level."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
import zarr

from xarray_atlas.errors import StoreExistsError
from xarray_atlas.io.brainglobe.components import MASKS
from xarray_atlas.io.brainglobe.manifest import FIELDS
from xarray_atlas.io.zarr.write_ome_zarr import Pyramid, write_image, write_masks
from xarray_atlas.kernels.downsample import majority, mean
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.terminology import Terminology

__all__ = ["NewAtlas", "write_atlas"]


@dataclass(frozen=True)
class NewAtlas:
    """The data of an atlas to write.

    Parameters
    ----------
    name, version : str
        Of the atlas, such as "allen_mouse" and "3.0"; its components are named by them.
    pyramid : Pyramid
    terminology : Terminology
        Its ids are the labels.
    annotation : array of uint32
    template, hemispheres : array, optional
    references : mapping of str to array
        Further images on the same grid.
    symmetric : bool
    masks : bool
        Whether to write the mask of every region too.
    about : mapping
        Further keys of the manifest: species, citation, ...
    fields : Dataset, optional
        Displacements by which the grid leads to an atlas that was brought onto it.
    """

    name: str
    version: str
    pyramid: Pyramid
    terminology: Terminology
    annotation: Any
    template: Any = None
    hemispheres: Any = None
    references: Mapping[str, Any] = field(default_factory=dict)
    symmetric: bool = False
    masks: bool = True
    about: Mapping[str, Any] = field(default_factory=dict)
    fields: xr.Dataset | None = None

    def component(self, folder: str, kind: str) -> dict[str, str]:
        """Describe one component as manifests do."""
        name = f"{self.name.replace('_', '-')}-{kind}"
        location = f"/{folder}/{name}/{self.version.replace('.', '_')}"
        return {"name": name, "version": self.version, "location": location}

    @property
    def terms(self) -> dict[str, str]:
        """The component of the table of regions."""
        return self.component("terminologies", "terminology")

    @property
    def image(self) -> dict[str, str]:
        """The component of the template, with a name that marks a missing one."""
        kind = "template-missing" if self.template is None else "template"
        return self.component("templates", kind)

    @property
    def labels(self) -> dict[str, Any]:
        """The component of the annotation."""
        found = self.component("annotation-sets", "annotation")
        return {**found, "template": self.image, "terminology": self.terms}

    @property
    def space(self) -> dict[str, Any]:
        """The component of the coordinate space."""
        return {**self.component("coordinate-spaces", "space"), "template": self.image}

    @property
    def further(self) -> dict[str, dict[str, str]]:
        """The component of each reference, by its name."""
        return {
            name: {**self.component("templates", f"{name}-template"), "name": name}
            for name in self.references
        }

    def manifest(self, level: int) -> dict[str, Any]:
        """Return the manifest of one level, which is a separate atlas for BrainGlobe."""
        # to text and back: 50.0, not the 50.00000000000001 of a product
        sizes = [without_noise(size * 1000) for size in self.pyramid.scale_of(level)]
        folder = f"/atlases/{self.name}_{sizes[0]:g}um/{self.version.replace('.', '_')}"
        return {
            "name": self.name,
            "location": folder,
            "citation": "unpublished",
            "atlas_link": "",
            "species": "unknown",
            **self.about,
            "symmetric": self.symmetric,
            "resolution": sizes,
            "orientation": self.pyramid.orientation,
            "version": self.version,
            "shape": list(self.pyramid.shape_of(level)),
            "additional_references": list(self.further.values()),
            "atlas_packager": None,
            "coordinate_space": self.space,
            "terminology": self.terms,
            "annotation_set": self.labels,
            "template": self.image,
        }


def write_atlas(root: Path, atlas: NewAtlas) -> None:
    """Write an atlas below a folder, atomically.

    It is written to a hidden folder next to it, ".saving-...", and moved into its place at the end,
    component by component, the manifests last.

    Raises
    ------
    StoreExistsError
        If a component or manifest of that name and version is there already.
    """
    manifests = [atlas.manifest(level) for level in range(atlas.pyramid.levels)]
    components = [atlas.terms, atlas.image, *atlas.further.values(), atlas.space, atlas.labels]
    places = [part["location"].lstrip("/") for part in (*components, *manifests)]
    _refuse([root / place for place in places])
    stage = root / f".saving-{uuid.uuid4().hex[:8]}"
    try:
        _write(stage, atlas)
        for manifest in manifests:
            _write_json(stage / manifest["location"].lstrip("/"), manifest)
        _move(stage, root, places)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _refuse(places: list[Path]) -> None:
    there = [str(place) for place in places if place.exists()]
    if there:
        raise StoreExistsError(
            f"{there[0]} is there already, and a saved atlas is not overwritten; save with "
            "another name= or version=, or remove it first"
        )


def _write(stage: Path, atlas: NewAtlas) -> None:
    def folder(component: Mapping[str, Any]) -> Path:
        location: str = component["location"]
        return stage / location.lstrip("/")

    folder(atlas.terms).mkdir(parents=True)
    atlas.terminology.to_csv(folder(atlas.terms) / "terminology.csv")
    _write_json(folder(atlas.space), atlas.space)
    pyramid, labels = atlas.pyramid, folder(atlas.labels)
    levels = write_image(
        labels / "annotations_compressed.ome.zarr", atlas.annotation, pyramid, majority
    )
    if atlas.hemispheres is not None:
        write_image(labels / "hemispheres.ome.zarr", atlas.hemispheres, pyramid, majority)
    if atlas.fields is not None:
        atlas.fields.to_zarr(labels / FIELDS, consolidated=False)
    template = atlas.template
    if template is None:
        # BrainGlobe's API requires one
        template = da.zeros(pyramid.shape, dtype=np.uint16)
    write_image(folder(atlas.image) / "template.ome.zarr", template, pyramid, mean)
    for name, component in atlas.further.items():
        data = atlas.references[name]
        write_image(folder(component) / "template.ome.zarr", data, pyramid, mean)
    if atlas.masks:
        _write_masks(labels / MASKS, levels, atlas)


def _write_masks(folder: Path, levels: list[zarr.Array[Any]], atlas: NewAtlas) -> None:
    """Write the masks, leaves first as BrainGlobe does."""
    table = atlas.terminology
    order = table.preorder[::-1]
    labels, regions = table.label_pairs()
    known = np.unique(labels)
    belongs = np.zeros((len(table), known.size), bool)
    belongs[regions, np.searchsorted(known, labels)] = True
    write_masks(folder, levels, atlas.pyramid, (table.ids[order], known, belongs[order]))


def _write_json(folder: Path, content: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True)
    text = json.dumps(content, indent=4, ensure_ascii=False)
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def _move(stage: Path, root: Path, places: list[str]) -> None:
    """Move all into place in this order; if one fails, the moved ones are removed again."""
    moved: list[Path] = []
    try:
        for place in places:
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(stage / place, root / place)
            except OSError as error:
                _refuse([root / place])  # another process was first
                raise error
            moved.append(root / place)
    except BaseException:
        for path in reversed(moved):
            shutil.rmtree(path, ignore_errors=True)
        raise

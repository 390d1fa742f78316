"""Small atlases in BrainGlobe's whole layout, written without the package."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from support.stores import REGIONS, labels, scaling, write_ome_zarr

FINE, COARSE = 0.025, 0.05


def levels(fine: Any, coarse: Any) -> dict[str, Any]:
    """A pyramid of two levels, of 25 and 50 um, in line."""
    return {
        "s0": (fine, scaling(FINE, 0.0)),
        "s1": (coarse, scaling(COARSE, (COARSE - FINE) / 2)),
    }


def annotation() -> dict[str, Any]:
    return levels(labels(), labels((3, 4, 5), seed=1))


def image(seed: int, dtype: Any = "uint16") -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return levels(*(rng.integers(0, 500, s).astype(dtype) for s in ((6, 8, 10), (3, 4, 5))))


def hemispheres() -> dict[str, Any]:
    """Left where x is at least 3 of 10: not the middle."""
    volumes = []
    for shape in ((6, 8, 10), (3, 4, 5)):
        sides = np.where(np.arange(shape[2]) >= 0.3 * shape[2], 1, 2).astype("uint8")
        volumes.append(np.broadcast_to(sides, shape).copy())
    return levels(*volumes)


def under(label: int) -> set[int]:
    """A label and those of its descendants."""
    paths = REGIONS.root_identifier_path.map(json.loads)
    return {
        int(value)
        for value, path in zip(REGIONS.annotation_value, paths, strict=True)
        if label in path
    }


def write_masks(store: Path, pyramid: Mapping[str, Any], chunks: Any = (1, 4, 4, 4)) -> None:
    """The masks of all regions, the last of the table first."""
    values = REGIONS.annotation_value.to_numpy()[::-1].astype("uint32")
    group = zarr.create_group(store, overwrite=True)
    datasets = []
    for path, (volume, transformations) in pyramid.items():
        masks = np.stack([np.isin(volume, list(under(int(v)))) for v in values]).astype("uint8")
        group.create_array(path, shape=masks.shape, dtype="uint8", chunks=chunks)[...] = masks
        scaled = [{**t, t["type"]: [1.0, *t[t["type"]]]} for t in transformations]
        datasets.append({"path": path, "coordinateTransformations": scaled})
    group.create_array("annotation_values", shape=values.shape, dtype="uint32")[...] = values
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space"} for n in "zyx")]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}


def component(kind: str, name: str, version: str) -> dict[str, str]:
    return {
        "name": name,
        "version": version,
        "location": f"/{kind}/{name}/{version.replace('.', '_')}",
    }


def write_catalogue(
    root: Path,
    name: str = "tiny_mouse",
    *,
    version: str = "1.0",
    resolutions: Sequence[int] = (25, 50),
    symmetric: bool | None = True,
    species: str = "Mus musculus",
    template: Mapping[str, Any] | None = None,
    sides: bool = False,
    masks: bool = False,
    references: Sequence[str] = (),
    labels_file: str = "annotations_compressed.ome.zarr",
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write an atlas of two levels, with a manifest for each of some of them; return the root."""
    pyramid = annotation()
    folder = version.replace(".", "_")
    table = component("terminologies", f"{name}-terminology", version)
    images = component("templates", f"{name}-template", version)
    volumes = component("annotation-sets", f"{name}-annotation", version)
    others = [component("templates", f"{name}-{reference}", version) for reference in references]
    path = root / table["location"][1:]
    path.mkdir(parents=True, exist_ok=True)
    REGIONS.to_csv(path / "terminology.csv", index=False)
    folders = root / volumes["location"][1:]
    array = {"chunks": (4, 4, 4)}
    write_ome_zarr(folders / labels_file, levels=pyramid, **array)
    write_ome_zarr(
        root / images["location"][1:] / "template.ome.zarr",
        levels=image(2) if template is None else template,
        **array,
    )
    for i, reference in enumerate(others):
        write_ome_zarr(
            root / reference["location"][1:] / "template.ome.zarr", levels=image(10 + i), **array
        )
    if sides:
        write_ome_zarr(folders / "hemispheres.ome.zarr", levels=hemispheres(), **array)
    if masks:
        write_masks(folders / "annotations.ome.zarr", pyramid)
    space = component("coordinate-spaces", f"{name}-space", version)
    path = root / space["location"][1:]
    path.mkdir(parents=True, exist_ok=True)
    (path / "manifest.json").write_text(json.dumps({**space, "template": images}))
    for resolution in resolutions:
        manifest = {
            "name": name,
            "location": f"/atlases/{name}_{resolution}um/{folder}",
            "citation": "Nobody et al.",
            "atlas_link": "http://example.org",
            "species": species,
            "resolution": [float(resolution)] * 3,
            "orientation": "asr",
            "version": version,
            "shape": [6, 8, 10] if resolution == 25 else [3, 4, 5],
            "additional_references": others,
            "coordinate_space": space,
            "terminology": table,
            "annotation_set": {**volumes, "template": images, "terminology": table},
            "template": images,
            **({} if symmetric is None else {"symmetric": symmetric}),
            **(extra or {}),
        }
        place = root / manifest["location"][1:] / "manifest.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(manifest, indent=4))
    return root

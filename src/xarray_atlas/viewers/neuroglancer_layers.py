"""The layers of neuroglancer's state: labels and surfaces of regions, in the atlas's colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xarray_atlas.terminology import Terminology

__all__ = ["image_layer", "labels_layer", "precomputed_source", "surface_layers"]

SHELL = 0.15
"""The opacity of the surface of a region around others."""

ViewerState = dict[str, Any]


def precomputed_source(url: str, transform: ViewerState, parts: Iterable[str]) -> ViewerState:
    """Return a source of meshes or names, without the voxels that its metadata speak of.

    Parameters
    ----------
    url : str
        Of the folder; BrainGlobe's does not have voxels.
    transform : dict
        Coordinate transform from the folder to the voxels.
    parts : iterable of str
        "mesh", "properties".
    """
    return {
        "url": f"{url}/|neuroglancer-precomputed:",
        "transform": transform,
        "enableDefaultSubsources": False,
        "subsources": dict.fromkeys(parts, True),
    }


def image_layer(source: str, limits: tuple[float, float] | None) -> ViewerState:
    """Return the layer of a template, black at the lower limit and white at the upper."""
    layer: ViewerState = {"type": "image", "name": "template", "source": source}
    if limits is not None:
        layer["shaderControls"] = {"normalized": {"range": list(limits)}}
    return layer


def labels_layer(
    terminology: Terminology, positions: Sequence[int], sources: list[Any], template: bool
) -> ViewerState:
    """Return the layer of the labels; those of regions and their descendants are chosen.

    Parameters
    ----------
    terminology : Terminology
    positions : sequence of int
        Of the regions; none for all, as neuroglancer shows them where none is chosen.
    sources : list
    template : bool
        True if an image is shown below.
    """
    layer: ViewerState = {
        "type": "segmentation",
        "name": "annotation",
        "source": sources,
        "hideSegmentZero": 0 not in terminology.labels,
        "selectedAlpha": 0.4 if template else 0.8,
    }
    if not positions:
        return {**layer, "segmentColors": _colors(terminology, range(len(terminology)))}
    with_descendants = [p for q in positions for p in (q, *terminology.descendants(q).tolist())]
    layer["segments"] = _segments(terminology, with_descendants)
    layer["segmentColors"] = _colors(terminology, with_descendants)
    return layer


def surface_layers(
    terminology: Terminology, positions: Sequence[int], source: ViewerState
) -> list[ViewerState]:
    """Return the layers of surfaces, those around others nearly transparent; the brain of none.

    Layers of their own: a stored surface is that of a region with its descendants, so that with
    these chosen too, as they are among the labels, one surface would be drawn in another.
    """
    above = {int(p) for q in positions for p in terminology.ancestors(q)}
    shells = [p for p in positions if p in above]
    if not positions:
        shells = [root.position for root in terminology.roots]
    solid = [p for p in positions if p not in above]
    return [
        {
            "type": "segmentation",
            "name": name,
            "source": [source],
            "segments": _segments(terminology, regions),
            "segmentColors": _colors(terminology, regions),
            "objectAlpha": alpha,
        }
        for name, regions, alpha in (("surfaces", solid, 1.0), ("around", shells, SHELL))
        if regions
    ]


def _segments(terminology: Terminology, positions: Iterable[int]) -> list[str]:
    """Return the regions' own labels as text: JavaScript's numbers do not hold all integers."""
    found = {int(v) for p in positions for v in terminology.labels_of(p, direct=True)}
    return [str(label) for label in sorted(found)]


def _colors(terminology: Terminology, positions: Iterable[int]) -> dict[str, str]:
    found = {
        int(label): str(terminology.colors[p])
        for p in positions
        if terminology.colors[p]
        for label in terminology.labels_of(p, direct=True)
    }
    return {str(label): found[label] for label in sorted(found)}

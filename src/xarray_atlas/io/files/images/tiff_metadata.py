"""Metadata of ImageJ and OME-XML in TIFF: voxel size, times, names of channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from xarray_atlas.coords.headers import Geometry, known_unit, sizes_in_mm
from xarray_atlas.coords.image_coordinates import AxisValues

__all__ = ["read_metadata"]

TIMES = {
    "s": "s",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "ms": "ms",
    "msec": "ms",
    "millisecond": "ms",
    "us": "us",
    "µs": "us",
    "min": "min",
    "minute": "min",
    "minutes": "min",
    "h": "h",
    "hour": "h",
    "hours": "h",
}
"""Units of time as the two formats write them."""


def read_metadata(
    file: Any, axes: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[Geometry, dict[str, AxisValues]]:
    """Read the voxel size, and the coordinates of time and channels.

    Parameters
    ----------
    file : tifffile.TiffFile
    axes : tuple of str
        The names of the axes of its first series.
    shape : tuple of int
    """
    counts = dict(zip(axes, shape, strict=True))
    if file.is_ome:
        return _of_ome(file.ome_metadata, counts)
    if file.is_imagej:
        return _of_imagej(file, counts)
    return Geometry(), {}


# -- OME-XML


def _of_ome(text: str, counts: Mapping[str, int]) -> tuple[Geometry, dict[str, AxisValues]]:
    root = ElementTree.fromstring(text)
    pixels = next((e for e in root.iter() if _tag(e) == "Pixels"), None)
    if pixels is None:
        return Geometry(), {}
    others: dict[str, AxisValues] = {}
    names = [c.get("Name") or c.get("ID") for c in pixels if _tag(c) == "Channel"]
    if len(set(names)) == counts.get("channel") == len(names) and None not in names:
        others["channel"] = AxisValues([str(name) for name in names])
    step = _number(pixels.get("TimeIncrement"))
    if step and "time" in counts:  # OME takes seconds where no unit is given
        unit = TIMES.get(pixels.get("TimeIncrementUnit", "s"))
        others["time"] = AxisValues.steps(step, counts["time"], unit)
    return Geometry(_sizes_of_ome(pixels)), others


def _sizes_of_ome(pixels: Any) -> tuple[float, ...] | None:
    """Read PhysicalSizeZ, Y and X; a micrometre is what OME takes where no unit is given."""
    sizes: list[float] = []
    for axis in "ZYX":
        size = _number(pixels.get(f"PhysicalSize{axis}"))
        unit = known_unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))
        if not size or unit is None:
            return None
        sizes += sizes_in_mm([size], unit)
    return tuple(sizes)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


# -- ImageJ


def _of_imagej(file: Any, counts: Mapping[str, int]) -> tuple[Geometry, dict[str, AxisValues]]:
    metadata = file.imagej_metadata or {}
    others: dict[str, AxisValues] = {}
    step = _number(metadata.get("finterval"))
    if step and "time" in counts:
        unit = TIMES.get(str(metadata.get("tunit", "")).strip())
        others["time"] = AxisValues.steps(step, counts["time"], unit)
    return Geometry(_sizes_of_imagej(file, metadata)), others


def _sizes_of_imagej(file: Any, metadata: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Read the spacing of planes, and the resolution within one in pixels a unit.

    ``unit`` is that of all axes, except those that have one of their own.
    """
    tags = file.pages[0].tags
    steps = [_number(metadata.get("spacing"))]
    for name in ("YResolution", "XResolution"):
        pixels, lengths = tags[name].value if name in tags else (0, 0)
        steps.append(lengths / pixels if pixels else None)
    sizes: list[float] = []
    for axis, step in zip("zyx", steps, strict=True):
        unit = known_unit(metadata.get(f"{axis}unit", metadata.get("unit")))
        if not step or unit is None:
            return None
        sizes += sizes_in_mm([abs(step)], unit)
    return tuple(sizes)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None

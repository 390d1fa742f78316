"""NRRD: voxels and space directions, by pynrrd."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, geometry_of_affine, known_unit
from xarray_atlas.coords.image_coordinates import AxisValues
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import StoreFormatError, StoreNotFoundError
from xarray_atlas.io.files.images.image import SPATIAL, Image
from xarray_atlas.io.files.images.voxels import Inflated, RawVoxels, WholeVoxels
from xarray_atlas.kernels.spacing import FloatArray, without_noise

__all__ = ["read_nrrd"]

SPACES = {
    "right-anterior-superior": "lpi",
    "left-anterior-superior": "rpi",
    "left-posterior-superior": "rai",
    "ras": "lpi",
    "las": "rpi",
    "lps": "rai",
}
"""The anatomical spaces of the format, and the sides from which their axes come.

Each may have time as a fourth axis, "left-posterior-superior-time" or "LPST". The other spaces
("scanner-xyz", "3D-right-handed", ...) do not say how the brain lies in them.
"""

DOMAIN = ("domain", "space")
"""The kinds of an axis along which samples lie in space."""

NAMES = {
    "time": "time",
    "list": "channel",
    "rgb-color": "channel",
    "rgba-color": "channel",
    "hsv-color": "channel",
    "xyz-color": "channel",
    "vector": "component",
    "2-vector": "component",
    "3-vector": "component",
    "4-vector": "component",
    "covariant-vector": "component",
    "normal": "component",
    "3-gradient": "component",
    "3-normal": "component",
}
"""Names of axes of other kinds; further kinds are "dim_0", "dim_1", ..."""


def _spellings() -> dict[str, str]:
    found = {
        "float": "f4",
        "double": "f8",
        "signed char": "i1",
        "unsigned char": "u1",
        "uchar": "u1",
    }
    for code, bits, names in (
        ("2", 16, ("short", "short int")),
        ("4", 32, ("int",)),
        ("8", 64, ("long long", "long long int")),
    ):
        found.update(dict.fromkeys(names, f"i{code}"))
        found.update({f"signed {name}": f"i{code}" for name in names})
        found.update({f"unsigned {name}": f"u{code}" for name in names})
        short = names[0].replace(" ", "")
        found.update({short: f"i{code}", f"u{short}": f"u{code}"})
        found.update({f"int{bits}": f"i{code}", f"uint{bits}": f"u{code}"})
    found.update({"int8": "i1", "uint8": "u1"})
    return {**found, **{f"{n}_t": c for n, c in found.items() if n.startswith(("int", "uint"))}}


TYPES = _spellings()
"""The format's names of number types, and numpy's codes."""


def read_nrrd(path: str) -> Image:
    """Open a ``.nrrd``, or the ``.nhdr`` of voxels in another file.

    Voxels with the encoding "raw" are mapped; others are read whole.

    Raises
    ------
    StoreNotFoundError
        If it names a file of voxels that does not exist.
    StoreFormatError
        If it does not state which of its axes are spatial.
    """
    header, offset = _read_header(path)
    if header.get("dimension") != len(header.get("sizes", ())) or "type" not in header:
        raise StoreFormatError(
            f"{path} is not an NRRD: its header has no type, dimension and sizes"
        )
    if str(header["type"]).lower() == "block":
        raise StoreFormatError(f"{path} holds blocks of bytes (type: block), not numbers")
    axes = _axes(header, path)
    spatial = [i for i, axis in enumerate(axes) if axis in SPATIAL]
    voxels = _voxels(path, header, offset)
    return Image(voxels, _geometry(header, spatial), path, axes, _others(header, axes))


def _read_header(path: str) -> tuple[Any, int]:
    """Return the fields, and the offset of the voxels that follow them.

    pynrrd drops what is not ASCII, and "µm" becomes "m": so it is given text.
    """
    import nrrd

    lines: list[str] = []
    with open(path, "rb") as file:
        for line in iter(file.readline, b""):
            lines.append(_text(line))
            if not line.strip():
                break
        return nrrd.read_header(lines), file.tell()


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


@dataclass(frozen=True)
class _Decoded:
    """Reads all voxels of a file, as pynrrd decodes them."""

    path: str

    def __call__(self) -> Any:
        import nrrd

        header, offset = _read_header(self.path)
        with open(self.path, "rb") as file:
            file.seek(offset)
            return nrrd.read_data(header, file, self.path, index_order="F")


def _dtype(header: Any, path: str) -> str:
    if str(header["type"]) not in TYPES:
        raise StoreFormatError(
            f"{path} has voxels of the type {header['type']!r}, which NRRD lacks"
        )
    return (">" if header.get("endian") == "big" else "<") + TYPES[header["type"]]


def _voxels(path: str, header: Any, offset: int) -> Any:
    """Map voxels that are raw; let pynrrd decode those that are neither raw nor deflated."""
    dtype, shape = np.dtype(_dtype(header, path)), tuple(map(int, header["sizes"]))
    skips = [header.get(key, 0) for key in ("byte skip", "line skip", "byteskip", "lineskip")]
    data = header.get("data file", header.get("datafile"))
    where = path
    if data is not None:
        if data.startswith("LIST") or "%" in data:
            raise StoreFormatError(
                f"{path} has a file for each slice (data file: {data}), which is not read here; "
                "write it as one file"
            )
        where, offset = str(Path(path).parent / data), 0
        if not os.path.exists(where):
            raise StoreNotFoundError(
                f"the header names a file of voxels that does not exist: {where}"
            )
    encoding = str(header["encoding"]).lower()
    if any(skips) or encoding not in ("raw", "gzip", "gz"):
        return WholeVoxels(path, dtype, shape, _Decoded(path))
    if encoding == "raw":
        return RawVoxels(where, dtype, shape, offset, "F")
    read = Inflated(where, offset, dtype, shape)
    return WholeVoxels(where, dtype, shape, read, read.size)


# -- axes


def _axes(header: Any, path: str) -> tuple[str, ...]:
    """Name each axis of the array: those of space are the ones that have a direction."""
    count = len(header["sizes"])
    kinds = [kind.lower() for kind in header.get("kinds", ())] or [""] * count
    directions = _directions(header)
    if directions is not None:
        vectors = directions[:, :3]
        spatial = [i for i, vector in enumerate(vectors) if np.isfinite(vector).all()]
        spatial = [i for i in spatial if np.any(vectors[i])] if count > 3 else spatial
    elif count > 3:
        spatial = [i for i, kind in enumerate(kinds) if kind in DOMAIN]
    else:
        spatial = [i for i, kind in enumerate(kinds) if kind not in NAMES]
    if len(spatial) != 3:
        sizes = " x ".join(map(str, header["sizes"]))
        raise StoreFormatError(
            f"{path} has {count} axes ({sizes}), and the header says of "
            f"{len(spatial)} that they lie in space: an image needs three that have a vector in "
            "'space directions', or are called 'domain' or 'space' in 'kinds'"
        )
    names: list[str] = []
    for i in range(count):
        name = SPATIAL[spatial.index(i)] if i in spatial else NAMES.get(kinds[i], "")
        if directions is not None and directions.shape[1] == 4 and i not in spatial:
            name = "time"
        names.append(name if name and name not in names else f"dim_{i}")
    return tuple(names)


def _directions(header: Any) -> FloatArray | None:
    """Return a vector in space for each axis, NaN where it has none."""
    directions = header.get("space directions")
    if directions is None:
        return None
    found = np.asarray(directions, dtype=np.float64)
    return found if found.ndim == 2 and found.shape[1] >= 3 else None


def _others(header: Any, axes: Sequence[str]) -> dict[str, AxisValues]:
    """Return the coordinates of axes that are not of space, where the header has their spacing."""
    found: dict[str, AxisValues] = {}
    directions = _directions(header)
    spacings = header.get("spacings", ())
    units = header.get("units", ())
    for i, axis in enumerate(axes):
        if axis != "time":
            continue
        if directions is not None and directions.shape[1] == 4:
            step, unit = directions[i, 3], (*header.get("space units", ()), *[""] * 4)[3]
            origin = np.asarray(header.get("space origin", [np.nan] * 4), np.float64)
            first = float(origin[3]) if np.isfinite(origin[3:]).all() else 0.0
        else:
            step = spacings[i] if i < len(spacings) else np.nan
            unit, first = units[i] if i < len(units) else "", 0.0
        if np.isfinite(step) and step > 0:
            count = int(header["sizes"][i])
            found[axis] = AxisValues.steps(float(step), count, unit.strip() or None, first)
    return found


# -- position


def _geometry(header: Any, spatial: list[int]) -> Geometry:
    directions = _directions(header)
    if directions is None:
        spacings = np.asarray(header.get("spacings", ()), dtype=np.float64)
        factors = _factors(header, "units", spatial)
        if factors is None or len(spacings) != len(header["sizes"]):
            return Geometry()
        sizes = np.abs(spacings[spatial])
        return (
            Geometry(tuple(map(without_noise, sizes * factors)))
            if _all_known(sizes)
            else Geometry()
        )
    letters = SPACES.get(str(header.get("space", "")).lower().removesuffix("-time"))
    letters = letters or SPACES.get(str(header.get("space", "")).lower()[:3])
    steps = directions[spatial, :3]
    factors = _factors(header, "space units", [0, 1, 2])
    if factors is None:
        found = geometry_of_affine(np.column_stack([steps.T, np.zeros(3)]), "mm", letters or "lpi")
        return Geometry(orientation=found.orientation if letters else None, fault=found.fault)
    origin = np.asarray(header.get("space origin", [np.nan] * 3), dtype=np.float64)[:3]
    there = _all_known(origin)
    affine = np.column_stack([steps.T, origin if there else np.zeros(3)])
    found = geometry_of_affine(affine * factors[:, np.newaxis], "mm", letters or "lpi")
    return Geometry(
        found.voxel_size,
        found.orientation if letters else None,
        found.first if letters and there else None,
        found.fault,
        found.affine if letters and there else None,
    )


def _all_known(values: FloatArray) -> bool:
    return bool(np.all(np.isfinite(values)))


def _factors(header: Any, field: str, which: list[int]) -> FloatArray | None:
    """Return the length in mm of each axis's unit; 1 if there is none, as in ITK.

    None if one is not a unit of length: "pixel" says that the size of a voxel is not known.
    """
    said = [*(header.get(field) or ()), *[""] * 16]
    found = []
    for i in which:
        unit = known_unit(said[i]) if str(said[i]).strip() else "mm"
        if unit is None:
            return None
        found.append(unit_factor(unit))
    return np.array(found)

"""NRRD: voxels and space directions, by pynrrd."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, geometry_of_affine, known_unit
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import StoreNotFoundError
from xarray_atlas.io.files.images.voxels import Image, RawVoxels
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
"""The anatomical spaces of the format, and the sides from which their axes come."""


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
"""What the format calls the types of numbers, and numpy's codes of them."""


def read_nrrd(path: str) -> Image:
    """Open a ``.nrrd``, or the ``.nhdr`` of voxels in another file.

    Voxels with the encoding "raw" are mapped; others are read whole.

    Raises
    ------
    StoreNotFoundError
        If it names a file of voxels that is not there.
    """
    import nrrd

    with open(path, "rb") as file:
        header = nrrd.read_header(file)
        offset = file.tell()
    voxels: Any = _raw(path, header, offset)
    if voxels is None:
        voxels = nrrd.read(path, index_order="F")[0]
        voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
    return Image(voxels, _geometry(header), path)


def _raw(path: str, header: Any, offset: int) -> RawVoxels | None:
    """Return the voxels of a raw file; None of one that pynrrd must decode."""
    skips = [header.get(key, 0) for key in ("byte skip", "line skip", "byteskip", "lineskip")]
    if header["encoding"] != "raw" or any(skips) or header["type"] not in TYPES:
        return None
    data = header.get("data file", header.get("datafile"))
    if data is not None:
        if not isinstance(data, str) or data.startswith("LIST") or "%" in data:
            return None
        path, offset = str(Path(path).parent / data), 0
        if not os.path.exists(path):
            raise StoreNotFoundError(f"the header names a file of voxels that is not there: {path}")
    endian = ">" if header.get("endian") == "big" else "<"
    return RawVoxels(path, endian + TYPES[header["type"]], tuple(header["sizes"]), offset, "F")


def _geometry(header: Any) -> Geometry:
    directions = header.get("space directions")
    if directions is None:
        spacings = np.asarray(header.get("spacings", ()), dtype=np.float64)
        if spacings.shape != (3,) or not np.all(np.isfinite(spacings)):
            return Geometry()
        return Geometry(tuple(map(without_noise, np.abs(spacings) * _factors(header, "units"))))
    steps = np.asarray(directions, dtype=np.float64)
    if steps.shape != (3, 3):
        return Geometry()
    origin = np.asarray(header.get("space origin", [np.nan] * 3), dtype=np.float64)
    there = bool(np.all(np.isfinite(origin)))
    affine = np.column_stack([steps.T, origin if there else np.zeros(3)])
    letters = SPACES.get(str(header.get("space", "")).lower())
    millimetres = affine * _factors(header, "space units")[:, np.newaxis]
    found = geometry_of_affine(millimetres, "mm", letters or "lpi")
    return Geometry(
        found.voxel_size,
        found.orientation if letters else None,
        found.first if letters and there else None,
        found.fault,
        found.affine if letters and there else None,
    )


def _factors(header: Any, field: str) -> FloatArray:
    """Return how many mm the unit of each axis is: 1 where there is none, as ITK has it."""
    units = list(map(known_unit, header.get(field) or ()))
    return np.array([unit_factor(unit or "mm") for unit in (units + [None] * 3)[:3]])

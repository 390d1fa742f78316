"""Morphologies of neurons as SWC.

The format (INCF's specification of 2023): lines of seven numbers, the sample, its type, x, y, z,
the radius and the parent sample (-1 of a root), after lines of comments that begin with ``#``.
Positions and radius are um. The Janelia Workstation writes nodes from an origin in the comment
``# OFFSET x y z``, which is added here.
"""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd

from xarray_atlas.errors import PointsError
from xarray_atlas.io.files.points.table import PointTable, numbers_of

__all__ = ["read_swc"]

COLUMNS = ("sample", "type", "x", "y", "z", "radius", "parent")

OFFSET = re.compile(r"#\s*OFFSET\s+(\S+)\s+(\S+)\s+(\S+)\s*$", re.MULTILINE)

SCALE = re.compile(r"#\s*SCALE\s+(\S+)\s+(\S+)\s+(\S+)\s*$", re.MULTILINE)

ADVICE = (
    "SWC says neither an atlas nor which axis is which. Pass frame=, and for frames that count "
    "from a corner columns=: in the Allen CCF, x, y and z are often AP, DV and ML, "
    "frame='allen', columns={'ap': 'x', 'dv': 'y', 'ml': 'z'}; or transform=, from the image in "
    "which the neuron was traced"
)


def read_swc(path: str) -> PointTable:
    """Read a morphology.

    Parameters
    ----------
    path : str

    Raises
    ------
    PointsError
        If it is not an SWC file, or its samples do not make a tree.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    header = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    if (scale := SCALE.search(header)) and any(_float(n, path) != 1 for n in scale.groups()):
        raise PointsError(
            f"{path} has a scale of {' '.join(scale.groups())} in its header. Programs differ in "
            "whether it was applied: apply it, or remove that line"
        )
    offset = OFFSET.search(header)
    try:
        rows = pd.read_csv(
            io.StringIO(text), sep=r"\s+", comment="#", header=None, names=COLUMNS,
            usecols=range(len(COLUMNS)), index_col=False,
        )  # fmt: skip
    except (ValueError, OverflowError, RecursionError) as error:
        raise PointsError(f"{path} is not an SWC file: {error}") from error
    if rows.isna().to_numpy().any():
        raise PointsError(f"{path} is not an SWC file: its lines do not all have seven numbers")
    found = {name: numbers_of(rows[name].to_numpy(), name, path) for name in COLUMNS}
    for name in ("sample", "type", "parent"):
        if len(rows) and found[name].dtype.kind != "i":
            raise PointsError(
                f"{path} is not an SWC file: {name} is not a whole number in each line"
            )
    if len(np.unique(found["sample"])) != len(rows):
        raise PointsError(f"{path} has samples of the same number")
    orphans = ~np.isin(found["parent"], found["sample"]) & (found["parent"] >= 0)
    if orphans.any():
        raise PointsError(f"{path}: parent {found['parent'][orphans][0]} is none of its samples")
    if offset is not None:
        for name, text in zip("xyz", offset.groups(), strict=True):
            found[name] = found[name] + _float(text, path)
    positions = {name: found.pop(name) for name in "xyz"}
    return PointTable("SWC", positions, found, "um", None, ADVICE)


def _float(text: str, path: str) -> float:
    try:
        return float(text.rstrip(",;"))
    except ValueError:
        raise PointsError(f"{path}: {text[:40]!r} in the header is not a number") from None

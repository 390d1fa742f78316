"""The displacement fields of brainglobe-ccf-translator, between atlases and ages of the mouse.

What brainglobe-ccf-translator 0.22 does, by its source (``deformation/apply_deformation.py``,
``deformation/route_calculation.py``, ``Volume.py``, ``PointSet.py``):

- ``translation_metadata.csv`` has a row for each step between two spaces at two ages (postnatal
  days). The step from A to B of *points* is the row of source A and target B (its field "A pull
  B" brings volumes of B to A). A route is a shortest path of such steps.
- The field of a row is ``<folder>/<source space>/<file name>``, a NIfTI image (x, y, z, 3) on the
  grid of A, in voxels of ``transformation_resolution_micron``. It is multiplied by ``vector``: the
  fields of a developing brain are of one day, and ``vector`` says how many days. So the voxel p
  of A lies at p + vector u(p) in B.
- In a row without a field volumes of B are padded (``padding_micron``; negative is cropped), their
  axes permuted (``dim_order``) and flipped (``dim_flip``), and are then volumes of A.
- Its ``PointSet`` takes the field of the voxel in which a point lies, without interpolation; adds
  padding that its volumes show is to be subtracted; and flips about the size, one voxel off. No
  row of version 0.22 has padding before the first voxel, or permuted or flipped axes, so that of
  these three only the interpolation tells.
- It combines the fields of a route into one on the grid of the last one, as 0 outside of each, and
  resamples fields of other voxel sizes so that first and last centres coincide. Here each
  field keeps its grid within its space, and points go through one after the other.

Every space begins at an outer corner (anterior, superior, right), as BrainGlobe's atlases.
"""

from __future__ import annotations

import ast
import difflib
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xarray_atlas.errors import TransformError
from xarray_atlas.io.files.images import read_image
from xarray_atlas.io.transforms.axis_fields import (
    BRAINGLOBE,
    array_end,
    field_along_axes,
    to_ras,
)
from xarray_atlas.io.transforms.itk_fields import lazy_vectors
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["NAME", "is_ccf_translator", "read_ccf_translator"]

NAME = "ccf-translator"

TABLE = "translation_metadata.csv"

URL = (
    "https://data-proxy.ebrains.eu/api/v1/buckets/common-coordinate-framework-translator/"
    "deformation_fields"
)
"""The URL from which the tool downloads its fields."""

ALIASES = {
    "kim_mouse": "allen_mouse",
    "osten_mouse": "allen_mouse",
    "allen_mouse_bluebrain_barrels": "allen_mouse",
    "demba_allen_seg_dev_mouse": "demba_dev_mouse",
}
"""BrainGlobe's atlases in the space of another one, according to the tool."""

COLUMNS = {
    "file_name",
    "source_space",
    "target_space",
    "source_age_pnd",
    "target_age_pnd",
    "dim_order",
    "dim_flip",
    "padding_micron",
    "transformation_resolution_micron",
    "vector",
    *(f"{axis}_physical_size_micron" for axis in "XYZ"),
}

Node = tuple[str, int]
"""A space, and an age in postnatal days."""


def is_ccf_translator(path: Any) -> bool:
    """Return whether a caller asks for the fields of brainglobe-ccf-translator, by its name."""
    return isinstance(path, str) and path == NAME


def read_ccf_translator(
    name: str = NAME,
    *,
    folder: str | os.PathLike[str] | None = None,
    source: str | None = None,
    target: str | None = None,
    age: int | tuple[int, int] | None = None,
) -> Transform:
    """Read the chain of fields from one space to another.

    Parameters
    ----------
    name : str
        :data:`NAME`, by which :func:`open_transform` finds this reader.
    folder : str or path
        It holds ``translation_metadata.csv``, as in the tool's folder ``metadata``, and for each
        space a folder of its fields, as the tool keeps them in
        ``~/.brainglobe/deformation_fields``. Nothing is downloaded.
    source, target : str
        The spaces, such as "allen_mouse" and "demba_dev_mouse"; also as the names of BrainGlobe's
        atlases ("allen_mouse_25um").
    age : int, or (int, int), optional
        In postnatal days: of the space with several ages, or of source and target.

    Returns
    -------
    Transform
        Its ends are called "allen_mouse" and "demba_dev_mouse_P21", with the age where a space
        has several. Points are in the frame "brainglobe", mm from the outer corner to posterior,
        inferior and left.

    Raises
    ------
    TransformError
        If the folder is not complete, there is no such space or age, or no chain between them.
    """
    if folder is None or source is None or target is None:
        raise TransformError(
            f"{name!r} needs folder=, where its fields and {TABLE} are, and source= and target=, "
            "the spaces: open_transform('ccf-translator', source='allen_mouse', "
            "target='demba_dev_mouse', age=21, folder='~/.brainglobe/deformation_fields')"
        )
    place = Path(folder).expanduser().absolute()
    table, path = _table(place)
    ages = _ages(table)
    spaces = [_space(name, ages, path) for name in (source, target)]
    start, end = zip(spaces, _both_ages(spaces, ages, age), strict=True)
    if start == end:
        raise TransformError(f"source and target are both {_named(start, ages)}")
    route = _route(table, start, end, ages, path)
    fields = [row for row in route if row["file_name"] != "False"]
    if missing := [row for row in fields if _file(row, place) is None]:
        names = [f"{row['source_space']}/{row['file_name']}" for row in missing]
        raise TransformError(
            f"the chain needs {', '.join(names)}, which {place} does not hold; the tool gets "
            f"each from {URL}/{names[0]}"
        )
    steps: list[Step] = [AffineStep(to_ras(BRAINGLOBE))]
    for row in route:
        steps.append(_step(row, place))
    steps.append(AffineStep(np.linalg.inv(to_ras(BRAINGLOBE)).astype(np.float64)))
    ends = [array_end(_named(node, ages), BRAINGLOBE, "brainglobe") for node in (start, end)]
    return Transform(merged(steps), ends[0], ends[1])


# -- the table


def _table(place: Path) -> tuple[pd.DataFrame, Path]:
    found = next((p for p in (place / TABLE, place / "metadata" / TABLE) if p.is_file()), None)
    if found is None:
        there = ", ".join(sorted(p.name for p in place.iterdir())) if place.is_dir() else ""
        raise TransformError(
            f"{place} does not contain {TABLE}; it contains {there or 'nothing'}. Copy it from the "
            "tool: it is in the folder metadata of the installed package brainglobe_ccf_translator"
        )
    try:
        table = pd.read_csv(found, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise TransformError(f"{found} cannot be read as a table: {error}") from error
    if missing := sorted(COLUMNS - set(table.columns)):
        raise TransformError(f"{found} lacks the columns {missing}")
    for column in ("source_space", "target_space"):
        table[column] = table[column].str.lower()
    for column in ("source_age_pnd", "target_age_pnd"):
        table[column] = table[column].astype(int)
    return table, found


def _ages(table: pd.DataFrame) -> dict[str, list[int]]:
    """Return the ages of each space."""
    pairs = {
        (str(space), int(age))
        for side in ("source", "target")
        for space, age in zip(table[f"{side}_space"], table[f"{side}_age_pnd"], strict=True)
    }
    found: dict[str, list[int]] = {}
    for space, age in sorted(pairs):
        found.setdefault(space, []).append(age)
    return found


def _space(name: str, ages: dict[str, list[int]], path: Path) -> str:
    plain = str(name).strip().lower()
    head, _, size = plain.rpartition("_")
    if size.endswith("um") and size[:-2].replace(".", "").isdigit():
        plain = head
    plain = plain if plain in ages else ALIASES.get(plain, plain)
    if plain in ages:
        return plain
    close = difflib.get_close_matches(plain, [*ages, *ALIASES], 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise TransformError(f"{path} has no space {name!r}{hint} It has {', '.join(sorted(ages))}")


def _both_ages(spaces: Sequence[str], ages: dict[str, list[int]], age: Any) -> tuple[int, int]:
    """Return the ages of source and target."""
    several = [space for space in dict.fromkeys(spaces) if len(ages[space]) > 1]
    given: list[Any]
    if isinstance(age, tuple | list):
        if len(age) != 2:
            raise TransformError(f"age={age!r} is one age, or two: of source and of target")
        given = list(age)
    elif spaces[0] == spaces[1]:
        raise TransformError(
            f"source and target are both {spaces[0]}, at the ages {_listed(ages[spaces[0]])}; give "
            "both ages, of source and of target: age=(4, 21)"
        )
    elif len(several) > 1 or (several and age is None):
        raise TransformError(
            "; ".join(f"{space} has the ages {_listed(ages[space])}" for space in several)
            + ", in postnatal days; choose one: "
            + ("age=(of source, of target)" if len(several) > 1 else "age=")
        )
    else:
        given = [age if space in several else ages[space][0] for space in spaces]
        if age is not None and age not in given:
            raise TransformError(
                f"age={age!r}, and "
                + " and ".join(f"{space} is of P{ages[space][0]}" for space in spaces)
            )
    for space, one in zip(spaces, given, strict=True):
        if one not in ages[space]:
            raise TransformError(
                f"{space} has no age {one!r}: it has {_listed(ages[space])}, in postnatal days"
            )
    return int(given[0]), int(given[1])


def _listed(ages: Sequence[int]) -> str:
    if len(ages) > 2 and list(ages) == list(range(ages[0], ages[-1] + 1)):
        return f"{ages[0]} to {ages[-1]}"
    return ", ".join(map(str, ages))


def _named(node: Node, ages: dict[str, list[int]]) -> str:
    return f"{node[0]}_P{node[1]}" if len(ages[node[0]]) > 1 else node[0]


def _route(
    table: pd.DataFrame, start: Node, end: Node, ages: dict[str, list[int]], path: Path
) -> list[dict[str, Any]]:
    """Return the rows of the shortest chain of steps."""
    rows: dict[Node, dict[Node, dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        a = (str(row["source_space"]), int(row["source_age_pnd"]))
        b = (str(row["target_space"]), int(row["target_age_pnd"]))
        if b in rows.setdefault(a, {}):
            raise TransformError(f"{path} has two rows from {a[0]}_P{a[1]} to {b[0]}_P{b[1]}")
        rows[a][b] = {str(key): value for key, value in row.items()}
    reached: dict[Node, list[Node]] = {start: [start]}
    queue = deque([start])
    while queue and end not in reached:
        here = queue.popleft()
        for there in rows.get(here, ()):
            if there not in reached:
                reached[there] = [*reached[here], there]
                queue.append(there)
    if end not in reached:
        raise TransformError(
            f"{path} has no chain from {_named(start, ages)} to {_named(end, ages)}"
        )
    chain = reached[end]
    return [rows[a][b] for a, b in pairwise(chain)]


# -- one step


def _step(row: dict[str, Any], place: Path) -> Step:
    """Return a row as a step between RAS mm from the outer corners."""
    affine = row.get("affine") or "None"
    if affine != "None" and not np.array_equal(ast.literal_eval(affine), np.eye(4)):
        raise TransformError(
            f"the row from {row['source_space']} to {row['target_space']} has an affine, {affine}, "
            "which brainglobe-ccf-translator 0.22 does not apply"
        )
    if row["file_name"] == "False":
        turn = to_ras(BRAINGLOBE)
        return AffineStep(turn @ _without_field(row) @ np.linalg.inv(turn))
    space, name = row["source_space"], row["file_name"]
    if not np.array_equal(_without_field(row), np.eye(4)):
        raise TransformError(
            f"the row of {space}/{name} has a field, and pads, permutes or flips axes too, which "
            "no row of brainglobe-ccf-translator 0.22 does; their order is not stated"
        )
    path = _file(row, place)
    assert path is not None  # checked before
    size = float(row["transformation_resolution_micron"]) / 1000
    image = read_image(path)
    if len(image.axes) != 4 or image.voxels.shape[3] != 3:
        raise TransformError(
            f"{path} has the shape {tuple(image.voxels.shape)}; a field of "
            "brainglobe-ccf-translator has three components along its fourth axis"
        )
    voxels, chunks = lazy_vectors(image)
    parts = [_Component(voxels, i) for i in range(3)]
    factors = [float(row["vector"]) * size] * 3
    return field_along_axes(parts, chunks[1:], BRAINGLOBE, [size] * 3, [size / 2] * 3, factors)


def _file(row: dict[str, Any], place: Path) -> Path | None:
    """Return the path of the field of a row, or None."""
    space, name = row["source_space"], row["file_name"]
    places = (place / space / name, place / "deformation_fields" / space / name, place / name)
    return next((each for each in places if each.is_file()), None)


@dataclass(frozen=True)
class _Component:
    """A component of a field with its components on the fourth axis."""

    voxels: Any
    at: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its three axes."""
        return tuple(self.voxels.shape[:3])

    @property
    def dtype(self) -> Any:
        """Of its numbers."""
        return self.voxels.dtype

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self.voxels[(*key, self.at)]


def _without_field(row: dict[str, Any]) -> FloatArray:
    """Return the matrix of a row that pads, permutes and flips, between mm from the outer corners.

    Volumes of the target are padded by b mm before the first voxel, their axis order[k] becomes
    axis k, and where flip[k] that is reversed within s[k], the size of the source (as the tool's
    own script writes it; its rows of Perens' atlases have the target's, and flip none). So of a
    point p of the source, q[order[k]] = (s[k] - p[k] where flipped, else p[k]) - b[order[k]].
    """
    order = [int(axis) for axis in ast.literal_eval(row["dim_order"])]
    flips = [bool(flip) for flip in ast.literal_eval(row["dim_flip"])]
    padding = np.asarray(ast.literal_eval(row["padding_micron"]), np.float64) / 1000
    sizes = [float(row[f"{axis}_physical_size_micron"]) / 1000 for axis in "XYZ"]
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for k, axis in enumerate(order):
        matrix[axis, k] = -1 if flips[k] else 1
        matrix[axis, 3] = (sizes[k] if flips[k] else 0) - padding[axis, 0]
    return matrix

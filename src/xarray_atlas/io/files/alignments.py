"""Alignments of histological sections: files of QuickNII, VisuAlign, DeepSlice and WebAlign.

What these tools do, by their sources:

- A section is a parallelogram in the volume of the atlas: ``anchoring`` holds its upper left corner
  o, its edge to the right u and its edge downwards v, nine numbers in voxels of the target, counted
  from the left, posterior, inferior corner of the volume to right, anterior and superior. Pixel
  (column i, row j) of an image of w x h lies at o + u * i / w + v * j / h, and has the label of
  the voxel that holds it.
- JSON (QuickNII, VisuAlign, DeepSlice): ``slices`` with ``filename`` (or ``filenames``), ``nr``,
  ``width``, ``height``, ``anchoring``, and ``markers`` of VisuAlign, [x, y, moved x, moved y] in
  pixels of the image; ``target`` names the atlas, ``target-resolution`` its voxels along the three
  axes. DeepSlice leaves ``target-resolution`` out.
- JSON of WebAlign and WebWarp (``.waln``, ``.wwrp``): the same with other names, as LocaliZoom
  reads them: ``sections`` with ``ouv`` for the anchoring, ``snr`` for ``nr``; ``atlas`` is the
  target. There is no ``target-resolution``. Older ones hold ``slices``.
- XML (QuickNII, DeepSlice before 1.1): ``slice`` elements with an ``anchoring`` of the form
  ``ox=..&oy=..&...``; DeepSlice does not escape the ampersands.
- CSV (DeepSlice): a row for each section, columns ``Filenames``, ``ox`` to ``vz``, ``width``,
  ``height``, ``nr``. It does not name the atlas.
- A section without an anchoring vector was not aligned. QuickNII and VisuAlign show a guess between
  its neighbours, which they do not write.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xarray_atlas.errors import StoreFormatError, StoreNotFoundError

__all__ = ["AlignedSection", "Alignment", "read_alignment"]

VECTOR = ("ox", "oy", "oz", "ux", "uy", "uz", "vx", "vy", "vz")

FORMATS = (
    "JSON of QuickNII, VisuAlign or DeepSlice, .waln or .wwrp of WebAlign or WebWarp, XML of "
    "QuickNII, or CSV of DeepSlice"
)

AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;|#)")

LARGEST = 10_000_000
"""Pixels along one side of an image, beyond which a file is damaged."""


@dataclass(frozen=True)
class AlignedSection:
    """One section of an alignment.

    Parameters
    ----------
    filename : str
    number : int or None
    width, height : int
        Of the image that was aligned, in pixels.
    anchoring : tuple of nine float, optional
        None if it was not aligned.
    markers : tuple of (x, y, moved x, moved y)
    """

    filename: str
    number: int | None
    width: int
    height: int
    anchoring: tuple[float, ...] | None
    markers: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Alignment:
    """The content of a file.

    Parameters
    ----------
    place : str
    sections : tuple of AlignedSection
    name, target, aligner : str
        Empty where the file does not say it.
    resolution : tuple of int
        Voxels of the target along right, anterior and superior; empty where not said.
    """

    place: str
    sections: tuple[AlignedSection, ...]
    name: str = ""
    target: str = ""
    aligner: str = ""
    resolution: tuple[int, ...] = ()


def read_alignment(path: str | os.PathLike[str]) -> Alignment:
    """Read an alignment.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    StoreNotFoundError
        If there is no such file.
    StoreFormatError
        If it is not one of the formats, or damaged.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise StoreNotFoundError(f"there is no file {os.fspath(path)!r}; an alignment is {FORMATS}")
    text = place.read_text(encoding="utf-8-sig", errors="replace")
    web = {".waln": _read_json, ".wwrp": _read_json}
    readers = {".json": _read_json, ".xml": _read_xml, ".csv": _read_csv, **web}
    reader = readers.get(place.suffix.lower())
    if reader is None:
        raise StoreFormatError(
            f"{place} ends in {place.suffix!r}; an alignment is {FORMATS}: .json, .waln, .wwrp, "
            ".xml or .csv"
        )
    found = reader(text, str(place))
    if not found.sections:
        raise StoreFormatError(f"{place} lists no section; an alignment is {FORMATS}")
    return found


def _read_json(text: str, place: str) -> Alignment:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreFormatError(f"{place} is not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("sections"), list):
        content = _of_the_web(content)
    if not isinstance(content, dict) or not isinstance(content.get("slices"), list):
        keys = sorted(content)[:8] if isinstance(content, dict) else type(content).__name__
        raise StoreFormatError(f"{place} has no list 'slices' (it has {keys}), as {FORMATS} has it")
    resolution = content.get("target-resolution") or ()
    sections = tuple(_section(entry, place) for entry in content["slices"])
    return Alignment(
        place,
        sections,
        str(content.get("name") or ""),
        str(content.get("target") or ""),
        str(content.get("aligner") or ""),
        tuple(_whole(value, "target-resolution", place) for value in resolution),
    )


def _of_the_web(content: dict[str, Any]) -> dict[str, Any]:
    """Return what WebAlign wrote under the names that VisuAlign has."""
    names = {"ouv": "anchoring", "snr": "nr"}
    slices = [
        {names.get(key, key): value for key, value in entry.items()}
        if isinstance(entry, Mapping)
        else entry
        for entry in content["sections"]
    ]
    return {"target": content.get("atlas"), **content, "slices": slices}


def _section(entry: Any, place: str) -> AlignedSection:
    if not isinstance(entry, Mapping):
        raise StoreFormatError(f"{place}: an entry of 'slices' is {type(entry).__name__}")
    names = entry.get("filenames")
    name = entry.get("filename") or (names[0] if isinstance(names, list) and names else "")
    where = f"{place}, section {name or entry.get('nr')!r}"
    anchoring = entry.get("anchoring") or None
    markers = entry.get("markers") or ()
    return AlignedSection(
        str(name),
        None if entry.get("nr") is None else _whole(entry["nr"], "nr", where, least=None),
        _whole(entry.get("width"), "width", where),
        _whole(entry.get("height"), "height", where),
        None if anchoring is None else _floats(anchoring, 9, "anchoring", where),
        tuple(_floats(marker, 4, "markers", where) for marker in markers),
    )


def _read_xml(text: str, place: str) -> Alignment:
    try:
        root = ET.fromstring(AMPERSAND.sub("&amp;", _without_names(text, place)))
    except ET.ParseError as error:
        raise StoreFormatError(f"{place} is not XML: {error}") from error
    sections = []
    for element in root.iter():
        if element.tag.rpartition("}")[2] != "slice":
            continue
        entry: dict[str, Any] = dict(element.attrib)
        where = f"{place}, section {entry.get('filename')!r}"
        if entry.get("anchoring"):
            pairs = [part.partition("=") for part in entry["anchoring"].split("&")]
            found = {key.strip(): value for key, _, value in pairs}
            entry["anchoring"] = _of_columns(found, where)
        sections.append(_section(entry, place))
    found = root.attrib
    resolution = re.findall(r"[\d.]+", found.get("target-resolution", ""))
    return Alignment(
        place,
        tuple(sections),
        found.get("name", ""),
        found.get("target", ""),
        found.get("aligner", ""),
        tuple(_whole(value, "target-resolution", place) for value in resolution),
    )


def _without_names(text: str, place: str) -> str:
    """Return XML without its declaration and namespaces; entities are refused."""
    if "<!" in text.replace("<!--", ""):
        raise StoreFormatError(f"{place} holds a DOCTYPE or entities, which alignments do not have")
    # DeepSlice writes its attributes as namespaces: xmlns:name="..."
    return re.sub(r"\bxmlns:?(\w*)=", lambda m: f"{m[1] or 'space'}=", text.lstrip())


def _read_csv(text: str, place: str) -> Alignment:
    rows = list(csv.DictReader(text.splitlines()))
    sections = []
    for row in rows:
        name = row.get("Filenames") or row.get("filename") or ""
        where = f"{place}, section {name!r}"
        entry = {**row, "filename": name, "anchoring": _of_columns(row, where), "markers": ()}
        if entry.get("nr") in ("", None):
            entry["nr"] = None
        sections.append(_section(entry, place))
    return Alignment(place, tuple(sections))


def _of_columns(found: Mapping[str, Any], where: str) -> list[Any]:
    missing = [name for name in VECTOR if name not in found]
    if missing:
        raise StoreFormatError(f"{where}: the anchoring vector lacks {missing}; it has {VECTOR}")
    return [found[name] for name in VECTOR]


def _floats(values: Any, count: int, what: str, where: str) -> tuple[float, ...]:
    numbers: list[float] = []
    if isinstance(values, Sequence) and not isinstance(values, str):
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError):
            numbers = []
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise StoreFormatError(f"{where}: {what} is {values!r}, which is not {count} numbers")
    return tuple(numbers)


def _whole(value: Any, what: str, where: str, least: int | None = 1) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number != int(number) or abs(number) > LARGEST:
        raise StoreFormatError(f"{where}: {what} is {value!r}, which is not a whole number")
    if least is not None and number < least:
        raise StoreFormatError(f"{where}: {what} is {value!r}, which is less than {least}")
    return int(number)

"""Atlases packaged by BrainGlobe before version 3: TIFF files and JSON in one folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xarray_atlas.coords.headers import Geometry
from xarray_atlas.errors import ComponentNotFoundError, StoreFormatError
from xarray_atlas.io.brainglobe.folder import brainglobe_folder

__all__ = ["TiffFolder", "find_tiff_folder", "geometry_beside", "read_tiff_folder"]

ANNOTATION = ("annotation.tiff", "annotation.tif")
METADATA = "metadata.json"
REGIONS = ("structures.json", "structures.csv")
FILES = {"annotation": "annotation", "template": "reference", "hemispheres": "hemispheres"}
"""The names of the files of the components, without their endings."""


@dataclass(frozen=True)
class TiffFolder:
    """The folder of an atlas, and the content of its ``metadata.json``.

    Parameters
    ----------
    place : Path
    content : mapping
        The JSON object.
    voxel_size : tuple of float
        Of the axes of the arrays, in mm; the metadata have micrometres.
    orientation : str
        A letter an axis: the side on which the first voxel lies.
    """

    place: Path
    content: Mapping[str, Any]
    voxel_size: tuple[float, ...]
    orientation: str

    @property
    def name(self) -> str:
        """The atlas's name, without a resolution."""
        return str(self.content.get("name") or self.place.name)

    @property
    def version(self) -> str:
        """The atlas's version, such as ``"1.2"``."""
        return str(self.content.get("version") or "")

    @property
    def symmetric(self) -> bool | None:
        """Return whether left and right meet at half the extent; None if not stated."""
        said = self.content.get("symmetric")
        return said if isinstance(said, bool) else None

    @property
    def geometry(self) -> Geometry:
        """The voxel size and orientation of all its volumes."""
        return Geometry(self.voxel_size, self.orientation)

    @property
    def regions(self) -> Path:
        """The table of regions."""
        found = [self.place / name for name in REGIONS if (self.place / name).is_file()]
        if not found:
            raise StoreFormatError(f"{self.place} has no {' or '.join(REGIONS)}, its regions")
        return found[0]

    @property
    def components(self) -> list[str]:
        """The volumes that exist."""
        references = self.content.get("additional_references") or ()
        names = [*FILES, *(str(name) for name in references if isinstance(name, str))]
        return [name for name in names if self._file(name) is not None]

    def file(self, component: str) -> Path:
        """Return the file of a component.

        Parameters
        ----------
        component : str
            ``"annotation"``, ``"template"``, ``"hemispheres"``, or an additional reference.

        Raises
        ------
        ComponentNotFoundError
            If there is none; the message lists the available ones.
        """
        found = self._file(component) if component in self.components else None
        if found is None:
            there = ", ".join(map(repr, self.components))
            raise ComponentNotFoundError(
                f"the atlas in {self.place} has no component {component!r}; there are {there}"
            )
        return found

    def _file(self, component: str) -> Path | None:
        stem = FILES.get(component, component)
        ends = (".tiff", ".tif")
        return next((p for end in ends if (p := self.place / f"{stem}{end}").is_file()), None)


def read_tiff_folder(place: str | os.PathLike[str]) -> TiffFolder | None:
    """Read the description of a folder; None if it is not such an atlas.

    Raises
    ------
    StoreFormatError
        If its ``metadata.json`` cannot be read, or lacks the resolution or the orientation.
    """
    folder = Path(place)
    if not any((folder / name).is_file() for name in ANNOTATION):
        return None
    path = folder / METADATA
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        sizes = tuple(float(size) / 1000 for size in content["resolution"])
        orientation = str(content["orientation"])
        if len(sizes) != 3 or min(sizes) <= 0 or len(orientation) != 3:
            raise ValueError(f"resolution {content['resolution']}, orientation {orientation!r}")
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreFormatError(f"{path} is not the metadata of an atlas: {what}") from error
    return TiffFolder(folder, content, sizes, orientation)


def geometry_beside(path: str | os.PathLike[str]) -> Geometry | None:
    """Return the geometry of a TIFF file in the folder of an atlas, or None."""
    place = Path(path).expanduser().absolute()
    folder = read_tiff_folder(place.parent)
    if folder is None or place not in [folder.file(name) for name in folder.components]:
        return None
    return folder.geometry


def find_tiff_folder(name: str, version: str | None = None) -> Path | None:
    """Find the folder of an exact version among BrainGlobe's local copies.

    Parameters
    ----------
    name : str
        Such as ``"allen_mouse_25um_v1.2"``, or without the version where `version` is given.
    version : str, optional

    Returns
    -------
    Path or None
        None if there is none. Without a version nothing is looked for: versions before 3
        are others than those in BrainGlobe's bucket.
    """
    full = name if version is None else f"{name}_v{str(version).replace('_', '.')}"
    place = brainglobe_folder().parent / full
    return place if "_v" in full and read_tiff_folder(place) is not None else None

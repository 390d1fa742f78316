"""Tables of points, with the tool recognized from the columns.

brainmapper
    ``analysis/all_points.csv`` (``brainglobe_utils.brainmapper.analysis``): indices of voxels in
    the atlas, ``coordinate_atlas_axis_0`` to 2, in BrainGlobe's orientation; those in the raw image
    in further columns.
napari
    A points layer that was saved: ``index``, ``axis-0``, ``axis-1``, ... are the layer's data,
    before its scale; neither image nor unit are given (``napari_builtins.io``).
Imaris
    Statistics of spots: a title, then ``Position X``, ``Position Y``, ``Position Z``, ``Unit``.
    They are counted from the outer corner of the image (its minimum extent).
ilastik
    The table of objects: ``Center of the object_0``, ``_1``, ``_2``, indices of voxels along x, y
    and z of the segmented image (``ilastik.applets.objectExtraction``).
QuPath
    Detections: ``Centroid X``, ``Centroid Y`` with the unit in the name, along the section. Scripts
    of ABBA add the position in its atlas, ``Atlas_X``, ``Atlas_Y``, ``Atlas_Z`` (before:
    ``CCFx``, ...; or ``Allen CCFv3 X mm``, ...), which are AP, DV and ML in mm in ABBA's Allen CCF,
    and ML, DV and AP in BrainGlobe's atlases and ``allen_mouse_10um_java``. ``Atlas_X`` says
    neither the atlas nor the unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.io.files.points.delimited import column_values, names_of, read_delimited
from xarray_atlas.io.files.points.table import IMAGE, VOXEL, PointTable, numbers_of

__all__ = ["read_table"]

ATLAS_AXES = tuple(f"coordinate_atlas_axis_{i}" for i in range(3))

CENTRES = tuple(f"Center of the object_{i}" for i in range(3))

IMARIS = ("Position X", "Position Y", "Position Z")

CENTROID = re.compile(r"Centroid ([XYZ])(?: (\S+))?")

IN_CCF = (
    tuple(f"Allen CCFv3 {axis} mm" for axis in "XYZ"),
    tuple(f"CCF{axis}" for axis in "xyz"),
    tuple(f"Atlas_{axis}" for axis in "XYZ"),
)

MICRONS = ("um", "µm", "μm", "µm^", "micron", "microns")

Found = PointTable | None


def read_table(path: str) -> PointTable:
    """Read a table of points.

    Parameters
    ----------
    path : str

    Returns
    -------
    PointTable
        Of a table of another tool all columns, without positions.

    Raises
    ------
    PointsError
        If it is not a table, or a table of something else than points.
    """
    table = read_delimited(path, IMARIS)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise PointsError(f"{path} has several columns {twice[0]!r}")
    if len(table) and table.columns[0] in ("index", "Unnamed: 0"):
        counted = table.iloc[:, 0].to_numpy()
        if counted.dtype.kind in "iu" and np.array_equal(counted, np.arange(len(table))):
            table = table.iloc[:, 1:]  # the numbers of the rows
    readers: list[Callable[[pd.DataFrame, str], Found]] = [
        _brainmapper, _napari, _imaris, _ilastik, _qupath,
    ]  # fmt: skip
    for reader in readers:
        if (found := reader(table, path)) is not None:
            return found
    return PointTable("", {}, _rest(table, ()))


def _rest(table: pd.DataFrame, taken: tuple[str, ...]) -> dict[str, object]:
    return {name: column_values(table, name) for name in names_of(table) if name not in taken}


def _made(
    table: pd.DataFrame,
    path: str,
    tool: str,
    names: Mapping[str, str],
    unit: str | None,
    frame: str | None,
    advice: str,
    dropped: tuple[str, ...] = (),
) -> PointTable:
    """Return a table with other names of positions than its columns."""
    columns = _rest(table, (*names.values(), *dropped))
    if clash := [name for name in names if name in columns]:
        raise PointsError(
            f"{path} has a column {clash[0]!r} besides {names[clash[0]]!r}, the position on that "
            "axis; rename it"
        )
    found = {axis: numbers_of(column_values(table, name), name, path)
             for axis, name in names.items()}  # fmt: skip
    return PointTable(tool, found, columns, unit, frame, advice)


def _brainmapper(table: pd.DataFrame, path: str) -> Found:
    if not {*ATLAS_AXES} <= {*table.columns}:
        return None
    names = dict(zip(("ap", "dv", "ml"), ATLAS_AXES, strict=True))
    return _made(table, path, "brainmapper", names, VOXEL, "brainglobe", "")


def _napari(table: pd.DataFrame, path: str) -> Found:
    axes = [name for name in names_of(table) if re.fullmatch(r"axis-\d+", name)]
    if len(axes) < 2:
        return None
    if "shape-type" in table or "vertex-index" in table:
        raise PointsError(f"{path} holds shapes of napari, not points; save the points layer")
    advice = (
        "napari writes the data of a points layer, before its scale. On an image of this atlas: "
        "frame='dataset', unit='voxel', resolution= the voxel size of that image"
    )
    if len(axes) > 3:
        raise PointsError(
            f"{path} holds points of napari along {len(axes)} axes, and does not say which three "
            "are those of space. Load it, such as with pandas, choose them, and pass the table "
            "with columns="
        )
    names = {name: name for name in axes}
    return _made(table, path, "napari", names, None, None, advice)


def _imaris(table: pd.DataFrame, path: str) -> Found:
    if not {*IMARIS} <= {*table.columns}:
        return None
    units = sorted({str(unit).strip() for unit in table["Unit"]}) if "Unit" in table else []
    if len(units) > 1:
        raise PointsError(f"{path} has positions in several units: {', '.join(units)}")
    advice = (
        "Imaris counts from the outer corner of its image, along the image's x, y and z, not in an "
        "atlas. Pass the registration of that image, transform=; where the image is one of this "
        "atlas, frame='dataset'"
    )
    unit = _unit(units[0], path) if units else None
    names = {axis.lower()[-1]: axis for axis in reversed(IMARIS)}
    return _made(table, path, "Imaris", names, unit, IMAGE, advice, ("Unit",))


def _unit(text: str, path: str) -> str | None:
    """Return the unit in a table; "voxel" for pixels."""
    if text.lower() in MICRONS:
        return "um"
    if text.lower() in ("pixel", "pixels", "px", "voxel"):
        return VOXEL
    if not text:
        return None
    try:
        unit_factor(text)
    except UnitsError as error:
        raise PointsError(
            f"{path} has positions in {text[:40]!r}, which is not a length"
        ) from error
    return text


def _ilastik(table: pd.DataFrame, path: str) -> Found:
    names = {axis: name for axis, name in zip("xyz", CENTRES, strict=True) if name in table}
    if len(names) < 2:
        return None
    advice = (
        "ilastik writes voxels of the image that was segmented, not of the atlas. Pass its "
        "registration and the size of its voxels: transform=, resolution={'z': '5 um', 'y': "
        "'2 um', 'x': '2 um'}; where the image lies on the atlas's grid, frame='dataset'"
    )
    names = dict(reversed(names.items()))
    return _made(table, path, "ilastik", names, VOXEL, IMAGE, advice)


def _qupath(table: pd.DataFrame, path: str) -> Found:
    for three in IN_CCF:
        if not {*three} <= {*table.columns}:
            continue
        if three[0].endswith("mm"):  # Allen CCFv3 X mm
            names = dict(zip(("ap", "dv", "ml"), three, strict=True))
            return _made(table, path, "ABBA and QuPath", names, "mm", "allen", "")
        advice = (
            f"{', '.join(three)} are positions in the atlas that was open in ABBA, which the table "
            "does not name. In 'Adult Mouse Brain - Allen Brain Atlas V3p1' they are AP, DV and ML "
            "in mm: frame='allen', "
            f"unit='mm', columns={dict(zip(('ap', 'dv', 'ml'), three, strict=True))}. In "
            "'allen_mouse_10um_java' and BrainGlobe's atlases they are ML, DV and AP: "
            "frame='brainglobe', "
            f"unit='mm', columns={dict(zip(('ml', 'dv', 'ap'), three, strict=True))}"
        )
        names = {name: name for name in three}
        return _made(table, path, "ABBA and QuPath", names, None, None, advice)
    found = {name: CENTROID.fullmatch(name) for name in names_of(table)}
    centroids = {name: match for name, match in found.items() if match}
    if len(centroids) < 2:
        return None
    units = {match[2] for match in centroids.values()}
    names = {match[1].lower(): name for name, match in reversed(centroids.items())}
    advice = (
        "QuPath writes positions in the image of a section. For those in the atlas run ABBA's "
        "script that adds Atlas_X, Atlas_Y and Atlas_Z to the detections, and export them again"
    )
    unit = _unit(units.pop() or "", path) if len(units) == 1 else None
    return _made(table, path, "QuPath", names, unit, IMAGE, advice)

"""Columns of points by the names that tools write, in tables of any library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from support.atlases import numbered_atlas, places_of
from xarray_atlas.errors import PointsError, StoreNotFoundError, UnitsError
from xarray_atlas.points.columns import AMBIGUOUS
from xarray_atlas.points.frames import FRAMES
from xarray_atlas.points.tool_columns import TOOLS

pytestmark = pytest.mark.version_independent

AXES = ("ap", "dv", "ml")
SHAPE = (6, 5, 4)
INDEX = np.array([[1, 2, 3], [4, 0, 1], [5, 3, 2]])
MM = INDEX * [0.1, 0.2, 0.4]  # of the centres, in the coordinates of the Dataset
CORNER = (INDEX + 0.5) * [0.1, 0.2, 0.4]
VOXEL = {"ap": "100 um", "dv": "0.2 mm", "ml": "400 um"}
CALLS = ["region_at", "count_points", "along"]


@pytest.fixture
def atlas() -> xr.Dataset:
    return numbered_atlas(SHAPE)


def found(atlas: xr.Dataset, points: Any, **options: Any) -> list[list[int]]:
    places: list[list[int]] = places_of(atlas.atlas.region_at(points, **options), SHAPE).tolist()
    return places


# -- the names that tools write


def test_brainmapper_writes_indices_of_the_atlas(atlas: xr.Dataset) -> None:
    """all_points.csv holds the positions in the raw image beside those in the atlas."""
    table = pd.DataFrame(
        {
            **{f"coordinate_raw_axis_{i}": [900, 950, 1000] for i in range(3)},
            **{f"coordinate_atlas_axis_{i}": INDEX[:, i] for i in range(3)},
            "structure_name": ["a", "b", "c"],
        }
    )
    asked = {"frame": "brainglobe", "unit": "voxel", "resolution": VOXEL}
    assert found(atlas, table, **asked) == INDEX.tolist()
    assert atlas.atlas.count_points(table, **asked)["count"].sel(region="R0").item() == 3
    with pytest.raises(PointsError, match=r"frame='brainglobe', unit='voxel', resolution='25 um'"):
        atlas.atlas.region_at(table)
    with pytest.raises(UnitsError, match="unit='um' says otherwise.*rename them"):
        atlas.atlas.region_at(table, frame="brainglobe", unit="um")
    for frame in ("allen", "dataset", np.eye(4)):
        with pytest.raises(PointsError, match="brainmapper .*: frame='brainglobe'"):
            atlas.atlas.region_at(table, frame=frame, unit="voxel", resolution="50 um")
    renamed = {f"coordinate_atlas_axis_{i}": axis for i, axis in enumerate(AXES)}
    converted = table.rename(columns=renamed)
    converted[list(AXES)] = CORNER
    assert found(atlas, converted, frame="brainglobe", unit="mm") == INDEX.tolist()


@pytest.mark.parametrize("by", ["name", "columns"])
@pytest.mark.parametrize("call", CALLS)
def test_positions_in_the_raw_image_are_refused(atlas: xr.Dataset, call: str, by: str) -> None:
    names = [f"coordinate_raw_axis_{i}" for i in range(3)]
    options = {"columns": dict(zip(AXES, names, strict=True))} if by == "columns" else {}
    for columns in (names, ["MarkerX", "MarkerY", "MarkerZ"]):
        if by == "columns":
            options = {"columns": dict(zip(AXES, columns, strict=True))}
        with pytest.raises(PointsError, match="in the raw image, .*not in the atlas"):
            getattr(atlas.atlas, call)(
                pd.DataFrame(INDEX, columns=columns),
                frame="brainglobe",
                unit="voxel",
                resolution=VOXEL,
                **options,
            )


def test_brainglobe_axes_in_any_unit(atlas: xr.Dataset) -> None:
    table = pd.DataFrame(CORNER * 1000, columns=["axis_0", "axis_1", "axis_2"])
    assert found(atlas, table[["axis_2", "axis_0", "axis_1"]], frame="brainglobe", unit="um") == (
        INDEX.tolist()
    )
    with pytest.raises(PointsError, match="'axis_0' is a column of BrainGlobe's tools"):
        atlas.atlas.region_at(table, frame="allen", unit="um")
    # who says which is which has said it
    named = {"ap": "axis_0", "dv": "axis_1", "ml": "axis_2"}
    away = table.assign(axis_2=4 * 400 - table.axis_2)
    assert found(atlas, away, frame="allen", unit="um", columns=named) == INDEX.tolist()


def test_napari_counts_from_the_centre_of_the_first_voxel_shown(atlas: xr.Dataset) -> None:
    table = pd.DataFrame(INDEX + 0.3, columns=["axis-0", "axis-1", "axis-2"]).reset_index()
    asked = {"frame": "dataset", "unit": "voxel", "resolution": VOXEL}
    assert found(atlas, table, **asked) == INDEX.tolist()
    assert (
        found(atlas, table.assign(**{"axis-0": table["axis-0"] - 0.7}), **asked) == INDEX.tolist()
    )
    turned = atlas.transpose("x", "z", "y")
    shown = table.rename(columns={"axis-0": "axis-1", "axis-1": "axis-2", "axis-2": "axis-0"})
    assert found(turned, shown, **asked) == INDEX.tolist()
    with pytest.raises(PointsError, match="is a column of napari: frame='dataset'"):
        atlas.atlas.region_at(table, frame="brainglobe", unit="um")


def test_the_allen_sdk_writes_micrometres(atlas: xr.Dataset) -> None:
    names = ["anterior_posterior", "dorsal_ventral", "left_right"]
    mm = CORNER.copy()
    mm[:, 2] = SHAPE[2] * 0.4 - mm[:, 2]
    table = pd.DataFrame(mm * 1000, columns=[f"{name}_ccf_coordinate" for name in names])
    assert found(atlas, table, frame="allen", unit="um") == INDEX.tolist()
    with pytest.raises(UnitsError, match="unit='mm' says otherwise"):
        atlas.atlas.region_at(table, frame="allen", unit="mm")
    with pytest.raises(PointsError, match="frame='allen', unit='um'"):
        atlas.atlas.region_at(table, frame="brainglobe", unit="um")


def test_quicknii_anchors_sections_not_points(atlas: xr.Dataset) -> None:
    table = pd.DataFrame([[1.0] * 9], columns=[a + b for a in "ouv" for b in "xyz"])
    with pytest.raises(PointsError, match="anchoring of a section"):
        atlas.atlas.region_at(table, frame="brainglobe", unit="um")


def test_the_advice_about_a_tools_columns_is_right(atlas: xr.Dataset) -> None:
    """What the question says of the columns reads them."""
    for tool in TOOLS:
        table = pd.DataFrame(INDEX, columns=list(tool.columns))
        with pytest.raises(PointsError) as caught:
            atlas.atlas.region_at(table)
        assert tool.advice() in str(caught.value)
        assert f"frame={tool.frame!r}" in tool.advice()
        options: dict[str, Any] = {"unit": tool.unit or "voxel"}
        if options["unit"] == "voxel":
            options["resolution"] = VOXEL
            assert found(atlas, table, frame=tool.frame, **options) == INDEX.tolist()


# -- x, y and z


@pytest.mark.parametrize("names", ["{}", "Atlas_{}", "{}_um", "ccf_{}_coordinate"])
@pytest.mark.parametrize("frame", ["brainglobe", "allen"])
@pytest.mark.parametrize("call", CALLS)
def test_x_y_z_are_a_question_where_two_tools_differ(
    atlas: xr.Dataset, call: str, frame: str, names: str
) -> None:
    letters = "XYZ" if names == "Atlas_{}" else "xyz"  # ABBA's
    x, y, z = (names.format(letter) for letter in letters)
    table = pd.DataFrame(CORNER, columns=[x, y, z])
    ask = getattr(atlas.atlas, call)
    with pytest.raises(PointsError, match="do not say which axis each is") as caught:
        ask(table, unit="mm", frame=frame)
    assert "rename them" in str(caught.value)
    for columns in (
        {"ap": x, "dv": y, "ml": z},
        {"ap": z, "dv": y, "ml": x},
        {"ml": x, "ap": y, "dv": z},
    ):
        assert f"columns={columns!r}" in str(caught.value)
    columns = {"ap": x, "dv": y, "ml": z}
    got = ask(table, unit="mm", frame=frame, columns=columns)
    told = ask(table.set_axis(list(AXES), axis=1), unit="mm", frame=frame)
    assert (got.region == told.region).all()


@pytest.mark.parametrize("frame", ["brainglobe", "allen"])
def test_arrays_name_anatomical_axes_there(atlas: xr.Dataset, frame: str) -> None:
    for axes in (("z", "y", "x"), ("x", "y", "z")):
        with pytest.raises(PointsError, match=r"Name the anatomical axes.*\('ap', 'dv', 'ml'\)"):
            atlas.atlas.region_at(CORNER, axes=axes, unit="mm", frame=frame)
    named = xr.DataArray(CORNER, dims=("cell", "axis"), coords={"axis": list("zyx")})
    with pytest.raises(PointsError, match=r"'z' may be any axis.*axes=\('ap', 'dv', 'ml'\)"):
        atlas.atlas.region_at(named, unit="mm", frame=frame)
    told = atlas.atlas.region_at(named, unit="mm", frame=frame, axes=AXES)
    here = atlas.atlas.region_at(CORNER, unit="mm", frame=frame, axes=AXES)
    assert told.region.values.tolist() == here.region.values.tolist()


def test_x_y_z_are_the_datasets_own_dimensions_in_its_frame(atlas: xr.Dataset) -> None:
    table = pd.DataFrame(MM, columns=["z", "y", "x"])
    assert found(atlas, table[["x", "y", "z"]], frame="dataset", unit="mm") == INDEX.tolist()
    assert found(atlas, MM, axes=("z", "y", "x"), frame="dataset", unit="mm") == INDEX.tolist()
    other = atlas.rename(z="slices")
    corner = pd.DataFrame(CORNER, columns=["slices", "dv", "ml"])
    assert found(other, corner, frame="brainglobe", unit="mm") == INDEX.tolist()
    assert AMBIGUOUS == ("x", "y", "z")


# -- tables of other libraries


def made(kind: str, table: pd.DataFrame) -> Any:
    columns = {name: table[name].tolist() for name in table}
    if kind == "dask":
        return pytest.importorskip("dask.dataframe").from_pandas(table, npartitions=2)
    if kind.startswith("polars"):
        frame = pytest.importorskip("polars").DataFrame(columns)
        return frame.lazy() if kind.endswith("lazy") else frame
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table(columns)


KINDS = ["dask", "polars", "polars lazy", "pyarrow"]


@pytest.mark.parametrize("axes", [None, AXES, ("ml", "dv", "ap")])
@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_other_libraries_are_read_by_name(
    atlas: xr.Dataset, kind: str, axes: tuple[str, ...] | None
) -> None:
    """pandas is read by the names in axes, whatever their order, and so are they."""
    table = pd.DataFrame(MM, columns=list(AXES)).assign(animal=["a", "b", "a"])
    table = table[["ml", "animal", "ap", "dv"]]
    points = made(kind, table)
    options: dict[str, Any] = {"frame": "dataset", "unit": "mm", "axes": axes}
    assert found(atlas, table, **options) == found(atlas, points, **options) == INDEX.tolist()
    counts = atlas.atlas.count_points(points, "animal", **options)
    assert counts["count"].sel(region="R0").values.tolist() == [2, 1]
    here = atlas.atlas.along(points, **options)
    assert here.identical(atlas.atlas.along(table, **options))
    with pytest.raises(PointsError, match="whose coordinates"):
        atlas.atlas.region_at(points, unit="mm", axes=axes)
    xyz = made(kind, table.rename(columns={"ap": "x", "dv": "y", "ml": "z"}))
    with pytest.raises(PointsError, match="do not say which axis"):
        atlas.atlas.region_at(xyz, unit="mm", frame="allen")


@pytest.mark.parametrize("kind", KINDS)
def test_missing_cells_of_other_libraries_are_outside(atlas: xr.Dataset, kind: str) -> None:
    table = pd.DataFrame([*MM.tolist()] * 2, columns=list(AXES))
    table.loc[2, "dv"] = np.nan
    got = atlas.atlas.region_at(made(kind, table), frame="dataset", unit="mm")
    assert got.status.values.tolist() == [0, 0, 3, 0, 0, 0]


# -- paths


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("cells.parquet", "pandas.read_parquet('{}')"),
        ("cells.xlsx", "pandas.read_excel('{}')"),
        ("cells.nc", "xarray.load_dataset('{}')"),
    ],
)
def test_paths_of_other_kinds_say_what_loads_them(
    atlas: xr.Dataset, tmp_path: Path, call: str, name: str, load: str
) -> None:
    path = tmp_path / name
    for given in (path, str(path), [str(path)]):
        for options in ({}, {"axes": AXES, "frame": "brainglobe", "unit": "um"}):
            with pytest.raises(PointsError, match="a kind that is not read here") as caught:
                getattr(atlas.atlas, call)(given, **options)
            assert repr(load.format(path))[1:-1] in str(caught.value) or load.format(path) in str(
                caught.value
            )
            assert "leave out unit" not in str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_paths_that_are_not_there(atlas: xr.Dataset, tmp_path: Path, call: str) -> None:
    for name in ("cells.csv", "cells.mat", "cells", "*.csv"):
        with pytest.raises(StoreNotFoundError, match=r"no file"):
            getattr(atlas.atlas, call)(tmp_path / name)
    (tmp_path / "cells.mat").write_bytes(b"")
    with pytest.raises(PointsError, match=r"(?s)ends with '.mat'.*\.csv: a table.*pass the table"):
        getattr(atlas.atlas, call)(tmp_path / "cells.mat")


def test_lengths_are_no_paths(atlas: xr.Dataset) -> None:
    lengths = [f"{v:.4f} mm" for v in MM[0]]
    for point in (lengths, [length.replace(" ", "") for length in lengths], tuple(lengths)):
        one = atlas.atlas.region_at(point, axes=AXES, frame="dataset")
        assert places_of(one, SHAPE).tolist() == INDEX[:1].tolist()
    with pytest.raises(PointsError, match="'8.1 mm' is text, not points"):
        atlas.atlas.region_at("8.1 mm")


def test_text_and_addresses(atlas: xr.Dataset) -> None:
    with pytest.raises(PointsError, match="'RSP' is text, not points"):
        atlas.atlas.region_at("RSP")
    with pytest.raises(PointsError, match=r"'cells.csv' is at a URL") as caught:
        atlas.atlas.region_at("https://me:secret@host/cells.csv?token=secret")
    assert "secret" not in str(caught.value)


# -- other things with names


def test_rows_and_records_are_read_by_name(atlas: xr.Dataset) -> None:
    table = pd.DataFrame(MM, columns=list(AXES))[["ml", "ap", "dv"]]
    asked: dict[str, Any] = {"frame": "dataset", "unit": "mm"}
    for options in (asked, {**asked, "axes": AXES}):
        assert found(atlas, table.to_records(index=False), **options) == INDEX.tolist()
        assert found(atlas, table.to_dict("records"), **options) == INDEX.tolist()
        assert found(atlas, table.to_dict("list"), **options) == INDEX.tolist()
        one = atlas.atlas.region_at(table.iloc[0], **options)
        assert one.region.ndim == 0
        assert places_of(one, SHAPE).tolist() == INDEX[:1].tolist()


@pytest.mark.parametrize("points", [None, object(), iter([[1, 2, 3]]), [[1, {}, 2]]])
def test_what_is_no_points(atlas: xr.Dataset, points: Any) -> None:
    with pytest.raises(PointsError, match="which is not a length|has the shape") as caught:
        atlas.atlas.region_at(points, axes=AXES, frame="dataset", unit="mm")
    assert "leave out unit" not in str(caught.value)


def test_x_y_z_are_a_question_with_a_matrix_too(atlas: xr.Dataset) -> None:
    table = pd.DataFrame(MM, columns=list("zyx"))
    with pytest.raises(PointsError, match="do not say which axis each is in the frame of a matrix"):
        atlas.atlas.region_at(table, frame=np.eye(4), unit="mm")
    columns = {"ap": "z", "dv": "y", "ml": "x"}
    asked: dict[str, Any] = {"frame": np.eye(4), "unit": "mm"}
    assert found(atlas, table, columns=columns, **asked) == INDEX.tolist()
    assert found(atlas, MM, axes=AXES, **asked) == INDEX.tolist()


# -- advice is followed


def test_the_question_is_answered_by_each_frame(atlas: xr.Dataset) -> None:
    world = numbered_atlas(SHAPE, orientation="lpi", origin=(1.0, 2.0, 3.0), world=True)
    # voxel (1, 2, 3) along ml, ap and dv, which run to the right, anterior and superior
    ap, dv, ml = 2 + 2 * 0.2, 3 + 3 * 0.4, 1 + 1 * 0.1
    from_front, from_above, from_left = 2.5 * 0.2, 0.5 * 0.4, 1.5 * 0.1
    positions = {
        "dataset": (ap, dv, ml),
        "world": (ap, dv, ml),
        "brainglobe": (from_front, from_above, 6 * 0.1 - from_left),
        "allen": (from_front, from_above, from_left),
        "quicknii": (2.5 * 0.2, 3.5 * 0.4, from_left),
    }
    table = pd.DataFrame([positions["allen"]], columns=list(AXES))
    with pytest.raises(PointsError) as caught:
        world.atlas.region_at(table, unit="mm")
    assert "no world" not in str(caught.value)
    for frame in FRAMES:
        assert f"frame={frame!r}" in str(caught.value)
        table.loc[0] = positions[frame]
        assert found(world, table, unit="mm", frame=frame) == [[1, 2, 3]]


def test_indices_of_a_file_by_its_affine() -> None:
    """As the error for unit="voxel" with frame="world" says."""
    affines = pytest.importorskip("nibabel.affines")
    ds = numbered_atlas(SHAPE, (1.0, 2.0, 3.0), "lpi", (-90.0, -126.0, -72.0), world=True)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = [-90, -126, -72]
    with pytest.raises(PointsError, match=r"nibabel.affines.apply_affine\(image.affine, indices\)"):
        ds.atlas.region_at(INDEX, frame="world", unit="voxel", resolution="1 mm")
    got = ds.atlas.region_at(affines.apply_affine(affine, INDEX), frame="world", unit="mm")
    assert places_of(got, SHAPE).tolist() == INDEX.tolist()


def test_indices_of_a_part_by_its_coordinates(atlas: xr.Dataset) -> None:
    """As the error for indices of a part says."""
    part = atlas.isel(z=slice(1, None))
    at = {dim: xr.DataArray(INDEX[:, i], dims="cell") for i, dim in enumerate("zyx")}
    at["z"] = at["z"] - 1
    points = {dim: part[dim][index] for dim, index in at.items()}
    assert places_of(part.atlas.region_at(points), SHAPE).tolist() == INDEX.tolist()

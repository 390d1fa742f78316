"""Units of points: lengths, quantities, and indices of voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import numbered_atlas, places_of
from xarray_atlas.errors import GridError, PointsError, UnitsError

pytestmark = pytest.mark.version_independent

u = pint.get_application_registry()
AXES = ("ap", "dv", "ml")
SHAPE = (6, 5, 4)
INDEX = np.array([[1, 2, 3], [4, 0, 1], [5, 3, 2]])
CALLS = ["region_at", "count_points", "along"]
VOXEL = {"ap": "100 um", "dv": "0.2 mm", "ml": 400 * u.um}


@pytest.fixture
def atlas() -> xr.Dataset:
    return numbered_atlas(SHAPE)


def found(atlas: xr.Dataset, points: Any, **options: Any) -> list[list[int]]:
    at = atlas.atlas.region_at(points, axes=AXES, **options)
    return places_of(at, SHAPE).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("unit", [50 * u.um, "50 um", "0.05 mm", 1e3 * u.nm, "-1 um"])
def test_a_length_is_no_unit(atlas: xr.Dataset, call: str, unit: Any) -> None:
    """pint drops the number of such a unit; as text it was refused already."""
    with pytest.raises(UnitsError, match=r"is a length, not a unit.*unit='voxel', resolution="):
        getattr(atlas.atlas, call)(INDEX, axes=AXES, unit=unit, frame="dataset")
    with pytest.raises(UnitsError, match="a length, not a unit|not the name of a unit"):
        xarray_atlas.coords.units.unit_factor(unit)


def test_its_advice_is_right() -> None:
    atlas = numbered_atlas(SHAPE, (0.05, 0.05, 0.05))
    for frame in ("dataset", "brainglobe"):
        assert found(atlas, INDEX, frame=frame, unit="voxel", resolution="50 um") == INDEX.tolist()
        text = str(50 * u.um)
        assert found(atlas, INDEX, frame=frame, unit="voxel", resolution=text) == INDEX.tolist()


@pytest.mark.parametrize("unit", ["um", u.um, 1 * u.um, 1.0 * u.micrometer, "1 um", "1.0um"])
def test_one_of_a_unit_is_the_unit(atlas: xr.Dataset, unit: Any) -> None:
    um = INDEX * [100, 200, 400]
    assert found(atlas, um, unit=unit, frame="dataset") == INDEX.tolist()
    other = pint.UnitRegistry()
    assert found(atlas, um, unit=other.um, frame="dataset") == INDEX.tolist()


# -- indices of voxels


def test_an_index_is_its_voxel_in_every_frame(atlas: xr.Dataset) -> None:
    mirrored = INDEX * [1, 1, -1] + [0, 0, SHAPE[2] - 1]
    for frame, index in (("dataset", INDEX), ("brainglobe", INDEX), ("allen", mirrored)):
        for dtype in ("u2", "i8", "f4", "f8"):
            got = found(atlas, index.astype(dtype), frame=frame, unit="voxel", resolution=VOXEL)
            assert got == INDEX.tolist()


def test_a_fraction_of_an_index_counts_as_in_its_frame(atlas: xr.Dataset) -> None:
    """From the corner of the voxel in BrainGlobe's API, from its centre in numpy and napari."""
    asked: dict[str, Any] = {"unit": "voxel", "resolution": VOXEL}
    point = [[3.7, 2.2, 1.6]]
    assert found(atlas, point, frame="brainglobe", **asked) == [[3, 2, 1]]
    assert found(atlas, point, frame="allen", **asked) == [[3, 2, 2]]
    assert found(atlas, point, frame="dataset", **asked) == np.round(point).tolist()


def test_indices_of_another_resolution(atlas: xr.Dataset) -> None:
    """An atlas at 200 um is looked up by what was detected at 50 um."""
    coarse = numbered_atlas(SHAPE, (0.2, 0.2, 0.2), origin=(0.075, 0.075, 0.075))
    fine = INDEX * 4 + [0, 3, 2]
    for frame in ("brainglobe", "dataset"):
        assert found(coarse, fine, frame=frame, unit="voxel", resolution="50 um") == INDEX.tolist()


def test_indices_of_a_dataset_that_runs_the_other_way(atlas: xr.Dataset) -> None:
    shape = (4, 5, 6)
    ds = numbered_atlas(shape, (1.0, 2.0, 3.0), "lpi", (-90, -126, -72), world=True)
    at = ds.atlas.region_at(INDEX[:1], axes=("ml", "ap", "dv"), frame="dataset", unit="voxel",
                            resolution={"ml": "1 mm", "ap": "2 mm", "dv": "3 mm"})  # fmt: skip
    assert places_of(at, shape).tolist() == INDEX[:1].tolist()


@pytest.mark.parametrize("call", CALLS)
def test_the_voxel_size_is_asked_for(atlas: xr.Dataset, call: str) -> None:
    ask = getattr(atlas.atlas, call)
    with pytest.raises(UnitsError, match="pass the size of those voxels too.*resolution='25 um'"):
        ask(INDEX, axes=AXES, unit="voxel", frame="brainglobe")
    with pytest.raises(UnitsError, match="Leave it out, or pass unit='voxel'"):
        ask(INDEX, axes=AXES, unit="um", frame="brainglobe", resolution="25 um")


@pytest.mark.parametrize(
    ("resolution", "message"),
    [
        (25, "has no unit"),
        ("25", "has no unit"),
        (["20 um", "10 um", "10 um"], "does not say which size is along which axis"),
        ({"ap": "20 um"}, "along each of ap, dv and ml once"),
        ("-25 um", "not the size of a voxel"),
        ("25 ms", "not a unit of length"),
    ],
)
def test_what_is_no_voxel_size(atlas: xr.Dataset, resolution: Any, message: str) -> None:
    with pytest.raises(UnitsError, match=message):
        found(atlas, INDEX, unit="voxel", frame="brainglobe", resolution=resolution)


def test_frames_without_voxels(atlas: xr.Dataset) -> None:
    asked: dict[str, Any] = {"unit": "voxel", "resolution": VOXEL}
    with pytest.raises(PointsError, match="apply_affine"):
        found(atlas, INDEX, frame="world", **asked)
    with pytest.raises(PointsError, match=r"frame=matrix @ np.diag\(\[0.1, 0.2, 0.4, 1\]\)"):
        found(atlas, INDEX, frame=np.eye(4), **asked)
    matrix = np.eye(4) @ np.diag([0.1, 0.2, 0.4, 1])
    assert found(atlas, INDEX, frame=matrix, unit="mm") == INDEX.tolist()
    part = atlas.isel(z=slice(1, None))
    with pytest.raises(GridError, match=r"may be one of the part or of the whole.*obj\['z'\]"):
        found(part, INDEX, frame="dataset", **asked)
    assert found(part, INDEX, frame="brainglobe", **asked) == INDEX.tolist()


def test_positions_that_are_indices_by_themselves(atlas: xr.Dataset) -> None:
    pixels = {"units": "pixel"}
    points = xr.Dataset({a: ("cell", INDEX[:, i], pixels) for i, a in enumerate(AXES)})
    asked: dict[str, Any] = {"frame": "brainglobe", "resolution": VOXEL}
    for unit in (None, "voxel"):
        got = atlas.atlas.region_at(points, unit=unit, **asked)
        assert places_of(got, SHAPE).tolist() == INDEX.tolist()
    with pytest.raises(UnitsError, match="is in pixel by itself, and unit='um' says otherwise"):
        atlas.atlas.region_at(points, unit="um", **asked)
    points["ml"].attrs["units"] = "mm"
    with pytest.raises(UnitsError, match="along one axis are indices of voxels"):
        atlas.atlas.region_at(points, **asked)


def test_a_result_keeps_indices_and_says_what_they_are(atlas: xr.Dataset) -> None:
    table = pd.DataFrame(INDEX, columns=list(AXES))
    asked: dict[str, Any] = {"frame": "brainglobe", "unit": "voxel", "resolution": VOXEL}
    got = atlas.atlas.region_at(table, **asked)
    assert got.ap.values.tolist() == INDEX[:, 0].tolist()
    assert [got[axis].attrs["indexed_voxel_size"] for axis in AXES] == [
        "0.1 mm",
        "0.2 mm",
        "0.4 mm",
    ]
    again = atlas.atlas.region_at(got)
    assert places_of(again, SHAPE).tolist() == INDEX.tolist()
    with pytest.raises(UnitsError, match="says otherwise; leave it out"):
        atlas.atlas.region_at(got, resolution="1 mm")
    assert got.pint.quantify() is not None  # nothing there that pint does not know


@pytest.mark.parametrize("unit", ["um", None])
@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["3154.6", "3154.6"], "'3154.6'"),
        (["3154,6", "-3e3"], "'3154,6'"),
        (["n/a", "3154.6"], "'n/a'"),
        ([3154.6, ""], "''"),
    ],
)
def test_numbers_that_were_read_as_text(
    atlas: xr.Dataset, cells: list[Any], text: str, unit: str | None
) -> None:
    table = pd.DataFrame({"ap": cells, "dv": [3.0, 3.0], "ml": [4.0, 4.0]})
    with pytest.raises(UnitsError, match=f"'ap' holds the text {text}, .*to_numeric"):
        atlas.atlas.region_at(table, unit=unit, frame="dataset")

"""Properties of regions, selections, crops and meshes in a frame; against plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, PointsError, UnitsError

pytestmark = pytest.mark.version_independent

u = pint.get_application_registry()

# by hand: from the corner of the CCF in um to IBL's, in the order ml, ap, dv
BREGMA = np.array([5400.0, 332, 5739])
CONVENTIONS = ["ibl", "ibl-needles", "mri-toronto"]
SCALES = {"ibl": (1, 1, 1), "ibl-needles": (1.087, 0.952, 1), "mri-toronto": (1.031, 0.885, 0.952)}


@pytest.fixture(scope="module", params=["asr", "ras", "lip"])
def ds(request: pytest.FixtureRequest) -> xr.Dataset:
    ds = xarray_atlas.open_sample("100 um")
    return ds if request.param == "asr" else ds.atlas.reorient(request.param)


def voxels_of(ds: xr.Dataset, region: str) -> np.ndarray:
    """Centres of the voxels of a region in um from the corner of the CCF: ap, dv, ml."""
    plain = xarray_atlas.open_sample("100 um")
    inside = plain.atlas.mask(region).values
    index = np.argwhere(inside) + 0.5  # z, y, x: to posterior, inferior, left
    return np.stack([index[:, 0] * 100, index[:, 1] * 100, 11400 - index[:, 2] * 100], -1)


def ibl(um: np.ndarray, name: str) -> np.ndarray:
    """Positions from the corner in a frame of IBL's: ml, ap, dv in um."""
    scaled = (um - BREGMA) * SCALES[name]
    return scaled[..., [2, 0, 1]] * [1, -1, -1]


# -- properties


@pytest.mark.parametrize("name", CONVENTIONS)
def test_properties_in_a_frame(ds: xr.Dataset, name: str) -> None:
    um = voxels_of(ds, "VTA")
    found = ds.atlas.region_properties("VTA", frame=name)
    plain = ds.atlas.region_properties("VTA")
    assert list(found) == list(plain)
    assert found["axis"].values.tolist() == ["ml", "ap", "dv"]
    inside = ibl(um, name)
    np.testing.assert_allclose(found.centroid.values, inside.mean(0), rtol=0, atol=1e-6)
    assert found.centroid.attrs["units"] == "um"
    assert found.centroid.attrs["frame"] == name
    assert found.centroid.pint.units == u.um
    # the outer boundaries of the outermost voxels
    faces = np.concatenate([ibl(um - 50, name), ibl(um + 50, name)])
    box = np.stack([faces.min(0), faces.max(0)], -1)
    np.testing.assert_allclose(found.bounding_box.values, box, rtol=0, atol=1e-6)
    assert found.bounding_box.dims == ("axis", "bound")
    np.testing.assert_allclose(found.extent.values, box[:, 1] - box[:, 0], rtol=0, atol=1e-6)
    point = found.representative_point.values
    assert np.abs(inside - point).max(1).min() < 1e-6  # the centre of one of its voxels
    assert found.volume == plain.volume
    along = dict(zip(plain["axis"].values, plain.start.values, strict=True))
    names = {axis: str(ds.atlas.space.coordinate(ds, axis)) for axis in ("ml", "ap", "dv")}
    assert found.start.values.tolist() == [along[names[a]] for a in ("ml", "ap", "dv")]


def test_centroid_and_bounding_box_take_it(ds: xr.Dataset) -> None:
    found = ds.atlas.region_properties(["VTA", "RSP"], frame="ibl")
    xr.testing.assert_identical(ds.atlas.centroid(["VTA", "RSP"], frame="ibl"), found.centroid)
    box = ds.atlas.bounding_box(["VTA", "RSP"], frame="ibl")
    xr.testing.assert_identical(box, found.bounding_box)
    assert found.centroid.sizes == {"region": 2, "axis": 3}
    frame = ds.atlas.frames["ibl"]
    xr.testing.assert_identical(ds.atlas.centroid(["VTA", "RSP"], frame=frame), found.centroid)


def test_of_both_sides(ds: xr.Dataset) -> None:
    with pytest.warns(UserWarning, match="where left and right meet"):
        found = ds.atlas.centroid("VTA", hemisphere=["left", "right"], frame="ibl")
    assert found.sel(hemisphere="left", axis="ml").item() < 0 * u.um
    assert found.sel(hemisphere="right", axis="ml").item() > 0 * u.um


def test_a_region_without_a_voxel_is_nowhere(ds: xr.Dataset) -> None:
    part = ds.atlas.sel(ap=slice("0 mm", "1 mm"), frame="allen")
    found = part.atlas.region_properties("VTA", frame="ibl")
    assert np.isnan(found.centroid.values).all()
    assert np.isnan(found.bounding_box.values).all()
    assert found.extent.values.tolist() == [0, 0, 0]


def test_in_a_tilted_frame(ds: xr.Dataset) -> None:
    um = voxels_of(ds, "VTA")
    found = ds.atlas.region_properties("VTA", frame="pinpoint-qiu2018")
    assert found["axis"].values.tolist() == ["ap", "ml", "dv"]
    c, s = np.cos(np.radians(5)), np.sin(np.radians(5))
    a, d, m = ((um / 1e3) - (5.2, 0.332, 5.7)).T
    inside = np.stack([-1.031 * (a * c - d * s), 0.952 * m, -0.885 * (a * s + d * c)], -1)
    np.testing.assert_allclose(found.centroid.values, inside.mean(0), rtol=0, atol=1e-9)
    assert found.centroid.attrs["units"] == "mm"
    assert not {"bounding_box", "extent", "start", "stop", "bound"} & set(found.variables)
    with pytest.raises(PointsError, match="tilted against the voxels"):
        ds.atlas.bounding_box("VTA", frame="pinpoint-qiu2018")


@pytest.mark.parametrize("frame", ["ibl", "trajectory-explorer", "brainglobe", "mine"])
def test_a_centroid_in_a_frame_is_a_point(ds: xr.Dataset, frame: str) -> None:
    place = {"ap": "5 mm", "dv": "0.3 mm", "ml": "5.7 mm"}
    ds = ds.atlas.add_frame(ds.atlas.frame("mine", bregma=place, frame="allen", pitch=8))
    regions = ["VTA", "CA1", "TH"]
    one = ds.atlas.region_properties(regions).representative_point.rename(region="of")
    other = ds.atlas.region_properties(regions, frame=frame).representative_point
    counted = [ds.atlas.count_points(at)["count"] for at in (one, other.rename(region="of"))]
    xr.testing.assert_equal(*counted)
    assert counted[0].sel(region=regions).values.tolist()[0] == 1


def test_of_a_section_it_is_not_known(ds: xr.Dataset) -> None:
    section = ds.atlas.sel(ap="8.3 mm", frame="allen", method="nearest")
    with pytest.raises(GridError, match="no dimension along 'ap'"):
        section.atlas.centroid("VTA", frame="ibl")


def test_coordinates_that_were_moved(ds: xr.Dataset) -> None:
    dim = str(ds.atlas.space.coordinate(ds, "ap"))
    moved = ds.assign_coords({dim: ds[dim] + 20 * u.mm})
    for call in (
        lambda: moved.atlas.centroid("VTA", frame="ibl"),
        lambda: moved.atlas.sel(ap="-2 mm", method="nearest", frame="ibl"),
        lambda: moved.atlas.mesh("VTA", frame="ibl"),
    ):
        with pytest.raises(GridError, match="was it moved"):
            call()


# -- sel


def planes(ds: xr.Dataset, axis: str) -> np.ndarray:
    """The positions of the planes of a part in um from the corner of the CCF."""
    name = ds.atlas.space.coordinate(ds, axis)
    assert name is not None
    whole = xarray_atlas.open_sample("100 um").atlas.reorient(ds.atlas.space.orientation)
    full = whole[whole.atlas.space.coordinate(whole, axis)].values
    index = np.searchsorted(full, np.atleast_1d(ds[name].values) - 1e-6) + 0.5
    first = {"ap": "a", "dv": "s", "ml": "l"}[axis]
    backwards = first not in ds.atlas.space.orientation
    return (full.size - index if backwards else index) * 100


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("axis", ["ap", "dv", "ml"])
def test_sel_in_a_frame(ds: xr.Dataset, name: str, axis: str) -> None:
    at = {"ap": 0, "dv": 1, "ml": 2}[axis]
    sign, scale = {"ap": -1, "dv": -1, "ml": 1}[axis], SCALES[name][at]
    low, high = {"ap": (-3010, -2010), "dv": (-4010, -1510), "ml": (-710, 910)}[axis]
    every = (np.arange({"ap": 132, "dv": 80, "ml": 114}[axis]) + 0.5) * 100
    there = sign * (every - BREGMA[at]) * scale
    wanted = every[(there >= low) & (there <= high)]
    for ends in ((f"{low} um", f"{high / 1e3} mm"), (high * u.um, low * u.um)):
        part = ds.atlas.sel(**{axis: slice(*ends)}, frame=name)
        assert sorted(planes(part, axis)) == wanted.tolist()
    one = ds.atlas.sel(**{axis: f"{low} um"}, frame=name, method="nearest")
    nearest = every[np.abs(there - low).argmin()]
    assert planes(one, axis).tolist() == [nearest]
    several = ds.atlas.sel(**{axis: [f"{low} um", high * u.um]}, frame=name, method="nearest")
    assert several.annotation.shape[several.annotation.dims.index(
        ds[ds.atlas.space.coordinate(ds, axis)].dims[0]
    )] == 2  # fmt: skip


def test_sel_asks_for_a_unit_where_the_frame_is_not_in_mm(ds: xr.Dataset) -> None:
    for label in (-2000, slice(-2000, 0), [-2000.0], np.array([-2000])):
        with pytest.raises(UnitsError, match="has no unit, and the numbers of frame='ibl' are in"):
            ds.atlas.sel(ap=label, frame="ibl", method=None)
    one = ds.atlas.sel(ml=0, frame="pinpoint-qiu2018", method="nearest")
    assert one.annotation.ndim == 2
    assert ds.atlas.sel(ml=0, frame="ibl", method="nearest").annotation.ndim == 2


def test_sel_across_a_tilted_axis_leads_to_the_section(ds: xr.Dataset) -> None:
    for axis in ("ap", "dv"):
        with pytest.raises(PointsError, match=r"tilted against the voxels.*plot\.section\(ap=|dv="):
            ds.atlas.sel(**{axis: "-2 mm"}, frame="pinpoint-qiu2018", method="nearest")
    # across it the planes are those of the voxels
    found = ds.atlas.sel(ml="0.99 mm", frame="pinpoint-qiu2018", method="nearest")
    same = ds.atlas.sel(ml="6740 um", frame="allen", method="nearest")
    xr.testing.assert_identical(found, same)


def test_tolerance_is_in_the_frame(ds: xr.Dataset) -> None:
    # in "mri-toronto" planes are 103.1 um apart along ap: at most 51.6 um away
    place = f"{(5400 - 8290) * 1.031} um"  # 40 um in the atlas from a plane at 8250
    ds.atlas.sel(ap=place, frame="mri-toronto", method="nearest", tolerance="42 um")
    with pytest.raises(KeyError):
        ds.atlas.sel(ap=place, frame="mri-toronto", method="nearest", tolerance="40.5 um")


def test_sel_outside_says_where(ds: xr.Dataset) -> None:
    with pytest.raises(GridError, match="where the position in the frame lies"):
        ds.atlas.sel(ap="6 mm", frame="ibl", method="nearest")
    with pytest.raises(PointsError, match="does not say which one"):
        ds.atlas.sel(ap="-2 mm", frame="bregma", method="nearest")


# -- crop


def test_crop_pads_in_the_frame(ds: xr.Dataset) -> None:
    plain = ds.atlas.crop("VTA", pad="0.5 mm")
    same = ds.atlas.crop("VTA", pad="500 um", frame="allen")
    xr.testing.assert_identical(plain, same)
    # 0.52 mm of the stretched frame are 0.478 mm of the atlas: a plane less than 0.52 mm
    wide = ds.atlas.crop("VTA", pad={"ap": "0.56 mm"})
    less = ds.atlas.crop("VTA", pad={"ap": "0.56 mm"}, frame="ibl-needles")
    dim = ds[ds.atlas.space.coordinate(ds, "ap")].dims[0]
    assert less.sizes[dim] == wide.sizes[dim] - 2
    with pytest.raises(UnitsError, match="has no unit"):
        ds.atlas.crop("VTA", pad=500, frame="ibl")
    with pytest.raises(UnitsError, match="no axis 'x'"):
        ds.atlas.crop("VTA", pad={"x": "1 mm"})


def test_crop_along_tilted_axes_keeps_what_the_box_reaches(ds: xr.Dataset) -> None:
    place = {"ap": "5 mm", "dv": "0.3 mm", "ml": "5.7 mm"}
    tilted = ds.atlas.frame("mine", bregma=place, frame="allen", pitch=30)
    part = ds.atlas.crop("VTA", pad={"ap": "2 mm"}, frame=tilted)
    plain = ds.atlas.crop("VTA")
    more = {}
    for axis in ("ap", "dv", "ml"):
        dim = ds[ds.atlas.space.coordinate(ds, axis)].dims[0]
        more[axis] = (part.sizes[dim] - plain.sizes[dim]) / 2 * 0.1
    assert more["ap"] == pytest.approx(2 * np.cos(np.radians(30)), abs=0.1)
    assert more["dv"] == pytest.approx(2 * np.sin(np.radians(30)), abs=0.1)
    assert more["ml"] == 0


# -- mesh


@pytest.mark.parametrize("frame", ["ibl", "allen", "trajectory-explorer"])
def test_mesh_in_a_frame(ds: xr.Dataset, frame: str) -> None:
    pytest.importorskip("skimage")
    plain = ds.atlas.mesh("VTA")
    found = ds.atlas.mesh("VTA", frame=frame)
    chosen = ds.atlas.frames[frame]
    assert found.dims == chosen.axes
    assert (found.frame, found.unit) == (frame, chosen.unit)
    np.testing.assert_allclose(found.vertices, chosen.from_dataset(plain.vertices), atol=1e-9)
    scale = {"trajectory-explorer": 0.952 * 1.031 * 0.885}.get(frame, 1.0)
    assert found.volume.to("mm**3").magnitude == pytest.approx(
        plain.volume.magnitude * scale, rel=1e-9
    )
    if frame != "trajectory-explorer":
        assert found.area.to("mm**2").magnitude == pytest.approx(plain.area.magnitude, rel=1e-9)
        low = found.vertices.min(0)
        box = ds.atlas.bounding_box("VTA", frame=frame).values
        assert np.abs(low - box[:, 0]).max() < 50
    assert f"of frame {frame!r}" in repr(found)
    assert f"in {chosen.unit} along" in repr(found)


def test_all_take_a_matrix(ds: xr.Dataset) -> None:
    """From mm in the order of the dims to the Dataset, as for points."""
    matrix: Any = np.eye(4)
    matrix[:3, 3] = 1.0, 2.0, 3.0
    plain = ds.atlas.centroid("VTA").values
    found = ds.atlas.centroid("VTA", frame=matrix)
    np.testing.assert_allclose(found.values, plain - (1, 2, 3), atol=1e-9)
    np.testing.assert_allclose(found.attrs["frame"], matrix.ravel())
    mesh = ds.atlas.mesh("VTA", frame=matrix)
    np.testing.assert_allclose(mesh.vertices, ds.atlas.mesh("VTA").vertices - (1, 2, 3))

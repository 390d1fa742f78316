"""Sections as Datasets: straight and oblique planes against scipy, frames, points, errors."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr
import zarr
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from support.stores import AXES, REGIONS, CountingStore, labels, scaling, write_ome_zarr
from xarray_atlas.errors import (
    GridError,
    MissingTerminologyError,
    PointsError,
    RegionNotFoundError,
    UnitsError,
)

pytestmark = pytest.mark.version_independent

PLANES = {"ap": ("ml", "dv"), "dv": ("ml", "ap"), "ml": ("ap", "dv")}
"""What runs across and up the picture of each plane."""

RAS = {"ml": 0, "ap": 1, "dv": 2}

MIDDLE = {"ap": 6.575, "dv": 3.975, "ml": 5.675}
"""Of the sample, whose voxels of 0.1 mm have their centres at 0.025, 0.125, ..."""


def looked_up(sample: xr.Dataset, ap: Any, dv: Any, ml: Any) -> Any:
    """The label of the voxel at positions in mm, by scipy."""
    index = [(at - 0.025) / 0.1 for at in (ap, dv, ml)]
    values = sample.annotation.values.astype(np.float64)
    return map_coordinates(values, index, order=0, mode="grid-constant", prefilter=False)


def turned(axis: str, tilt: float, roll: float) -> Any:
    """The rotation of a plane, of vectors to right, anterior and superior."""
    across, (side, upper) = axis, PLANES[axis]
    basis = np.eye(3)[[RAS[side], RAS[across], RAS[upper]]]
    # of a triple (side, across, upper): upper towards across, then side towards across
    handed = np.linalg.det(basis)
    up = Rotation.from_rotvec(-handed * np.radians(tilt) * basis[0])
    own_upper = up.apply(basis[2])
    return Rotation.from_rotvec(handed * np.radians(roll) * own_upper) * up


@pytest.mark.parametrize("axis", ["ap", "dv", "ml"])
@pytest.mark.parametrize("angles", [(12.0, 0.0), (0.0, -7.5), (20.0, 9.0), (-31.0, 25.0)])
@pytest.mark.parametrize("chunks", [None, 40])
def test_an_oblique_plane_has_the_labels_that_scipy_finds(
    sample: xr.Dataset, axis: str, angles: tuple[float, float], chunks: Any
) -> None:
    obj = sample.compute() if chunks is None else sample.chunk(chunks)
    tilt, roll = angles
    at = MIDDLE[axis] + 0.43
    plane = obj.atlas.section(**{axis: at}, tilt=f"{tilt} deg", roll=f"{roll} deg")
    side, upper = PLANES[axis]
    dims = {"ap": "z", "dv": "y", "ml": "x"}
    assert plane.annotation.dims == (dims[upper], dims[side])
    assert plane[dims[axis]].item().magnitude == at
    # all axes of the sample run against RAS
    offset = np.zeros((*plane.annotation.shape, 3))
    offset[..., RAS[side]] = MIDDLE[side] - plane[dims[side]].pint.magnitude[None, :]
    offset[..., RAS[upper]] = MIDDLE[upper] - plane[dims[upper]].pint.magnitude[:, None]
    moved = turned(axis, tilt, roll).apply(offset.reshape(-1, 3)).reshape(offset.shape)
    pivot = {**MIDDLE, axis: at}
    where = {name: pivot[name] - moved[..., RAS[name]] for name in RAS}
    expected = looked_up(sample, **where)
    np.testing.assert_array_equal(plane.annotation.values, expected)
    assert (expected != 0).mean() > 0.3
    # its pixels are as large as voxels, and hold all of the cut
    for name in (side, upper):
        step = np.diff(plane[dims[name]].pint.magnitude)
        np.testing.assert_allclose(step, 0.1, rtol=1e-9)


@pytest.mark.parametrize(
    ("axis", "tilted", "rolled"),
    [
        ("ap", ("superior", "anterior"), ("right", "anterior")),
        ("dv", ("anterior", "superior"), ("right", "superior")),
        ("ml", ("superior", "right"), ("anterior", "right")),
    ],
)
def test_positive_angles_move_edges_as_documented(
    axis: str, tilted: tuple[str, str], rolled: tuple[str, str]
) -> None:
    """In an atlas whose label says how far anterior, superior or right a voxel lies."""
    size = 21
    index = np.indices((size,) * 3)
    grid = {name: size - index[i] for i, name in enumerate(("anterior", "superior", "right"))}
    for angles, (edge, towards) in (({"tilt": "20 deg"}, tilted), ({"roll": "20 deg"}, rolled)):
        ds = make_atlas(grid[towards].astype(np.uint32), make_terminology([-1]), (0.1,) * 3)
        plane = ds.atlas.section(**{axis: 1.0}, **angles)
        values = plane.annotation.values.astype(float)
        values[values == 0] = np.nan
        rows = {"superior": values[:3], "anterior": values[:3], "right": values[:, :3].T}
        there = rows[edge]
        opposite = {"superior": values[-3:], "anterior": values[-3:], "right": values[:, -3:].T}[
            edge
        ]
        if axis == "ml" and edge == "anterior":
            there, opposite = values[:, :3], values[:, -3:]
        assert np.nanmean(there) > np.nanmean(values) + 1
        assert np.nanmean(opposite) < np.nanmean(values) - 1


def test_a_tilted_frame_gives_an_oblique_plane(sample: xr.Dataset) -> None:
    """Against Pinpoint's numbers: bregma, 5 degrees nose up, then the scale of Qiu et al. 2018."""
    plane = sample.atlas.section(ap="-2 mm", frame="pinpoint-qiu2018")
    assert plane.annotation.dims == ("dv", "ml")
    up, right = np.meshgrid(plane.dv.pint.magnitude, plane.ml.pint.magnitude, indexing="ij")
    posterior, inferior, right = 2.0 / 1.031, -up / 0.885, right / 0.952
    angle = np.radians(5)
    # what lies posterior of bregma in the atlas lies lower in the levelled brain
    ap = np.cos(angle) * posterior + np.sin(angle) * inferior
    dv = -np.sin(angle) * posterior + np.cos(angle) * inferior
    # in the sample, which counts from the centres of voxels of 50 um, to the left
    found = looked_up(sample, 5.2 + ap - 0.025, 0.332 + dv - 0.025, 11.4 - (5.7 + right) - 0.025)
    np.testing.assert_array_equal(plane.annotation.values, found)
    assert plane.ap.item().magnitude == -2.0
    assert plane.ml.attrs["frame"] == "pinpoint-qiu2018"


@pytest.mark.parametrize("frame", ["ibl", "ibl-needles", "mri-toronto", "allen", "brainglobe"])
@pytest.mark.parametrize("orientation", ["asr", "lip"])
def test_a_plane_of_a_frame_is_the_plane_of_the_position_that_it_converts_to(
    sample: xr.Dataset, frame: str, orientation: str
) -> None:
    ds = sample.atlas.reorient(orientation)
    chosen = ds.atlas.frames[frame]
    rng = np.random.default_rng(3)
    for axis, (side, upper) in PLANES.items():
        along = chosen.anatomical.index(axis)
        index = int(rng.integers(20, 70))
        position = [0.0, 0.0, 0.0]
        # in the frame: a random position in a random plane of voxels of the sample
        own = ds.atlas.space.coordinate(ds, axis)
        at = float(ds[own].pint.magnitude[index]) + rng.uniform(-0.04, 0.04)
        position[ds.atlas.space.position(axis)] = at
        number = float(chosen.from_dataset(position)[along])
        plane = ds.atlas.section(**{axis: f"{number} {chosen.unit}"}, frame=frame)
        expected = ds.isel({own: index}).annotation
        # as pictures lie: ascending along the axes of the frame
        other = [ds.atlas.space.coordinate(ds, name) for name in (upper, side)]
        expected = expected.transpose(*other).values
        for i, name in enumerate((upper, side)):
            against = chosen.directions[chosen.anatomical.index(name)] != ds.atlas.space.direction(
                name
            )
            expected = np.flip(expected, i) if against else expected
        names = [chosen.axes[chosen.anatomical.index(name)] for name in (upper, side)]
        np.testing.assert_array_equal(plane.annotation.transpose(*names).values, expected)


@pytest.mark.parametrize(
    "asked",
    [
        {"ap": "-2 mm", "frame": "ibl"},
        {"ap": "-2 mm", "frame": "ibl-needles", "tilt": "10 deg"},
        {"ml": "0.4 mm", "frame": "trajectory-explorer"},
        {"dv": "-3 mm", "frame": "pinpoint-dorr2008", "roll": "-6 deg"},
        {"dv": "3 mm", "tilt": "5 deg"},
    ],
)
@pytest.mark.filterwarnings("ignore:.*points lie outside of the brain")
def test_points_and_planes_agree(sample: xr.Dataset, asked: dict[str, Any]) -> None:
    """The region at the centre of a pixel, looked up in the atlas through the plane's transform."""
    plane = sample.atlas.section(**asked)
    matrix = np.reshape(plane.atlas.space.to_atlas, (4, 4))
    dims = plane.atlas.space.dims
    grid = np.meshgrid(*(np.atleast_1d(plane[d].pint.magnitude) for d in dims), indexing="ij")
    points = np.stack([part.ravel() for part in grid], -1)
    there = points @ matrix[:3, :3].T + matrix[:3, 3]
    table = xr.Dataset({d: ("point", there[:, i]) for i, d in enumerate(("z", "y", "x"))})
    known = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    found = known.atlas.region_at(table, frame="dataset", unit="mm")
    shape = [np.size(plane[d]) for d in dims]
    ids = found.region_id.values.reshape(shape)
    here = plane.expand_dims([d for d in dims if d not in plane.dims]).transpose(*dims)
    regions = sample.atlas.terminology
    named = {0: 0} | {
        int(v): int(regions.region(int(v)).id) for v in np.unique(here.annotation) if v
    }
    of_plane = np.vectorize(named.get)(here.annotation.values)
    np.testing.assert_array_equal(of_plane, ids)
    if "tilt" not in asked and "roll" not in asked:
        # coordinates of the plane are those of the frame
        frame = sample.atlas.frames[asked["frame"]]
        mm = {"um": 1e-3, "mm": 1.0}[frame.unit]
        numbers = dict(zip(frame.axes, (frame.from_dataset(there) * mm).T, strict=True))
        for i, name in enumerate(dims):
            np.testing.assert_allclose(points[:, i], numbers[name], atol=1e-9)


@pytest.mark.parametrize("frame", ["ibl", "allen", "brainglobe"])
def test_on_a_face_the_plane_is_that_of_the_points(frame: str) -> None:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    rng = np.random.default_rng(2)
    at = {"ibl": -2000.0}.get(frame, 7400.0)  # a face between voxels of 100 um
    plane = ds.atlas.section(ap=f"{at} um", frame=frame)
    index = [rng.integers(20, n - 20, 200) for n in plane.annotation.shape]
    dv, ml = (
        plane[name].pint.magnitude[i] * 1000 for name, i in zip(("dv", "ml"), index, strict=True)
    )
    labels = plane.annotation.values[tuple(index)]
    held = labels != 0
    points = {"ap": np.full(held.sum(), at), "dv": dv[held], "ml": ml[held]}
    found = ds.atlas.region_at(points, frame=frame, unit="um").region_id.values
    ids = [ds.atlas.terminology.region(int(label)).id for label in labels[held]]
    np.testing.assert_array_equal(found, ids)


def test_a_plane_of_a_world(tmp_path: Any) -> None:
    """Against the affine of a NIfTI file, of an array that runs to the left."""
    nibabel = pytest.importorskip("nibabel")
    affine = np.diag([-0.5, 0.6, 0.7, 1.0])
    affine[:3, 3] = 5, -7, -6
    values = np.random.default_rng(0).integers(0, 5, (20, 24, 18)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "labels.nii.gz")
    names = list("abcd")
    table = pd.DataFrame({"id": [1, 2, 3, 4], "acronym": names, "name": names,
                          "parent_id": [0, 1, 1, 1]})  # fmt: skip
    ds = xarray_atlas.create_atlas(tmp_path / "labels.nii.gz", table, name="made")
    for asked in ({"y": 0.5}, {"ap": "0.5 mm"}, {"ap": "500 um", "tilt": "8 deg"}):
        plane = ds.atlas.section(frame="world", **asked)
        assert plane.annotation.dims == ("z", "x")
        z, x = np.meshgrid(plane.z.pint.magnitude, plane.x.pint.magnitude, indexing="ij")
        y = np.full(z.shape, plane.y.item().magnitude)
        if "tilt" in asked:  # about the middle of the volume, the upper edge to anterior
            middle = -6 + 8.5 * 0.7
            angle = np.radians(8)
            y, z = y + np.sin(angle) * (z - middle), middle + np.cos(angle) * (z - middle)
        index = [(at - first) / step for at, first, step in zip((x, y, z), (5, -7, -6),
                                                                (-0.5, 0.6, 0.7), strict=True)]  # fmt: skip
        expected = map_coordinates(values, index, order=0, mode="grid-constant")
        np.testing.assert_array_equal(plane.annotation.values, expected)


def test_a_section_in_another_frame(sample: xr.Dataset) -> None:
    plane = sample.atlas.section(ap="-2 mm", frame="ibl")
    again = plane.atlas.section(frame="ibl-needles")
    np.testing.assert_array_equal(again.annotation, plane.annotation)
    np.testing.assert_allclose(again.dv.pint.magnitude, 0.952 * plane.dv.pint.magnitude)
    assert again.ap.item().magnitude == pytest.approx(-1.95 * 1.087)


def test_a_plane_through_three_points_holds_them(sample: xr.Dataset) -> None:
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(12):
        points = np.array([6.6, 4.0, 5.7]) + rng.uniform(-2.5, 2.5, (3, 3))
        given = dict(zip(("ap", "dv", "ml"), points.T, strict=True))
        plane = sample.atlas.section(through=given, frame="dataset", unit="mm")
        (across,) = {"z", "y", "x"} - set(plane.annotation.dims)
        normal = np.cross(points[1] - points[0], points[2] - points[0])
        assert "zyx".index(across) == np.abs(normal).argmax()
        seen.add(across)
        matrix = np.reshape(plane.atlas.space.to_atlas, (4, 4))
        dims = plane.atlas.space.dims
        rows, columns = plane.annotation.dims
        grid = {
            rows: plane[rows].pint.magnitude[:, None],
            columns: plane[columns].pint.magnitude[None, :],
            across: plane[across].item().magnitude,
        }
        parts = np.broadcast_arrays(*(grid[d] for d in dims))
        there = np.stack(parts, -1) @ matrix[:3, :3].T + matrix[:3, 3]
        normal /= np.linalg.norm(normal)
        np.testing.assert_allclose((there - points[0]) @ normal, 0, atol=1e-9)
        np.testing.assert_array_equal(
            plane.annotation.values, looked_up(sample, *there.T.swapaxes(1, 2))
        )
        # on a grid of which the three points are within half a pixel
        for point in points:
            away = np.linalg.norm(there - point, axis=-1).min()
            assert away < 0.1 * np.sqrt(0.5) + 1e-9
    assert seen == {"z", "y", "x"}


def test_three_points_as_points_come(sample: xr.Dataset) -> None:
    numbers = {"ml": [-3.0, 3.0, 0.0], "ap": [-2.0, -2.0, -2.5], "dv": [-2.0, -2.0, -5.0]}
    first = sample.atlas.section(through=numbers, frame="ibl", unit="mm")
    registry = pint.get_application_registry()
    rows = np.array([numbers[name] for name in ("ml", "ap", "dv")]).T
    ways = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
    bregma = {"ap": "5.4 mm", "dv": "0.332 mm", "ml": "5.739 mm"}  # of IBL
    xyz = sample.atlas.frame(
        "xyz", bregma=bregma, frame="allen", axes=("x", "y", "z"), directions=ways, unit="mm"
    )
    texts = [{name: f"{v[i]} mm" for name, v in numbers.items()} for i in range(3)]
    arrays = [(rows, "mm"), (rows * 1000, "um"), (registry.Quantity(rows, "mm"), None)]
    for through, unit in arrays:
        with pytest.raises(PointsError, match=r"by name, through=\{'ml': \[...\], 'ap'"):
            sample.atlas.section(through=through, frame="ibl", unit=unit)
    for through, unit, frame in ((texts, None, "ibl"), *((*array, xyz) for array in arrays)):
        again = sample.atlas.section(through=through, frame=frame, unit=unit)
        np.testing.assert_array_equal(again.annotation.values, first.annotation.values)
    # three points across an axis make the plane of voxels
    flat = {"ap": [-2.0] * 3, "ml": [-3.0, 3.0, 0.0], "dv": [-2.0, -2.0, -5.0]}
    xr.testing.assert_identical(
        sample.atlas.section(through=flat, frame="ibl", unit="mm").annotation,
        sample.atlas.section(ap="-2 mm", frame="ibl").annotation,
    )


def test_points_that_make_no_plane(sample: xr.Dataset) -> None:
    section = sample.atlas.section
    line = {"ap": [5, 6, 7], "dv": [2, 3, 4], "ml": [4, 4, 4]}
    with pytest.raises(GridError, match=r"lie on one line \(.*give three that make a triangle"):
        section(through=line, frame="dataset", unit="mm")
    with pytest.raises(GridError, match="lie on one line"):
        section(through={"ap": [5] * 3, "dv": [2] * 3, "ml": [4] * 3}, frame="dataset", unit="mm")
    with pytest.raises(GridError, match="three points; through= has 2"):
        section(through={k: v[:2] for k, v in line.items()}, frame="dataset", unit="mm")
    with pytest.raises(GridError, match="some of them NaN"):
        section(through=line | {"ml": [4, np.nan, 5]}, frame="dataset", unit="mm")
    with pytest.raises(PointsError, match="whose coordinates are these"):
        section(through=line, unit="mm")
    with pytest.raises(UnitsError, match="has no unit"):
        section(through=line, frame="ibl")
    with pytest.raises(GridError, match="through= goes without ap, tilt"):
        section(through=line, frame="dataset", unit="mm", ap=3, tilt="3 deg")
    with pytest.raises(GridError, match="unit= is that of the points of through="):
        section(ap=3, unit="mm")
    outside = {"ap": [50, 50, 50.1], "dv": [2, 3, 4], "ml": [4, 5, 4]}
    with pytest.raises(GridError, match="lies outside: such planes meet the volume from"):
        section(through=outside, frame="dataset", unit="mm")


def test_the_point_about_which_a_plane_is_turned(sample: xr.Dataset) -> None:
    about = {"dv": "1 mm", "ml": 3000 * pint.get_application_registry().um}
    plane = sample.atlas.section(ap="7 mm", tilt="25 deg", roll="10 deg", about=about)
    matrix = np.reshape(plane.atlas.space.to_atlas, (4, 4))
    at = {"z": 7.0, "y": 1.0, "x": 3.0}
    there = matrix @ [*(at[d] for d in plane.atlas.space.dims), 1]
    np.testing.assert_allclose(there[:3], [7, 1, 3], atol=1e-12)
    # of a region it is a point inside of it, whatever the angles
    for frame in (None, "ibl", "pinpoint-qiu2018"):
        plane = sample.atlas.section(region="VTA", frame=frame, tilt="-20 deg", roll="15 deg")
        assert (plane.annotation == sample.atlas.region("VTA").labels[0]).any()
    with pytest.raises(GridError, match=r"about= has 'ap' too"):
        sample.atlas.section(ap=7, tilt="5 deg", about={"ap": "3 mm"})
    with pytest.raises(GridError, match="about= is the point about which tilt= and roll= turn"):
        sample.atlas.section(ap=7, about={"dv": "3 mm"})
    with pytest.raises(GridError, match="leave out about="):
        sample.atlas.section(region="VTA", tilt="1 deg", about={"dv": "3 mm"})
    with pytest.raises(GridError, match="no axis 'w'"):
        sample.atlas.section(ap=7, tilt="1 deg", about={"w": "3 mm"})
    with pytest.raises(GridError, match="a point by its axes"):
        sample.atlas.section(ap=7, tilt="1 deg", about=3)


def test_angles_have_units(sample: xr.Dataset) -> None:
    section = sample.atlas.section
    registry = pint.get_application_registry()
    plane = section(ap=7, tilt="10 deg")
    for tilt in (10 * registry.degree, registry.Quantity(np.pi / 18, "rad"), "10 degrees",
                 f"{np.pi / 18} rad"):  # fmt: skip
        np.testing.assert_array_equal(section(ap=7, tilt=tilt).annotation, plane.annotation)
    for tilt in (10, 0, 0.2, np.float64(3), "10", "ten deg", "10 mm", 3 * registry.mm, "inf deg"):
        with pytest.raises(UnitsError, match=r"tilt=.*'5 deg'"):
            section(ap=7, tilt=tilt)
    with pytest.raises(UnitsError, match="roll=3 has no unit; write an angle as '5 deg'"):
        section(ap=7, roll=3)
    for angles in ({"tilt": "46 deg"}, {"roll": "-50 deg"}, {"tilt": "40 deg", "roll": "40 deg"},
                   {"tilt": "170 deg"}):  # fmt: skip
        with pytest.raises(GridError, match="nearer to a .* one: give its position as"):
            section(ap=7, **angles)
    assert section(ap=7, tilt="45 deg").annotation.any()
    # no angle is the plane of voxels
    straight = section(ap=7, tilt="0 deg")
    np.testing.assert_array_equal(straight.annotation, section(ap=7).annotation)
    assert straight.z.item().magnitude == pytest.approx(7.025)


def test_planes_that_there_are_not(sample: xr.Dataset) -> None:
    section = sample.atlas.section
    with pytest.raises(PointsError, match=r"no frame 'ibI'; .*[Tt]here are 'dataset', .*'ibl'"):
        section(ap="-2 mm", frame="ibI")
    with pytest.raises(PointsError, match="'pinpoint-qiu2018'"):
        section(ap="-2 mm", frame="bregma")
    with pytest.raises(
        GridError,
        match=r"ap = 9000 um of frame 'ibl' lies outside: .* from -7800 to 5400 um there",
    ):
        section(ap="9 mm", frame="ibl")
    with pytest.raises(
        GridError, match=r"ap = 12 mm of frame 'pinpoint-qiu2018' lies outside: .* from -\d.* to \d"
    ):
        section(ap="12 mm", frame="pinpoint-qiu2018")
    with pytest.raises(GridError, match=r"ap = 17 mm with these angles lies outside: .* to 14\."):
        section(ap="17 mm", tilt="20 deg")
    with pytest.raises(UnitsError, match=r"ap=-2 has no unit, and .* are in um"):
        section(ap=-2, frame="ibl")
    assert section(ap=-2, frame="trajectory-explorer").annotation.any()  # which counts in mm
    with pytest.raises(GridError, match=r"'z' is a dimension of the Dataset; .* along 'ml', 'ap'"):
        section(z="3 mm", frame="ibl")
    with pytest.raises(GridError, match="which plane"):
        section(frame="ibl")
    with pytest.raises(GridError, match="ap, region say it more than once"):
        section(ap="-2 mm", region="VTA", frame="ibl")
    with pytest.raises(RegionNotFoundError):
        section(region="VTAx", frame="ibl")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        section(ap="7 mm", colour="red")
    with pytest.raises(GridError, match="between the planes that there are"):
        sample.isel(z=[0, 100, 101]).atlas.section(ap="-2 mm", frame="ibl")
    with pytest.raises(MissingTerminologyError):
        xarray_atlas.section(sample.drop_vars("terminology"), ap=3)


def test_planes_of_the_dataset_are_what_sel_takes(sample: xr.Dataset) -> None:
    for asked in ({"ap": "7.03 mm"}, {"z": 7.03}):
        xr.testing.assert_identical(
            sample.atlas.section(**asked), sample.sel(z="7.03 mm", method="nearest")
        )
    found = sample.annotation.atlas.section(ml="4 mm")
    xr.testing.assert_identical(found, sample.annotation.sel(x="4 mm", method="nearest"))
    plane = sample.isel(z=70)
    assert plane.atlas.section() is plane


def test_one_plane_is_put_into_a_frame(sample: xr.Dataset) -> None:
    expected = sample.atlas.section(ap="-2 mm", frame="ibl")
    position = sample.atlas.frames["ibl"].to_dataset([0, -1950, 0])[0]
    plane = sample.sel(z=position, method="nearest")
    for obj in (plane, sample.sel(z=[position], method="nearest")):
        found = obj.atlas.section(frame="ibl")
        np.testing.assert_array_equal(found.annotation, expected.annotation)
        np.testing.assert_allclose(found.ml.pint.magnitude, expected.ml.pint.magnitude)
        assert found.ap.item().magnitude == pytest.approx(-1.95)
    with pytest.raises(GridError, match="tilted against this plane"):
        plane.atlas.section(frame="pinpoint-qiu2018")
    with pytest.raises(GridError, match="one plane already"):
        plane.atlas.section(ap="-2 mm", frame="ibl")
    with pytest.raises(GridError, match="one plane already"):
        plane.atlas.section(tilt="3 deg")
    with pytest.raises(GridError, match="does not say where it lies across"):
        plane.drop_vars("z").atlas.section(frame="ibl")


def test_a_frame_of_ones_own_and_a_matrix(sample: xr.Dataset) -> None:
    bregma = {"ap": "5.4 mm", "dv": "0.332 mm", "ml": "5.739 mm"}
    mine = sample.atlas.frame("mine", bregma=bregma, frame="allen", axes=("lr", "fb", "ud"),
                              directions=("left-to-right", "posterior-to-anterior",
                                          "inferior-to-superior"))  # fmt: skip
    expected = sample.atlas.section(ap="-2 mm", frame="ibl").annotation.values
    for asked in ({"ap": -2}, {"fb": "-2 mm"}, {"fb": -2.0}):
        plane = sample.atlas.section(**asked, frame=mine)
        assert plane.annotation.dims == ("ud", "lr")
        np.testing.assert_array_equal(plane.annotation, expected)
    assert sample.atlas.section(region="VTA", axis="fb", frame=mine).annotation.dims == ("ud", "lr")
    matrix = np.eye(4)
    matrix[0, 3] = 3.0  # positions are 3 mm less than those of the Dataset
    plane = sample.atlas.section(ap=4.03, frame=matrix)
    np.testing.assert_array_equal(plane.annotation, sample.sel(z=7.03, method="nearest").annotation)


def test_numbers_can_be_taken_from_an_oblique_plane(sample: xr.Dataset) -> None:
    plane = sample.atlas.section(ap="7 mm", tilt="18 deg", roll="-4 deg")
    mask = plane.atlas.mask("CTX").values
    area = plane.atlas.area("CTX").item()
    assert area.to("mm**2").magnitude == pytest.approx(mask.sum() * 0.01)
    assert area.magnitude > 10
    # parallel planes add up to the volume, but for rows of voxels that a pixel falls on twice
    total = 0.0
    for at in np.arange(0.0, 13.5, 0.05):
        try:
            one = sample.atlas.section(ap=at, tilt="10 deg")
        except GridError:
            continue
        total += float(one.atlas.area("HIP").item().magnitude) * 0.05 * np.cos(np.radians(10))
    assert total == pytest.approx(sample.atlas.volume("HIP").item().magnitude, rel=0.03)


def test_what_else_there_is_comes_too(sample: xr.Dataset) -> None:
    z, y, x = np.meshgrid(*(sample[d].pint.magnitude for d in "zyx"), indexing="ij")
    ds = sample.assign(
        template=(sample.annotation.dims, (z + 2 * y - x).astype(np.float64)),
        hemispheres=(sample.annotation.dims, np.where(x > 5.675, 1, 2).astype(np.uint8)),
    )
    plane = ds.atlas.section(ap="7 mm", tilt="10 deg")
    at = np.reshape(plane.atlas.space.to_atlas, (4, 4))
    dv, ml = np.meshgrid(plane.y.pint.magnitude, plane.x.pint.magnitude, indexing="ij")
    across = plane.atlas.space.dims
    parts = {"z": np.full(dv.shape, 7.0), "y": dv, "x": ml}
    there = np.stack([parts[d] for d in across], -1) @ at[:3, :3].T + at[:3, 3]
    inside = plane.template.notnull().values & (there[..., 0] > 0.1) & (there[..., 1] > 0.1)
    inside &= (there[..., 1] < 7.8) & (there[..., 2] > 0.1) & (there[..., 2] < 11.2)
    expected = there @ [1, 2, -1]
    np.testing.assert_allclose(plane.template.values[inside], expected[inside], atol=1e-9)
    sides = plane.hemispheres.values
    np.testing.assert_array_equal(sides[inside], np.where(ml > 5.675, 1, 2)[inside])
    straight = ds.atlas.section(ap="-2 mm", frame="ibl")
    index = int(np.round((7.325 - 0.025) / 0.1))
    np.testing.assert_allclose(straight.template.values[::-1, ::-1], ds.template[index].values)


def test_a_plane_of_voxels_of_other_shapes() -> None:
    values = np.random.default_rng(0).integers(0, 9, (12, 20, 30)).astype(np.uint32)
    ds = make_atlas(values, make_terminology([-1]), (0.5, 0.25, 0.125), (1.0, 2.0, 3.0))
    plane = ds.atlas.section(ap=3.2, tilt="30 deg", roll="-20 deg")
    at = np.reshape(plane.atlas.space.to_atlas, (4, 4))
    dv, ml = np.meshgrid(plane.y.pint.magnitude, plane.x.pint.magnitude, indexing="ij")
    parts = {"z": np.full(dv.shape, 3.2), "y": dv, "x": ml}
    there = np.stack([parts[d] for d in plane.atlas.space.dims], -1) @ at[:3, :3].T + at[:3, 3]
    index = (there - [1.0, 2.0, 3.0]) / [0.5, 0.25, 0.125]
    expected = map_coordinates(values, index.T.swapaxes(1, 2), order=0, mode="grid-constant")
    np.testing.assert_array_equal(plane.annotation.values, expected)
    # from one pixel to the next the position moves by one voxel
    for along in (np.diff(index, axis=0), np.diff(index, axis=1)):
        np.testing.assert_allclose(np.linalg.norm(along, axis=-1), 1, rtol=1e-9)
    # what is beyond the grid has no voxel
    inside = ((index > -0.5) & (index < np.array(values.shape) - 0.5)).all(-1)
    assert inside.any(0).mean() > 0.9
    assert inside.any(1).mean() > 0.9


def test_nothing_is_read_before_it_is_used(sample: xr.Dataset) -> None:
    lazy = sample.chunk(30)
    with dask.config.set(scheduler=no_compute):
        for asked in ({"ap": "-2 mm", "frame": "ibl"}, {"ap": "-2 mm", "frame": "ibl-needles"},
                      {"ap": "7 mm", "tilt": "5 deg"},
                      {"ap": "-2 mm", "frame": "pinpoint-qiu2018"}):  # fmt: skip
            assert lazy.atlas.section(**asked).annotation.chunks is not None


def test_only_the_chunks_under_the_plane_are_read() -> None:
    store = CountingStore(zarr.storage.MemoryStore())
    values = labels((16, 16, 20))
    write_ome_zarr(store, {"0": (values, scaling(0.1))}, chunks=(4, 4, 4), axes=AXES)
    terminology = xarray_atlas.Terminology.from_dataframe(REGIONS.astype(str), name="tiny")
    for chunks in ({}, {"chunks": None}):
        ds = xarray_atlas.open_atlas(store, terminology=terminology, midline="0.95 mm", **chunks)
        store.keys.clear()
        plane = ds.atlas.section(ap=0.75, tilt="5 deg")
        _ = plane.annotation.values
        read = set(store.chunks)
        # a plane between 0.68 and 0.82 mm lies in the chunks from 0.35 to 1.15 mm
        assert {key.split("/")[2] for key in read} <= {"1", "2"}
        assert len(read) <= 2 * 4 * 5
        store.keys.clear()
        _ = ds.atlas.section(ap="0.75 mm", frame="brainglobe").annotation.values
        assert {key.split("/")[2] for key in store.chunks} == {"1"}


def test_a_section_goes_through_files(sample: xr.Dataset, tmp_path: Any) -> None:
    plane = sample.atlas.section(ap="-2 mm", frame="ibl", tilt="5 deg").compute()
    plane.atlas.encode().to_zarr(tmp_path / "plane.zarr", consolidated=False)
    back = xarray_atlas.decode(xr.open_zarr(tmp_path / "plane.zarr", consolidated=False))
    assert back.atlas.area("CTX").item() == plane.atlas.area("CTX").item()
    assert back.ml.attrs["frame"] == "ibl"
    assert "frame" not in back.dv.attrs  # counted along the plane

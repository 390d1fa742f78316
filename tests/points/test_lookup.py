"""Regions at points against voxel-by-voxel truth, and against the field's own lookups."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter

import dask.array as da
import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Counted, examples, make_atlas, make_terminology, parts
from support.stores import CountingStore, write_atlas
from xarray_atlas.errors import GridError, PointsError, UnitsError

pytestmark = [
    pytest.mark.version_independent,
    # labels that are noise have background everywhere; the warning has tests of its own
    pytest.mark.filterwarnings("ignore:.*points lie outside of the brain"),
]

ureg = pint.get_application_registry()
AXES = ("ap", "dv", "ml")
FIRST = {"brainglobe": "asr", "allen": "asl"}
LETTERS = {"ap": "ap", "dv": "si", "ml": "rl"}
SIZE = (0.1, 0.2, 0.4)


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; label 77 is of no region."""
    terminology = make_terminology([-1, 0, 0, 2])
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 77], "uint32"), (6, 5, 4))
    return make_atlas(labels, terminology, SIZE)


def as_form(form, mm, names):
    """Points (n, 3) in mm in one of the forms that are taken, and the keywords that go with it."""
    if form == "frame":
        return pd.DataFrame(mm * 1000, columns=list(names)), {"unit": "um"}
    if form == "renamed":
        table = pd.DataFrame(mm, columns=["first", "second", "third"])
        columns = dict(zip(names, table.columns, strict=True))
        return table, {"unit": "mm", "columns": columns}
    if form == "array":
        return mm * 1e-3, {"unit": "m", "axes": names}
    if form == "quantity":
        return mm * 1000 * ureg.um, {"axes": names}
    if form == "dataset":
        attrs = {"units": "um"}
        return xr.Dataset({n: ("cell", mm[:, i] * 1000, attrs) for i, n in enumerate(names)}), {}
    arrays = [xr.DataArray(mm[:, i] * ureg.mm, dims="cell") for i in range(3)]
    if form == "arrays":
        return tuple(arrays), {"axes": names}
    return dict(zip(names, arrays, strict=True)), {}


FORMS = ["frame", "renamed", "array", "quantity", "dataset", "arrays", "mapping"]


def truth(example, index, inside):
    """Region, side and status of each point, by the index of its voxel in the whole volume."""
    axis = next(i for i, letter in enumerate(example.orientation) if letter in "rl")
    n = example.labels.shape[axis]
    found = []
    for place, there in zip(index, inside, strict=True):
        if not there:
            found.append(("", "", 3))
            continue
        label = int(example.labels[tuple(place)])
        owners = [i for i, own in enumerate(example.own) if label in own]
        twice = 2 * place[axis] + 1
        left = twice >= n if example.orientation[axis] == "r" else twice <= n
        status = 0 if owners else 1 if label == 0 else 2
        found.append((f"R{owners[0]}" if owners else "", "left" if left else "right", status))
    return found


def rows(found):
    return list(zip(found.region.values, found.hemisphere.values, found.status.values, strict=True))


@given(st.data())
@settings(max_examples=80)
@pytest.mark.filterwarnings("ignore:.*points lie outside")
def test_agrees_with_brute_force(data):
    example = data.draw(examples())
    part = data.draw(parts(example.labels.shape))
    order = data.draw(st.permutations(["z", "y", "x"]))
    atlas = example.atlas.isel(part).transpose(*order)
    number = data.draw(st.integers(0, 6))
    mm, index = np.empty((number, 3)), np.empty((number, 3), int)
    inside = np.ones(number, bool)
    for i, dim in enumerate("zyx"):
        kept = np.arange(example.labels.shape[i])[part[dim]]
        thick = example.size[i] * abs(part[dim].step or 1)
        centres = atlas[dim].values
        for k in range(number):
            at = data.draw(st.integers(-1, kept.size))
            share = data.draw(st.sampled_from([-1e-8, 0, 0.3, 0.5, 0.999]))
            inside[k] &= 0 <= at < kept.size
            index[k, i] = kept[min(max(at, 0), kept.size - 1)]
            low = centres.min() - thick if at < 0 else centres.max() + thick
            middle = centres[at] if 0 <= at < kept.size else low
            mm[k, i] = middle + (share - 0.5) * thick
    letters = example.orientation
    anatomy = tuple(
        next(axis for axis, both in LETTERS.items() if letter in both) for letter in letters
    )
    names = data.draw(st.sampled_from([("z", "y", "x"), anatomy]))
    points, keywords = as_form(data.draw(st.sampled_from(FORMS)), mm, names)
    found = atlas.atlas.region_at(points, frame="dataset", **keywords)
    assert rows(found) == truth(example, index, inside)
    ids = [100 + int(r[1:]) if r else 0 for r in found.region.values]
    assert found.region_id.values.tolist() == ids


@given(st.data())
@settings(max_examples=60)
@pytest.mark.filterwarnings("ignore:.*points lie outside")
def test_frames_count_from_the_corner_of_the_whole(data):
    example = data.draw(examples())
    shape, number = np.array(example.labels.shape), data.draw(st.integers(1, 6))
    frame = data.draw(st.sampled_from(["brainglobe", "allen"]))
    atlas = example.atlas
    part = {
        d: slice(data.draw(st.integers(0, n - 1)), None) for d, n in zip("zyx", shape, strict=True)
    }
    share = data.draw(st.sampled_from([0, 0.25, 1 - 1e-7]))
    count = np.array([[data.draw(st.integers(-1, n)) for n in shape] for _ in range(number)])
    # a millionth of a voxel below a face is the upper voxel's
    owner = count + (share > 0.9)
    anatomy = [next(a for a, both in LETTERS.items() if c in both) for c in example.orientation]
    index = owner.copy()
    for i, letter in enumerate(example.orientation):
        if letter not in FIRST[frame]:
            index[:, i] = shape[i] - 1 - owner[:, i]
    starts = np.array([part[d].start for d in "zyx"])
    inside = ((index >= starts) & (index < shape)).all(1)
    mm = (count + share) * np.array(example.size)
    space = atlas.atlas.space
    whole = dataclasses.replace(space, shape=tuple(map(int, shape)))
    carrier = xarray_atlas.AtlasIndex(atlas.atlas.terminology, whole)
    coords = xr.Coordinates(carrier.create_variables(), indexes={"terminology": carrier})
    atlas = atlas.drop_vars("terminology").assign_coords(coords)
    expected = truth(example, np.clip(index, 0, shape - 1), inside)
    points = pd.DataFrame(mm * 1000, columns=anatomy)
    found = atlas.isel(part).atlas.region_at(points, unit="um", frame=frame)
    assert rows(found) == expected
    # whichever way the atlas runs
    turned = atlas.atlas.reorient(data.draw(st.sampled_from(["asl", "lip", "psr", "sra"])))
    again = turned.atlas.region_at(points, unit="um", frame=frame)
    both = atlas.atlas.region_at(points, unit="um", frame=frame)
    assert rows(again) == rows(both)


@pytest.fixture(scope="module")
def allen():
    """The sample, its midline given, and the whole volume's labels."""
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm", chunks=None)


def test_allen_7_mm_from_the_left_is_right(allen):
    """11.4 mm wide: 4.4 mm from the right, by which the atlas counts."""
    point = {"ap": ["7.45 mm"], "dv": ["2.05 mm"], "ml": ["7.05 mm"]}
    found = allen.atlas.region_at(point, frame="allen")
    label = allen.annotation.values[74, 20, 113 - 70]
    assert found.region_id.item() == label
    assert found.hemisphere.item() == "right"
    mirrored = allen.atlas.region_at(point, frame="brainglobe")
    assert mirrored.hemisphere.item() == "left"


def test_index_times_25_um_finds_its_voxel(allen):
    n = np.array(allen.annotation.shape)
    at = np.array([[i % m for m in n] for i in range(0, 4000, 7)])
    for step, unit in ((100, "um"), (0.1, "mm"), (1e-4, "m")):
        found = allen.atlas.region_at(at * step, axes=AXES, unit=unit, frame="brainglobe")
        labels = allen.annotation.values[tuple(at.T)]
        np.testing.assert_array_equal(found.region_id, labels)
        found = allen.atlas.region_at(at * step, axes=AXES, unit=unit, frame="allen")
        mirrored = allen.annotation.values[at[:, 0], at[:, 1], n[2] - 1 - at[:, 2]]
        np.testing.assert_array_equal(found.region_id, mirrored)


def test_iblatlas_at_10000_points(allen):
    """IBL's array is (ap, ml, dv) from the left; index * resolution is the centre of its voxel."""
    iblatlas = pytest.importorskip("iblatlas.atlas", exc_type=ImportError)
    labels = np.ascontiguousarray(allen.annotation.values.transpose(0, 2, 1)[:, ::-1])
    res = 100
    origin = iblatlas.ALLEN_CCF_LANDMARKS_MLAPDV_UM["bregma"] / res
    shape = np.array(labels.shape)[[1, 0, 2]]
    box = iblatlas.BrainCoordinates(shape, dxyz=res * 1e-6 * np.array([1, -1, -1]))
    box.x0, box.y0, box.z0 = box.i2xyz(-origin)
    rng = np.random.default_rng(0)
    ccf = rng.uniform(0, np.array(allen.annotation.shape) * res, (10_000, 3))  # ap, dv, ml
    # from ours to its own: half a voxel
    ap, dv, ml = ((ccf - res / 2) / res).T
    i_ml, i_ap, i_dv = box.xyz2i(box.i2xyz(np.stack([ml, ap, dv], 1)), mode="clip").T
    found = allen.atlas.region_at(ccf, axes=AXES, unit="um", frame="allen")
    np.testing.assert_array_equal(found.region_id, labels[i_ap, i_ml, i_dv])
    right = ccf[:, 2] > 5700
    np.testing.assert_array_equal(found.hemisphere == "right", right)
    assert len(np.unique(found.region_id)) > 300


def test_brainglobe_at_10000_points(data):
    core = pytest.importorskip("brainglobe_atlasapi.core", exc_type=ImportError)
    oracle = core.Atlas(data / "brainglobe/atlases/allen_mouse_100um/3_0/manifest.json")
    ds = xarray_atlas.open_atlas(
        "allen_mouse_100um", root=data / "brainglobe", include=("annotation", "hemispheres")
    )
    rng = np.random.default_rng(1)
    points = rng.uniform(0, np.array(oracle.shape) * oracle.resolution, (10_000, 3))
    found = ds.atlas.region_at(points, axes=AXES, unit="um", frame="brainglobe")
    expected = [oracle.structure_from_coords(p, microns=True) for p in points]
    np.testing.assert_array_equal(found.region_id, expected)
    voxels = rng.uniform(0, oracle.shape, (1000, 3))
    asked = {"axes": AXES, "frame": "brainglobe", "unit": "voxel", "resolution": "100 um"}
    expected_there = [oracle.structure_from_coords(p) for p in voxels]
    np.testing.assert_array_equal(ds.atlas.region_at(voxels, **asked).region_id, expected_there)
    sides = ["", "left", "right"]
    # it has sides by name or number
    expected = [oracle.hemisphere_from_coords(p, microns=True) for p in points]
    np.testing.assert_array_equal(found.hemisphere, [sides[int(s)] for s in expected])


def test_affine_from_bregma(small):
    """Axes in another order and direction: a wrong order or direction cannot pass."""
    angle = 0.3
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [0, 0, -1],
        [np.cos(angle), -np.sin(angle), 0],
        [np.sin(angle), np.cos(angle), 0],
    ]
    matrix[:3, 3] = [0.3, 0.1, 0.5]
    points = np.linalg.inv(matrix) @ np.array([[0.2, 0.4, 0.8, 1], [0.5, 0.0, 0.0, 1]]).T
    table = pd.DataFrame(points[:3].T, columns=["ap", "dv", "ml"])
    found = small.atlas.region_at(table[["ml", "ap", "dv"]], unit="mm", frame=matrix)
    direct = small.atlas.region_at(
        [[0.2, 0.4, 0.8], [0.5, 0, 0]], axes=("z", "y", "x"), unit="mm", frame="dataset"
    )
    assert rows(found) == rows(direct)
    turned = small.transpose("x", "y", "z").atlas.region_at(table, unit="mm", frame=matrix)
    assert rows(turned) == rows(direct)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("bregma", "no frame 'bregma'"),
        (np.eye(3), r"has the shape \(3, 3\)"),
        (np.diag([1, 1, np.nan, 1]), "not finite"),
        (np.eye(4)[[3, 1, 2, 0]], r"the last row of frame is"),
        (np.diag([1, 1, 0, 1]), "singular"),
        (object(), "4 x 4 matrix"),
    ],
)
def test_frames_that_are_none(small, frame, message):
    with pytest.raises(PointsError, match=message):
        small.atlas.region_at([[0, 0, 0]], axes=AXES, unit="mm", frame=frame)


def test_a_frame_of_quantities_is_an_error(small):
    with pytest.raises(UnitsError, match="plain numbers for lengths in mm"):
        small.atlas.region_at([[0, 0, 0]], axes=AXES, unit="mm", frame=np.eye(4) * ureg.um)


def test_allen_has_no_x(small):
    with pytest.raises(PointsError, match="'z' may be any axis"):
        small.atlas.region_at([[0, 0, 0]], axes=("z", "y", "x"), unit="mm", frame="allen")


# -- a grid that is not the whole


def test_single_planes(small):
    plane = small.isel(z=3)  # at 0.3 mm, 0.1 mm thick
    at = np.array([[0.24, 0.4, 0.8], [0.25, 0.4, 0.8], [0.349, 0.4, 0.8], [0.35, 0.4, 0.8]])
    whole = small.atlas.region_at(at, axes=AXES, unit="mm", frame="dataset")
    for ds in (plane, small.isel(z=[3]), xarray_atlas.encode(plane), plane.chunk()):
        found = ds.atlas.region_at(at, axes=AXES, unit="mm", frame="dataset")
        assert found.status.values.tolist() == [3, *whole.status.values[1:3], 3]
        assert found.region.values[1:3].tolist() == whole.region.values[1:3].tolist()
    with pytest.raises(GridError, match="nothing says where"):
        plane.drop_vars("z").atlas.region_at(at, axes=AXES, unit="mm", frame="dataset")


def test_between_picked_planes_there_is_nothing(small):
    picked = small.isel(z=[0, 1, 5])
    at = np.array([[0.1, 0, 0], [0.2, 0, 0], [0.3, 0, 0], [0.5, 0, 0]])
    found = picked.atlas.region_at(at, axes=AXES, unit="mm", frame="dataset")
    assert (found.status == 3).values.tolist() == [False, True, True, False]


def test_every_form_of_the_atlas(small):
    at = np.random.default_rng(2).uniform(-0.2, 1.5, (200, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = small.atlas.region_at(at, axes=AXES, unit="mm", frame="dataset")
        for other in (
            xarray_atlas.encode(small),
            small.chunk(z=4, y=2, x=3),
            small.rename(z="slices", x="cols"),
            small.isel(z=slice(None, None, -1)),
            small.annotation,
            small.annotation.rename("labels").transpose("x", "z", "y"),
            small.pint.to(dict.fromkeys("zyx", ureg.um)),
        ):
            assert other.atlas.region_at(at, axes=AXES, unit="mm", frame="dataset").identical(
                expected
            )


def test_on_the_grid_of_an_image(small):
    """`to_atlas` takes the grid to the atlas; points of the atlas's frames go the other way."""
    space = small.atlas.space
    matrix = np.eye(4)
    matrix[:3, 3] = [0.2, 0.0, 0.4]
    grid = dataclasses.replace(space, atlas=space, to_atlas=tuple(matrix.ravel()))
    carrier = xarray_atlas.AtlasIndex(small.atlas.terminology, grid)

    def on(index):
        coords = xr.Coordinates(index.create_variables(), indexes={"terminology": index})
        return small.drop_vars("terminology").assign_coords(coords)

    point = np.array([[0.35, 0.5, 1.0]])
    found = on(carrier).atlas.region_at(point, axes=AXES, unit="mm", frame="brainglobe")
    moved = point + space.corner - matrix[:3, 3]
    direct = small.atlas.region_at(moved, axes=AXES, unit="mm", frame="dataset")
    assert found.region.item() == direct.region.item()
    same = on(carrier).atlas.region_at(moved, axes=AXES, unit="mm", frame="dataset")
    assert same.region.item() == direct.region.item()
    field = xarray_atlas.AtlasIndex(small.atlas.terminology, dataclasses.replace(grid, to_atlas=()))
    with pytest.raises(GridError, match="displacement field"):
        on(field).atlas.region_at(point, axes=AXES, unit="mm", frame="brainglobe")


def test_level(allen):
    point = np.array([[7.5, 1.0, 4.4]])
    finest = allen.atlas.region_at(point, axes=AXES, unit="mm", frame="dataset")
    node = allen.atlas.region(finest.region.item())
    for level in range(node.depth + 2):
        found = allen.atlas.region_at(point, axes=AXES, unit="mm", level=level, frame="dataset")
        assert found.region.item() == node.path[min(level, node.depth)].acronym


# -- what is kept


def test_tables_keep_index_and_columns(small):
    table = pd.DataFrame(
        {"z": [0.1, 9.0], "y": [0.2, 0.2], "x": [0.4, 0.4], "depth": [1, 2], "region": ["?", "?"]},
        index=pd.Index(["c7", "c9"], name="cell"),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*1 of 2 points lie outside of the brain")
        found = small.atlas.region_at(table, unit="mm", frame="dataset")
    assert found.sizes == {"cell": 2}
    assert found.cell.values.tolist() == ["c7", "c9"]
    assert found.depth.values.tolist() == [1, 2]
    assert found.z.attrs["units"] == "mm"
    assert found.region.values.tolist() != ["?", "?"]
    assert found.status.values[1] == 3
    back = found.to_dataframe()
    assert back.index.equals(table.index)


def test_dimensions_and_coordinates_of_probes_are_kept(small):
    depth = xr.DataArray([0.0, 0.1, 0.2], dims="channel", attrs={"units": "mm"})
    shank = xr.DataArray([0.1, 0.3], dims="shank", attrs={"units": "mm"})
    points = xr.Dataset(
        {"ap": shank, "dv": depth, "ml": ((), 0.4, {"units": "mm"})},
        coords={"shank": ["a", "b"], "impedance": ("channel", [1.0, 2.0, 3.0])},
    )
    found = small.atlas.region_at(points, frame="dataset")
    assert dict(found.sizes) == {"shank": 2, "channel": 3}
    assert found.shank.values.tolist() == ["a", "b"]
    assert found.impedance.dims == ("channel",)
    one = small.atlas.region_at([[0.3, 0.2, 0.4]], axes=AXES, unit="mm", frame="dataset")
    assert found.region.sel(shank="b").values[2] == one.region.item()


def test_status_is_a_cf_flag_and_can_be_written(small, tmp_path):
    found = small.atlas.region_at([[0.1, 0.2, 0.4]], axes=AXES, unit="mm", frame="dataset")
    assert found.status.dtype == np.int8
    assert found.status.attrs["flag_values"].tolist() == [0, 1, 2, 3]
    assert found.status.attrs["flag_meanings"].split() == [
        "ok",
        "background",
        "unknown_label",
        "outside",
    ]
    found.to_zarr(tmp_path / "a.zarr", consolidated=False)
    again = xr.open_zarr(tmp_path / "a.zarr", consolidated=False).load()
    assert again.region.values.tolist() == found.region.values.tolist()


# -- units and axes


def test_bare_numbers_are_an_error(small):
    with pytest.raises(UnitsError, match=r"'points' has no unit; pass unit='um'"):
        small.atlas.region_at([[0, 0, 0]], axes=AXES, frame="dataset")
    with pytest.raises(UnitsError, match="'z' has no unit"):
        small.atlas.region_at(pd.DataFrame({"z": [0], "y": [0], "x": [0]}), frame="dataset")


def test_a_unit_that_contradicts_is_an_error(small):
    table = pd.DataFrame({"z": [0.1], "y": [0.2], "x": [0.4]})
    table.attrs["units"] = "um"
    assert small.atlas.region_at(table, unit="micrometer", frame="dataset").sizes == {"point": 1}
    with pytest.raises(UnitsError, match="'z' is in um by itself, and unit='mm' says otherwise"):
        small.atlas.region_at(table, unit="mm", frame="dataset")
    with pytest.raises(UnitsError, match="not a unit of length"):
        small.atlas.region_at([[0, 0, 0]] * ureg.s, axes=AXES, frame="dataset")
    with pytest.raises(UnitsError, match="and numbers without one"):
        small.atlas.region_at([["1 mm", 2, 3]], axes=AXES, frame="dataset")


def test_axes_that_cannot_be_told(small):
    table = pd.DataFrame({name: [0.1] for name in ("z", "y", "x", "ap")})
    with pytest.raises(PointsError, match="both 'ap' and 'z' may be"):
        small.atlas.region_at(table, unit="mm", frame="dataset")
    assert small.atlas.region_at(table, unit="mm", axes=("z", "y", "x"), frame="dataset").sizes == {
        "point": 1
    }
    with pytest.raises(PointsError, match="no positions along 'ap'"):
        small.atlas.region_at(table[["y", "x"]], unit="mm", frame="dataset")
    upper = pd.DataFrame({name: [0.1] for name in ("AP", "DV", "ML")})
    with pytest.raises(PointsError, match=r"columns=\{'ap': 'AP', 'dv': 'DV', 'ml': 'ML'\}"):
        small.atlas.region_at(upper, unit="mm", frame="dataset")
    with pytest.raises(PointsError, match="did you mean 'AP'"):
        small.atlas.region_at(
            pd.DataFrame({"AP": [1.0]}), unit="mm", columns={"ap": "Ap"}, frame="dataset"
        )
    with pytest.raises(PointsError, match="columns= has no axis 'depth'"):
        small.atlas.region_at(table, unit="mm", columns={"depth": "z"}, frame="dataset")
    for axes, message in (
        (None, "does not say which column"),
        (("ap", "dv"), "each axis once"),
        (("ap", "z", "x"), "each axis once"),
        (("ap", "dv", "lr"), "no axis 'lr'"),
    ):
        with pytest.raises(PointsError, match=message):
            small.atlas.region_at([[0, 0, 0]], unit="mm", axes=axes, frame="dataset")
    with pytest.raises(PointsError, match=r"shape \(n, 3\), not \(1, 2\)"):
        small.atlas.region_at([[0, 0]], unit="mm", axes=AXES, frame="dataset")


# -- outside


def test_nothing_wraps_and_nothing_is_dropped(small):
    bad = np.array([[-0.1, 0, 0], [np.nan, 0, 0], [0, np.inf, 0], [0, 0, 1.4], [0.1, 0.2, 0.4]])
    with pytest.warns(UserWarning, match="4 of 5 points lie outside"):
        found = small.atlas.region_at(bad, axes=AXES, unit="mm", frame="dataset")
    assert found.status.values[:4].tolist() == [3, 3, 3, 3]
    assert found.region.values[:4].tolist() == [""] * 4
    assert found.hemisphere.values[:4].tolist() == [""] * 4


def test_masked_positions_are_missing(small):
    masked = np.ma.array([[1, 1, 1], [1, 1, 1], [1, 1, 1]], mask=np.diag([False, True, True]))
    for points in (masked, masked.astype("f4"), ureg.Quantity(masked, "nm")):
        unit = None if hasattr(points, "units") else "nm"
        with pytest.warns(UserWarning, match="2 of them are NaN"):
            found = small.atlas.region_at(points, axes=AXES, unit=unit, frame="dataset")
        assert (found.status == 3).values.tolist() == [False, True, True]


def test_series_of_different_points_are_an_error(small):
    points = {axis: pd.Series([0.1, 0.2], index=["a", "b"]) for axis in AXES}
    found = small.atlas.region_at(points, unit="mm", frame="dataset")
    assert found.sizes == {"point": 2}
    points["ml"] = points["ml"].loc[["b", "a"]]
    with pytest.raises(PointsError, match="different indexes; put them into one table"):
        small.atlas.region_at(points, unit="mm", frame="dataset")


def test_raise_names_the_first_ones(small):
    points = [[-0.1, 0, 0], [0.1, 0.2, 0.4], [0.1, 0.2, 0.4]]
    with pytest.raises(PointsError, match=r"\[0\] \(ap=-0.1, dv=0, ml=0 mm\): outside"):
        small.atlas.region_at(points, axes=AXES, unit="mm", outside="raise", frame="dataset")
    with pytest.raises(ValueError, match="outside is 'missing' or 'raise'"):
        small.atlas.region_at(points, axes=AXES, unit="mm", outside="drop", frame="dataset")


@pytest.mark.parametrize(
    ("scale", "order", "message"),
    [
        (1000, [0, 1, 2], r"with a unit a thousand times smaller \('um'"),
        (1, [1, 0, 2], r"another order \(what is called dv read as ap, ap read as dv\)"),
        (10, [0, 1, 2], "unit='voxel'"),
    ],
)
def test_warning_names_what_would_be_inside(allen, scale, order, message):
    rng = np.random.default_rng(0)
    points = rng.uniform([10, 1, 3], [13, 7, 7], (50, 3))
    with pytest.warns(UserWarning, match=f"50 of 50 points lie outside.*% .* {message}"):
        allen.atlas.region_at(points[:, order] * scale, axes=AXES, unit="mm", frame="dataset")


def test_bregma_is_named(allen):
    with pytest.warns(
        UserWarning, match="a frame of bregma, such as frame=.ibl.|bregma, or any other"
    ):
        allen.atlas.region_at([[-3.0, -2, -1]], axes=AXES, unit="mm", frame="dataset")


def test_no_midline_is_no_error():
    labels = np.ones((2, 2, 2), "uint8")
    atlas = make_atlas(labels, make_terminology([-1]), (1.0, 1.0, 1.0), midline=None)
    found = atlas.atlas.region_at([[0, 0, 0]], axes=AXES, unit="mm", frame="dataset")
    assert (found.region.item(), found.hemisphere.item()) == ("R0", "")
    own = atlas.assign(hemispheres=atlas.annotation.astype("uint8") * 2)
    assert (
        own.atlas.region_at([[0, 0, 0]], axes=AXES, unit="mm", frame="dataset").hemisphere.item()
        == "right"
    )


# -- what is read


def test_only_chunks_with_points_are_read_and_each_once(small):
    small = small.assign(annotation=small.annotation.clip(1))  # no background, and no warning of it
    counted = Counted(small.annotation.values)
    lazy = small.assign(annotation=(small.annotation.dims, counted.dask((2, 5, 2))))
    rng = np.random.default_rng(0)
    points = rng.uniform([0, 0, 0], [0.14, 0.8, 1.2], (1000, 3))  # the first chunks along z
    found = lazy.atlas.region_at(points, axes=AXES, unit="mm", frame="dataset")
    expected = small.atlas.region_at(points, axes=AXES, unit="mm", frame="dataset")
    assert found.identical(expected)
    reads = Counter(tuple((s.start, s.stop) for s in key) for key in counted.reads)
    assert reads == {((0, 2), (0, 5), (0, 2)): 1, ((0, 2), (0, 5), (2, 4)): 1}


def test_one_point_reads_one_chunk_of_a_store(tmp_path):
    import zarr

    path = write_atlas(tmp_path)
    store = CountingStore(zarr.storage.LocalStore(path))
    array = zarr.open_array(store, path="0", mode="r")
    ds = xarray_atlas.open_atlas(path, resolution="25 um", midline="0.1 mm")
    lazy = ds.assign(annotation=(ds.annotation.dims, da.from_array(array, chunks=array.chunks)))
    store.keys.clear()
    found = lazy.atlas.region_at([[0.0, 0.0, 0.0]], axes=AXES, unit="mm", frame="dataset")
    assert len(store.chunks) == 1
    assert found.region_id.item() == ds.annotation.values[0, 0, 0]


def test_no_points(small):
    found = small.chunk().atlas.region_at(np.empty((0, 3)), axes=AXES, unit="mm", frame="dataset")
    assert found.sizes == {"point": 0}


@pytest.mark.filterwarnings("ignore:.*points lie outside")
def test_nothing_selected_holds_no_point(small):
    for ds in (small, small.chunk(), xarray_atlas.encode(small)):
        found = ds.sel(z=slice(20, 30)).atlas.region_at(
            [[0.1, 0.2, 0.4]], axes=AXES, unit="mm", frame="dataset"
        )
        assert found.status.values.tolist() == [3]

"""Transforms as values: points, chains, inverses, ends, checks and files."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pint
import pytest
import SimpleITK as sitk
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.known_transforms import (
    GRID,
    LPS,
    affine,
    itk_field,
    itk_matrix,
    itk_points,
    orthogonal,
    smooth,
)
from xarray_atlas import Transform
from xarray_atlas.errors import (
    GridError,
    StoreError,
    StoreExistsError,
    TransformError,
    UnitsError,
)
from xarray_atlas.transforms import lazy_fields
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import AffineStep, FieldStep, merged


def field(outside: Any = "identity", seed: int = 0, lazy: bool = False) -> Transform:
    data: Any = smooth((20, 24, 28), seed)
    data = da.from_array(data, chunks=(3, 7, 9, 10)) if lazy else data
    return Transform((FieldStep(data, GRID, outside),), End("image"), End("atlas"))


def inside(n: int, seed: int = 1, margin: float = 0.0) -> np.ndarray:
    """Points in the field's grid."""
    high = np.array([19, 23, 27]) - margin
    index = np.random.default_rng(seed).uniform(margin, high, (n, 3))
    return index @ GRID[:3, :3].T + GRID[:3, 3]


def test_a_matrix_equals_simpleitk() -> None:
    points = np.random.default_rng(0).uniform(-10, 10, (10_000, 3))
    mine = Transform.from_matrix(affine(3))
    wanted = itk_points(itk_matrix(affine(3)), points)
    np.testing.assert_allclose(mine.points(points), wanted, rtol=0, atol=1e-9)
    lps = np.eye(4)
    lps[:3, :3], lps[:3, 3] = LPS @ affine(3)[:3, :3] @ LPS, LPS @ affine(3)[:3, 3]
    again = Transform.from_matrix(lps, space="LPS")
    np.testing.assert_allclose(again.points(points), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_field_equals_simpleitk(lazy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy_fields, "BOX", 0)  # also small ones chunk by chunk
    data: Any = smooth((20, 24, 28))
    theirs = itk_field(data, orthogonal())
    step = FieldStep(
        da.from_array(data, chunks=(3, 7, 9, 10)) if lazy else data, orthogonal(), "identity"
    )
    mine = Transform((step,), End("image"), End("atlas"))
    index = np.random.default_rng(1).uniform(-3, [23, 27, 31], (10_000, 3))
    points = index @ orthogonal()[:3, :3].T + orthogonal()[:3, 3]
    wanted = itk_points(theirs, points)
    assert (np.abs(wanted - points).max(1) > 0).mean() > 0.4
    np.testing.assert_allclose(mine.points(points), wanted, rtol=0, atol=1e-9)


def test_a_chain_equals_simpleitk() -> None:
    first, second = itk_matrix(affine(1)), itk_field(smooth((20, 24, 28)), orthogonal())
    theirs = sitk.CompositeTransform(3)
    theirs.AddTransform(second)  # the last one added is applied first
    theirs.AddTransform(first)
    step = FieldStep(smooth((20, 24, 28)), orthogonal(), "identity")
    warp = Transform((step,), End("between"), End("atlas"))
    mine = warp @ Transform.from_matrix(affine(1), source="image", target="between")
    points = inside(2000)
    np.testing.assert_allclose(mine.points(points), itk_points(theirs, points), rtol=0, atol=1e-9)
    swapped = Transform.from_matrix(affine(1)) @ Transform((step,), End("a"), End("image"))
    assert np.abs(swapped.points(points) - mine.points(points)).max() > 0.01


@pytest.mark.parametrize("make", [lambda: Transform.from_matrix(affine(5)), field])
def test_an_inverse_leads_back(make: Any) -> None:
    transform = make()
    points = inside(5000, margin=4)
    there = transform.points(points)
    back = transform.inverse(tolerance="0.01 um")
    assert (back.source.name, back.target.name) == ("atlas", "image")
    np.testing.assert_allclose(back.points(there), points, rtol=0, atol=1e-4)
    np.testing.assert_allclose(back.inverse().points(points), there, rtol=0, atol=1e-12)


def test_the_inverse_of_a_chain_is_the_chain_of_inverses() -> None:
    warp = field().rename(source="between")
    chain = warp @ Transform.from_matrix(affine(7), target="between")
    points = inside(500, margin=4) @ np.linalg.inv(affine(7))[:3, :3].T
    points = points + np.linalg.inv(affine(7))[:3, 3]
    back = chain.inverse()
    np.testing.assert_allclose(back.points(chain.points(points)), points, rtol=0, atol=1e-3)


def test_a_fold_has_no_inverse_and_says_so() -> None:
    data = np.zeros((3, 30, 30, 30))
    at = np.linspace(-1, 1, 30)
    data[0] = (-2.5 * at * np.exp(-4 * at**2))[:, None, None] * 5
    grid = np.diag([0.3, 0.3, 0.3, 1.0])
    folded = Transform((FieldStep(data, grid, "identity"),), End("image"), End("atlas"))
    found = folded.check()
    jacobian = 1 + np.gradient(data[0, :, 0, 0], 0.3)
    assert found.folded == 900 * int((jacobian <= 0).sum()) > 0
    assert found.least_jacobian == pytest.approx(jacobian.min())
    assert not found.is_invertible
    assert "folds at" in repr(found)
    points = np.random.default_rng(0).uniform(0, 8.7, (2000, 3))
    with pytest.raises(TransformError, match=r"no inverse at .* points.*unsolved='missing'"):
        folded.inverse().points(points)
    back = folded.inverse(unsolved="missing").points(points)
    lost = np.isnan(back).any(axis=1)
    assert 0 < lost.sum() < 2000
    np.testing.assert_allclose(folded.points(back[~lost]), points[~lost], rtol=0, atol=2e-4)


def test_a_check_of_a_field() -> None:
    found = field().check()
    assert found.folded == 0
    assert found.voxels == 20 * 24 * 28
    assert found.outside == 0
    half = xr.DataArray(
        np.zeros((10, 10, 10)),
        {
            dim: (dim, np.linspace(low, high, 10), {"units": "mm", "direction": way})
            for dim, low, high, way in zip(
                "xyz",
                (1, -2, 0),
                (20, 3, 5),
                ("left-to-right", "posterior-to-anterior", "inferior-to-superior"),
                strict=True,
            )
        },
        ("x", "y", "z"),
    )
    found = field().check(half)
    points = np.stack(np.meshgrid(*(half[d].values for d in "xyz"), indexing="ij"), -1).reshape(
        -1, 3
    )
    index = (points - GRID[:3, 3]) @ np.linalg.inv(GRID[:3, :3]).T
    outside = ((index < -0.5) | (index >= np.array([20, 24, 28]) - 0.5)).any(axis=1)
    assert found.points == 1000
    assert found.outside == pytest.approx(outside.mean())


def test_outside_of_a_field() -> None:
    points = np.concatenate([inside(50), inside(50) + 100])
    with pytest.raises(TransformError, match=r"50 of 100 points lie outside.*identity.*nearest"):
        field("error").points(points)
    stay = field("error").outside("identity").points(points)
    assert stay[50:].tolist() == points[50:].tolist()
    edge = field("nearest").points(points)
    index = (points - GRID[:3, 3]) @ np.linalg.inv(GRID[:3, :3]).T
    held = np.clip(index, 0, [19, 23, 27]) @ GRID[:3, :3].T + GRID[:3, 3]
    np.testing.assert_allclose(edge - points, field("error").points(held) - held, atol=1e-9)
    gone = points.copy()
    gone[3, 1] = np.nan
    found = field("error").points(gone[:50])
    assert np.isnan(found).any(axis=1).nonzero()[0].tolist() == [3]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", ["t.zarr", "t.nc"])
def test_saved_and_read(tmp_path: Path, lazy: bool, name: str) -> None:
    warp = field(lazy=lazy).rename(source="between")
    chain = warp @ Transform.from_matrix(affine(7), target="between")
    both = chain.inverse("0.5 um", "missing")
    for transform in (chain, both):
        path = tmp_path / f"{transform.source.name}-{name}"
        transform.save(path)
        with pytest.raises(StoreExistsError):
            transform.save(path)
        opened = (
            xr.open_dataset(path, chunks={})
            if name == "t.nc"
            else xr.open_zarr(path, consolidated=False)
        )
        again = Transform.from_dataset(opened)
        assert (again.source, again.target) == (transform.source, transform.target)
        assert repr(again) == repr(transform)
        points = inside(100, margin=5)
        assert again.points(points).tolist() == transform.points(points).tolist()
        opened.close()
    assert (
        pickle.loads(pickle.dumps(chain)).points(points).tolist() == chain.points(points).tolist()
    )


def test_another_format_is_not_a_zarr_store(tmp_path: Path) -> None:
    for name in ("t.mat", "t.tfm", "t.nii.gz", "t.h5"):
        with pytest.raises(TransformError, match=r"zarr store \(.zarr\) or netCDF file"):
            Transform.from_matrix(affine(1)).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_is_none() -> None:
    with pytest.raises(TransformError, match="holds no transform"):
        Transform.from_dataset(xr.Dataset())
    later = Transform.from_matrix(affine(1)).to_dataset()
    key = next(iter(later.attrs))
    said = json.loads(later.attrs[key])
    with pytest.raises(TransformError, match="by a later release"):
        Transform.from_dataset(later.assign_attrs({key: json.dumps(said | {"version": 99})}))
    lost = field().to_dataset().drop_vars("field_0")
    with pytest.raises(TransformError, match="'field_0' with a field is missing"):
        Transform.from_dataset(lost)


def test_fields_as_arrays_and_back() -> None:
    array = field().fields[0]
    assert array.attrs["units"] == "mm"
    again = Transform.from_field(array, outside="identity")
    points = inside(500)
    np.testing.assert_allclose(again.points(points), field().points(points), atol=1e-12)
    um = (array * 1000).assign_attrs(units="um").transpose("k", "component", "i", "j")
    again = Transform.from_field(um.isel(component=[2, 0, 1]), outside="identity")
    np.testing.assert_allclose(again.points(points), field().points(points), atol=1e-12)


def test_a_field_along_its_own_coordinates() -> None:
    ways = ("anterior-to-posterior", "superior-to-inferior", "right-to-left")
    coords: dict[Any, Any] = {
        dim: (dim, np.arange(4.0), {"units": "mm", "direction": way})
        for dim, way in zip(("ap", "dv", "ml"), ways, strict=True)
    }
    values = np.zeros((4, 4, 4, 3))
    values[..., 0], values[..., 1], values[..., 2] = 0.1, 0.2, 0.3
    given = xr.DataArray(values, coords, ("ap", "dv", "ml", "c"), attrs={"units": "mm"})
    warp = Transform.from_field(given.assign_coords(c=["ap", "dv", "ml"]))
    # a point 1, 2, 3 mm to posterior, inferior, left is (-3, -1, -2) in RAS
    np.testing.assert_allclose(warp.points([[-3, -1, -2]]), [[-3.3, -1.1, -2.2]])
    with pytest.raises(GridError, match=r"labelled \[\].*assign_coords"):
        Transform.from_field(given)
    with pytest.raises(UnitsError, match="no unit"):
        Transform.from_field(given.assign_attrs(units=None).assign_coords(c=["ap", "dv", "ml"]))
    with pytest.raises(GridError, match="say their direction"):
        Transform.from_field(given.drop_vars("ml"))


def test_spaces_must_fit() -> None:
    a_to_b = Transform.from_matrix(affine(1), source="a", target="b")
    with pytest.raises(TransformError, match=r"first one gives points of End\('b'.*inverse"):
        a_to_b @ a_to_b
    assert (a_to_b.inverse() @ a_to_b).points([[1.0, 2, 3]]) == pytest.approx(np.array([[1, 2, 3]]))
    with pytest.raises(TypeError):
        a_to_b @ np.eye(4)


@pytest.mark.parametrize(
    ("points", "error", "match"),
    [
        ([1.0, 2, 3], TransformError, r"shape \(n, 3\)"),
        ([[1.0, 2]], TransformError, r"shape \(n, 3\)"),
        (["a"], TransformError, "numbers"),
        (pint.Quantity(np.zeros((2, 3)), "s"), UnitsError, "second"),
    ],
)
def test_what_are_no_points(points: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Transform.from_matrix(affine(1)).points(points)


def test_quantities_stay_quantities() -> None:
    found = Transform.from_matrix(np.diag([2.0, 2, 2, 1])).points(
        pint.Quantity([[1000.0, 0, 0]], "um")
    )
    assert found.units == pint.Unit("mm")
    assert found.magnitude.tolist() == [[2, 0, 0]]


def test_bound_to_an_atlas_and_an_image() -> None:
    ds = xarray_atlas.open_sample("100 um")
    ways = {"z": "inferior-to-superior", "y": "posterior-to-anterior", "x": "right-to-left"}
    image = xr.DataArray(
        np.zeros((2, 2, 2)),
        {d: (d, [0.0, 100], {"units": "um", "direction": w}) for d, w in ways.items()},
        ("z", "y", "x"),
    )
    t = Transform.from_matrix(affine(2), source="fixed", target="moving")
    bound = t.bind(source=image, target=ds)
    assert (bound.source.name, bound.target.name) == ("image", "atlas")
    zyx = np.random.default_rng(0).uniform(-3, 3, (100, 3))
    ras = np.stack([-zyx[:, 2], zyx[:, 1], zyx[:, 0]], axis=1)
    x, y, z = t.points(ras).T
    # z, y, x of the atlas run to posterior, inferior and left
    np.testing.assert_allclose(bound.points(zyx), np.stack([-y, -z, -x], axis=1), atol=1e-12)
    with pytest.raises(UnitsError, match="no unit"):
        t.inverse(tolerance=0.1)
    with pytest.raises(TransformError, match="pass it as source="):
        bound.bind(target=image)
    with pytest.raises(GridError, match="direction"):
        t.bind(source=xr.DataArray(np.zeros(3), dims="x"))


@pytest.mark.filterwarnings("ignore:no manifest says:UserWarning")
def test_bound_to_a_turned_atlas_it_maps_the_same_places() -> None:
    ds = xarray_atlas.open_sample("100 um")
    t = Transform.from_matrix(np.eye(4))
    corner = dataclasses.replace(
        t.target,
        frame="allen",
        axes=("ap", "dv", "ml"),
        directions=("anterior-to-posterior", "superior-to-inferior", "left-to-right"),
    )
    in_allen = dataclasses.replace(t, source=corner.rename("image"), target=corner)
    for turned in (ds, ds.atlas.reorient("lpi")):
        to = in_allen.bind(target=turned)
        at = to.points([[8.13, 0.83, 7.04]])[0]
        found = dict(zip(to.target.axes, at, strict=True))
        plain = turned.annotation.pint.dequantify()
        place = plain.sel(found, method="nearest").compute().item()
        assert (
            place
            == ds.atlas.region_at(
                [[8.13, 0.83, 7.04]], axes=("ap", "dv", "ml"), unit="mm", frame="allen"
            ).region_id.item()
        )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**20), st.integers(1, 4))
def test_chains_are_associative_and_matrices_merge(seed: int, count: int) -> None:
    steps = [AffineStep(affine(seed + i)) for i in range(count)]
    whole = merged(steps)
    assert len(whole) <= 1
    points = np.random.default_rng(seed).normal(size=(20, 3))
    wanted = points
    for step in steps:
        wanted = wanted @ step.matrix[:3, :3].T + step.matrix[:3, 3]
    found = Transform(whole, End("a"), End("b")).points(points)
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    broadcast = Transform(whole, End("a"), End("b")).apply(
        [points[:, 0].reshape(-1, 1, 1), points[:5, 1].reshape(1, -1, 1), points[:3, 2]]
    )
    x, y, z = np.meshgrid(points[:, 0], points[:5, 1], points[:3, 2], indexing="ij")
    alone = Transform(whole, End("a"), End("b")).points(np.stack([x, y, z], -1).reshape(-1, 3))
    for axis in range(3):
        part = np.broadcast_to(broadcast[axis], x.shape).ravel()
        np.testing.assert_allclose(part, alone[:, axis], atol=1e-12)


def test_on_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    monkeypatch.setattr(lazy_fields, "BOX", 0)
    points = inside(500)
    wanted = field().points(points)
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    )
    with cluster, Client(cluster):
        assert field(lazy=True).points(points).tolist() == wanted.tolist()


READ: list[Any] = []


def read_part(block_info: Any = None) -> Any:
    at = block_info[None]["array-location"]
    READ.append(at)
    return smooth((20, 24, 28))[tuple(slice(*part) for part in at)]


def test_a_lazy_field_is_read_where_points_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy_fields, "BOX", 0)
    whole = da.from_array(smooth((20, 24, 28)), chunks=(3, 7, 9, 10))
    lazy = da.map_blocks(read_part, chunks=whole.chunks, dtype=float, meta=np.empty((0,) * 4))
    warp = Transform((FieldStep(lazy, GRID, "error"),), End("image"), End("atlas"))
    READ.clear()
    repr(warp)
    warp.inverse()
    assert not READ
    at = np.array([[2.2, 3.3, 4.4], [2.8, 3.1, 4.0]]) @ GRID[:3, :3].T + GRID[:3, 3]
    assert warp.points(at).tolist() == field().points(at).tolist()
    assert len(READ) == 1


@pytest.mark.parametrize("count", [0, 1, 2**14 + 1, 2**17 + 3])
def test_many_points_are_those_of_each(count: int) -> None:
    points = inside(count) if count else np.empty((0, 3))
    warp = field()
    found = warp.points(points)
    step = warp.steps[0].apply([points[:, i] for i in range(3)])
    np.testing.assert_array_equal(found, np.stack(step, axis=1))
    far = field("error")
    if count > 1:
        points[-1] = 1000
        with pytest.raises(TransformError, match=f"1 of {count:,} points lie outside"):
            far.points(points)


def known_field(outside: Any, value: Any = 0.0) -> Transform:
    """A field of 10 mm along each axis, from 0 on, that moves points along x."""
    data = np.zeros((3, 10, 10, 10))
    data[0] = value
    grid = np.eye(4)
    grid[:3, 3] = 0.5
    return Transform((FieldStep(data, grid, outside),), End("image"), End("atlas"))


@pytest.mark.parametrize("lazy", [False, True])
def test_an_inverse_leaves_a_field_as_its_policy_says(lazy: bool) -> None:
    step = known_field("error", 2.0).steps[0]
    assert isinstance(step, FieldStep)
    if lazy:
        step = dataclasses.replace(step, data=da.from_array(step.data, chunks=5))
    warp = Transform((step,), End("image"), End("atlas"))
    y = np.array([[5.0, 5, 5], [11.0, 5, 5], [1.0, 5, 5], [50.0, 5, 5], [np.nan, 5, 5]])
    x = y - [2, 0, 0]
    with pytest.raises(TransformError, match=r"2 of 5 points come from outside .*unsolved='miss"):
        warp.inverse().points(y)
    found = warp.inverse(unsolved="missing").points(y)
    # a point that was moved out of the field is found, one that comes from outside is not
    np.testing.assert_allclose(found[:2], x[:2], atol=1e-6)
    assert np.isnan(found[2:]).all()
    np.testing.assert_allclose(warp.outside("nearest").inverse().points(y[:4]), x[:4], atol=1e-6)
    np.testing.assert_array_equal(warp.outside("identity").inverse().points(y[3:4]), y[3:4])


def test_where_a_field_is_nan_it_has_no_inverse() -> None:
    values = np.full((10, 10, 10), 0.25)
    values[6:] = np.nan
    warp = known_field("nearest", values)
    y = np.array([[2.25, 5, 5], [8.0, 5, 5]])
    np.testing.assert_array_equal(np.isnan(warp.points(y)[:, 0]), [False, True])
    with pytest.raises(TransformError, match=r"no inverse at 1 of 2 points: there .* is NaN"):
        warp.inverse().points(y)
    found = warp.inverse(unsolved="missing").points(y)
    np.testing.assert_allclose(found[0], [2.0, 5, 5], atol=1e-6)
    assert np.isnan(found[1]).all()
    assert warp.check().least_jacobian == pytest.approx(1.0)


def test_points_that_do_not_say_their_order_are_refused() -> None:
    t = Transform.from_matrix(np.eye(4))
    cells = pd.DataFrame({"z": [1.0], "y": [2.0], "x": [3.0]})
    with pytest.raises(TransformError, match=r"not a DataFrame.*df\[\['x', 'y', 'z'\]\]"):
        t.points(cells)
    np.testing.assert_array_equal(t.points(cells[["x", "y", "z"]].to_numpy()), [[3, 2, 1]])
    for wrong in (np.ones((1, 3), complex), np.ones((1, 3), "m8[s]")):
        with pytest.raises(TransformError, match="points are numbers"):
            t.points(wrong)
    masked = np.ma.masked_array([[1.0, 2, 3], [4, 5, 6]], mask=[[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(t.points(masked), [[np.nan] * 3, [4, 5, 6]])


def test_what_is_no_transform_is_named() -> None:
    with pytest.raises(GridError, match="Transform.from_field"):
        Transform.from_matrix(np.eye(3))
    with pytest.raises(GridError, match="complex"):
        Transform.from_matrix(np.eye(4) * (1 + 0j))
    array = field().fields[0]
    for wrong in (array.astype(complex), array > 0, array.astype(str)):
        with pytest.raises(GridError, match="not numbers"):
            Transform.from_field(wrong.assign_attrs(array.attrs))
    for name in ("", " ", None, 3):
        with pytest.raises(TransformError, match="name of a space"):
            Transform.from_matrix(np.eye(4), source=name)  # type: ignore[arg-type]
    with pytest.raises(TransformError, match="name of a space"):
        field().rename(source="")
    with pytest.raises(TypeError, match="bound to an atlas or an image.*str"):
        field().bind(source="image.nii")  # type: ignore[arg-type]


def test_a_part_of_a_field_that_was_written_is_refused() -> None:
    saved = field().to_dataset()
    same = Transform.from_dataset(saved.transpose(*list(saved.dims)[::-1]))
    np.testing.assert_array_equal(same.points(inside(50)), field().points(inside(50)))
    with pytest.raises(TransformError, match=r"\(3, 5, 24, 28\), and had \(3, 20, 24, 28\)"):
        Transform.from_dataset(saved.isel(i_0=slice(5)))


def test_a_description_that_is_no_transform_is_refused() -> None:
    saved = field().to_dataset()
    said = json.loads(saved.attrs["xarray_atlas_transform"])

    def opened(text: str) -> Transform:
        return Transform.from_dataset(saved.assign_attrs(xarray_atlas_transform=text))

    step = said["steps"][0]
    for wrong in (
        "{",
        "[]",
        json.dumps({k: v for k, v in said.items() if k != "steps"}),
        json.dumps(said | {"version": "x"}),
        json.dumps(said | {"source": {}}),
        *(
            json.dumps(said | {"steps": [step | change]})
            for change in (
                {"kind": "warp"},
                {"grid": [1, 2]},
                {"grid": [0] * 16},
                {"outside": "x"},
                {"degree": 2},
                {"variable": "x"},
            )
        ),
        json.dumps(said | {"steps": [{"kind": "affine", "matrix": [0] * 16}]}),
    ):
        with pytest.raises(TransformError):
            opened(wrong)
    assert opened(json.dumps(said)).kind == "field"


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_file_that_was_cut_short_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "t.nc"
    field().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StoreError, match=r"t\.nc cannot be read"):
        xarray_atlas.open_transform(path)


def test_a_check_does_not_blame_a_field_for_its_end() -> None:
    """Points that are moved out of a field come back, as its inverse has it."""
    found = known_field("error", 2.0).check()
    assert found.round_trip[1] < 0.2
    assert (found.unsolved, found.outside) == (0, 0.0)
    assert found.is_invertible

"""World coordinates: from an affine, on an object, and back."""

import itertools

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xarray_atlas.coords.world import (
    IDENTITY,
    WORLD,
    WORLD_DIRECTIONS,
    is_oblique,
    world_coordinates,
    world_of,
)
from xarray_atlas.errors import GridError

DIMS = ("z", "y", "x")
SHAPE = (4, 3, 5)
ORIENTATIONS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def aligned(order, signs, sizes=(0.5, 0.2, 1.5), first=(-9.0, 12.25, 3.1)):
    affine = np.zeros((4, 4))
    for column, (row, sign, size) in enumerate(zip(order, signs, sizes, strict=True)):
        affine[row, column] = sign * size
    affine[:, 3] = (*first, 1)
    return affine


def oblique(seed):
    random = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0] * random.uniform(0.1, 2, 3)
    affine[:3, 3] = random.uniform(-50, 50, 3)
    return affine


def image_of(affine, shape=SHAPE, **more):
    coords = world_coordinates(affine, shape, DIMS)
    return xr.DataArray(
        np.random.default_rng(0).random((2, *shape)), coords, ("time", *DIMS), **more
    )


def positions(image):
    """Every voxel's place in RAS mm, by what the object says, shape (z, y, x, 3)."""
    by_direction = {image[d].attrs["direction"]: d for d in image.dims if d in image.coords}
    grids = xr.broadcast(
        *(image[by_direction[d]].drop_vars(WORLD, errors="ignore") for d in WORLD_DIRECTIONS)
    )
    there = np.stack([grid.transpose(*DIMS).values for grid in grids], axis=-1)
    matrix = world_of(image)
    return there @ matrix[:3, :3].T + matrix[:3, 3]


def by_affine(affine, shape=SHAPE):
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_the_coordinates_of_an_aligned_array_are_those_of_the_world_to_the_float(order, signs):
    affine = aligned(order, signs)
    coords = world_coordinates(affine, SHAPE, DIMS)
    for column, dim in enumerate(DIMS):
        row = order[column]
        expected = affine[row, 3] + affine[row, column] * np.arange(SHAPE[column])
        assert (coords[dim].values == expected).all()
        assert coords[dim].attrs == {"units": "mm", "direction": WORLD_DIRECTIONS[row]}
    assert (world_of(image_of(affine)) == IDENTITY).all()
    np.testing.assert_allclose(positions(image_of(affine)), by_affine(affine), rtol=0, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_an_oblique_array_lies_where_its_affine_puts_it(seed):
    affine = oblique(seed)
    np.testing.assert_allclose(positions(image_of(affine)), by_affine(affine), rtol=0, atol=1e-10)
    assert is_oblique(world_of(image_of(affine)))


@given(st.integers(0, 2**32 - 1))
def test_coordinates_follow_the_nearest_axes_and_are_as_far_apart_as_the_voxels(seed):
    affine = oblique(seed)
    coords = world_coordinates(affine, SHAPE, DIMS)
    assert {coords[dim].attrs["direction"] for dim in DIMS} == set(WORLD_DIRECTIONS)
    for column, dim in enumerate(DIMS):
        steps = np.abs(np.diff(coords[dim].values))
        np.testing.assert_allclose(steps, np.linalg.norm(affine[:3, column]), rtol=1e-10)
    turn = world_of(image_of(affine))[:3, :3]
    assert (np.diagonal(turn) > 0.3).all()  # each coordinate grows towards what it says


def test_one_plane_says_how_thick_it_is():
    coords = world_coordinates(aligned((0, 1, 2), (1, -1, 1)), (4, 1, 5), DIMS)
    assert coords["y"].attrs["spacing_mm"] == 0.2
    assert "spacing_mm" not in coords["z"].attrs


@pytest.mark.parametrize(
    "operation",
    [
        lambda a: a.isel(z=slice(1, 3), y=[0, 2]),
        lambda a: a.isel(x=slice(None, None, -1)),
        lambda a: a.mean("time"),
        lambda a: a * 2 - a,
        lambda a: np.sqrt(a),
        lambda a: a.transpose("x", ...),
        lambda a: a.to_dataset(name="v"),
        lambda a: a.to_dataset(name="v").v,
        lambda a: xr.concat([a, a], "time"),
        lambda a: a.where(a > 0.5),
        lambda a: a.chunk(),
        lambda a: a.sel(z=-9, method="nearest"),
        lambda a: a.rename(z="slices"),
        lambda a: a.astype("f4"),
        lambda a: a.groupby("group").mean(),
    ],
)
def test_the_matrix_survives(operation):
    image = image_of(oblique(3)).assign_coords(group=("time", [0, 1]))
    np.testing.assert_array_equal(world_of(operation(image)), world_of(image))


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf", "scipy", "zarr"])
@pytest.mark.parametrize("affine", [aligned((2, 0, 1), (1, -1, -1)), oblique(5)])
def test_the_matrix_survives_files(tmp_path, engine, affine):
    image = image_of(affine, name="bold")
    if engine == "zarr":
        image.to_zarr(tmp_path / "a.zarr", consolidated=False)
    else:
        image.to_netcdf(tmp_path / "a.nc", engine=engine)
    place = tmp_path / ("a.zarr" if engine == "zarr" else "a.nc")
    options = {"consolidated": False} if engine == "zarr" else {}
    with xr.open_dataarray(place, engine=engine, **options) as again:
        assert (world_of(again) == world_of(image)).all()
        assert (again.z.values == image.z.values).all()


def test_a_lost_matrix_is_an_error_unless_it_was_the_identity():
    image = image_of(aligned((0, 1, 2), (1, 1, 1)))
    image.world.attrs.clear()
    assert (world_of(image) == IDENTITY).all()
    opened = image_of(oblique(2))
    image = opened.copy(deep=True)
    image.world.attrs = {}
    with pytest.raises(GridError, match="assign_coords"):
        world_of(image)
    mended = image.assign_coords(world=opened.world)  # the advice
    assert (world_of(mended) == world_of(opened)).all()
    assert world_of(image.drop_vars("world")) is None
    image.world.attrs["to_ras_mm"] = list(np.eye(4).ravel())
    with pytest.raises(GridError, match="changed"):
        world_of(image)


@pytest.mark.parametrize(
    "affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1, 1, 0, 1])]
)
def test_an_affine_of_no_volume_is_an_error(affine):
    with pytest.raises(GridError, match="affine"):
        world_coordinates(affine, SHAPE, DIMS)

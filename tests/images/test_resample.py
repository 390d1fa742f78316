"""An atlas on the grid of an image, and an image on that of an atlas."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import dask
import dask.array as da
import numpy as np
import pint
import pint_xarray  # noqa: F401  # the .pint accessor
import pytest
import scipy.ndimage
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import BIG, Counted, make_atlas, make_terminology, no_compute
from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.errors import GridError, HemisphereError, TransformError, UnitsError

pytestmark = pytest.mark.version_independent

ureg = pint.get_application_registry()

TERMS = make_terminology([-1, 0, 0, 1, 3, 2], [[1], [2], [BIG[0]], [BIG[1]], [2**31 + 5], [7]])
LABELS = np.array([0, 1, 2, BIG[0], BIG[1], 2**31 + 5, 7], np.uint32)


ASR = {name: DIRECTIONS[letter] for name, letter in zip("zyx", "asr", strict=True)}


def rotation(a: float, b: float, c: float) -> Any:
    """A rotation that no transposition, sign or reversal leaves as it is."""

    def one(i: int, j: int, angle: float) -> Any:
        m = np.eye(3)
        m[i, i] = m[j, j] = np.cos(angle)
        m[i, j], m[j, i] = -np.sin(angle), np.sin(angle)
        return m

    return one(0, 1, a) @ one(1, 2, b) @ one(0, 2, c)


def affine(linear: Any, shift: Any) -> Any:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, shift
    return matrix


def labels_of(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).choice(LABELS, shape).astype(np.uint32)


def image_on(
    centres: dict[str, Any],
    unit: str = "mm",
    before: dict[str, int] | None = None,
    directions: dict[str, str] | None = None,
    values: Any = None,
) -> xr.DataArray:
    """An image with coordinates in any unit, its spatial dimensions in the order given.

    They run as those of an atlas in "asr" do, where no directions are given.
    """
    directions = ASR if directions is None else directions
    factor = {"mm": 1, "um": 1000, "m": 0.001}[unit]
    coords = {}
    for name, positions in centres.items():
        attrs = {"units": unit}
        if name in directions:
            attrs["direction"] = directions[name]
        positions = np.asarray(positions, float)
        coords[name] = ((name,) if positions.ndim else (), positions * factor, attrs)
    dims = [*(before or {}), *(name for name, v in centres.items() if np.ndim(v))]
    shape = [*(before or {}).values(), *(len(v) for v in centres.values() if np.ndim(v))]
    values = np.zeros(shape, np.float32) if values is None else values
    return xr.DataArray(values, dims=dims, coords=coords, name="recording")


def brute(
    ds: xr.Dataset, centres: list[Any], matrix: Any, dims: tuple[str, ...] = ("z", "y", "x")
) -> Any:
    """The label of each voxel, one by one: positions in mm, then the voxel that holds them."""
    source = ds.annotation.transpose(*dims)
    values = np.asarray(source.values)
    out = np.zeros([len(c) for c in centres], values.dtype)
    for index in np.ndindex(*out.shape):
        point = matrix @ [*(c[i] for c, i in zip(centres, index, strict=True)), 1]
        place = []
        for axis, dim in enumerate(dims):
            c = np.asarray(source[dim].values, float)
            size = abs(c[1] - c[0]) if c.size > 1 else ds.atlas.space.voxel_size["zyx".index(dim)]
            held = [i for i in range(c.size) if c[i] - size / 2 <= point[axis] < c[i] + size / 2]
            place += held[:1]
        if len(place) == 3:
            out[index] = values[tuple(place)]
    return out


MATRIX = affine(rotation(0.3, -0.5, 0.2), (0.23, -0.31, 0.52))


def small(**kwargs: Any) -> xr.Dataset:
    return make_atlas(labels_of((9, 7, 6)), TERMS, (0.1, 0.2, 0.3), (0.05, -0.3, 1.0), **kwargs)


CENTRES = {
    "z": 0.1 + 0.11 * np.arange(6),
    "y": -0.2 + 0.17 * np.arange(5),
    "x": 0.9 + 0.21 * np.arange(7),
}


@settings(max_examples=25)
@given(st.data())
def test_labels_by_brute_force(drawn: st.DataObject) -> None:
    shape = drawn.draw(st.tuples(*[st.integers(1, 5)] * 3))
    size = drawn.draw(st.tuples(*[st.sampled_from([0.05, 0.1, 0.4])] * 3))
    dtype = drawn.draw(st.sampled_from(["u4", "i8", "u8", ">u4"]))
    seed = drawn.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    data: Any = labels_of(shape, seed).astype(dtype)
    chunks = drawn.draw(st.none() | st.tuples(*(st.integers(1, n) for n in shape)))
    ds = make_atlas(data if chunks is None else da.from_array(data, chunks), TERMS, size)
    turned = [drawn.draw(st.booleans()) for _ in range(3)]
    ds = ds.isel({d: slice(None, None, -1) for d, t in zip("zyx", turned, strict=True) if t})
    atlas_dims = drawn.draw(st.permutations("zyx"))
    ds = ds.transpose(*atlas_dims)
    names = drawn.draw(st.permutations("zyx"))
    extent = np.array(shape) * size
    # of unusual numbers, so that no centre falls on a face
    centres = {
        n: rng.uniform(-0.2, 0.1)
        + rng.uniform(0.03, 0.3) * np.arange(drawn.draw(st.integers(2, 5)))
        for n in names
    }
    if drawn.draw(st.booleans()):
        centres[names[0]] = centres[names[0]][::-1].copy()
    matrix = affine(rotation(*rng.uniform(-1, 1, 3)), rng.uniform(-0.2, 0.4, 3) * extent)
    image = image_on(centres, drawn.draw(st.sampled_from(["mm", "um"])), {"time": 2})
    image = image.chunk() if drawn.draw(st.booleans()) else image
    if drawn.draw(st.booleans()):
        image = xarray_atlas.decode(image)
    if drawn.draw(st.booleans()):
        ds = xarray_atlas.encode(ds)
    out = xarray_atlas.resample_like(ds, image, matrix)
    assert out.annotation.dims == tuple(names)
    assert out.annotation.dtype == data.dtype
    assert isinstance(out.annotation.data, da.Array) == (chunks is not None)
    wanted = brute(ds, [centres[n] for n in names], matrix, tuple(atlas_dims))
    np.testing.assert_array_equal(out.annotation.values, wanted)
    reversed_matrix = matrix[np.ix_([2, 1, 0, 3], [2, 1, 0, 3])]
    again = xarray_atlas.resample_like(ds, image, reversed_matrix, order="xyz")
    np.testing.assert_array_equal(again.annotation.values, wanted)


def voxel_matrix(ds: xr.Dataset, matrix: Any) -> tuple[Any, Any]:
    """What scipy takes: from the image's indices to the atlas's."""
    size, first = np.array(ds.atlas.space.voxel_size), [float(ds[d].values[0]) for d in "zyx"]
    step = [c[1] - c[0] for c in CENTRES.values()]
    at = [c[0] for c in CENTRES.values()]
    linear = matrix[:3, :3] * step / size[:, None]
    return linear, (matrix[:3, :3] @ at + matrix[:3, 3] - first) / size


def test_scipy_agrees_and_no_wrong_reading_passes() -> None:
    template = np.random.default_rng(3).normal(size=(9, 7, 6)).astype(np.float32)
    ds = small(template=template)
    out = xarray_atlas.resample_like(ds, image_on(CENTRES), MATRIX)
    linear, offset = voxel_matrix(ds, MATRIX)
    shape = out.annotation.shape
    labels = scipy.ndimage.affine_transform(
        ds.annotation.values.astype(np.float64),
        linear,
        offset,
        shape,
        order=0,
        mode="grid-constant",
    )
    inside = scipy.ndimage.affine_transform(
        np.ones((9, 7, 6)), linear, offset, shape, order=1, mode="constant", cval=np.nan
    )
    inner = ~np.isnan(inside)
    assert inner.sum() > 40
    np.testing.assert_array_equal(out.annotation.values[inner], labels[inner])
    values = scipy.ndimage.affine_transform(
        template.astype(np.float64), linear, offset, shape, order=1, mode="nearest"
    )
    known = ~np.isnan(out.template.values)
    np.testing.assert_allclose(out.template.values[known], values[known], atol=1e-5)
    assert out.template.dtype == np.float32
    # a voxel is known where its label is looked up
    np.testing.assert_array_equal(known, brute_inside(ds, MATRIX))
    flipped = [2, 1, 0, 3]
    wrong = {
        "direction": np.linalg.inv(MATRIX),
        "order": MATRIX[np.ix_(flipped, flipped)],
        "rows": MATRIX[flipped],
        "rotation": affine(MATRIX[:3, :3].T, MATRIX[:3, 3]),
        "translation": affine(MATRIX[:3, :3], -MATRIX[:3, 3]),
    }
    for name, matrix in wrong.items():
        other = xarray_atlas.resample_like(ds, image_on(CENTRES), matrix)
        assert (other.annotation.values != out.annotation.values).mean() > 0.3, name


def brute_inside(ds: xr.Dataset, matrix: Any) -> Any:
    ones = ds.assign(annotation=(("z", "y", "x"), np.ones((9, 7, 6), np.uint32)))
    return brute(ones, list(CENTRES.values()), matrix) == 1


def test_a_position_below_a_face_belongs_to_the_upper_voxel() -> None:
    ds = small()
    faces = ds.z.values - 0.05
    image = image_on({"z": faces[:8] - 1e-8, "y": ds.y.values, "x": ds.x.values})
    out = xarray_atlas.resample_like(ds, image)
    np.testing.assert_array_equal(out.annotation.values, ds.annotation.values[:8])
    points = xarray_atlas.interp(ds, z=faces[:8] - 1e-8)
    np.testing.assert_array_equal(out.annotation.values, points.annotation.values)
    below = image_on({"z": faces[1:8] - 1e-5, "y": ds.y.values, "x": ds.x.values})
    out = xarray_atlas.resample_like(ds, below)
    np.testing.assert_array_equal(out.annotation.values, ds.annotation.values[:7])
    # the last face is outside
    last = image_on({"z": [faces[8] + 0.1, faces[8] + 0.2], "y": ds.y.values, "x": ds.x.values})
    assert not xarray_atlas.resample_like(ds, last).annotation.any()


def test_lps() -> None:
    """A matrix as ITK has it, for every pair of orientations."""
    lps = affine(rotation(0.2, 0.1, -0.3), (0.11, 0.07, -0.05))
    for atlas_letters, image_letters in (
        ("asr", "asr"),
        ("asr", "lpi"),
        ("ras", "sla"),
        ("psl", "ria"),
    ):
        ds = small(orientation=atlas_letters)
        directions = {d: DIRECTIONS[c] for d, c in zip("zyx", image_letters, strict=True)}
        image = image_on(CENTRES, directions=directions)
        out = xarray_atlas.resample_like(ds, image, lps, space="LPS")

        def to_lps(letters: str) -> Any:
            # L grows to the left: of a coordinate that starts at the right
            rows = {"r": (0, 1), "l": (0, -1), "a": (1, 1), "p": (1, -1), "i": (2, 1), "s": (2, -1)}
            m = np.zeros((4, 4))
            m[3, 3] = 1
            for column, c in enumerate(letters):
                m[rows[c][0], column] = rows[c][1]
            return m

        matrix = np.linalg.inv(to_lps(atlas_letters)) @ lps @ to_lps(image_letters)
        wanted = brute(ds, list(CENTRES.values()), matrix)
        np.testing.assert_array_equal(out.annotation.values, wanted)
        np.testing.assert_allclose(np.reshape(out.atlas.space.to_atlas, (4, 4)), matrix)
    with pytest.raises(ValueError, match="says the order of x, y and z too"):
        xarray_atlas.resample_like(ds, image, lps, space="LPS", order="xyz")
    strange = image.rename(z="depth", y="row", x="column")
    for name in strange.dims:
        del strange[name].attrs["direction"]
    for said in ({"space": "LPS"}, {"space": "RAS"}, {}, {"order": "xyz"}):
        with pytest.raises(GridError, match=r"image\['depth'\].attrs\['direction'\]"):
            xarray_atlas.resample_like(ds, strange, lps, **said)
        with pytest.raises(GridError, match=r"image\['depth'\].attrs\['direction'\]"):
            xarray_atlas.resample(strange, ds, lps, **said)


def test_axes_are_found_by_direction() -> None:
    ds = small()
    image = image_on(CENTRES)
    wanted = xarray_atlas.resample_like(ds, image).annotation.values
    named = image.rename(z="slice", y="row", x="column")
    out = xarray_atlas.resample_like(ds, named.transpose("column", "slice", "row"))
    assert out.annotation.dims == ("column", "slice", "row")
    np.testing.assert_array_equal(out.annotation.transpose("slice", "row", "column"), wanted)
    assert out.atlas.space.dims == ("column", "slice", "row")
    assert out.atlas.space.orientation == "ras"
    unsaid = image_on(CENTRES, directions={})
    with pytest.raises(GridError, match=r"coordinates 'z', 'y', 'x' .*names alone.*open_image"):
        xarray_atlas.resample_like(ds, unsaid)
    bare = unsaid.rename(z="slice", y="row", x="column")
    with pytest.raises(GridError, match=r"coordinates 'slice', 'row', 'column'"):
        xarray_atlas.resample_like(ds, bare)
    # a matrix relates positions, and says nothing of directions
    with pytest.raises(GridError, match=r"coordinates 'slice', 'row', 'column'"):
        xarray_atlas.resample_like(ds, bare, np.eye(4))
    other = image.assign_coords(x=image.x.assign_attrs(direction="left-to-right"))
    with pytest.raises(GridError, match=r"reorient\('asl'\)"):
        xarray_atlas.resample_like(ds, other)


def test_a_displacement_field() -> None:
    ds = small().chunk({"z": 4, "y": 3, "x": 6})
    image = image_on(CENTRES)
    rng = np.random.default_rng(5)
    moves = rng.normal(scale=0.15, size=(6, 5, 7, 3))
    grid = np.stack(np.meshgrid(*CENTRES.values(), indexing="ij"), axis=-1)
    wanted = np.zeros((6, 5, 7), np.uint32)
    first, size = np.array([0.05, -0.3, 1.0]), np.array([0.1, 0.2, 0.3])
    for index in np.ndindex(6, 5, 7):
        at = np.floor((grid[index] + moves[index] - first) / size + 0.5).astype(int)
        if (at >= 0).all() and (at < (9, 7, 6)).all():
            wanted[index] = ds.annotation.values[tuple(at)]
    coords = {**image.coords, "component": ["z", "y", "x"]}
    field = xr.DataArray(moves, coords, ("z", "y", "x", "component"), attrs={"units": "mm"})
    with pytest.raises(UnitsError, match="has no unit; give it one"):
        xarray_atlas.resample_like(ds, image, field.assign_attrs(units=None))
    with dask.config.set(scheduler=no_compute):
        out = xarray_atlas.resample_like(ds, image, field)
    np.testing.assert_array_equal(out.annotation.values, wanted)
    assert out.atlas.space.to_atlas == ()
    assert out.atlas.space.atlas == ds.atlas.space
    in_um = (
        (field * 1000)
        .assign_attrs(units="um")
        .isel(component=[2, 0, 1])
        .transpose("component", ...)
    )
    for other in (
        in_um,
        in_um.chunk({"z": 2, "component": 1}),
        in_um.transpose("x", "component", "z", "y"),
    ):
        again = xarray_atlas.resample_like(ds, image, other)
        np.testing.assert_array_equal(again.annotation.values, wanted)
    plain = field.drop_vars("component")
    again = xarray_atlas.resample_like(ds.compute(), image, plain[..., ::-1], order="xyz")
    np.testing.assert_array_equal(again.annotation.values, wanted)
    # in ITK's axes: x to the left, y to the posterior, z to the superior, against "asr"
    itk = plain.copy(data=np.stack([moves[..., 2], moves[..., 0], -moves[..., 1]], -1))
    again = xarray_atlas.resample_like(ds, image, itk, space="LPS")
    np.testing.assert_array_equal(again.annotation.values, wanted)
    nowhere = field.copy(data=np.full_like(moves, np.nan))
    assert not xarray_atlas.resample_like(ds, image, nowhere).annotation.any()
    elsewhere = xarray_atlas.resample_like(ds, image, field.assign_coords(z=field.z + 1))
    with pytest.raises(TransformError, match="lie outside of the displacement field"):
        elsewhere.annotation.compute()
    with pytest.raises(GridError, match="one of length 3"):
        xarray_atlas.resample_like(ds, image, field.isel(component=slice(2)))
    with pytest.raises(GridError, match="called"):
        xarray_atlas.resample_like(ds, image, field.assign_coords(component=["a", "b", "c"]))


def test_a_field_reads_what_is_under_it() -> None:
    ds = xarray_atlas.open_sample("50 um")
    part = {
        "z": 5 + 0.05 * np.arange(4),
        "y": 1 + 0.05 * np.arange(4),
        "x": 3 + 0.05 * np.arange(4),
    }
    image = image_on(part)
    field = xr.DataArray(
        np.full((4, 4, 4, 3), 0.1), dims=("z", "y", "x", "axis"), attrs={"units": "mm"}
    )
    out = xarray_atlas.resample_like(ds, image, field)
    shifted = xarray_atlas.resample_like(ds, image, affine(np.eye(3), (0.1, 0.1, 0.1)))
    np.testing.assert_array_equal(out.annotation.values, shifted.annotation.values)
    # no chunk of the annotation is a task
    graph = out.annotation.data.__dask_graph__()
    assert ds.annotation.data.name not in graph.layers


def test_only_chunks_under_the_image_are_read() -> None:
    labels = labels_of((40, 40, 40))
    counted = Counted(labels)
    ds = make_atlas(counted.dask((10, 10, 10)), TERMS, (0.1, 0.1, 0.1))
    image = image_on({"z": [1.2, 1.3], "y": [2.2, 2.3], "x": [0.7, 0.8, 0.9, 1.0]})
    with dask.config.set(scheduler=no_compute):
        out = xarray_atlas.resample_like(ds, image, fractions=True)
    assert counted.reads == []
    out.annotation.compute()
    assert sorted(part[2].start for part in counted.reads) == [0, 10]
    assert {(part[0].start, part[1].start) for part in counted.reads} == {(10, 20)}


def test_one_task_a_block() -> None:
    ds = make_atlas(
        da.zeros((400, 400, 400), dtype=np.uint32, chunks=100), TERMS, (0.01, 0.01, 0.01)
    )
    image = image_on({d: 0.01 * np.arange(400) for d in "zyx"})
    with dask.config.set({"array.chunk-size": "4MiB"}):
        out = xarray_atlas.resample_like(ds, image, MATRIX)
    data = out.annotation.data
    layer = data.__dask_graph__().layers[data.name]
    assert len(layer) == data.npartitions + 1  # and the map, which they share
    assert np.prod(data.chunksize) * 4 <= 2**22


def test_coarse_blocks_of_a_fine_atlas_stay_small() -> None:
    ds = make_atlas(
        da.zeros((400, 400, 400), dtype=np.uint32, chunks=50), TERMS, (0.01, 0.01, 0.01)
    )
    image = image_on({d: 0.2 * np.arange(20) for d in "zyx"})
    with dask.config.set({"array.chunk-size": "4MiB"}):
        data = xarray_atlas.resample_like(ds, image).annotation.data
    graph = data.__dask_graph__()
    depends = graph.get_all_dependencies()
    most = max(len(depends[key]) for key in graph.layers[data.name])
    assert most * 50**3 * 4 <= 4 * 2**22


def test_blocks_of_many_frames_stay_small() -> None:
    ds = make_atlas(np.zeros((60, 60, 60), np.uint32), TERMS, (0.01, 0.01, 0.01))
    frames = da.zeros((500, 20, 20, 20), chunks=(250, 20, 20, 20))
    image = image_on({d: 0.03 * np.arange(20) for d in "zyx"}, "mm", {"time": 500}, values=frames)
    with dask.config.set({"array.chunk-size": "4MiB"}):
        out = xarray_atlas.resample(image, ds)
    assert out.sizes["time"] == 500
    assert out.chunksizes["time"] == (250, 250)
    assert np.prod(out.data.chunksize) * 8 <= 2**22


def test_template_keeps_its_type() -> None:
    template = np.random.default_rng(0).integers(0, 600, (9, 7, 6)).astype(np.uint16)
    ds = small(template=template, extra=template, wanted=template > 300)
    out = xarray_atlas.resample_like(ds, image_on(CENTRES), MATRIX)
    floats = xarray_atlas.resample_like(
        ds.assign(template=ds.template.astype(float)), image_on(CENTRES), MATRIX
    )
    np.testing.assert_array_equal(out.template, floats.template.fillna(0).round().astype(np.uint16))
    assert out.template.dtype == np.uint16
    near = xarray_atlas.resample_like(ds, image_on(CENTRES), MATRIX, method="nearest")
    # other integers, and masks, are looked up
    np.testing.assert_array_equal(near.template, out.extra)
    np.testing.assert_array_equal(near.template > 300, out.wanted)
    assert out.wanted.dtype == bool
    smooth = xarray_atlas.resample_like(ds, image_on(CENTRES), MATRIX, method="linear")
    np.testing.assert_array_equal(smooth.extra, out.template)
    np.testing.assert_array_equal(smooth.annotation, out.annotation)
    with pytest.raises(GridError, match="fractions=True"):
        xarray_atlas.resample_like(ds.annotation, image_on(CENTRES), method="linear")
    with pytest.raises(ValueError, match="'nearest' or 'linear'"):
        xarray_atlas.resample_like(ds, image_on(CENTRES), method="cubic")
    with pytest.raises(GridError, match=r"drop_vars\('profile'\)"):
        xarray_atlas.resample_like(ds.assign(profile=("z", np.zeros(9))), image_on(CENTRES))


def test_hemispheres_are_those_of_the_atlas() -> None:
    ds = small().drop_vars("hemispheres", errors="ignore")
    matrix = affine(rotation(0.1, 0.2, 0.3), (0.1, 0.1, -0.4))
    out = xarray_atlas.resample_like(ds, image_on(CENTRES), matrix)
    x = ds.x.values
    sides = np.where(x >= ds.atlas.space.midline, 1, 2).astype(np.uint8)
    whole = ds.assign(
        annotation=(("z", "y", "x"), np.broadcast_to(sides, (9, 7, 6)).astype(np.uint8))
    )
    wanted = brute(whole, list(CENTRES.values()), matrix)
    np.testing.assert_array_equal(out.hemispheres.values, wanted)
    assert set(np.unique(wanted)) == {0, 1, 2}
    assert out.atlas.space.midline is None
    left = out.atlas.mask("R1", hemisphere="left")
    np.testing.assert_array_equal(left, out.atlas.mask("R1") & (out.hemispheres == 1))
    given_sides = ds.assign(hemispheres=(("z", "y", "x"), np.full((9, 7, 6), 2, np.uint8)))
    assert 1 not in xarray_atlas.resample_like(given_sides, image_on(CENTRES)).hemispheres
    none = xarray_atlas.resample_like(small(midline=None), image_on(CENTRES))
    assert "hemispheres" not in none
    with pytest.raises(HemisphereError):
        none.atlas.mask("R1", hemisphere="left")


def test_an_assumed_midline_warns_when_it_is_used() -> None:
    out = xarray_atlas.resample_like(small(assumed=True), image_on(CENTRES))
    with pytest.warns(UserWarning, match="before this atlas was brought onto another grid"):
        out.atlas.mask("R1", hemisphere="left")
    with pytest.warns(UserWarning, match="brought onto another grid"):
        xarray_atlas.decode(xarray_atlas.encode(out)).atlas.mask("R1", hemisphere="left")


def test_the_space_of_the_image(tmp_path: Any) -> None:
    ds = small().assign_attrs(
        source="there", level="1", name="mouse", symmetric=1, orientation="asr"
    )
    turned = affine([[0, -1, 0], [0.1, 0, 0.99], [-1, 0, 0.1]], (0.6, -0.2, 1.4))
    out = xarray_atlas.resample_like(ds, image_on(CENTRES, "um"), turned)
    space = out.atlas.space
    # z of the image follows -x of the atlas, y its -z, x its y
    assert space.orientation == "lps"
    assert out.z.attrs["direction"] == "left-to-right"
    np.testing.assert_allclose(space.voxel_size, (0.11, 0.17, 0.21))
    np.testing.assert_allclose(space.corner, (0.1 - 0.055, -0.2 - 0.085, 0.9 - 0.105))
    assert space.shape == (6, 5, 7)
    assert space.atlas == ds.atlas.space
    np.testing.assert_allclose(np.reshape(space.to_atlas, (4, 4)), turned)
    assert out.attrs == {"name": "mouse", "orientation": "lps"}
    for back in (
        xarray_atlas.decode(xarray_atlas.encode(out)),
        pickle.loads(pickle.dumps(out)),
        _through_zarr(out, tmp_path / "a.zarr"),
    ):
        assert back.identical(out)
        assert back.atlas.space == space
        assert back.atlas.space.to_atlas == space.to_atlas
        assert back.atlas.space.atlas == space.atlas
    # a second image, with a matrix to the first: composed
    second = image_on({"z": [0.2, 0.3], "y": [0.1, 0.2, 0.3], "x": [1.2, 1.4]})
    step = affine(rotation(0.1, 0.05, 0.02), (0.02, 0.03, 0.04))
    twice = xarray_atlas.resample_like(out, second, step)
    np.testing.assert_allclose(np.reshape(twice.atlas.space.to_atlas, (4, 4)), turned @ step)
    assert twice.atlas.space.atlas == ds.atlas.space


def _through_zarr(ds: xr.Dataset, path: Any) -> xr.Dataset:
    ds.atlas.encode().to_zarr(path, zarr_format=3, consolidated=False)
    return xarray_atlas.decode(xr.open_zarr(path, consolidated=False).load())


def test_reorient_composes() -> None:
    out = xarray_atlas.resample_like(small(), image_on(CENTRES), MATRIX)
    other = out.atlas.reorient("lip")
    space = other.atlas.space
    matrix = np.reshape(space.to_atlas, (4, 4))
    wanted = brute(small(), [other[d].values for d in space.dims], matrix)
    np.testing.assert_array_equal(other.annotation.transpose(*space.dims), wanted)


def test_all_of_the_accessor_works_on_it() -> None:
    ds = small()
    out = xarray_atlas.resample_like(ds, image_on(CENTRES, "um", {"time": 3}), MATRIX)
    labels = out.annotation.values
    own = (labels != 0).sum() * 0.11 * 0.17 * 0.21
    assert out.atlas.volume("R0").item().magnitude == pytest.approx(own)
    assert out.atlas.region_properties("R0").voxels == (labels != 0).sum()
    assert out.atlas.crop("R5").annotation.size <= labels.size
    assert int(out.atlas.mask("R1").sum()) == np.isin(labels, [2, BIG[1], 2**31 + 5]).sum()
    assert out.atlas.check(full=True).ok
    np.testing.assert_allclose(
        [out.atlas.spacing[d].magnitude for d in "zyx"], (0.11, 0.17, 0.21), rtol=1e-9
    )


def test_the_mesh_is_in_the_image() -> None:
    ds = xarray_atlas.open_sample("100 um")
    image = image_on(
        {"z": 4 + 0.1 * np.arange(60), "y": 0.15 * np.arange(20), "x": 0.2 * np.arange(30)}
    )
    out = xarray_atlas.resample_like(ds, image, affine(np.eye(3), (0.5, 0, 2.5)))
    mesh = out.atlas.mesh("RSP")
    assert mesh.source.startswith("labels")
    assert mesh.volume.magnitude == pytest.approx(out.atlas.volume("RSP").item().magnitude)
    whole = ds.atlas.mesh("RSP")
    shift = whole.vertices.mean(axis=0) - mesh.vertices.mean(axis=0)
    np.testing.assert_allclose(shift, (0.5, 0, 2.5), atol=0.15)


def test_a_single_plane() -> None:
    ds = small()
    whole = xarray_atlas.resample_like(ds, image_on(CENTRES), MATRIX)
    scalar = image_on({**CENTRES, "z": CENTRES["z"][2]}, before={"time": 4})
    out = xarray_atlas.resample_like(ds, scalar, MATRIX)
    assert out.annotation.dims == ("y", "x")
    assert out.z.item().magnitude == pytest.approx(0.32)
    np.testing.assert_array_equal(out.annotation.values, whole.annotation.values[2])
    wanted = (out.annotation.values != 0).sum() * 0.17 * 0.21
    assert out.atlas.area("R0").item().magnitude == pytest.approx(wanted)
    one = image_on({**CENTRES, "z": CENTRES["z"][2:3]})
    thin = xarray_atlas.resample_like(ds, one, MATRIX)
    assert thin.annotation.shape == (1, 5, 7)
    with pytest.raises(GridError, match=r"of unknown thickness.*spacing_mm"):
        thin.atlas.volume("R0")
    with pytest.raises(GridError, match="spacing_mm"):
        xarray_atlas.resample_like(ds, one, MATRIX, fractions=True)
    one.z.attrs["spacing_mm"] = 0.4
    thick = xarray_atlas.resample_like(ds, one, MATRIX)
    assert thick.atlas.volume("R0").item().magnitude == pytest.approx(wanted * 0.4)
    back = xarray_atlas.decode(xarray_atlas.encode(thin))
    assert back.identical(thin)
    assert back.atlas.space == thin.atlas.space
    with pytest.raises(GridError, match=r"Of a single plane.*assign_coords\(z="):
        xarray_atlas.resample_like(ds, scalar.drop_vars("z"), MATRIX)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(3), r"shape \(3, 3\)"),
        (np.full((4, 4), np.nan), "not finite"),
        (affine(np.eye(3), (1, 2, 3)).T, r"transpose it, matrix.T"),
        (np.diag([1, 1, 1, 2.0]), "last row"),
        (np.diag([1, 1, 0, 1.0]), "singular"),
        ("reg.mat", r"open what .* first: transform=xarray_atlas.open_transform\('reg.mat', maps="),
        ([["a"] * 4] * 4, "is not a matrix of numbers"),
    ],
)
def test_what_is_no_matrix(matrix: Any, message: str) -> None:
    with pytest.raises(GridError, match=message):
        xarray_atlas.resample_like(small(), image_on(CENTRES), matrix)


def test_images_that_do_not_say_where_they_lie() -> None:
    ds, image = small(), image_on(CENTRES)
    plain = image.copy()
    del plain.y.attrs["units"]
    with pytest.raises(UnitsError, match=r"decode\(image, unit='mm'\).*unit='um'"):
        xarray_atlas.resample_like(ds, plain)
    with pytest.raises(GridError, match="has no coordinate.*assign_coords"):
        xarray_atlas.resample_like(ds, image.drop_vars("y"))
    with pytest.raises(GridError, match="unevenly spaced"):
        xarray_atlas.resample_like(ds, image.isel(y=[0, 1, 4]))
    with pytest.raises(TypeError, match="ndarray"):
        xarray_atlas.resample_like(ds, image.values)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="order="):
        xarray_atlas.resample_like(ds, image, np.eye(4), order="zyx")
    with pytest.raises(ValueError, match="'LPS'"):
        xarray_atlas.resample_like(ds, image, np.eye(4), space="RPS")


# -- the other way round


def test_an_image_on_the_atlas() -> None:
    ds = small(orientation="asr")
    values = np.random.default_rng(1).normal(size=(2, 6, 5, 7))
    image = image_on(CENTRES, "um", {"time": 2}, values=values).assign_coords(time=[0.0, 0.5])
    coarse = affine(rotation(0.3, -0.5, 0.2), (0.23, -0.31, 0.52))
    out = xarray_atlas.resample(image, ds, coarse)
    assert out.dims == ("time", "z", "y", "x")
    assert out.sizes["z"] == 9
    xr.testing.assert_identical(out.z, ds.z)
    assert out.time.values.tolist() == [0.0, 0.5]
    step = np.array([0.11, 0.17, 0.21])
    first = np.array([0.1, -0.2, 0.9])
    grid = np.stack(np.meshgrid(*(ds[d].values for d in "zyx"), indexing="ij"), axis=0)
    back = np.linalg.inv(coarse)
    at = np.einsum("ij,jzyx->izyx", back[:3, :3], grid) + back[:3, 3].reshape(3, 1, 1, 1)
    index = (at - first.reshape(3, 1, 1, 1)) / step.reshape(3, 1, 1, 1)
    inside = ((index > -0.5) & (index < np.reshape((5.5, 4.5, 6.5), (3, 1, 1, 1)))).all(axis=0)
    assert 20 < inside.sum() < inside.size
    for frame in range(2):
        wanted = scipy.ndimage.map_coordinates(values[frame], index, order=1, mode="nearest")
        np.testing.assert_allclose(out[frame].values[inside], wanted[inside], atol=1e-9)
        assert np.isnan(out[frame].values[~inside]).all()
    lazy = xarray_atlas.resample(image.chunk({"time": 1, "x": 3}), ds.chunk({"z": 4}), coarse)
    assert isinstance(lazy.data, da.Array)
    assert lazy.chunksizes["time"] == (1, 1)
    np.testing.assert_array_equal(lazy.values, out.values)
    last = xarray_atlas.resample(image.transpose("z", "y", "x", "time"), ds, coarse)
    assert last.dims == ("z", "y", "x", "time")
    np.testing.assert_array_equal(last.transpose("time", ...).values, out.values)


def test_the_grid_itself_is_the_same_to_the_number() -> None:
    ds = small()
    values = np.random.default_rng(1).normal(size=(9, 7, 6))
    values[2, 3, 4] = np.nan
    image = image_on({d: ds[d].values * (1 + 1e-9) for d in "zyx"}, values=values)
    out = xarray_atlas.resample(image, ds)
    np.testing.assert_array_equal(out.values, values)  # a NaN does not spread
    assert out.atlas.terminology == TERMS
    xr.testing.assert_identical(out.coords.to_dataset(), ds.annotation.coords.to_dataset())


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_the_unit_of_an_image_is_kept(method: str) -> None:
    ds, unit = small(), ureg.Unit("degC")
    values = np.random.default_rng(2).normal(size=(6, 5, 7))
    plain = xarray_atlas.resample(image_on(CENTRES, values=values), ds, method=method)
    assert "units" not in plain.attrs
    warm = xarray_atlas.resample(
        image_on(CENTRES, values=ureg.Quantity(values, unit)), ds, method=method
    )
    assert warm.pint.units == unit
    np.testing.assert_array_equal(warm.pint.magnitude, plain.values)
    later = ureg.Quantity(da.from_array(values, chunks=3), unit)
    with dask.config.set(scheduler=no_compute):
        lazy = xarray_atlas.resample(image_on(CENTRES, values=later), ds, method=method)
        assert lazy.pint.units == unit
    np.testing.assert_array_equal(lazy.compute().pint.magnitude, plain.values)
    told = image_on(CENTRES, values=values).assign_attrs(units="degC")
    assert xarray_atlas.resample(told, ds, method=method).attrs["units"] == "degC"
    # and of a variable of an atlas
    heat = ureg.Quantity(np.random.default_rng(3).normal(size=ds.annotation.shape), unit)
    mine = ds.assign(heat=(ds.annotation.dims, heat)).atlas.resample_like(image_on(CENTRES))
    assert mine.heat.pint.units == unit


def test_integers_and_labels() -> None:
    ds = small()
    counts = np.random.default_rng(2).integers(0, 2**30, (6, 5, 7)).astype(np.int32)
    image = image_on(CENTRES, values=counts)
    assert xarray_atlas.resample(image, ds).dtype == np.float64
    assert xarray_atlas.resample(image.astype(np.uint16), ds).dtype == np.float32
    near = xarray_atlas.resample(image, ds, method="nearest")
    assert near.dtype == np.int32
    assert np.isin(near.values, [0, *counts.ravel()]).all()
    assert (near.values == 0).any()
    segmented = image.assign_attrs(flag_values=[1, 2])
    assert xarray_atlas.resample(segmented, ds).dtype == np.int32
    assert xarray_atlas.resample(image > 5, ds).dtype == bool
    with pytest.raises(GridError, match="only method='nearest'"):
        xarray_atlas.resample(segmented, ds, method="linear")
    for dtype in ("datetime64[ns]", "timedelta64[ns]", str, object):
        with pytest.raises(TypeError, match="numbers or booleans can be resampled"):
            xarray_atlas.resample(image.astype(dtype), ds)
    with pytest.raises(TypeError, match="one image"):
        xarray_atlas.resample(image.to_dataset(), ds)  # type: ignore[arg-type]


def test_downsampling_without_smoothing_warns() -> None:
    ds = small()
    fine = image_on({"z": 0.02 * np.arange(50), "y": CENTRES["y"], "x": CENTRES["x"]})
    with pytest.warns(UserWarning, match=r"finer than the atlas along \['z'\].*coarsen\(z=5,"):
        xarray_atlas.resample(fine, ds)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        smooth = fine.coarsen(z=5).mean()
        xarray_atlas.resample(smooth, ds)


def test_a_plane_onto_the_atlas_needs_its_thickness() -> None:
    ds = small()
    plane = image_on({**CENTRES, "z": 0.4}, before={"time": 2}, values=np.ones((2, 5, 7)))
    with pytest.raises(GridError, match="spacing_mm"):
        xarray_atlas.resample(plane, ds)
    plane.z.attrs["spacing_mm"] = 0.2
    out = xarray_atlas.resample(plane, ds)
    assert out.dims == ("time", "z", "y", "x")
    known = np.flatnonzero(out.notnull().any(("time", "y", "x")).values)
    np.testing.assert_allclose(ds.z.values[known], [0.35, 0.45])

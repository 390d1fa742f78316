"""The transform of a grid onto which an atlas was brought, after what xarray does with it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.known_transforms import affine, atlas, recording, smooth
from xarray_atlas import Transform
from xarray_atlas.errors import AtlasMismatchError, GridError, TransformError
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import FieldStep

POINTS = np.array([[-1.0, 0.0, 1.0], [0.4, 1.1, 1.0], [2.0, -1.0, -1.3]])
GRID = np.array([[0.9, 0, 0, -5], [0, 0.8, 0, -6], [0, 0, 0.7, -4.5], [0, 0, 0, 1]])

KINDS = ["affine", "chain", "inverse"]


def made(kind: str) -> Transform:
    matrix = Transform.from_matrix(affine(4), target="between")
    warp = Transform(
        (FieldStep(smooth((12, 16, 14), 3, 0.5), GRID, "identity"),), End("between"), End("atlas")
    )
    whole = {"affine": matrix.rename(target="atlas"), "chain": warp @ matrix}
    return whole[kind] if kind in whole else warp.rename("atlas", "image").inverse()


@pytest.fixture(params=KINDS)
def brought(request: Any) -> tuple[xr.Dataset, Any]:
    """An atlas on the grid of a recording, and where its points lie in the atlas."""
    ds, transform = atlas(), made(request.param)
    mine = ds.atlas.resample_like(recording(), transform)
    return mine, transform.bind(source=recording(), target=ds).points(POINTS)


def test_it_leads_to_the_atlas(brought: Any) -> None:
    mine, wanted = brought
    found = mine.atlas.transform
    assert (found.source.name, found.target.name) == ("image", "atlas")
    np.testing.assert_allclose(found.points(POINTS), wanted, atol=1e-9)


def test_after_what_xarray_does(brought: Any) -> None:
    mine, wanted = brought
    part = (mine.isel(x=slice(2, 9)) + 1).sel(y=slice("-1 mm", "2 mm"))
    several = xr.concat([mine.isel(x=slice(0, 4)), mine.isel(x=slice(4, 9))], "x", **JOINED)
    renamed = mine.rename(x="left_right").isel(z=3)
    for after in (
        part,
        several,
        renamed,
        mine.compute(),
        mine.copy(deep=True),
        mine.transpose("z", ...),
        pickle.loads(pickle.dumps(mine)),
        mine.chunk(x=4),
        mine.where(mine.annotation > 3),
        xarray_atlas.decode(xarray_atlas.encode(mine)),
        mine.assign_coords(time=3),
    ):
        np.testing.assert_allclose(after.atlas.transform.points(POINTS), wanted, atol=1e-9)


JOINED: Any = {"data_vars": "minimal", "coords": "minimal", "compat": "override", "join": "outer"}


@pytest.mark.parametrize("form", ["zarr", "nc"])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_after_a_file(brought: Any, form: str, tmp_path: Path) -> None:
    mine, wanted = brought
    path = tmp_path / f"mine.{form}"
    if form == "zarr":
        mine.to_zarr(path)
        again = xr.open_zarr(path)
    else:
        mine.to_netcdf(path)
        again = xr.open_dataset(path, chunks={})
    np.testing.assert_allclose(again.atlas.transform.points(POINTS), wanted, atol=1e-9)
    np.testing.assert_array_equal(again.annotation, mine.annotation)
    assert xarray_atlas.decode(again).atlas.space == mine.atlas.space
    again.close()


def test_of_a_turned_grid(brought: Any) -> None:
    mine, wanted = brought
    turned = mine.atlas.reorient("asr" if mine.atlas.space.orientation != "asr" else "lpi")
    old, new = mine.atlas.space, turned.atlas.space
    at = POINTS[:, [old.position(axis) for axis in ("ap", "dv", "ml")]].copy()
    for column, axis in enumerate(("ap", "dv", "ml")):
        if old.direction(axis) != new.direction(axis):
            here = old.position(axis)
            ends = 2 * old.corner[here] + old.voxel_size[here] * old.shape[here]
            at[:, column] = ends - at[:, column]
    points = np.empty_like(at)
    for column, axis in enumerate(("ap", "dv", "ml")):
        points[:, new.position(axis)] = at[:, column]
    np.testing.assert_allclose(turned.atlas.transform.points(points), wanted, atol=1e-9)


def test_of_a_grid_of_a_grid(brought: Any) -> None:
    mine, wanted = brought
    small = recording((9, 11, 8))
    shift = np.eye(4)
    shift[:3, 3] = 0.1, 0.2, 0.3
    twice = mine.atlas.resample_like(small, shift)
    found = twice.atlas.transform.points(POINTS - shift[:3, 3])
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    assert twice.atlas.space.atlas == mine.atlas.space.atlas


def test_where_it_is_not_known() -> None:
    ds = atlas()
    with pytest.raises(GridError, match="the atlas itself"):
        ds.atlas.transform  # noqa: B018
    mine = ds.atlas.resample_like(recording(), made("chain"))
    with pytest.raises(TransformError, match="has lost the displacement field.*pass that Dataset"):
        mine.annotation.atlas.transform  # noqa: B018
    lost = mine.drop_vars("to_atlas_field_1")
    with pytest.raises(TransformError, match="'to_atlas_field_1' with a field is missing"):
        lost.atlas.transform  # noqa: B018


def test_grids_through_other_fields_are_others() -> None:
    ds = atlas()
    one = ds.atlas.resample_like(recording(), made("chain"))
    again = ds.atlas.resample_like(recording(), made("chain"))
    other = ds.atlas.resample_like(recording(), made("inverse"))
    assert one.atlas.space == again.atlas.space
    assert one.atlas.space != other.atlas.space
    assert one.terminology.item() != other.terminology.item()


@pytest.mark.filterwarnings("ignore:.*points lie outside of the:UserWarning")
def test_frames_of_the_atlas_on_its_grid(brought: Any) -> None:
    """The same label for the same place, in the atlas and on a grid of the recording."""
    mine, _ = brought
    ds = atlas()
    centres = np.stack(np.meshgrid(*(mine[d].pint.dequantify().values for d in "xyz")), -1)
    centres = centres.reshape(-1, 3)
    centres = centres[np.abs(centres).max(axis=1) < 2.5]  # within the field
    there = mine.atlas.transform.points(centres)
    allen = ds.atlas.frames["allen"]
    numbers = allen.from_dataset(there)
    asked = {"unit": allen.unit, "axes": allen.axes, "frame": "allen"}
    found = mine.atlas.region_at(numbers, **asked)
    wanted = mine.atlas.region_at(centres, unit="mm", axes=("x", "y", "z"), frame="dataset")
    np.testing.assert_array_equal(found.region_id, wanted.region_id)
    own = ds.atlas.frame("mine", matrix=affine(8))
    found = mine.atlas.region_at(own.from_dataset(there), unit="mm", frame=own, axes=own.axes)
    np.testing.assert_array_equal(found.region_id, wanted.region_id)
    assert isinstance(found.attrs["frame"], str)


def test_results_in_frames_of_the_atlas(brought: Any) -> None:
    mine, _ = brought
    region = mine.atlas.region_properties().region.values[5]
    plain = mine.atlas.centroid(region).pint.dequantify()
    dims = list(mine.atlas.space.dims)
    there = mine.atlas.transform.points(plain.sel(axis=dims).values[None])
    allen = atlas().atlas.frames["allen"]
    found = mine.atlas.centroid(region, frame="allen").pint.dequantify()
    np.testing.assert_allclose(found.values, allen.from_dataset(there)[0], rtol=1e-6)
    mesh = mine.atlas.mesh(region)
    framed = mine.atlas.mesh(region, frame="allen")
    columns = [list(mesh.dims).index(dim) for dim in dims]
    there = mine.atlas.transform.points(mesh.vertices[:, columns])
    np.testing.assert_allclose(framed.vertices, allen.from_dataset(there), rtol=1e-6)


def test_meshes_go_through_their_points() -> None:
    ds = atlas().isel(z=slice(6, 14), y=slice(8, 15), x=slice(7, 14))  # within the field
    plain = ds.atlas.mesh("R5")
    dims = list(ds.atlas.space.dims)
    columns = [list(plain.dims).index(dim) for dim in dims]
    for kind in ("affine", "chain"):
        transform = made(kind)
        found = ds.atlas.mesh("R5", transform=transform)
        assert (found.dims, found.frame) == (("x", "y", "z"), "image")
        back = transform.bind(target=ds).points(found.vertices)
        np.testing.assert_allclose(back, plain.vertices[:, columns], atol=2e-4)
        same = ds.atlas.mesh("R5", transform=transform.inverse())
        np.testing.assert_allclose(same.vertices, found.vertices, atol=2e-4)
    bound = made("affine").bind(source=recording())
    assert ds.atlas.mesh("R5", transform=bound).dims == ("x", "y", "z")
    with pytest.raises(ValueError, match="pass one of them"):
        ds.atlas.mesh("R5", transform=made("affine"), frame="allen")
    with pytest.raises(TransformError, match="transform= is a Transform, not ndarray"):
        ds.atlas.mesh("R5", transform=np.eye(4))


def test_planes_and_parts_in_a_frame_lead_to_the_atlas_itself() -> None:
    mine = atlas().atlas.resample_like(recording(), made("chain"))
    frame = atlas().atlas.frame(
        "rig", bregma={"ap": "3 mm", "dv": "1 mm", "ml": "2 mm"}, frame="allen"
    )
    for ask in (
        lambda: mine.atlas.section(ap="-1 mm", frame=frame),
        lambda: mine.atlas.sel(ap="-1 mm", frame=frame),
        lambda: mine.atlas.add_frame(frame),
        lambda: mine.atlas.section(ap="1 mm", frame="allen"),
    ):
        with pytest.raises(GridError, match="no matrix here.*use the atlas itself"):
            ask()


def test_two_grids_that_fields_tell_apart() -> None:
    first = atlas().atlas.resample_like(recording(), made("chain"))
    other = atlas().atlas.resample_like(recording(), made("inverse"))
    with pytest.raises(AtlasMismatchError, match="one grid that other displacement fields lead"):
        xr.align(first, other)


def test_a_field_is_held_once() -> None:
    mine = atlas().atlas.resample_like(recording(), made("inverse"))
    again = mine.atlas.resample_like(recording(), np.diag([0.9, 0.9, 0.9, 1.0]))
    assert len([name for name in again.coords if str(name).startswith("to_atlas_")]) == 1
    wanted = mine.atlas.transform.points(POINTS * 0.9)
    np.testing.assert_allclose(again.atlas.transform.points(POINTS), wanted, atol=1e-6)


def on_a_part_of_the_sample(kind: str) -> xr.Dataset:
    """The packaged labels on a grid of 0.2 mm, through a transform."""
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    ways = ("anterior-to-posterior", "superior-to-inferior", "right-to-left")
    coords = {
        dim: (dim, start + 0.2 * np.arange(count), {"units": "mm", "direction": way})
        for dim, start, count, way in zip("zyx", (5, 1, 3), (12, 14, 16), ways, strict=True)
    }
    image = xr.DataArray(np.zeros((12, 14, 16)), coords, ("z", "y", "x"))
    turn = affine(4)
    turn[:3, :3] = np.eye(3) + (turn[:3, :3] - np.eye(3)) * 0.2
    turn[:3, 3] *= 0.1
    matrix = Transform.from_matrix(turn, source="image", target="between")
    grid = np.eye(4)
    grid[:3, 3] = -12, -14, -9
    warp = FieldStep(smooth((13, 15, 10), 3, 0.2), grid, "identity")
    field = Transform((warp,), End("between"), End("atlas"))
    through = matrix.rename(target="atlas") if kind == "affine" else field @ matrix
    if kind == "inverse":
        through = field.rename("atlas", "image").inverse()
    return ds.atlas.resample_like(image, through)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turned", [False, True])
def test_after_a_folder_of_brainglobe(kind: str, turned: bool, tmp_path: Path) -> None:
    mine = on_a_part_of_the_sample(kind)
    mine = (
        mine.atlas.add_frame(mine.atlas.frame("own", matrix=np.eye(4)))
        if kind == "affine"
        else mine
    )
    saved = mine.atlas.reorient("psl").atlas.reorient("asr") if turned else mine
    saved.atlas.save(tmp_path, name="mine", version="1.0", masks=False, levels=1)
    again = xarray_atlas.open_atlas("mine", root=tmp_path)
    np.testing.assert_array_equal(again.annotation, mine.annotation)
    assert again.atlas.space.atlas == mine.atlas.space.atlas
    grids = []
    for ds in (mine, again):
        axes = [ds[dim].pint.dequantify().values for dim in "zyx"]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
        grids.append(ds.atlas.transform.points(points))
    np.testing.assert_allclose(grids[1], grids[0], atol=1e-4)
    for frame in ("allen", *(["own"] if kind == "affine" else [])):
        there = mine.atlas.centroid("TH", frame=frame).pint.dequantify()
        here = again.atlas.centroid("TH", frame=frame).pint.dequantify()
        np.testing.assert_allclose(here, there, atol=1e-4 if frame == "own" else 0.1)
    tree = xr.open_datatree(again.attrs["manifest"], engine="atlas")
    assert all(node.ds.atlas.space.atlas is not None for node in tree.leaves)


def test_the_labels_alone_are_not_saved_without_their_field(tmp_path: Path) -> None:
    mine = on_a_part_of_the_sample("chain")
    with pytest.raises(TransformError, match="pass that Dataset"):
        mine.annotation.atlas.save(tmp_path, name="mine", version="1.0", masks=False)

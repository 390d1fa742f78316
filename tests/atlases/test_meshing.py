"""The surface of a region: from the store where it has the region's, else from the labels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import DracoPy
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import xarray_atlas
from support.meshes import as_packager, box, write_mesh
from support.stores import (
    LAYOUT,
    REGIONS,
    TERMINOLOGY,
    Server,
    labels,
    s3_server,
    scaling,
    serve,
    upload,
    write_atlas,
    write_ome_zarr,
)
from xarray_atlas import open_atlas
from xarray_atlas.errors import StoreError, TerminologyError

pytestmark = pytest.mark.version_independent

LOW, HIGH = (25e3, 50e3, 75e3), (200e3, 150e3, 125e3)
"""Of the stored box: x, y and z in nanometres, from the corner of the volume."""

VOLUME = 0.175 * 0.1 * 0.05


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A small atlas of 6 x 8 x 10 voxels of 25 um, with a mesh of "grey"."""
    found = write_atlas(tmp_path)
    write_mesh(found, 8, *as_packager(box(LOW, HIGH)))
    return found


def is_stored(mesh: xarray_atlas.Mesh) -> bool:
    assert mesh.source.endswith("annotations.precomputed/mesh/8") != mesh.source.startswith("lab")
    return not mesh.source.startswith("labels")


def in_zyx(x: float, y: float, z: float) -> list[float]:
    return [z / 1e6, y / 1e6, x / 1e6]


# -- the stored mesh


def test_in_the_coordinates_of_the_dataset(place):
    ds = open_atlas(place)
    mesh = ds.atlas.mesh("grey")
    assert mesh.source == str(place.parent / "annotations.precomputed" / "mesh" / "8")
    assert (mesh.dims, mesh.region, mesh.hemisphere) == (("z", "y", "x"), "grey", None)
    # the corner of the volume is half a voxel before its first centre, which is at 0
    half = 0.0125
    step = 175e3 / 65535 / 1e6
    np.testing.assert_allclose(mesh.vertices.min(axis=0) + half, in_zyx(*LOW), atol=step)
    np.testing.assert_allclose(mesh.vertices.max(axis=0) + half, in_zyx(*HIGH), atol=step)
    assert mesh.volume.to("mm**3").magnitude == pytest.approx(VOLUME, rel=1e-4)
    assert mesh.to_trimesh().volume == pytest.approx(VOLUME, rel=1e-4)
    other = xarray_atlas.mesh(ds.annotation, 8)
    np.testing.assert_array_equal(other.vertices, mesh.vertices)
    assert other.source == mesh.source


def test_at_each_level_it_lies_from_that_levels_corner(place):
    """Levels without a translation begin at different places: so do their voxels."""
    fine, coarse = (open_atlas(place, resolution=level).atlas.mesh("grey") for level in (0, 1))
    np.testing.assert_allclose(coarse.vertices - fine.vertices, -0.0125, atol=1e-12)
    aligned = open_atlas(place, resolution=1, align_levels=True).atlas.mesh("grey")
    np.testing.assert_allclose(aligned.vertices, fine.vertices, atol=1e-12)


def test_a_translation(tmp_path):
    place = write_atlas(tmp_path, levels={"0": (labels(), scaling(0.025, (1.0, -2.0, 0.5)))})
    write_mesh(place, 8, *as_packager(box(LOW, HIGH)))
    mesh = open_atlas(place).atlas.mesh("grey")
    low = np.array(in_zyx(*LOW)) - 0.0125 + np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(mesh.vertices.min(axis=0), low, atol=1e-8)


@pytest.mark.parametrize(
    ("change", "stored"),
    [
        (lambda ds: ds, True),
        (lambda ds: ds.atlas.encode(), True),
        (lambda ds: ds.rename(z="section"), True),
        (lambda ds: ds.assign_attrs(source="elsewhere"), True),
        (lambda ds: ds.isel(z=slice(None)), True),
        (lambda ds: ds.isel(z=slice(0, 4)), False),
        (lambda ds: ds.isel(z=slice(None, None, -1)), False),
        (lambda ds: ds.transpose("x", "y", "z"), False),
        (lambda ds: ds.chunk(z=1), False),
        (lambda ds: ds.load(), False),
        (lambda ds: ds.assign(annotation=ds.annotation.where(ds.annotation != 8, 0)), False),
        (lambda ds: ds.atlas.encode().assign_coords(x=ds.x.pint.dequantify() + 1), False),
        (lambda ds: ds.atlas.encode().assign_coords(x=-ds.x.pint.dequantify()), False),
    ],
)
def test_only_of_the_whole_annotation_as_it_is_stored(place, change, stored):
    ds = change(open_atlas(place))
    mesh = ds.atlas.mesh("grey")
    assert is_stored(mesh) == stored
    assert mesh.dims == ds.annotation.dims
    if not stored:
        volume = ds.atlas.volume("grey").item()
        assert mesh.volume.magnitude == pytest.approx(volume.magnitude, rel=1e-9)


def test_voxels_that_are_said_to_be_larger(place):
    opened = open_atlas(place)
    ds = xarray_atlas.create_atlas(
        opened.annotation, opened, name="mended", voxel_size="50 um", orientation="asr"
    )
    mesh = ds.atlas.mesh("grey")
    assert not is_stored(mesh)
    assert mesh.volume.magnitude == pytest.approx(ds.atlas.volume("grey").item().magnitude)
    same = xarray_atlas.create_atlas(opened.annotation, opened, name="same")
    assert is_stored(same.atlas.mesh("grey"))


def test_one_side_is_made_from_the_labels(place):
    ds = open_atlas(place, midline="0.1 mm")
    mesh = ds.atlas.mesh("grey", hemisphere="left")
    assert not is_stored(mesh)
    assert mesh.volume.magnitude == pytest.approx(
        ds.atlas.volume("grey", hemisphere="left").item().magnitude
    )


def test_a_region_without_a_stored_mesh_is_made_from_the_labels(place):
    ds = open_atlas(place)
    mesh = ds.atlas.mesh("one")
    assert mesh.source == "labels, 0.025 x 0.025 x 0.025 mm (z, y, x)"
    assert mesh.volume.magnitude == pytest.approx(ds.atlas.volume("one").item().magnitude)


def test_a_store_without_meshes(tmp_path):
    ds = open_atlas(write_atlas(tmp_path))
    assert not is_stored(ds.atlas.mesh("grey"))


def test_a_list_of_regions_is_refused(place):
    with pytest.raises(TypeError, match="a mesh is of one region"):
        open_atlas(place).atlas.mesh(["grey", "one"])


# -- whose region it is


def test_another_hierarchy_of_the_same_labels(place):
    """A mesh is of a label and what belongs to it in the store's own terminology."""
    table = REGIONS.copy()
    table.loc[3, "parent_identifier"] = "997"
    table.loc[3, "root_identifier_path"] = "[997, 614454277]"
    ds = open_atlas(place, terminology=table)
    assert not is_stored(ds.atlas.mesh("grey"))
    renamed = REGIONS.assign(abbreviation=["r", "g", "1", "2"])
    assert is_stored(open_atlas(place, terminology=renamed).atlas.mesh("g"))


def test_several_labels_of_one_region(place):
    table = REGIONS.assign(annotation_value=["997", "[8, 9]", "312782574", "614454277"])
    assert not is_stored(open_atlas(place, terminology=table).atlas.mesh("grey"))


def test_a_store_without_a_terminology(place):
    """What the mesh holds is not known then, but where the attributes say it."""
    ds = open_atlas(place, terminology=REGIONS)
    there = place.parents[3] / TERMINOLOGY
    table = there.rename(there.parent / "other.csv")
    assert not is_stored(ds.atlas.mesh("grey"))
    assert is_stored(ds.assign_attrs(terminology_url=str(table)).atlas.mesh("grey"))
    assert not is_stored(ds.assign_attrs(terminology_url="/nowhere.csv").atlas.mesh("grey"))
    there.write_text("no table")
    assert not is_stored(ds.atlas.mesh("grey"))
    with pytest.raises(TerminologyError):
        open_atlas(place)


# -- stores that fail


@pytest.mark.parametrize(
    "info", [{"sharding": {"@type": "neuroglancer_uint64_sharded_v1"}}, {"@type": "other"}]
)
def test_what_is_not_read_is_said_and_made_from_the_labels(place, info):
    write_mesh(place, 8, *as_packager(box(LOW, HIGH)), **info)
    ds = open_atlas(place)
    with pytest.warns(UserWarning, match="is made from the labels: the meshes in .* are"):
        mesh = ds.atlas.mesh("grey")
    assert not is_stored(mesh)


def test_a_mesh_that_is_not_complete_is_an_error(place):
    (place.parent / "annotations.precomputed/mesh/8").unlink()
    with pytest.raises(StoreError, match="not the mesh that it lists"):
        open_atlas(place).atlas.mesh("grey")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the small atlas, which is also ``s3://bucket/``."""
    found = write_atlas(tmp_path / "bucket")
    write_mesh(found, 8, *as_packager(box(LOW, HIGH)))
    with serve(tmp_path) as running:
        yield running


def open_served(server: Server, protocol: str = "http") -> xr.Dataset:
    if protocol == "http":
        return open_atlas(f"{server.url}/bucket/{LAYOUT}")
    return open_atlas(f"s3://bucket/{LAYOUT}", storage_options={"endpoint_url": server.url})


@pytest.mark.parametrize("protocol", ["http", "s3"])
def test_requests(server, protocol):
    """What the meshes are, the index, the mesh, and the terminology; no label is read."""
    ds = open_served(server, protocol)
    before = len(server.requests)
    assert is_stored(ds.atlas.mesh("grey"))
    asked = [path.rpartition("/")[2] for path in server.requests[before:]]
    assert asked == ["info", "8.index", "8", "terminology.csv"]


@pytest.mark.parametrize("what", ["info", "8.index", "8"])
@pytest.mark.parametrize("fault", [500, "drop"])
def test_a_store_that_fails_is_an_error(server, what, fault):
    ds = open_served(server)
    server.fault = lambda path: fault if path.endswith(f"mesh/{what}") else None
    with pytest.raises(StoreError, match="cannot read"):
        ds.atlas.mesh("grey")


def test_a_terminology_out_of_reach_is_an_error(server):
    ds = open_served(server)
    server.fault = lambda path: 500 if path.endswith(".csv") else None
    with pytest.raises(StoreError, match=r"terminology\.csv"):
        ds.atlas.mesh("grey")


@pytest.mark.parametrize("protocol", ["http", "s3"])
def test_a_store_that_refuses_what_it_does_not_have(server, protocol):
    """As a bucket that may be read but not listed: it is said, and the labels are right."""
    server.absent = 403
    ds = open_served(server, protocol)
    assert is_stored(ds.atlas.mesh("grey"))
    with pytest.warns(UserWarning, match="the stored mesh is not used.*no permission"):
        mesh = ds.atlas.mesh("one")
    assert not is_stored(mesh)
    assert mesh.volume.magnitude == pytest.approx(ds.atlas.volume("one").item().magnitude)
    (server.folder / "bucket" / TERMINOLOGY).unlink()
    with pytest.warns(UserWarning, match="the stored mesh is not used.*no permission"):
        assert not is_stored(ds.atlas.mesh("grey"))


def test_on_s3(place):
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        upload(place.parents[3], endpoint, "s3://brainglobe/atlas")
        options = {"endpoint_url": endpoint}
        ds = open_atlas(f"s3://brainglobe/atlas/{LAYOUT}", storage_options=options)
        mesh = ds.atlas.mesh("grey")
        assert mesh.source.startswith("s3://brainglobe/atlas/annotation-sets/")
        local = open_atlas(place).atlas.mesh("grey")
        np.testing.assert_array_equal(mesh.vertices, local.vertices)
        assert not is_stored(ds.atlas.mesh("one"))


@pytest.mark.parametrize("kind", ["memory", "zip", "group"])
def test_stores_of_other_kinds(place, tmp_path, kind):
    """Beside what is in memory or in a zip file nothing can be looked up; beside a group it can."""
    if kind == "memory":
        source = zarr.storage.MemoryStore()
        write_ome_zarr(source)
    elif kind == "zip":
        source = shutil.make_archive(str(tmp_path / "a"), "zip", place)
    else:
        source = zarr.open_group(place, mode="r")
    ds = open_atlas(source, terminology=REGIONS)
    assert is_stored(ds.atlas.mesh("grey")) == (kind == "group")


# -- the real thing


def test_the_meshes_of_the_packager(packaged: Path, expected: pd.DataFrame) -> None:
    """Decoded here without the package, they are the same; and enclose what the voxels do."""
    table = expected.set_index("identifier")
    fine, coarse = (open_atlas(packaged, resolution=f"{size} um") for size in (50, 100))
    folder = packaged.parent / "annotations.precomputed/mesh"
    files = sorted(path.with_suffix("") for path in folder.glob("*.index"))
    assert len(files) == 20
    for file in files:
        decoded = DracoPy.decode(file.read_bytes())
        mesh = fine.atlas.mesh(int(file.name))
        # from nanometres in the corner convention to the centre of the first voxel of 50 um
        zyx = decoded.points.astype("float64")[:, ::-1] / 1e6 - 0.025
        np.testing.assert_allclose(mesh.vertices, zyx, rtol=0, atol=1e-12)
        # the packager's normals point inwards in xyz, so that in zyx they point outwards
        np.testing.assert_array_equal(mesh.faces, decoded.faces)
        np.testing.assert_array_equal(mesh.vertices, coarse.atlas.mesh(int(file.name)).vertices)
        voxels = table.total_50um[int(file.name)] * 0.05**3
        assert mesh.volume.magnitude == pytest.approx(voxels, rel=0.02)
        assert mesh.to_trimesh().volume == pytest.approx(mesh.volume.magnitude, rel=1e-6)
        # half a voxel off is easily seen: the surface lies on the faces of the voxels
        box = fine.atlas.bounding_box(int(file.name)).pint.magnitude
        np.testing.assert_allclose(mesh.vertices.min(axis=0), box[:, 0], atol=1e-3)
        np.testing.assert_allclose(mesh.vertices.max(axis=0), box[:, 1], atol=1e-3)


def test_a_stored_mesh_and_one_from_the_labels(packaged: Path) -> None:
    ds = open_atlas(packaged, resolution="50 um")
    stored, made = ds.atlas.mesh("RSP"), ds.load().atlas.mesh("RSP")
    assert stored.source.endswith("mesh/254")
    assert made.source.startswith("labels")
    assert made.volume.magnitude == pytest.approx(83093 * 0.05**3)
    assert stored.volume.magnitude == pytest.approx(made.volume.magnitude, rel=0.02)
    assert stored.area.magnitude == pytest.approx(made.area.magnitude, rel=0.05)


def test_a_part_is_the_surface_of_what_is_in_view(sample: xr.Dataset) -> None:
    half = sample.isel(z=slice(0, 80))
    mesh = half.atlas.mesh("RSP")
    assert mesh.to_trimesh().is_watertight
    assert mesh.volume.magnitude == pytest.approx(half.atlas.volume("RSP").item().magnitude)
    last = half.z.pint.dequantify().values[-1]
    assert mesh.vertices[:, 0].max() == pytest.approx(last + 0.05, abs=0.005)

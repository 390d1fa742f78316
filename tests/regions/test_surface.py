"""Surfaces made from labels, against the voxels and against trimesh."""

from __future__ import annotations

import itertools
import pickle
import sys
from typing import Any

import numpy as np
import pandas as pd
import pint
import pytest
import trimesh
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Example, examples, make_atlas, make_terminology, parts
from xarray_atlas import Terminology
from xarray_atlas.errors import GridError, HemisphereError, RegionNotFoundError
from xarray_atlas.regions.surface import Mesh, mesh_from_labels

pytestmark = pytest.mark.version_independent

u = pint.get_application_registry()
ONE = (3 / 4) ** (1 / 3)
"""How far the vertices of a voxel's octahedron are from its centre, so that it encloses 1."""


def mm3(quantity: Any) -> float:
    assert quantity.units == u.Unit("mm**3")
    return float(quantity.magnitude)


def assert_closed(mesh: Mesh) -> None:
    """Each edge is run along as often one way as the other."""
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    there, back = (sorted(map(tuple, e.tolist())) for e in (edges, edges[:, ::-1]))
    assert there == back


def crossings(inside: xr.DataArray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The centres of the voxels inside, and of their neighbours outside, one by one, in mm."""
    axes = []
    for dim in inside.dims:
        values = inside[dim].pint.dequantify().values
        alone = inside.atlas.spacing[dim].magnitude
        axes.append((values[0], values[1] - values[0] if values.size > 1 else alone))
    first, step = (np.array(column) for column in zip(*axes, strict=True))
    held = {tuple(at) for at in np.argwhere(inside.values).tolist()}
    found = []
    for at, axis, way in itertools.product(held, range(3), (-1, 1)):
        other = tuple(n + way * (i == axis) for i, n in enumerate(at))
        if other not in held:
            found.append((first + step * np.array(at), first + step * np.array(other)))
    return found


@given(st.data())
@settings(max_examples=60)
def test_surfaces_of_any_part(data):
    """Slices, strides, backwards, transposed, renamed, anisotropic, and single planes."""
    example: Example = data.draw(examples())
    part = data.draw(parts(example.labels.shape))
    order = data.draw(st.permutations(["z", "y", "x"]))
    side = data.draw(st.sampled_from([None, "left", "right"]))
    region = data.draw(st.integers(0, len(example.parents) - 1))
    atlas = example.atlas.isel(part).transpose(*order)
    inside = atlas.annotation.copy(
        data=example.mask(region, side=side).isel(part).transpose(*order)
    )
    if data.draw(st.booleans()):
        atlas = atlas.rename({order[0]: "first"})
    mesh = mesh_from_labels(atlas, f"R{region}", side)
    assert mesh.dims == atlas.annotation.dims
    assert (mesh.region, mesh.hemisphere) == (f"R{region}", side)
    assert mesh.vertices.dtype == np.float64
    assert mesh.faces.dtype == np.int64
    assert_closed(mesh)
    volume = mm3(atlas.atlas.volume(f"R{region}", hemisphere=side).item())
    assert mm3(mesh.volume) == pytest.approx(volume, rel=1e-9)
    if not inside.any():
        assert mesh.vertices.shape == mesh.faces.shape == (0, 3)
        return
    voxel = np.prod([size.magnitude for size in inside.atlas.spacing.values()])
    assert volume == pytest.approx(int(inside.sum()) * voxel)
    other = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert other.volume == pytest.approx(volume, rel=1e-6)
    assert mesh.area.to("mm**2").magnitude == pytest.approx(other.area)
    # there is a vertex between each voxel and each neighbour outside, at one share of the way
    pairs = crossings(inside)
    assert len(mesh.vertices) == len(pairs)
    ends = np.array(pairs)
    middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
    away = np.abs(mesh.vertices[:, None] - middle).sum(axis=2)
    at = away.argmin(axis=0)
    assert sorted(at) == list(range(len(pairs)))
    shares = ((mesh.vertices[at] - middle) * half).sum(axis=1) / (half**2).sum(axis=1)
    np.testing.assert_allclose(shares, shares[0], atol=1e-6)
    assert -0.05 < shares[0] / 2 <= ONE - 0.5 + 1e-9
    np.testing.assert_allclose(mesh.vertices[at], middle + shares[0] * half, atol=1e-9)


def one_voxel(at: tuple[int, int, int] = (2, 0, 4)) -> xr.Dataset:
    labels = np.zeros((4, 3, 5), "uint32")
    labels[at] = 1
    return make_atlas(labels, make_terminology([-1, 0]), (0.1, 0.2, 0.4), (1.0, 0.0, -2.0))


@pytest.mark.parametrize(
    ("change", "centre", "size"),
    [
        (lambda ds: ds, (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
        (lambda ds: ds.isel(x=slice(None, None, -1)), (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
        (lambda ds: ds.isel(z=slice(2, None)), (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
        (lambda ds: ds.isel(z=[2], y=[0]), (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
        (lambda ds: ds.isel(z=slice(None, None, 2)), (1.2, 0.0, -0.4), (0.2, 0.2, 0.4)),
        (lambda ds: ds.transpose("x", "z", "y"), (-0.4, 1.2, 0.0), (0.4, 0.1, 0.2)),
        (lambda ds: ds.atlas.encode(), (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
        (lambda ds: ds.annotation, (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
        (lambda ds: ds.chunk(z=1, x=2), (1.2, 0.0, -0.4), (0.1, 0.2, 0.4)),
    ],
)
def test_a_single_voxel_is_an_octahedron(change, centre, size):
    mesh = mesh_from_labels(change(one_voxel()), "R0")
    assert mesh.faces.shape == (8, 3)
    away = np.concatenate([np.eye(3), -np.eye(3)]) * ONE * np.array(size)
    expected = np.array(centre) + away
    order = (np.lexsort(v.round(6).T) for v in (mesh.vertices, expected))
    found, expected = (v[i] for v, i in zip((mesh.vertices, expected), order, strict=True))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert mm3(mesh.volume) == pytest.approx(np.prod(size))


def test_regions_by_any_key():
    """Also where ids are text, as the Allen Institute's own atlases have them."""
    table = pd.DataFrame(
        {
            "identifier": ["MBA:997"],
            "parent_identifier": [""],
            "annotation_value": ["1"],
            "name": ["the brain"],
            "abbreviation": ["root"],
        }
    )
    ds = make_atlas(np.ones((2, 2, 2), "uint8"), Terminology.from_dataframe(table))
    for key in ("root", "the brain", ds.atlas.region("root")):
        mesh = mesh_from_labels(ds, key)
        assert mesh.region == "root"
        assert mm3(mesh.volume) == pytest.approx(8 * 0.1 * 0.2 * 0.4)


def test_normals_point_outwards():
    mesh = mesh_from_labels(one_voxel().isel(y=slice(None, None, -1)), 100)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    out = (a + b + c) / 3 - mesh.vertices.mean(axis=0)
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), out) > 0).all()


def test_a_ball(sample):
    """Its surface is where it must be: no further off than a voxel's diagonal."""
    centre, radius = np.array([5.025, 4.025, 6.025]), 2.03  # no voxel at that distance
    places = np.meshgrid(*(sample[d].pint.dequantify().values for d in "zyx"), indexing="ij")
    distance = np.sqrt(sum((p - c) ** 2 for p, c in zip(places, centre, strict=True)))
    ball = sample.annotation.copy(data=np.where(distance <= radius, 997, 0).astype("uint32"))
    mesh = mesh_from_labels(ball, "root")
    assert mm3(mesh.volume) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
    np.testing.assert_allclose(mesh.vertices.mean(axis=0), centre, atol=1e-6)
    off = np.linalg.norm(mesh.vertices - centre, axis=1) - radius
    assert np.abs(off).max() < 0.1 * np.sqrt(3)
    assert mesh.area.magnitude == pytest.approx(4 * np.pi * radius**2 * 1.09, rel=0.01)
    assert mesh.to_trimesh().is_watertight


def test_the_sample(sample):
    mesh = mesh_from_labels(sample, "RSP")
    assert mm3(mesh.volume) == pytest.approx(10.174, rel=1e-9)
    assert mesh.to_trimesh().volume == pytest.approx(10.174, rel=1e-6)
    box = sample.atlas.bounding_box("RSP").pint.magnitude
    np.testing.assert_allclose(mesh.vertices.min(axis=0), box[:, 0], atol=0.002)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), box[:, 1], atol=0.002)
    assert repr(mesh) == (
        "<Mesh 'RSP': 6134 vertices, 12248 faces, 10.17 mm**3>\n"
        "    in mm along z, y, x; from labels, 0.1 x 0.1 x 0.1 mm (z, y, x)"
    )


def test_the_sides_of_the_sample():
    ds = xarray_atlas.open_atlas(
        xarray_atlas.atlases.opening.sample_path(), resolution="100 um", midline="5.65 mm"
    )
    left, right = (mesh_from_labels(ds, "CA1", side) for side in ("left", "right"))
    for mesh in (left, right):
        assert mm3(mesh.volume) == pytest.approx(
            ds.atlas.volume("CA1", hemisphere=mesh.hemisphere).item().magnitude
        )
        assert mesh.to_trimesh().is_watertight
    assert left.vertices[:, 2].min() > 5.5
    assert right.vertices[:, 2].max() < 5.8
    assert repr(left).startswith("<Mesh 'CA1 (left)': ")


def test_an_assumed_midline_warns_once(sample):
    with pytest.warns(UserWarning, match="the middle of the volume is assumed") as caught:
        mesh_from_labels(sample, "CA1", "left")
    assert len(caught) == 1


def test_hemispheres_of_their_own_volume():
    ds = one_voxel((1, 1, 1))
    sides = np.full(ds.annotation.shape, 2, "uint8")
    sides[1, 1, 1] = 1
    ds = ds.assign(hemispheres=(("z", "y", "x"), sides))
    assert mm3(mesh_from_labels(ds, "R0", "left").volume) == pytest.approx(0.1 * 0.2 * 0.4)
    assert mesh_from_labels(ds, "R0", "right").faces.size == 0


def test_a_region_without_a_voxel():
    mesh = mesh_from_labels(one_voxel(), "R1")
    assert mesh.vertices.shape == mesh.faces.shape == (0, 3)
    assert mesh.volume == 0 * u.mm**3
    assert mesh.area == 0 * u.mm**2
    assert repr(mesh).startswith("<Mesh 'R1': 0 vertices, 0 faces, 0 mm**3>")
    assert mesh.to_trimesh().is_empty


def test_what_is_refused(sample):
    with pytest.raises(TypeError, match="a mesh is of one region"):
        mesh_from_labels(sample, ["RSP", "CA1"])
    with pytest.raises(HemisphereError, match="a mesh is of one side"):
        mesh_from_labels(sample, "RSP", ["left", "right"])
    with pytest.raises(HemisphereError, match="no hemisphere 'both'"):
        mesh_from_labels(sample, "RSP", "both")
    with pytest.raises(RegionNotFoundError, match="did you mean 'RSP'"):
        mesh_from_labels(sample, "RSPx")
    with pytest.raises(GridError, match="a volume needs 3 spatial dimensions"):
        mesh_from_labels(sample.isel(z=50), "RSP")
    with pytest.raises(GridError, match="irregularly spaced"):
        mesh_from_labels(sample.isel(z=[50, 51, 53]), "RSP")


@pytest.mark.parametrize(
    ("package", "module", "call"),
    [
        ("skimage", "skimage.measure", lambda: mesh_from_labels(one_voxel(), "R0")),
        ("trimesh", "trimesh", lambda: mesh_from_labels(one_voxel(), "R0").to_trimesh()),
        ("pyvista", "pyvista", lambda: mesh_from_labels(one_voxel(), "R0").to_pyvista()),
    ],
)
def test_packages_that_are_not_installed(monkeypatch, package, module, call):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"needs {package}: pip install"):
        call()


def test_pyvista():
    pytest.importorskip("pyvista")
    mesh = mesh_from_labels(one_voxel(), "R0")
    other = mesh.to_pyvista()
    np.testing.assert_array_equal(other.points, mesh.vertices)
    np.testing.assert_array_equal(other.faces.reshape(-1, 4)[:, 1:], mesh.faces)
    assert other.volume == pytest.approx(0.008)
    assert mesh_from_labels(one_voxel(), "R1").to_pyvista().n_points == 0


def test_a_mesh_is_a_value(sample):
    mesh = mesh_from_labels(sample, "CA1")
    with pytest.raises(AttributeError, match="cannot assign"):
        mesh.region = "CA2"
    with pytest.raises(ValueError, match="read-only"):
        mesh.vertices[0] = 0
    back = pickle.loads(pickle.dumps(mesh))
    np.testing.assert_array_equal(back.vertices, mesh.vertices)
    copy = mesh.to_trimesh()
    copy.apply_translation([1, 1, 1])
    np.testing.assert_array_equal(back.vertices, mesh.vertices)

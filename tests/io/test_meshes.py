"""Meshes in neuroglancer's multi-resolution format, written by hand."""

from __future__ import annotations

import sys

import DracoPy
import numpy as np
import pytest

from support.meshes import (
    CORNERS,
    LAST,
    OPEN,
    TRIANGLES,
    as_packager,
    box,
    encode,
    index,
    write_mesh,
)
from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.files.meshes import mesh_folder, read_mesh

pytestmark = pytest.mark.version_independent


def volume(vertices, faces):
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return abs(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def rows(vertices):
    return sorted(map(tuple, np.round(vertices, 3).tolist()))


@pytest.fixture
def place(tmp_path):
    return tmp_path / "annotation.ome.zarr"


def in_grid(as_dtype):
    """A box of 200 x 100 x 50 nm from (1000, 2000, 3000), as one fragment that fills its node."""
    return encode((CORNERS * LAST).astype(as_dtype), quantization_bits=16)


@pytest.mark.parametrize("dtype", ["uint32", "float32"])
def test_integers_within_a_node(place, dtype):
    fragment = in_grid(dtype)
    shape, origin = (200, 100, 50), (1000, 2000, 3000)
    write_mesh(place, 7, fragment, index(shape, origin, [{(0, 0, 0): fragment}]))
    found = read_mesh(str(place), 7)
    assert rows(found.vertices) == rows(box(origin, (1200, 2100, 3050)))
    assert volume(found.vertices, found.faces) == pytest.approx(200 * 100 * 50)
    assert found.vertices.dtype == np.float64
    assert found.faces.dtype == np.int64
    assert found.place == f"{mesh_folder(str(place))}/7"


def test_nanometres_as_the_packager_writes_them(place):
    points = box((25e3, 50e3, 75e3), (13e6, 8e6, 11e6))
    content, manifest = as_packager(points)
    write_mesh(place, 7, content, manifest)
    found = read_mesh(str(place), 7)
    decoded = DracoPy.decode(content)
    np.testing.assert_array_equal(found.vertices.astype("float32"), decoded.points)
    np.testing.assert_array_equal(found.faces, decoded.faces)
    # to half a step of the quantization
    np.testing.assert_allclose(sorted(found.vertices.tolist()), points, atol=13e6 / LAST / 2)


@pytest.mark.parametrize("bits", [10, 16])
def test_two_fragments_and_two_levels_of_detail(place, bits):
    """A box over two nodes, at the second and third along x, each without the face between."""
    last = 2**bits - 1
    low = encode((CORNERS * last).astype("uint32"), np.delete(TRIANGLES, OPEN["low"], 0))
    high = encode((CORNERS * last).astype("uint32"), np.delete(TRIANGLES, OPEN["high"], 0))
    coarse = encode((CORNERS * last // 2).astype("uint32"))
    fine = {(1, 0, 0): low, (2, 0, 0): high, (3, 0, 0): b""}
    levels = [fine, {(0, 0, 0): coarse}]
    manifest = index((100, 200, 400), (10, 20, 30), levels, [[1, 2, 3], [50, 50, 50]])
    write_mesh(place, 7, low + high + coarse, manifest, vertex_quantization_bits=bits)
    found = read_mesh(str(place), 7)
    corners = [[x, y, z] for x in (111, 211, 311) for y in (22, 222) for z in (33, 433)]
    # the four corners that they share are one each, so that the surface is closed
    assert rows(found.vertices) == rows(corners)
    assert volume(found.vertices, found.faces) == pytest.approx(200 * 200 * 400)
    edges = np.sort(found.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_the_transform(place):
    fragment = in_grid("uint32")
    transform = [0, 2, 0, 5, 3, 0, 0, 6, 0, 0, 4, 7]
    manifest = index((10, 20, 30), (0, 0, 0), [{(0, 0, 0): fragment}])
    write_mesh(place, 7, fragment, manifest, transform=transform)
    found = read_mesh(str(place), 7)
    assert rows(found.vertices) == rows(box((5, 6, 7), (45, 36, 127)))


def test_none_is_stored(place):
    assert read_mesh(str(place), 7) is None
    write_mesh(place, 7, *as_packager(box((0, 0, 0), (1e5, 1e5, 1e5))))
    assert read_mesh(str(place), 7) is not None
    assert read_mesh(str(place), 8) is None


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"sharding": {"@type": "neuroglancer_uint64_sharded_v1"}}, "are sharded; only unsharded"),
        ({"@type": "neuroglancer_legacy_mesh"}, "of type 'neuroglancer_legacy_mesh'; only"),
        ({"vertex_quantization_bits": 0}, "malformed vertex_quantization_bits"),
        ({"vertex_quantization_bits": "many"}, "info cannot be read"),
        ({"transform": [1, 0, 0]}, "info cannot be read: cannot reshape"),
        ({"transform": [float("nan")] * 12}, "malformed vertex_quantization_bits or transform"),
    ],
)
def test_an_info_that_is_not_read(place, info, message):
    write_mesh(place, 7, *as_packager(box((0, 0, 0), (1e5, 1e5, 1e5))), **info)
    with pytest.raises(StoreFormatError, match=message):
        read_mesh(str(place), 7)


@pytest.mark.parametrize("text", ["", "<html>", "[]", "null"])
def test_an_info_that_is_none(place, text):
    folder = write_mesh(place, 7, *as_packager(box((0, 0, 0), (1e5, 1e5, 1e5))))
    (folder / "info").write_text(text)
    with pytest.raises(StoreFormatError, match="info cannot be read"):
        read_mesh(str(place), 7)


def test_an_index_that_is_damaged(place):
    content, manifest = as_packager(box((0, 0, 0), (1e5, 1e5, 1e5)))
    for length in range(len(manifest)):
        write_mesh(place, 7, content, manifest[:length])
        with pytest.raises(StoreFormatError, match=r"7\.index (ends early|is not the index)"):
            read_mesh(str(place), 7)
    write_mesh(place, 7, content, manifest + b"more")
    with pytest.raises(StoreFormatError, match="is not the index of a mesh"):
        read_mesh(str(place), 7)
    for levels in ([], [{}]):
        write_mesh(place, 7, b"", index((1, 1, 1), (0, 0, 0), levels))
        with pytest.raises(StoreFormatError, match="is not the index of a mesh"):
            read_mesh(str(place), 7)


def test_a_mesh_that_is_not_complete(place):
    content, manifest = as_packager(box((0, 0, 0), (1e5, 1e5, 1e5)))
    folder = write_mesh(place, 7, content[:-1], manifest)
    with pytest.raises(StoreError, match="is not complete, or of another version"):
        read_mesh(str(place), 7)
    (folder / "7").unlink()
    with pytest.raises(StoreError, match="is there, but not the mesh that it lists"):
        read_mesh(str(place), 7)


def test_a_mesh_that_is_damaged(place):
    content, manifest = as_packager(box((0, 0, 0), (1e5, 1e5, 1e5)))
    write_mesh(place, 7, bytes(len(content)), manifest)
    with pytest.raises(StoreFormatError, match="cannot be decoded"):
        read_mesh(str(place), 7)
    cloud = DracoPy.encode(box((0, 0, 0), (1e5, 1e5, 1e5)).astype("float32"))
    write_mesh(place, 7, cloud, index((1e5, 1e5, 1e5), (0, 0, 0), [{(0, 0, 0): cloud}]))
    with pytest.raises(StoreFormatError, match="cannot be decoded"):
        read_mesh(str(place), 7)


def test_vertices_outside_of_their_node(place):
    content, _ = as_packager(box((5e5, 5e5, 5e5), (9.1e5, 9e5, 9e5)))
    write_mesh(place, 7, content, index((1e5, 1e5, 1e5), (0, 0, 0), [{(0, 0, 0): content}]))
    with pytest.raises(StoreFormatError, match="vertices outside of the node"):
        read_mesh(str(place), 7)


def test_dracopy_is_not_installed(place, monkeypatch):
    write_mesh(place, 7, *as_packager(box((0, 0, 0), (1e5, 1e5, 1e5))))
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(ImportError, match=r'needs DracoPy: pip install "xarray-atlas\[mesh\]"'):
        read_mesh(str(place), 7)

"""Links to neuroglancer, read back by neuroglancer's own Python package."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.meshes import as_packager, box, write_mesh
from support.stores import (
    LAYOUT,
    REGIONS,
    Server,
    axes,
    labels,
    s3_server,
    scaling,
    serve,
    upload,
    write_atlas,
    write_ome_zarr,
)
from xarray_atlas import open_atlas
from xarray_atlas.errors import (
    GridError,
    ParcellationError,
    RegionNotFoundError,
    StoreError,
    StoreFormatError,
)
from xarray_atlas.io.zarr.axes import Axes
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale
from xarray_atlas.viewers.neuroglancer import _browser_url
from xarray_atlas.viewers.neuroglancer_view import view

pytestmark = pytest.mark.version_independent

neuroglancer = pytest.importorskip("neuroglancer")

BIG = 614454277
LOW, HIGH = (25e3, 50e3, 75e3), (200e3, 150e3, 125e3)
"""Of the stored box: x, y and z in nanometres, from the corner of the volume."""


def parse(url: str) -> Any:
    """Read a link as neuroglancer does; all of it must be understood."""
    state = neuroglancer.parse_url(url)
    said = json.loads(unquote(url.partition("#!")[2]))
    assert state.to_json() == said
    return state


def write_info(place: Path, **more: Any) -> None:
    folder = place.parent / "annotations.precomputed"
    folder.mkdir(exist_ok=True)
    info = {"type": "segmentation", "mesh": "mesh", "segment_properties": "segment_properties"}
    (folder / "info").write_text(json.dumps(info | more))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A small atlas of 6 x 8 x 10 voxels, with a mesh of "grey", over HTTP."""
    translation = (1.0, -2.0, 0.5)
    levels = {
        "0": (labels(), scaling(0.025, translation)),
        "1": (labels((3, 4, 5), seed=1), scaling(0.05, np.add(translation, 0.0125))),
    }
    place = write_atlas(tmp_path, levels=levels)
    write_mesh(place, 8, *as_packager(box(LOW, HIGH)))
    write_info(place)
    with serve(tmp_path) as running:
        yield running


def opened(server: Server, **keywords: Any) -> xr.Dataset:
    return open_atlas(f"{server.url}/{LAYOUT}", **keywords)


def place_of(state: Any) -> dict[str, float]:
    """The position in mm, by dimension."""
    space = state.dimensions
    assert list(space.units) == ["m"] * 3
    return {
        name: position * scale * 1e3
        for name, position, scale in zip(space.names, state.position, space.scales, strict=True)
    }


# -- what is shown


def test_the_layers(server):
    state = parse(opened(server).atlas.neuroglancer_url(["one", "two"]))
    assert [(layer.name, layer.type) for layer in state.layers] == [
        ("annotation", "segmentation"),
        ("surfaces", "segmentation"),
    ]
    annotation, surfaces = state.layers["annotation"], state.layers["surfaces"]
    folder = f"{server.url}/{LAYOUT}".rpartition("/")[0]
    precomputed = f"{folder}/annotations.precomputed/|neuroglancer-precomputed:"
    assert [s.url for s in annotation.source] == [f"{server.url}/{LAYOUT}/|zarr3:", precomputed]
    assert [s.url for s in surfaces.source] == [precomputed]
    # voxels that precomputed metadata speak of are not stored
    for source in (annotation.source[1], surfaces.source[0]):
        assert source.enable_default_subsources is False
    assert set(annotation.source[1].subsources) == {"properties"}
    assert set(surfaces.source[0].subsources) == {"mesh", "properties"}
    assert state.selected_layer.layer == "annotation"
    assert state.layout.type == "4panel"
    assert annotation.hide_segment_zero


def test_zarr_format_2(tmp_path):
    write_atlas(tmp_path, zarr_format=2)
    with serve(tmp_path) as server:
        state = parse(opened(server).atlas.neuroglancer_url("grey"))
    (source,) = state.layers["annotation"].source
    assert source.url == f"{server.url}/{LAYOUT}/|zarr2:"


@pytest.mark.parametrize("region", ["grey", "two", "root"])
def test_segments_are_the_labels_of_a_region_and_its_descendants(server, region):
    """By the paths of the table, which the package does not use for it."""
    state = parse(opened(server).atlas.neuroglancer_url(region))
    row = REGIONS.set_index("abbreviation").loc[region]
    inside = [row.identifier in json.loads(path) for path in REGIONS.root_identifier_path]
    those = REGIONS[inside]
    layer = state.layers["annotation"]
    assert set(layer.segments) == set(those.annotation_value)
    expected = dict(zip(those.annotation_value, those.color_hex_triplet, strict=True))
    assert {int(k): v for k, v in layer.segment_colors.items()} == expected
    surfaces = state.layers["surfaces"]
    assert set(surfaces.segments) == {row.annotation_value}


def test_large_labels_are_text():
    table = REGIONS.assign(annotation_value=[997, 8, 2**32 - 1, BIG])
    terminology = xarray_atlas.Terminology.from_dataframe(table)
    layer = xarray_atlas.viewers.neuroglancer.labels_layer(terminology, [1], [], template=True)
    assert layer["segments"] == ["8", str(BIG), "4294967295"]
    assert list(layer["segmentColors"]) == layer["segments"]


def test_a_region_around_another_has_a_nearly_transparent_surface(server):
    state = parse(opened(server).atlas.neuroglancer_url(["grey", "one"]))
    assert [layer.name for layer in state.layers] == ["annotation", "surfaces", "around"]
    assert set(state.layers["surfaces"].segments) == {312782574}
    assert set(state.layers["around"].segments) == {8}
    assert state.layers["around"].object_alpha < 0.3
    assert state.layers["surfaces"].object_alpha == 1


def test_without_regions_all_are_shown(server):
    state = parse(opened(server).atlas.neuroglancer_url())
    layer = state.layers["annotation"]
    assert not layer.segments
    assert len(layer.segment_colors) == len(REGIONS)
    assert set(state.layers["around"].segments) == {997}
    middle = {
        dim: t + 0.025 * (n - 1) / 2
        for dim, t, n in zip("zyx", (1.0, -2.0, 0.5), (6, 8, 10), strict=True)
    }
    assert place_of(state) == pytest.approx(middle)


def test_label_0_of_a_region_is_not_hidden(tmp_path):
    write_atlas(tmp_path)
    with serve(tmp_path) as server:
        table = REGIONS.assign(annotation_value=[0, 8, 312782574, BIG])
        state = parse(opened(server, terminology=table).atlas.neuroglancer_url("root"))
    assert not state.layers["annotation"].hide_segment_zero
    assert 0 in state.layers["annotation"].segments


# -- where


@pytest.mark.parametrize("region", ["one", "two", "grey"])
def test_the_position_is_the_centre_of_a_voxel_of_the_region(server, region):
    ds = opened(server)
    state = parse(ds.atlas.neuroglancer_url(region))
    assert list(state.dimensions.names) == ["x", "y", "z"]
    np.testing.assert_allclose(state.dimensions.scales, 25e-6)
    place = place_of(state)
    index = {dim: (place[dim] - t) / 0.025 for dim, t in zip("zyx", (1.0, -2.0, 0.5), strict=True)}
    rounded = tuple(round(index[dim]) for dim in "zyx")
    np.testing.assert_allclose([index[dim] for dim in "zyx"], rounded, atol=1e-6)
    assert labels()[rounded] in state.layers["annotation"].segments


@pytest.mark.parametrize("translated", [True, False])
def test_of_a_coarse_level_in_the_coordinates_of_the_finest(tmp_path, translated):
    """Where levels say nothing of where they begin, they begin at one corner all the same."""
    coarse = np.zeros((3, 4, 5), np.uint32)
    coarse[1, 2, 3] = 8
    shift = 0.0125 if translated else None
    levels = {"0": (labels(), scaling(0.025)), "1": (coarse, scaling(0.05, shift))}
    write_atlas(tmp_path, levels=levels)
    with serve(tmp_path) as server:
        state = parse(opened(server, resolution="50 um").atlas.neuroglancer_url("grey"))
    np.testing.assert_allclose(state.dimensions.scales, 25e-6)
    # the middle between the first and the last of the finest voxels in it: 2i and 2i + 1
    assert state.position.tolist() == pytest.approx([6.5, 4.5, 2.5])


def test_anisotropic_voxels(tmp_path):
    values = labels()
    write_atlas(tmp_path, levels={"0": (values, scaling((0.1, 0.05, 0.025)))})
    with serve(tmp_path) as server:
        state = parse(opened(server).atlas.neuroglancer_url("one"))
    np.testing.assert_allclose(state.dimensions.scales, [25e-6, 50e-6, 100e-6])
    x, y, z = (round(value) for value in state.position)
    assert values[z, y, x] == 312782574
    box = np.argwhere(values == 312782574)
    extent = (np.ptp(box, axis=0) + 1) * (0.1, 0.05, 0.025)
    # in the smallest side of a voxel, a little more than the region
    shown = state.projection_scale * 0.025
    assert extent.max() < shown < 3 * extent.max()
    assert 250 < extent.max() / 0.025 / state.cross_section_scale < 350


@pytest.mark.parametrize(
    "part",
    [
        lambda ds: ds.isel(z=slice(0, 2)),
        lambda ds: ds.isel(x=slice(5, None), y=slice(2, 6)),
        lambda ds: ds.isel(z=[3]),
        lambda ds: ds.isel(z=4),
    ],
)
def test_of_a_part_the_position_lies_in_it(server, part):
    ds = part(opened(server))
    state = parse(ds.atlas.neuroglancer_url("grey"))
    place = place_of(state)
    plain = ds.atlas.encode()
    nearest = plain.annotation.sel(
        {dim: place[dim] for dim in plain.annotation.dims}, method="nearest", tolerance=1e-6
    )
    assert int(nearest) in state.layers["annotation"].segments
    for dim in "zyx":
        assert np.abs(np.atleast_1d(plain[dim].values) - place[dim]).min() < 1e-6


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.annotation,
        lambda ds: ds.atlas.encode(),
        lambda ds: ds.transpose("x", "z", "y"),
        lambda ds: ds.rename(x="a", y="b", z="c"),
        lambda ds: ds.chunk(z=3),
        lambda ds: ds.load(),
        lambda ds: ds.assign_attrs(source="/elsewhere"),
    ],
)
def test_the_same_link_of_other_forms(server, change):
    ds = opened(server)
    expected = parse(ds.atlas.neuroglancer_url("one"))
    found = parse(change(opened(server)).atlas.neuroglancer_url("one"))
    assert found.layers.to_json() == expected.layers.to_json()
    # another chunking may give another voxel of the region
    place = place_of(found)
    index = tuple(
        round((place[d] - t) / 0.025) for d, t in zip("zyx", (1.0, -2.0, 0.5), strict=True)
    )
    assert labels()[index] == 312782574


def test_without_dask(server):
    state = parse(opened(server, chunks=None).annotation.atlas.neuroglancer_url("one"))
    assert state.layers["annotation"].source[0].url.startswith(server.url)


def test_turned_axes(server):
    ds = opened(server)
    expected = labels()
    for turn in ("asr", "pil", "lai", "sra"):
        place = place_of(parse(ds.atlas.reorient(turn).atlas.neuroglancer_url("two")))
        index = tuple(
            round((place[d] - t) / 0.025) for d, t in zip("zyx", (1.0, -2.0, 0.5), strict=True)
        )
        assert expected[index] == BIG


def test_turned_axes_of_a_store_that_does_not_say_its_own(tmp_path):
    write_atlas(tmp_path, axes=axes(orientation=None))
    with serve(tmp_path) as server:
        ds = opened(server)
        state, turned = (
            parse(each.atlas.neuroglancer_url("two")) for each in (ds, ds.atlas.reorient("lip"))
        )
    assert list(turned.dimensions.names) == list(state.dimensions.names) == ["x", "y", "z"]
    x, y, z = (round(value) for value in turned.position)
    assert labels()[z, y, x] == BIG


TURNS = [
    "".join(letters)
    for order in itertools.permutations(("ap", "si", "rl"))
    for letters in itertools.product(*order)
]


@pytest.mark.parametrize("turn", TURNS)
def test_the_right_way_up_and_not_mirrored_whatever_the_orientation(turn):
    """neuroglancer's screen: to the right, down, into it; a quaternion turns it to the data."""
    from scipy.spatial.transform import Rotation

    level = Level("0", (0.1, 0.2, 0.3), (0.0, 0.0, 0.0))
    own = Axes(("u", "v", "w"), (0, 1, 2), ("mm",) * 3, ("mm",) * 3, turn)
    found = view(Multiscale("", "0.5", own, (level,)), np.ones(3), np.ones(3))
    letters = dict(zip("uvw", turn, strict=True))
    # where each of the shown dimensions grows to, in a right-handed frame: right, anterior, up
    ras = {"r": (-1, 0, 0), "l": (1, 0, 0), "a": (0, -1, 0), "p": (0, 1, 0), "s": (0, 0, -1)}
    ras["i"] = (0, 0, 1)
    frame = np.array([ras[letters[dim]] for dim in found["dimensions"]], float).T
    assert np.linalg.det(frame) > 0  # else the brain is shown as its mirror image
    sections = Rotation.from_quat(found.get("crossSectionOrientation", [0, 0, 0, 1]))
    left, down, back = (frame @ sections.as_matrix()).T
    np.testing.assert_allclose([left, down, back], [(-1, 0, 0), (0, 0, -1), (0, -1, 0)], atol=1e-6)
    right, down, into = (frame @ Rotation.from_quat(found["projectionOrientation"]).as_matrix()).T
    assert down[2] < -0.7  # down is inferior
    assert right[0] < 0 and right[1] < 0  # to the right is left and posterior  # noqa: PT018
    assert into[0] > 0 > max(into[1:])  # seen from the left, the front and above
    scale = dict(zip("uvw", level.scale, strict=True))
    assert {d: v[0] for d, v in found["dimensions"].items()} == pytest.approx(
        {d: scale[d] * 1e-3 for d in found["dimensions"]}
    )


def test_stored_meshes_are_moved_to_where_the_voxels_are(server):
    """By the state they lie where the package itself puts them."""
    ds = opened(server)
    source = parse(ds.atlas.neuroglancer_url("grey")).layers["surfaces"].source[0]
    output = source.transform.output_dimensions
    assert list(output.names) == ["x", "y", "z"]
    # the matrix has no unit but in its last column, which is in those of the output
    nanometres = np.array([LOW, HIGH])
    metres = nanometres * 1e-9 @ source.transform.matrix[:, :3].T
    metres += source.transform.matrix[:, 3] * output.scales
    mesh = ds.atlas.mesh("grey")
    assert mesh.source.endswith("/8")
    vertices = mesh.vertices[:, ::-1]
    np.testing.assert_allclose(metres[0] * 1e3, vertices.min(axis=0), atol=1e-5)
    np.testing.assert_allclose(metres[1] * 1e3, vertices.max(axis=0), atol=1e-5)
    # half a voxel before the first centre, and there is x in 0.5 mm
    np.testing.assert_allclose(source.transform.matrix[0, 3], 0.5 / 0.025 - 0.5)


# -- what is stored beside


def test_without_meshes(server):
    ds = opened(server)
    before = len(server.requests)
    state = parse(ds.atlas.neuroglancer_url("grey", meshes=False))
    assert [layer.name for layer in state.layers] == ["annotation"]
    assert len(state.layers["annotation"].source) == 1
    assert not any("precomputed" in path for path in server.requests[before:])


@pytest.mark.parametrize(
    ("info", "names", "surfaces"),
    [({"mesh": None}, True, False), ({"segment_properties": None}, False, True)],
)
def test_only_what_there_is(server, info, names, surfaces):
    write_info(server.folder / LAYOUT, **info)
    state = parse(opened(server).atlas.neuroglancer_url("grey"))
    assert len(state.layers["annotation"].source) == 1 + names
    assert ("surfaces" in [layer.name for layer in state.layers]) == surfaces


@pytest.mark.parametrize("absent", [403, 404])
def test_a_store_without_meshes(server, absent):
    (server.folder / LAYOUT).parent.joinpath("annotations.precomputed/info").unlink()
    server.absent = absent
    state = parse(opened(server).atlas.neuroglancer_url("grey"))
    assert [layer.name for layer in state.layers] == ["annotation"]


def test_a_store_that_fails(server):
    ds = opened(server)
    server.fault = lambda path: 500 if path.endswith("precomputed/info") else None
    with pytest.raises(StoreError, match="cannot read"):
        ds.atlas.neuroglancer_url("grey")
    server.fault = lambda path: None
    (server.folder / LAYOUT).parent.joinpath("annotations.precomputed/info").write_text("no")
    with pytest.raises(StoreFormatError, match="info cannot be read"):
        ds.atlas.neuroglancer_url("grey")


def test_requests(server):
    """Without regions no label is read; with them once."""
    ds = opened(server)
    before = len(server.requests)
    ds.atlas.neuroglancer_url()
    asked = [path.removeprefix("annotation-sets/tiny-annotation/1_0/") for path in server.requests]
    assert asked[before:] == ["annotation.ome.zarr/zarr.json", "annotations.precomputed/info"]
    ds.atlas.neuroglancer_url("grey")
    chunks = [path for path in server.requests if "/c/" in path]
    assert len(chunks) == len(set(chunks)) == ds.annotation.data.npartitions
    ds.atlas.neuroglancer_url(["one", "two"])
    assert len([path for path in server.requests if "/c/" in path]) == len(chunks)


def test_an_atlas_as_brainglobe_writes_it(packaged):
    """Its template, names and meshes are found from the manifest, also where not opened."""
    with serve(packaged.parents[3]) as server:
        manifest = f"{server.url}/atlases/allen_mouse_100um/3_0/manifest.json"
        ds = open_atlas(manifest)
        state = parse(ds.atlas.neuroglancer_url(["RSP"]))
        with_template = open_atlas(manifest, include=("annotation", "template"))
        assert parse(with_template.atlas.neuroglancer_url(["RSP"])).to_json() == state.to_json()
        plain = parse(ds.atlas.neuroglancer_url(["RSP"], template=False, meshes=False))
        brightest = float(with_template.template.max())
    assert [layer.name for layer in state.layers] == ["template", "annotation", "surfaces"]
    image = state.layers["template"]
    url = f"{server.url}/templates/allen-adult-mouse-stpt-template/1_0/template.ome.zarr/|zarr3:"
    assert image.source[0].url == url
    low, high = image.shader_controls["normalized"].range
    assert (low, high) == (0, pytest.approx(brightest, rel=0.6))
    assert [layer.name for layer in plain.layers] == ["annotation"]
    np.testing.assert_allclose(state.dimensions.scales, 50e-6)  # of the finest level
    place = place_of(state)
    at = ds.atlas.encode().annotation.sel(place, method="nearest")
    assert int(at) in state.layers["annotation"].segments
    assert set(state.layers["surfaces"].segments) == {254}
    assert (packaged.parent / "annotations.precomputed/mesh/254.index").is_file()
    # the packager's levels and meshes begin at one corner, half a voxel before the first centre
    matrix = state.layers["surfaces"].source[0].transform.matrix
    np.testing.assert_allclose(matrix, [[1, 0, 0, -0.5], [0, 1, 0, -0.5], [0, 0, 1, -0.5]])


# -- where it is stored


@pytest.mark.parametrize(
    ("place", "options", "url"),
    [
        ("s3://bucket/a/b.ome.zarr", None, "s3://bucket/a/b.ome.zarr"),
        ("s3a://bucket/a b|c", {}, "s3://bucket/a%20b%7Cc"),
        ("s3://b/k", {"endpoint_url": "https://h:9/"}, "s3+https://h:9/b/k"),
        ("s3://b/k", {"client_kwargs": {"endpoint_url": "http://h"}}, "s3+http://h/b/k"),
        ("gs://bucket/k", None, "gs://bucket/k"),
        ("https://h/a%20b/c.zarr", None, "https://h/a%20b/c.zarr"),
        ("http://h/a|b", None, "http://h/a%7Cb"),
    ],
)
def test_urls(place, options, url):
    assert _browser_url(place, options) == url


@pytest.mark.parametrize("place", ["/a/b", "C:\\a", "file:///a", "zip://a::s3://b/c.zip", "az://b"])
def test_what_a_browser_cannot_read(place):
    with pytest.raises(StoreError, match=r"a browser cannot read .*CORS"):
        _browser_url(place, None)


def test_on_s3(tmp_path):
    write_atlas(tmp_path)
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        upload(tmp_path, endpoint, "s3://brainglobe/atlas")
        options = {"endpoint_url": endpoint}
        ds = open_atlas(f"s3://brainglobe/atlas/{LAYOUT}", storage_options=options)
        state = parse(ds.atlas.neuroglancer_url("grey"))
    (source,) = state.layers["annotation"].source
    assert source.url == f"s3+{endpoint}/brainglobe/atlas/{LAYOUT}/|zarr3:"


def test_the_link_can_be_pasted(server):
    url = opened(server).atlas.neuroglancer_url(["grey"])
    assert url.startswith("https://neuroglancer-demo.appspot.com/#!%7B")
    assert re.fullmatch(r"[A-Za-z0-9%:/,.#!_~-]+", url)
    assert url.count("#") == 1
    assert opened(server).atlas.neuroglancer_url(["grey"]) == url
    other = opened(server).atlas.neuroglancer_url(["grey"], base="http://localhost:8080/v/#old")
    assert other == url.replace(
        "https://neuroglancer-demo.appspot.com/", "http://localhost:8080/v/"
    )


# -- what cannot be shown


def test_on_this_machine(tmp_path, sample):
    for ds in (sample, open_atlas(write_atlas(tmp_path))):
        with pytest.raises(StoreError, match=r"a browser cannot read .*open_atlas\('http"):
            ds.atlas.neuroglancer_url()


def test_in_memory(server):
    made = xarray_atlas.create_atlas(
        labels(), REGIONS, name="x", voxel_size="25 um", orientation="asr"
    )
    with pytest.raises(StoreError, match="in memory, or were never in a store"):
        made.atlas.neuroglancer_url("grey")
    with pytest.raises(StoreError, match="pass the Dataset"):
        opened(server).load().annotation.atlas.neuroglancer_url("grey")


def test_labels_that_are_not_those_in_the_store(server):
    ds = opened(server)
    with pytest.raises(ParcellationError, match="the atlas that was parcellated"):
        ds.atlas.parcellate(regions=["one", "two"]).atlas.neuroglancer_url("one")
    image = ds.atlas.encode().annotation.astype(float).isel(x=slice(0, 4))
    with pytest.raises(GridError, match="on the grid of an image"):
        ds.atlas.resample_like(image, np.eye(4)).atlas.neuroglancer_url("one")
    said = {"name": "x", "orientation": "asr"}
    larger = xarray_atlas.create_atlas(ds.annotation, ds, voxel_size="30 um", **said)
    with pytest.raises(GridError, match="said to be of 30 x 30 x 30 um, but .* has 25 um, 50 um"):
        larger.atlas.neuroglancer_url("one")
    part = xarray_atlas.create_atlas(ds.annotation[1:], ds, voxel_size="25 um", **said)
    with pytest.raises(GridError, match="another shape"):
        part.atlas.neuroglancer_url("one")


def test_regions_that_are_not_there(server):
    ds = opened(server)
    with pytest.raises(RegionNotFoundError, match="gray"):
        ds.atlas.neuroglancer_url("gray")
    nothing = ds.isel(z=slice(0, 1), y=slice(0, 1), x=slice(0, 1))
    one = next(r for r in ("one", "two") if not int(nothing.atlas.mask(r).sum()))
    with pytest.raises(GridError, match=f"none of {one} has a voxel"):
        nothing.atlas.neuroglancer_url(one)


def test_a_store_that_does_not_say_its_voxel_size(tmp_path):
    path = tmp_path / "a.ome.zarr"
    write_ome_zarr(path, axes=axes(unit=None))
    with serve(tmp_path) as server:
        ds = open_atlas(f"{server.url}/a.ome.zarr", terminology=REGIONS, voxel_size="25 um")
        with pytest.raises(GridError, match="the metadata of .* do not say it"):
            ds.atlas.neuroglancer_url()

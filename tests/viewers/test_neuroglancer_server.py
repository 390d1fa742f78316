"""What neuroglancer's own server answers about an atlas, and what its page shows of it."""

from __future__ import annotations

import io
import json
import struct
import sys
import time
import zlib
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest
import trimesh
import zarr

import xarray_atlas
from support.browser import chromium, requests
from support.stores import REGIONS, CountingStore, scaling, write_ome_zarr
from xarray_atlas.errors import GridError

pytestmark = pytest.mark.version_independent


@pytest.fixture(scope="module", autouse=True)
def neuroglancer():
    found = pytest.importorskip("neuroglancer")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def atlas():
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm").compute()
    grey = np.arange(ds.annotation.size).reshape(ds.annotation.shape) % 1000
    return ds.assign(template=(ds.annotation.dims, grey.astype("int64")))


def answer(viewer, path: str) -> bytes:
    base = str(viewer).partition("/v/")[0]
    with urlopen(f"{base}/{path}") as response:
        return response.read()


def source_of(viewer, layer: str):
    """The address of a volume, its metadata, and the matrix that puts it into the space."""
    source = viewer.state.layers[layer].source[0]
    token = source.url.removeprefix("python://volume/")
    info = json.loads(answer(viewer, f"neuroglancer/info/{token}"))
    return token, info, source.transform


def value_at(viewer, layer: str, points):
    """What the server has at positions in mm, along the dimensions of the volume."""
    token, info, transform = source_of(viewer, layer)
    found = []
    for point in points:
        place = np.asarray(point) * 1e-3 / transform.output_dimensions.scales
        inside = place - transform.matrix[:, 3]
        index = np.floor(np.linalg.solve(transform.matrix[:, :3], inside)).astype(int)
        start, end = (",".join(map(str, (index + i).tolist())) for i in (0, 1))
        data = answer(viewer, f"neuroglancer/npz/{token}/1,1,1/{start}/{end}")
        value = np.load(io.BytesIO(zlib.decompress(data)))
        assert value.dtype == info["dataType"]
        found.append(value.item())
    return found


def points_in(obj, count):
    rng = np.random.default_rng(0)
    at = np.argwhere(obj.annotation.values > 0)
    at = at[rng.choice(len(at), count, replace=False)]
    columns = []
    for column, dim in enumerate(obj.annotation.dims):
        values = obj[dim].values
        step = abs(values[1] - values[0])
        columns.append(values[at[:, column]] + step * rng.uniform(-0.49, 0.49, count))
    return np.stack(columns, axis=1)


LAYOUTS = {
    "opened": lambda ds: ds,
    "transposed": lambda ds: ds.transpose("x", "z", "y").chunk(40),
    "reversed": lambda ds: ds.isel(z=slice(None, None, -1)),
    "reoriented": lambda ds: ds.atlas.reorient("ipl"),
    "cropped": lambda ds: ds.atlas.crop("HIP").isel(y=slice(1, None, 2)),
    "encoded": lambda ds: ds.atlas.encode(),
}


@pytest.mark.parametrize("change", LAYOUTS.values(), ids=LAYOUTS)
def test_it_answers_with_the_labels_that_region_at_finds(atlas, change):
    """At 100 points in mm, by the coordinates that neuroglancer is told."""
    obj = change(atlas)
    viewer = obj.atlas.neuroglancer()
    assert str(viewer).startswith("http://127.0.0.1:")
    dims = obj.annotation.dims
    axis_of = {name: axis for axis, name in obj.atlas.space.coordinates(obj.annotation).items()}
    points = points_in(obj, 100)
    axes = [axis_of[dim] for dim in dims]
    expected = obj.atlas.region_at(points, axes=axes, unit="mm", frame="dataset")
    labels = value_at(viewer, "annotation", points)
    names = obj.atlas.terminology
    found = [names.acronyms[names.position_of_id(label)] for label in labels]
    assert found == expected.region.values.tolist()
    assert len(set(found)) > 20
    stored = obj.atlas.encode().template.compute()
    grey = [stored.sel(dict(zip(dims, p)), method="nearest").item() for p in points[:10]]  # noqa: B905
    assert value_at(viewer, "template", points[:10]) == grey
    _, info, transform = source_of(viewer, "annotation")
    assert (info["volumeType"], info["dataType"]) == ("segmentation", "uint32")
    assert list(transform.output_dimensions.names) == list(dims)
    assert set(transform.output_dimensions.units) == {"m"}


def test_it_looks_at_the_regions(atlas):
    viewer = atlas.atlas.neuroglancer(["CA1", "grey"])
    state = viewer.state
    place = dict(zip(state.dimensions.names, state.position * state.dimensions.scales * 1e3))  # noqa: B905
    at = [[place[dim] for dim in "zyx"]]
    found = atlas.atlas.region_at(at, axes=("ap", "dv", "ml"), unit="mm", frame="dataset")
    assert found.region.item() == "CA1"
    assert set(state.dimensions.names) == {"x", "y", "z"}
    assert state.layout.type == "4panel"
    ca1 = atlas.atlas.region("CA1")
    assert ca1.id in state.layers["annotation"].segments
    assert state.layers["annotation"].segment_colors[ca1.id] == ca1.color
    assert [layer.name for layer in state.layers] == [
        "template",
        "annotation",
        "surfaces",
        "around",
    ]
    # no surface of each label as well
    assert not state.layers["annotation"].source[0].enable_default_subsources


def test_names_are_served(atlas):
    viewer = atlas.atlas.neuroglancer()
    url = viewer.state.layers["annotation"].source[1].url
    assert url.startswith(f"precomputed://{str(viewer).partition('/v/')[0]}/")
    path = url.partition("127.0.0.1:")[2].partition("/")[2]
    info = json.loads(answer(viewer, f"{path}/info"))
    table = atlas.atlas.regions
    inline = info["inline"]
    assert inline["ids"] == [str(i) for i in sorted(table.id)]
    label, name = (part["values"] for part in inline["properties"])
    by_id = table.set_index("id").loc[[int(i) for i in inline["ids"]]]
    assert label == by_id.acronym.tolist()
    assert name == by_id.name.tolist()
    for wrong in (f"{path}/nothing", path.replace(viewer.token, "0" * 40) + "/info"):
        with pytest.raises(HTTPError, match="404"):
            answer(viewer, wrong)


def test_surfaces_lie_around_their_voxels(atlas):
    """As trimesh measures what is served, in nanometres along the Dataset's dimensions."""
    turned = atlas.transpose("x", "z", "y")
    viewer = turned.atlas.neuroglancer(["CA1", "RSPd4"])
    layer = viewer.state.layers["surfaces"]
    (segment,) = layer.segments  # no voxel of RSPd4
    path = layer.source[0].url.partition("127.0.0.1:")[2].partition("/")[2]
    (fragment,) = json.loads(answer(viewer, f"{path}/{segment}:0"))["fragments"]
    data = answer(viewer, f"{path}/{fragment}")
    (count,) = struct.unpack("<I", data[:4])
    vertices = np.frombuffer(data, "<f4", 3 * count, 4).reshape(-1, 3)
    faces = np.frombuffer(data, "<u4", -1, 4 + 12 * count).reshape(-1, 3)
    surface = trimesh.Trimesh(vertices.astype(float) * 1e-6, faces, process=False)
    inside = turned.atlas.mask("CA1").transpose("x", "z", "y").values
    assert surface.volume == pytest.approx(inside.sum() * 1e-3, rel=0.04)
    centre = np.argwhere(inside).mean(axis=0) * 0.1 + 0.025
    np.testing.assert_allclose(surface.center_mass, centre, atol=0.05)
    output = layer.source[0].transform.output_dimensions
    assert (list(output.names), set(output.scales)) == (["x", "z", "y"], {1e-9})


def test_chunks_are_read_when_they_are_looked_at(tmp_path):
    path = tmp_path / "tiny.ome.zarr"
    values = np.random.default_rng(0).choice(np.array([0, 8, 614454277], "uint32"), (30, 20, 26))
    write_ome_zarr(path, {"0": (values, scaling(0.025))}, chunks=(10, 10, 13))
    counting = CountingStore(zarr.storage.LocalStore(path, read_only=True))
    terminology = xarray_atlas.Terminology.from_dataframe(REGIONS.astype(str))
    ds = xarray_atlas.open_atlas(counting, terminology=terminology, midline="0.3 mm")
    counting.keys.clear()
    viewer = ds.atlas.neuroglancer()
    assert counting.chunks == []
    point = np.array([12, 3, 20]) * 0.025
    assert value_at(viewer, "annotation", [point]) == [values[12, 3, 20]]
    assert len(counting.chunks) == 1


def test_what_cannot_be_shown(atlas, monkeypatch):
    with pytest.raises(GridError):
        atlas.isel(z=50).atlas.neuroglancer()
    with pytest.raises(GridError, match="no voxel along 'z'"):
        atlas.isel(z=slice(0, 0)).atlas.neuroglancer(template=False)
    with pytest.raises(KeyError, match="did you mean"):
        atlas.atlas.neuroglancer("RSPx")
    with pytest.raises(GridError, match="none of RSP has a voxel"):
        atlas.isel(z=slice(0, 5)).atlas.neuroglancer("RSP")
    monkeypatch.setitem(sys.modules, "neuroglancer", None)
    with pytest.raises(ImportError, match=r'pip install "xarray-atlas\[neuroglancer\]"'):
        atlas.atlas.neuroglancer()


def test_the_page_names_what_lies_under_the_mouse(atlas):
    """neuroglancer's client in Chromium, asked through its own actions; nothing else is asked."""
    viewer = atlas.atlas.neuroglancer(template=False)
    with viewer.txn() as state:
        state.layout = "xy"
    heard = []
    viewer.actions.add("report", heard.append)
    with viewer.config_state.txn() as config:
        config.input_event_bindings.viewer["keyq"] = "report"
    with chromium() as page:
        requests(page)
        page.get(str(viewer))
        seen = {}
        until = time.time() + 60
        spots = [(x, y) for y in range(345, 470, 23) for x in range(400, 580, 22)]
        while len(seen) < 20 and time.time() < until:
            for at in [spot for spot in spots if spot not in seen][:20]:
                move = {"type": "mouseMoved", "x": at[0], "y": at[1]}
                page.execute_cdp_cmd("Input.dispatchMouseEvent", move)
                time.sleep(0.05)
                before = len(heard)
                for kind in ("keyDown", "keyUp"):
                    key = {"type": kind, "key": "q", "code": "KeyQ"}
                    page.execute_cdp_cmd("Input.dispatchKeyEvent", key)
                stop = time.time() + 0.2
                while len(heard) == before and time.time() < stop:
                    time.sleep(0.01)
                if len(heard) == before or heard[-1].mouse_voxel_coordinates is None:
                    continue
                value = heard[-1].selected_values.to_json().get("annotation", {}).get("value")
                if value and "label" in value:  # not background, and loaded
                    seen[at] = heard[-1].mouse_voxel_coordinates, value
        asked = requests(page)
    assert len(seen) >= 20
    places = np.array([place for place, _ in seen.values()]) * 0.1
    order = list(viewer.state.dimensions.names)
    columns = {dim: places[:, order.index(dim)] for dim in "zyx"}
    points = np.stack([columns[dim] for dim in "zyx"], axis=1)
    axes = ("ap", "dv", "ml")
    expected = atlas.atlas.region_at(points, axes=axes, unit="mm", frame="dataset")
    names = [value["label"] for _, value in seen.values()]
    assert names == expected.region.values.tolist()
    assert len(set(names)) > 8
    assert {url.split("/")[2].partition(":")[0] for url in asked} == {"127.0.0.1"}

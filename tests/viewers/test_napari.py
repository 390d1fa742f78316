"""The layers of napari: where they lie, what they show, and what they read."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import trimesh
import xarray as xr
import zarr

import xarray_atlas
from support.stores import REGIONS, CountingStore, scaling, write_ome_zarr
from xarray_atlas.errors import GridError, PointsError

pytestmark = [
    pytest.mark.version_independent,
    # of napari 0.6
    pytest.mark.filterwarnings("ignore:Calling the getitem method:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def napari():
    """napari itself, without a window: its model of a viewer."""
    pytest.importorskip("napari")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it is made with
        import napari.components
    return napari


@pytest.fixture
def viewer(napari):
    return napari.components.ViewerModel()


@pytest.fixture(scope="module")
def atlas():
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    grey = np.arange(ds.annotation.size).reshape(ds.annotation.shape) % 1000
    return ds.compute().assign(template=(ds.annotation.dims, grey.astype("uint16")))


def points_in(obj, count):
    """Positions in voxels that have a label, not only their centres."""
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
    "transposed": lambda ds: ds.transpose("x", "z", "y"),
    "reversed": lambda ds: ds.isel(z=slice(None, None, -1)),
    "reoriented": lambda ds: ds.atlas.reorient("ipl"),
    "strided": lambda ds: ds.isel(y=slice(7, 60, 2)),
    "encoded": lambda ds: ds.atlas.encode(),
    "renamed": lambda ds: ds.rename(z="front"),
}


@pytest.mark.parametrize("change", LAYOUTS.values(), ids=LAYOUTS)
def test_labels_lie_where_region_at_has_them(viewer, atlas, change):
    """At 100 points by napari's own affine, at 3 of them what it finds under its pointer."""
    obj = change(atlas)
    assert obj.atlas.to_napari(viewer) is viewer
    assert [layer.name for layer in viewer.layers] == ["template", "annotation"]
    dims = obj.annotation.dims
    axis_of = {name: axis for axis, name in obj.atlas.space.coordinates(obj.annotation).items()}
    points = points_in(obj, 100)
    axes = [axis_of[dim] for dim in dims]
    expected = obj.atlas.region_at(points, axes=axes, unit="mm", frame="dataset")
    assert len(set(expected.region.values)) > 50
    labels, image = viewer.layers["annotation"], viewer.layers["template"]
    names = labels.features.set_index("index")
    stored = obj.atlas.encode().template
    read = np.asarray(labels.data), np.asarray(image.data)
    for i, (point, region) in enumerate(zip(points, expected.region.values.tolist(), strict=True)):
        at = [tuple(np.rint(layer.world_to_data(point)).astype(int)) for layer in (labels, image)]
        found = [values[index] for values, index in zip(read, at, strict=True)]
        place = dict(zip(dims, point, strict=True))
        value = stored.sel(place, method="nearest").item()
        assert [names.region[found[0]], found[1]] == [region, value]
        if i < 3:
            viewer.dims.point = tuple(point)
            asked = {"view_direction": None, "dims_displayed": [1, 2], "world": True}
            assert [layer.get_value(point, **asked) for layer in (labels, image)] == found
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"millimeter"}
    assert labels.axis_labels == dims


def test_colours_and_names_are_the_atlas_s(viewer, atlas):
    atlas.atlas.to_napari(viewer, template=False)
    labels = viewer.layers["annotation"]
    table = atlas.atlas.regions
    for acronym in ("RSPv5", "CA1", "VISp1"):
        region = atlas.atlas.region(acronym)
        rgb = [int(region.color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        np.testing.assert_allclose(labels.get_color(region.id), [*rgb, 1], atol=1e-6)
    assert labels.get_color(0) is None or labels.get_color(0)[3] == 0
    np.testing.assert_allclose(labels.get_color(2**31), [0.5, 0.5, 0.5, 1], atol=0.01)
    point = (8.125, 0.825, 6.125)
    viewer.dims.point = point
    said = labels.get_status(point, world=True)["value"]
    name = atlas.atlas.region_at([point], axes=("ap", "dv", "ml"), unit="mm", frame="dataset")
    assert f"region: {name.region.item()}" in said
    assert f"name: {atlas.atlas.region(name.region.item()).name}" in said
    assert len(labels.features) == len(table)
    assert not labels.editable


def test_surfaces_lie_around_their_voxels(viewer, atlas):
    turned = atlas.atlas.reorient("rpi").isel(x=slice(0, 70))
    turned.atlas.to_napari(viewer, ["grey", "CA1", "RSPd4"])
    assert [layer.name for layer in viewer.layers[2:]] == ["grey", "CA1"]  # no voxel of RSPd4
    assert [layer.opacity for layer in viewer.layers[2:]] == [0.15, 1.0]
    layer = viewer.layers["CA1"]
    vertices, faces, _ = layer.data
    surface = trimesh.Trimesh(vertices, faces, process=False)
    inside = turned.atlas.mask("CA1").transpose(*turned.annotation.dims)
    assert surface.volume == pytest.approx(int(inside.sum()) * 1e-3, rel=0.04)
    columns = [turned[dim].values for dim in turned.annotation.dims]
    at = np.argwhere(inside.values)
    centre = [values[at[:, i]].mean() for i, values in enumerate(columns)]
    np.testing.assert_allclose(surface.center_mass, centre, atol=0.05)
    low, high = layer.extent.world
    for i, values in enumerate(columns):
        assert abs(low[i] - values[at[:, i]].min()) < 0.1
        assert abs(high[i] - values[at[:, i]].max()) < 0.1
    rgb = [int(turned.atlas.region("CA1").color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    np.testing.assert_allclose(layer.vertex_colors[0], [*rgb, 1], atol=1e-6)


def test_points_of_any_frame(viewer, atlas):
    cells = pd.DataFrame({"AP": [8100.0, 6000], "DV": [800.0, 3000], "ML": [7000.0, 4000]})
    columns = {"ap": "AP", "dv": "DV", "ml": "ML"}
    said = {"columns": columns, "unit": "um", "frame": "allen"}
    found = atlas.atlas.region_at(cells, **said)
    turned = atlas.transpose("x", "z", "y")
    turned.atlas.to_napari(viewer, points=cells, **said)
    layer = viewer.layers["points"]
    # from the left outer corner; the Dataset counts from the centre of the first voxel of 50 um
    last = float(atlas.x.values[-1]) + 0.05
    ml, ap, dv = last - np.array([7.0, 4.0]), np.array([8.1, 6.0]), np.array([0.8, 3.0])
    np.testing.assert_allclose(layer.data, np.stack([ml, ap - 0.025, dv - 0.025], axis=1))
    assert layer.features.region.tolist() == found.region.values.tolist()
    assert layer.features.hemisphere.tolist() == ["right", "left"]
    plain = [[8.1, 0.8, 6.1]]
    asked = {"axes": ("ap", "dv", "ml"), "unit": "mm", "frame": "dataset"}
    atlas.atlas.to_napari(viewer, points=plain, **asked)
    np.testing.assert_allclose(viewer.layers[-1].data, plain)
    assert viewer.layers[-1].features.region.tolist() == ["RSPv5"]
    before = len(viewer.layers)
    with pytest.raises(PointsError, match="frame"):
        atlas.atlas.to_napari(viewer, points=plain, axes=("ap", "dv", "ml"), unit="mm")
    assert len(viewer.layers) == before


def test_only_planes_that_are_shown_are_read(viewer, tmp_path):
    path = tmp_path / "tiny.ome.zarr"
    values = np.random.default_rng(0).choice(np.array([0, 8, 614454277], "uint32"), (30, 20, 26))
    write_ome_zarr(path, {"0": (values, scaling(0.025))}, chunks=(3, 20, 26))
    counting = CountingStore(zarr.storage.LocalStore(path, read_only=True))
    terminology = xarray_atlas.Terminology.from_dataframe(REGIONS.astype(str))
    ds = xarray_atlas.open_atlas(counting, terminology=terminology, midline="0.3 mm")
    counting.keys.clear()
    ds.atlas.to_napari(viewer)
    assert len(set(counting.chunks)) <= 2
    viewer.dims.point = (0.4, 0, 0)
    assert len(set(counting.chunks)) <= 3


def test_a_section_and_what_cannot_be_shown(viewer, atlas):
    section = atlas.sel(z="6 mm", method="nearest")
    section.atlas.to_napari(viewer)
    labels = viewer.layers["annotation"]
    np.testing.assert_allclose(labels.translate, [0.025, 0.025])
    assert labels.axis_labels == ("y", "x")
    in_mv = section.assign(template=section.template.astype(float).pint.quantify("mV"))
    in_mv.atlas.to_napari(viewer)
    assert type(viewer.layers["template"].data) is np.ndarray
    cells = {"ap": [6.0, 9.0], "dv": [2.0, 2.0], "ml": [4.0, 4.0]}
    section.atlas.to_napari(viewer, points=cells, unit="mm", frame="dataset")
    layer = viewer.layers["points"]
    assert (len(layer.data), layer.shown.tolist()) == (2, [True, False])  # the second is off it
    odd = atlas.assign(template=(("z", "y"), np.zeros((132, 80))))
    with pytest.raises(GridError, match="template=False"):
        odd.atlas.to_napari(viewer)
    with pytest.raises(KeyError, match="did you mean"):
        atlas.atlas.to_napari(viewer, "RSPx")
    with pytest.raises(GridError):
        section.atlas.to_napari(viewer, "RSP")
    with pytest.raises(GridError):
        xr.concat([atlas.isel(z=[1]), atlas.isel(z=[3, 4])], "z").atlas.to_napari(viewer)


def test_without_napari(atlas, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "napari.utils", None)
    with pytest.raises(ImportError, match=r'needs napari: pip install "xarray-atlas\[napari\]"'):
        atlas.atlas.to_napari()

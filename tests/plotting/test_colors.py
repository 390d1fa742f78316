"""Labels as colours: exact, or refused."""

from __future__ import annotations

import pickle
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import make_atlas, make_terminology
from xarray_atlas import Terminology

mpl.use("agg")
pytestmark = pytest.mark.version_independent

CLOSE = (312782546, 312782550, 312782554)
"""Ids that a float32 takes for one."""

COLORS = {312782546: "#FF0000", 312782550: "#00FF00", 312782554: "#0000FF", 2**32 - 1: "#102030"}


@pytest.fixture(autouse=True)
def figures() -> Any:
    yield
    plt.close("all")


def atlas(labels: Any) -> xr.Dataset:
    rows = [{"identifier": 1, "parent_identifier": "", "color_hex_triplet": "#FFFFFF"}]
    rows += [
        {"identifier": i, "parent_identifier": 1, "color_hex_triplet": c} for i, c in COLORS.items()
    ]
    table = pd.DataFrame(rows).assign(
        annotation_value=lambda t: t.identifier,
        name=lambda t: "region " + t.identifier.astype(str),
        abbreviation=lambda t: "R" + t.identifier.astype(str),
    )
    terminology = Terminology.from_dataframe(table.astype(str), name="close")
    return make_atlas(np.asarray(labels, np.uint32)[None], terminology)


def rgb(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text[1:]))


def pixels(ax: Any, shape: tuple[int, int]) -> Any:
    """The colour in the middle of each voxel of a picture of `shape` that fills the axes."""
    fig = ax.figure
    ax.set_axis_off()
    ax.set_position([0, 0, 1, 1])
    ax.set_aspect("auto")
    fig.canvas.draw()
    drawn = np.asarray(fig.canvas.buffer_rgba())[..., :3]
    rows, columns = (
        ((np.arange(n) + 0.5) * size / n).astype(int)
        for n, size in zip(shape, drawn.shape, strict=False)
    )
    return drawn[np.ix_(rows, columns)]


PLANE = np.array([[CLOSE[0], CLOSE[1], CLOSE[2]], [2**32 - 1, 0, CLOSE[0]]])
EXPECTED = [[rgb(COLORS[v]) if v else (255, 255, 255) for v in row] for row in PLANE.tolist()]


def test_every_label_has_the_colour_of_the_table(sample: xr.Dataset) -> None:
    table = sample.atlas.regions
    labels = np.array([label for own in table.labels for label in own], np.uint32)
    expected = [rgb(c) for c, own in zip(table.color, table.labels, strict=True) for _ in own]
    found = sample.atlas.cmap(sample.atlas.norm(labels), bytes=True)
    np.testing.assert_array_equal(found[:, :3], expected)
    assert (found[:, 3] == 255).all()
    assert len(set(labels.tolist())) + 1 == sample.atlas.cmap.N


@pytest.mark.parametrize("dtype", ["u4", ">u4", "i8", "u8", "f8"])
def test_labels_of_any_type(dtype: str) -> None:
    ds = atlas(PLANE)
    found = ds.atlas.cmap(ds.atlas.norm(PLANE.astype(dtype)), bytes=True)
    np.testing.assert_array_equal(np.where(PLANE[..., None], found[..., :3], 255), EXPECTED)
    assert found[1, 1, 3] == 0


def test_what_is_no_region_stands_out() -> None:
    ds = atlas(PLANE)
    found = ds.atlas.cmap(ds.atlas.norm(np.array([312782547, 5, -1, 2**40])), bytes=True)
    assert (found == (255, 0, 255, 255)).all()
    hidden = np.ma.array([CLOSE[0], CLOSE[1]], mask=[False, True])
    assert ds.atlas.cmap(ds.atlas.norm(hidden), bytes=True)[:, 3].tolist() == [255, 0]


def test_regions_without_a_colour_differ() -> None:
    terminology = make_terminology([-1, 0, 0, 0, 0, 0, 0, 0])
    ds = make_atlas(np.ones((2, 2, 2), np.uint8), terminology)
    found = ds.atlas.cmap(ds.atlas.norm(np.arange(1, 9)), bytes=True)[:, :3].astype(int)
    apart = np.abs(found[:, None] - found[None]).sum(-1) + 999 * np.eye(8)
    assert apart.min() > 30
    np.testing.assert_array_equal(
        found, ds.atlas.cmap(ds.atlas.norm(np.arange(1, 9)), bytes=True)[:, :3]
    )


def test_imshow_and_pcolormesh_keep_close_ids_apart() -> None:
    ds = atlas(PLANE)
    own = {"cmap": ds.atlas.cmap, "norm": ds.atlas.norm}
    plane = ds.annotation.isel(z=0)
    values = plane.values

    def imshow(ax: Any) -> None:
        ax.imshow(values, interpolation_stage="rgba", interpolation="nearest", **own)

    def mesh(ax: Any) -> None:
        ax.pcolormesh(values, **own)
        ax.invert_yaxis()

    def of_xarray(ax: Any) -> None:
        plane.plot.imshow(
            ax=ax, interpolation_stage="rgba", add_colorbar=False, yincrease=False, **own
        )

    def mesh_of_xarray(ax: Any) -> None:
        plane.plot.pcolormesh(ax=ax, add_colorbar=False, yincrease=False, **own)

    for draw in (imshow, mesh, of_xarray, mesh_of_xarray):
        _, ax = plt.subplots(figsize=(3, 2))
        draw(ax)
        np.testing.assert_array_equal(pixels(ax, (2, 3)), EXPECTED, err_msg=draw.__name__)


def test_what_imshow_makes_floats_of_is_exact_or_refused() -> None:
    ds = atlas(PLANE)
    own = {"cmap": ds.atlas.cmap, "norm": ds.atlas.norm}
    # far apart: matplotlib resamples in float64, which holds them
    _, ax = plt.subplots(figsize=(3, 2))
    ax.imshow(PLANE.astype(np.uint32), interpolation_stage="data", interpolation="nearest", **own)
    np.testing.assert_array_equal(pixels(ax, (2, 3)), EXPECTED)
    # close to each other: in float32, which merges them
    _, ax = plt.subplots(figsize=(3, 2))
    ax.imshow(np.array([CLOSE], np.uint32), **own)
    with pytest.raises(TypeError, match=r"float32.*interpolation_stage='rgba'"):
        ax.figure.canvas.draw()
    # mixed with each other
    _, ax = plt.subplots(figsize=(3, 2))
    small = make_atlas(np.ones((1, 1, 3), np.uint8), make_terminology([-1, 0, 0]))
    own = {"cmap": small.atlas.cmap, "norm": small.atlas.norm}
    ax.imshow([[1, 3], [3, 1]], interpolation="bilinear", interpolation_stage="data", **own)
    with pytest.raises(TypeError, match=r"may be others"):
        ax.figure.canvas.draw()


def test_floats_that_are_not_labels_are_refused() -> None:
    norm = atlas(PLANE).atlas.norm
    for wrong in (np.float32([312782546]), np.float32([2**24]), np.float64([1.5]), [2.0**53]):
        with pytest.raises(TypeError, match="as integers"):
            norm(np.asarray(wrong))
    with pytest.raises(TypeError, match="not <U1"):
        norm(np.array(["a"]))


def test_there_is_no_colour_bar() -> None:
    ds = atlas(PLANE)
    plane = ds.annotation.isel(z=0)
    with pytest.raises(TypeError, match="add_colorbar=False"):
        plane.plot.pcolormesh(cmap=ds.atlas.cmap, norm=ds.atlas.norm)


def test_the_label_below_the_pointer_is_told() -> None:
    ds = atlas(PLANE)
    image = plt.subplots()[1].imshow(PLANE, cmap=ds.atlas.cmap, norm=ds.atlas.norm)
    for label in (*CLOSE, 2**32 - 1, 0, 5):
        told = image.format_cursor_data(np.uint32(label))
        assert float(told.strip("[]")) == label


def test_a_norm_can_be_sent(sample: xr.Dataset) -> None:
    norm = pickle.loads(pickle.dumps(sample.atlas.norm))
    labels = np.array([997, 312782574, 3], np.uint32)
    np.testing.assert_array_equal(norm(labels), sample.atlas.norm(labels))
    norm.autoscale(labels)
    norm.autoscale_None(labels)
    np.testing.assert_array_equal(norm(labels), sample.atlas.norm(labels))
    assert int(norm(997)) == int(norm(np.uint32(997)))


def test_a_parcellation_has_the_colours_of_its_parcels(sample: xr.Dataset) -> None:
    cut = sample.atlas.parcellate("cosmos")
    own = cut.atlas.regions.set_index("acronym")
    label = own.labels["Isocortex"][0]
    found = cut.atlas.cmap(cut.atlas.norm(label), bytes=True)
    assert tuple(found[:3]) == rgb(own.color["Isocortex"])


def test_without_matplotlib_it_is_said(monkeypatch: Any, sample: xr.Dataset) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.colors", None)
    with pytest.raises(ImportError, match=r'needs matplotlib: pip install "xarray-atlas\[plot\]"'):
        _ = sample.atlas.cmap
    assert xarray_atlas.plotting.colors.INSTALL == '"xarray-atlas[plot]"'

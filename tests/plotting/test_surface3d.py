"""Surfaces in 3-D: whose, in which colours, and on which side they are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.stores import REGIONS
from xarray_atlas.errors import GridError, HemisphereError, RegionNotFoundError

pytestmark = pytest.mark.version_independent

pyvista = pytest.importorskip("pyvista")

SHAPE, SIZE = (6, 8, 10), 0.5


@pytest.fixture(scope="module")
def tiny() -> xr.Dataset:
    """A block of "grey" with "one" at its anterior, superior, right corner; "two" is nowhere."""
    values = np.zeros(SHAPE, np.uint32)
    values[1:5, 1:7, 1:9] = 8
    values[1:3, 1:3, 1:4] = 312782574
    return xarray_atlas.create_atlas(
        values, REGIONS, name="tiny", voxel_size="500 um", orientation="asr", midline="2.5 mm"
    )


@pytest.fixture
def plotter() -> Iterator[Any]:
    found = pyvista.Plotter(off_screen=True, window_size=(240, 240))
    yield found
    found.close()


def actor(plotter: Any, name: str) -> Any:
    return plotter.actors[name]


def points(plotter: Any, name: str) -> Any:
    return np.asarray(actor(plotter, name).mapper.dataset.points)


def middle(plotter: Any, name: str) -> Any:
    found = points(plotter, name)
    return (found.min(axis=0) + found.max(axis=0)) / 2


def enclosed(mesh: Any) -> float:
    """By the divergence theorem: above 0 where the faces look outwards in a right-handed frame."""
    faces = np.asarray(mesh.faces).reshape(-1, 4)[:, 1:]
    a, b, c = np.moveaxis(np.asarray(mesh.points, float)[faces], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def drawn_in(picture: Any, color: str) -> Any:
    """The columns and rows of the pixels of a pure color, but for the marker's."""
    channel = ["red", "green", "blue"].index(color)
    others = [i for i in range(3) if i != channel]
    values = picture.astype(int)
    pure = values[..., channel] - values[..., others].max(axis=-1) > 60
    height, width = pure.shape
    pure[height * 3 // 4 :, : width // 4] = False
    rows, columns = np.nonzero(pure)
    return columns, rows


def test_an_actor_for_each_region_in_the_colours_of_the_atlas(tiny, plotter):
    assert xarray_atlas.plotting.surface(tiny, ["grey", "one"], plotter=plotter) is plotter
    colors = {name: actor(plotter, name).prop.color.hex_rgb for name in ("grey", "one")}
    assert colors == {"grey": "#bfdae3", "one": "#1f9d5a"}
    assert actor(plotter, "one").prop.opacity == 1
    assert 0.1 <= actor(plotter, "grey").prop.opacity <= 0.2  # it is around another


def test_a_region_around_none_that_is_drawn_is_opaque(tiny, plotter):
    tiny.atlas.plot.surface("grey", plotter=plotter)
    assert actor(plotter, "grey").prop.opacity == 1


def test_an_atlas_without_colours(plotter):
    table = REGIONS.drop(columns="color_hex_triplet")
    values = np.pad(np.full((2, 2, 2), 8, np.uint32), 1)
    ds = xarray_atlas.create_atlas(values, table, name="x", voxel_size="1 mm", orientation="asr")
    ds.atlas.plot.surface("grey", plotter=plotter)
    assert len(set(actor(plotter, "grey").prop.color.int_rgb)) == 1


@pytest.mark.parametrize(
    ("opacity", "expected"),
    [(0.5, (0.5, 0.5)), ({"grey": 0.3}, (0.3, 1.0)), ({312782574: 0.4, "grey": 1}, (1.0, 0.4))],
)
def test_opacity(tiny, plotter, opacity, expected):
    tiny.atlas.plot.surface(["grey", "one"], opacity=opacity, plotter=plotter)
    found = [actor(plotter, name).prop.opacity for name in ("grey", "one")]
    assert found == pytest.approx(expected)


def test_what_add_mesh_takes(tiny, plotter):
    tiny.atlas.plot.surface("grey", plotter=plotter, color="red", show_edges=True)
    prop = actor(plotter, "grey").prop
    assert prop.color.hex_rgb == "#ff0000"
    assert prop.show_edges


def test_a_plotter_of_its_own():
    ds = xarray_atlas.open_sample("100 um")
    found = ds.atlas.plot.surface("RSP", off_screen=True, window_size=(120, 80))
    assert found.screenshot(return_img=True).shape == (80, 120, 3)
    assert found.off_screen
    found.close()


def test_surfaces_are_smooth_and_keep_their_volume(plotter):
    """A ball of voxels against the ball."""
    radius, size = 12, 0.1
    at = np.indices((32, 32, 32)) - 15.5
    values = (np.sqrt((at**2).sum(axis=0)) < radius).astype(np.uint32) * 8
    ds = xarray_atlas.create_atlas(
        values, REGIONS, name="ball", voxel_size="100 um", orientation="asr"
    )
    ds.atlas.plot.surface("grey", plotter=plotter)
    centre = middle(plotter, "grey")
    before = np.linalg.norm(ds.atlas.mesh("grey").vertices - np.abs(centre)[[1, 2, 0]], axis=1)
    after = np.linalg.norm(points(plotter, "grey") - centre, axis=1)
    assert before.std() > 0.2 * size
    assert after.std() < 0.1 * size
    volume = enclosed(actor(plotter, "grey").mapper.dataset)
    assert volume == pytest.approx(np.count_nonzero(values) * size**3, rel=1e-4)


def test_a_shell_shows_the_faces_towards_the_camera(tiny, plotter):
    tiny.atlas.plot.surface(["grey", "one"], plotter=plotter)
    assert actor(plotter, "grey").prop.culling == "back"
    assert actor(plotter, "one").prop.culling == "none"
    assert actor(plotter, "one").prop.ambient > 0.2
    tiny.atlas.plot.surface("one", plotter=plotter, ambient=0)
    assert actor(plotter, "one").prop.ambient == 0


# -- where it is drawn


def test_positions_are_those_of_the_mesh_in_mm(tiny, plotter):
    tiny.atlas.plot.surface("one", plotter=plotter)
    vertices = tiny.atlas.mesh("one").vertices
    for column, (dim, sign) in enumerate([("x", -1), ("z", -1), ("y", -1)]):
        axis = vertices[:, ["z", "y", "x"].index(dim)]
        np.testing.assert_allclose(points(plotter, "one")[:, column], sign * axis, atol=0.5 * SIZE)
    # one voxel from the corner of the volume, and to the right, anterior and superior of the rest
    box = np.sort([-(np.array([0, 0, 0]) + 0.5 * SIZE), -(np.array([3, 2, 2]) + 0.5) * SIZE], 0)
    found = np.stack([points(plotter, "one").min(axis=0), points(plotter, "one").max(axis=0)])
    np.testing.assert_allclose(found, box, atol=0.4 * SIZE)


TURNS = [
    "".join(letters)
    for order in itertools.permutations(("ap", "si", "rl"))
    for letters in itertools.product(*order)
]


@pytest.mark.parametrize("form", ["dataset", "encoded", "renamed", "transposed"])
def test_not_mirrored_whatever_the_orientation(tiny, plotter, form):
    """The corner that is right, anterior and superior stays so in all of the 48 orientations."""
    assert len(set(TURNS)) == 48
    change = {
        "dataset": lambda ds: ds,
        "encoded": lambda ds: ds.annotation.atlas.encode(),
        "renamed": lambda ds: ds.rename(x="a", y="b", z="c"),
        "transposed": lambda ds: ds.transpose(*reversed(ds.annotation.dims)),
    }[form]
    for turn in TURNS if form == "dataset" else TURNS[::7]:
        ds = change(tiny.atlas.reorient(turn))
        ds.atlas.plot.surface(["grey", "one"], plotter=plotter, smooth_shading=False)
        apart = middle(plotter, "one") - middle(plotter, "grey")
        # of 8 x 4 x 6 voxels to the right, anterior and superior a corner of 3 x 2 x 2
        np.testing.assert_allclose(apart, np.array([2.5, 1, 2]) * SIZE, atol=0.15 * SIZE)
        mesh = actor(plotter, "one").mapper.dataset
        assert enclosed(mesh) == pytest.approx(12 * SIZE**3, rel=0.02)


def test_from_above_left_is_left(sample, plotter):
    """In BrainGlobe's volumes small x is right, z begins at the olfactory bulbs."""
    right, left = sample.isel(x=slice(0, 57)), sample.isel(x=slice(57, None))
    right.atlas.plot.surface("VISp", plotter=plotter, color="red")
    left.atlas.plot.surface("VISp", plotter=plotter, color="blue", name="left")
    sample.atlas.plot.surface("MOB", plotter=plotter, color="lime", name="front")
    plotter.view_xy()  # from above, the second axis of the scene upwards
    picture = plotter.screenshot(return_img=True)
    reds, blues, greens = (drawn_in(picture, color) for color in ("red", "blue", "green"))
    assert min(map(len, (reds[0], blues[0], greens[0]))) > 100
    assert blues[0].max() < reds[0].min()
    assert greens[1].max() < min(blues[1].min(), reds[1].min())


def test_the_view_is_the_right_way_up_from_the_front_and_the_left(sample, plotter):
    sample.atlas.plot.surface(["TH", "MOB", "SCs"], plotter=plotter)
    for name, color in {"TH": "lime", "MOB": "red", "SCs": "blue"}.items():
        actor(plotter, name).prop.color = color
    picture = plotter.screenshot(return_img=True)
    th, bulb, colliculus = (drawn_in(picture, color) for color in ("green", "red", "blue"))
    assert colliculus[1].mean() < th[1].mean()  # rows count downwards
    assert bulb[0].mean() < colliculus[0].mean()  # anterior is on the left
    camera = plotter.camera
    toward = np.subtract(camera.position, camera.focal_point)
    assert toward[0] < 0 < min(toward[1:])
    assert np.dot(camera.up, (0, 0, 1)) > 0.5


def test_a_region_is_seen_inside_of_the_brain(sample, plotter):
    sample.atlas.plot.surface(["root", "RSP"], plotter=plotter)
    picture = plotter.screenshot(return_img=True).astype(int)
    r, g, b = (int("1AA698"[i : i + 2], 16) for i in (0, 2, 4))
    assert sample.atlas.region("RSP").color == "#1AA698"
    # its hue, darker where it is in the shade or behind the brain's surface
    teal = (picture[..., 1] - picture[..., 0] > 50) & (picture[..., 1] > picture[..., 2] - 8)
    assert teal.mean() > 0.02
    shown = picture[teal]
    share = (shown[:, 1] - shown[:, 0]) / (g - r), (shown[:, 2] - shown[:, 0]) / (b - r)
    assert np.median(np.abs(share[0] / share[1] - 1)) < 0.1


# -- one side, and what is not there


def test_one_side(tiny, plotter):
    for side in ("left", "right"):
        tiny.atlas.plot.surface("grey", hemisphere=side, plotter=plotter)
    left, right = (points(plotter, f"grey ({side})") for side in ("left", "right"))
    assert left[:, 0].max() < -2.0
    assert right[:, 0].min() > -2.6
    assert left[:, 0].mean() < right[:, 0].mean()
    with pytest.raises(HemisphereError):
        tiny.atlas.plot.surface("grey", hemisphere="middle", plotter=plotter)


@pytest.mark.parametrize(("side", "sign"), [("left", -1), ("right", 1)])
def test_one_side_is_looked_at_from_there(tiny, plotter, side, sign):
    tiny.atlas.plot.surface("grey", hemisphere=side, plotter=plotter)
    camera = plotter.camera
    assert np.sign(camera.position[0] - camera.focal_point[0]) == sign


def test_a_region_without_a_voxel_is_left_out_and_said(tiny, plotter):
    with pytest.warns(UserWarning, match="no surface of 'two'.*the others are drawn"):
        tiny.atlas.plot.surface(["grey", "two"], plotter=plotter)
    assert "two" not in plotter.actors
    assert "grey" in plotter.actors


def test_nothing_to_draw_is_an_error(tiny):
    with pytest.raises(GridError, match="no surface of 'two'.*on the left side"):
        tiny.atlas.plot.surface("two", hemisphere="left")


def test_errors(tiny):
    with pytest.raises(RegionNotFoundError, match="gray"):
        tiny.atlas.plot.surface(["gray"])
    with pytest.raises(TypeError, match="regions that are named"):
        tiny.atlas.plot.surface(None)
    with pytest.raises(ValueError, match="names no region"):
        tiny.atlas.plot.surface([])
    with pytest.raises(KeyError, match="opacity names 'root', which is not drawn"):
        tiny.atlas.plot.surface("grey", opacity={"root": 0.1})


def test_a_plotter_that_shows_something_keeps_its_camera(tiny, plotter):
    plotter.add_mesh(pyvista.Sphere())
    plotter.camera.position = (1.0, 2.0, 3.0)
    tiny.atlas.plot.surface("grey", plotter=plotter)
    assert plotter.camera.position == (1.0, 2.0, 3.0)


def test_without_pyvista(tiny, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvista", None)
    with pytest.raises(ImportError, match=r"xarray-atlas\[surface\]"):
        tiny.atlas.plot.surface("grey")


def test_parcels(sample, plotter):
    cosmos = sample.atlas.parcellate(regions=["Isocortex", "TH"])
    cosmos.atlas.plot.surface(["Isocortex", "TH"], plotter=plotter)
    assert {"Isocortex", "TH"} <= set(plotter.actors)

"""Sections: which plane, how it lies, what is read of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import dask
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from matplotlib.transforms import Bbox

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from support.stores import AXES, REGIONS, CountingStore, labels, scaling, write_ome_zarr
from xarray_atlas.coords.grid import lengths
from xarray_atlas.errors import GridError, RegionNotFoundError, UnitsError
from xarray_atlas.kernels.greys import grey_limits
from xarray_atlas.plotting.artists import ScaleBar
from xarray_atlas.plotting.label_places import label_places
from xarray_atlas.plotting.lengths import bar_length
from xarray_atlas.plotting.region_names import RegionName
from xarray_atlas.sections.positions import plane_at

mpl.use("agg")
pytestmark = pytest.mark.version_independent

PLAIN = {
    "outlines": False, "labels": False, "directions": False, "scale_bar": False,
}  # fmt: skip

RED = (200, 30, 30)


@pytest.fixture(autouse=True)
def figures() -> Any:
    yield
    plt.close("all")


@contextmanager
def one_compute() -> Iterator[None]:
    """Fail where dask is asked to compute more than once."""
    asked = []

    def scheduler(graph: Any, keys: Any, **keywords: Any) -> Any:
        asked.append(keys)
        return dask.get(graph, keys, **keywords)

    with dask.config.set(scheduler=scheduler):
        yield
    assert len(asked) == 1


def new_axes(**keywords: Any) -> Any:
    return plt.subplots(**keywords)[1]


def corner_atlas(chunked: bool = False) -> xr.Dataset:
    """One region, in the octant that is anterior, superior and right; "asr", of flat voxels."""
    values = np.zeros((6, 8, 10), np.uint32)
    values[:3, :4, :5] = 1
    ds = make_atlas(values, make_terminology([-1]), (0.5, 0.25, 0.125))
    ds = ds.chunk() if chunked else ds
    space = {"shape": (6, 8, 10)}
    import dataclasses

    from xarray_atlas import AtlasIndex

    whole = dataclasses.replace(ds.atlas.space, **space)
    index = AtlasIndex(ds.atlas.terminology, whole)
    bare = ds.drop_vars("terminology")
    return bare.assign_coords(xr.Coordinates(index.create_variables(), {"terminology": index}))


def rendered(ax: Any) -> Any:
    """What is drawn within the axes."""
    ax.figure.canvas.draw()
    drawn = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]
    box = ax.get_window_extent()
    rows = slice(round(len(drawn) - box.y1) + 2, round(len(drawn) - box.y0) - 2)
    return drawn[rows, round(box.x0) + 2 : round(box.x1) - 2]


MADE = {
    "asr": lambda ds: ds,
    "asl": lambda ds: ds.atlas.reorient("asl"),
    "pir": lambda ds: ds.atlas.reorient("pir"),
    "sra": lambda ds: ds.atlas.reorient("sra"),
    "lip": lambda ds: ds.atlas.reorient("lip"),
    "transposed": lambda ds: ds.transpose("x", "z", "y"),
    "backwards": lambda ds: ds.isel(z=slice(None, None, -1), x=slice(None, None, -1)),
    "renamed": lambda ds: ds.rename(z="a", y="b", x="c"),
    "encoded": lambda ds: ds.atlas.encode(),
    "annotation": lambda ds: ds.annotation,
    "chunked": lambda ds: ds.chunk(2),
}
SIDES = {"ap": ("R", "S", "L", "I"), "dv": ("R", "A", "L", "P"), "ml": ("A", "S", "P", "I")}


@pytest.mark.parametrize("kind", list(MADE))
@pytest.mark.parametrize("axis", ["ap", "dv", "ml"])
def test_the_brain_lies_as_in_atlases_and_letters_say_so(kind: str, axis: str) -> None:
    obj = MADE[kind](corner_atlas())
    # half a voxel into the anterior, superior, right octant, from that corner
    space = obj.atlas.space
    at = space.position(axis)
    low = space.orientation[at] in "asr"
    inside = space.corner[at] + space.voxel_size[at] * (0.5 if low else space.shape[at] - 0.5)
    ax = new_axes(figsize=(4, 4))
    keywords = {**PLAIN, "directions": True}
    assert obj.atlas.plot.section(**{axis: inside}, ax=ax, **keywords) is ax
    letters = {}
    for text in ax.texts:
        x, y = text.xy
        letters[{(0, 0.5): 0, (0.5, 1): 1, (1, 0.5): 2, (0.5, 0): 3}[x, y]] = text.get_text()
        text.set_visible(False)
    assert tuple(letters[i] for i in range(4)) == SIDES[axis]
    drawn = rendered(ax)
    rows, columns = (n // 2 for n in drawn.shape[:2])
    colored = (drawn != 255).any(axis=-1)
    quarters = [
        colored[:rows, :columns].mean(), colored[:rows, columns:].mean(),
        colored[rows:, :columns].mean(), colored[rows:, columns:].mean(),
    ]  # fmt: skip
    assert quarters == pytest.approx([1, 0, 0, 0], abs=0.05)
    # the shape in mm, whatever that of the voxels
    extent = dict(zip(("ap", "dv", "ml"), (3.0, 2.0, 1.25), strict=True))
    across, up = {"ap": ("ml", "dv"), "dv": ("ml", "ap"), "ml": ("ap", "dv")}[axis]
    box = ax.get_window_extent()
    assert box.width / box.height == pytest.approx(extent[across] / extent[up], rel=1e-3)


def test_axes_are_in_mm_of_the_dataset(sample: xr.Dataset) -> None:
    ax = sample.atlas.plot.section(ap="7.01 mm", ax=new_axes())
    assert ax.get_xlim() == pytest.approx((-0.025, 11.375))  # half voxels around 0.025 + 0.1 i
    assert ax.get_ylim() == pytest.approx((7.975, -0.025))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("ML to left (mm)", "DV to inferior (mm)")
    assert ax.get_title() == "AP = 7.025 mm"
    assert ax.get_aspect() == 1
    ax = sample.rename(y="depth").atlas.plot.section(x="3 mm", ax=new_axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("AP to posterior (mm)", "DV to inferior (mm)")
    # the voxel that holds a position is drawn there
    image = ax.images[0]
    left, right, bottom, top = image.get_extent()
    values = image.get_array()
    column = int((8.0 - left) / (right - left) * values.shape[1])
    row = int((2.0 - top) / (bottom - top) * values.shape[0])
    assert values[row, column] == sample.annotation.sel(z=8, y=2, x=3, method="nearest")


@pytest.mark.parametrize(
    ("position", "plane"),
    [
        ({"ap": "7 mm"}, {"z": 7.0}),
        ({"z": 7.02}, {"z": 7.0}),
        ({"dv": "3100 um"}, {"y": 3.1}),
        ({"ml": xarray_atlas.coords.units.quantity(4.0)}, {"x": 4.0}),
        ({"x": 0}, {"x": 0.0}),  # in the first voxel's first half
        ({"z": 13.17}, {"z": 13.2}),
        ({"region": "RSP"}, {"z": "point"}),
        ({"region": "RSP", "axis": "y"}, {"y": "point"}),
        ({"region": 254, "axis": "ml"}, {"x": "point"}),
    ],
)
def test_the_plane_that_is_asked_for(sample: xr.Dataset, position: Any, plane: Any) -> None:
    ax = sample.atlas.plot.section(**position, ax=new_axes(), **PLAIN)
    ((dim, at),) = plane.items()
    if at == "point":
        at = sample.atlas.region_properties("RSP").representative_point.sel(axis=dim).item()
    expected = sample.annotation.sel({dim: at}, method="nearest").values
    found = np.asarray(ax.images[0].get_array())
    np.testing.assert_array_equal(found, expected.T if dim == "x" else expected)


def test_one_plane_needs_no_position(sample: xr.Dataset) -> None:
    plane = sample.sel(z="7 mm", method="nearest")
    expected = plane.annotation.values
    for obj in (plane, plane.annotation, sample.isel(z=[70]), plane.drop_vars("z")):
        ax = obj.atlas.plot.section(ax=new_axes(), **PLAIN)
        np.testing.assert_array_equal(np.asarray(ax.images[0].get_array()), expected)
    assert ax.get_title() == ""
    with pytest.raises(GridError, match="one plane already, of 'y' and 'x': give no position"):
        plane.atlas.plot.section(ap="7 mm")


def test_planes_that_there_are_not(sample: xr.Dataset) -> None:
    section = sample.atlas.plot.section
    with pytest.raises(GridError, match=r"ap = 14 mm lies outside: .*'z' reach from .* to 13.175"):
        section(ap="14 mm")
    with pytest.raises(GridError, match="lies outside"):
        section(x=-0.1)
    with pytest.raises(GridError, match="such as from bregma, needs frame="):
        section(ap="-2 mm")
    with pytest.raises(GridError, match=r"AP= names no axis; did you mean ap='7 mm'\?"):
        section(AP="7 mm")
    with pytest.raises(GridError, match=r"did you mean ml='1 mm'\?"):
        section(sagittal="1 mm", frame="ibl")
    with pytest.raises(GridError, match="which plane"):
        section()
    with pytest.raises(GridError, match="more than once"):
        section(ap=3, dv=4)
    with pytest.raises(GridError, match="give one of the two"):
        section(ap=3, z=3)
    with pytest.raises(UnitsError, match="has no unit"):
        section(ap="7")
    with pytest.raises(UnitsError, match="one position"):
        section(ap=[7, 8])
    with pytest.raises(RegionNotFoundError):
        section(region="RSPx")
    with pytest.raises(GridError, match="no axis 'w'"):
        section(region="RSP", axis="w")
    with pytest.raises(GridError, match="has no voxel in this part"):
        sample.isel(z=slice(20)).atlas.plot.section(region="RSP")
    with pytest.raises(GridError, match="nothing is left along 'z'"):
        sample.isel(z=slice(0)).atlas.plot.section(ap=3)
    with pytest.raises(GridError, match="holds no region labels"):
        sample.annotation.rename("template").atlas.plot.section(ap=3)


@pytest.mark.parametrize("form", ["plain", "backwards", "encoded"])
def test_a_face_belongs_to_the_plane_that_holds_its_points(sample: xr.Dataset, form: str) -> None:
    made = {"plain": sample, "encoded": sample.atlas.encode()}
    obj = made.get(form, sample.isel(z=slice(None, None, -1)))
    for i in range(0, 131, 10):  # of these floats of about a third lay nearer to the plane before
        face = float(lengths(sample, "z")[i]) + 0.05
        held = plane_at(obj, "ap", face).atlas.encode().z.item()
        assert held == pytest.approx(face + 0.05), i
    last = plane_at(obj, "ap", float(lengths(sample, "z")[-1]) + 0.05)
    assert last.atlas.encode().z.item() == pytest.approx(lengths(sample, "z")[-1])


def test_no_plane_is_drawn_for_a_position_between_planes(sample: xr.Dataset) -> None:
    picked = sample.isel(z=[0, 100, 101])
    assert picked.atlas.plot.section(ap=0.06, ax=new_axes()).get_title() == "AP = 0.025 mm"
    with pytest.raises(GridError, match=r"ap = 6 mm lies between .* nearest is at 10.025 mm"):
        picked.atlas.plot.section(ap="6 mm")
    with pytest.raises(GridError, match=r"outside: .* from -0.025 to 10.175 mm"):
        picked.atlas.plot.section(ap=11)


def test_keywords_go_on_and_the_current_axes_are_the_default(sample: xr.Dataset) -> None:
    ax = new_axes()
    kept = {**PLAIN, "outlines": {"color": "red", "linewidth": 3}}
    found = sample.atlas.plot.section(ap=7, **kept, alpha=0.25, zorder=-3)
    assert found is ax
    assert (ax.images[0].get_alpha(), ax.images[0].get_zorder()) == (0.25, -3)
    assert ax.collections[0].get_linewidth() == [3]
    assert mpl.colors.same_color(ax.collections[0].get_color()[0], "red")
    assert len(ax.texts) == 0
    ax = sample.atlas.plot.section(ap=7, ax=new_axes(dpi=50))
    assert ax.collections[0].get_linewidth() == [72 / 50]


@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_all_lies_as_the_letters_say_whatever_the_users_pictures_do(origin: str) -> None:
    ds = corner_atlas()
    ds["template"] = ds.annotation * 100
    with mpl.rc_context({"image.origin": origin}):
        for ax in (
            ds.atlas.plot.section(ap=0.5, template=False, ax=new_axes(), **PLAIN),
            ds.atlas.plot.section(ap=0.5, alpha=0, ax=new_axes(), **PLAIN),  # the template alone
            ds.atlas.plot.values({"R0": 1}, ap=0.5, ax=new_axes(), add_colorbar=False, **PLAIN),
        ):
            picture = rendered(ax).astype(int)
            quarter = len(picture) // 4
            (held, _), (below, empty) = picture[[[quarter], [-quarter]], [20, -20]]
            np.testing.assert_array_equal(below, empty)
            assert np.abs(held - empty).max() > 20


def test_where_a_picture_lies_is_not_for_keywords_to_say(sample: xr.Dataset) -> None:
    for keywords in ({"origin": "lower"}, {"extent": (0, 1, 0, 1)}, {"aspect": 2}):
        with pytest.raises(TypeError, match="its coordinates say where it lies"):
            sample.atlas.plot.section(ap=7, **keywords)
        with pytest.raises(TypeError, match="its coordinates say where it lies"):
            sample.atlas.plot.values({"RSP": 1}, ap=7, **keywords)


@pytest.mark.parametrize("fill", [np.nan, np.inf])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_template_that_ends_before_the_plane(fill: float, share: float) -> None:
    ds = corner_atlas()
    shade = np.arange(ds.annotation.size, dtype="f4").reshape(ds.annotation.shape)
    ds["template"] = ds.annotation.dims, np.where(shade < share * shade.size, fill, shade)
    for at in (0, 2.5):
        rendered(ds.atlas.plot.section(ap=at, ax=new_axes()))


@pytest.mark.parametrize(
    ("axes", "figure", "ink"),
    [
        ("white", "white", "black"), ("black", "black", "white"), ("none", "white", "black"),
        ("none", "black", "white"), ("none", "none", "black"), ("white", "black", "black"),
    ],
)  # fmt: skip
def test_what_is_written_stands_out(axes: str, figure: str, ink: str) -> None:
    with mpl.rc_context({"axes.facecolor": axes, "figure.facecolor": figure}):
        ax = corner_atlas().atlas.plot.section(ap=0.5, ax=new_axes(), labels=False)
    assert {text.get_color() for text in ax.texts} == {ink}
    assert ax.lines[0].get_color() == ink


def test_the_template_lies_below(sample: xr.Dataset) -> None:
    grey = (np.arange(132)[:, None, None] + sample.annotation.values % 7).astype(np.uint16)
    ds = sample.assign(template=(sample.annotation.dims, grey))
    ax = ds.atlas.plot.section(ap=7, ax=new_axes(), **PLAIN)
    below, above = ax.images
    np.testing.assert_array_equal(np.asarray(below.get_array()), grey[70])
    assert (below.cmap.name, above.get_alpha(), above.get_zorder()) == ("gray", 0.5, 0)
    ax = ds.atlas.plot.section(ap=7, ax=new_axes(), template=False, **PLAIN)
    assert [image.get_alpha() for image in ax.images] == [None]


def test_a_resampled_and_a_parcellated_atlas(sample: xr.Dataset) -> None:
    grid = {"z": np.arange(5) * 1.0 + 3, "y": np.arange(6) * 1.0, "x": np.arange(12) * 0.9}
    coords = {
        dim: (dim, along, {"units": "mm", "direction": sample[dim].attrs["direction"]})
        for dim, along in grid.items()
    }
    image = xr.DataArray(np.zeros((5, 6, 12)), coords, ("z", "y", "x"))
    here = sample.atlas.resample_like(image)
    ax = here.atlas.plot.section(z=5, ax=new_axes())
    assert ax.get_xlim() == pytest.approx((-0.45, 10.35))
    np.testing.assert_array_equal(np.asarray(ax.images[0].get_array()), here.annotation[2])
    cut = sample.atlas.parcellate("cosmos")
    ax = cut.atlas.plot.section(ap=7, ax=new_axes(dpi=200))
    names = {text.get_text() for text in ax.texts}
    assert {"Isocortex", "TH", "HPF"} <= names
    assert not {"VISp1", "CA1"} & names


# -- what is read


def counted(**opening: Any) -> tuple[CountingStore, xr.Dataset]:
    """An atlas of 4 x 4 x 5 chunks whose requests are counted."""
    store = CountingStore(zarr.storage.MemoryStore())
    values = labels((16, 16, 20))
    write_ome_zarr(store, {"0": (values, scaling(0.1))}, chunks=(4, 4, 4), axes=AXES)
    terminology = xarray_atlas.Terminology.from_dataframe(REGIONS.astype(str), name="tiny")
    ds = xarray_atlas.open_atlas(store, terminology=terminology, midline="0.95 mm", **opening)
    store.keys.clear()
    return store, ds


def chunks_of(**at: int) -> set[str]:
    """The chunks that hold a plane."""
    index = [[at[d]] if d in at else range(n) for d, n in zip("zyx", (4, 4, 5), strict=True)]
    return {f"0/c/{z}/{y}/{x}" for z in index[0] for y in index[1] for x in index[2]}


@pytest.mark.parametrize(("axis", "dim"), [("ap", "z"), ("dv", "y"), ("ml", "x")])
def test_only_the_chunks_of_the_plane_are_read(axis: str, dim: str) -> None:
    store, ds = counted()
    with one_compute():
        ds.atlas.plot.section(**{axis: 0.6}, ax=new_axes())
    assert sorted(store.chunks) == sorted(chunks_of(**{dim: 1}))
    store.keys.clear()
    with one_compute():
        ds.atlas.plot.values({"grey": 1.0}, **{axis: 0.6}, ax=new_axes())
    assert sorted(store.chunks) == sorted(chunks_of(**{dim: 1}))
    store.keys.clear()
    with one_compute():
        ds.atlas.plot.outlines(new_axes(), **{axis: 0.6})
    assert sorted(store.chunks) == sorted(chunks_of(**{dim: 1}))


@pytest.mark.parametrize(("axis", "dim"), [("ap", "z"), ("dv", "y"), ("ml", "x")])
def test_only_the_chunks_of_the_plane_are_read_without_dask(axis: str, dim: str) -> None:
    store, ds = counted(chunks=None)
    ds.atlas.plot.section(**{axis: 0.6}, ax=new_axes(), **PLAIN)
    assert sorted(store.chunks) == sorted(chunks_of(**{dim: 1}))


def test_only_the_chunks_of_several_planes_are_read() -> None:
    store, ds = counted()
    with one_compute():
        ds.atlas.plot.sections(n=2)  # the planes 4 and 12
    assert sorted(store.chunks) == sorted(chunks_of(z=1) | chunks_of(z=3))
    store.keys.clear()
    with one_compute():
        ds.atlas.plot.ortho(ap=0.1, dv=0.6, ml=1.0)
    assert set(store.chunks) == chunks_of(z=0) | chunks_of(y=1) | chunks_of(x=2)


def test_other_variables_are_not_read(sample: xr.Dataset) -> None:
    import dask.array as da

    def fail(block: Any) -> Any:
        raise AssertionError("read")

    never = da.zeros(sample.annotation.shape, dtype=np.uint8).map_blocks(fail, dtype=np.uint8)
    dims = sample.annotation.dims
    ds = sample.assign(template=(dims, never), hemispheres=(dims, never), other=(dims, never))
    ds.atlas.plot.section(ap=7, ax=new_axes(), template=False)
    ds.atlas.plot.outlines(new_axes(), ap=7)
    ds.atlas.plot.values({"RSP": 1}, ap=7, ax=new_axes())
    with pytest.raises(AssertionError, match="read"):
        ds.atlas.plot.section(ap=7, ax=new_axes())
    with dask.config.set(scheduler=no_compute):
        _ = ds.atlas.cmap, ds.atlas.norm


# -- names of regions, the scale bar


@given(
    st_numpy.arrays(np.uint32, st.tuples(st.integers(1, 12), st.integers(1, 12)),
                    elements=st.sampled_from([0, 1, 1, 1, 2**32 - 1])),
    st.sampled_from([(1.0, 1.0), (0.2, 0.1)]),
)  # fmt: skip
def test_names_are_where_there_is_most_room(values: Any, size: Any) -> None:
    from scipy import ndimage

    rows, columns = values.shape
    padded = np.pad(values.astype(np.int64), 1, constant_values=-1)
    cross = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    inside = np.zeros(values.shape, bool)
    for r in range(rows):
        for c in range(columns):
            around = {int(padded[r + 1 + i, c + 1 + j]) for i, j in cross}
            inside[r, c] = len(around) == 1 and values[r, c] != 0
    # the nearest voxel that is beside another label, or beyond the rim
    edge = np.argwhere(~np.pad(inside, 1)) - 1
    room = np.zeros(values.shape)
    for r, c in np.argwhere(inside):
        room[r, c] = np.hypot((edge[:, 0] - r) * size[0] * 2, (edge[:, 1] - c) * size[1]).min()
    parts, count = ndimage.label(inside)
    found = label_places(values, size)
    at = found.row, found.column
    np.testing.assert_array_equal(found.label, values[at])
    assert sorted(parts[at].tolist()) == list(range(1, count + 1))
    for r, c in zip(*at, strict=True):
        assert room[r, c] == pytest.approx(room[parts == parts[r, c]].max())


def test_names_of_a_fine_plane_lie_in_their_regions() -> None:
    values = np.zeros((1300, 700), np.uint32)
    values[100:600, 50:300] = 5
    values[700:1250, 100:650] = 2**32 - 1
    found = label_places(values, (0.01, 0.01))
    assert found.label.tolist() == [2**32 - 1, 5]
    np.testing.assert_array_equal(values[found.row, found.column], found.label)
    assert abs(found.row[0] - 975) < 140
    assert abs(found.column[0] - 375) < 4


@pytest.mark.parametrize("size", [(4, 3), (9, 6)])
def test_names_stay_in_their_regions_and_off_each_other(size: Any) -> None:
    ds = xarray_atlas.open_sample("50 um")
    ax = new_axes(figsize=size, layout="constrained")
    ds.atlas.plot.section(ap=7, ax=ax)
    bar, _, bar_box = scale_bar(ax)  # which draws the figure
    renderer = ax.figure.canvas.get_renderer()
    names = {t: t.get_window_extent(renderer) for t in ax.texts if t.get_text() != bar}
    shown, beside = [], []
    for text, box in names.items():
        renderer.clear()
        text.draw(renderer)
        # a name beside the brain has a line to its region
        if getattr(getattr(text, "placed", None), "target", None) is not None:
            beside.append((text.get_text(), box, text.placed.target))
            shown.append(("", box))
        elif np.asarray(renderer.buffer_rgba())[..., 3].any():
            shown.append((text.get_text(), box))
    shown.append((bar, bar_box))
    assert {"S", "I", "L", "R", "2 mm", "MD"} <= {name for name, _ in shown}
    assert len(shown) > (10 if size[0] == 4 else 40)
    for i, (_, box) in enumerate(shown):
        assert box.count_overlaps(other for _, other in shown[i + 1 :]) == 0
    plane = ds.annotation.sel(z=7, method="nearest")
    terminology = ds.atlas.terminology
    for name, box in shown:
        if name in {"", "S", "I", "L", "R", "2 mm"}:
            continue
        (x0, y1), (x1, y0) = ax.transData.inverted().transform(box.get_points())
        under = plane.sel(x=slice(x0, x1), y=slice(y0, y1)).values
        (label,) = np.unique(under)
        assert terminology.region(int(label)).acronym == name
    assert len(beside) > 10
    for name, box, target in beside:
        (x0, y1), (x1, y0) = ax.transData.inverted().transform(box.get_points())
        assert not plane.sel(x=slice(x0, x1), y=slice(y0, y1)).any()
        x, y = ax.transData.inverted().transform(target)
        label = int(plane.sel(x=x, y=y, method="nearest"))
        assert label in terminology.labels_of(terminology.position(name))
    # areas of the cortex by themselves, since their layers are thin
    assert {"SSp-bfd", "TEa"} <= {name for name, *_ in beside} or size[0] > 4


def test_names_of_what_is_shown_larger(sample: xr.Dataset) -> None:
    ax = new_axes()
    sample.atlas.plot.section(ap=7, ax=ax, directions=False, scale_bar=False)
    ax.set(xlim=(3, 5), ylim=(3.2, 1.5))
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    shown = set()
    for text in ax.texts:
        renderer.clear()
        text.draw(renderer)
        if np.asarray(renderer.buffer_rgba())[..., 3].any():
            shown.add(text.get_text())
            assert ax.bbox.fully_contains(*text.get_window_extent(renderer).get_points()[0])
            assert ax.bbox.fully_contains(*text.get_window_extent(renderer).get_points()[1])
    assert {"CA1", "DG-mo", "LD"} <= shown
    assert "CP" not in shown


def test_bars_are_round() -> None:
    assert [bar_length(w) for w in (11.4, 13.2, 3.9, 0.9, 0.05)] == [2, 2, 0.5, 0.2, 0.01]


def scale_bar(ax: Any) -> tuple[str, Any, Any]:
    """What a scale bar says, the length that it is drawn with in mm, and its box."""
    ax.figure.canvas.draw()
    (line,) = ax.findobj(ScaleBar)
    ends = line.get_transform().transform(line.get_xydata())
    (x0, y0), (x1, y1) = ax.transData.inverted().transform(ends)
    assert y0 == pytest.approx(y1)
    both = [line.get_window_extent(), line.text.get_window_extent()]
    return line.text.get_text(), abs(x1 - x0), Bbox.union(both)


def test_the_scale_bar_is_as_long_as_it_says(sample: xr.Dataset) -> None:
    crop = sample.isel(z=slice(60, 80), y=slice(10, 30), x=slice(20, 45))
    for obj, told, length in ((sample, "2 mm", 2.0), (crop, "0.5 mm", 0.5)):
        ax = obj.atlas.plot.section(ap=7, ax=new_axes())
        assert scale_bar(ax)[:2] == (told, pytest.approx(length))
        # also in a part of the picture that is shown larger, and turned round
        ax.set(xlim=(4.2, 3.1), ylim=(2, 3))
        assert scale_bar(ax)[:2] == ("0.2 mm", pytest.approx(0.2))


def test_letters_follow_axes_that_are_turned_round(sample: xr.Dataset) -> None:
    ax = sample.atlas.plot.section(ap=7, ax=new_axes(), labels=False)

    def letters() -> dict[tuple[float, float], str]:
        ax.figure.canvas.draw()
        return {text.xy: text.get_text() for text in ax.texts if len(text.get_text()) == 1}

    assert letters() == {(0, 0.5): "R", (1, 0.5): "L", (0.5, 0): "I", (0.5, 1): "S"}
    ax.invert_xaxis()
    assert letters() == {(0, 0.5): "L", (1, 0.5): "R", (0.5, 0): "I", (0.5, 1): "S"}
    ax.invert_yaxis()
    assert letters() == {(0, 0.5): "L", (1, 0.5): "R", (0.5, 0): "S", (0.5, 1): "I"}


@pytest.mark.parametrize("view", [(4.0, 5.0), (9.0, 0.5), (3.0, 3.1), (-20.0, 30.0)])
def test_a_zoom_leaves_the_scale_bar_right_and_names_within(sample: xr.Dataset, view: Any) -> None:
    ax = new_axes(figsize=(3, 2))
    sample.atlas.plot.section(ap=6, ax=ax)
    ax.set(xlim=view, ylim=(3, 2))
    canvas = ax.figure.canvas
    canvas.draw()
    bar = ax.lines[0]
    (x0, _), (x1, _) = ax.transData.inverted().transform(
        bar.get_transform().transform(bar.get_xydata())
    )
    (told,) = (t.get_text() for t in ax.texts if t.get_text().endswith((" mm", " µm")))
    number, unit = told.split()
    length = float(number) / {"mm": 1, "µm": 1000}[unit]
    assert abs(x1 - x0) == pytest.approx(length)
    assert 0.1 <= length / abs(view[1] - view[0]) <= 0.25
    assert not ax.figure.stale  # an interactive figure would be drawn again and again
    renderer = canvas.get_renderer()
    for name in [text for text in ax.texts if isinstance(text, RegionName)]:
        renderer.clear()
        name.draw(renderer)
        rows, columns = np.nonzero(np.asarray(renderer.buffer_rgba())[..., 3])
        if rows.size:
            assert ax.bbox.x0 - 1 <= columns.min() <= columns.max() <= ax.bbox.x1 + 1
            up = renderer.height - rows
            assert ax.bbox.y0 - 1 <= up.min() <= up.max() <= ax.bbox.y1 + 1


@pytest.mark.parametrize("axis", ["ap", "dv", "ml"])
def test_letters_follow_axes_of_each_plane_that_are_turned_round(axis: str) -> None:
    ax = corner_atlas().atlas.plot.section(**{axis: 0.25}, ax=new_axes(), labels=False)

    def letters() -> Any:
        ax.figure.canvas.draw()
        return {t.xy: t.get_text() for t in ax.texts if len(t.get_text()) == 1}

    left, right, low, high = (0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)
    first = letters()
    assert set(first) == {left, right, low, high}
    assert not ax.figure.stale
    ax.invert_xaxis()
    assert letters() == {**first, left: first[right], right: first[left]}
    ax.set_ylim(ax.get_ylim()[::-1])
    turned = {left: right, right: left, low: high, high: low}
    assert letters() == {place: first[other] for place, other in turned.items()}
    ax.invert_xaxis()
    ax.invert_yaxis()
    assert letters() == first


def test_acronyms_are_no_formulas() -> None:
    row = {
        "identifier": "1", "parent_identifier": "", "annotation_value": "1",
        "name": "n", "abbreviation": "b$c$",
    }  # fmt: skip
    terminology = xarray_atlas.Terminology.from_dataframe(pd.DataFrame([row]))
    ds = make_atlas(np.ones((2, 8, 8), np.uint32), terminology)
    ax = ds.atlas.plot.section(ap=0, ax=new_axes())
    (name,) = (text for text in ax.texts if text.get_text() == "b$c$")
    assert not name.get_parse_math()


# -- values


def test_values_are_those_of_the_regions(sample: xr.Dataset) -> None:
    given = pd.Series({"CTX": 1.0, "RSP": 5.0, "TH": np.nan}, name="change")
    ax = sample.atlas.plot.values(given, ap=7, ax=new_axes(), vmin=-3, vmax=7, cmap="RdBu")
    brain, image = ax.images
    plane = sample.sel(z=7, method="nearest")
    expected = np.full(plane.annotation.shape, np.nan)
    for acronym in ("CTX", "RSP", "TH"):
        expected[plane.atlas.mask(acronym).values] = given[acronym]
    np.testing.assert_array_equal(image.get_array().filled(np.nan), expected)
    assert image.get_clim() == (-3, 7)
    assert image.cmap.name == "RdBu"
    assert ax.figure.axes[1].get_ylabel() == "change"
    # regions without a value are there, and grey
    np.testing.assert_array_equal(brain.get_array().filled(0) == 1, plane.annotation.values > 0)
    assert brain.to_rgba([1.0])[0].tolist() == [0.88, 0.88, 0.88, 1]


def test_values_of_both_sides_with_their_unit(sample: xr.Dataset) -> None:
    ds = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    volume = ds.atlas.volume(["RSP", "TH"], hemisphere=["left", "right"])
    scaled = volume * xr.DataArray([1, 10], dims="hemisphere")
    scaled.name = "volume"
    for told in (scaled, scaled.pint.dequantify()):
        ax = ds.atlas.plot.values(told, ap=7, ax=new_axes())
        found = ax.images[1].get_array().filled(np.nan)
        label = ax.figure.axes[1].get_ylabel()
        assert label.startswith("volume (")
        assert "3)" in label.replace("³", "3")
        for side in ("left", "right"):
            mask = ds.sel(z=7, method="nearest").atlas.mask("RSP", hemisphere=side).values
            expected = scaled.sel(region="RSP", hemisphere=side).pint.magnitude
            assert set(found[mask]) == {float(expected)}
    # in a sagittal plane there is one side
    ax = ds.atlas.plot.values(scaled, ml="9 mm", ax=new_axes())
    left = scaled.sel(hemisphere="left").pint.magnitude
    assert set(ax.images[1].get_array().compressed()) <= set(left.tolist())


def test_sides_of_a_variable_are_read(sample: xr.Dataset) -> None:
    sides = (1 + (np.arange(114) % 2))[None, None].astype(np.uint8)
    whole = np.broadcast_to(sides, sample.annotation.shape).copy()
    ds = sample.assign(hemispheres=(sample.annotation.dims, whole)).chunk(50)
    given = pd.Series(
        [1.0, 2.0],
        pd.MultiIndex.from_tuples(
            [("root", "left"), ("root", "right")], names=["region", "hemisphere"]
        ),
    )
    with one_compute():
        ax = ds.atlas.plot.values(given, ap=7, ax=new_axes())
    found = ax.images[1].get_array()
    expected = np.broadcast_to(sides[0], found.shape)
    np.testing.assert_array_equal(found.compressed(), expected[~found.mask])


def test_values_that_cannot_be_drawn(sample: xr.Dataset) -> None:
    times = xr.DataArray(np.ones((2, 3)), {"region": ["RSP", "TH"]}, ("region", "time"))
    with pytest.raises(ValueError, match=r"dimension 'time' too: .*isel\(time=0\)"):
        sample.atlas.plot.values(times, ap=7)
    with pytest.raises(RegionNotFoundError):
        sample.atlas.plot.values({"RSPx": 1}, ap=7)
    ax = sample.atlas.plot.values({"RSP": 1}, ap=7, ax=new_axes(), add_colorbar=False)
    assert len(ax.figure.axes) == 1


# -- outlines on a picture


def test_outlines_leave_the_picture_as_it_is(sample: xr.Dataset) -> None:
    ax = new_axes()
    image = (sample.annotation > 0).sel(z=7, method="nearest").astype(float)
    image.plot.imshow(ax=ax, add_colorbar=False)
    ax.set(xlim=(3, 4), ylim=(1, 5), aspect=0.3)
    before = ax.get_xlim(), ax.get_ylim(), ax.get_aspect(), ax.get_xlabel(), ax.get_title()
    assert sample.atlas.plot.outlines(ax, ap=7, color="red", linewidth=2) is ax
    ax.figure.canvas.draw()
    assert before == (
        ax.get_xlim(), ax.get_ylim(), ax.get_aspect(), ax.get_xlabel(), ax.get_title(),
    )  # fmt: skip
    assert mpl.colors.same_color(ax.collections[0].get_color()[0], "red")
    # axes without a picture are set up
    ax = new_axes()
    sample.atlas.plot.outlines(ap=7)
    assert ax.get_ylim() == pytest.approx((7.975, -0.025))


def test_outlines_on_other_axes(sample: xr.Dataset) -> None:
    def ends(**keywords: Any) -> Any:
        ax = new_axes()
        sample.atlas.plot.outlines(ax, **keywords)
        return np.array(ax.collections[0].get_segments())

    def same(found: Any, expected: Any) -> bool:
        return bool(sorted(found.tolist()) == sorted(expected.tolist()))

    usual = ends(x="3 mm")  # across: ap, up: dv
    assert same(ends(ml="3 mm", x="y"), usual[..., ::-1])
    assert same(ends(ml="3 mm", y="ap"), usual[..., ::-1])
    assert same(ends(ml="3 mm", x="ap", y="dv"), usual)
    assert same(ends(x="3 mm", y="z"), usual[..., ::-1])
    with pytest.raises(GridError, match="'ml' lies across this plane"):
        ends(ml=3, x="ml")
    with pytest.raises(GridError, match="not twice 'z'"):
        ends(ml=3, x="z", y="z")


# -- several planes


def test_planes_through_all_of_the_atlas() -> None:
    sample = xarray_atlas.open_sample("100 um")
    axes = sample.atlas.plot.sections(n=4, axis="dv")
    assert [ax.get_title() for ax in axes] == [
        f"DV = {at} mm" for at in (1.025, 3.025, 5.025, 7.025)
    ]
    assert axes[0].figure is axes[-1].figure
    assert len(axes[0].figure.axes) == 4
    # between the first and the last plane with a label, once these are known
    sample.atlas.volume()
    held = np.flatnonzero((sample.annotation > 0).any(["z", "x"]).values)
    first, stop = held[0], held[-1] + 1
    axes = sample.atlas.plot.sections(n=4, axis="y", labels=True)
    places = first + (np.arange(4) + 0.5) * (stop - first) / 4
    expected = [f"DV = {sample.y.pint.magnitude[int(p)]:.6g} mm" for p in places]
    assert [ax.get_title() for ax in axes] == expected
    # on axes of one's own
    own = plt.subplots(2, 3)[1]
    found = sample.atlas.plot.sections(ax=own, **PLAIN)
    assert list(found) == list(own.ravel())
    with pytest.raises(GridError, match="at least 1"):
        sample.atlas.plot.sections(n=0)
    with pytest.raises(GridError, match="no plane across 'ap'"):
        sample.isel(z=3).atlas.plot.sections()


def test_there_are_as_many_sections_as_planes(sample: xr.Dataset) -> None:
    part = sample.isel(z=slice(50, 53))
    axes = part.atlas.plot.sections(12, **PLAIN)
    assert [ax.get_title() for ax in axes] == ["AP = 5.025 mm", "AP = 5.125 mm", "AP = 5.225 mm"]
    with pytest.raises(GridError, match="4 axes were given, but there are 3 planes along 'z'"):
        part.atlas.plot.sections(ax=plt.subplots(4)[1])
    sections = sample.atlas.plot.sections
    for n in (2.5, "3", None):
        with pytest.raises(TypeError, match="integer"):
            sections(n)
    for keywords in ({"ap": 6}, {"z": 6}, {"region": "RSP"}):
        with pytest.raises(TypeError, match="takes no .*= ?; section"):
            sections(**keywords)
    with pytest.raises(GridError, match="nothing is left along 'z'"):
        sample.isel(z=slice(0, 0)).atlas.plot.sections()
    with pytest.raises(GridError, match="no voxel is left to draw"):
        sample.isel(y=slice(0, 0)).atlas.plot.section(ap=7)


def test_a_plane_is_through_one_region(sample: xr.Dataset) -> None:
    plot = sample.atlas.plot
    for draw in (plot.section, plot.ortho, plot.outlines):
        with pytest.raises(TypeError, match=r"a region is named by .*, not by \['RSP'\]"):
            draw(region=["RSP"])


def test_three_planes_through_a_point(sample: xr.Dataset) -> None:
    axes = sample.atlas.plot.ortho(ap="7 mm", dv=2, ml=4.0)
    assert [ax.get_title() for ax in axes] == ["AP = 7.025 mm", "DV = 2.025 mm", "ML = 4.025 mm"]
    axes[0].figure.canvas.draw()
    sizes = []
    for ax, (x, y) in zip(axes, ((4.025, 2.025), (4.025, 7.025), (7.025, 2.025)), strict=True):
        box = ax.get_window_extent()
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        sizes += [box.width / abs(right - left), box.height / abs(top - bottom)]
        hairs = [tuple(line.get_xdata()) + tuple(line.get_ydata()) for line in ax.lines[-2:]]
        assert hairs == [pytest.approx((x, x, 0, 1)), pytest.approx((0, 1, y, y))]
    assert sizes == pytest.approx([sizes[0]] * 6, rel=0.01)
    point = sample.atlas.region_properties("RSP").representative_point
    axes = sample.atlas.plot.ortho("RSP")
    titles = [
        f"{name} = {point.sel(axis=d).item().magnitude:.6g} mm"
        for name, d in zip(("AP", "DV", "ML"), "zyx", strict=True)
    ]
    assert [ax.get_title() for ax in axes] == titles
    with pytest.raises(GridError, match="through a point"):
        sample.atlas.plot.ortho(ap=3, dv=2)
    with pytest.raises(GridError, match="through a point"):
        sample.atlas.plot.ortho("RSP", ap=3)
    with pytest.raises(GridError, match="through a point"):
        sample.atlas.plot.ortho()
    with pytest.raises(GridError, match="2 were given"):
        sample.atlas.plot.ortho("RSP", ax=plt.subplots(2)[1])


def test_which_values_are_black_and_white() -> None:
    assert grey_limits(np.full((3, 3), 7)) is None
    assert grey_limits(np.array([np.nan, np.inf])) is None
    values = np.arange(1001.0)
    values[-1] = 1e9  # one bright voxel
    assert grey_limits(values) == (0, 998)
    sparse = np.zeros(10_000)
    sparse[5] = 3
    assert grey_limits(sparse) == (0, 3)
    assert grey_limits(np.array([True, False])) == (0, pytest.approx(0.998))


def test_a_plane_of_coordinates_in_um(sample: xr.Dataset) -> None:
    um = sample.assign_coords(
        {d: (d, sample[d].values * 1000, {**sample[d].attrs, "units": "um"}) for d in "zyx"}
    )
    for where in ({"ap": "8 mm"}, {"region": "RSP"}, {"ml": 4}):
        drawn, expected = (
            o.atlas.plot.section(**where, ax=new_axes(), labels=False) for o in (um, sample)
        )
        assert drawn.get_title() == expected.get_title()
        assert drawn.get_xlim() == pytest.approx(expected.get_xlim())
        np.testing.assert_array_equal(drawn.images[0].get_array(), expected.images[0].get_array())


def test_colours_that_are_not_of_labels(sample: xr.Dataset) -> None:
    with pytest.raises(TypeError, match=r"cmap='viridis' has no colour for each label"):
        sample.atlas.plot.section(ap=7, ax=new_axes(), cmap="viridis")
    own = sample.atlas.cmap.with_extremes(bad="red")
    sample.atlas.plot.section(ap=7, ax=new_axes(), cmap=own, labels=False)
    with pytest.raises(TypeError, match=r"neither of this function nor of .* 'title'"):
        sample.atlas.plot.section(ap=7, ax=new_axes(), title="x")


def test_three_planes_of_one(sample: xr.Dataset) -> None:
    with pytest.raises(GridError, match="no plane across 'ap'"):
        sample.isel(z=60).atlas.plot.ortho("RSP")


@pytest.mark.parametrize(("size", "warns"), [(11.4, False), (40.0, False), (456.0, True)])
def test_outlines_on_axes_in_pixels(sample: xr.Dataset, size: float, warns: bool) -> None:
    ax = new_axes()
    ax.imshow(np.zeros((4, 4)), extent=(0, size, size, 0))
    with pytest.warns(UserWarning, match="drawn in mm") if warns else nullcontext():
        sample.atlas.plot.outlines(ax, ap=7)

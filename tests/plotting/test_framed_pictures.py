"""Pictures of planes in frames and of oblique planes: ticks, labels, letters, what is under them."""

from __future__ import annotations

import re
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, PointsError, UnitsError
from xarray_atlas.plotting.artists import ScaleBar

mpl.use("agg")
pytestmark = pytest.mark.version_independent

PLAIN: dict[str, Any] = {
    "outlines": False, "labels": False, "directions": False, "scale_bar": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def figures() -> Any:
    yield
    plt.close("all")


def new_axes(**keywords: Any) -> Any:
    return plt.subplots(**keywords)[1]


def shown_at(ax: Any, x: float, y: float) -> int:
    """The label of the pixel at a point of the axes, by the extent of the picture."""
    image = ax.images[0]
    left, right, bottom, top = image.get_extent()
    values = np.asarray(image.get_array())
    column = int((x - left) / (right - left) * values.shape[1])
    row = int((y - top) / (bottom - top) * values.shape[0])
    return int(values[row, column])


def letters(ax: Any) -> dict[tuple[float, float], str]:
    ax.figure.canvas.draw()
    return {text.xy: text.get_text() for text in ax.texts if len(text.get_text()) == 1}


def in_sample(sample: xr.Dataset, ap: float, dv: float, ml: float) -> int:
    """The label at positions in um from the anterior, superior, left corner; the sample runs to the left."""
    values = sample.annotation.values
    return int(values[int(ap // 100), int(dv // 100), 113 - int(ml // 100)])


def test_axes_are_those_of_the_frame(sample: xr.Dataset) -> None:
    ax = sample.atlas.plot.section(ap="-2 mm", frame="ibl", ax=new_axes(), **PLAIN)
    assert ax.get_xlabel() == "ML to right (µm, ibl)"
    assert ax.get_ylabel() == "DV to superior (µm, ibl)"
    # bregma lies 5400 um from the corner: the voxels from 7300 to 7400 um hold -1.9 to -2 mm
    assert ax.get_title() == "AP = -1950 µm (ibl)"
    # the right hemisphere is on the left, and lies at positive ML; superior is up
    assert ax.get_xlim() == pytest.approx((11400 - 5739, -5739))
    assert ax.get_ylim() == pytest.approx((332 - 8000, 332))
    assert ax.get_aspect() == 1
    ax.figure.canvas.draw()
    ticks = ax.get_xticks()
    assert {-4000, -2000, 0, 2000, 4000} <= set(ticks)
    rng = np.random.default_rng(0)
    for ml, dv in zip(rng.uniform(-5500, 5500, 400), rng.uniform(-7500, 200, 400), strict=True):
        expected = in_sample(sample, 5400 + 1950, 332 - dv, 5739 + ml)
        assert shown_at(ax, ml, dv) == expected


def test_letters_and_the_bar_are_right_on_mirrored_axes(sample: xr.Dataset) -> None:
    ax = sample.atlas.plot.section(ap="-2 mm", frame="ibl", ax=new_axes(), labels=False)
    sides = {(0, 0.5): "R", (1, 0.5): "L", (0.5, 1): "S", (0.5, 0): "I"}
    assert letters(ax) == sides
    (bar,) = ax.findobj(ScaleBar)
    ends = ax.transData.inverted().transform(bar.get_transform().transform(bar.get_xydata()))
    assert bar.text.get_text() == "2 mm"
    assert abs(ends[1, 0] - ends[0, 0]) == pytest.approx(2000)
    ax.invert_xaxis()
    assert letters(ax)[0, 0.5] == "L"
    for axis, expected in {"dv": ("R", "L", "A", "P"), "ml": ("A", "P", "S", "I")}.items():
        ax = sample.atlas.plot.section(**{axis: "-3 mm"}, frame="ibl", ax=new_axes(), labels=False)
        found = letters(ax)
        there = tuple(found[place] for place in ((0, 0.5), (1, 0.5), (0.5, 1), (0.5, 0)))
        assert there == expected


@pytest.mark.parametrize(
    ("frame", "at", "labels", "title"),
    [
        ("allen", "7000 um", ("ML to right (µm, allen)", "DV to inferior (µm, allen)"),
         "AP = 7050 µm (allen)"),
        ("dataset", "7 mm", ("ML to left (mm, dataset)", "DV to inferior (mm, dataset)"),
         "AP = 7.025 mm (dataset)"),
        ("trajectory-explorer", "-2 mm",
         ("ML to right\n(mm, trajectory-explorer)", "DV to inferior\n(mm, trajectory-explorer)"),
         "AP = -2 mm (trajectory-explorer)"),
    ],
)  # fmt: skip
def test_labels_are_short_and_say_unit_direction_and_frame(
    sample: xr.Dataset, frame: str, at: str, labels: tuple[str, str], title: str
) -> None:
    ax = sample.atlas.plot.section(ap=at, frame=frame, ax=new_axes(), **PLAIN)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == (*labels, title)


def test_an_axis_of_a_turned_plane_says_so(sample: xr.Dataset) -> None:
    plot = sample.atlas.plot
    ax = plot.section(ap=7, tilt="5 deg", ax=new_axes(), **PLAIN)
    assert ax.get_xlabel() == "ML to left (mm)"  # the plane is turned about it
    assert ax.get_ylabel() == "DV to inferior, tilted (mm)"
    assert ax.get_title() == "AP = 7 mm, tilt 5°"
    ax = plot.section(dv="-3 mm", frame="ibl", roll="-2.5 deg", ax=new_axes(), **PLAIN)
    assert ax.get_xlabel() == "ML to right, tilted\n(µm, ibl)"
    assert ax.get_ylabel() == "AP to anterior (µm, ibl)"
    assert ax.get_title() == "DV = -3000 µm, roll -2.5° (ibl)"


@pytest.mark.parametrize(
    "asked",
    [
        {"ap": "-2 mm", "frame": "ibl"},
        {"ap": "-2 mm", "frame": "pinpoint-qiu2018"},
        {"ml": "-1 mm", "frame": "pinpoint-dorr2008", "tilt": "8 deg", "roll": "-12 deg"},
        {"dv": "4 mm", "tilt": "-15 deg", "roll": "5 deg"},
        {"ml": 3},
    ],
)
def test_what_is_under_the_cursor_is_in_the_atlas(sample: xr.Dataset, asked: Any) -> None:
    """The text of a point: where it is in the frame, which region_at finds too."""
    ax = sample.atlas.plot.section(**asked, ax=new_axes(), **PLAIN)
    frame = asked.get("frame", "dataset")
    named = sample.atlas.frames[frame]
    image = np.asarray(ax.images[0].get_array())
    left, right, bottom, top = ax.images[0].get_extent()
    rng = np.random.default_rng(5)
    rows, columns = (rng.integers(0, n, 300) for n in image.shape)
    known = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    cells: dict[str, list[float]] = {"ap": [], "dv": [], "ml": []}
    texts = []
    for row, column in zip(rows, columns, strict=True):
        x = left + (column + 0.5) / image.shape[1] * (right - left)
        y = top + (row + 0.5) / image.shape[0] * (bottom - top)
        text = ax.format_coord(x, y)
        found = re.match(r"AP (\S+), DV (\S+), ML (\S+) (mm|µm)(?:  (.+))?$", text)
        assert found is not None, text
        assert found[4] == {"um": "µm", "mm": "mm"}[named.unit]
        for axis, value in zip(cells, found.groups()[:3], strict=True):
            cells[axis].append(float(value))
        label = int(image[row, column])
        acronym = sample.atlas.terminology.region(label).acronym if label else None
        assert found[5] == acronym
        texts.append(found[5] or "")
    held = [i for i, name in enumerate(texts) if name]
    inside = {axis: np.array(values)[held] for axis, values in cells.items()}
    table = {n: inside[a] for n, a in zip(named.axes, named.anatomical, strict=True)}
    there = known.atlas.region_at(table, frame=frame, unit=named.unit).region.values
    agree = np.array(texts)[held] == there
    assert agree.mean() > 0.98  # the text has whole um: at a face it may be the next voxel's
    assert len(held) > 60


def test_a_tilted_plane_holds_the_pixels_of_its_section(sample: xr.Dataset) -> None:
    asked = {"ap": "-2 mm", "frame": "pinpoint-qiu2018", "tilt": "4 deg"}
    plane = sample.atlas.section(**asked)
    ax = sample.atlas.plot.section(**asked, ax=new_axes(), **PLAIN)
    np.testing.assert_array_equal(np.asarray(ax.images[0].get_array()), plane.annotation)
    half = 0.5 * float(np.diff(plane.ml.pint.magnitude)[0])
    ends = plane.ml.pint.magnitude[[-1, 0]] + [half, -half]
    assert ax.get_xlim() == pytest.approx(tuple(ends))
    # a section that was taken before is drawn as it was asked for
    for obj in (plane, plane.annotation, plane.compute()):
        again = obj.atlas.plot.section(ax=new_axes(), **PLAIN)
        for name in ("xlabel", "ylabel", "title", "xlim", "ylim"):
            assert getattr(again, f"get_{name}")() == getattr(ax, f"get_{name}")()
        assert again.format_coord(1, -2) == ax.format_coord(1, -2)
    # in um where the frame is
    straight = sample.atlas.section(ap="-2 mm", frame="ibl")
    again = straight.atlas.plot.section(ax=new_axes(), **PLAIN)
    assert again.get_xlabel() == "ML to right (µm, ibl)"
    assert again.get_xlim() == pytest.approx((5661, -5739))
    # but not where its coordinates are others now
    again = straight.atlas.reorient("asr").atlas.plot.section(ax=new_axes(), **PLAIN)
    assert "ibl" not in again.get_xlabel() + again.get_title()


def test_the_template_is_drawn_below(sample: xr.Dataset) -> None:
    ds = sample.assign(template=sample.annotation.astype("float32") % 100)
    for asked in ({"ap": "-2 mm", "frame": "ibl"}, {"ap": "7 mm", "tilt": "9 deg"}):
        ax = ds.atlas.plot.section(**asked, ax=new_axes(), **PLAIN)
        below, above = ax.images
        assert below.get_extent() == above.get_extent()
        assert np.asarray(below.get_array()).shape == np.asarray(above.get_array()).shape
    # beyond the volume it is black, as around the brain
    asked = {"ap": "1 mm", "tilt": "20 deg", "roll": "15 deg"}
    below = ds.atlas.plot.section(**asked, ax=new_axes(), **PLAIN).images[0]
    beyond = np.isnan(np.ma.filled(below.get_array(), np.nan))
    assert beyond.any()
    assert (below.to_rgba(below.get_array())[beyond] == [0, 0, 0, 1]).all()
    # a variable that is not on the grid is left alone
    odd = sample.assign(other=("time", np.arange(3.0)))
    odd.atlas.plot.section(ap="7 mm", tilt="9 deg", ax=new_axes(), **PLAIN)


def test_values_in_a_frame_are_those_of_the_regions(sample: xr.Dataset) -> None:
    ds = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    given = ds.atlas.volume(["CTX", "TH"], hemisphere=["left", "right"])
    given = given * xr.DataArray([1, 10], dims="hemisphere")
    for asked in ({"ap": "-2 mm", "frame": "ibl"}, {"ap": "-2 mm", "frame": "ibl-needles",
                                                    "tilt": "6 deg"}):  # fmt: skip
        plane = ds.atlas.section(**asked)
        ax = ds.atlas.plot.values(given, **asked, ax=new_axes())
        found = ax.images[1].get_array().filled(np.nan)
        for region in ("CTX", "TH"):
            for side, number in (("left", 1), ("right", 2)):
                held = plane.atlas.mask(region).values & (plane.hemispheres.values == number)
                value = float(given.sel(region=region, hemisphere=side).pint.magnitude)
                assert set(found[held]) == {value}
        # right is where ML is positive
        assert "to right" in ax.get_xlabel()
        right = plane.ml.pint.magnitude > 0.05
        assert (plane.hemispheres.values[:, right] != 1).all()


def test_outlines_are_in_the_unit_of_the_frame(sample: xr.Dataset) -> None:
    ax = new_axes()
    ax.imshow(np.zeros((4, 4)), extent=(5661, -5739, -7668, 332), origin="upper")
    sample.atlas.plot.outlines(ax, ap="-2 mm", frame="ibl")
    segments = np.array(ax.collections[0].get_segments())
    assert np.abs(segments[..., 0]).max() > 4000
    here = sample.atlas.section(ap="-2 mm", frame="ibl")
    values = here.annotation.values
    edges = (values[:, 1:] != values[:, :-1]).sum() + (values[1:] != values[:-1]).sum()
    lengths = np.abs(np.diff(segments, axis=1)).sum() / 100
    assert lengths == pytest.approx(edges)
    ax = new_axes()
    ax.imshow(np.zeros((4, 4)), extent=(0, 456, 320, 0))
    with pytest.warns(UserWarning, match="drawn in mm, and the axes reach over 320"):
        sample.atlas.plot.outlines(ax, ap="7 mm", tilt="3 deg")
    # axes of the frame may be called x and y
    ax = new_axes()
    matrix = np.diag([1.0, 1.0, 1.0, 1.0])
    own = sample.atlas.frame("rig", matrix=matrix, axes=("z", "y", "x"),
                             directions=("anterior-to-posterior", "superior-to-inferior",
                                         "right-to-left"))  # fmt: skip
    sample.atlas.plot.outlines(ax, x="4 mm", frame=own)
    assert ax.get_title() == "ML = 4.025 mm (rig)"
    ax = sample.atlas.plot.outlines(new_axes(), ml="4 mm", frame="dataset", x="dv", y="ap")
    assert ax.get_xlabel() == "DV to inferior (mm, dataset)"


def test_planes_through_all_of_the_brain_in_a_frame(sample: xr.Dataset) -> None:
    usual = sample.atlas.plot.sections(4, **PLAIN)
    framed = sample.atlas.plot.sections(4, frame="ibl", **PLAIN)
    for one, other in zip(usual, framed, strict=True):
        np.testing.assert_array_equal(
            np.asarray(one.images[0].get_array()),
            np.asarray(other.images[0].get_array())[::-1, ::-1],
        )
        at = float(re.search(r"= (\S+) mm", one.get_title())[1])  # type: ignore[index]
        assert other.get_title() == f"AP = {5400 - (at + 0.025) * 1000:.6g} µm (ibl)"
    for asked in (
        {"frame": "pinpoint-qiu2018"},
        {"tilt": "20 deg"},
        {"axis": "ml", "roll": "9 deg"},
    ):
        axes = sample.atlas.plot.sections(5, **asked, **PLAIN)
        sizes = {(abs(np.diff(ax.get_xlim())[0]).round(6), abs(np.diff(ax.get_ylim())[0]).round(6))
                 for ax in axes}  # fmt: skip
        assert np.ptp(np.array(list(sizes)), axis=0).max() <= 0.1001  # one scale, but for a pixel
        positions = [float(re.search(r"= (\S+) mm", ax.get_title())[1]) for ax in axes]  # type: ignore[index]
        steps = np.diff(positions)
        np.testing.assert_allclose(steps, steps[0], atol=0.002)
        held = [np.count_nonzero(np.asarray(ax.images[0].get_array())) for ax in axes]
        assert min(held[1:-1]) > 0
    with pytest.raises(TypeError, match="takes no through=; section"):
        sample.atlas.plot.sections(through=[[1, 2, 3]])
    with pytest.raises(TypeError, match="takes no ap=; section"):
        sample.atlas.plot.sections(frame="ibl", ap="3 mm")
    with pytest.raises(GridError, match="no axis 'z'"):
        sample.atlas.plot.sections(frame="ibl", axis="z")
    with pytest.raises(GridError, match="about="):
        sample.atlas.plot.sections(about={"dv": "3 mm"})


def test_three_planes_through_a_point_of_a_frame(sample: xr.Dataset) -> None:
    axes = sample.atlas.plot.ortho(ap="-2 mm", dv="-3 mm", ml="1 mm", frame="ibl")
    titles = [ax.get_title() for ax in axes]
    assert titles == ["AP = -1950 µm (ibl)", "DV = -3018 µm (ibl)", "ML = 1011 µm (ibl)"]
    hairs = [tuple(line.get_xdata()) + tuple(line.get_ydata()) for line in axes[0].lines[-2:]]
    assert hairs == [pytest.approx((1011, 1011, 0, 1)), pytest.approx((0, 1, -3018, -3018))]
    (text,) = axes[0].figure.axes[-1].texts
    assert text.get_text().endswith("AP = -1950 µm, DV = -3018 µm, ML = 1011 µm (ibl)")
    vta = sample.atlas.region("VTA").labels[0]
    for frame in ("ibl", "pinpoint-qiu2018"):
        axes = sample.atlas.plot.ortho("VTA", frame=frame)
        for ax in axes:
            x, y = ax.lines[-2].get_xdata()[0], ax.lines[-1].get_ydata()[0]
            assert shown_at(ax, x, y) == vta
    with pytest.raises(GridError, match="through a point"):
        sample.atlas.plot.ortho(ap="-2 mm", frame="ibl")


def test_frames_that_there_are_not(sample: xr.Dataset) -> None:
    plot = sample.atlas.plot
    for draw in (plot.section, plot.outlines, plot.ortho, plot.sections):
        with pytest.raises(PointsError, match="no frame .nowhere.. *[Tt]here are 'dataset'"):
            draw(frame="nowhere", **({} if draw == plot.sections else {"ap": "1 mm"}))
    with pytest.raises(UnitsError, match="has no unit"):
        plot.section(ap=-2, frame="ibl")
    with pytest.raises(UnitsError, match="tilt=5 has no unit"):
        plot.values({"RSP": 1}, ap=7, tilt=5)
    with pytest.raises(GridError, match="of frame 'ibl' lies outside: .* from -7800 to 5400 um"):
        plot.section(ap="-9 mm", frame="ibl")

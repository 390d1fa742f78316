"""Warnings of points that are not in the brain, and what they propose."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import Counted, make_atlas, make_terminology
from xarray_atlas.errors import PointsError

pytestmark = pytest.mark.version_independent

AXES = ("ap", "dv", "ml")
SHAPE = (20, 16, 24)
SIZE = 0.1


def brain(orientation: str = "asr", origin: tuple[float, ...] = (0, 0, 0)) -> xr.Dataset:
    """A brain that lies towards one corner: no axis and no direction is like another."""
    labels = np.zeros(SHAPE, "uint32")
    labels[2:18, 3:8, 13:23] = 2
    terminology = make_terminology([-1, 0])
    ds = make_atlas(labels, terminology, (SIZE,) * 3, origin, orientation)
    worlds = set(orientation) == set("lpi")
    world = tuple(np.eye(4).ravel().tolist()) if worlds else ()
    space = dataclasses.replace(ds.atlas.space, shape=SHAPE, world=world)
    carrier = xarray_atlas.AtlasIndex(terminology, space)
    coords = xr.Coordinates(carrier.create_variables(), indexes={carrier.name: carrier})
    return ds.drop_vars(carrier.name).assign_coords(coords)


@pytest.fixture
def atlas() -> xr.Dataset:
    return brain()


def cells(number: int = 300) -> np.ndarray[Any, Any]:
    """Points in the brain, in voxels from the outer corner."""
    return np.random.default_rng(0).uniform([2, 3, 13], [18, 8, 23], (number, 3))


def mixed(background: int, number: int = 100) -> np.ndarray[Any, Any]:
    points = cells(number)
    points[:background] = [0.5, 0.5, 0.5]
    return points * SIZE


@pytest.mark.parametrize("call", ["region_at", "count_points"])
def test_more_than_a_fifth_in_background(atlas: xr.Dataset, call: str) -> None:
    ask = getattr(atlas.atlas, call)
    asked: dict[str, Any] = {"axes": AXES, "unit": "mm", "frame": "brainglobe"}
    ask(mixed(20), **asked)  # no warning
    with pytest.warns(UserWarning, match="21 of 100 points lie outside of the brain: 21 in backg"):
        ask(mixed(21), **asked)
    half = mixed(10)
    half[10:21] = [0.5, 0.5, -3]
    with pytest.warns(UserWarning, match="21 of 100 .* 10 in background, 11 outside of the volume"):
        ask(half, **asked)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("right", ["brainglobe", "allen"])
def test_it_names_the_frame_that_puts_most_into_the_brain(
    atlas: xr.Dataset, right: str, lazy: bool
) -> None:
    points = cells() * SIZE
    if right == "allen":
        points[:, 2] = SHAPE[2] * SIZE - points[:, 2]
    wrong = {"brainglobe": "allen", "allen": "brainglobe"}[right]
    atlas = atlas.chunk(z=7, y=5, x=9) if lazy else atlas
    asked: dict[str, Any] = {"axes": AXES, "unit": "mm"}
    with pytest.warns(UserWarning, match=f"100% of them .* in the brain with frame='{right}'"):
        atlas.atlas.count_points(points, frame=wrong, **asked)
    assert int(atlas.atlas.count_points(points, frame=right, **asked).background) == 0


def test_it_names_the_world() -> None:
    atlas = brain("lpi", (-50.0, -40.0, -30.0))
    inside = np.argwhere(atlas.annotation.values > 0)[::9]
    xyz = inside * SIZE + [-50.0, -40.0, -30.0]
    assert (atlas.atlas.region_at(xyz, unit="mm", frame="world").status == 0).all()
    with pytest.warns(UserWarning, match="100% of them .* in the brain with frame='world'"):
        atlas.atlas.region_at(xyz, axes=("ml", "ap", "dv"), unit="mm", frame="brainglobe")
    corner = np.stack([SHAPE[1] - inside[:, 1] - 0.5, SHAPE[2] - inside[:, 2] - 0.5], -1) * SIZE
    points = np.column_stack([corner, (SHAPE[0] - inside[:, 0] - 0.5) * SIZE])
    with pytest.warns(UserWarning, match="100% of them .* in the brain with frame='brainglobe'"):
        atlas.atlas.region_at(points, axes=AXES, unit="mm", frame="world")


@pytest.mark.parametrize(
    ("scale", "order", "message"),
    [
        (1000, [0, 1, 2], r"with a unit a thousand times smaller \('um'"),
        (1, [1, 0, 2], r"another order \(what is called dv read as ap, ap read as dv\)"),
        (10, [0, 1, 2], "with unit='voxel', resolution= and frame='brainglobe'"),
    ],
)
def test_it_names_units_orders_and_indices(
    atlas: xr.Dataset, scale: float, order: list[int], message: str
) -> None:
    points = (cells() * SIZE)[:, order] * scale
    with pytest.warns(UserWarning, match=f"100% .* {message}"):
        atlas.atlas.region_at(points, axes=AXES, unit="mm", frame="brainglobe")


def test_where_nothing_fits_it_says_so(atlas: xr.Dataset) -> None:
    with pytest.warns(
        UserWarning, match="Neither another frame, unit, order of axes nor sign .*from bregma"
    ):
        atlas.atlas.region_at([[-1, 0.2, 0.1]] * 4, axes=AXES, unit="mm", frame="dataset")
    with pytest.warns(UserWarning, match="3 of them are NaN or infinite"):
        atlas.atlas.region_at([[np.nan, 0, 0]] * 3, axes=AXES, unit="mm", frame="dataset")


def test_points_elsewhere_in_the_volume_are_no_sign(atlas: xr.Dataset) -> None:
    """A part of the volume holds a part of the points; that says nothing of their frame."""
    part = atlas.isel(z=slice(6, 16))
    points = cells() * SIZE
    found = part.atlas.region_at(points, axes=AXES, unit="mm", frame="brainglobe")
    assert 0.2 < float((found.status == 3).mean()) < 0.5
    asked: dict[str, Any] = {"axes": AXES, "unit": "mm", "frame": "brainglobe"}
    for section in (atlas.isel(z=9), atlas.isel(z=[9]), atlas.annotation.isel(z=9)):
        found = section.atlas.region_at(points, **asked)
        assert 0 < float((found.status == 0).mean()) < 0.2
        with pytest.warns(UserWarning, match="300 of 300 points .* a thousand times smaller"):
            section.atlas.region_at(points * 1000, **asked)


def test_background_of_parcels_is_no_sign(atlas: xr.Dataset) -> None:
    parcels = atlas.atlas.parcellate(mapping={"one": ["R1"]})
    ask = parcels.atlas.region_at
    ask(mixed(60), axes=AXES, unit="mm", frame="brainglobe")


def test_an_error_is_not_preceded_by_a_warning(atlas: xr.Dataset) -> None:
    asked: dict[str, Any] = {"axes": AXES, "unit": "mm", "frame": "brainglobe"}
    with pytest.raises(PointsError, match="60 of 100 points lie in no region"):
        atlas.atlas.region_at(mixed(60), outside="raise", **asked)


def test_it_can_be_filtered(atlas: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*points lie outside of the brain")
        atlas.atlas.region_at(mixed(30), axes=AXES, unit="mm", frame="brainglobe")


@pytest.fixture
def counted() -> Counted:
    return Counted(brain().annotation.values)


def test_what_it_reads(atlas: xr.Dataset, counted: Counted) -> None:
    """No chunk more than once for all that is tried, and none where all is well."""
    chunks = (10, 8, 12)
    lazy = atlas.assign(annotation=(atlas.annotation.dims, counted.dask(chunks)))
    asked: dict[str, Any] = {"axes": AXES, "unit": "mm"}
    lazy.atlas.region_at(cells(5000) * SIZE, frame="brainglobe", **asked)
    once = Counter(map(str, counted.reads))
    assert set(once.values()) == {1}
    counted.reads.clear()
    with pytest.warns(UserWarning, match="with frame='brainglobe'"):
        lazy.atlas.region_at(cells(5000) * SIZE, frame="allen", **asked)
    again = Counter(map(str, counted.reads))
    assert max(again.values()) <= 2
    assert len(again) <= 8


# -- tracks


def test_a_track_that_goes_through_no_region(atlas: xr.Dataset) -> None:
    track = pd.DataFrame(cells(2) * SIZE, columns=list(AXES))
    asked: dict[str, Any] = {"unit": "mm"}
    assert (atlas.atlas.along(track, frame="brainglobe", **asked).status == 0).any()
    with pytest.warns(UserWarning, match="goes through no region. 100% .* frame='brainglobe'"):
        found = atlas.atlas.along(track, frame="allen", **asked)
    assert not (found.status == 0).any()
    # from outside into the brain is what tracks do
    into = pd.DataFrame([[1.0, -2.0, 1.8], [1.0, 0.5, 1.8]], columns=list(AXES))
    atlas.atlas.along(into, frame="brainglobe", **asked)


def test_coordinates_from_bregma_lead_to_the_conventions() -> None:
    ds = xarray_atlas.open_sample("100 um")
    rng = np.random.default_rng(4)
    points = rng.uniform((-3.5, -5, -2), (-1.5, -2.5, 2), (100, 3))
    for scale in (1.0, 1e3):
        with pytest.warns(UserWarning, match=r"with .*a frame of bregma, such as frame='ibl'"):
            ds.atlas.count_points(
                points * scale, axes=("ap", "dv", "ml"), unit="mm", frame="brainglobe"
            )


@pytest.mark.filterwarnings("ignore:no manifest says where left and right meet")
@pytest.mark.parametrize(
    ("frame", "place", "message"),
    [
        ("ibl", (-2, 1.5, 1.5), r"the other sign of dv \(here it grows from inferior to superior"),
        ("trajectory-explorer", (-2, -1.5, 1.5), r"sign of dv .* from superior to inferior"),
        ("ibl", (6.5, -4.5, 0.5), r"sign of ap \(here it grows from posterior to anterior"),
    ],
)
def test_a_sign_against_that_of_the_frame(
    frame: str, place: tuple[float, ...], message: str
) -> None:
    ds = xarray_atlas.open_sample("100 um")
    with pytest.warns(UserWarning, match=f"100% .* with .*{message}"):
        ds.atlas.region_at([place], axes=AXES, unit="mm", frame=frame)


@pytest.mark.filterwarnings("ignore:no manifest says where left and right meet")
def test_a_sign_in_a_matrix() -> None:
    ds = xarray_atlas.open_sample("100 um")
    matrix = np.diag([-1.0, 1.0, -1.0, 1.0])  # dv to inferior
    matrix[:3, 3] = 5.4, 0.3, 5.7
    with pytest.warns(UserWarning, match="100% .* with the other sign of dv$"):
        ds.atlas.region_at([[-2, -2, 1.5]], axes=AXES, unit="mm", frame=matrix)

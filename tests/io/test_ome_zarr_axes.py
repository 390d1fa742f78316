"""Axes of OME-Zarr as other programs write them: of length one, in any order, and without units."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pint
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.small_worlds import (
    SHAPE,
    brainglobe_table,
    labels,
    space,
    table,
    voxels,
    write_ome_zarr,
)
from xarray_atlas import create_atlas, open_atlas
from xarray_atlas.errors import StoreFormatError, UnitsError

TIME, CHANNEL = {"name": "t", "type": "time"}, {"name": "c", "type": "channel"}
REGIONS = brainglobe_table()


def write(
    path: Path,
    axes: list[dict[str, Any]],
    lengths: dict[str, int] | None = None,
    zarr_format: int = 3,
    datasets: list[dict[str, Any]] | None = None,
) -> Path:
    """Write :func:`labels` with further axes, of length one where `lengths` does not say."""
    names = [axis["name"] for axis in axes]
    shape = [{**dict(zip("zyx", SHAPE, strict=True)), **(lengths or {})}.get(n, 1) for n in names]
    array = np.zeros(shape, "uint32")
    first = tuple(slice(None) if name in "zyx" else 0 for name in names)
    array[first] = labels().transpose(["zyx".index(n) for n in names if n in "zyx"])
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    chunks = tuple(min(n, 5) for n in shape)
    group.create_array("0", data=array, chunks=chunks)
    scale = [0.025 if name in "zyx" else 1.0 for name in names]
    said = datasets or [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    ]
    multiscale = {"axes": axes, "datasets": said}
    if zarr_format == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
        group.attrs["omero"] = {"channels": [{"color": "FFFFFF"}], "version": "0.4"}
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "order", ["tczyx", "czyx", "tzyx", "zyxc", "zcyx", "tcyxz"], ids=lambda order: order
)
def test_axes_of_length_one_are_left_out(tmp_path: Path, order: str, zarr_format: int) -> None:
    known = {"t": TIME, "c": CHANNEL, **{axis["name"]: axis for axis in space()}}
    path = write(tmp_path / "l.zarr", [known[name] for name in order], zarr_format=zarr_format)
    ds = open_atlas(path, terminology=REGIONS)
    assert "".join(map(str, ds.annotation.dims)) == order.replace("t", "").replace("c", "")
    assert (voxels(ds, "A"), voxels(ds, "B")) == (48, 150)
    np.testing.assert_array_equal(ds.annotation.transpose("z", "y", "x"), labels())
    assert ds.annotation.chunksizes["z"][0] == 5


def test_axes_without_a_type_are_known_by_their_names(tmp_path: Path) -> None:
    axes = [{"name": "t"}, {"name": "c"}, *({k: a[k] for k in ("name", "unit")} for a in space())]
    ds = open_atlas(write(tmp_path / "l.zarr", axes), terminology=REGIONS)
    assert voxels(ds, "A") == 48


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_every_kind_of_indexing_of_five_axes(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "l.zarr"
    if not path.exists():
        write(path, [TIME, CHANNEL, *space()])
    ds = open_atlas(path, terminology=REGIONS, chunks=None)
    expected = xr.DataArray(labels(), dims=("z", "y", "x"))
    key: dict[str, Any] = {}
    for dim, size in zip("zyx", SHAPE, strict=True):
        index = st.integers(0, size - 1)
        kind = data.draw(st.sampled_from(["all", "one", "list", "slice", "points"]))
        if kind == "one":
            key[dim] = data.draw(index)
        elif kind == "list":
            key[dim] = data.draw(st.lists(index, min_size=1, max_size=4))
        elif kind == "slice":
            key[dim] = slice(
                data.draw(index), data.draw(index), data.draw(st.sampled_from([1, 2, -1]))
            )
        elif kind == "points":
            key[dim] = xr.DataArray(data.draw(st.lists(index, min_size=3, max_size=3)), dims="p")
    np.testing.assert_array_equal(ds.annotation.isel(key).values, expected.isel(key).values)


@pytest.mark.parametrize(
    ("axes", "lengths", "said"),
    [
        ([CHANNEL, *space()], {"c": 2}, "2 along 'c'"),
        ([TIME, CHANNEL, *space()], {"t": 1, "c": 2}, "2 along 'c'"),
        ([TIME, CHANNEL, *space()], {"t": 3, "c": 2}, "3 along 't' and 2 along 'c'"),
        ([TIME, *space()], {"t": 2}, "2 along 't'"),
    ],
    ids=["c=2", "t=1 c=2", "t=3 c=2", "t=2"],
)
def test_several_volumes_are_a_question(
    tmp_path: Path, axes: list[dict[str, Any]], lengths: dict[str, int], said: str
) -> None:
    path = write(tmp_path / "l.zarr", axes, lengths)
    with pytest.raises(StoreFormatError, match=said) as caught:
        open_atlas(path, terminology=REGIONS)
    (advice,) = re.findall(r"create_atlas\((.*), \.\.\.\)", str(caught.value))
    array = eval(advice, {"dask": type("dask", (), {"array": da})})
    ds = create_atlas(array, table(), name="a", voxel_size="25 um", orientation="asr")
    assert voxels(ds, "A") == 48


# -- units


def bare(**units: str | None) -> list[dict[str, Any]]:
    axes = space(None)
    for axis in axes:
        if units.get(axis["name"]) is not None:
            axis["unit"] = units[axis["name"]]
    return axes


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (bare(), "axes 'z', 'y', 'x' have no unit"),
        (bare(z=" ", y="", x="  "), "axes 'z', 'y', 'x' have no unit"),
        (bare(z="um", x="micrometer"), "axis 'y' has no unit"),
        (bare(z="pixel", y="pixel", x="pixel"), "axis 'z' is in 'pixel'"),
        (
            bare(z="um", y="um", x="second"),
            "axis 'x' is in 'second', which is not a unit of length",
        ),
    ],
    ids=["none", "blank", "of one axis", "pixels", "seconds"],
)
def test_axes_without_a_unit_are_a_question(
    tmp_path: Path, axes: list[dict[str, Any]], said: str
) -> None:
    path = write_ome_zarr(tmp_path / "l.zarr", axes=axes, scale=25.0)
    with pytest.raises(StoreFormatError, match=said) as caught:
        open_atlas(path, terminology=REGIONS)
    assert "for its scale 25 x 25 x 25. Where that is in micrometres" in str(caught.value)
    (advice,) = re.findall(r"micrometres: voxel_size='(.*)'", str(caught.value))
    ds = open_atlas(path, terminology=REGIONS, voxel_size=advice)
    assert (voxels(ds, "A"), ds.attrs["resolution"]) == (48, "25 um")
    assert ds.attrs["stated_voxel_size"] == "0.025 mm, 0.025 mm, 0.025 mm"


@pytest.mark.parametrize(
    ("scale", "proposed"),
    [
        (25.0, ["25 um"]),
        (0.025, ["0.025 mm"]),
        (0.5, ["0.5 um", "0.5 mm"]),
        (25_000.0, ["25000 nm"]),
        (1000.0, ["1000 nm", "1000 um"]),
        (1e-7, []),
    ],
)
def test_only_plausible_sizes_are_proposed(
    tmp_path: Path, scale: float, proposed: list[str]
) -> None:
    path = write_ome_zarr(tmp_path / "l.zarr", axes=space(None), scale=scale)
    with pytest.raises(StoreFormatError, match="pass voxel_size=") as caught:
        open_atlas(path, terminology=REGIONS)
    assert re.findall(r"voxel_size='([^']*)'", str(caught.value)) == proposed
    for each in proposed:
        assert open_atlas(path, terminology=REGIONS, voxel_size=each).sizes["z"] == 12


@pytest.mark.parametrize("unit", ["micrometer", "um", "µm", "μm", "micron", "micrometre"])
def test_names_of_the_micrometre(tmp_path: Path, unit: str) -> None:
    path = write_ome_zarr(tmp_path / "l.zarr", axes=space(unit), scale=25.0)
    assert voxels(open_atlas(path, terminology=REGIONS), "B") == 150


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    sizes=st.lists(st.sampled_from([10, 12.5, 20, 25, 39.0625]), min_size=3, max_size=3),
    raw=st.sampled_from([1.0, 0.5, 25.0]),
    origin=st.sampled_from([0.0, 3.0]),
    known=st.sets(st.sampled_from("zyx")),
)
def test_levels_are_scaled_in_proportion(
    tmp_path: Path, sizes: list[float], raw: float, origin: float, known: set[str]
) -> None:
    # a stated unit must agree with voxel_size: those axes have micrometres, the others `raw`
    per_axis = [size if dim in known else raw for dim, size in zip("zyx", sizes, strict=True)]
    path = tmp_path / "-".join(map(str, [*sizes, raw, origin, *sorted(known)]))
    group = zarr.open_group(path, mode="w", zarr_format=3)
    datasets = []
    for level, times in (("0", 1), ("1", 2)):
        group.create_array(level, data=labels()[::times, ::times, ::times])
        move = [origin * r + (times - 1) * r / 2 for r in per_axis]
        transformations = [
            {"type": "scale", "scale": [times * r for r in per_axis]},
            {"type": "translation", "translation": move},
        ]
        datasets.append({"path": level, "coordinateTransformations": transformations})
    axes = bare(**dict.fromkeys(known, "micrometer"))
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    stated = [f"{size} um" for size in sizes]
    tree = xr.open_datatree(path, engine="atlas", terminology=REGIONS, voxel_size=stated, chunks={})
    for level, times in (("0", 1), ("1", 2)):
        for dim, size in zip("zyx", sizes, strict=True):
            at = tree[level].ds.annotation[dim].values
            first = (origin + (times - 1) / 2) * size / 1000
            expected = first + np.arange(at.size) * times * size / 1000
            np.testing.assert_allclose(at, expected, rtol=1e-12, atol=1e-12)


def test_voxel_size_through_xarray_and_by_level(tmp_path: Path) -> None:
    coarse = labels()[::2, ::2, ::2]
    path = write_ome_zarr(tmp_path / "l.zarr", axes=space(None), scale=1.0, levels=[(coarse, 2.0)])
    u = pint.get_application_registry()
    ds = xr.open_dataset(
        path,
        engine="atlas",
        terminology=REGIONS,
        voxel_size=25 * u.um,
        resolution="50 um",
        chunks={},
    )
    assert ds.attrs["resolution"] == "50 um"
    assert voxels(ds, "A", voxel=0.05**3) == int((coarse == 1).sum())


@pytest.mark.parametrize(
    ("voxel_size", "error", "said"),
    [
        (25, UnitsError, "has no unit; write '25 um'"),
        ("25", UnitsError, "no unit"),
        ("25 s", UnitsError, "not a"),
        ("50 um", StoreFormatError, "50 um long along 'z', but the metadata say 25 um"),
        (["25 um", "25 um", "10 um"], StoreFormatError, "10 um long along 'x'"),
    ],
)
def test_a_voxel_size_that_is_wrong(
    tmp_path: Path, voxel_size: Any, error: type[Exception], said: str
) -> None:
    path = write_ome_zarr(tmp_path / "l.zarr")
    with pytest.raises(error, match=said):
        open_atlas(path, terminology=REGIONS, voxel_size=voxel_size)


def test_a_voxel_size_that_agrees_is_taken_and_one_that_does_not_leads_on(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "l.zarr")
    assert voxels(open_atlas(path, terminology=REGIONS, voxel_size="0.025 mm"), "A") == 48
    with pytest.raises(StoreFormatError, match="choose a level with resolution=") as caught:
        open_atlas(path, terminology=REGIONS, voxel_size="10 um")
    (advice,) = re.findall(r"create_atlas\((.*), \.\.\., voxel_size=\)", str(caught.value))
    array = eval(advice, {"dask": type("dask", (), {"array": da})})
    ds = create_atlas(array, table(), name="a", voxel_size="10 um", orientation="asr")
    assert voxels(ds, "A", voxel=0.01**3) == 48


@pytest.mark.parametrize("transformations", [None, []], ids=["absent", "empty"])
@pytest.mark.parametrize("unit", [None, "micrometer"])
def test_a_level_without_a_scale(tmp_path: Path, transformations: Any, unit: str | None) -> None:
    dataset = {"path": "0"}
    if transformations is not None:
        dataset["coordinateTransformations"] = transformations
    path = write(tmp_path / "l.zarr", space(unit), datasets=[dataset])
    with pytest.raises(StoreFormatError, match="level '0' has no scale; pass voxel_size="):
        open_atlas(path, terminology=REGIONS)
    ds = open_atlas(path, terminology=REGIONS, voxel_size="25 um")
    assert (voxels(ds, "A"), ds.attrs["resolution"]) == (48, "25 um")


def test_an_atlas_that_xarray_has_written_takes_no_voxel_size(tmp_path: Path) -> None:
    ds = open_atlas(write_ome_zarr(tmp_path / "l.zarr"), terminology=REGIONS)
    ds.to_zarr(tmp_path / "written.zarr", zarr_format=2)
    with pytest.raises(StoreFormatError, match="voxel_size can only be chosen"):
        open_atlas(tmp_path / "written.zarr", voxel_size="25 um")


def test_check_opens_a_store_without_units_as_it_was_opened(tmp_path: Path) -> None:
    path = write_ome_zarr(
        tmp_path / "l.zarr", axes=space(None), scale=1.0, levels=[(labels()[::2, ::2, ::2], 2.0)]
    )
    ds = open_atlas(
        path, terminology=REGIONS, voxel_size="25 um", resolution=1, midline="0.0875 mm"
    )
    report = ds.atlas.check(full=True)
    assert report.checks.set_index("check").loc["levels", "made"]
    assert not report.table.message.str.contains("cannot be opened").any()


def test_the_first_of_several_multiscales_is_taken(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "l.zarr")
    group = zarr.open_group(path, mode="r+")
    ome = group.attrs["ome"]
    ome["multiscales"].append({"axes": space(None), "datasets": []})
    group.attrs["ome"] = ome
    assert voxels(open_atlas(path, terminology=REGIONS), "A") == 48


def test_every_order_of_the_axes_of_space(tmp_path: Path) -> None:
    named = {axis["name"]: axis for axis in space()}
    for order in itertools.permutations("zyx"):
        path = write(tmp_path / "".join(order), [TIME, *(named[name] for name in order)])
        ds = open_atlas(path, terminology=REGIONS)
        assert ds.annotation.dims == order
        np.testing.assert_array_equal(ds.annotation.transpose("z", "y", "x"), labels())

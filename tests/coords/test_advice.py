"""Errors about coordinates that name a call: the call is taken from the message and made."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.small_worlds import ARRAY, MM3, labels, number, table
from xarray_atlas.errors import AtlasError

A = 48 * MM3
FLAT = 4 * 3 * 0.025**2
"""The area of A in one of its planes across z."""


def atlas(**changes: Any) -> xr.Dataset:
    return xarray_atlas.create_atlas(labels(), table(), **{"midline": "0.1 mm", **ARRAY, **changes})


def near(image: xr.DataArray, by: float) -> xr.DataArray:
    return image.assign_coords(z=("z", image.z.values + by, image.z.attrs))


def volume(obj: Any) -> float:
    return number(obj.atlas.volume("A"))


def plain(ds: xr.Dataset) -> xr.DataArray:
    return (ds.annotation * 1.0).drop_vars("terminology").rename("image")


@dataclass(frozen=True)
class Advice:
    """An error, and what it says to type.

    Parameters
    ----------
    make : callable
        Gives the names that the advice uses: obj, image, ds.
    fail : callable
        Takes them, and raises.
    advice : str
        A regular expression of the call in the message; its group is the call.
    follow : callable
        Takes the names and the value of the call, and gives what is then right.
    wanted : float
    """

    make: Callable[[], dict[str, Any]]
    fail: Callable[[dict[str, Any]], Any]
    advice: str
    follow: Callable[[dict[str, Any], Any], float]
    wanted: float


CASES: dict[str, Advice] = {
    "one plane has no volume: a list keeps the thickness": Advice(
        lambda: {"ds": atlas(), "obj": atlas().isel(z=5)},
        lambda n: n["obj"].atlas.volume("A"),
        r"(isel\(z=\[5\]\)) instead of isel",
        lambda n, _: volume(n["ds"].isel(z=[2])),
        A / 4,
    ),
    "one plane has an area": Advice(
        lambda: {"obj": atlas().isel(z=2)},
        lambda n: n["obj"].atlas.volume("A"),
        r"measure the area of the section with (area\(\))",
        lambda n, _: number(n["obj"].atlas.area("A")),
        FLAT,
    ),
    "two planes picked apart: a slice is a stride": Advice(
        lambda: {"ds": atlas(), "obj": atlas().isel(z=[2, 8])},
        lambda n: n["obj"].atlas.volume("A"),
        r"(isel\(z=slice\(start, stop, step\)\))",
        lambda n, _: volume(n["ds"].isel(z=slice(2, 9, 6))),
        FLAT * 0.025 * 6,
    ),
    "a plane of a thickness that is not known": Advice(
        lambda: {
            "obj": xarray_atlas.encode(atlas().isel(z=[2])).assign_coords(
                z=("z", [0.06], {"units": "mm", "direction": "anterior-to-posterior"})
            ),
            "ds": atlas(),
        },
        lambda n: n["obj"].atlas.volume("A"),
        r"(isel\(z=\[\.\.\.\]\))",
        lambda n, _: volume(n["ds"].isel(z=[2])),
        A / 4,
    ),
    "a template has no labels": Advice(
        lambda: {"ds": atlas(), "obj": atlas().annotation.rename("template")},
        lambda n: n["obj"].atlas.volume("A"),
        r"(pass the Dataset or its annotation)",
        lambda n, _: volume(n["ds"].annotation),
        A,
    ),
    "labels that became floats": Advice(
        lambda: {"obj": atlas().annotation.where(atlas().annotation == 1), "ds": atlas()},
        lambda n: n["obj"].atlas.volume("A"),
        r"(where\(condition, 0\)) does not",
        lambda n, _: volume(n["ds"].annotation.where(n["ds"].annotation == 1, 0)),
        A,
    ),
    "a hierarchy that is gone": Advice(
        lambda: {"obj": atlas().annotation.drop_vars("terminology"), "atlas": atlas()},
        lambda n: n["obj"].atlas.volume("A"),
        r"(obj\.assign_coords\(atlas\[\['terminology'\]\]\.coords\))",
        lambda n, mended: volume(mended),
        A,
    ),
    "an image beside the grid: onto the atlas": Advice(
        lambda: {"ds": atlas(), "image": near(plain(atlas()), 0.01)},
        lambda n: n["ds"].atlas.aggregate(n["image"], "A"),
        r"(xarray_atlas\.resample\(image, like=ds\))",
        lambda n, image: float(n["ds"].atlas.aggregate(image.fillna(0), "A", func="count")),
        48,
    ),
    "an image beside the grid: the atlas onto it": Advice(
        lambda: {"ds": atlas(), "image": near(plain(atlas()), 0.001)},
        lambda n: n["ds"].atlas.aggregate(n["image"], "A"),
        r"(ds\.atlas\.resample_like\(image\))",
        lambda n, here: float(here.atlas.aggregate(n["image"], "A", func="count")),
        48,
    ),
    "an image without coordinates": Advice(
        lambda: {"ds": atlas(), "image": plain(atlas()).drop_vars(["z", "y", "x"])},
        lambda n: n["ds"].atlas.aggregate(n["image"], "A"),
        r"(image\.assign_coords\(z=ds\.z, y=ds\.y, x=ds\.x\))",
        lambda n, image: float(n["ds"].atlas.aggregate(image, "A", func="count")),
        48,
    ),
    "an image of the atlas's voxels without directions": Advice(
        lambda: {"ds": atlas(), "image": near(plain(atlas()), 1.0).drop_attrs(deep=True).assign_coords(
            {d: (d, atlas()[d].values + 1, {"units": "mm"}) for d in "zyx"})},
        lambda n: n["ds"].atlas.aggregate(n["image"], "A"),
        r"(image\.assign_coords\(z=ds\.z, y=ds\.y, x=ds\.x\))",
        lambda n, image: float(n["ds"].atlas.aggregate(image, "A", func="count")),
        48,
    ),
    "an image with another atlas's hierarchy": Advice(
        lambda: {
            "ds": atlas(),
            "image": xarray_atlas.create_atlas(
                labels(), table().replace("area a", "another"), midline="0.05 mm", **ARRAY
            ).annotation * 1.0,
        },
        lambda n: n["ds"].atlas.aggregate(n["image"], "A"),
        r"drop its own: (image\.drop_vars\('terminology'\))",
        lambda n, image: float(n["ds"].atlas.aggregate(image, "A", func="count")),
        48,
    ),
    "an uneven image": Advice(
        lambda: {"ds": atlas(), "image": plain(atlas()).isel(z=[0, 1, 2, 4, 8]), "positions": 0.05 * np.arange(5)},
        lambda n: n["ds"].atlas.resample_like(n["image"]),
        r"(xarray_atlas\.interp\(image, z=positions\))",
        lambda n, image: volume(n["ds"].atlas.resample_like(image)),
        FLAT * 0.05 * 2,
    ),
    "a plane whose position the image does not say": Advice(
        lambda: {
            "ds": atlas(),
            "image": plain(atlas()).isel(z=2, drop=True),
            "position": 50.0,
            "unit": "um",
            "direction": "anterior-to-posterior",
        },
        lambda n: n["ds"].atlas.resample_like(n["image"]),
        r"(image\.assign_coords\(z=\(\(\), position, \{'units': unit, 'direction': direction\}\)\))",
        lambda n, image: number(n["ds"].atlas.resample_like(image).atlas.area("A")),
        FLAT,
    ),
    "grids that share no position": Advice(
        lambda: {"ds": atlas(), "image": xarray_atlas.decode(near(plain(atlas()), 0.01))},
        lambda n: n["ds"].annotation * n["image"],
        r"(xarray_atlas\.resample\(image, like=ds\))",
        lambda n, image: float((n["ds"].annotation * image).sizes["z"]),
        12,
    ),
    "grids that share no position: the atlas onto the image": Advice(
        lambda: {"ds": atlas(), "image": xarray_atlas.decode(near(plain(atlas()), 0.01))},
        lambda n: n["ds"].annotation * n["image"],
        r"(ds\.atlas\.resample_like\(image\))",
        lambda n, here: float((here.annotation * n["image"].drop_vars("terminology", errors="ignore")).sizes["z"]),
        12,
    ),
    "a place outside": Advice(
        lambda: {"ds": atlas()},
        lambda n: n["ds"].atlas.sel(ap="9 mm", method="nearest"),
        r"(tolerance=) takes the nearest",
        lambda n, _: number(n["ds"].atlas.sel(ap="9 mm", method="nearest", tolerance="9 mm").z),
        0.275,
    ),
    "several ages": Advice(
        lambda: {"obj": xr.concat([atlas().annotation] * 2, "age")},
        lambda n: n["obj"].atlas.region_properties("A"),
        r"(isel\(age=0\))",
        lambda n, _: float(n["obj"].isel(age=0).atlas.region_properties("A").voxels),
        48,
    ),
    "a label between two planes": Advice(
        lambda: {"ds": atlas()},
        lambda n: n["ds"].sel(z="0.06 mm"),
        r"pass (method='nearest') for the closest",
        lambda n, _: number(n["ds"].sel(z="0.06 mm", method="nearest").z),
        0.05,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_advice_is_right(case: str) -> None:
    this = CASES[case]
    names = this.make()
    with pytest.raises((AtlasError, KeyError)) as caught:
        this.fail(names)
    found = re.search(this.advice, str(caught.value))
    assert found, str(caught.value)
    call = found[1]
    value = (
        eval(call, {**names, "xarray_atlas": xarray_atlas})
        if call.startswith(("obj.", "ds.", "image.", "xarray_atlas."))
        else None
    )
    assert this.follow(names, value) == pytest.approx(this.wanted)

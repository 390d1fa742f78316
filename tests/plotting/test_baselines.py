"""Pictures, compared with those that were looked at.

``python tests/plotting/test_baselines.py`` draws the references anew, into ``tests/plotting/baseline``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.testing.compare import compare_images

import xarray_atlas

mpl.use("agg")
pytestmark = pytest.mark.version_independent

BASELINE = Path(__file__).parent / "baseline"

DRAWN_BY = (3, 11)
"""The version of matplotlib that drew the references: others set letters otherwise, after which
all else in a picture moves by a pixel, which is a difference of 15 to 50."""

TOLERANCE = 3.0
"""Of matplotlib's root mean square, of 255: for the rims of lines and letters on another processor.
What is wrong with a picture differs by more: names left out 9, one region in the
colour of another 15, outlines left out 30, mirrored 35."""


def atlas() -> xr.Dataset:
    """The sample, with a template that is made up: rings around the middle of the brain."""
    sample = xarray_atlas.open_sample("100 um")
    ds = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    z, y, x = np.ogrid[:132, :80, :114]
    rings = np.hypot(np.hypot((z - 66) / 2, y - 40), x - 57)
    grey = (120 + 60 * np.cos(rings / 2)) * (ds.annotation.values > 0)
    return ds.assign(template=(ds.annotation.dims, grey.astype(np.uint16)))


def coronal(ds: xr.Dataset) -> Any:
    ax = plt.subplots(figsize=(6, 4.4), layout="constrained")[1]
    return ds.drop_vars("template").atlas.plot.section(ap="7.1 mm", ax=ax)


def sagittal_on_template(ds: xr.Dataset) -> Any:
    ax = plt.subplots(figsize=(6, 3.8), layout="constrained")[1]
    return ds.atlas.plot.section(ml="4.1 mm", ax=ax)


def horizontal(ds: xr.Dataset) -> Any:
    ax = plt.subplots(figsize=(5, 5), layout="constrained")[1]
    flat = ds.drop_vars("template").atlas.reorient("lip")
    return flat.atlas.plot.section(dv="4.1 mm", ax=ax)


def values_of_both_sides(ds: xr.Dataset) -> Any:
    regions = ["MO", "SSp", "SSs", "CP", "TH", "HY", "PIR", "ACA"]
    change = xr.DataArray(
        np.stack([np.linspace(-0.9, 0.9, 8), np.linspace(0.6, -0.8, 8)]),
        {"hemisphere": ["left", "right"], "region": regions},
        ("hemisphere", "region"),
        name="change",
        attrs={"units": "%"},
    )
    ax = plt.subplots(figsize=(6, 3.8), layout="constrained")[1]
    return ds.atlas.plot.values(change, ap="6 mm", ax=ax, cmap="RdBu_r", vmin=-1, vmax=1)


def outlines_on_a_picture(ds: xr.Dataset) -> Any:
    ax = plt.subplots(figsize=(6, 3.6), layout="constrained")[1]
    y, x = np.linspace(1, 6, 40), np.linspace(1.5, 10, 60)
    blobs = np.sin(x * 2) * np.cos(y[:, None] * 3) + x / 5
    ax.pcolormesh(x, y, blobs, cmap="inferno")
    ax.set(xlim=(1.5, 10), ylim=(6, 1), aspect="equal", xlabel="x (mm)", ylabel="y (mm)")
    own = ds.atlas.parcellate(level=6)
    return own.atlas.plot.outlines(ax, ap="7.1 mm", color="white", linewidth=0.8)


def montage(ds: xr.Dataset) -> Any:
    return ds.drop_vars("template").atlas.plot.sections(n=6)[0]


def three_planes(ds: xr.Dataset) -> Any:
    return ds.atlas.plot.ortho(ap="7.4 mm", dv="2.4 mm", ml="4.6 mm")[0]


def in_a_frame(ds: xr.Dataset) -> Any:
    ax = plt.subplots(figsize=(6, 4.4), layout="constrained")[1]
    return ds.drop_vars("template").atlas.plot.section(ap="-2 mm", frame="ibl", ax=ax)


def oblique_on_template(ds: xr.Dataset) -> Any:
    ax = plt.subplots(figsize=(6, 3.8), layout="constrained")[1]
    asked = {"frame": "pinpoint-qiu2018", "tilt": "10 deg", "roll": "-6 deg"}
    return ds.atlas.plot.section(ml="-1 mm", **asked, ax=ax)


PICTURES: dict[str, Callable[[xr.Dataset], Any]] = {
    draw.__name__: draw
    for draw in (
        coronal, sagittal_on_template, horizontal, values_of_both_sides, outlines_on_a_picture,
        montage, three_planes, in_a_frame, oblique_on_template,
    )
}  # fmt: skip


def save(name: str, ds: xr.Dataset, path: Path) -> None:
    with mpl.rc_context(mpl.rcParamsDefault | {"backend": "agg"}):
        figure = PICTURES[name](ds).figure
        # without matplotlib's version, which would change the file
        dpi = 400 / figure.get_figwidth()
        figure.savefig(path, dpi=dpi, metadata={"Software": None})
        plt.close(figure)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return atlas()


same_version = pytest.mark.skipif(
    mpl.__version_info__[:2] != DRAWN_BY,
    reason=f"the references are of matplotlib {DRAWN_BY}: draw them anew, and look at them",
)


@same_version
@pytest.mark.parametrize("name", list(PICTURES))
def test_as_it_was_looked_at(name: str, ds: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.png"
    save(name, ds, path)
    assert compare_images(str(BASELINE / f"{name}.png"), str(path), TOLERANCE) is None


@same_version
def test_other_pictures_are_told_apart(ds: xr.Dataset, tmp_path: Path) -> None:
    """The tolerance is below what is wrong with a picture that is wrong."""
    plain = ds.drop_vars("template")

    def drawn(obj: xr.Dataset, **keywords: Any) -> str | None:
        with mpl.rc_context(mpl.rcParamsDefault | {"backend": "agg"}):
            ax = plt.subplots(figsize=(6, 4.4), layout="constrained")[1]
            obj.atlas.plot.section(ap=keywords.pop("ap", "7.1 mm"), ax=ax, **keywords)
            ax.figure.savefig(tmp_path / "other.png", dpi=400 / 6)
            plt.close(ax.figure)
        found: str | None = compare_images(
            str(BASELINE / "coronal.png"), str(tmp_path / "other.png"), TOLERANCE
        )
        return found

    assert drawn(plain) is None
    assert drawn(plain, outlines=False) is not None
    assert drawn(plain, ap="6.9 mm") is not None
    recoloured = plain.assign(annotation=plain.annotation.where(plain.annotation != 382, 672))
    assert drawn(recoloured) is not None


if __name__ == "__main__":
    warnings.simplefilter("error")
    BASELINE.mkdir(exist_ok=True)
    for picture in PICTURES:
        save(picture, atlas(), BASELINE / f"{picture}.png")

"""Draw the picture of the README, from the packaged labels.

python docs/make_pictures.py
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

import xarray_atlas

HERE = Path(__file__).parent / "_static"


def draw() -> Figure:
    """Draw a section in the atlas's colours, and the volumes of cortical areas as a heat map."""
    ds = xarray_atlas.open_sample("50 um")
    volumes = ds.atlas.volume([area.acronym for area in ds.atlas.region("Isocortex").children])
    figure = Figure(figsize=(9.8, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.05])
    ds.atlas.plot.section(ap="7.5 mm", outlines="smooth", ax=left)
    ds.atlas.plot.values(
        volumes, ap="7.5 mm", outlines="smooth", ax=right, cmap="viridis", labels=True
    )
    for ax, call in (
        (left, 'section(\nap="7.5 mm", outlines="smooth")'),
        (right, 'values(\nvolumes, ap="7.5 mm", outlines="smooth", labels=True)'),
    ):
        ax.set_title(f"ds.atlas.plot.{call}", family="monospace", fontsize="medium")
    return figure


def section(path: Path) -> None:
    """Draw the picture of the README into a file."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "font.size": 9}):
        file = io.BytesIO()
        draw().savefig(file, dpi=120)
    # few colours make a small file
    Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    section(HERE / "section.png")

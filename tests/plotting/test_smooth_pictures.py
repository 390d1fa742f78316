"""Regions as vectors: faces, outlines and groups of SVG files."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import xarray_atlas
from support.browser import chromium
from xarray_atlas.plotting.smooth import RegionFace

mpl.use("agg")
pytestmark = pytest.mark.version_independent

SVG = "{http://www.w3.org/2000/svg}"
BARE = {"labels": False, "directions": False, "scale_bar": False}


@pytest.fixture(autouse=True)
def figures() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ds() -> Any:
    return xarray_atlas.open_sample("100 um")


def faces_of(ax: Any) -> list[RegionFace]:
    return [patch for patch in ax.patches if isinstance(patch, RegionFace)]


def segments(paths: Any) -> Counter[Any]:
    """The straight pieces of paths, in whichever direction, and how often each occurs."""
    found: Counter[Any] = Counter()
    for path in paths:
        points = path.vertices.round(9)
        codes = path.codes if path.codes is not None else np.full(len(points), path.LINETO)
        for i in range(1, len(points)):
            if codes[i] != path.MOVETO:
                found[frozenset((tuple(points[i - 1]), tuple(points[i])))] += 1
    return found


def test_neighbours_share_their_lines(ds: Any) -> None:
    ax = ds.atlas.plot.section(ap="7 mm", outlines="smooth", ax=plt.figure().gca(), **BARE)
    plane = ds.annotation.sel(z="7 mm", method="nearest").values
    faces = faces_of(ax)
    by_name = {face.get_gid(): face for face in faces}
    ids = np.unique(plane[plane > 0])
    assert set(by_name) == {ds.atlas.region(int(i)).acronym.replace(" ", "_") for i in ids}
    assert len(faces) == ids.size
    assert not ax.images
    lines, sides = segments(ax.collections[0].get_paths()), segments(f.get_path() for f in faces)
    assert set(lines.values()) == {1}
    # what is drawn is the side of two regions, or of one and the background
    assert all(sides[piece] in (1, 2) for piece in lines)
    assert sum(sides.values()) == sum(sides[piece] for piece in lines)


def test_each_voxel_has_the_colour_of_its_region(ds: Any) -> None:
    part = ds.isel(y=slice(10, 50), x=slice(20, 70))
    figure = plt.figure(figsize=(5, 4), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))
    options = {"smooth": True, "linewidth": 0}
    part.atlas.plot.section(ap="7 mm", outlines=options, ax=ax, **BARE)
    ax.set_axis_off()
    figure.canvas.draw()
    # ten pixels for each voxel; of an even number the centre is a corner
    drawn = np.asarray(figure.canvas.buffer_rgba())[4::10, 4::10, :3].astype(int)
    plane = part.annotation.sel(z="7 mm", method="nearest").values
    expected = (ds.atlas.cmap(ds.atlas.norm(plane)) * 255).round().astype(int)
    expected = np.where(expected[..., 3:] > 0, expected[..., :3], 255)
    assert drawn.shape == expected.shape
    same = (np.abs(drawn - expected) <= 2).all(axis=-1)
    assert same.mean() > 0.95  # others lie at a boundary: pixels are a tenth of a voxel


def test_groups_of_an_svg_are_named(ds: Any) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    for ax in axes:
        ds.atlas.plot.section(ap="7 mm", level=6, outlines="smooth", ax=ax, labels=ax is axes[0])
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    root = ElementTree.fromstring(file.getvalue())
    ids = [group.get("id") for group in root.iter(f"{SVG}g") if group.get("id")]
    assert len(set(ids)) == len(ids)
    names = {face.get_gid() for face in faces_of(axes[0])}
    assert len(names) > 20
    assert {face.get_gid() for face in faces_of(axes[1])} == {f"{name}_2" for name in names}
    for group in root.iter(f"{SVG}g"):
        if group.get("id") in names:
            (path,) = group.iter(f"{SVG}path")
            assert "fill: #" in path.get("style", "")
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert "AP = 7.025 mm" in texts
    assert len(texts & {text.get_text() for text in axes[0].texts}) > 2  # acronyms with room


@pytest.mark.filterwarnings("ignore:no manifest says where left and right meet")
def test_values_of_both_sides(ds: Any) -> None:
    volume = ds.atlas.volume(["CTX", "TH"], hemisphere=["left", "right"])
    shown = volume.pint.dequantify()
    shown[{"hemisphere": 0}] = shown[{"hemisphere": 0}] * 2
    figure, ax = plt.subplots()
    ds.atlas.plot.values(shown, ap="7 mm", outlines="smooth", cmap="viridis", ax=ax)
    faces = faces_of(ax)
    assert {face.get_gid() for face in faces} == {"CTX", "CTX_2", "TH", "TH_2", "rest"}
    norm = mpl.colors.Normalize(float(shown.min()), float(shown.max()))
    colors = {mpl.colors.to_hex(mpl.colormaps["viridis"](norm(v))) for v in shown.values.ravel()}
    drawn = {mpl.colors.to_hex(face.get_facecolor()) for face in faces}
    assert drawn == {*colors, "#e0e0e0"}
    # two sides of one region meet in no outline
    lines = segments(ax.collections[0].get_paths())
    middle = ds.atlas.space.midline
    assert not [piece for piece in lines if {x for x, _ in piece} == {middle}]
    assert figure.axes[1].get_ylabel() == "volume (mm³)"


def test_regions_in_front_of_the_template_and_alone(ds: Any) -> None:
    ax = ds.atlas.plot.section(ap="7 mm", regions=["CTX", "TH"], outlines="smooth")
    assert {face.get_gid() for face in faces_of(ax)} == {"CTX", "TH", "rest"}
    with_template = ds.assign(template=ds.annotation.astype("f4"))
    ax = plt.figure().gca()
    with_template.atlas.plot.section(ap="7 mm", regions="CTX", outlines="smooth", ax=ax)
    (face,) = faces_of(ax)
    assert face.get_alpha() == 0.5
    assert face.get_edgecolor()[3] == 0
    assert len(ax.images) == 1


def test_outlines_on_a_picture_and_in_a_montage(ds: Any) -> None:
    ax = plt.figure().gca()
    ds.atlas.plot.outlines(ax, ap="7 mm", smooth=True, level=6, color="red")
    stepped = plt.figure().gca()
    ds.atlas.plot.outlines(stepped, ap="7 mm", level=6)
    smooth = ax.collections[0]
    assert mpl.colors.to_hex(smooth.get_color()) == "#ff0000"
    lengths = [
        sum(np.hypot(*np.diff(path.vertices, axis=0).T).sum() for path in each.get_paths())
        for each in (smooth, stepped.collections[0])
    ]
    assert 0.7 * lengths[1] < lengths[0] < 0.9 * lengths[1]
    axes = ds.atlas.plot.sections(n=2, outlines="smooth")
    assert all(faces_of(each) for each in axes)
    assert axes[0].collections[0].get_linewidth() == 0.4
    axes = ds.atlas.plot.ortho("TH", outlines={"smooth": True, "color": "red", "lw": 1})
    assert [each.collections[0].get_linewidth() for each in axes] == [1] * 3


def test_what_is_not_known_is_refused(ds: Any) -> None:
    with pytest.raises(ValueError, match='use True, False, "smooth"'):
        ds.atlas.plot.section(ap="7 mm", outlines="smoth")
    with pytest.raises(TypeError, match="nor of matplotlib's PathPatch"):
        ds.atlas.plot.section(ap="7 mm", outlines="smooth", interpolation="nearest")


def test_layers_of_a_pdf_are_named(ds: Any) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8, 3))
    for ax in axes:
        ds.atlas.plot.section(ap="7 mm", level=6, outlines="smooth", ax=ax, **BARE)
    names = [face.get_gid() for ax in axes for face in faces_of(ax)]
    file = io.BytesIO()
    with mpl.rc_context({"pdf.compression": 0, "pdf.fonttype": 42}):
        figure.savefig(file, format="pdf")
    text = file.getvalue().decode("latin-1")
    # the last entry of the table is the one that counts
    catalog, resources = text[text.rindex("/Type /Catalog") :], text[text.rindex("/Properties") :]
    listed = re.search(r"/OCGs\s\[([\d\sR]+)\]", catalog)
    assert listed is not None
    objects = [int(number) for number in re.findall(r"(\d+)\s0\sR", listed[1])]
    titles = dict(re.findall(r"(\d+) 0 obj\s<<\s/Type\s/OCG\s/Name\s\((.*?)\)\s>>", text))
    assert [titles[str(number)] for number in objects] == names
    for i, number in enumerate(objects):
        assert re.search(rf"/OC{i}\s{number}\s0\sR", resources)
        (content,) = re.findall(rf"/OC /OC{i} BDC\n(.*?)EMC\n", text, re.DOTALL)
        assert content.count(" m\n") >= 1
    root = int(text[text.rindex("trailer") :].split("/Root ")[1].split()[0])
    start = int(text[text.rindex("startxref") :].split()[1])
    entry = text[start:].splitlines()[2 + root]
    assert "/OCProperties" in text[int(entry.split()[0]) :].partition("endobj")[0]
    # a second file of another figure has no layers
    plain = io.BytesIO()
    plt.figure().savefig(plain, format="pdf")
    assert b"OCProperties" not in plain.getvalue()


def test_an_svg_in_a_browser(ds: Any, tmp_path: Path) -> None:
    figure = plt.figure(figsize=(7, 5))
    ds.atlas.plot.section(ap="7 mm", level=6, outlines="smooth", ax=figure.gca())
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(tmp_path / "section.svg")
    with chromium() as page:
        page.get((tmp_path / "section.svg").as_uri())
        found = page.execute_script("""
            const found = {};
            for (const group of document.querySelectorAll('g[id]')) {
                const box = group.getBBox();
                found[group.id] = box.width * box.height;
            }
            const text = [...document.querySelectorAll('text')].find(t => /mm$/.test(t.textContent));
            const range = document.createRange();
            range.selectNodeContents(text);
            getSelection().addRange(range);
            return [found, getSelection().toString()];
        """)
    areas, selected = found
    for face in faces_of(figure.gca()):
        assert areas[face.get_gid()] > 0
    assert selected.endswith("mm")

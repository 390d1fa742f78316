"""The interactive page: what is packed into it, and what a real browser makes of it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import itertools
import json
import re
import struct
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import trimesh
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import xarray_atlas
from support.browser import chromium, complaints, requests
from support.explore_page import FIRST, SIZE, known_points, planes
from support.stores import REGIONS, CountingStore, scaling, write_ome_zarr
from xarray_atlas.errors import GridError, PointsError
from xarray_atlas.viewers.explore_surfaces import smoothed, surface_of
from xarray_atlas.viewers.explore_volumes import MOST_VOXELS, read

pytestmark = pytest.mark.version_independent

STRAY = 2**32 - 1


@pytest.fixture(scope="module")
def atlas():
    """The sample with a label that no region has, and a template that is not the Allen's."""
    ds = xarray_atlas.open_sample("100 um")
    labels = ds.annotation.values.copy()
    labels[2:6, 2:6, 2:6] = STRAY
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in labels.shape), indexing="ij")
    made = np.where(labels > 0, 900 - 300 * (z**2 + y**2 + x**2), 0).astype("uint16")
    dims = ds.annotation.dims
    return ds.assign(annotation=ds.annotation.copy(data=labels), template=(dims, made))


@pytest.fixture(scope="module")
def explorer(atlas):
    begun = time.perf_counter()
    found = xarray_atlas.explore(atlas, ["RSP", "TH", "RSPd4"])
    taken = time.perf_counter() - begun
    print(f"made in {taken:.2f} s, {len(found.html.encode()) / 1e6:.1f} MB")
    assert taken < 20
    return found


@pytest.fixture(scope="module")
def table():
    """The terminology as pandas reads it."""
    path = xarray_atlas.open_sample("100 um").attrs["terminology_url"]
    return pd.read_csv(path, keep_default_na=False).set_index("identifier", drop=False)


class Page(HTMLParser):
    """The elements of a page, by their ids and their tags."""

    VOID = ("meta", "input", "link", "img", "br", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.elements, self.texts = [], [], {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1][1]:
            self.texts[self.open[-1][1]] = self.texts.get(self.open[-1][1], "") + data

    @property
    def about(self):
        return json.loads(self.texts["atlas"])

    def file(self, name):
        return gzip.decompress(base64.b64decode(self.texts[f"file-{name}"]))


@pytest.fixture(scope="module")
def page(explorer):
    return Page(explorer.html)


# -- the page as text


def test_it_is_one_page_that_loads_nothing(explorer, page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    pointed = [a[k] for _, a in page.elements for k in ("for", "aria-controls") if k in a]
    assert set(pointed) <= set(ids)
    assert [tag for tag, attrs in page.elements if {"src", "href"} & set(attrs)] == []
    own = re.sub(r'<script type="text/plain".*?</script>', "", explorer.html, flags=re.DOTALL)
    assert re.findall(r"https?://|url\(|@import", own) == []
    policy = next(a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none';")
    assert "connect-src" not in policy
    assert explorer.html.startswith("<!doctype html>")
    assert "Redistributions in binary form must reproduce" in page.texts["licence"]
    assert len(explorer.html.encode()) < 25e6


PACKAGED = Path(xarray_atlas.__file__).parent / "viewers" / "explore_page"
DOCUMENTED = {
    *("attachToCanvas", "setRenderAzimuthElevation", "setScale", "scene", "screenSlices", "canvas"),
    *("loadVolumes", "volumes", "setOpacity", "updateGLVolume", "moveCrosshairInVox"),
    *("addMeshFromUrl", "setMeshShader", "setMeshProperty"),
}
"""Of NiiVue: methods that are in its documentation, and properties in its type declarations."""


def test_niivue_is_the_one_that_is_recorded(page):
    """As npm has it, at the version that the tool would fetch."""
    about = json.loads((PACKAGED / "niivue" / "about.json").read_text("utf-8"))
    script = (PACKAGED / "niivue" / "niivue.umd.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == about["sha256"]
    assert f'version:"{about["version"]}"'.encode() in script
    tool = Path(__file__).parents[2] / "tools" / "make_niivue.py"
    assert f'VERSION = "{about["version"]}"' in tool.read_text("utf-8")
    assert page.file("niivue") == script
    licences = html.unescape(page.texts["licence"])
    for name in ("LICENSE", "LICENSES-javascript.txt", "LICENSES-codecs-font.txt"):
        assert (PACKAGED / "niivue" / name).read_text("utf-8") in licences


def test_the_page_uses_what_niivue_documents():
    """But for one method, which is replaced in one place."""
    scripts = "\n".join(path.read_text("utf-8") for path in sorted(PACKAGED.glob("*.js")))
    about = json.loads((PACKAGED / "niivue" / "about.json").read_text("utf-8"))
    one = re.search(r"^function leaveVolumesOutOf3D.*?^}", scripts, re.DOTALL | re.MULTILINE)[0]
    assert about["version"] in one
    assert set(re.findall(r"niivue\.(\w+)", one)) == {"drawImage3D"}
    rest = scripts.replace(one, "")
    taken = re.findall(r"const \{([^}]*)\} = niivue;", rest)
    used = set(re.findall(r"(?<!globalThis\.)(?<!window\.)\bniivue\.(\w+)", rest))
    used |= {name.strip() for names in taken for name in names.split(",")}
    assert used == DOCUMENTED
    assert "prototype" not in scripts


def test_it_is_the_same_each_time(explorer, atlas):
    """Also by the method."""
    assert atlas.atlas.explore(["RSP", "TH", "RSPd4"]).html == explorer.html


def test_an_explorer_shows_itself_and_is_saved(explorer, tmp_path):
    assert re.fullmatch(
        r"<Explorer: a page of \d\.\d MB; save\('atlas.html'\) writes it>", repr(explorer)
    )
    frame = explorer._repr_html_()
    (whole,) = re.findall(r'^<iframe [^>]*height: 700px[^>]*srcdoc="([^"]*)"></iframe>$', frame)
    assert html.unescape(whole) == explorer.html
    explorer.save(tmp_path / "atlas.html")
    assert (tmp_path / "atlas.html").read_text(encoding="utf-8") == explorer.html


# -- what it holds


def test_the_volumes_lie_where_the_dataset_has_them(page, atlas, table):
    """As nibabel reads them: to the right, anterior and superior, in mm."""
    image = nibabel.Nifti1Image.from_bytes(page.file("annotation"))
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert image.header.get_intent("code")[0] == 1002
    codes = np.asarray(image.dataobj)
    regions = page.about["regions"]
    assert list(map(str, table.identifier)) == regions["id"]
    labels = [0, *map(int, table.annotation_value), *map(int, page.about["unknown"])]
    stored = np.array(labels, np.int64)[codes]
    # small x is right, small z anterior, small y superior
    turned = atlas.annotation.values.transpose(2, 0, 1)[::-1, ::-1, ::-1]
    np.testing.assert_array_equal(stored, turned)
    corner = image.affine @ [0, 0, 0, 1]
    last = [FIRST + SIZE * (n - 1) for n in (114, 132, 80)]
    np.testing.assert_allclose(corner[:3], -np.array(last), atol=1e-5)
    background = nibabel.Nifti1Image.from_bytes(page.file("background"))
    np.testing.assert_allclose(background.affine, image.affine)
    grey = np.asarray(background.dataobj)
    inside = turned > 0
    made = atlas.template.values.transpose(2, 0, 1)[::-1, ::-1, ::-1]
    low, high = np.percentile(made[inside], (0.5, 99.5))
    expected = 255 * np.clip((made - low) / (high - low), 0, 1)
    assert np.abs(grey - expected).max() <= 0.51
    assert page.about["unknown"] == [str(STRAY)]


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.annotation,
        lambda ds: ds.atlas.encode(),
        lambda ds: ds.transpose("x", "z", "y"),
        lambda ds: ds.rename(z="front", y="top", x="side"),
        lambda ds: ds.isel(z=slice(None, None, -1), x=slice(None, None, -1)),
        lambda ds: ds.atlas.reorient("ipl"),
    ],
    ids=["array", "encoded", "transposed", "renamed", "reversed", "reoriented"],
)
def test_however_it_is_turned_it_is_shown_the_same(sample, change):
    sample = sample.isel(z=slice(30, 70), y=slice(0, 50), x=slice(10, 60))
    before, after = read(sample, True), read(change(sample), True)
    np.testing.assert_array_equal(after.codes, before.codes)
    np.testing.assert_array_equal(after.background, before.background)
    if change(sample).attrs.get("orientation") != "ipl":
        keys = ("axis", "first", "step", "count")
        assert [[a[k] for k in keys] for a in after.axes] == [
            [a[k] for k in keys] for a in before.axes
        ]


def test_points_of_regions_lie_in_them(page, atlas):
    """Also of a parcellation, and each within its region or below it."""
    regions, codes = page.about["regions"], read(atlas, True).codes
    for position, at in enumerate(regions["at"]):
        assert (at is None) == (regions["voxels"][position] == 0)
        above = -1 if at is None else int(codes[tuple(at)]) - 1
        while at is not None and above != position:
            above = regions["parent"][above]
            assert above >= 0


def test_surfaces_are_where_the_regions_are(page, atlas):
    """As trimesh measures them; smoothed they enclose about as much."""
    acronyms = page.about["regions"]["acronym"]
    listed = [(s["region"], s["faint"]) for s in page.about["surfaces"]]
    rsp, th, layer = (acronyms.index(a) for a in ("RSP", "TH", "RSPd4"))
    assert listed == [(rsp, False), (th, False), (layer, False), (-1, True)]
    assert f"file-surface-{layer}" not in page.texts  # the Allen labels have no voxel of it
    for position in (rsp, th, -1):
        packed = page.file(f"surface-{position}")
        magic, kind, faces, vertices, skip = struct.unpack("<HHIII", packed[:16])
        assert (magic, kind, skip) == (23117, 3, 0)
        assert 0 < faces <= 60_000
        triangles = np.frombuffer(packed, "<i4", 3 * faces, 16).reshape(-1, 3)
        places = np.frombuffer(packed, "<f4", 3 * vertices, 16 + 12 * faces).reshape(-1, 3)
        assert len(packed) == 16 + 12 * faces + 12 * vertices
        surface = trimesh.Trimesh(places, triangles, process=False)
        inside = atlas.annotation.values > 0
        if position >= 0:
            inside = atlas.atlas.mask(acronyms[position]).values
        at = np.argwhere(inside).mean(axis=0) * SIZE + FIRST
        expected = inside.sum() * SIZE**3
        assert surface.volume == pytest.approx(expected, rel=0.04)  # and normals point outwards
        np.testing.assert_allclose(places.mean(axis=0), -at[[2, 0, 1]], atol=0.5)
        np.testing.assert_allclose(surface.center_mass, -at[[2, 0, 1]], atol=0.1)


@pytest.mark.parametrize("orientation", ["asr", "rpi"])
def test_shanks_are_tubes_where_the_contacts_are(orientation):
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    ends = {"entry": {"ml": -2.0, "ap": -2.2, "dv": -0.4}, "tip": {"ml": -1.0, "ap": -1, "dv": -4}}
    contacts = ds.atlas.insert(
        np.arange(0, 3000, 10), probe_unit="um", probe_tip="0 um", frame="ibl", unit="mm", **ends
    )
    contacts = contacts.assign_coords(shank=("contact", np.repeat(["a", "<b>"], [299, 1])))
    turned = ds if orientation == "asr" else ds.atlas.reorient(orientation)
    found = Page(turned.atlas.explore(contacts=contacts).html)
    probes = [s for s in found.about["surfaces"] if s["region"] == -2]
    assert [(s["name"], s["faint"]) for s in probes] == [("shank a", False), ("shank <b>", False)]
    at = np.stack([contacts[axis].values for axis in ("ml", "ap", "dv")], 1)
    numbers = turned.atlas.frames["ibl"].to_dataset(at * 1e3)
    signs = {"asr": (-1, -1, -1), "rpi": (-1, 1, 1)}[orientation]
    order = {"asr": (2, 0, 1), "rpi": (0, 1, 2)}[orientation]
    at = numbers[:, order] * signs
    for shank, part in zip(probes, (at[:299], at[299:]), strict=True):
        packed = found.file(shank["file"])
        _, _, faces, vertices, _ = struct.unpack("<HHIII", packed[:16])
        triangles = np.frombuffer(packed, "<i4", 3 * faces, 16).reshape(-1, 3)
        places = np.frombuffer(packed, "<f4", 3 * vertices, 16 + 12 * faces).reshape(-1, 3)
        tube = trimesh.Trimesh(places, triangles, process=False)
        assert tube.is_watertight
        radius = 0.003 * 13.2
        length = np.linalg.norm(part[-1] - part[0]) if len(part) > 1 else 2 * radius
        octagon = 2 * np.sqrt(2) * radius**2
        assert tube.volume == pytest.approx(octagon * length, rel=0.02)  # and looks outwards
        np.testing.assert_allclose(tube.center_mass, (part[0] + part[-1]) / 2, atol=1e-3)
    with pytest.raises(PointsError, match=r"contacts= takes what ds.atlas.insert"):
        turned.atlas.explore(contacts=contacts.drop_vars("from_tip"))


def test_of_a_finer_atlas_it_shows_the_coarser_level():
    """The published level of 100 um is the majority of that of 50 um."""
    fine, coarse = xarray_atlas.open_sample("50 um"), xarray_atlas.open_sample("100 um")
    assert fine.annotation.size > MOST_VOXELS
    found, expected = read(fine, True), read(coarse, True)
    assert (found.times, expected.times) == (1, 0)
    np.testing.assert_array_equal(found.codes, expected.codes)
    assert found.axes == expected.axes
    np.testing.assert_array_equal(found.annotation.values, coarse.annotation.values)


def test_a_template_is_brought_onto_the_same_grid(monkeypatch):
    monkeypatch.setattr("xarray_atlas.viewers.explore_volumes.MOST_VOXELS", 3000)
    part = xarray_atlas.open_sample("100 um").isel(z=slice(41, 70), y=slice(0, 40), x=slice(0, 33))
    made = np.random.default_rng(0).integers(0, 1000, part.annotation.shape).astype("uint16")
    shown = read(part.assign(template=(part.annotation.dims, made)).chunk(11), True)
    assert shown.codes.shape == (9, 8, 10)
    assert shown.times == 2
    # brute force: blocks of four, those of two within blocks of two first
    found = np.zeros((8, 10, 9))
    for i, j, k in itertools.product(range(8), range(10), range(9)):
        found[i, j, k] = _mean_of_means(made, 4 * i, 4 * j, 4 * k)
    low, high = np.percentile(found[shown.annotation.values > 0], (0.5, 99.5))
    scaled = 255 * np.clip((found - low) / (high - low), 0, 1)
    turned = scaled.transpose(2, 0, 1)[::-1, ::-1, ::-1]
    assert np.abs(shown.background - turned).max() < 1.01
    first = part.annotation.z.values[0]
    np.testing.assert_allclose(shown.annotation.z.values, first + 0.15 + 0.4 * np.arange(8))


def _mean_of_means(made, i, j, k):
    def mean(a):
        return np.rint(a.mean()) if a.size else None

    parts = [
        mean(made[a : a + 2, b : b + 2, c : c + 2])
        for a in (i, i + 2)
        for b in (j, j + 2)
        for c in (k, k + 2)
        if a < made.shape[0] and b < made.shape[1] and c < made.shape[2]
    ]
    return np.rint(np.mean(parts))


def test_each_chunk_is_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr("xarray_atlas.viewers.explore_volumes.MOST_VOXELS", 1000)
    path = tmp_path / "tiny.ome.zarr"
    values = np.random.default_rng(0).choice(np.array([0, 8, 614454277], "uint32"), (30, 20, 26))
    write_ome_zarr(path, {"0": (values, scaling(0.025))}, chunks=(7, 7, 7))
    counting = CountingStore(zarr.storage.LocalStore(path, read_only=True))
    terminology = xarray_atlas.Terminology.from_dataframe(REGIONS.astype(str))
    ds = xarray_atlas.open_atlas(counting, terminology=terminology, midline="0.3 mm")
    counting.keys.clear()
    assert counting.chunks == []
    read(ds, True)
    assert len(counting.chunks) == len(set(counting.chunks)) == 5 * 3 * 4


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    dtype=st.sampled_from(["uint8", "int16", "uint32", "int64", ">u4"]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=25, deadline=None)
def test_codes_stand_for_the_labels(shape, dtype, seed):
    """Whatever the type, and also of labels that no region has."""
    top = np.iinfo(dtype).max
    rng = np.random.default_rng(seed)
    values = rng.choice(np.array([0, 3, 7, top - 1, top], dtype), shape)
    regions = pd.DataFrame({"id": [3, 5, 7, int(top)], "name": ["a", "b", "c", "d"]})
    ds = xarray_atlas.create_atlas(
        values, regions, name="tiny", voxel_size="1 mm", orientation="asr", midline="0 mm"
    )
    shown = read(ds, False)
    terminology = ds.atlas.terminology
    of_code = {0: 0}
    for label in (3, 7, int(top)):
        of_code[1 + terminology.position_of_id(label)] = label
    of_code |= {1 + len(terminology) + i: label for i, label in enumerate(shown.unknown)}
    found = np.vectorize(of_code.get, otypes=[np.int64])(shown.codes)
    expected = values.astype(np.int64).transpose(2, 0, 1)[::-1, ::-1, ::-1]
    np.testing.assert_array_equal(found, expected)
    assert shown.unknown == ([int(top) - 1] if (values == top - 1).any() else [])


# -- surfaces


def test_smoothing_keeps_the_volume():
    ball = trimesh.creation.icosphere(3, radius=5.0)
    rough = ball.vertices * (1 + 0.03 * (np.arange(len(ball.vertices)) % 2))[:, None]
    smooth = smoothed(rough, ball.faces)
    radii = np.linalg.norm(smooth, axis=1)
    assert radii.std() < 0.5 * np.linalg.norm(rough, axis=1).std()
    before = trimesh.Trimesh(rough, ball.faces, process=False).volume
    after = trimesh.Trimesh(smooth, ball.faces, process=False).volume
    assert after == pytest.approx(before, rel=0.02)


@pytest.mark.parametrize(("most", "rel"), [(30_000, 1e-6), (6_000, 0.08), (1_500, 0.15)])
def test_surfaces_have_few_enough_faces(atlas, most, rel):
    """Those of larger voxels enclose about the same, at the same place."""
    shown = read(atlas.isel(z=slice(10, 120), x=slice(7, 111)), False)
    at = (51, 40, 47)
    ball = sum((i - c) ** 2 for i, c in zip(np.indices(shown.annotation.shape), at, strict=True))
    inside = ball < 20**2
    found = surface_of(inside, shown, most)
    assert most / 6 < len(found.faces) <= most
    surface = trimesh.Trimesh(found.vertices, found.faces)
    assert surface.volume == pytest.approx(inside.sum() * SIZE**3, rel=rel)
    coords = (shown.annotation[dim].values for dim in "zyx")
    centre = [values[i] for values, i in zip(coords, at, strict=True)]
    np.testing.assert_allclose(surface.center_mass, centre, atol=0.08)


# -- what cannot be shown


def test_errors_say_what_to_do(sample, monkeypatch):
    with pytest.raises(GridError, match=r"the page shows a volume.*\['y', 'x'\].*isel\(z=\[5\]\)"):
        xarray_atlas.explore(sample.isel(z=60))
    with pytest.raises(GridError, match="no voxel"):
        xarray_atlas.explore(sample.isel(z=slice(0)))
    with pytest.raises(KeyError, match="did you mean"):
        xarray_atlas.explore(sample, ["RSPx"])
    odd = sample.assign(template=(("z", "y"), np.zeros((132, 80))))
    with pytest.raises(GridError, match="template=False"):
        xarray_atlas.explore(odd)
    assert not read(odd, False).template
    many = sample.annotation.isel(z=slice(0, 40)).copy()
    many.data = np.arange(1, many.size + 1).reshape(many.shape)
    with pytest.raises(GridError, match="a page has colors for 8191 labels"):
        xarray_atlas.explore(many)
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ImportError, match=r'needs skimage: pip install "xarray-atlas\[explore\]"'):
        xarray_atlas.explore(sample)


# -- in a browser


HOSTILE = [
    "</script><script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    "\u2028 </style> %JS% -->",
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A page of an atlas whose names would run, if they were taken for HTML."""
    values = np.zeros((10, 12, 14), "uint32")
    for i in range(3):
        values[2:8, 2:9, 2 + 3 * i : 5 + 3 * i] = i + 1
    regions = pd.DataFrame({"id": [1, 2, 3], "name": HOSTILE, "acronym": HOSTILE})
    ds = xarray_atlas.create_atlas(
        values, regions, name="hostile", voxel_size="0.5 mm", orientation="asr", midline="3 mm"
    )
    ds.attrs["name"] = HOSTILE[0]
    path = tmp_path_factory.mktemp("hostile") / "hostile.html"
    ds.atlas.explore([1, 2]).save(path)
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        found.get("about:blank")
        requests(found), complaints(found)  # of the browser's own first page
        yield found


def visit(browser, path: Path) -> None:
    browser.get(path.as_uri())
    until = time.time() + 60
    while not browser.execute_script("return document.body?.dataset.complete"):
        assert time.time() < until, browser.get_log("browser")
        time.sleep(0.05)


@pytest.fixture(scope="module")
def opened(browser, explorer, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "atlas.html"
    explorer.save(path)
    visit(browser, path)
    return browser


def point_at(browser, x: float, y: float) -> list[str]:
    """Move the real mouse there; return what the page says, line by line."""
    where = {"type": "mouseMoved", "x": x, "y": y}
    browser.execute_cdp_cmd("Input.dispatchMouseEvent", where)
    return browser.execute_script(
        "return [...document.getElementById('pointer').children].map((line) => line.textContent)"
    )


def screenshot(browser) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB"), int)


def set_opacity(browser, value: float) -> None:
    browser.execute_script(
        "const slider = document.getElementById('opacity'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input'));",
        value,
    )


def test_the_first_picture_is_soon_there(opened):
    ready = int(opened.execute_script("return document.body.dataset.ready"))
    print(f"first picture after {ready / 1000:.2f} s")
    assert ready < 15_000  # 3 s on a machine that does nothing else
    assert requests(opened) == []
    assert complaints(opened) == []


def test_hovering_names_the_region(opened, atlas, table):
    """At 20 points of three planes, and again after a jump; what is drawn there is its colour."""
    labels = atlas.annotation.values
    by_label = table.set_index("annotation_value", drop=False)
    points = known_points(opened, atlas, 12, 1)
    seen = [(point_at(opened, x, y), at) for x, y, at in points]
    search(opened, "Facial motor nucleus")
    further = known_points(opened, atlas, 8, 2)
    seen += [(point_at(opened, x, y), at) for x, y, at in further]
    assert len(seen) == 20
    for text, (z, y, x) in seen:
        row = by_label.loc[labels[z, y, x]]
        path = []
        above = row
        while True:
            path.insert(0, above.abbreviation)
            if above.parent_identifier == "":
                break
            above = table.loc[int(above.parent_identifier)]
        title, name, about, ancestors, place = text
        assert (title, name) == (row.abbreviation, row["name"])
        assert about.startswith(f"id {row.identifier},")
        assert ancestors == " > ".join(path)
        ap, dv, ml = (f"{FIRST + SIZE * i:.3f}" for i in (z, y, x))
        assert place.split() == ["ap", ap, "dv", dv, "ml", ml, "mm"]
    assert len({at for _, at in seen}) == 20
    assert len({labels[at] for _, at in seen}) > 12
    opened.find_element("css selector", "#chosen .clear").click()


def test_colours_are_the_atlas_s(opened, atlas, table):
    """Where all neighbours are of the region, each pixel is its colour: the picture is right."""
    opened.find_element("id", "outlines").click()
    set_opacity(opened, 1)
    point_at(opened, 2, 2)
    labels = atlas.annotation.values
    by_label = table.set_index("annotation_value").color_hex_triplet
    picture = screenshot(opened)
    tried = 0
    for h, v, (z, y, x) in known_points(opened, atlas, 300, 3):
        around = labels[max(z - 1, 0) : z + 2, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        if (around == labels[z, y, x]).all():
            rgb = np.array(list(bytes.fromhex(by_label.loc[labels[z, y, x]].strip("#"))))
            assert np.abs(picture[int(v), int(h)] - rgb).max() <= 3, (z, y, x)
            tried += 1
    assert tried > 15
    opened.find_element("id", "outlines").click()


def test_letters_stand_where_the_directions_are(opened):
    """What is written over the planes, beside what lies under their edges."""
    written = opened.execute_script(
        "const pen = CanvasRenderingContext2D.prototype, fill = pen.fillText, found = [];"
        "pen.fillText = function (...what) { found.push(what); fill.apply(this, what); };"
        "document.getElementById('outlines').dispatchEvent(new Event('change'));"
        "pen.fillText = fill; return found;"
    )
    for plane in planes(opened):
        left, top, width, height = plane["box"]
        here = [
            ((h - left) / width, (v - top) / height, text)
            for text, h, v in written
            if left <= h <= left + width and top <= v <= top + height
        ]
        ways = ((0.01, 0.5), (0.99, 0.5), (0.5, 0.01), (0.5, 0.99))
        near = [
            min(
                (t for t in here if len(t[2]) == 1),
                key=lambda t, way=way: (t[0] - way[0]) ** 2 + (t[1] - way[1]) ** 2,
            )[2]
            for way in ways
        ]
        name = min(here)[2] if len(min(here)[2]) > 1 else sorted(here)[1][2]
        expected = {"coronal": "RLSI", "sagittal": "APSI", "horizontal": "RLAP"}[name]
        assert "".join(near) == expected
        # small x is right, small z anterior, small y superior: which coordinates the edges have
        grows = {"coronal": ("ml", "dv"), "sagittal": ("ap", "dv"), "horizontal": ("ml", "ap")}
        places = []
        for h, v in ways:
            x, y = plane["left"] + left + h * width, plane["top"] + top + v * height
            words = point_at(opened, x, y)[-1].split()
            places.append({words[i]: float(words[i + 1]) for i in (0, 2, 4)})
        across, down = grows[name]
        assert places[0][across] < 2 < 9 < places[1][across]
        assert places[2][down] < 2 < 7 < places[3][down]
    footer = opened.find_element("id", "convention").text
    assert footer.startswith("The right hemisphere is on the left of the picture (radiological")


def test_what_no_region_has_is_unknown(opened, atlas):
    point = next(p for p in iter_plane_points(opened, (3, 3, 3)))
    assert point_at(opened, *point)[0] == f"unknown label {STRAY}"
    point = next(p for p in iter_plane_points(opened, (3, 20, 3)))
    assert point_at(opened, *point)[0] == "outside"


def iter_plane_points(browser, at):
    """Move the planes to a voxel (z, y, x), and give where it is in each of them."""
    z, y, x = at
    index = np.array([113 - x, 131 - z, 79 - y])
    frac = ((index + 0.5) / [114, 132, 80]).tolist()
    browser.execute_script("niivue.scene.crosshairPos = arguments[0]; niivue.drawScene();", frac)
    last = np.array([FIRST + SIZE * (c - 1) for c in (114, 132, 80)])
    world = index * SIZE - last
    for plane in planes(browser):
        across, up = [(0, 1), (0, 2), (1, 2)][plane["plane"]]
        left, top, width, height = plane["box"]
        h = (world[across] - plane["corner"][0]) / plane["fov"][0]
        v = (world[up] - plane["corner"][1]) / plane["fov"][1]
        yield plane["left"] + left + h * width, plane["top"] + top + (1 - v) * height


def search(browser, text: str) -> None:
    box = browser.find_element("id", "search")
    box.clear()
    box.send_keys(text)
    box.send_keys("\ue007")


def test_the_search_jumps_to_a_region(opened, atlas, table):
    box = opened.find_element("id", "search")
    box.clear()
    box.send_keys("retrosplenial")
    items = opened.find_elements("css selector", "#found li")
    assert items[0].text.startswith("RSP\nRetrosplenial area")
    expected = table[table["name"].str.contains("retrosplenial", case=False)]
    assert len(items) == min(50, len(expected))
    layer = next(i for i in items if i.text.startswith("RSPd4"))
    assert "not in view" in layer.text
    box.send_keys("\ue007")
    chosen = opened.find_element("id", "chosen").text.splitlines()
    assert chosen[0].startswith("RSP")
    assert chosen[-2 if chosen[-1] == "show all" else -1].endswith("Isocortex > RSP")
    # where the planes have gone, by the mask of the region
    at = planes(opened)[0]["at"]
    z, y, x = (round((-mm - FIRST) / SIZE) for mm in (at[1], at[2], at[0]))
    assert atlas.atlas.mask("RSP").values[z, y, x]
    # others lose their colour
    shown = screenshot(opened)
    opened.find_element("css selector", "#chosen .clear").click()
    assert not opened.find_element("id", "chosen").is_displayed()
    assert np.abs(screenshot(opened) - shown).max() > 50
    # ancestors are ways to others
    search(opened, "CA1sp")
    search(opened, "CA1")
    path = opened.find_elements("css selector", "#chosen .path button")
    assert [b.text for b in path][-2:] == ["CA", "CA1"]
    path[-2].click()
    assert opened.find_element("css selector", "#chosen .acronym").text == "CA"
    opened.find_element("css selector", "#chosen .clear").click()


def test_the_controls_change_the_picture(opened, atlas):
    point_at(opened, 2, 2)
    box = opened.execute_script(
        "const s = niivue.screenSlices.find((s) => s.axCorSag === 1).leftTopWidthHeight;"
        "const r = niivue.screenSlices.find((s) => s.axCorSag > 2).leftTopWidthHeight;"
        "return [s, r]"
    )
    (left, top, width, height), (l3, t3, w3, h3) = (map(int, b) for b in box)

    def plane():
        return screenshot(opened)[top : top + height, left : left + width]

    def solid():
        return screenshot(opened)[t3 : t3 + h3, l3 : l3 + w3]

    def colourful(picture):
        return int((np.ptp(picture, axis=-1) > 40).sum())

    set_opacity(opened, 1)
    full = plane()
    set_opacity(opened, 0)
    none = plane()
    assert colourful(full) > 3_000
    assert colourful(none) == 0
    outlines = opened.find_element("id", "outlines")
    outlines.click()
    bare = plane()
    outlines.click()
    changed = (np.abs(bare - none).max(axis=-1) > 20).sum()
    assert 2_000 < changed < 0.4 * width * height  # lines, no areas
    set_opacity(opened, 0.4)
    # surfaces
    before = solid()
    assert colourful(before) > 3_000
    shown = opened.find_elements("css selector", "#surfaces input[type=checkbox]")
    assert [box.is_enabled() for box in shown] == [True, True, False, True]
    shown[0].click()
    shown[1].click()
    assert colourful(solid()) < colourful(before) / 3  # the cube stays
    shown[0].click()
    assert colourful(solid()) > 1.2 * colourful(before) / 3
    shown[1].click()
    np.testing.assert_array_equal(solid(), before)
    opacity = opened.find_elements("css selector", "#surfaces input[type=range]")[-1]
    opened.execute_script(
        "arguments[0].value = 0.9; arguments[0].dispatchEvent(new Event('input'));", opacity
    )
    assert np.abs(solid() - before).max() > 40


def test_what_is_drawn_over_the_planes_follows_them(opened):
    """NiiVue has no hook for it: after the wheel, and after the window has another size."""
    opened.execute_script(
        "const pen = CanvasRenderingContext2D.prototype, fill = pen.fillText; window.written = [];"
        "pen.fillText = function (...what) { written.push(what[0]); fill.apply(this, what); };"
        "window.restore = () => { pen.fillText = fill; };"
    )
    plane = next(p for p in planes(opened) if p["plane"] == 1)
    left, top, width, height = plane["box"]
    x, y = plane["left"] + left + width / 2, plane["top"] + top + height / 2
    before = opened.execute_script("return [...niivue.scene.crosshairPos]")
    wheel = {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": 200}
    opened.execute_cdp_cmd("Input.dispatchMouseEvent", wheel)
    two_frames(opened)
    after = opened.execute_script("return [...niivue.scene.crosshairPos]")
    index = int(after[1] * 132)
    assert abs(index - int(before[1] * 132)) == 1
    assert f"ap {FIRST + SIZE * (131 - index):.3f} mm" in opened.execute_script("return written")
    size = opened.get_window_size()
    opened.set_window_size(900, 700)
    until = time.time() + 20
    sizes = "return ['#over', '#niivue canvas'].map((s) => document.querySelector(s).width)"
    whole = int(plane["left"] + 2 * width)
    while len(found := set(opened.execute_script(sizes))) > 1 or found == {whole}:
        assert time.time() < until
        two_frames(opened)
    opened.set_window_size(size["width"], size["height"])
    opened.execute_script("restore()")
    two_frames(opened)


def two_frames(browser) -> None:
    browser.execute_async_script(
        "requestAnimationFrame(() => requestAnimationFrame(arguments[0]));"
    )


def test_no_volume_is_drawn_in_3d(opened):
    """NiiVue draws it there as well, if its method is not the one that the page replaces."""
    set_opacity(opened, 1)
    shown = opened.find_elements("css selector", "#surfaces input[type=checkbox]:enabled")
    for box in shown:
        box.click()
    left, top, width, height = map(
        int,
        opened.execute_script(
            "return niivue.screenSlices.find((s) => s.axCorSag > 2).leftTopWidthHeight"
        ),
    )
    inner = screenshot(opened)[top + 40 : top + height, left + width // 4 : left + width]
    assert np.abs(inner - [11, 13, 16]).max() <= 1  # the ground: all but caption and cube
    for box in shown:
        box.click()
    assert np.ptp(screenshot(opened)[top:, left + width // 4 :], axis=-1).max() > 40
    set_opacity(opened, 0.4)


def test_nothing_is_asked_of_the_network(opened):
    """After all that was done with it; and the page's own policy refuses it."""
    assert requests(opened) == []
    assert complaints(opened) == []
    refused = opened.execute_async_script(
        "const done = arguments[0];"
        "fetch('http://127.0.0.1:9/').then(() => done('fetched'), (e) => done(String(e)))"
    )
    assert refused.startswith("TypeError")
    assert any("Content Security Policy" in text for text in complaints(opened))
    assert requests(opened) == []


def test_names_of_regions_are_text(browser, hostile):
    assert hostile.read_text(encoding="utf-8").count("<script>document") == 0
    visit(browser, hostile)
    assert browser.title == HOSTILE[0]
    assert browser.find_element("id", "title").text == HOSTILE[0]
    search(browser, "img src")
    assert browser.find_element("css selector", "#chosen .full").text == HOSTILE[1]
    assert browser.find_elements("tag name", "img") == []
    assert browser.execute_script("return document.title") == HOSTILE[0]
    assert requests(browser) == []
    assert complaints(browser) == []


# -- in a frame


@pytest.mark.parametrize("name", ["ibl", "allen", "trajectory-explorer"])
def test_positions_in_a_frame(name, browser, tmp_path):
    """As the page shows them for the voxel under the pointer, and above the planes."""
    ds = xarray_atlas.open_sample("100 um")
    ds.atlas.explore(frame=name).save(tmp_path / "atlas.html")
    visit(browser, tmp_path / "atlas.html")
    frame = ds.atlas.frames[name]

    def numbers(z, y, x):
        place = np.array([z, y, x]) * SIZE + FIRST
        found = dict(zip(frame.axes, frame.from_dataset(place) + 0.0, strict=True))
        return {axis: f"{found[axis]:.{ {'mm': 3, 'um': 0}[frame.unit] }f}" for axis in found}

    search(browser, "Facial motor nucleus")  # so that planes go through centres of voxels
    for x, y, at in known_points(browser, ds, 9, 5):
        words = point_at(browser, x, y)[-1].split()
        wanted = numbers(*at)
        assert words == [*(w for a in ("ap", "dv", "ml") for w in (a, wanted[a])), frame.unit]
    written = browser.execute_script(
        "const pen = CanvasRenderingContext2D.prototype, fill = pen.fillText, found = [];"
        "pen.fillText = function (...what) { found.push(what[0]); fill.apply(this, what); };"
        "document.getElementById('outlines').dispatchEvent(new Event('change'));"
        "pen.fillText = fill; return found;"
    )
    index = [
        round((m + FIRST + SIZE * (count - 1)) / SIZE)
        for m, count in zip(planes(browser)[0]["at"][:3], (114, 132, 80), strict=True)
    ]
    at = 131 - index[1], 79 - index[2], 113 - index[0]
    wanted = numbers(*at)
    assert f"ml {wanted['ml']} {frame.unit}" in written
    for axis, i in (("ap", at[0]), ("dv", at[1])):
        if frame.tilted:  # the plane of voxels is none of the frame
            assert f"{axis} {i * SIZE + FIRST:.3f} mm in the atlas" in written
        else:
            assert f"{axis} {wanted[axis]} {frame.unit}" in written
    footer = browser.find_element("id", "convention").text
    assert (
        f"in the frame '{name}', in {frame.unit}: {frame.axes[0]} {frame.directions[0]}" in footer
    )
    assert complaints(browser) == []


def test_a_frame_that_there_is_not(atlas):
    with pytest.raises(PointsError, match="no frame 'ib'; did you mean 'ibl'"):
        atlas.atlas.explore(frame="ib")

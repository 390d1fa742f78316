"""The HTML of an atlas: by its text, and in a real browser."""

from __future__ import annotations

import json
import re
import time
from html import escape
from html.parser import HTMLParser

import dask
import numpy as np
import pytest
import xarray as xr

from support.atlases import make_atlas, make_terminology, no_compute
from support.browser import chromium, complaints, requests
from xarray_atlas import Terminology

pytestmark = pytest.mark.version_independent

HOSTILE = [
    "</script><img src=x onerror=hacked=1>",
    "\"><svg/onload='hacked=1'>",
    "' onmouseover='hacked=1' x='",
    "</details></div></div><script>hacked=1</script>",
    "<b>&amp;&lt;</b>",
    "</style><style>*{display:none}</style>",
    "<!--",
]
COLORS = [
    "red;background:url(http://hacked.invalid/)",
    "#FF0000' onclick='hacked=1",
    "#12345",
    "#FF0000\n",
    "url(x)",
    "</i>",
    "#00FF00",
]


def hostile() -> xr.Dataset:
    """An atlas whose table and attributes are full of HTML."""
    lists = make_terminology([-1, 0, 0, 2, 2, 4, 0]).to_columns()
    lists["name"] = json.dumps(HOSTILE)
    lists["abbreviation"] = json.dumps(HOSTILE[::-1])
    lists["color_hex_triplet"] = json.dumps(COLORS)
    lists["identifier"] = json.dumps([f"<i>{i}" for i in range(7)])
    lists["parent_identifier"] = json.dumps([None, *(f"<i>{i}" for i in (0, 0, 2, 2, 4, 0))])
    ds = make_atlas(np.ones((2, 2, 2), "uint8"), Terminology.from_columns(lists))
    keys = ("name", "version", "species", "source", "parcellation")
    return ds.rename(z="<u>z").assign_attrs(dict(zip(keys, HOSTILE, strict=False)))


class Reader(HTMLParser):
    """Reads the rows of a tree: how deep each lies, what it says, and its swatch."""

    VOID = ("input",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[dict[str, object]] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.deepest = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in self.VOID:
            return
        self.open.append(tag)
        self.deepest = max(self.deepest, len(self.open))
        if tag == "i":
            self.rows.append(
                {
                    "depth": self.open.count("details") - ("summary" in self.open),
                    "swatch": dict(attrs).get("style"),
                }
            )

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.rows and self.open[-1] in ("b", "span", "small", "data"):
            self.rows[-1][self.open[-1]] = self.rows[-1].get(self.open[-1], "") + data


def told(html: str) -> str:
    """A repr without its style and script."""
    return re.sub("<(style|script)>.*?</\\1>", "", html, flags=re.DOTALL)


def rows(html: str) -> list[dict[str, object]]:
    return Reader(told(html)).rows


# -- by its text


def test_the_tree_is_the_hierarchy(sample):
    found = rows(sample.atlas._repr_html_())
    tree = sample.atlas.tree
    assert found == [
        {
            "depth": node.depth,
            "b": node.acronym,
            "span": node.name,
            "small": str(node.id),
            "swatch": f"background:{node.color}",
        }
        for node in (tree, *tree.descendants)
    ]


def test_what_is_told_of_the_atlas(sample):
    html = sample.assign_attrs(species="Mus musculus").atlas._repr_html_()
    assert "<b>allen-adult-mouse-annotation</b> <span>version 2017</span>" in html
    for term, text in {
        "species": "Mus musculus",
        "resolution": "100 um, 132 x 80 x 114 voxels (z, y, x)",
        "regions": "1327, down to depth 10 (allen-adult-mouse-terminology)",
    }.items():
        assert f"<dt>{term}</dt><dd>{text}</dd>" in html


def test_small_and_quick(sample):
    sample.atlas.volume()
    sample.atlas._repr_html_()
    start = time.process_time()
    html = sample.atlas._repr_html_()
    assert time.process_time() - start < 0.2
    assert len(html.encode()) < 500_000


def test_nothing_from_elsewhere_and_nothing_named(sample):
    html = sample.atlas._repr_html_()
    read = Reader(told(html))
    assert not read.tags & {"img", "link", "iframe", "object", "svg"}
    # no ids, which would be there twice on a page of two
    assert read.attributes == {
        "class", "style", "hidden", "open", "type", "placeholder", "autocomplete", "spellcheck"
    }  # fmt: skip
    for text in ("http", "//", "url(", "@import", "import(", "fetch", "innerHTML", "eval"):
        assert text not in html.replace(escape(sample.attrs["source"]), "").replace("// ", "")
    assert html.count("<script>(() => {") == 1


def test_volumes_where_they_are_known(sample):
    known = "measured on this grid"
    assert known not in sample.atlas._repr_html_()
    values, counts = np.unique(sample.annotation.values, return_counts=True)
    voxels = dict(zip(values.tolist(), (counts * 0.1**3).tolist(), strict=True))
    tree = sample.atlas.tree
    expected = [
        sum(voxels.get(other.id, 0) for other in (node, *node.descendants))
        for node in (tree, *tree.descendants)
    ]
    sample.atlas.volume("RSP")
    with dask.config.set(scheduler=no_compute):
        for same in (sample, sample.annotation, sample.atlas.encode()):
            html = same.atlas._repr_html_()
            assert known in html
            found = [float(row["data"]) for row in rows(html)]
            np.testing.assert_allclose(found, expected, rtol=5e-4)
        # what was derived is another array, of which nothing is known
        for other in (
            sample.isel(z=slice(0, 60)),
            sample.isel(z=3),
            sample + 0,
            sample[["terminology"]],
            sample.atlas.parcellate("cosmos"),
        ):
            html = other.atlas._repr_html_()
            assert known not in html
            assert "<data>" not in html


def test_hostile_tables():
    ds = hostile()
    html = ds.atlas._repr_html_()
    found = rows(html)
    assert [row["span"] for row in found] == HOSTILE
    assert [row["b"] for row in found] == HOSTILE[::-1]
    assert [row["small"] for row in found] == [f"<i>{i}" for i in range(7)]
    assert [row["swatch"] for row in found] == [None] * 6 + ["background:#00FF00"]
    assert [row["depth"] for row in found] == [0, 1, 1, 2, 2, 3, 1]
    assert html.count("<script") == html.count("</script") == html.count("<style") == 1
    with xr.set_options(display_style="text"):
        assert re.findall("<[^>]*>", ds.atlas._repr_html_()) == ["<pre>", "</pre>"]
    assert "<pre>&lt;Atlas: none&gt;" in xr.DataArray(1).atlas._repr_html_()


def test_several_roots_and_regions(sample):
    ds = make_atlas(np.ones((1, 1, 1), "uint8"), make_terminology([-1, 0, -1, 2]))
    assert [(row["b"], row["depth"]) for row in rows(ds.atlas._repr_html_())] == [
        ("R0", 0), ("R1", 1), ("R2", 0), ("R3", 1),
    ]  # fmt: skip
    rsp = sample.atlas.region("RSP")
    html = rsp._repr_html_()
    assert [row["b"] for row in rows(html)] == [n.acronym for n in (rsp, *rsp.descendants)]
    assert escape(rsp.render()) in html
    assert [row["b"] for row in rows(sample.atlas.region("RSPv1")._repr_html_())] == ["RSPv1"]


def test_deep_trees():
    """Browsers stop at 512 elements in each other; notebooks have some around a repr."""
    terminology = make_terminology([-1, *range(999)])
    start = time.process_time()
    html = terminology.tree._repr_html_()
    assert time.process_time() - start < 1
    read = Reader(told(html))
    assert [row["b"] for row in read.rows] == [f"R{i}" for i in range(1000)]
    assert read.deepest < 210
    # what comes after the depth is where it belongs
    wide = make_terminology([-1, *range(300), 0, 250])
    found = {row["b"]: row["depth"] for row in rows(wide.tree._repr_html_())}
    assert (found["R301"], found["R300"], found["R302"]) == (1, 200, 200)


def test_what_is_open_at_first():
    def opened(parents):
        return made(parents).count("<details open>"), made(parents).count("<details>")

    def made(parents):
        ds = make_atlas(np.ones((1, 1, 1), "uint8"), make_terminology(parents))
        return ds.atlas._repr_html_()

    assert opened([-1, 0, 0, 1, 1, 2]) == (3, 0)
    assert opened([-1, *[0] * 5, *range(1, 6), *range(1, 6)]) == (1, 5)
    assert opened([-1, *[0] * 50]) == (1, 0)
    assert opened([-1] * 20 + [*range(20)]) == (0, 20)


# -- in a real browser

PAGE = "<!doctype html><html><head><meta charset=utf-8><title>saved</title></head><body>{}</body></html>"


@pytest.fixture(scope="module")
def browser():
    with chromium() as page:
        page.get("about:blank")
        requests(page), complaints(page)
        yield page


@pytest.fixture
def show(browser, tmp_path):
    """Open a page that was saved, and see afterwards that nothing was asked for and nothing said."""

    def show(*parts: str):
        path = tmp_path / "page.html"
        path.write_text(PAGE.format("<hr>".join(parts)), encoding="utf-8")
        browser.get(path.as_uri())
        return browser

    yield show
    # the browser's own first page may be late
    assert [url for url in requests(browser) if not url.startswith("chrome:")] == []
    assert complaints(browser) == []


def in_sight(page, which: int = 0) -> list[str]:
    """The acronyms of the rows of a tree that can be seen."""
    return page.execute_script(
        "return [...document.querySelectorAll('.xarray-atlas')[arguments[0]]"
        ".querySelectorAll('.xa-tree b')].filter(b => b.checkVisibility()).map(b => b.textContent)",
        which,
    )


def field(page, which: int = 0):
    return page.find_elements("css selector", "input[type=search]")[which]


def count(page, which: int = 0) -> str:
    return page.find_elements("css selector", ".xa-search output")[which].text


FIRST = ["root", "grey", "fiber tracts", "VS", "grv", "retina"]


def line(sample, *acronyms: str) -> list[str]:
    """Regions and their ancestors, in the order of the table."""
    tree = sample.atlas.tree
    wanted = {n for a in acronyms for n in sample.atlas.region(a).path}
    return [node.acronym for node in (tree, *tree.descendants) if node in wanted]


def test_open_and_find(sample, show):
    page = show(sample.atlas._repr_html_(), sample.annotation.atlas._repr_html_())
    assert in_sight(page) == in_sight(page, 1) == FIRST
    page.find_elements("css selector", "summary")[1].click()
    assert in_sight(page) == [*FIRST[:2], "CH", "BS", "CB", *FIRST[2:]]
    opened = in_sight(page)
    assert count(page) == "1327 regions"

    # as brute force finds them
    for text, wanted in {
        "RSPv": ["RSPv", "RSPv1", "RSPv2", "RSPv2/3", "RSPv5", "RSPv6a", "RSPv6b"],
        "retrosplenial LATERAL": ["RSPagl", *(f"RSPagl{n}" for n in ("1", "2/3", "5", "6a", "6b"))],
        "614454277": [sample.atlas.region(614454277).acronym],
    }.items():
        field(page).clear()
        field(page).send_keys(text)
        assert in_sight(page) == line(sample, *wanted)
        assert count(page) == f"{len(wanted)} of 1327 found"
        assert in_sight(page, 1) == FIRST
    table = sample.atlas.regions
    for text in ("layer 6b", "nucleus", "25"):
        both = table.acronym + " " + table.name
        words = [
            both.str.contains(w, case=False, regex=False) | table.id.astype(str).str.startswith(w)
            for w in text.split()
        ]
        found = table[np.logical_and.reduce(words)]
        field(page).clear()
        field(page).send_keys(text)
        marked = page.execute_script(
            "return [...document.querySelectorAll('.xa-found > small')].map(e => +e.textContent)"
        )
        assert sorted(marked) == sorted(found.id)
        assert count(page) == f"{len(found)} of 1327 found"
        assert set(in_sight(page)) == set(line(sample, *found.acronym))
    field(page).clear()
    field(page).send_keys("no such region")
    assert in_sight(page) == []
    assert count(page) == "none of 1327 found"
    field(page).send_keys("\ue00c")  # Escape
    assert in_sight(page) == opened
    assert count(page) == "1327 regions"
    assert page.execute_script("return document.querySelectorAll('.xa-found').length") == 0
    # the other one searches in its own
    field(page, 1).send_keys("CA1")
    assert in_sight(page, 1)[-1].startswith("CA1")
    assert in_sight(page) == opened
    assert page.execute_script("return Object.keys(window).filter(k => /atlas|xa/i.test(k))") == []


def test_with_the_keyboard(sample, show):
    page = show(sample.atlas._repr_html_())
    active = page.switch_to.active_element
    active.send_keys("\ue004")  # Tab
    assert page.switch_to.active_element == field(page)
    seen = "window.seen = 0; document.addEventListener('keydown', () => window.seen++)"
    page.execute_script(seen)
    page.switch_to.active_element.send_keys("x")
    assert page.execute_script("return window.seen") == 0
    page.switch_to.active_element.send_keys("\ue00c")
    second = page.find_elements("css selector", "summary")[1]
    for _ in range(4):  # a tree that scrolls takes the focus too
        if page.switch_to.active_element != second:
            page.switch_to.active_element.send_keys("\ue004")
    page.switch_to.active_element.send_keys("\ue007")  # Enter
    assert in_sight(page) == [*FIRST[:2], "CH", "BS", "CB", *FIRST[2:]]
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {(n["role"]["value"], n.get("name", {}).get("value")) for n in tree if "role" in n}
    assert ("searchbox", "Find a region") in named
    assert any(role == "status" for role, _ in named)
    assert any(
        role == "DisclosureTriangle" and "grey Basic cell groups" in name for role, name in named
    )


def test_without_scripts(sample, show):
    page = show(re.sub("<script>.*?</script>", "", sample.atlas._repr_html_(), flags=re.DOTALL))
    assert not field(page).is_displayed()
    page.find_elements("css selector", "summary")[1].click()
    assert in_sight(page) == [*FIRST[:2], "CH", "BS", "CB", *FIRST[2:]]


def test_without_its_style(sample, show):
    """As in a notebook that is not trusted: the text."""
    html = sample.atlas._repr_html_()
    page = show(re.sub("<(style|script)>.*?</\\1>", "", html, flags=re.DOTALL))
    assert in_sight(page) == []
    shown = page.find_element("css selector", "pre").text
    assert shown == repr(sample.atlas)
    page = show(html)
    assert not page.find_element("css selector", "pre").is_displayed()


def test_hostile_names_do_not_run(sample, show):
    ds = hostile()
    page = show(ds.atlas._repr_html_(), ds.atlas.tree._repr_html_(), sample.atlas._repr_html_())
    field(page).send_keys("<b>")
    assert count(page) == "2 of 7 found"
    field(page).send_keys("\ue00c")
    page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    for which in (0, 1):
        assert in_sight(page, which) == HOSTILE[::-1]
    for element in page.find_elements("css selector", ".xa-tree :is(summary, i, b, span)")[15::-1]:
        element.click()
    assert page.execute_script("return typeof hacked") == "undefined"
    assert page.execute_script("return document.querySelectorAll('.xarray-atlas').length") == 3
    assert page.execute_script("return document.scripts.length") == 3
    assert len(in_sight(page, 2)) == 1327


def test_deep_trees_in_a_browser(show):
    terminology = make_terminology([-1, *range(599), 0])
    page = show(terminology.tree._repr_html_())
    page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert in_sight(page) == [f"R{i}" for i in range(601)]
    field(page).send_keys("R150")
    assert in_sight(page) == [f"R{i}" for i in range(151)]


def test_put_in_later_as_notebooks_do(sample, show):
    """By innerHTML, with each script made anew; twice the same output, and one moved."""
    page = show("<div id=out></div>")
    put = """
        const cell = document.createElement('div');
        cell.innerHTML = arguments[0];
        document.getElementById('out').append(cell);
        for (const old of cell.querySelectorAll('script')) {
            const script = document.createElement('script');
            script.textContent = old.textContent;
            old.replaceWith(script);
        }
    """
    html = sample.atlas.region("RSP")._repr_html_()
    for _ in range(3):
        page.execute_script(put, html)
    page.execute_script("const o = document.getElementById('out'); o.append(o.firstChild)")
    for which in range(3):
        field(page, which).send_keys("RSPv6")
        assert in_sight(page, which) == ["RSP", "RSPv", "RSPv6a", "RSPv6b"]
        assert count(page, which) == "2 of 42 found"


def test_a_page_that_is_saved_in_a_search(sample, show):
    page = show(sample.atlas._repr_html_())
    field(page).send_keys("RSPv6a")
    body = page.execute_script("return document.body.innerHTML")
    page = show(body)
    assert len(in_sight(page)) > 6
    field(page).send_keys("CA1so")
    assert in_sight(page) == line(sample, "CA1so")


def test_colours_on_light_and_dark(sample, show):
    """Text has the colour of the page around it, and is read on its ground."""
    html = sample.atlas._repr_html_()
    for ground, text in (("#fff", "rgb(0, 0, 0)"), ("#111", "rgb(221, 221, 221)")):
        page = show(f"<div style='background: {ground}; color: {text}'>{html}</div>")
        for selector in ("b", "dd", "input", "summary"):
            element = page.find_element("css selector", f".xarray-atlas .xa-view {selector}")
            assert element.value_of_css_property("color") in (
                text,
                text.replace("rgb", "rgba").replace(")", ", 1)"),
            )
        ground_of = page.find_element("css selector", "input").value_of_css_property(
            "background-color"
        )
        assert ground_of == "rgba(0, 0, 0, 0)"
    # a page without colours of its own, that follows the system
    browser = page
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    try:
        page = show("<style>:root { color-scheme: light dark }</style>", html)
        found = page.find_element("css selector", ".xa-tree b").value_of_css_property("color")
        assert found == "rgba(255, 255, 255, 1)"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

"""The live view: what is clicked in a real JupyterLab is heard in Python."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from IPython.utils.capture import capture_output

import xarray_atlas
from support.browser import chromium, complaints, requests
from support.explore_page import FIRST, SIZE, known_points
from xarray_atlas.viewers import explorer

pytestmark = pytest.mark.version_independent

CELL = """
import json, pathlib, xarray_atlas

ds = xarray_atlas.open_sample("100 um")
view = ds.atlas.explore()
heard = []

def hear(change):
    heard.append([view.point, view.regions])
    pathlib.Path("heard.json").write_text(json.dumps(heard))

view.widget.observe(hear, "_picked")
view
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab with a notebook, and its address."""
    pytest.importorskip("jupyterlab")
    pytest.importorskip("anywidget")
    folder = tmp_path_factory.mktemp("lab")
    cell = {"cell_type": "code", "id": "one", "source": CELL, "metadata": {}}
    cells = [{**cell, "outputs": [], "execution_count": None}]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "view.ipynb").write_text(json.dumps(book))
    log = (folder / "log.txt").open("w")
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        "--port=0",
        "--IdentityProvider.token=known",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        # the server asks nobody for news and newer versions
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
    env = {
        **os.environ,
        **dict.fromkeys((*names, "JUPYTERLAB_WORKSPACES_DIR"), str(folder / "own")),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], cwd=folder, env=env, stdout=log, stderr=log
    )
    try:
        until = time.time() + 60
        while not (
            found := re.findall(r"http://127\.0\.0\.1:\d+/lab", (folder / "log.txt").read_text())
        ):
            said = (folder / "log.txt").read_text()
            assert server.poll() is None, said
            assert time.time() < until, said
            time.sleep(0.1)
        yield folder, found[0]
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def wait(page, script: str, seconds: float = 90):
    until = time.time() + seconds
    while not (found := page.execute_script(f"return Boolean({script})")):
        assert time.time() < until, page.get_log("browser")
        time.sleep(0.1)
    return found


def click(page, x: float, y: float, modifiers: int = 0) -> None:
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        at = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
        page.execute_cdp_cmd("Input.dispatchMouseEvent", {**at, "modifiers": modifiers})


def heard(folder, count: int) -> list:
    """What Python has been told, once it is so many picks."""
    until = time.time() + 20
    while True:
        try:
            found = json.loads((folder / "heard.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            found = []
        if len(found) >= count or time.time() > until:
            return found
        time.sleep(0.02)


def test_clicks_in_jupyterlab_are_heard_in_python(lab):
    """At 20 points of three planes, with Shift, and by the search; nothing else is asked."""
    folder, address = lab
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    atlas = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    with chromium("--window-size=1400,1100") as page:
        requests(page), complaints(page)
        page.get(f"{address}/tree/view.ipynb?token=known")
        wait(
            page, "window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session?.kernel"
        )
        page.execute_script("void jupyterapp.commands.execute('notebook:run-all-cells')")
        output = "document.querySelector('.jp-OutputArea iframe')"
        wait(page, output)
        page.execute_script(f"{output}.scrollIntoView()")
        frame = page.find_element("css selector", ".jp-OutputArea iframe")
        box = f"const {{left, top}} = {output}.getBoundingClientRect(); return [left, top]"
        left, top = page.execute_script(box)
        page.switch_to.frame(frame)
        wait(page, "document.body?.dataset.complete && document.body.dataset.live")
        clicked = []
        for plane in range(3):
            # a click leaves the plane where it is, and moves the others
            for x, y, at in known_points(page, atlas, 21, plane)[7 * plane : 7 * plane + 7]:
                click(page, left + x, top + y)
                clicked.append(at)
                assert len(heard(folder, len(clicked))) == len(clicked)
        (x, y, first), (x2, y2, second), *_ = known_points(page, atlas, 12, 10)
        for h, v, keys in ((x, y, 0), (x2, y2, 8), (x2, y2, 8)):
            click(page, left + h, top + v, keys)
            clicked.append(None)
            heard(folder, len(clicked))
        more = heard(folder, 24)[21:]
        search = page.find_element("id", "search")
        search.send_keys("Facial motor nucleus\ue007")
        *_, found = heard(folder, 25)
        page.switch_to.default_content()
        asked, said = requests(page), complaints(page)
    told = heard(folder, 25)[:21]
    points = np.array([[point[dim] for dim in "zyx"] for point, _ in told])
    np.testing.assert_allclose(points, np.array(clicked[:21]) * SIZE + FIRST, atol=1e-9)
    axes = ("ap", "dv", "ml")
    expected = atlas.atlas.region_at(points, axes=axes, unit="mm", frame="dataset").region.values
    assert [regions for _, regions in told] == [[region] for region in expected.tolist()]
    assert len(set(expected)) > 12
    at = np.array([first, second]) * SIZE + FIRST
    one, other = atlas.atlas.region_at(at, axes=axes, unit="mm", frame="dataset").region.values
    assert one != other
    assert [regions for _, regions in more] == [[one], [one, other], [one]]
    point, regions = found
    assert regions == ["VII"]
    at = atlas.sel(point, method="nearest").annotation
    assert int(at) == atlas.atlas.region("VII").id
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}
    assert said == []


@pytest.fixture
def view():
    pytest.importorskip("anywidget")
    return xarray_atlas.open_sample("100 um").isel(z=slice(60, 80)).atlas.explore()


def test_observers_hear_of_both_at_once(view):
    """What a page sends, without a page: those who hear of one see the other too."""
    found = []
    assert (view.point, view.regions) == (None, ())
    view.observe(lambda change: found.append((change.name, change.new, view.point, view.regions)))
    place = view.widget._places
    index = place.acronyms.index("CA1")
    view.widget.set_state({"_picked": {"regions": [index], "voxel": [0, 0, 0]}})
    # the first voxel of the page is the leftmost, posterior and inferior one
    point = {"z": 7.925, "y": 7.925, "x": 11.325}
    assert found == [("point", point, point, ("CA1",)), ("regions", ("CA1",), point, ("CA1",))]
    assert list(view.point) == ["z", "y", "x"]
    only = []
    view.observe(only.append, "regions")
    view.widget.set_state({"_picked": {"regions": [index], "voxel": [1, 0, 0]}})
    assert only == []
    view.unobserve(only.append, "regions")
    view.widget.set_state({"_picked": {"regions": [], "voxel": None}})
    assert (view.point, view.regions, only) == (None, (), [])


def test_what_a_notebook_is_given(view, capsys):
    """The widget to one that shows widgets; text to a terminal; a frame without anywidget."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        with capture_output() as captured:
            shell.display_formatter.format(view)
    finally:
        InteractiveShell.clear_instance()
    (shown,) = captured.outputs
    assert set(shown.data) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert shown.data["text/plain"] == repr(view)


def test_without_anywidget(view, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    explorer._widget_class.cache_clear()
    other = xarray_atlas.Explorer(view.html)
    with pytest.raises(NotImplementedError):
        other._ipython_display_()
    assert "<iframe" in other._repr_html_()
    with pytest.raises(ImportError, match=r"needs anywidget: pip install .xarray-atlas\[explore\]"):
        other.widget  # noqa: B018

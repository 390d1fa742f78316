"""An interactive page of an atlas: three planes, surfaces, and a search for regions."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from importlib import resources
from typing import Any

import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.optional import optional
from xarray_atlas.printable import one_line
from xarray_atlas.probes.places import shanks_in_scene
from xarray_atlas.regions.mask import mask
from xarray_atlas.regions.results import Regions, resolve_regions
from xarray_atlas.transforms.any_frame import any_frame
from xarray_atlas.viewers.explore_frames import page_frame
from xarray_atlas.viewers.explore_surfaces import around, mz3, surface_of, tube
from xarray_atlas.viewers.explore_volumes import PageAtlas, nifti, read, region_table
from xarray_atlas.viewers.explorer import Explorer, Places

__all__ = ["explore"]

MOST_FACES = 60_000, 1_200_000
"""Maximum of one surface and of all surfaces: the page grows by about 12 bytes with each."""

AROUND = -1
"""Marks the surface around all regions."""

PROBE = -2
"""Marks a shank of a probe."""

SCRIPTS = ("picture.js", "outlines.js", "live.js", "panel.js")

LICENCES = ("LICENSE", "LICENSES-javascript.txt", "LICENSES-codecs-font.txt")

LABELS = 1002
"""NIfTI's code of what the values are: labels."""


def explore(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    *,
    template: bool = True,
    frame: Any = None,
    contacts: xr.Dataset | None = None,
) -> Explorer:
    """Show an atlas in an interactive page: three planes, surfaces, a search for regions.

    The page names the region under the pointer, with its ancestors and the position in the
    coordinates of `obj`; clicking or dragging moves the planes, the wheel scrolls through them.
    A region that is looked for is jumped to and shown alone. The rest is sliders: how opaque the
    annotation lies over the template, outlines, and surfaces. NiiVue draws it, which comes with
    this package and becomes part of the page. Nothing is loaded from elsewhere.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, of three dimensions.
    regions : str, int, Region, or list of these, optional
        Regions to show as surfaces in 3-D, inside a faint surface around all labelled voxels.
    template : bool, default: True
        Show ``template`` under the annotation, if the Dataset has one.
    frame : str, Frame or (4, 4) array, optional
        The frame in which positions are shown: a name of ``ds.atlas.frames``, such as "ibl", or a
        Frame. A matrix takes its positions (mm, in the order of ``ds.atlas.space.dims``) to the
        Dataset. By default they are coordinates of `obj`. The planes stay those of the voxels.
    contacts : Dataset, optional
        Of a probe, as :func:`insert` returns it, in whichever frame: a line along the contacts of
        each shank is shown in 3-D, thicker than the shank.

    Returns
    -------
    Explorer
        ``save(path)`` writes the page. In a notebook it shows itself as a live widget: ``point``
        and ``regions`` are what was clicked last, ``observe`` calls a function at each click.

    Raises
    ------
    GridError
        If a spatial dimension is missing (a page is of a volume), a coordinate is unevenly
        spaced, or there are more than 8191 regions; if it is not known where the frame lies.
    PointsError
        If there is no such frame, or `contacts` are not those of a probe.
    RegionNotFoundError, AmbiguousRegionError
        For a region that does not exist, or an acronym that several share.
    ImportError
        If scikit-image is not installed: ``pip install "xarray-atlas[explore]"``.

    Notes
    -----
    *Which voxels.* An annotation of more than 5 million voxels is halved along each axis until it
    has no more, as :func:`save` makes coarser levels: of each 2 x 2 x 2 voxels the label that most
    have, and the mean of the template. The page says which size it shows: the mouse at 25 um
    becomes 100 um. All of `obj` is read for it, each chunk once; open a coarser resolution where
    that takes too long.

    *Colors* are the atlas's. Grey is a region without one, and a label that no region has, which
    the page calls unknown.

    *Surfaces* are made from the voxels that are shown, then smoothed; of large regions they are
    made from voxels that are larger still. They are for looking at: :func:`mesh` has those to
    measure.

    *Left and right* are where the coordinates of `obj` put them: in BrainGlobe's orientation
    "asr" x grows from right to left, so the right hemisphere is on the left of the picture.
    Letters at the edges of each plane say so.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> page = xarray_atlas.explore(ds, ["RSP", "TH"])
    >>> page.save("atlas.html")  # doctest: +SKIP
    >>> page.html[:15], len(page.html) < 5e6
    ('<!doctype html>', True)
    """
    # before all of the atlas is read
    optional("skimage", '"xarray-atlas[explore]"', "an interactive page")
    niivue, licence = _niivue()
    terminology, _ = find_atlas(obj)
    asked = [] if regions is None else resolve_regions(terminology, regions)[0].tolist()
    chosen = None if frame is None else any_frame(obj, frame)
    shanks = {} if contacts is None else shanks_in_scene(obj, contacts)
    shown = read(obj, template)
    table = region_table(shown)
    files = {
        "niivue": niivue,
        "background": nifti(shown.background, shown.axes),
        "annotation": nifti(shown.codes, shown.axes, LABELS),
    }
    surfaces = _surfaces(shown, list(dict.fromkeys(asked)), table, files)
    for i, (shank, (_, line)) in enumerate(shanks.items()):
        file = f"probe-{i}"
        files[file] = tube(line, shown)
        name = f"shank {one_line(shank)}"
        surfaces.append({"region": PROBE, "faint": False, "name": name, "file": file})
    about = {
        "title": one_line(obj.attrs.get("name") or terminology.name or "atlas"),
        "about": _about(obj, shown),
        "axes": shown.axes,
        "frame": None if chosen is None else page_frame(chosen, shown),
        "template": shown.template,
        "regions": table,
        "unknown": [str(label) for label in shown.unknown],
        "surfaces": surfaces,
    }
    here = {str(axis["name"]) for axis in shown.axes}
    names = [str(dim) for dim in shown.annotation.dims if str(dim) in here]
    names += sorted(here - set(names))  # coordinates of other names than their dimensions
    places = Places(shown.axes, names, terminology.distinct_acronyms.tolist())
    return Explorer(_page(about, files, licence), places)


def _surfaces(
    shown: PageAtlas, positions: list[int], table: dict[str, Any], files: dict[str, bytes]
) -> list[dict[str, Any]]:
    """Add the files of the surfaces; return the description of each for the page."""
    nodes = list(find_atlas(shown.annotation)[0])
    there = [p for p in positions if table["voxels"][p]]
    roots = {p for p in there if table["parent"][p] < 0 and p in table["parent"]}
    listed = [{"region": p, "faint": p in roots} for p in positions]
    if not roots and shown.codes.any():
        there.append(AROUND)
        listed.append({"region": AROUND, "faint": True})
    most = min(MOST_FACES[0], MOST_FACES[1] // max(len(there), 1))
    for position in there:
        if position == AROUND:
            inside = around(shown)
        else:
            inside = mask(shown.annotation, nodes[position]).values
        files[f"surface-{position}"] = mz3(surface_of(inside, shown, most), shown)
    return listed


def _about(obj: xr.Dataset | xr.DataArray, shown: PageAtlas) -> str:
    """Describe the displayed data: version, voxel size, and source."""
    sizes = [f"{abs(axis['step']) * 1000:g}" for axis in shown.axes]
    size = sizes[0] if len(set(sizes)) == 1 else " x ".join(sizes)
    parts = [f"version {obj.attrs['version']}"] if "version" in obj.attrs else []
    parts.append(f"voxels of {size} µm" + ("" if len(set(sizes)) == 1 else " (ml, ap, dv)"))
    if shown.times:
        parts.append(f"made from voxels of 1/{2**shown.times} of that size")
    return ", ".join(parts)


def _page(about: dict[str, Any], files: dict[str, bytes], licence: str) -> str:
    folder = resources.files("xarray_atlas.viewers") / "explore_page"
    text = {
        name: (folder / name).read_text("utf-8") for name in ("page.html", "page.css", *SCRIPTS)
    }
    data = json.dumps(about, ensure_ascii=False, separators=(",", ":"))
    parts = {
        "TITLE": html.escape(about["title"]),
        "CSS": text["page.css"],
        # escaped, so that the name of a region cannot close its element or open another
        "DATA": data.replace("<", "\\u003c"),
        "FILES": "\n".join(
            f'<script type="text/plain" id="file-{name}">{_packed(content)}</script>'
            for name, content in files.items()
        ),
        "LICENCE": html.escape(licence),
        "JS": "\n".join(text[name] for name in SCRIPTS),
    }
    # in one pass, since inserted text may contain such a mark too
    return re.sub("%([A-Z]+)%", lambda mark: parts[mark[1]], text["page.html"])


def _packed(content: bytes) -> str:
    # without a time, so that equal atlases make equal pages
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")


def _niivue() -> tuple[bytes, str]:
    """Return NiiVue, a JavaScript file, and the licences of its parts."""
    folder = resources.files("xarray_atlas.viewers") / "explore_page" / "niivue"
    licences = [(folder / name).read_text("utf-8") for name in LICENCES]
    return (folder / "niivue.umd.js").read_bytes(), "\n".join(licences)

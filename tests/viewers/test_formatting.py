"""An atlas and its hierarchy as text: readable, never failing, and nothing read for it."""

from __future__ import annotations

import pickle
import re
import time

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from anytree import RenderTree
from zarr.storage import LocalStore

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from support.stores import CountingStore, write_atlas
from xarray_atlas import AtlasAccessor, Terminology
from xarray_atlas.coords.space import DIRECTIONS

pytestmark = pytest.mark.version_independent


def lines(obj) -> dict[str, str]:
    """The lines below the first, by what they tell."""
    first, *rest = repr(obj.atlas).splitlines()
    assert first.startswith("<Atlas ")
    return dict(line.split(maxsplit=1) for line in rest)


# -- repr(ds.atlas)


def test_of_the_sample(sample):
    first, *rest = repr(sample.atlas).splitlines()
    assert first == "<Atlas allen-adult-mouse-annotation, version 2017>"
    assert rest[:-1] == [
        "    resolution   100 um, 132 x 80 x 114 voxels (z, y, x)",
        "    regions      1327, down to depth 10 (allen-adult-mouse-terminology)",
        "    orientation  asr: z anterior-to-posterior, y superior-to-inferior, x right-to-left",
    ]
    assert rest[-1] == f"    source       {sample.attrs['source']}"


def test_of_an_atlas_with_a_manifest(data):
    ds = xarray_atlas.open_atlas("allen_mouse_100um", root=str(data / "brainglobe"))
    assert repr(ds.atlas).splitlines()[:2] == [
        f"<Atlas {ds.attrs['name']}, version {ds.attrs['version']}>",
        f"    species      {ds.attrs['species']}",
    ]


def test_nothing_is_read(tmp_path):
    path = write_atlas(tmp_path)
    store = CountingStore(LocalStore(path, read_only=True))
    table = path.parents[3] / "terminologies/tiny-terminology/1_0/terminology.csv"
    for chunks in ({}, None):
        ds = xarray_atlas.open_atlas(store, terminology=table, chunks=chunks)
        store.keys.clear()
        with dask.config.set(scheduler=no_compute):
            for obj in (ds, ds.annotation, ds.isel(z=0), ds.drop_indexes("terminology")):
                assert "25 um" in repr(obj.atlas)
                assert "tiny" in obj.atlas._repr_html_()
        assert store.keys == []


def test_parts_tell_their_own_voxels(sample):
    assert (
        lines(sample.isel(z=slice(0, 10, 2)))["resolution"]
        == "200 x 100 x 100 um, 5 x 80 x 114 voxels (z, y, x)"
    )
    assert lines(sample.isel(z=5))["resolution"] == "100 um, 80 x 114 voxels (y, x)"
    assert lines(sample.isel(z=[5]))["resolution"] == "100 um, 1 x 80 x 114 voxels (z, y, x)"
    turned = lines(sample.transpose("x", "y", "z").rename(z="depth"))
    assert turned["resolution"].endswith("114 x 80 x 132 voxels (x, y, depth)")
    assert turned["orientation"].startswith("asr: depth anterior-to-posterior")
    assert "resolution" not in lines(sample.isel(z=[0, 1, 5]))
    assert "resolution" not in lines(sample.isel(z=0, y=0, x=0))
    uneven = make_atlas(
        np.ones((2, 2, 2), "uint8"), make_terminology([-1]), size=(0.1, 0.2, 0.0375)
    )
    assert lines(uneven)["resolution"] == "100 x 200 x 37.5 um, 2 x 2 x 2 voxels (z, y, x)"


def test_names_that_arithmetic_has_lost(sample):
    image = (sample.annotation + 1.5).rename(None)
    assert repr(image.atlas).startswith("<Atlas allen-adult-mouse-terminology>\n")
    assert set(lines(image)) == {"resolution", "regions", "orientation"}
    columns = {
        **make_terminology([-1]).to_columns(),
        "meta": '{"name": "", "problems": [], "problem_kinds": []}',
    }
    nameless = make_atlas(np.ones((2, 2, 2), "uint8"), Terminology.from_columns(columns))
    assert repr(nameless.atlas).startswith("<Atlas without a name>")


def test_all_forms(sample):
    expected = repr(sample.atlas)
    for same in (
        sample.atlas.encode(),
        pickle.loads(pickle.dumps(sample)),
        sample.drop_indexes("terminology"),
        sample.rename(terminology="carrier"),
        sample[["terminology"]].assign(annotation=sample.annotation).assign_attrs(sample.attrs),
    ):
        assert repr(same.atlas) == expected


def test_parcellation(sample):
    found = lines(sample.atlas.parcellate("cosmos"))
    assert found["regions"].startswith("10 parcels, in a hierarchy of 17 regions (")
    assert found["parcellation"] == "cosmos"


def test_resampled(sample):
    runs = dict(zip("zyx", (DIRECTIONS[letter] for letter in "asr"), strict=True))
    image = xr.DataArray(
        np.zeros((10, 12, 14)),
        dims=("z", "y", "x"),
        coords={
            d: xr.Variable(d, 2 + 0.3 * np.arange(n), {"units": "mm", "direction": runs[d]})
            for d, n in zip("zyx", (10, 12, 14), strict=True)
        },
    )
    found = lines(sample.atlas.resample_like(image))
    assert found["resolution"] == "300 um, 10 x 12 x 14 voxels (z, y, x)"
    assert found["regions"].startswith("1327")


def test_without_an_atlas(sample):
    for obj in (xr.DataArray(1), xr.Dataset()):
        text = repr(obj.atlas)
        assert text.startswith("<Atlas: none>\n")
        assert "carries no region hierarchy" in text
        assert "open_atlas" in text
    lost = sample.copy().drop_indexes("terminology")
    lost = lost.assign_coords(terminology=((), lost.terminology.values))
    assert "has lost its region hierarchy" in repr(lost.atlas)
    broken = sample.atlas.encode()
    broken.terminology.attrs["xarray_atlas"] = "99"
    assert "no region hierarchy that this version can read" in repr(broken.atlas)


def test_never_fails(sample, monkeypatch):
    odd = sample.assign_attrs(name=["a", 1], version=None, species=b"\xff", source="a\nb\x1b[31m")
    text = repr(odd.atlas)
    assert text.splitlines()[0] == "<Atlas ['a', 1], version None>"
    assert "a b [31m" in text
    encoded = sample.atlas.encode()
    bare = encoded.copy()
    del bare.z.attrs["units"]
    twice = encoded.assign_coords(w=("z", encoded.z.values, encoded.z.attrs))
    for obj in (bare, twice, encoded.drop_vars(["z", "y", "x"]), encoded.isel(z=slice(0))):
        assert repr(obj.atlas).startswith("<Atlas allen")
        assert "<details" in obj.atlas._repr_html_()

    def gone(*args, **kwargs):
        raise OSError("the file is gone")

    monkeypatch.setattr("xarray_atlas.viewers.formatting.find_atlas", gone)
    assert repr(sample.atlas).endswith("cannot be read: OSError: the file is gone")
    assert "the file is gone" in sample.atlas._repr_html_()


def test_coordinates_that_would_have_to_be_read(sample):
    """Chunked ones, of a file that is opened without xarray making indexes of them."""
    lazy = sample.atlas.encode().drop_indexes(["z", "y", "x"]).chunk()
    assert lazy.z.chunks is not None
    with dask.config.set(scheduler=no_compute):
        assert repr(lazy.atlas).startswith("<Atlas ")


# -- ds.atlas.tree.render()


def shape(text: str) -> list[tuple[int, str]]:
    """The depth and the acronym of each line of a tree."""
    found = []
    for line in text.splitlines():
        rail = re.match(r"[│├└─ ]*", line).group()
        if line.endswith(")") or "[+" in line[-8:]:
            found.append((len(rail) // 4, line[len(rail) :].split("  ")[0].split(" (")[0]))
    return found


def test_a_small_tree_is_printed_whole(sample):
    """As anytree draws it."""
    rsp = sample.atlas.region("RSP")
    drawn = [
        f"{pre}{node.acronym}  {node.name} ({node.id})".rstrip() for pre, _, node in RenderTree(rsp)
    ]
    assert rsp.render().splitlines() == drawn
    leaf = sample.atlas.region("RSPv1")
    assert leaf.render() == "RSPv1  Retrosplenial area ventral part layer 1 (542)"


def test_a_large_tree_is_cut(sample):
    tree = sample.atlas.tree
    text = tree.render()
    *drawn, last = text.splitlines()
    assert len(drawn) == 24
    assert max(map(len, drawn)) < 80
    deep = RenderTree(tree, maxlevel=3)
    assert shape("\n".join(drawn)) == [(node.depth, node.acronym) for _, _, node in deep]
    assert "│   ├── CH  Cerebrum (567)  [+636]" in drawn
    hidden = sum(int(n) for n in re.findall(r"\[\+(\d+)\]", "\n".join(drawn)))
    assert hidden + len(drawn) == len(sample.atlas.terminology)
    assert last.startswith(f"{hidden} regions are not shown ([+n]: n below that one)")


def test_many_children_are_cut():
    terminology = make_terminology([-1] + [0] * 100 + [1])
    *drawn, more, last = terminology.tree.render().splitlines()
    assert len(drawn) == 61
    assert more == "└── ... and 40 more"
    assert drawn[1] == "├── R1  region 1 (101)  [+1]"
    assert drawn[-1].startswith("├── R60")
    assert last.startswith("41 regions are not shown")


def test_deep_trees():
    terminology = make_terminology([-1, *range(999)])
    start = time.perf_counter()
    text = terminology.tree.render()
    assert time.perf_counter() - start < 1
    assert len(text.splitlines()) == 62
    assert "[+939]" in text
    assert "1 region is not shown" in make_terminology([-1, *[0] * 60, 1]).tree.render()


def test_names_with_line_breaks():
    lists = make_terminology([-1, 0]).to_columns()
    lists["name"] = '["all", "one\\ntwo\\u001b[31m\\u2028three"]'
    lists["abbreviation"] = '["all", ""]'
    text = Terminology.from_columns(lists).tree.render()
    assert text.splitlines() == ["all (100)", "└── one two [31m three (101)"]


def test_a_region_is_one_line_in_a_sentence(sample):
    tree = sample.atlas.tree
    assert f"{tree}" == str(tree) == repr(tree) == "<Region root 'root' (id 997)>"
    assert f"{tree:>40}" == repr(tree).rjust(40)
    assert "{}".format(tree) == repr(tree)  # noqa: UP032
    with pytest.raises(AttributeError, match=r"^<Region root 'root' \(id 997\)> cannot be changed"):
        tree.name = "x"
    frame = pd.DataFrame({"region": [tree]}).to_string()
    assert len(frame.splitlines()) == 2
    assert pickle.loads(pickle.dumps(tree)) == tree


def test_text_as_xarray_has_it(sample):
    with xr.set_options(display_style="text"):
        found = sample.atlas._repr_html_()
        assert found == f"<pre>{repr(sample.atlas).replace('<', '&lt;').replace('>', '&gt;')}</pre>"
        # a notebook falls back on the repr, in one line
        assert sample.atlas.tree._repr_html_() is None
    assert isinstance(sample.atlas, AtlasAccessor)

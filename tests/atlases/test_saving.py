"""Saving in BrainGlobe's layout: opened again here, and by BrainGlobe's own API."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import warnings
from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support import oracle_brainglobe
from support.atlases import Counted
from support.worlds import NAMES, brain, save_nifti, turned
from xarray_atlas import Space, Terminology
from xarray_atlas.coords.build import atlas_coordinates, centres_of
from xarray_atlas.errors import (
    AtlasMismatchError,
    GridError,
    ResolutionNotFoundError,
    StoreError,
    StoreExistsError,
    TerminologyError,
)
from xarray_atlas.io.zarr.arrays import LabelArray
from xarray_atlas.kernels.downsample import majority, mean
from xarray_atlas.terminology.numbering import as_brainglobe

ANNOTATION = "annotation-sets/my-mouse-annotation/1_0/annotations_compressed.ome.zarr"
HEMISPHERES = "annotation-sets/my-mouse-annotation/1_0/hemispheres.ome.zarr"
FLAT = [-1, 0, 0, 0]
DEEP = [-1, *range(30)]


def regions(parents=FLAT, ids=None, labels=None, colors=True, root="root"):
    """Regions root, R1, R2, ... whose labels are their ids, 100, 101, ... unless told."""
    ids = [100 + i for i in range(len(parents))] if ids is None else ids
    labels = [[i] for i in ids] if labels is None else labels
    table = pd.DataFrame(
        {
            "identifier": ids,
            "parent_identifier": ["" if p < 0 else ids[p] for p in parents],
            "annotation_value": [str(cell) if cell else "" for cell in labels],
            "name": [f"region {i}" for i in range(len(parents))],
            "abbreviation": [root, *(f"R{i}" for i in range(1, len(parents)))],
            "color_hex_triplet": [f"#{i:06X}" if colors else "" for i in range(len(parents))],
        }
    )
    return Terminology.from_dataframe(table.astype(str), name="made")


def voxels(terminology, shape, seed=0, dtype="uint32"):
    """Random labels, some of them 0."""
    values = np.array([0, *terminology.labels.tolist()], dtype)
    return np.random.default_rng(seed).choice(values, shape)


def atlas(
    terminology=None,
    shape=(6, 5, 4),
    size=(0.02, 0.01, 0.01),
    origin=(0.0, 0.0, 0.0),
    midline="half",
    orientation="asr",
    **variables,
):
    terminology = regions() if terminology is None else terminology
    corner = tuple(o - s / 2 for o, s in zip(origin, size, strict=True))
    ml = orientation.index("r")
    if midline == "half":
        midline = corner[ml] + shape[ml] * size[ml] / 2
    space = Space(("z", "y", "x"), orientation, size, corner, midline, shape=shape)
    centres = [centres_of(s, o, n) for s, o, n in zip(size, origin, shape, strict=True)]
    if "annotation" not in variables:
        variables["annotation"] = voxels(terminology, shape)
    attrs = {"name": "my_mouse", "species": "Mus musculus"}
    return xr.Dataset(
        {name: (("z", "y", "x"), data) for name, data in variables.items()},
        coords=atlas_coordinates(terminology, space, centres),
        attrs=attrs,
    )


def manifest(root, resolution="20"):
    path = root / f"atlases/my_mouse_{resolution}um/1_0/manifest.json"
    return json.loads(path.read_text())


def files(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*"))


# -- there and back


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    size=st.sampled_from([(0.02, 0.01, 0.01), (0.025,) * 3, (0.1, 0.3, 0.7)]),
    origin=st.sampled_from([(0.0, 0.0, 0.0), (0.0075, 1.25, -3.1)]),
    chunks=st.none() | st.tuples(*[st.integers(1, 5)] * 3),
    dtype=st.sampled_from(["uint8", "int16", "uint32", "int64", "uint64", ">u4"]),
    parents=st.sampled_from([FLAT, DEEP, [-1]]),
    encoded=st.booleans(),
)
@settings(max_examples=20)
def test_opened_again_it_is_the_same(
    tmp_path_factory, shape, size, origin, chunks, dtype, parents, encoded
):
    root = tmp_path_factory.mktemp("root")
    table = regions(parents)
    ds = atlas(table, shape, size, origin, annotation=voxels(table, shape, dtype=dtype))
    source = ds if chunks is None else ds.chunk(dict(zip("zyx", chunks, strict=True)))
    source = source.atlas.encode() if encoded else source
    xarray_atlas.save(source, root, masks=False)
    again = xarray_atlas.open_atlas(root / ANNOTATION)
    assert again.annotation.dtype == "uint32"
    assert again.annotation.variable.equals(ds.annotation.variable.astype("uint32"))
    for dim in "zyx":
        assert again[dim].values.tolist() == ds[dim].values.tolist()
    assert again.atlas.terminology == table
    found, space = again.atlas.space, ds.atlas.space
    assert (found.orientation, found.shape) == ("asr", space.shape)
    assert found.voxel_size == space.voxel_size
    assert found.corner == pytest.approx(space.corner)
    assert found.midline == pytest.approx(space.midline)


@pytest.mark.parametrize("size", [(0.02, 0.01, 0.01), (0.02, 0.06, 0.02), (0.01, 0.02, 0.02)])
def test_resolutions_that_are_listed_can_be_opened(tmp_path, size):
    atlas(size=size).atlas.save(tmp_path, levels=2, masks=False)
    (listed,) = xarray_atlas.list_atlases(root=tmp_path).itertuples()
    assert len(listed.resolutions) == 2
    for factor, resolution in zip((1, 2), listed.resolutions, strict=True):
        ds = xarray_atlas.open_atlas(listed.name, root=tmp_path, resolution=resolution)
        np.testing.assert_allclose(ds.atlas.space.voxel_size, np.multiply(size, factor))
    with pytest.raises(ResolutionNotFoundError):
        xarray_atlas.open_atlas(listed.name, root=tmp_path, resolution="60 um")


def test_levels_are_halves_of_the_whole_across_chunks(tmp_path):
    shape = (7, 131, 261)
    template = np.random.default_rng(1).integers(0, 4000, shape).astype("uint16")
    ds = atlas(shape=shape, size=(0.05, 0.025, 0.025), template=template).chunk(z=3, y=50, x=100)
    ds.atlas.save(tmp_path, masks=False)
    tree = xr.open_datatree(tmp_path / ANNOTATION, engine="atlas", chunks={})
    assert list(tree.children) == ["s0", "s1", "s2"]
    labels, image = ds.annotation.values, template
    stored = zarr.open_group(
        tmp_path / "templates/my-mouse-template/1_0/template.ome.zarr", mode="r"
    )
    for level in range(3):
        node = tree[f"s{level}"].to_dataset()
        np.testing.assert_array_equal(node.annotation.values, labels)
        np.testing.assert_array_equal(stored[f"s{level}"][:], image)
        assert node.atlas.space.voxel_size == (0.05 * 2**level, 0.025 * 2**level, 0.025 * 2**level)
        # all levels begin at one corner
        assert node.atlas.space.corner == pytest.approx((-0.025, -0.0125, -0.0125))
        labels, image = majority(labels), mean(image)
    assert manifest(tmp_path, "200")["shape"] == [2, 33, 66]
    assert manifest(tmp_path, "200")["resolution"] == [200.0, 100.0, 100.0]


def test_how_many_levels(tmp_path):
    ds = atlas(shape=(5, 4, 3))
    ds.atlas.save(tmp_path / "one", masks=False)
    assert [p.name for p in (tmp_path / "one/atlases").iterdir()] == ["my_mouse_20um"]
    ds.atlas.save(tmp_path / "all", masks=False, levels=3)
    assert len(list((tmp_path / "all/atlases").iterdir())) == 3
    for levels in (0, 4):
        with pytest.raises(GridError, match="from 1 to 3 levels"):
            ds.atlas.save(tmp_path / "more", levels=levels)
    atlas(shape=(1, 300, 4)).atlas.save(tmp_path / "plane", masks=False)
    assert len(list((tmp_path / "plane/atlases").iterdir())) == 1


def test_a_part_keeps_its_coordinates(tmp_path):
    ds = atlas(shape=(6, 5, 8)).isel(z=slice(2, 5), x=slice(1, 6))
    ds.atlas.save(tmp_path, masks=False)
    again = xarray_atlas.open_atlas(tmp_path / ANNOTATION)
    np.testing.assert_array_equal(again.annotation.values, ds.annotation.values)
    np.testing.assert_allclose(again.z, ds.z.values)
    np.testing.assert_allclose(again.x, ds.x.values)
    # its midline is not half of its extent any more: 4 of 8, of which 1 is gone
    assert manifest(tmp_path)["symmetric"] is False
    sides = zarr.open_group(tmp_path / HEMISPHERES, mode="r")["s0"][:]
    assert sides[0, 0].tolist() == [2, 2, 2, 1, 1]


def test_each_chunk_is_read_once_and_zeros_are_not_stored(tmp_path):
    labels = np.zeros((300, 20, 20), "uint32")
    labels[200:290] = 100
    counted = Counted(labels)
    ds = atlas(shape=labels.shape, annotation=counted.dask((60, 20, 20)))
    ds.atlas.save(tmp_path)
    assert len(counted.reads) == 5
    chunks = [
        p for p in files(tmp_path / ANNOTATION) if p.startswith("s0/c/") and p.count("/") == 4
    ]
    assert chunks == ["s0/c/1/0/0", "s0/c/2/0/0"]


def test_the_metadata_are_those_of_brainglobes_packager(tmp_path, packaged):
    ds = xarray_atlas.open_atlas(packaged, midline="5.7 mm")
    ds = xarray_atlas.open_atlas(packaged, midline=float(ds.atlas.space.midline))
    ds.atlas.save(tmp_path, name="my_mouse", version="1.0", masks=False)
    mine, theirs = (
        {
            str(path.relative_to(place)): json.loads(path.read_text())
            for path in place.rglob("zarr.json")
        }
        for place in (tmp_path / ANNOTATION, packaged)
    )
    for path in ("s0/zarr.json", "zarr.json"):
        for content in (mine[path], theirs[path]):
            for multiscale in content["attributes"].get("ome", {}).get("multiscales", []):
                multiscale.pop("name")
                multiscale["datasets"] = multiscale["datasets"][:2]
        assert mine[path] == theirs[path]
    keys = {"name", "location", "citation", "atlas_link", "species", "symmetric", "resolution"}
    there = packaged.parents[3] / "atlases/allen_mouse_50um/3_0/manifest.json"
    own = set(manifest(tmp_path, "50")) - {"midline_mm"}  # an extra, of an atlas with a midline
    assert keys < set(json.loads(there.read_text())) == own


# -- left and right


def test_symmetric_only_where_the_midline_is_the_half_extent(tmp_path):
    cases = {
        "half": (atlas(), True, False),
        "elsewhere": (atlas(midline=0.01), False, True),
        "none": (atlas(midline=None), False, False),
        "given": (atlas(hemispheres=np.full((6, 5, 4), 2, "uint8")), False, True),
        "denied": (atlas().assign_attrs(symmetric=0), False, True),
    }
    for name, (ds, symmetric, stored) in cases.items():
        ds.atlas.save(tmp_path / name, masks=False, levels=2)
        assert manifest(tmp_path / name)["symmetric"] is symmetric, name
        assert (tmp_path / name / HEMISPHERES).exists() is stored, name
        if stored:
            level = zarr.open_group(tmp_path / name / HEMISPHERES, mode="r")["s1"]
            assert (level.dtype, level.shape) == ("uint8", (3, 3, 2))


def test_an_assumed_midline_is_warned_about(tmp_path, sample):
    with pytest.warns(UserWarning, match="is assumed"):
        sample.isel(z=slice(60, 62)).atlas.save(
            tmp_path, name="my_mouse", version="1.0", masks=False
        )


# -- labels and ids


def test_labels_become_ids(tmp_path):
    # several labels, another one, none; and a label that is the id of another region
    table = regions(FLAT, ids=[1, 2, 614454277, 4], labels=[[], [7, 9], [4], [2**40]])
    labels = np.array([[[0, 7, 9, 4, 2**40, 33]]], "int64")
    ds = atlas(table, labels.shape, annotation=labels)
    ds.atlas.save(tmp_path)
    again = xarray_atlas.open_atlas(tmp_path / ANNOTATION)
    assert again.annotation.values.ravel().tolist() == [0, 2, 2, 614454277, 4, 33]
    assert again.atlas.terminology.regions.labels.tolist() == [(), (2,), (614454277,), (4,)]
    masks = zarr.open_group(
        tmp_path / ANNOTATION.replace("annotations_compressed", "annotations"), mode="r"
    )
    order = masks["annotation_values"][:].tolist()
    assert sorted(order[:3]) == [2, 4, 614454277]
    assert order[3] == 1
    assert masks["s0"][order.index(1)].ravel().tolist() == [0, 1, 1, 1, 1, 0]
    assert masks["s0"][order.index(2)].ravel().tolist() == [0, 1, 1, 0, 0, 0]


def test_ids_that_are_text():
    table = regions(FLAT, ids=["MBA:997", "MBA:8", "X", "Y"], labels=[[997], [], [5, 3], []])
    found, labels, ids = as_brainglobe(table)
    assert found.ids.tolist() == [997, 998, 3, 999]
    assert (labels.tolist(), ids.tolist()) == ([3, 5, 997], [3, 3, 997])
    assert found.parents.tolist() == table.parents.tolist()


def test_what_has_to_change_and_what_not():
    table = regions()
    assert as_brainglobe(table)[0] is table
    assert as_brainglobe(regions(colors=False))[0].colors.tolist() == ["#808080"] * 4


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (regions(root="brain"), "at the top are 'brain'"),
        (regions([-1, 0, -1]), "at the top are 'root' (id 100), 'R2'"),
        (
            regions(ids=[1, 2, 3, 2**32]),
            "ids that are not from 1 to 4294967295, .*: 4294967296 of 'R3'",
        ),
        (regions(ids=[1, 2, 3, -4]), "-4 of 'R3'"),
        (regions(ids=[1, 2, 3, 0], labels=[[1], [2], [3], [9]]), "0 of 'R3'"),
        (regions(labels=[[1], [2], [2], []]), "several regions have: 2"),
        (regions(labels=[[1], [0], [], []]), "'R1' (id 101) has the label 0"),
        (regions(ids=list("abcd"), labels=[[1], [2**33], [], []]), "labels that are not from 1"),
        (regions(ids=list("abcd"), labels=[[1], [2**32 - 1], [], []]), "no number is left"),
    ],
)
def test_regions_that_brainglobe_could_not_read(tmp_path, table, message):
    with pytest.raises(TerminologyError, match=message.replace("(", r"\(").replace(")", r"\)")):
        atlas(table, annotation=np.zeros((6, 5, 4), "uint8")).atlas.save(tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("stray", "message"),
    [(-3, "do not fit 32 bits: -3"), (2**33, "8589934592"), (100, "ids of regions: 100")],
)
def test_labels_of_no_region_that_cannot_be_told_from_others(tmp_path, stray, message):
    table = regions(labels=[[], [101], [102], [103]])
    labels = voxels(table, (6, 5, 4), dtype="int64")
    labels[3, 2, 1] = stray
    with pytest.raises(AtlasMismatchError, match=message):
        atlas(table, annotation=labels).atlas.save(tmp_path)
    assert files(tmp_path) == []


# -- images beside the labels


def test_references_and_no_template(tmp_path):
    shape = (6, 5, 4)
    image = np.random.default_rng(0).normal(size=shape).astype("float32")
    ds = atlas(nissl=image, inside=image > 0)
    ds.atlas.save(tmp_path, masks=False)
    found = {ref["name"]: ref["location"] for ref in manifest(tmp_path)["additional_references"]}
    assert found == {
        "nissl": "/templates/my-mouse-nissl-template/1_0",
        "inside": "/templates/my-mouse-inside-template/1_0",
    }
    stored = zarr.open_group(f"{tmp_path}{found['nissl']}/template.ome.zarr", mode="r")["s0"]
    np.testing.assert_array_equal(stored[:], image)
    assert manifest(tmp_path)["template"]["name"] == "my-mouse-template-missing"
    empty = f"{tmp_path}{manifest(tmp_path)['template']['location']}/template.ome.zarr"
    assert zarr.open_group(empty, mode="r")["s0"].dtype == "uint16"


def test_what_is_no_image(tmp_path):
    ds = atlas().assign(table=("region", [1.0]))
    with pytest.raises(GridError, match="'table' .* cannot be saved"):
        ds.atlas.save(tmp_path)


# -- all or nothing


def test_nothing_is_overwritten(tmp_path):
    atlas().atlas.save(tmp_path, masks=False)
    before = files(tmp_path)
    with pytest.raises(StoreExistsError, match="another name= or version="):
        atlas(shape=(3, 3, 3)).atlas.save(tmp_path, masks=False)
    assert files(tmp_path) == before
    atlas().atlas.save(tmp_path, version="1.1", masks=False)
    assert xarray_atlas.open_atlas(tmp_path / ANNOTATION).annotation.shape == (6, 5, 4)


class Watched(Counted):
    """Remembers what is in a folder whenever it is read."""

    folder: Path

    def __getitem__(self, key):
        self.reads.append({path.name.partition("-")[0] for path in self.folder.iterdir()})
        return self.array[key]


def test_nothing_is_there_before_it_is_complete(tmp_path):
    watched = Watched(np.ones((6, 5, 4), "uint16"))
    watched.folder = tmp_path
    atlas(template=watched.dask(3)).atlas.save(tmp_path)
    assert watched.reads == [{".saving"}] * 8
    assert not list(tmp_path.glob(".*"))


def test_a_save_that_fails_leaves_nothing(tmp_path):
    class Broken(Counted):
        def __getitem__(self, key):
            raise OSError("gone")

    ds = atlas(template=Broken(np.ones((6, 5, 4), "uint16")).dask(3))
    with pytest.raises(OSError, match="gone"):
        ds.atlas.save(tmp_path)
    assert files(tmp_path) == []


def test_what_was_moved_is_taken_back(tmp_path, monkeypatch):
    real, calls = os.rename, []

    def rename(*names):
        calls.append(names)
        if len(calls) == 4:
            raise OSError("no space left")
        real(*names)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OSError, match="no space left"):
        atlas().atlas.save(tmp_path, masks=False)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_the_manifest_comes_last(tmp_path, monkeypatch):
    moved = []
    monkeypatch.setattr(os, "rename", lambda a, b: moved.append(Path(b).parts[-3]))
    atlas().atlas.save(tmp_path, masks=False)
    assert moved == [
        "terminologies",
        "templates",
        "coordinate-spaces",
        "annotation-sets",
        "atlases",
    ]


# -- what is refused


def test_another_orientation_is_refused(tmp_path):
    ds = atlas(orientation="psr")
    with pytest.raises(GridError, match="'psr'.*reorient"):
        ds.atlas.save(tmp_path)
    with pytest.raises(GridError, match="'rsa'"):
        atlas().transpose("x", "y", "z").atlas.save(tmp_path)
    with pytest.raises(GridError, match="'asl'"):
        atlas().isel(x=slice(None, None, -1)).atlas.save(tmp_path)
    # the voxels lie as they should, but positions cannot be written
    backwards = ds.isel(z=slice(None, None, -1))
    with pytest.raises(GridError, match="a coordinate of the annotation falls.*reorient"):
        backwards.atlas.save(tmp_path)
    assert backwards.atlas.reorient("asr").identical(ds.atlas.reorient("asr"))
    turned = ds.atlas.reorient("asr")
    turned.atlas.save(tmp_path, masks=False)
    again = xarray_atlas.open_atlas(tmp_path / ANNOTATION)
    np.testing.assert_array_equal(again.annotation.values, ds.annotation.values[::-1])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"name": ""}, "cannot name an atlas or"),
        ({"name": "a/b"}, "'a/b' cannot name"),
        ({"version": "one"}, "'one' is not one or two numbers"),
        ({"version": "1.2.3"}, "'1.2.3' is not"),
    ],
)
def test_names_and_versions(tmp_path, keywords, message):
    with pytest.raises(ValueError, match=message):
        atlas().atlas.save(tmp_path, **keywords)


def test_only_to_a_local_folder():
    with pytest.raises(StoreError, match="local folder"):
        atlas().atlas.save("s3://bucket/atlas")


def test_an_annotation_by_itself(tmp_path):
    atlas().annotation.atlas.save(tmp_path, name="my_mouse", masks=False)
    assert xarray_atlas.open_atlas(tmp_path / ANNOTATION).annotation.shape == (6, 5, 4)


def test_opened_without_dask_it_is_still_read_in_parts(tmp_path, monkeypatch):
    atlas(shape=(300, 3, 3)).atlas.save(tmp_path / "first", masks=False, levels=1)
    ds = xarray_atlas.open_atlas(tmp_path / "first" / ANNOTATION, chunks=None, midline=0.01)
    read = []
    real = LabelArray._read
    monkeypatch.setattr(
        LabelArray, "_read", lambda self, indexer, key: read.append(key) or real(self, indexer, key)
    )
    ds.atlas.save(tmp_path, name="my_mouse", version="1.0", masks=False, levels=1)
    assert len(read) == 3
    again = xarray_atlas.open_atlas(tmp_path / ANNOTATION)
    np.testing.assert_array_equal(again.annotation.values, ds.annotation.values)


def test_synchronously(tmp_path):
    with dask.config.set(scheduler="synchronous"):
        atlas(shape=(130, 3, 3)).chunk(z=7).atlas.save(tmp_path)
    assert len(list((tmp_path / "atlases").iterdir())) == 2


# -- BrainGlobe's own API


def oracle(root, name, out):
    """What BrainGlobe's API says of an atlas; in another Python where this one has it not."""
    python = os.environ.get("XARRAY_ATLAS_ORACLE")
    if importlib.util.find_spec("brainglobe_atlasapi"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of BrainGlobe's own
            oracle_brainglobe.dump(root, name, "1.0", out)
    elif python:
        command = [python, oracle_brainglobe.__file__, root, name, "1.0", out]
        # nothing of this Python's path: its packages are others
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
    else:
        pytest.skip("no brainglobe_atlasapi, and XARRAY_ATLAS_ORACLE names no Python that has it")
    with np.load(out) as arrays:
        found = dict(arrays)
    return found, json.loads(str(found.pop("about")))


KINDS = {
    "flat": lambda: atlas(template=np.arange(120, dtype="uint16").reshape(6, 5, 4)),
    "deep and big ids": lambda: atlas(
        regions(DEEP, ids=[614454277 - i for i in range(31)], colors=False)
    ),
    "odd, in um that are not integers": lambda: atlas(shape=(7, 5, 9), size=(0.0125,) * 3),
    "not symmetric": lambda: atlas(
        hemispheres=np.random.default_rng(5).integers(1, 3, (6, 5, 4)).astype("uint8"),
        nissl=np.ones((6, 5, 4), "float32"),
    ),
    "without left and right": lambda: atlas(midline=None),
    "folded, and regions without a voxel": lambda: atlas(
        regions(labels=[[], [1, 2], [], [3]]),
        annotation=voxels(regions(labels=[[], [1, 2], [], [3]]), (6, 5, 4), dtype="uint8"),
    ),
    "nothing but zeros": lambda: atlas(annotation=np.zeros((6, 5, 4), "uint8")),
    "several chunks": lambda: atlas(shape=(140, 3, 130), size=(0.05,) * 3).chunk(z=30),
    "a part": lambda: atlas(shape=(9, 5, 8)).isel(z=slice(3, 8), x=slice(2, None)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_brainglobes_api_opens_it(tmp_path, kind):
    ds = KINDS[kind]()
    root = tmp_path / "brainglobe-atlasapi"
    ds.atlas.save(root, version="1.0", levels=2)
    sizes = [f"{ds.atlas.space.voxel_size[0] * 1000 * 2**level:g}" for level in (0, 1)]
    table, old, new = as_brainglobe(ds.atlas.terminology)
    labels = ds.annotation.values.astype("int64")
    labels = sum((labels == a) * b for a, b in zip(old.tolist(), new.tolist(), strict=True))
    template = ds.template.values if "template" in ds else np.zeros(labels.shape, "uint16")
    sides = ds.hemispheres.values if "hemispheres" in ds else None
    for size in sizes:
        found, about = oracle(root, f"my_mouse_{size}um", tmp_path / "out.npz")
        np.testing.assert_array_equal(found["annotation"], labels)
        np.testing.assert_array_equal(found["template"], template)
        if "nissl" in ds:
            assert (found["reference/nissl"] == 1).all()
        assert about["shape"] == list(labels.shape)
        assert about["metadata"]["species"] == "Mus musculus"
        for structure, region in zip(about["structures"], table, strict=True):
            assert structure["id"] == region.id
            assert structure["acronym"] == region.acronym
            assert structure["structure_id_path"] == [r.id for r in region.path]
            mask = np.isin(labels, table.labels_of(region.position))
            np.testing.assert_array_equal(found[f"mask/{region.id}"], mask)
        parents = {r.id: r.parent and r.parent.id for r in table}
        assert dict(about["tree"]) == parents
        if kind == "without left and right":
            assert "hemispheres" not in found
        elif sides is not None:
            np.testing.assert_array_equal(found["hemispheres"], sides)
        elif about["metadata"]["symmetric"] and labels.shape[2] % 2 == 0:
            middle = labels.shape[2] // 2
            assert (found["hemispheres"][..., :middle] == 2).all()
            assert (found["hemispheres"][..., middle:] == 1).all()
        labels, template = majority(labels), mean(template)
        sides = None if sides is None else majority(sides)


def test_brainglobes_api_opens_an_atlas_of_a_world(tmp_path):
    """It counts from the corner of the first voxel, as of any atlas."""
    voxels, affine = turned(brain(), (1, 2, 0), (-1, -1, -1))
    path = save_nifti(tmp_path / "labels.nii", voxels, affine)
    ds = xarray_atlas.create_atlas(path, NAMES, name="lab_mouse", midline="0 mm")
    root = tmp_path / "brainglobe-atlasapi"
    ds.atlas.save(root, version="1.0", levels=1)
    found, about = oracle(root, "lab_mouse_500um", tmp_path / "out.npz")
    np.testing.assert_array_equal(found["annotation"], voxels)
    assert about["shape"] == list(voxels.shape)
    sides = np.where(np.arange(18) >= 8, 1, 2)  # from the right: centres at 8 to 0 mm, then left
    np.testing.assert_array_equal(found["hemispheres"], np.broadcast_to(sides, voxels.shape))

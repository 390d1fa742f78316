"""NIfTI, NRRD and ITK-SNAP files: read by nibabel, pynrrd, and by hand."""

from __future__ import annotations

import itertools
import json

import dask
import dask.array as da
import nibabel as nib
import nrrd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Counted, make_atlas, make_terminology
from xarray_atlas.errors import AtlasMismatchError, GridError, TerminologyError

pytestmark = pytest.mark.version_independent

LETTERS = [
    "".join(p) for q in itertools.product("ap", "si", "rl") for p in itertools.permutations(q)
]
AXCODES = str.maketrans("apsirl", "PAISLR")
RAS = {"l": (0, 1), "r": (0, -1), "p": (1, 1), "a": (1, -1), "i": (2, 1), "s": (2, -1)}


def small(labels=None, orientation="asr", parents=(-1, 0, 0), own=None, **others):
    table = make_terminology(parents, own)
    if labels is None:
        labels = np.random.default_rng(0).integers(0, 4, (4, 5, 6)).astype("uint32")
    return make_atlas(labels, table, (0.1, 0.2, 0.4), (0.3, -1.0, 5.0), orientation, **others)


def write(obj, folder, ending, **keywords):
    """Write and read; return voxels, affine to RAS+ and what the header says."""
    path = folder / f"atlas{ending}"
    if ending == ".nrrd":
        xarray_atlas.to_nrrd(obj, path, **keywords)
        data, header = nrrd.read(str(path))
        assert header["space"] == "right-anterior-superior"
        assert header["space units"] == ["mm"] * 3
        affine = np.eye(4)
        affine[:3, :3] = header["space directions"].T
        affine[:3, 3] = header["space origin"]
        return data, affine, header
    xarray_atlas.to_nifti(obj, path, **keywords)
    image = nib.load(path)
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(image.get_qform(), image.affine, atol=1e-6)
    assert image.header["sform_code"] == image.header["qform_code"] == 2
    return np.asanyarray(image.dataobj), image.affine, image.header


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd"])
@pytest.mark.parametrize("orientation", LETTERS[::3])
def test_every_voxel_lies_where_its_coordinates_say(tmp_path, orientation, ending):
    ds = small(orientation=orientation).isel(z=slice(1, None), x=slice(2, 5))
    data, affine, _ = write(ds, tmp_path, ending)
    np.testing.assert_array_equal(data, ds.annotation.values)
    assert "".join(nib.aff2axcodes(affine)) == orientation.translate(AXCODES)
    for index in [(0, 0, 0), (2, 4, 2)]:
        world = (affine @ [*index, 1])[:3]
        for i, dim, letter in zip(index, "zyx", orientation, strict=True):
            row, sign = RAS[letter]
            assert world[row] == pytest.approx(sign * ds[dim].values[i], abs=1e-6)


def test_reorienting_agrees_with_nibabels_canonical_image(tmp_path, sample):
    xarray_atlas.to_nifti(sample, tmp_path / "a.nii")
    xarray_atlas.to_nifti(sample.atlas.reorient(axcodes="RAS"), tmp_path / "b.nii")
    canonical = nib.as_closest_canonical(nib.load(tmp_path / "a.nii"))
    turned = nib.load(tmp_path / "b.nii")
    np.testing.assert_array_equal(np.asanyarray(turned.dataobj), np.asanyarray(canonical.dataobj))
    # the axes are turned, and positions are measured from their other ends
    np.testing.assert_allclose(turned.affine[:3, :3], canonical.affine[:3, :3], atol=1e-6)


def test_an_axis_stored_backwards(tmp_path):
    ds = small().isel(x=slice(None, None, -1))
    data, affine, _ = write(ds, tmp_path, ".nii")
    assert nib.aff2axcodes(affine) == ("P", "I", "R")
    np.testing.assert_array_equal(data, ds.annotation.values)


@pytest.mark.parametrize("ending", [".nii", ".nrrd"])
@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("uint8", "uint8"),
        ("int8", "int16"),
        ("int16", "int16"),
        ("uint16", "int32"),
        ("uint32", "int32"),
        ("int64", "int32"),
        ("uint64", "int32"),
        (">u4", "int32"),
    ],
)
def test_types_of_labels(tmp_path, stored, written, ending):
    labels = np.random.default_rng(0).integers(0, 4, (4, 5, 6)).astype(stored)
    data, _, _ = write(small(labels), tmp_path, ending)
    assert data.dtype.newbyteorder("=") == written
    np.testing.assert_array_equal(data, labels)


@pytest.mark.parametrize("ending", [".nii", ".nrrd"])
@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("uint16", "uint16"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("bool", "uint8"),
        ("float16", "float32"),
    ],
)
def test_other_arrays_keep_their_type(tmp_path, stored, written, ending):
    image = (np.random.default_rng(0).random((4, 5, 6)) * 9).astype(stored)
    ds = small(template=image)
    data, _, _ = write(ds.template, tmp_path, ending)
    assert data.dtype.newbyteorder("=") == written
    np.testing.assert_array_equal(data, image)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_labels_that_do_not_fit_are_numbered_with_a_table(tmp_path, ending):
    own = [[2**40], [-7, 5], [614454277]]
    labels = np.array([[[0, 2**40, -7, 5, 614454277, 2**41, 33]]], "int64")
    ds = small(da.from_array(labels, chunks=2), own=own)
    data, _, _ = write(ds, tmp_path, ending)
    table = pd.read_csv(tmp_path / "atlas.labels.csv", keep_default_na=False)
    assert table.label.tolist() == [-7, 5, 614454277, 2**40, 2**41, 33]
    assert table.value.tolist() == [1, 2, 3, 4, 5, 6]
    assert table.acronym.tolist() == ["R1", "R1", "R2", "R0", "", ""]
    assert table.id.tolist()[:4] == ["101", "101", "102", "100"]
    back = dict(zip([0, *table.value], [0, *table.label], strict=True))
    assert [back[v] for v in data.ravel().tolist()] == labels.ravel().tolist()


def test_a_table_with_more_labels_than_the_annotation_can_hold(tmp_path):
    labels = np.array([[[0, 1, 2]]], "uint8")
    for largest, written in ((300, "int16"), (70000, "int32")):
        ds = small(labels, own=[[1, *range(largest - 290, largest)], [2], []])
        data, _, _ = write(ds, tmp_path, ".nii")
        assert data.dtype.newbyteorder("=") == written
        np.testing.assert_array_equal(data, labels)


def test_sixteen_bits_go_with_itksnap(tmp_path, sample):
    data, _, _ = write(sample, tmp_path, ".nii.gz", dtype="uint16")
    terminology = sample.atlas.terminology
    terminology.to_itksnap(tmp_path / "labels.txt")
    lines = [line for line in (tmp_path / "labels.txt").read_text().splitlines() if line[0] != "#"]
    names = {int(line.split()[0]): line.split('"')[1] for line in lines}
    assert names[0] == "Clear Label"
    assert len(names) == 1 + len(terminology)
    labels = sample.annotation.values
    for acronym in ("VISp1", "CA1", "SSp-tr6a"):
        region = terminology.region(acronym)
        (value,) = set(data[labels == region.id].tolist())
        assert names[value] == region.name
        assert (data == value).sum() == (labels == region.id).sum()


def test_a_line_of_itksnap(tmp_path):
    table = pd.DataFrame(
        {
            "identifier": ["1", "2", "3"],
            "parent_identifier": ["", "1", "1"],
            "annotation_value": ["7", "[9, 65535]", ""],
            "name": ['the "root"', "", "no voxel"],
            "abbreviation": ["root", "β", "nv"],
            "color_hex_triplet": ["#FF8001", "", ""],
        }
    )
    terminology = xarray_atlas.Terminology.from_dataframe(table)
    terminology.to_itksnap(tmp_path / "labels.txt")
    lines = (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(maxsplit=7) for line in lines if line[0] != "#"] == [
        ["0", "0", "0", "0", "0", "0", "0", '"Clear Label"'],
        ["7", "255", "128", "1", "1", "1", "1", "\"the 'root'\""],
        ["9", "128", "128", "128", "1", "1", "1", '"β"'],
        ["65535", "128", "128", "128", "1", "1", "1", '"β"'],
    ]


def test_more_labels_than_numbers(tmp_path):
    table = small().atlas.terminology.to_columns()
    table["annotation_value"] = json.dumps([list(range(2, 70000)), [], []])
    terminology = xarray_atlas.Terminology.from_columns(table)
    with pytest.raises(TerminologyError, match="69998 labels are more than uint16"):
        terminology.to_itksnap(tmp_path / "labels.txt")
    ds = small(own=[[*range(2, 258)], [], []])
    with pytest.raises(TerminologyError, match="256 labels are more than uint8"):
        xarray_atlas.to_nifti(ds, tmp_path / "a.nii", dtype="uint8")


@given(
    chunks=st.tuples(*[st.integers(1, 6)] * 3),
    dtype=st.sampled_from(["int16", "uint16", "int32", "int64"]),
)
@settings(max_examples=10)
def test_chunks_do_not_matter(tmp_path_factory, chunks, dtype):
    folder = tmp_path_factory.mktemp("files")
    ds = small().chunk(dict(zip("zyx", chunks, strict=True)))
    for ending in (".nii.gz", ".nrrd"):
        data, _, _ = write(ds, folder, ending, dtype=dtype)
        assert data.dtype == dtype
        np.testing.assert_array_equal(data, small().annotation.values)


def test_one_slab_at_a_time(tmp_path):
    counted = Counted(np.ones((4, 5, 6), "uint32"))
    ds = small(counted.dask((2, 5, 3)))
    with dask.config.set(scheduler="synchronous"):
        xarray_atlas.to_nifti(ds, tmp_path / "a.nii")
    assert len(counted.reads) == 4


def test_what_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.nii"
    xarray_atlas.to_nifti(small(), path)
    before = path.read_bytes()
    labels = np.full((4, 5, 6), 2**32 - 1, "uint32")
    with pytest.raises(AtlasMismatchError, match="label 4294967295, which no region has and int32"):
        xarray_atlas.to_nifti(small(labels), path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.labels.csv", "a.nii"]


def test_what_is_refused(tmp_path):
    ds = small(template=np.full((4, 5, 6), 1.5))
    with pytest.raises(ValueError, match=r"does not end in .nii or .nii.gz"):
        ds.atlas.to_nifti(tmp_path / "a.nrrd")
    with pytest.raises(ValueError, match=r"does not end in .nrrd"):
        ds.atlas.to_nrrd(tmp_path / "a.nii")
    with pytest.raises(GridError, match="3 spatial dimensions"):
        ds.isel(z=1).atlas.to_nifti(tmp_path / "a.nii")
    with pytest.raises(GridError, match="'time'"):
        ds.annotation.expand_dims(time=2).atlas.to_nrrd(tmp_path / "a.nrrd")
    with pytest.raises(GridError, match="float32 does not hold them"):
        ds.atlas.to_nrrd(tmp_path / "a.nrrd", dtype="float32")
    with pytest.raises(GridError, match="values that uint8 cannot"):
        ds.template.atlas.to_nrrd(tmp_path / "a.nrrd", dtype="uint8")
    with pytest.raises(GridError, match="values that int16 cannot"):
        ds.template.where(ds.template < 0).atlas.to_nifti(tmp_path / "a.nii", dtype="int16")
    with pytest.raises(GridError, match="complex64 cannot be written"):
        ds.template.atlas.to_nifti(tmp_path / "a.nii", dtype="complex64")
    with pytest.raises(GridError, match="nothing to write"):
        ds.isel(z=slice(0)).atlas.to_nifti(tmp_path / "a.nii")
    assert list(tmp_path.iterdir()) == []


def test_without_dask_slabs_are_put_together(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (2, 2, 128)).astype("uint8")
    for ending in (".nii", ".nrrd"):
        data, _, _ = write(small(labels), tmp_path, ending)
        np.testing.assert_array_equal(data, labels)

"""The surface that regions share, against a walk over all pairs of voxels."""

from __future__ import annotations

import dask
import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import (
    Counted,
    Example,
    examples,
    make_atlas,
    make_terminology,
    parts,
    through_file,
)
from xarray_atlas.errors import GridError, RegionNotFoundError, RegionOverlapError
from xarray_atlas.kernels import boundaries

pytestmark = pytest.mark.version_independent

mm2 = pint.get_application_registry().Unit("mm") ** 2


def walked(labels, sizes, owned):
    """Go from each voxel to the next along each axis, and add up the faces between regions."""
    owner = {label: place for place, own in enumerate(owned) for label in own}
    shared = np.zeros((len(owned), len(owned)))
    for at in np.ndindex(labels.shape):
        for axis in range(labels.ndim):
            beside = list(at)
            beside[axis] += 1
            if beside[axis] == labels.shape[axis]:
                continue
            one, other = (owner.get(int(labels[tuple(p)])) for p in (at, beside))
            if one is None or other is None or one == other:
                continue
            face = np.prod([size for i, size in enumerate(sizes) if i != axis])
            shared[one, other] += face
            shared[other, one] += face
    return shared


@given(st.data())
@settings(max_examples=100)
def test_agrees_with_a_walk(data):
    example: Example = data.draw(examples())
    shape = example.labels.shape
    part = data.draw(parts(shape))
    order = data.draw(st.permutations("zyx"))
    atlas = example.atlas.isel(part).transpose(*order)
    regions = data.draw(st.permutations(range(len(example.parents))))
    owned: dict[int, set[int]] = {}
    for region in regions:  # as many as do not overlap
        own = example.values(region, direct=False)
        if not any(own & others for others in owned.values()):
            owned[region] = own
    if data.draw(st.booleans()):
        atlas = atlas.atlas.encode()
    if (plane := data.draw(st.sampled_from([None, *order]))) is not None:
        atlas = atlas.isel({plane: 0})
    sizes = [atlas.atlas.spacing[dim].magnitude for dim in atlas.annotation.dims]
    found = xarray_atlas.adjacency(atlas, [f"R{region}" for region in owned])
    expected = walked(np.asarray(atlas.annotation), sizes, list(owned.values()))
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert found.dtype == np.float64
    assert found.attrs["units"] == ("mm ** 2" if plane is None else "mm")


@given(st.data())
def test_the_default_is_each_regions_own_voxels(data):
    example: Example = data.draw(examples())
    own = [set(labels) for labels in example.own]
    flat = [label for labels in own for label in labels]
    if len(flat) > len(set(flat)):
        with pytest.raises(RegionOverlapError, match="overlap"):
            xarray_atlas.adjacency(example.atlas)
        return
    found = xarray_atlas.adjacency(example.atlas)
    held = [i for i, labels in enumerate(own) if labels]
    assert found.region_id.values.tolist() == [100 + i for i in held]
    expected = walked(example.labels, example.size, [own[i] for i in held])
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)


def test_regions_that_do_not_overlap_have_their_descendants_by_default():
    terminology = make_terminology([-1, -1], [[1, 2], [3]])
    labels = np.array([[[1, 2, 3]]], "uint8")
    found = xarray_atlas.adjacency(make_atlas(labels, terminology))
    np.testing.assert_allclose(found.values, [[0, 0.02], [0.02, 0]])


def test_a_parcel_that_lies_far_above_another_has_its_own_voxels():
    # between the two is a region that is not a parcel
    terminology = make_terminology([-1, 0, 1], [[1], [], [3]])
    ds = make_atlas(np.array([[[1, 3, 3]]], "uint8"), terminology).atlas.parcellate(leaves=True)
    found = xarray_atlas.adjacency(ds)
    assert found.region.values.tolist() == ["R0", "R2"]
    np.testing.assert_allclose(found.values, [[0, 0.02], [0.02, 0]])


def test_sample_agrees_with_pandas(sample):
    labels = sample.annotation.values
    frames = []
    for axis in range(3):
        one = np.delete(labels, -1, axis).ravel()
        other = np.delete(labels, 0, axis).ravel()
        frames += [pd.DataFrame({"a": one, "b": other}), pd.DataFrame({"a": other, "b": one})]
    pairs = pd.concat(frames).query("a != b and a != 0 and b != 0").value_counts() * 0.01
    for chunks in ({}, {"z": 50, "y": 33, "x": 47}, None):
        ds = sample.load() if chunks is None else sample.chunk(chunks)
        found = ds.atlas.adjacency()
        assert found.shape == (1327, 1327)
        where = np.nonzero(found.values)
        ids = found.region_id.values
        mine = pd.Series(
            found.values[where],
            pd.MultiIndex.from_arrays([ids[where[0]], ids[where[1]]], names=["a", "b"]),
        )
        assert len(mine) == len(pairs) > 5000
        np.testing.assert_allclose(mine, pairs.loc[mine.index], rtol=1e-12)


def test_names_and_units(sample):
    found = sample.atlas.adjacency(["RSP", "Anterior cingulate area", 385])
    assert found.name == "adjacency"
    assert found.dims == ("region", "neighbour")
    assert found.region.values.tolist() == ["RSP", "ACA", "VISp"]
    for coord in ("", "_name", "_id", "_parent", "_depth"):
        region, neighbour = found[f"region{coord}"], found[f"neighbour{coord}"]
        assert neighbour.dims == ("neighbour",)
        assert neighbour.values.tolist() == region.values.tolist()
    assert found.variable.data.units == mm2
    assert found.attrs["voxel_size"] == "0.1 x 0.1 x 0.1 mm (z, y, x)"
    np.testing.assert_array_equal(found.values, found.values.T)
    one = found.sel(region="RSP", neighbour="ACA")
    assert one.item().to("um**2").magnitude == pytest.approx(float(one) * 1e6)
    assert not {"z", "y", "x", "terminology"} & set(found.coords)


def test_subset_of_regions_is_part_of_the_whole(sample):
    whole = sample.atlas.adjacency()
    leaves = ["VISp1", "VISp2/3", "VISp4"]
    part = sample.atlas.adjacency(leaves)
    np.testing.assert_array_equal(part.values, whole.sel(region=leaves, neighbour=leaves).values)
    # a region's surface to another is the sum of those of its parts
    mother = sample.atlas.adjacency(["VISp", "RSP"])
    own = [r.acronym for r in sample.atlas.region("VISp").descendants] + ["VISp"]
    other = [r.acronym for r in sample.atlas.region("RSP").descendants] + ["RSP"]
    total = whole.sel(region=own, neighbour=other).values.sum()
    assert mother.values[0, 1] == pytest.approx(total)


def test_section_keeps_its_place(sample):
    section = sample.isel(z=70)
    found = section.atlas.adjacency(["RSP", "VISp"])
    assert found.attrs["units"] == "mm"
    assert found.z.item().magnitude == pytest.approx(7.025)
    assert found.attrs["voxel_size"] == "0.1 x 0.1 mm (y, x)"


def test_nothing_shared():
    atlas = make_atlas(np.array([[[1, 0, 2]]], "uint8"), make_terminology([-1, 0, 0]))
    found = xarray_atlas.adjacency(atlas, ["R1", "R2"])  # background between them, and no R2
    np.testing.assert_array_equal(found.values, np.zeros((2, 2)))
    nowhere = xarray_atlas.adjacency(atlas.isel(z=slice(0)), ["R1", "R2"])
    np.testing.assert_array_equal(nowhere.values, np.zeros((2, 2)))
    assert xarray_atlas.adjacency(atlas, []).shape == (0, 0)


def test_label_0_of_a_region_counts():
    terminology = make_terminology([-1, -1], [[0], [5]])
    atlas = make_atlas(np.array([[[0, 5, 0]]], "uint8"), terminology)
    assert xarray_atlas.adjacency(atlas).values[0, 1] == pytest.approx(0.04)


def test_chunks_are_read_once():
    labels = np.random.default_rng(0).integers(0, 4, (6, 5, 4)).astype("uint16")
    counted = Counted(labels)
    atlas = make_atlas(counted.dask((2, 2, 3)), make_terminology([-1, 0, 0]))
    found = xarray_atlas.adjacency(atlas, ["R1", "R2"])
    assert len(counted.reads) == len({str(key) for key in counted.reads}) == 18
    expected = walked(labels, (0.1, 0.2, 0.4), [{2}, {3}])
    np.testing.assert_allclose(found.values, expected)


def test_large_blocks_are_worked_on_in_slabs(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 4, (7, 5, 4)).astype("uint16")
    atlas = make_atlas(labels, make_terminology([-1, 0, 0]))
    whole = xarray_atlas.adjacency(atlas, ["R1", "R2"])
    for slab in (1, 45):
        monkeypatch.setattr(boundaries, "SLAB", slab)
        xr.testing.assert_identical(xarray_atlas.adjacency(atlas, ["R1", "R2"]), whole)


def test_a_failed_read_is_an_error():
    class Broken(Counted):
        def __getitem__(self, key):
            raise OSError("gone")

    atlas = make_atlas(Broken(np.zeros((4, 4, 4), "u2")).dask(2), make_terminology([-1, 0, 0]))
    with pytest.raises(OSError, match="gone"):
        xarray_atlas.adjacency(atlas, ["R1", "R2"])


@pytest.mark.parametrize("kind", ["zarr3", "h5netcdf"])
def test_written_and_read(sample, tmp_path, kind):
    found = sample.atlas.adjacency(["RSP", "VISp"])
    back = through_file(found, str(tmp_path / "file"), kind)
    np.testing.assert_array_equal(back.values, found.values)
    assert back.attrs["units"] == "mm ** 2"
    assert back.neighbour_name.values.tolist() == found.neighbour_name.values.tolist()


def test_errors(sample):
    with dask.config.set(scheduler=lambda *a, **k: pytest.fail("computed")):
        with pytest.raises(
            RegionOverlapError, match="'(Isocortex' and 'VISp|VISp' and 'Isocortex)' overlap"
        ):
            sample.atlas.adjacency(["VISp", "Isocortex", "TH"])
        with pytest.raises(RegionOverlapError, match="'TH' is given more than once"):
            sample.atlas.adjacency(["TH", "Thalamus"])
        with pytest.raises(TypeError, match="pass a list of two or more, not 'TH' alone"):
            sample.atlas.adjacency("TH")
        with pytest.raises(RegionNotFoundError, match="RSPx"):
            sample.atlas.adjacency(["TH", "RSPx"])
        with pytest.raises(GridError, match="irregularly spaced"):
            sample.isel(z=[1, 2, 5]).atlas.adjacency(["TH", "RSP"])
        with pytest.raises(GridError, match="needs 3 spatial dimensions"):
            sample.isel(z=1, y=2).atlas.adjacency(["TH", "RSP"])
        with pytest.raises(GridError, match="'template' holds no region labels"):
            sample.annotation.rename("template").atlas.adjacency(["TH", "RSP"])

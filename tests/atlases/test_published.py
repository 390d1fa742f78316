"""The real Allen labels against counts that were made without this package."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import zarr

import xarray_atlas

pytestmark = pytest.mark.version_independent

RESOLUTIONS = (25, 50, 100)


def opened(store, resolution, **options):
    """Open a level, with the middle of the volume said to be the midline."""
    # the extent of all levels is 456 voxels of 25 um; the first centre of each level is at 0
    midline = (456 * 0.025 - resolution / 1000) / 2
    return xarray_atlas.open_atlas(store, resolution=f"{resolution} um", midline=midline, **options)


def voxels(volumes, resolution):
    """Back from mm**3 to whole voxels."""
    counts = volumes.pint.magnitude / (resolution / 1000) ** 3
    np.testing.assert_allclose(counts, counts.round(), atol=1e-3)
    return counts.round().astype(int)


def assert_counts(found, expected, what):
    wrong = np.flatnonzero(np.asarray(found) != np.asarray(expected[what]))
    assert not wrong.size, expected[["abbreviation", what]].iloc[wrong].assign(found=found[wrong])


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_volumes_of_all_regions(published, expected, resolution):
    ds = opened(published, resolution)
    regions = expected["identifier"].tolist()
    assert len(regions) == 1327
    total = ds.atlas.volume(regions)
    assert total.region.values.tolist() == expected["abbreviation"].tolist()
    assert_counts(voxels(total, resolution), expected, f"total_{resolution}um")
    direct = voxels(ds.atlas.volume(regions, direct=True), resolution)
    assert_counts(direct, expected, f"direct_{resolution}um")


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_hemispheres_of_all_regions(published, expected, resolution):
    ds = opened(published, resolution)
    regions = expected["abbreviation"].tolist()
    sides = ds.atlas.volume(regions, hemisphere=["left", "right"])
    for side in ("left", "right"):
        found = voxels(sides.sel(hemisphere=side), resolution)
        assert_counts(found, expected, f"total_{side}_{resolution}um")
    direct = ds.atlas.volume(regions, hemisphere=["left", "right"], direct=True)
    found = voxels(direct.sum("hemisphere"), resolution)
    assert_counts(found, expected, f"direct_{resolution}um")
    left = voxels(ds.atlas.volume(regions, hemisphere="left"), resolution)
    assert_counts(left, expected, f"total_left_{resolution}um")


@pytest.mark.parametrize("resolution", [50, 100])
def test_masks_have_the_voxels_that_volumes_count(published, expected, resolution):
    ds = opened(published, resolution)
    table = expected.set_index("abbreviation")
    # with voxels of its own, with a large id, without a voxel, with all of them
    regions = ["CA1", "RSPagl", "VISm", "MOB", "SSp-tr6a", "root"]
    assert set(regions) <= set(table.index)
    masks = ds.atlas.mask(regions, hemisphere=["left", "right"])
    found = masks.sum(("z", "y", "x")).compute()
    for side in ("left", "right"):
        counts = table.loc[regions, f"total_{side}_{resolution}um"].tolist()
        assert found.sel(hemisphere=side).values.tolist() == counts
    direct = ds.atlas.mask(regions, direct=True).sum(("z", "y", "x")).values.tolist()
    assert direct == table.loc[regions, f"direct_{resolution}um"].tolist()


def test_region_without_a_voxel(published, expected):
    empty = expected.loc[expected.total_100um == 0, "abbreviation"].tolist()
    assert len(empty) > 100
    ds = opened(published, 100)
    assert (ds.atlas.volume(empty).pint.magnitude == 0).all()
    assert not ds.atlas.mask(empty[0]).any()


def test_the_largest_labels_are_found(published, expected):
    """Ids that a float32 changes: none of their voxels may go missing."""
    large = expected[expected.identifier > 2**24]
    assert len(large) > 100
    regions = large.identifier.tolist()
    found = voxels(opened(published, 50).atlas.volume(regions, direct=True), 50)
    assert found.tolist() == large["direct_50um"].tolist()
    assert found.sum() > 0


def test_the_tutorials_own_way(published, data):
    """Labels read from the CSV, looked up by the acronym's prefix, and da.isin."""
    ds = opened(published, 50)
    folder = data / "brainglobe/terminologies/allen-adult-mouse-terminology/2017"
    table = pd.read_csv(folder / "terminology.csv", keep_default_na=False)
    labels = table[table.abbreviation.str.startswith("RSP")].annotation_value.to_numpy()
    inside = da.isin(ds.annotation.data, labels)
    cubic_mm = int(inside.sum()) * 0.05**3
    assert ds.atlas.volume("RSP").pint.magnitude == pytest.approx(cubic_mm, rel=1e-12)
    np.testing.assert_array_equal(ds.atlas.mask("RSP").data, inside)


def test_rsp_is_what_the_tutorial_prints(published):
    volume = opened(published, 25).atlas.volume("RSP")
    assert f"{volume.item():.3f}" == "10.501 millimeter ** 3"
    assert volume.attrs["voxel_size"] == "0.025 x 0.025 x 0.025 mm (z, y, x)"


@pytest.mark.parametrize("chunks", [None, {}, "auto"], ids=str)
def test_any_chunks(published, expected, chunks):
    ds = opened(published, 100, chunks=chunks)
    table = expected.set_index("abbreviation").loc[ds.atlas.terminology.acronyms]
    assert voxels(ds.atlas.volume(), 100).tolist() == table["total_100um"].tolist()
    rechunked = ds.chunk(z=100, y=-1, x=77)
    assert voxels(rechunked.atlas.volume(), 100).tolist() == table["total_100um"].tolist()


def test_forms(published, expected):
    ds = opened(published, 100)
    table = expected.set_index("abbreviation")
    for other in (
        xarray_atlas.encode(ds),
        ds.annotation,
        ds.transpose("x", "y", "z"),
        ds.compute(),
    ):
        found = other.atlas.volume("RSP", hemisphere=["left", "right"])
        sides = table.loc["RSP", ["total_left_100um", "total_right_100um"]]
        assert voxels(found, 100).tolist() == sides.tolist()


def test_brainglobes_own_package(packaged, expected):
    """Its get_structure_mask("RSP") has 83093 voxels at 50 um; its hemispheres are a volume."""
    ds = xarray_atlas.open_atlas(packaged, resolution="50 um")
    assert int(ds.atlas.mask("RSP").sum()) == 83093
    group = zarr.open_group(packaged.parent / "hemispheres.ome.zarr", mode="r")
    level = next(array for _, array in group.arrays() if array.shape == ds.annotation.shape)
    # their own chunks, which need not be those of the labels
    sides = da.from_zarr(level)
    ds = ds.assign(hemispheres=(ds.annotation.dims, sides))
    found = voxels(ds.atlas.volume(hemisphere=["left", "right"]), 50)
    table = expected.set_index("abbreviation").loc[ds.atlas.terminology.acronyms]
    columns = ["total_left_50um", "total_right_50um"]
    np.testing.assert_array_equal(found, table[columns].to_numpy())


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_region_properties_of_all_regions(published, expected, resolution):
    ds = opened(published, resolution)
    regions = expected["abbreviation"].tolist()
    found = ds.atlas.region_properties(regions)
    assert_counts(found.voxels.values, expected, f"total_{resolution}um")
    direct = ds.atlas.region_properties(regions, direct=True)
    assert_counts(direct.voxels.values, expected, f"direct_{resolution}um")
    assert int(direct.voxels.sum() + direct.background_voxels) == ds.annotation.size
    assert direct.unknown_label.size == 0
    sides = ds.atlas.region_properties(regions, hemisphere=["left", "right"])
    for side in ("left", "right"):
        voxels_there = sides.voxels.sel(hemisphere=side).values
        assert_counts(voxels_there, expected, f"total_{side}_{resolution}um")
    assert_counts(sides.voxels.sum("hemisphere").values, expected, f"total_{resolution}um")


def test_where_regions_lie(published, expected):
    """Of regions with a large id, bent, thin, in two halves, of one voxel, and the whole."""
    ds = opened(published, 50)
    few = expected[expected.total_50um.between(1, 3)].abbreviation.tolist()
    regions = ["root", "RSP", "SSp-tr6a", "CA1", "alv", "VISp", *few[:3]]
    found = ds.atlas.region_properties(regions)
    labels = ds.annotation.values
    for region in regions:
        node = ds.atlas.region(region)
        own = [label for part in (node, *node.descendants) for label in part.labels]
        places = np.argwhere(np.isin(labels, np.array(own, "uint32")))
        one = found.sel(region=region)
        np.testing.assert_allclose(one.centroid.values, places.mean(axis=0) * 0.05, rtol=1e-12)
        low, high = places.min(axis=0), places.max(axis=0)
        np.testing.assert_array_equal(one.start.values, low)
        np.testing.assert_array_equal(one.stop.values, high + 1)
        np.testing.assert_allclose(
            one.bounding_box.values, np.stack([low - 0.5, high + 0.5], axis=1) * 0.05, rtol=1e-12
        )
        point = (one.representative_point.values / 0.05).round().astype(int)
        assert labels[tuple(point)] in own


def test_every_representative_point_lies_in_its_region(published):
    ds = opened(published, 50)
    labels = ds.annotation.values
    for direct in (False, True):
        found = ds.atlas.region_properties(hemisphere=["left", "right"], direct=direct)
        points = found.representative_point.values / 0.05
        for position, region in enumerate(found.region_id.values.tolist()):
            own = ds.atlas.terminology.labels_of(ds.atlas.terminology.position(region), direct)
            for side in (0, 1):
                if found.voxels.values[position, side]:
                    at = tuple(points[position, side].round().astype(int))
                    assert labels[at] in own
                    assert (at[2] >= 114) == (side == 0)  # 228 voxels across; left is large x

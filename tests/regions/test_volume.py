"""Volumes and areas against voxel-by-voxel truth, and how they are computed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import dask
import numpy as np
import pint
import pint_xarray  # noqa: F401  # the .pint accessor
import pytest
import xarray as xr
from hypothesis import assume, given, settings
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
from support.small_worlds import ARRAY, MM3, labels, table
from xarray_atlas.errors import GridError, HemisphereError, RegionNotFoundError

pytestmark = pytest.mark.version_independent

um = pint.get_application_registry().Unit("um")
SIZE = (0.1, 0.2, 0.4)
VOXEL = 0.1 * 0.2 * 0.4

ureg = pint.get_application_registry()


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; R4 is a root of its own, without a voxel."""
    terminology = make_terminology([-1, 0, 0, 2, -1])
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 77], "uint32"), (6, 5, 4))
    return make_atlas(labels, terminology, SIZE)


def mm(values, power=3):
    """The magnitudes of quantities that must be in mm."""
    assert values.pint.units == pint.get_application_registry().Unit("mm") ** power
    return values.pint.magnitude


# -- numbers


@given(st.data())
@settings(max_examples=80)
def test_agrees_with_brute_force(data):
    example: Example = data.draw(examples())
    part = data.draw(parts(example.labels.shape))
    order = data.draw(st.permutations(["z", "y", "x"]))
    direct = data.draw(st.booleans())
    side = data.draw(st.sampled_from([None, "left", "right"]))
    atlas = example.atlas.isel(part).transpose(*order)
    size = np.prod(
        [s * abs(p.step) for s, p in zip(example.size, (part[d] for d in "zyx"), strict=True)]
    )
    if data.draw(st.booleans()):
        # only the index remembers the stride of a single plane
        assume(all(atlas.sizes[d] > 1 or abs(part[d].step) == 1 for d in "zyx"))
        atlas = xarray_atlas.encode(atlas)

    def truth(region, side):
        return int(example.mask(region, direct, side).isel(part).sum()) * size

    n = len(example.parents)
    every = atlas.atlas.volume(hemisphere=side, direct=direct)
    assert every.region.values.tolist() == [f"R{i}" for i in range(n)]
    np.testing.assert_allclose(mm(every), [truth(i, side) for i in range(n)], rtol=1e-9)
    region = data.draw(st.integers(0, n - 1))
    one = atlas.atlas.volume(100 + region, hemisphere=side, direct=direct)
    assert one.identical(every.isel(region=region))
    both = atlas.atlas.volume([f"R{region}"], hemisphere=["right", "left"], direct=direct)
    assert both.dims == ("region", "hemisphere")
    expected = [[truth(region, "right"), truth(region, "left")]]
    np.testing.assert_allclose(mm(both), expected, rtol=1e-9)
    if side is not None:
        assert both.sel(region=f"R{region}", hemisphere=side).identical(one)


def test_parent_counts_its_own_voxels_and_its_descendants(small):
    counts = dict(zip(*np.unique(small.annotation, return_counts=True), strict=True))
    total = mm(small.atlas.volume())
    expected = [
        sum(counts[i] for i in (1, 2, 3, 4)),
        counts[2],
        counts[3] + counts[4],
        counts[4],
        0,
    ]
    np.testing.assert_allclose(total, np.array(expected) * VOXEL)
    direct = mm(small.atlas.volume(direct=True))
    np.testing.assert_allclose(direct, np.array([*(counts[i] for i in (1, 2, 3, 4)), 0]) * VOXEL)


def test_shared_label_counts_once_in_the_parent():
    terminology = make_terminology([-1, 0, 0], [[1], [2], [2]])
    atlas = make_atlas(np.full((2, 2, 2), 2, "uint8"), terminology, (1.0, 1.0, 1.0))
    assert mm(atlas.atlas.volume()).tolist() == [8, 8, 8]


def test_volume_is_the_sum_of_the_mask(small):
    for region in ("R0", "R2"):
        voxels = int(small.atlas.mask(region).sum())
        assert mm(small.atlas.volume(region)) == pytest.approx(voxels * VOXEL)


def test_regions_in_the_order_and_number_given(small):
    volumes = small.atlas.volume(["R3", "R0", "R3"])
    assert volumes.region.values.tolist() == ["R3", "R0", "R3"]
    assert small.atlas.volume([]).sizes == {"region": 0}


# -- the size of a voxel


def changed(ds):
    """The same voxels, or the same size of each, in other guises."""
    yield "encoded", xarray_atlas.encode(ds)
    yield "dask", ds.chunk(z=4, y=2, x=3)
    yield "um", ds.pint.to(dict.fromkeys("zyx", um))
    yield "transposed", ds.transpose("x", "z", "y")
    yield "renamed", ds.rename(z="ap_axis", x="ml_axis")
    yield "flipped", ds.isel(z=slice(None, None, -1), x=slice(None, None, -1))
    yield "copied", ds.copy(deep=True)
    yield "computed", ds.chunk().compute()
    yield "annotation", ds.annotation
    yield "renamed annotation", ds.annotation.rename("labels")


def test_every_form_gives_the_same(small):
    expected = small.atlas.volume(hemisphere=["left", "right"])
    for name, other in changed(small):
        found = other.atlas.volume(hemisphere=["left", "right"])
        np.testing.assert_allclose(mm(found), mm(expected), rtol=1e-12, err_msg=name)


def test_stride_counts_larger_voxels(small):
    strided = small.isel(z=slice(None, None, 2), x=slice(1, None, 3))
    voxels = np.isin(small.annotation.values[::2, :, 1::3], [1, 2, 3, 4]).sum()
    assert mm(strided.atlas.volume("R0")) == pytest.approx(voxels * VOXEL * 6)
    assert strided.atlas.volume("R0").attrs["voxel_size"] == "0.2 x 0.2 x 1.2 mm (z, y, x)"


def test_one_plane_has_the_thickness_of_its_voxels(small):
    voxels = np.isin(small.annotation.values[4], [1, 2, 3, 4]).sum()
    for ds, planes in ((small, 1), (small.isel(z=slice(None, None, 2)), 2)):
        plane = ds.isel(z=[4 // planes])
        assert mm(plane.atlas.volume("R0")) == pytest.approx(voxels * VOXEL * planes)
        # written to a file and read again
        again = xarray_atlas.encode(plane)
        assert mm(again.atlas.volume("R0")) == pytest.approx(voxels * VOXEL * planes)
        in_um = plane.pint.to(z=um)
        assert mm(in_um.atlas.volume("R0")) == pytest.approx(voxels * VOXEL * planes)


def test_one_plane_of_an_encoded_atlas(small):
    plane = xarray_atlas.encode(small).isel(z=[4])
    assert mm(plane.atlas.volume("R0")) == pytest.approx(mm(small.isel(z=[4]).atlas.volume("R0")))


def test_coarsened(small):
    coarse = small.coarsen(z=2, y=5).max()
    voxels = np.isin(small.annotation.values.reshape(3, 2, 1, 5, 4).max((1, 3)), [1, 2, 3, 4]).sum()
    assert mm(coarse.atlas.volume("R0")) == pytest.approx(voxels * VOXEL * 10)


def test_nothing_selected_is_nothing(small):
    for ds in (small, small.chunk(2), xarray_atlas.encode(small)):
        nothing = ds.sel(z=slice(20, 30))
        assert mm(nothing.atlas.volume(["R0", "R1"], hemisphere="left")).tolist() == [0, 0]


def test_irregular_spacing_is_an_error(small):
    with pytest.raises(GridError, match="'z' is irregularly spaced"):
        small.isel(z=[0, 1, 3]).atlas.volume("R0")


def test_coordinate_without_a_unit_is_an_error(small):
    plain = xarray_atlas.encode(small)
    del plain.z.attrs["units"]
    with pytest.raises(ValueError, match=r"'z' has no unit.*'mm'.*'um'"):
        plain.atlas.volume("R0")


def test_section_has_an_area(small):
    section = small.isel(z=4)
    with pytest.raises(GridError, match=r"isel\(z=\[5\]\) instead of isel\(z=5\).* area\(\)"):
        section.atlas.volume("R0")
    voxels = np.isin(small.annotation.values[4], [1, 2, 3, 4]).sum()
    area = section.atlas.area("R0")
    assert mm(area, 2) == pytest.approx(voxels * 0.2 * 0.4)
    assert area.name == "area"
    assert area.z.item().to("mm").magnitude == pytest.approx(0.4)
    assert area.attrs == {"units": "mm ** 2", "voxel_size": "0.2 x 0.4 mm (y, x)"}
    assert mm(small.isel(z=4, drop=True).atlas.area("R0"), 2) == mm(area, 2)


def test_area_needs_a_section(small):
    with pytest.raises(GridError, match=r"3 spatial dimensions.*isel\(z=5\).*volume"):
        small.atlas.area("R0")
    with pytest.raises(GridError, match="an area needs 2"):
        small.isel(z=0, y=0).atlas.area("R0")
    with pytest.raises(GridError, match="'z'.*'y'"):
        small.isel(z=0, y=0).atlas.volume("R0")


def test_sagittal_section_is_on_one_side(small):
    for x, side in ((0, "right"), (3, "left")):
        section = small.isel(x=x)
        sides = section.atlas.area("R0", hemisphere=["left", "right"])
        assert mm(sides.sel(hemisphere=side), 2) == mm(section.atlas.area("R0"), 2) > 0
        assert mm(sides, 2).min() == 0


def test_extra_dimension_without_a_coordinate(small):
    found = small.expand_dims(time=3).atlas.volume("R0")
    assert found.dims == ("time",)
    assert (mm(found) == mm(small.atlas.volume("R0"))).all()


def test_dimension_without_a_coordinate_is_named(small):
    with pytest.raises(GridError, match="'y' has no coordinate"):
        small.drop_vars("y").atlas.volume("R0")


def test_floats_are_refused(small):
    with pytest.raises(GridError, match="'annotation' is float64"):
        small.where(small.annotation == 1).atlas.volume("R0")
    kept = small.where(small.annotation == 1, 0)
    voxels = (small.annotation.values == 1).sum()
    assert mm(kept.atlas.volume("R0")) == pytest.approx(voxels * VOXEL)


def test_other_volumes_are_no_labels(small):
    ds = small.assign(hemispheres=small.annotation * 0 + 1)
    with pytest.raises(GridError, match="'hemispheres' holds no region labels"):
        ds.hemispheres.atlas.volume("R0")


def test_unknown_region(small):
    with pytest.raises(RegionNotFoundError, match="R9"):
        small.atlas.volume("R9")


# -- the hemispheres


def test_variable_of_hemispheres_decides():
    labels = np.ones((2, 2, 5), "uint32")
    # oblique, and two voxels on no side
    given = np.array(
        [[[1, 1, 1, 2, 2], [1, 1, 2, 2, 0]], [[1, 2, 2, 2, 2], [0, 2, 2, 2, 2]]], "uint8"
    )
    terminology = make_terminology([-1])
    ds = make_atlas(labels, terminology, (1.0, 1.0, 1.0), midline=None, hemispheres=given)
    for atlas in (ds, ds.chunk(x=2), ds.chunk(z=1, y=1)):
        sides = mm(atlas.atlas.volume("R0", hemisphere=["left", "right"]))
        assert sides.tolist() == [6, 12]
        assert mm(atlas.atlas.volume("R0", hemisphere="left")) == 6
        assert atlas.atlas.mask("R0", hemisphere="right").sum() == 12
    mixed = ds.assign(hemispheres=ds.hemispheres.chunk(x=2), annotation=ds.annotation.chunk(z=1))
    assert mm(mixed.atlas.volume("R0", hemisphere=["left", "right"])).tolist() == [6, 12]
    assert mixed.atlas.mask("R0", hemisphere="right").sum() == 12
    part = ds.transpose("x", "y", "z").isel(z=0, x=slice(None, None, -1)).rename(x="ml")
    assert mm(part.atlas.area("R0", hemisphere=["left", "right"]), 2).tolist() == [5, 4]
    with pytest.raises(HemisphereError, match="no midline.*DataArray.*'hemispheres'"):
        ds.annotation.atlas.volume("R0", hemisphere="left")


def test_one_side_reads_that_side():
    source = Counted(np.ones((4, 4, 8), "uint32"))
    atlas = make_atlas(source.dask((4, 4, 2)), make_terminology([-1]), (1.0, 1.0, 1.0))
    assert mm(atlas.atlas.volume("R0", hemisphere="left")) == 64
    assert len(source.reads) == 2


def test_a_section_of_the_other_side_is_not_read():
    source = Counted(np.ones((4, 4, 8), "uint32"))
    atlas = make_atlas(source.dask((4, 4, 2)), make_terminology([-1]), (1.0, 1.0, 1.0))
    right = atlas.isel(x=slice(0, 2))
    assert mm(right.atlas.volume("R0", hemisphere="left")) == 0
    assert source.reads == []


# -- what it looks like


def test_single_region_is_a_scalar_quantity(small):
    volume = small.atlas.volume("R3")
    assert (volume.name, volume.dims) == ("volume", ())
    assert volume.attrs == {"units": "mm ** 3", "voxel_size": "0.1 x 0.2 x 0.4 mm (z, y, x)"}
    coords = {name: volume[name].item() for name in volume.coords if name.startswith("region")}
    assert coords == {
        "region": "R3",
        "region_name": "region 3",
        "region_id": 103,
        "region_parent": "R2",
        "region_depth": 2,
    }
    assert volume.item().to("uL").magnitude == pytest.approx(volume.pint.magnitude)
    assert float(volume) == pytest.approx(volume.pint.magnitude)


def test_units_of_what_is_made_of_volumes_are_never_stale(small):
    volumes = small.atlas.volume()
    for result, unit in [
        (volumes.pint.to("cm**3"), "cm ** 3"),
        (volumes / volumes, None),
        (volumes * 2, "mm ** 3"),
        (volumes.sum(), "mm ** 3"),
        (volumes**2, "mm ** 6"),
    ]:
        assert result.attrs.get("units") == unit
    assert volumes.pint.to("cm**3").pint.units == ureg.cm**3
    assert (volumes / volumes.sum()).pint.units == ureg.dimensionless
    assert volumes.sel(region="R3").attrs["units"] == "mm ** 3"
    assert volumes.to_series().iloc[0] == volumes.values[0]


def test_a_volume_names_what_was_asked_and_not_the_mask_that_was_applied(small):
    masked = small.annotation.where(small.atlas.mask("R3", hemisphere="left"), 0)
    assert masked.atlas.volume("R0").region.item() == "R0"
    assert "hemisphere" not in masked.atlas.volume("R0").coords
    assert masked.atlas.volume(["R0", "R3"]).region.values.tolist() == ["R0", "R3"]
    right = masked.atlas.volume("R0", hemisphere="right")
    assert right.hemisphere.item() == "right"
    assert float(right) == 0
    both = masked.atlas.volume("R0", hemisphere=["left", "right"])
    assert both.hemisphere.values.tolist() == ["left", "right"]


def test_volumes_behave_as_arrays_of_quantities_do(small):
    volume = small.atlas.volume()
    mm3 = ureg.mm**3
    for result in (10 * mm3 - volume, 10 - volume / mm3, sum([volume, volume], 0 * mm3) * -1):
        assert isinstance(result, xr.DataArray)
        repr(result)
    np.testing.assert_allclose((10 * mm3 - volume).pint.magnitude, 10 - volume.values)
    assert volume.chunk().attrs["units"] == "mm ** 3"
    assert small.assign(v=volume).chunk().v.pint.units == mm3
    np.testing.assert_array_equal(volume.to_dataframe()["volume"], volume.values)
    np.testing.assert_array_equal(volume.as_numpy().values, volume.values)
    assert volume.expand_dims("animal").pint.units == mm3
    assert volume.where(volume > 0 * mm3).pint.units == mm3
    with pytest.raises(ValueError, match="new array"):
        volume.values = [1.0]


def test_volumes_of_two_resolutions_compare():
    fine, coarse = (
        xarray_atlas.open_sample(r).atlas.volume(["RSP", "CA1"]) for r in ("50 um", "100 um")
    )
    np.testing.assert_allclose(
        (coarse / fine).pint.magnitude, [10174 * 8 / 83093, 1.052043], rtol=1e-4
    )


def test_single_region_is_what_sel_gives(small):
    assert small.atlas.volume(["R0", "R3"]).sel(region="R3").identical(small.atlas.volume("R3"))
    assert small.atlas.volume().sel(region="R3").identical(small.atlas.volume("R3"))


def test_ids_that_are_no_integers():
    import pandas as pd

    table = pd.DataFrame(
        {
            "identifier": ["MBA:997", "MBA:8"],
            "parent_identifier": ["", "MBA:997"],
            "annotation_value": ["997", "8"],
            "name": ["root", "grey matter"],
            "abbreviation": ["root", "grey"],
        }
    )
    terminology = xarray_atlas.Terminology.from_dataframe(table)
    atlas = make_atlas(np.full((2, 2, 2), 8, "uint32"), terminology, (1.0, 1.0, 1.0))
    volumes = atlas.atlas.volume()
    assert mm(volumes).tolist() == [8, 8]
    assert volumes.region_id.values.tolist() == ["MBA:997", "MBA:8"]


# -- how it is computed


def test_reads_each_block_once():
    labels = np.arange(4 * 6 * 8, dtype="uint32").reshape(4, 6, 8) % 5
    source = Counted(labels)
    atlas = make_atlas(source.dask((2, 3, 3)), make_terminology([-1, 0, 0, 2]))
    atlas.atlas.volume()
    assert sorted(Counter(map(str, source.reads)).values()) == [1] * 12
    source.reads.clear()
    atlas.atlas.volume(hemisphere=["left", "right"])
    assert sorted(Counter(map(str, source.reads)).values()) == [1] * 12


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_on_the_active_scheduler(small, scheduler):
    with dask.config.set(scheduler=scheduler):
        found = small.chunk(2).atlas.volume()
    assert found.identical(small.atlas.volume())


def test_many_blocks(small):
    # more than a reduction merges at once, in every dimension
    blocks = small.chunk(1)
    assert blocks.annotation.data.npartitions == 120
    assert blocks.atlas.volume().identical(small.atlas.volume())


# -- writing


@pytest.mark.parametrize("regions", ["RSP", ["RSP", "VISp"]], ids=["one", "many"])
@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "h5netcdf", "netcdf4", "scipy"])
def test_volumes_are_written_without_a_warning(sample, tmp_path: Path, regions, kind):
    volume = sample.atlas.volume(regions)
    again = through_file(volume, str(tmp_path / "volume"), kind).pint.quantify()
    assert again.pint.units == ureg.mm**3
    np.testing.assert_array_equal(mm(again), mm(volume))
    assert again.region_name.values.tolist() == volume.region_name.values.tolist()
    assert again.attrs["voxel_size"] == volume.attrs["voxel_size"]


def test_an_axis_that_only_another_variable_has(small):
    """Sides are of no use to an annotation that is a section; no side was asked for."""
    ds = small.assign(annotation=small.annotation.isel(x=1, drop=True), other=small.annotation)
    assert mm(ds.annotation.atlas.area("R0"), 2) > 0
    assert mm(xarray_atlas.area(ds.drop_vars("other").drop_vars("x"), "R0"), 2) > 0
    with pytest.raises(HemisphereError, match="'x' has the dimensions"):
        xarray_atlas.mask(ds, "R0", hemisphere="left")
    assert int(xarray_atlas.mask(ds, "R0").sum()) > 0


# -- several atlases in one object


def test_volumes_of_several_ages():
    """Each entry of a further dimension is a volume of its own; what counts labels elsewhere asks for one."""
    ds = xarray_atlas.create_atlas(labels(), table(), midline="0.1 mm", **ARRAY)
    grown = labels()
    grown[0, 2:6, 1:5] = 1
    older = ds.annotation.copy(data=grown)
    age = xr.DataArray([4, 56], dims="age", attrs={"units": "d"})
    ages = xr.concat([ds.annotation, older], age.rename("age"))
    ages = ages.assign_coords(stage=("age", ["P4", "P56"]))
    for form in (
        ages,
        ages.to_dataset(name="annotation"),
        xarray_atlas.encode(ages),
        ages.chunk(z=5),
        ages.transpose("z", "age", "x", "y"),
    ):
        found = form.atlas.volume("A")
        assert found.dims == ("age",)
        assert found.stage.values.tolist() == ["P4", "P56"]
        assert (found.pint.to("mm**3").pint.magnitude / MM3) == pytest.approx([48, 64])
        assert found.attrs["units"] == "mm ** 3"
        both = form.atlas.volume(["A", "B"], hemisphere=["left", "right"])
        assert both.dims == ("age", "region", "hemisphere")
        for i, one in enumerate((ds.annotation, older)):
            wanted = one.atlas.volume(["A", "B"], hemisphere=["left", "right"])
            np.testing.assert_array_equal(both.isel(age=i).values, wanted.values)
    area = ages.isel(z=0).atlas.area("A")
    assert (area.values / 0.025**2) == pytest.approx([0, 16])
    twice = xr.concat([ages, ages[[1, 0]].assign_coords(age=ages.age)], "litter").atlas.volume("A")
    assert (twice.transpose("litter", "age").values / MM3) == pytest.approx(
        np.array([[48, 64], [64, 48]])
    )
    assert ages.atlas.mask("A").sum(["z", "y", "x"]).values.tolist() == [48, 64]
    with pytest.raises(GridError, match="'age' has no entry"):
        ages.isel(age=slice(0)).atlas.volume("A")
    with pytest.raises(GridError, match="3 spatial dimensions"):
        ages.isel(z=0).atlas.volume("A")
    whole = ages.to_dataset(name="annotation")
    image = ds.annotation * 1.0
    for call in (
        lambda o: o.atlas.aggregate(image, "A"),
        lambda o: o.atlas.region_properties("A"),
        lambda o: o.atlas.crop("A"),
        lambda o: o.atlas.adjacency(),
        lambda o: o.atlas.mesh("A"),
        lambda o: o.atlas.region_at(
            [[0.05, 0.1, 0.05]], unit="mm", frame="dataset", axes=("ap", "dv", "ml")
        ),
        lambda o: xarray_atlas.compare(o, ds),
        lambda o: o.atlas.plot.section(ap="0.1 mm"),
        lambda o: o.atlas.explore(),
    ):
        with pytest.raises(GridError, match=r"'age'.*isel\(age=0\)"):
            call(whole)
        call(whole.isel(age=0))

"""Return whether an atlas agrees with itself: each check on an atlas that was broken for it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import LocalStore

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from support.stores import (
    REGIONS,
    CountingStore,
    chunk_files,
    labels,
    scaling,
    serve,
    write_atlas,
)
from xarray_atlas import Report, Terminology, check, errors
from xarray_atlas.checks.masks import check_masks
from xarray_atlas.checks.metadata import check_levels, check_versions
from xarray_atlas.checks.report import Finding, done, skipped
from xarray_atlas.checks.symmetry import best_plane, best_plane_of_profile, measure_mirror

pytestmark = pytest.mark.version_independent

SIZE = (0.1, 0.1, 0.1)


def brain(shape: tuple[int, int, int] = (24, 18, 20)) -> np.ndarray[Any, Any]:
    """Labels 1 to 3 of a body that is mirror-symmetric along the last axis alone.

    A wedge: wide at one end, and lower at one side.
    """
    z, y, x = np.indices(shape)
    half = (shape[2] - 1) / 2
    wide = np.abs(x - half) < half * (0.2 + 0.7 * z / shape[0]) * (1 - 0.7 * y / shape[1])
    inside = wide & (y > 1) & (z > 1)
    body = np.where(inside, 2, 0)
    body[inside & (z > shape[0] // 2)] = 3
    body[inside & (y == 2)] = 1
    return body.astype(np.uint32)


def atlas(values: Any = None, terminology: Terminology | None = None, **kw: Any) -> xr.Dataset:
    """The brain with its three regions, with nothing wrong."""
    values = brain() if values is None else values
    regions = make_terminology([-1, 0, 0]) if terminology is None else terminology
    return make_atlas(values, regions, **{"size": SIZE, **kw})


def found(report: Report) -> dict[str, str]:
    """The severity of each finding by its check; each check has found one thing at most."""
    assert report.table.check.is_unique
    return dict(zip(report.table.check, report.table.severity, strict=True))


def subjects(report: Report, name: str) -> tuple[str, ...]:
    (row,) = report.table[report.table.check == name].subjects
    return row


def detail(report: Report, name: str) -> str:
    return report.checks.set_index("check").detail[name]


def made(report: Report) -> set[str]:
    return set(report.checks.check[report.checks.made])


def table(**changes: Any) -> Terminology:
    """The table of four regions, with some of its columns replaced."""
    return Terminology.from_dataframe(REGIONS.assign(**changes).astype(str), name="tiny")


def of_table(regions: Terminology) -> dict[str, str]:
    """What the quick check finds of a table of regions alone."""
    return found(check(atlas(terminology=regions)))


def test_nothing_is_found_where_nothing_is_wrong():
    for ds in (atlas(), atlas().chunk(z=7, y=5, x=6)):
        report = check(ds, full=True)
        assert report.table.empty
        assert list(report.table.columns) == ["check", "severity", "subjects", "message", "mend"]
        assert report.ok
        assert "0 errors, 0 warnings, 0 notes" in str(report)
        assert set(report.checks.check[~report.checks.made]) == {
            "versions", "levels", "copy", "missing chunks", "lost regions", "hemispheres", "masks",
        }  # fmt: skip


def test_the_accessor_does_the_same():
    ds = atlas(assumed=True)
    assert ds.atlas.check() == check(ds)
    assert ds.atlas.check(full=True) == check(ds, full=True)
    assert found(ds.annotation.atlas.check()) == {"midline": "note"}


# -- the quick part reads nothing


def test_the_quick_part_computes_nothing():
    ds = atlas().chunk(z=5)
    ds["hemispheres"] = xr.ones_like(ds.annotation, dtype="uint8")
    with dask.config.set(scheduler=no_compute):
        report = check(ds)
        assert report.ok
        with pytest.raises(AssertionError, match="asked to compute"):
            check(ds, full=True)
    why = report.checks.set_index("check").detail
    assert (why[[n for n in why.index if n not in made(report) - {"versions"}]] != "").all()
    assert why["masks"] == why["symmetry"] == "needs full=True"


def test_the_quick_part_reads_no_chunk_of_a_store(tmp_path):
    path = write_atlas(tmp_path)
    store = CountingStore(LocalStore(path, read_only=True))
    regions = tmp_path / "terminologies/tiny-terminology/1_0/terminology.csv"
    ds = xarray_atlas.open_atlas(store, terminology=regions)
    check(ds)
    assert store.chunks == []
    check(ds, full=True)
    assert len(store.chunks) > 0


# -- the table of regions


def test_paths_that_contradict_parents():
    paths = ["[997]", "[997, 8]", "[997, 8, 312782574]", "[997, 614454277]"]
    report = check(atlas(terminology=table(root_identifier_path=paths)))
    assert found(report) == {"paths": "error"}
    assert not report.ok
    (told,) = subjects(report, "paths")
    assert "'two' (id 614454277)" in told
    assert "[997, 8, 614454277]" in told


def test_unknown_parents_make_roots():
    regions = table(parent_identifier=["", "997", "77", "8"], root_identifier_path="")
    assert of_table(regions) == {"parents": "error", "roots": "warning"}
    (told,) = subjects(check(atlas(terminology=regions)), "parents")
    assert "'one' (id 312782574)" in told
    assert subjects(check(atlas(terminology=regions)), "roots") == ("root", "one")


def test_cycles():
    regions = table(
        parent_identifier=["", "997", "614454277", "312782574"], root_identifier_path=""
    )
    assert of_table(regions) == {"cycles": "error", "roots": "warning"}


def test_several_roots():
    regions = table(parent_identifier=["", "", "8", "8"], root_identifier_path="")
    assert of_table(regions) == {"roots": "warning"}


def test_shared_and_empty_acronyms():
    assert of_table(table(abbreviation=["root", "a", "a", "two"])) == {"acronyms": "warning"}
    report = check(atlas(terminology=table(abbreviation=["root", "a", "a", "two"])))
    assert subjects(report, "acronyms") == ("a #8", "a #312782574")
    assert of_table(table(abbreviation=["root", "", "", "two"])) == {"empty acronyms": "warning"}


def test_colors_and_rows():
    assert of_table(table(color_hex_triplet=["red", "", "#FFFFFF", ""])) == {"colors": "note"}
    twice = pd.concat([REGIONS, REGIONS[2:3]]).astype(str)
    assert of_table(Terminology.from_dataframe(twice)) == {"rows": "note"}


def test_shared_labels():
    regions = table(annotation_value=[997, 8, 8, 614454277])
    report = check(atlas(terminology=regions))
    assert found(report) == {"shared labels": "warning"}
    assert subjects(report, "shared labels") == ("8 (grey and one)",)


def test_label_0_of_a_region():
    report = check(atlas(terminology=table(annotation_value=[997, 0, 3, 4])))
    assert found(report) == {"label 0": "error"}
    assert subjects(report, "label 0") == ("grey",)


def test_regions_without_a_label():
    regions = make_terminology([-1, 0, 0], [[], [2, 1, 3], []])
    report = check(atlas(terminology=regions), full=True)
    # R0 has those below it; what has no label is not told again for having no voxel
    assert found(report) == {"regions without a label": "note"}
    assert subjects(report, "regions without a label") == ("R2",)


def test_labels_that_the_type_does_not_hold():
    report = check(atlas(brain().astype(np.uint16), table()))
    assert found(report) == {"label type": "error"}
    assert subjects(report, "label type") == ("one", "two")
    assert found(check(atlas(terminology=make_terminology([-1], [[-7, 1, 2, 3]])))) == {
        "label type": "error"
    }
    huge = make_terminology([-1], [[2**62, 1, 2, 3]])
    assert check(atlas(brain().astype(np.uint64), huge)).ok


def test_an_annotation_that_holds_no_integers():
    ds = atlas()
    ds["annotation"] = ds.annotation.astype("float32")
    report = check(ds, full=True)
    assert found(report) == {"label type": "error"}
    assert "integers" in detail(report, "unknown labels")
    assert "no variable 'annotation'" in detail(check(ds.drop_vars("annotation")), "label type")
    template = atlas(brain().astype(np.uint16), table()).annotation.rename("template")
    assert check(template, full=True).table.empty
    mask = atlas().atlas.mask("R1")
    assert check(mask, full=True).table.empty
    assert "unknown labels" not in made(check(mask, full=True))


def test_problems_keep_their_kind_in_a_file(tmp_path):
    regions = table(parent_identifier=["", "997", "77", "8"], root_identifier_path="")
    ds = atlas(terminology=regions)
    ds.to_netcdf(tmp_path / "a.nc")
    assert found(check(xarray_atlas.open_atlas(tmp_path / "a.nc"))) == {
        "parents": "error",
        "roots": "warning",
    }
    old = regions.to_columns()
    old["meta"] = old["meta"].replace("problem_kinds", "unknown")
    assert of_table(Terminology.from_columns(old)) == {"table": "warning", "roots": "warning"}


def test_more_subjects_than_are_shown():
    many = make_terminology([-1] * 50)
    report = check(atlas(terminology=many))
    assert len(subjects(report, "roots")) == 50
    assert "R19 and 30 more" in " ".join(str(report).split())
    assert "R20" not in str(report)
    assert "R19 and 30 more" in report._repr_html_()


def test_more_problems_than_a_table_keeps():
    rows = [{"identifier": str(i), "parent_identifier": "99" if i else ""} for i in range(40)]
    frame = pd.DataFrame(rows)
    for column in ("annotation_value", "name", "abbreviation"):
        frame[column] = frame.identifier
    frame.loc[0, "annotation_value"] = "50"
    report = check(atlas(terminology=Terminology.from_dataframe(frame)))
    assert len(subjects(report, "parents")) == 21
    text = " ".join(str(report).split())
    assert ", ... and 19 more such problems. To do: add" in text


# -- the space and the metadata


def test_orientation():
    ds = atlas().assign_attrs(orientation="asl")
    assert found(check(ds)) == {"orientation": "error"}
    ds = atlas()
    ds.x.attrs["direction"] = "left-to-right"
    report = check(ds)
    assert found(report) == {"orientation": "error"}
    assert subjects(report, "orientation") == ("ml",)
    assert "runs left-to-right" in report.table.message[0]
    report = check(ds, full=True)
    assert "left-to-right" in detail(report, "mirror axis")


def with_shape(ds: xr.Dataset, **changes: Any) -> xr.Dataset:
    """The same atlas, whose space knows its shape as that of an opened one does."""
    import dataclasses

    space = dataclasses.replace(ds.atlas.space, shape=ds.annotation.shape, **changes)
    centres = [ds[dim].pint.magnitude for dim in space.dims]
    coords = xarray_atlas.coords.build.atlas_coordinates(ds.atlas.terminology, space, centres)
    data = {name: (v.dims, v.data) for name, v in ds.data_vars.items()}
    return xr.Dataset(data, coords=coords, attrs=ds.attrs)


def test_midline():
    assert found(check(atlas(midline=None))) == {"midline": "note"}
    assert found(check(atlas(assumed=True))) == {"midline": "note"}
    ds = with_shape(atlas())
    assert check(ds).table.empty
    assert found(check(with_shape(ds, midline=5.0))) == {"midline": "error"}
    off = with_shape(ds, midline=1.0).assign_attrs(symmetric=1)
    assert found(check(off)) == {"midline": "error"}
    assert "0.95 mm" in check(off).table.message[0]
    assert found(check(ds.assign_attrs(symmetric=1))) == {}
    assert found(check(ds.assign_attrs(symmetric=0))) == {"midline": "warning"}
    ds["hemispheres"] = xr.ones_like(ds.annotation, dtype="uint8")
    assert found(check(ds.assign_attrs(symmetric=0))) == {}
    assert found(check(with_shape(ds, midline=None))) == {}


LEVELS = {"0": 0.025, "1": 0.05, "2": 0.1}


def pyramid(tmp_path: Path, translations: dict[str, Any]) -> Path:
    sizes = {path: tuple(int(n * 0.1 / s) for n in (6, 4, 5)) for path, s in LEVELS.items()}
    return write_atlas(
        tmp_path,
        levels={
            path: (labels(sizes[path], seed=1), scaling(s, translations.get(path)))
            for path, s in LEVELS.items()
        },
    )


def test_levels_without_translations(tmp_path):
    path = pyramid(tmp_path, {})
    report = check(xarray_atlas.open_atlas(path))
    assert found(report) == {"midline": "note", "levels": "warning"}
    assert subjects(report, "levels") == (
        "1 (50 um) by -0.0125, -0.0125, -0.0125 mm",
        "2 (100 um) by -0.0375, -0.0375, -0.0375 mm",
    )
    report = check(xarray_atlas.open_atlas(path, resolution="2", align_levels=True))
    assert found(report)["levels"] == "note"
    assert found(check(xarray_atlas.open_atlas(path, resolution="2")))["levels"] == "warning"


def test_levels_with_translations(tmp_path):
    right = {path: (size - 0.025) / 2 for path, size in LEVELS.items()}
    report = check(xarray_atlas.open_atlas(pyramid(tmp_path / "a", right)))
    assert found(report) == {"midline": "note"}
    assert "levels" in made(report)
    report = check(xarray_atlas.open_atlas(pyramid(tmp_path / "b", {**right, "1": 0.05})))
    assert found(report) == {"midline": "note", "levels": "error"}
    (told,) = subjects(report, "levels")
    assert told == "1 (50 um) by 0.0375, 0.0375, 0.0375 mm"


def test_anisotropic_levels_are_compared_by_their_corners():
    space = atlas().atlas.space
    level = {
        "0": ((0.02, 0.01, 0.01), (0.0, 0.0, 0.0)),
        "1": ((0.02, 0.02, 0.02), (0.0, 0.005, 0.005)),
    }
    levels = [
        SimpleNamespace(path=path, resolution=path, scale=scale, translation=translation)
        for path, (scale, translation) in level.items()
    ]
    assert check_levels(levels, space).findings == ()
    levels[1].translation = (0.0, 0.005, 0.0)
    (finding,) = check_levels(levels, space).findings
    assert finding.subjects == ("1 (1) by 0, 0, -0.005 mm",)


def test_a_source_that_is_gone_is_told_and_no_error(tmp_path):
    ds = atlas().assign_attrs(source=str(tmp_path / "gone.ome.zarr"), level="0")
    report = check(ds, full=True)
    assert report.table.empty
    for name in ("levels", "lost regions", "masks"):
        assert "nothing at" in detail(report, name) or "there is no annot" in detail(report, name)
        assert name not in made(report)


VERSIONS = {
    "annotation_name": "x-annotation",
    "annotation_version": "2017.0",
    "terminology_name": "x-terminology",
    "terminology_version": "2017_0",
}


def test_versions():
    assert check_versions(VERSIONS) == done("versions", [], "annotation 2017.0, terminology 2017_0")
    assert check_versions({**VERSIONS, "terminology_version": "2017"}).findings == ()
    assert found(check(atlas().assign_attrs(VERSIONS, terminology_version="2015.0"))) == {
        "versions": "warning"
    }
    assert found(check(atlas().assign_attrs(VERSIONS, terminology_version="2017.10"))) == {
        "versions": "warning"
    }
    assert found(check(atlas().assign_attrs(VERSIONS, terminology_name="y-terminology"))) == {
        "versions": "note"
    }
    del (partly := dict(VERSIONS))["terminology_version"]
    assert not check_versions(partly).made


# -- labels and regions


def test_unknown_labels():
    values = brain()
    values[:3, 2:4] = np.where(values[:3, 2:4] > 0, 77, 0)
    report = check(atlas(values), full=True)
    assert found(report) == {"unknown labels": "error"}
    count = int((values == 77).sum())
    assert subjects(report, "unknown labels") == (f"77 ({count} voxels)",)
    share = 100 * count / (values > 0).sum()
    assert f"{count} voxels, {share:.2g} %" in report.table.message[0]
    assert detail(report, "unknown labels") == f"{(values > 0).sum()} labelled voxels"


@pytest.mark.parametrize(
    ("label", "spoilt", "how"),
    [
        (614454277, 614454272, "614454277 of 'R1' in float32"),
        (312782546, 44754, "312782546 of 'R1' in 16 bits"),
        (2**32 + 5, 5, "4294967301 of 'R1' in 32 bits"),
    ],
)
def test_unknown_labels_that_a_type_has_made(label, spoilt, how):
    values = brain()
    values[values == 2] = spoilt
    regions = make_terminology([-1, 0, 0], [[1], [label], [3]])
    report = check(atlas(values.astype(np.int64), regions), full=True)
    (told,) = subjects(report, "unknown labels")
    assert told.endswith(f": {how})")


def test_regions_without_a_voxel():
    regions = make_terminology([-1, 0, 0, 0, 3])
    report = check(atlas(terminology=regions), full=True)
    assert found(report) == {"regions without a voxel": "note"}
    assert subjects(report, "regions without a voxel") == ("R3", "R4")
    assert detail(report, "regions without a voxel") == "3 of 5 regions have a voxel"
    assert "lost regions" not in made(report)
    assert "a finer level may have them" in report.table.message[0]


def test_lost_regions(tmp_path):
    values = np.full((8, 8, 8), 997, np.uint32)
    values[0, 0, 1] = 614454277
    values[4:] = 8
    levels = {
        "0": (values, scaling(0.025)),
        "1": (values[::2, ::2, ::2], scaling(0.05, 0.0125)),
    }
    path = write_atlas(tmp_path, levels=levels)
    report = check(xarray_atlas.open_atlas(path, resolution="50 um", midline="0.0875 mm"), True)
    assert found(report) == {"lost regions": "warning", "regions without a voxel": "note"}
    assert subjects(report, "lost regions") == ("two",)
    assert subjects(report, "regions without a voxel") == ("one",)
    assert "nor at the finest level" in report.table.message[1]
    report = check(xarray_atlas.open_atlas(path, midline="0.0875 mm"), full=True)
    assert found(report) == {"regions without a voxel": "note"}
    assert detail(report, "lost regions") == "this is the finest level"


def test_a_part_of_an_atlas_is_not_taken_for_the_whole():
    ds = with_shape(atlas(terminology=make_terminology([-1, 0, 0, 0])))
    report = check(ds.isel(z=slice(4)), full=True)
    assert report.table.empty
    assert "unknown labels" in made(report)
    assert detail(report, "lost regions") == "this is a part of the atlas, or a coarser grid"
    assert "three axes" in detail(check(ds.isel(z=4), full=True), "symmetry")
    assert found(check(ds.transpose("x", "y", "z"), full=True)) == {
        "regions without a voxel": "note"
    }


def test_a_chunk_that_cannot_be_read_is_an_error(tmp_path):
    path = write_atlas(tmp_path)
    ds = xarray_atlas.open_atlas(path, resolution="25 um")
    chunk_files(path / "0")[0].write_bytes(b"broken")
    check(ds)
    with pytest.raises(errors.StoreError, match="cannot read the labels"):
        check(ds, full=True)


# -- left and right


def test_the_mirror_lies_along_another_axis():
    values = brain()
    turned = np.moveaxis(values, 2, 0)  # right to left lies along z
    report = check(atlas(turned), full=True)
    assert found(report)["mirror axis"] == "error"
    assert subjects(report, "mirror axis") == ("z",)
    for orientation, dim in (("rsa", "z"), ("sra", "y")):
        axis = "zyx".index(dim)
        right = atlas(np.moveaxis(values, 2, axis), orientation=orientation)
        assert "mirror axis" not in found(check(right, full=True))


def test_a_midline_in_the_wrong_place():
    # 20 planes of 0.1 mm: the middle is at 0.95 mm
    report = check(atlas(midline=0.7), full=True)
    assert found(report) == {"mirror plane": "error"}
    message, mend = report.table.loc[0, ["message", "mend"]]
    assert "0.95 mm along x" in message
    assert "0.25 mm apart" in message
    assert "midline='0.95 mm'" in mend
    for close in (0.85, 0.9, 0.95, 1.05):  # a voxel or less
        assert check(atlas(midline=close), full=True).table.empty


@pytest.mark.parametrize("shape", [(24, 18, 20), (24, 18, 21)])
@pytest.mark.parametrize("orientation", ["asr", "asl"])
def test_the_share_that_differs_from_its_mirror_image(shape, orientation):
    values = brain(shape)
    values[15:20, 5:8, :3] = 1
    values[10, 5, shape[2] // 2] = 1
    ds = atlas(values, orientation=orientation)
    differ = ((values != values[..., ::-1]) & (values != 0)).sum() / (values != 0).sum()
    for part in (ds, ds.isel(x=slice(None, None, -1)), ds.chunk(z=5, y=4, x=7)):
        report = check(part, full=True)
        assert f"{differ:.2%} of" in detail(report, "symmetry")
        assert "symmetry" not in found(report)
        assert found(check(part.assign_attrs(symmetric=1), full=True))["symmetry"] == "note"
    split = values.copy()
    split[..., : shape[2] // 2] = np.where(split[..., : shape[2] // 2] > 0, 1, 0)
    report = check(atlas(split).assign_attrs(symmetric=1), full=True)
    assert found(report)["symmetry"] == "warning"


def test_half_a_brain_has_no_mirror_plane():
    values = brain((24, 18, 40))
    values[..., 20:] = 0
    report = check(atlas(values), full=True)
    assert "mirror plane" not in found(report)
    assert "no clear one along x" in detail(report, "mirror plane")
    report = check(atlas(values).assign_attrs(symmetric=1), full=True)
    assert found(report)["mirror plane"] == "warning"


@pytest.mark.parametrize("width", [8, 20])
@pytest.mark.parametrize("backwards", [False, True])
def test_one_hemisphere_may_be_its_own_mirror_image_elsewhere(width: int, backwards: bool):
    z, y, _ = np.indices((24, 18, 40))
    inside = ((z - 11.5) / 11) ** 2 + ((y - 8.5) / 8) ** 2 < 1
    values = np.where(inside, 2, 0).astype(np.uint32)
    values[..., :20] = values[..., 20 + width :] = 0
    ds = atlas(values[..., ::-1] if backwards else values)
    report = check(ds, full=True)
    assert report.ok
    assert "mirror axis" not in made(report)
    assert found(report)["mirror plane"] == "warning"
    # a midline that divides what is labelled is wrong all the same
    whole = np.where(inside, 2, 0).astype(np.uint32)
    whole[..., 30:] = 0
    assert found(check(atlas(whole), full=True))["mirror plane"] == "error"


def test_where_left_and_right_cannot_be_measured():
    for ds in (atlas(np.zeros_like(brain())), atlas(brain()[..., :1])):
        assert {"mirror axis", "mirror plane", "symmetry"}.isdisjoint(made(check(ds, full=True)))
    report = check(atlas(midline=None), full=True)
    assert "mirror axis" in made(report)
    assert (
        detail(report, "symmetry") == detail(report, "mirror plane") == "the atlas has no midline"
    )
    bare = atlas()
    bare = bare.drop_indexes("x").assign_coords(x=("x", np.arange(20.0)))
    assert "no unit" in detail(check(bare, full=True), "symmetry")


def brute_alike(values: Any, axis: int, twice: int) -> int:
    n, count = values.shape[axis], 0
    for i in range(n):
        if 0 <= twice - i < n:
            one, other = values.take(i, axis), values.take(twice - i, axis)
            count += int(((one == other) & (one != 0)).sum())
    return count


@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    axis=st.integers(0, 2),
    shift=st.integers(-12, 24),
    chunked=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_measure_mirror_against_brute_force(shape, axis, shift, chunked, seed):
    values = np.random.default_rng(seed).choice(np.array([0, 1, 2], np.uint16), size=shape)
    data = dask.array.from_array(values, chunks=2) if chunked else values
    got = measure_mirror(data, axis, shift)
    assert got.alike == brute_alike(values, axis, shift)
    assert got.labelled == (values != 0).sum()
    others = tuple(i for i in range(3) if i != axis)
    assert got.profile.tolist() == (values != 0).sum(axis=others).tolist()
    assert got.sample.tolist() == (values != 0).tolist()
    share, place = best_plane_of_profile(got.profile, 0)
    assert 0 <= share <= 1
    assert 0 <= place <= shape[axis] - 1
    assert 0 <= best_plane(got.sample, axis) <= 1


@pytest.mark.parametrize("n", [1, 64, 65, 128, 456, 457, 1140])
def test_the_sample_is_as_far_from_both_ends(n):
    place = np.zeros((n, 2, 2), np.uint8)
    place[: n // 3] = 1
    sample = measure_mirror(place, 0, None).sample
    assert sample.shape[1:] == (2, 2)
    assert min(n, 32) <= sample.shape[0] <= 64
    both = [measure_mirror(part, 0, None).sample.sum() for part in (place, place[::-1])]
    assert abs(int(both[0]) - int(both[1])) <= 4  # a plane, where they cannot be as far


def test_best_planes():
    assert best_plane_of_profile(np.array([0, 0, 1, 3, 1, 0]), 0) == (1.0, 3.0)
    assert best_plane_of_profile(np.array([0, 2, 2, 0, 0]), 0) == (1.0, 1.5)
    assert best_plane_of_profile(np.array([0, 0]), 0.5) == (0.0, 0.5)
    mask = np.zeros((9, 2, 2), bool)
    mask[3:7, 0] = True
    assert best_plane(mask, 0) == 1.0
    assert best_plane(mask, 1) == 0.0  # planes at the edge are left out
    assert best_plane(~mask | mask, 2) == 1.0
    assert best_plane(np.zeros((3, 3, 3), bool), 0) == 0.0


def sides(ds: xr.Dataset) -> np.ndarray[Any, Any]:
    """BrainGlobe's hemispheres of an "asr" volume of even width: the first half is right."""
    values = np.full(ds.annotation.shape, 2, np.uint8)
    values[..., ds.sizes["x"] // 2 :] = 1
    return values


def hemispheres(values: Any, **attrs: str) -> Report:
    ds = atlas(brain((24, 18, values.shape[2])))
    ds["hemispheres"] = ds.annotation.dims, values
    return check(ds.assign_attrs(attrs), full=True)


def test_hemispheres_against_the_midline():
    ds = atlas()
    right = sides(ds)
    report = hemispheres(right)
    assert found(report) == {}
    whole = int((brain() > 0).sum())
    assert detail(report, "hemispheres") == f"0 of {whole} labelled voxels contradict the midline"
    assert detail(report, "mirror plane") == "left and right are in 'hemispheres'"
    assert found(hemispheres(3 - right)) == {"hemispheres": "error"}
    part = right.copy()
    part[15:, 4:6, 8:10] = 1
    wrong = int(((part != right) & (brain() > 0)).sum())
    report = hemispheres(part)
    assert found(report) == {"hemispheres": "note"}
    assert f"{wrong} of {whole}" in detail(report, "hemispheres")
    assert found(hemispheres(part, symmetric=1)) == {"hemispheres": "warning"}
    neither = right.copy()
    neither[20, 5, 10] = 0
    report = hemispheres(neither)
    assert found(report) == {"hemispheres": "warning"}
    assert report.table.message[0].startswith(f"1 labelled voxel of {whole}")
    outside = right.copy()
    outside[brain() == 0] = 0
    assert found(hemispheres(outside)) == {}


def test_the_middle_plane_of_an_odd_axis_may_be_on_either_side():
    values = np.full((24, 18, 21), 2, np.uint8)
    values[..., 11:] = 1
    report = hemispheres(values, symmetric=1)  # here the middle plane, 10, is left
    assert found(report) == {"hemispheres": "note"}
    values[..., 10] = 1
    assert found(hemispheres(values, symmetric=1)) == {}


# -- masks


def masks_of(ds: xr.Dataset, regions: Terminology) -> np.ndarray[Any, Any]:
    values = ds.annotation.values
    return np.stack([np.isin(values, regions.labels_of(i)) for i in range(len(regions))]).astype(
        np.uint8
    )


def test_masks():
    regions = make_terminology([-1, 0, 1])
    ds = atlas(terminology=regions)
    masks, own = masks_of(ds, regions), np.array([1, 2, 3], np.uint32)
    for annotation in (ds.annotation, ds.annotation.chunk(z=5, x=9)):
        for stored in (masks, dask.array.from_array(masks, chunks=(2, 7, 6, 5))):
            assert check_masks(annotation, stored, own, regions) == done(
                "masks", [], "3 masks compared"
            )
    wrong = masks.copy()
    wrong[1, 20, 10, 10] ^= 1
    wrong[1, 0, 0, 0] = 1
    (finding,) = check_masks(ds.annotation, wrong, own, regions).findings
    assert (finding.severity, finding.subjects) == ("error", ("R1 (2 voxels)",))
    (finding,) = check_masks(ds.annotation, masks, np.array([1, 2, 77]), regions).findings
    assert (finding.severity, finding.subjects) == ("warning", ("77",))
    # a root without a label of its own: its mask has its id
    above = make_terminology([-1, 0, 1], [[], [2], [3]])
    masks[0] = np.isin(ds.annotation.values, [2, 3])
    assert not check_masks(ds.annotation, masks, np.array([100, 2, 3]), above).findings
    masks[0, 0, 0, 0] ^= 1
    (finding,) = check_masks(ds.annotation, masks, np.array([100, 2, 3]), above).findings
    assert finding.subjects == ("R0 (1 voxel)",)
    (finding,) = check_masks(ds.annotation, masks[:, 1:], own, regions).findings
    assert finding.severity == "error"
    assert "another volume" in finding.mend
    assert check_masks(ds.annotation, masks[:0], own[:0], regions).findings == ()


def test_masks_beside_the_annotation(tmp_path):
    path = write_atlas(tmp_path)
    ds = xarray_atlas.open_atlas(path, midline="0.1 mm")
    masks = masks_of(ds, ds.atlas.terminology)

    def write(values: Any) -> None:
        group = zarr.create_group(path.parent / "annotations.ome.zarr", overwrite=True)
        array = group.create_array("0", shape=values.shape, chunks=(1, 4, 5, 6), dtype="uint8")
        array[...] = values
        group.create_array("annotation_values", data=REGIONS.annotation_value.to_numpy("uint32"))

    write(masks)
    report = check(ds, full=True)
    assert "masks" not in found(report)
    assert detail(report, "masks") == "4 masks compared"
    masks[3, :2, 0, 0] ^= 1
    write(masks)
    report = check(ds, full=True)
    assert subjects(report, "masks") == ("two (2 voxels)",)
    assert "masks" not in made(check(ds.isel(x=slice(None, None, -1)), full=True))
    for orientation in ("asl", "psr", "lpi"):
        report = check(ds.atlas.reorient(orientation), full=True)
        assert "turned round" in detail(report, "masks")
    assert "no level '1'" in detail(
        check(xarray_atlas.open_atlas(path, resolution="1"), full=True), "masks"
    )
    chunk_files(path.parent / "annotations.ome.zarr/0")[0].write_bytes(b"broken")
    with pytest.raises(errors.StoreError, match=r"annotations\.ome\.zarr/0"):
        check(ds, full=True)


def test_an_atlas_on_a_server(tmp_path):
    path = write_atlas(tmp_path)
    regions = xarray_atlas.open_atlas(path).atlas.terminology
    with serve(tmp_path) as server:
        url = f"{server.url}/{path.relative_to(tmp_path)}"
        ds = xarray_atlas.open_atlas(url, resolution="50 um", midline="0.1 mm")
        server.requests.clear()
        report = check(ds)
        assert "levels" in made(report)
        assert all(request.endswith("json") for request in server.requests)
        assert len(server.requests) == 1
        assert "no annotations.ome.zarr" in detail(check(ds, full=True), "masks")
        group = zarr.create_group(path.parent / "annotations.ome.zarr")
        group.create_array("1", data=masks_of(ds, regions), chunks=(1, 3, 4, 5))
        group.create_array("annotation_values", data=regions.labels.astype("uint32"))
        assert detail(check(ds, full=True), "masks") == "4 masks compared"
        server.fault = lambda path: 403
        report = check(ds)
    assert "levels" not in made(report)
    assert "cannot be opened" in detail(report, "levels")


# -- the report


def test_the_text_says_what_was_found_and_what_was_not_looked_at():
    report = Report(
        "made",
        (
            done("one", [Finding("note", "a thing", "nothing")]),
            done("two", [Finding("error", "it\nis", "mend it", ("R1", "R2"))]),
            done("three", detail="5 mm"),
            skipped("four", "needs full=True"),
            skipped("five", "needs full=True"),
            done("six"),
            done("seven"),
        ),
    )
    assert (
        str(report)
        == repr(report)
        == (
            "made\n1 error, 0 warnings, 1 note; 5 checks made, 2 not made\n\n"
            "error: two\n  it is.\n  These: R1, R2.\n  To do: mend it.\n\n"
            "note: one\n  a thing.\n  To do: nothing.\n\n"
            "not made\n  four, five: needs full=True\n\n"
            "nothing found\n  three: 5 mm\n  six, seven"
        )
    )
    assert report.checks.values.tolist() == [
        ["one", True, 1, ""],
        ["two", True, 1, ""],
        ["three", True, 0, "5 mm"],
        ["four", False, 0, "needs full=True"],
        ["five", False, 0, "needs full=True"],
        ["six", True, 0, ""],
        ["seven", True, 0, ""],
    ]
    assert report.table.severity.tolist() == ["error", "note"]
    assert not report.ok


def test_what_a_file_says_is_escaped_in_html():
    evil = "<script>alert('x')</script>"
    regions = make_terminology([-1, 0, 0])
    frame = pd.DataFrame(
        {
            "identifier": ["1", "2"],
            "parent_identifier": ["", ""],
            "annotation_value": ["1", "2"],
            "name": [evil, "b"],
            "abbreviation": [evil, "b"],
            "color_hex_triplet": [evil, ""],
        }
    )
    regions = Terminology.from_dataframe(frame)
    ds = atlas(terminology=regions).assign_attrs(name=evil, version=evil, source=evil)
    html = check(ds, full=True)._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert html.count("<tr") == html.count("</tr>")


# -- whatever a table holds


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Tables that can be read, and be as wrong as that allows."""
    count = draw(st.integers(1, 6))
    text = st.sampled_from(["", "a", "b", "NA", "1", "<b>", "x\ny"])
    ids = list(map(str, range(1, count + 1)))
    column = lambda values: draw(st.lists(values, min_size=count, max_size=count))  # noqa: E731
    return pd.DataFrame(
        {
            "identifier": ids,
            "parent_identifier": column(st.sampled_from(["", "77", *ids])),
            "annotation_value": column(
                st.sampled_from(["", "0", "1", "2", "3", "[1, 2]", "-7", "614454277", str(2**60)])
            ),
            "name": column(text),
            "abbreviation": column(text),
            "color_hex_triplet": column(st.sampled_from(["", "#FFFFFF", "red"])),
            "root_identifier_path": column(st.sampled_from(["", "[1]", "[1, 2]", "nonsense"])),
        }
    )


@given(
    frame=tables(),
    dtype=st.sampled_from(["uint8", "int16", "uint32", "int64", "uint64"]),
    midline=st.sampled_from([None, "half", 0.1, 99.0]),
    symmetric=st.sampled_from([None, 1, 0, np.int64(1)]),
    shape=st.tuples(*[st.integers(1, 4)] * 3),
)
@settings(max_examples=60)
def test_no_table_breaks_the_check(frame, dtype, midline, symmetric, shape):
    values = np.random.default_rng(0).integers(0, 5, shape).astype(dtype)
    ds = atlas(values, Terminology.from_dataframe(frame), midline=midline)
    ds.attrs.update({} if symmetric is None else {"symmetric": symmetric})
    report = check(ds, full=True)
    assert set(report.table.severity) <= {"error", "warning", "note"}
    assert report.table.message.str.len().min() > 0 or report.table.empty
    # what can be said of the table alone, by pandas
    shared = frame.abbreviation[frame.abbreviation.duplicated(keep=False)]
    assert ("acronyms" in set(report.table.check)) == bool((shared != "").any())
    assert ("empty acronyms" in set(report.table.check)) == bool((frame.abbreviation == "").any())
    held = [v for cell in frame.annotation_value for v in cell.strip("[]").split(", ") if v]
    assert ("shared labels" in set(report.table.check)) == (len(set(held)) < len(held))
    assert ("label 0" in set(report.table.check)) == ("0" in held)
    unknown = set(values.ravel().tolist()) - {0} - set(map(int, held))
    assert ("unknown labels" in set(report.table.check)) == bool(unknown)
    str(report), report._repr_html_()


# -- real atlases


def test_the_sample_by_brute_force():
    coarse, fine = (xarray_atlas.open_sample(r) for r in ("100 um", "50 um"))
    report = check(coarse, full=True)
    assert found(report) == {
        "lost regions": "warning", "midline": "note", "regions without a voxel": "note",
    }  # fmt: skip
    here, finest = (set(np.unique(ds.annotation.values).tolist()) for ds in (coarse, fine))
    names = {"here": set(), "finest": set()}
    for node in coarse.atlas.terminology:
        own = {label for n in (node, *node.descendants) for label in n.labels}
        names["here"] |= {node.acronym} if own & here else set()
        names["finest"] |= {node.acronym} if own & finest else set()
    every = {node.acronym for node in coarse.atlas.terminology}
    assert set(subjects(report, "lost regions")) == names["finest"] - names["here"]
    assert set(subjects(report, "regions without a voxel")) == every - names["finest"]
    values = coarse.annotation.values
    differ = ((values != values[..., ::-1]) & (values > 0)).sum() / (values > 0).sum()
    assert detail(report, "symmetry").startswith(f"{differ:.2%} of")
    assert detail(report, "mirror plane").startswith("5.675 mm along x")
    assert detail(report, "unknown labels") == f"{(values > 0).sum()} labelled voxels"


@pytest.mark.parametrize("axes", [(2, 1, 0), (0, 2, 1)])
def test_the_sample_with_two_of_its_axes_exchanged(axes):
    sample = xarray_atlas.open_sample("100 um")
    turned = sample.annotation.values.transpose(axes)
    report = check(make_atlas(turned, sample.atlas.terminology, size=SIZE), full=True)
    assert found(report)["mirror axis"] == "error"
    assert subjects(report, "mirror axis") == ("zyx"[axes.index(2)],)


def test_the_left_half_of_the_sample_is_no_wrong_axis():
    sample = xarray_atlas.open_sample("100 um")
    half = sample.annotation.values[..., :57]
    report = check(make_atlas(half, sample.atlas.terminology, size=SIZE), full=True)
    assert "mirror axis" not in found(report)
    assert "mirror plane" not in found(report)


def test_regions_lost_per_level(published, expected):
    levels = ("50 um", "100 um")
    for resolution in levels:
        ds = xarray_atlas.open_atlas(published, resolution=resolution)
        report = check(ds, full=True)
        here = expected[f"total_{resolution.replace(' ', '')}"]
        lost = expected.abbreviation[(expected.total_25um > 0) & (here == 0)]
        never = expected.abbreviation[(expected.total_25um == 0) & (here == 0)]
        assert set(lost) == (set(subjects(report, "lost regions")) if len(lost) else set())
        assert set(subjects(report, "regions without a voxel")) == set(never)
        assert found(report)["levels"] == "warning"
        assert report.ok
        aligned = xarray_atlas.open_atlas(published, resolution=resolution, align_levels=True)
        assert found(check(aligned))["levels"] == "note"


def test_the_finest_published_level(published, expected):
    report = check(xarray_atlas.open_atlas(published), full=True)
    assert set(subjects(report, "regions without a voxel")) == set(
        expected.abbreviation[expected.total_25um == 0]
    )
    assert detail(report, "symmetry").startswith("3.57% of the labelled voxels")
    assert "5.6875 mm along x by the labelled voxels" in detail(report, "mirror plane")


def test_masks_of_brainglobes_packager(packaged):
    ds = xarray_atlas.open_atlas(packaged, resolution="100 um")
    report = check(ds, full=True)
    assert "levels" not in found(report)
    assert "masks" not in found(report)
    values = zarr.open_group(packaged.parent / "annotations.ome.zarr", mode="r")[
        "annotation_values"
    ]
    assert detail(report, "masks") == f"{values.size} masks compared"


def test_hemispheres_of_brainglobes_packager(packaged):
    ds = xarray_atlas.open_atlas(packaged, resolution="100 um")
    stored = zarr.open_group(packaged.parent / "hemispheres.ome.zarr", mode="r")["s1"][...]
    ds["hemispheres"] = ds.annotation.dims, stored
    report = check(ds.drop_attrs(), full=True)
    assert detail(report, "hemispheres") == "0 of 498257 labelled voxels contradict the midline"


def test_sides_that_are_swapped_are_found_without_a_midline():
    """By where the voxels of each side lie."""
    values = np.zeros((4, 4, 10), "uint8")
    values[1:3, 1:3, 1:5], values[1:3, 1:3, 5:9] = 1, 2
    regions = pd.DataFrame({"id": [1, 2], "name": ["Right-Cortex", "Left-Cortex"]})
    sides = ("Left-*", "Right-*")
    for lateral, wrong in ((sides, False), (sides[::-1], True)):
        ds = xarray_atlas.create_atlas(
            values, regions, name="a", voxel_size="1 mm", orientation="asr", lateral=lateral
        )
        report = check(ds, full=True)
        assert found(report).get("hemispheres") == ("error" if wrong else None)
        assert report.ok is not wrong
    swapped = report.table.set_index("check").message["hemispheres"]
    assert "said to be left lie about 2.5 mm, those to be right about 6.5 mm" in swapped


def test_what_was_saved_has_no_finding(tmp_path):
    """Also of the root that was added, which has no label, and a mask under its id."""
    values = np.zeros((12, 12, 12), "uint8")
    values[2:10, 2:10, 2:10] = 1
    ds = xarray_atlas.create_atlas(
        values, pd.DataFrame({"id": [1, 2], "name": ["one", "two"]}), name="saved",
        voxel_size="0.1 mm", orientation="asr", midline="0.4 mm",
    )  # fmt: skip
    ds.atlas.save(tmp_path)
    again = xarray_atlas.open_atlas("saved_100um", root=tmp_path)
    assert again.atlas.space.midline == pytest.approx(0.4)
    report = check(again, full=True)
    made = report.checks.set_index("check")
    assert made.made["masks"]
    assert "masks" not in found(report)
    assert report.ok

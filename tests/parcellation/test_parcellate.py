"""parcellate: what becomes of labels and hierarchy, against brute force."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from xarray_atlas import Terminology
from xarray_atlas.errors import (
    AtlasMismatchError,
    ParcellationError,
    RegionNotFoundError,
    TerminologyError,
)

#     R0
#   R1   R2
# R3 R4    R5
PARENTS = [-1, 0, 0, 1, 1, 2]


def lines(parents: list[int]) -> list[list[int]]:
    """Return each region's line from the root down to itself."""
    found: list[list[int]] = []
    for position in range(len(parents)):
        line = [position]
        while parents[line[0]] >= 0:
            line.insert(0, parents[line[0]])
        found.append(line)
    return found


def made(labels: Any = None, own: Any = None) -> xr.Dataset:
    labels = np.arange(8, dtype="uint32").reshape(2, 2, 2) if labels is None else labels
    return make_atlas(labels, make_terminology(PARENTS, own))


def millimetres(array: xr.DataArray) -> Any:
    return array.pint.magnitude


def by_name(ds: xr.Dataset, **kw: Any) -> dict[str, int]:
    found = ds.atlas.region_properties(**kw).voxels
    return dict(zip(found.region.values.tolist(), found.values.tolist(), strict=True))


@settings(max_examples=30)
@given(data=st.data())
def test_levels_and_leaves_against_brute_force(data: Any) -> None:
    size = data.draw(st.integers(1, 8))
    parents = [-1, *(data.draw(st.integers(0, i - 1)) for i in range(1, size))]
    own = [data.draw(st.sampled_from([[], [i + 1], [i + 1, i + 51]])) for i in range(size)]
    dtype = data.draw(st.sampled_from(["uint8", "int16", "uint32", ">i8", "uint64"]))
    seed = data.draw(st.integers(0, 99))
    values = [0, 100, *(label for labels in own for label in labels)]
    labels = np.random.default_rng(seed).choice(values, (3, 4, 5)).astype(dtype)
    terminology = make_terminology(parents, own)
    lazy = data.draw(st.booleans())
    ds = make_atlas(da.from_array(labels, chunks=2) if lazy else labels, terminology)
    deepest = max(map(len, lines(parents))) - 1
    level = data.draw(st.one_of(st.none(), st.integers(0, deepest)))
    cut = (
        ds.atlas.parcellate(level=level) if level is not None else ds.atlas.parcellate(leaves=True)
    )
    assert cut.annotation.dtype == np.dtype(dtype)
    wanted = {}
    for line, mine in zip(lines(parents), own, strict=True):
        parcel = line[min(level, len(line) - 1)] if level is not None else line[-1]
        if mine:
            wanted[f"R{parcel}"] = wanted.get(f"R{parcel}", 0) + np.isin(labels, mine).sum()
    found = by_name(cut)
    assert {name: count for name, count in found.items() if count or name in wanted} == wanted
    # no voxel is lost, unknown labels stay, and ancestors have all that they had
    assert sum(found.values()) == (~np.isin(labels, [0, 100])).sum()
    np.testing.assert_array_equal(cut.annotation.values == 100, labels == 100)
    for name in cut.atlas.regions.acronym:
        before, after = (d.atlas.region_properties(name).voxels.item() for d in (ds, cut))
        assert before == after


def test_no_voxel_of_the_allen_brain_is_dropped(sample: xr.Dataset) -> None:
    whole = sample.atlas.region_properties("root").voxels.item()
    direct = by_name(sample, direct=True)
    level = sample.atlas.parcellate(level=5)
    found = by_name(level)
    assert sum(found.values()) == whole
    assert found["MB"] == direct["MB"] > 0
    assert level.atlas.region_properties("MB", direct=True).voxels.item() == direct["MB"]
    assert level.atlas.volume("MB").item() == sample.atlas.volume("MB").item()
    assert level.atlas.volume("Isocortex").item() == sample.atlas.volume("Isocortex").item()
    assert "VISp" not in level.atlas.terminology
    leaves = sample.atlas.parcellate(leaves=True)
    assert by_name(leaves) == direct
    assert leaves.annotation.variable._data is sample.annotation.variable._data


def test_parcels_by_mapping_against_numpy(sample: xr.Dataset) -> None:
    known = sample.atlas.terminology
    acronyms = {"seen": ["VISp", "VISl"], "TH": ["TH"], "heard": ["AUD", "NLL"]}
    cut = sample.atlas.parcellate(
        mapping={"seen": ("VISp", "Lateral visual area"), "TH": {549}, "heard": ["AUD", "NLL"]}
    )
    labels = sample.annotation.values
    for name, regions in acronyms.items():
        own = np.unique(np.concatenate([known.labels_of(known.position(r)) for r in regions]))
        np.testing.assert_array_equal(cut.atlas.mask(name), np.isin(labels, own))
    assert by_name(cut).keys() == acronyms.keys()
    node = cut.atlas.region("seen")
    assert (node.parent.acronym, node.name, node.color) == ("VIS", "seen", "#08858C")
    assert node.id > known.ids.max()
    assert cut.atlas.region("TH").id == 549
    assert [n.acronym for n in cut.atlas.region("TH").ancestors] == ["root", "grey", "BS", "IB"]


def test_flags_and_attributes(sample: xr.Dataset) -> None:
    cut = sample.atlas.parcellate(regions=["VISp2/3", "ENTmv5/6", "fiber tracts"])
    attrs = cut.annotation.attrs
    assert attrs["flag_values"].dtype == np.uint32
    assert attrs["flag_values"].tolist() == [821, 1133, 1009]
    assert attrs["flag_meanings"] == "VISp2_3 ENTmv5_6 fiber_tracts"
    assert cut.attrs["parcellation"] == attrs["parcellation"] == "3 regions"
    left = 1327 - 2 - len(sample.atlas.region("fiber tracts").descendants) - 1
    assert attrs["dropped_regions"].startswith(
        f"{left} labelled regions in no parcel: root, grey, "
    )
    assert set(np.unique(cut.annotation)) <= {0, 821, 1133, 1009}
    again = cut.atlas.parcellate(leaves=True)
    assert "dropped_regions" not in again.annotation.attrs
    alone = sample.annotation.atlas.parcellate(level=2)
    assert isinstance(alone, xr.DataArray)
    assert (alone.name, alone.attrs["parcellation"]) == ("annotation", "level 2")


def test_rest() -> None:
    ds = made()
    assert by_name(ds.atlas.parcellate(regions=["R1"])) == {"R1": 3}
    kept = ds.atlas.parcellate(regions=["R1"], rest="keep")
    assert by_name(kept) == {"R1": 3, "R0": 1, "R2": 1, "R5": 1}
    assert kept.annotation.values.ravel().tolist() == [0, 1, 2, 3, 2, 2, 6, 7]
    with pytest.raises(ParcellationError, match="no parcel covers: R0, R2, R5. Add them"):
        ds.atlas.parcellate(regions=["R1"], rest="error")
    # labels that no voxel has are not voxels left out
    without = made(np.array([0, 2, 4, 5, 4, 0, 7, 4], "uint32").reshape(2, 2, 2))
    assert by_name(without.atlas.parcellate(regions=["R1"], rest="error")) == {"R1": 5}
    with pytest.raises(ValueError, match="'drop', 'keep', 'error', not 'x'"):
        ds.atlas.parcellate(regions=["R1"], rest="x")


def test_what_is_kept_does_not_merge_with_a_parcel_of_its_name() -> None:
    cut = made().atlas.parcellate(mapping={"R1": ["R3"]})
    assert by_name(cut) == {"R1": 1}
    with pytest.raises(ParcellationError, match="leaves out the own voxels of the region 'R1'"):
        made().atlas.parcellate(mapping={"R1": ["R3"]}, rest="keep")


@pytest.mark.parametrize(
    "kw",
    [
        {"regions": ["R1", "R3"]},
        {"mapping": {"A": ["R1"], "B": ["R3"]}},
        {"mapping": {"R1": "A", "R3": "B"}},
        {"mapping": pd.DataFrame({"region": ["R1", "R3"], "parcel": ["A", "B"]})},
        {"mapping": {"A": ["R1"], "B": ["R3", "R4"]}},
    ],
)
def test_overlaps_name_both(kw: Any) -> None:
    with pytest.raises(ParcellationError, match="overlap.*'R3'.*lies in 'R1'"):
        made().atlas.parcellate(**kw)


def test_a_complete_table_is_about_own_labels() -> None:
    table = {"R1": "A", "R3": "B", "R4": "B"}
    assert by_name(made().atlas.parcellate(mapping=table)) == {"A": 1, "B": 2}


def test_labels_that_parcels_share_overlap() -> None:
    ds = made(own=[[1], [2], [3], [4], [5], [3, 6]])
    assert by_name(ds.atlas.parcellate(regions=["R2"])) == {"R2": 2}
    ds = made(own=[[1], [2], [3], [4], [4, 5], [6]])
    with pytest.raises(ParcellationError, match="the label 4 is of both 'R3' and 'R4'"):
        ds.atlas.parcellate(regions=["R3", "R4"])


def test_the_label_0_of_a_region() -> None:
    own = [[1], [2], [3], [4], [0], [6]]
    assert by_name(made(own=own).atlas.parcellate(regions=["R3"])) == {"R3": 1}
    # its parcel gets a number that no region has: 5, which here is in the volume
    cut = made(own=own).chunk().atlas.parcellate(regions=["R4"])
    with pytest.raises(AtlasMismatchError, match="holds the label 5, which no region has"):
        cut.annotation.load()
    labels = np.array([0, 1, 2, 0], "uint8").reshape(1, 2, 2)
    cut = make_atlas(labels, make_terminology(PARENTS, own)).atlas.parcellate(regions=["R4"])
    assert by_name(cut) == {"R4": 2}


def test_errors_of_choices() -> None:
    ds = made()
    for kw, said in (
        ({}, "none was given"),
        ({"level": 1, "leaves": True}, "level and leaves were"),
    ):
        with pytest.raises(TypeError, match=said):
            ds.atlas.parcellate(**kw)
    with pytest.raises(RegionNotFoundError, match="the deepest is 2"):
        ds.atlas.parcellate(level=3)
    with pytest.raises(ParcellationError, match="'allen-summary', 'beryl', 'cosmos'"):
        ds.atlas.parcellate("berylium")
    with pytest.raises(ParcellationError, match="Allen mouse brain.*lacks 10: 'Isocortex'"):
        ds.atlas.parcellate("Cosmos")
    with pytest.raises(ParcellationError, match="named more than once: 'R1'"):
        ds.atlas.parcellate(regions=["R1", "R1"])
    with pytest.raises(ParcellationError, match="'R1' is in two parcels, 'A' and 'B'"):
        ds.atlas.parcellate(mapping={"A": ["R1"], "B": ["R1"]})
    with pytest.raises(ParcellationError, match="holds 'R2', 'R5', which do not lie in"):
        ds.atlas.parcellate(mapping={"R1": ["R1", "R2"]})
    with pytest.raises(TypeError, match="not both: some of its values are lists"):
        ds.atlas.parcellate(mapping={"A": ["R1"], "R2": "B"})
    for empty, said in (({}, "empty"), ({"A": []}, "without a region: 'A'")):
        with pytest.raises(ParcellationError, match=said):
            ds.atlas.parcellate(mapping=empty)
    with pytest.raises(RegionNotFoundError, match="no region 'R9'"):
        ds.atlas.parcellate(mapping={"A": ["R9"]})
    with pytest.raises(ParcellationError, match="no region was named"):
        ds.atlas.parcellate(regions=[])


def test_it_is_lazy(sample: xr.Dataset) -> None:
    with dask.config.set(scheduler=no_compute):
        for kw in ({"level": 4}, {"parcellation": "beryl"}, {"leaves": True}):
            cut = sample.atlas.parcellate(**kw)  # type: ignore[arg-type]
            assert cut.annotation.chunks == sample.annotation.chunks


def test_it_is_kept(sample: xr.Dataset, tmp_path: Path) -> None:
    cut = sample.atlas.parcellate(mapping={"seen": ["VIS"], "rest": ["TH", "HY"]})
    own = cut.atlas.terminology
    assert own.acronyms[own.default_positions].tolist() == ["seen", "rest"]
    for back in (
        Terminology.from_json(own.to_json()),
        Terminology.from_columns(own.to_columns()),
        pickle.loads(pickle.dumps(own)),
    ):
        assert back == own
        assert back.fingerprint == own.fingerprint
        np.testing.assert_array_equal(back.parcels, own.parcels)
    encoded = cut.atlas.encode()
    xr.testing.assert_identical(xarray_atlas.decode(encoded), cut)
    assert by_name(encoded) == by_name(cut)
    encoded.to_zarr(tmp_path / "cut.zarr", consolidated=False)
    written = xr.open_zarr(tmp_path / "cut.zarr", consolidated=False)
    assert written.atlas.terminology == own
    assert by_name(written) == by_name(cut)
    assert list(written.annotation.attrs["flag_values"]) == list(
        cut.annotation.attrs["flag_values"]
    )
    assert encoded.isel(z=60).atlas.parcellate(level=1).atlas.terminology.parcels is not None
    of_encoded = sample.atlas.encode().atlas.parcellate(level=4)
    assert of_encoded.atlas.terminology == sample.atlas.parcellate(level=4).atlas.terminology


def test_the_mark_is_part_of_equality() -> None:
    plain = make_terminology(PARENTS)
    marked = made().atlas.parcellate(leaves=True).atlas.terminology
    assert plain != marked
    assert plain.fingerprint != marked.fingerprint
    assert "6 parcels of 6 regions" in repr(marked)
    for bad in ("[0, 9]", "[1, 1]", '"x"', "[true]"):
        broken = marked.to_json().replace('"parcels": [0, 1, 2, 3, 4, 5]', f'"parcels": {bad}')
        with pytest.raises(TerminologyError, match="'parcels' is not a list of positions"):
            Terminology.from_json(broken)


def test_the_others_of_the_accessor(sample: xr.Dataset, tmp_path: Path) -> None:
    cut = sample.atlas.parcellate("cosmos")
    thalamus = cut.atlas.mask("TH")
    np.testing.assert_array_equal(thalamus, sample.atlas.mask("TH"))
    assert cut.atlas.crop("TH").sizes == sample.atlas.crop("TH").sizes
    labels = np.arange(1, 9, dtype="uint32").clip(max=6).reshape(2, 2, 2)
    small = made(labels).atlas.parcellate(level=1)
    sides = small.atlas.volume(hemisphere=["left", "right"])
    whole = small.atlas.volume()
    np.testing.assert_allclose(millimetres(sides).sum(axis=1), millimetres(whole))
    assert "0 errors" in repr(small.atlas.check(full=True))


def test_a_parcellation_is_cut_again(sample: xr.Dataset) -> None:
    beryl = sample.atlas.parcellate("beryl")
    again = beryl.atlas.parcellate("Cosmos")
    once = sample.atlas.parcellate("cosmos")
    assert by_name(again)["TH"] <= by_name(once)["TH"]
    for name in ("OLF", "TH"):
        covered = once.atlas.mask(name).values & (beryl.annotation != 0).values
        np.testing.assert_array_equal(again.atlas.mask(name), covered)
    leaves = once.atlas.parcellate(leaves=True)
    assert leaves.atlas.terminology == once.atlas.terminology


@pytest.mark.parametrize(
    "kw",
    [
        {"level": 5},
        {"leaves": True},
        {"parcellation": "beryl"},
        {"parcellation": "allen-summary"},
        {"regions": ["TH", "Isocortex"], "rest": "keep"},
        {"mapping": {"seen": ["VISp", "VISl"], 'b, "c"': ["TH"], "HY": ["HY"]}},
    ],
)
def test_saved_as_csv(sample: xr.Dataset, tmp_path: Path, kw: Any) -> None:
    path = tmp_path / "parcels.csv"
    sample.atlas.parcel_table(**kw).to_csv(path, index=False)
    direct, back = sample.atlas.parcellate(**kw), sample.atlas.parcellate(mapping=path)
    assert back.atlas.terminology == direct.atlas.terminology
    np.testing.assert_array_equal(back.annotation, direct.annotation)
    assert back.attrs["parcellation"] == "parcels"


def test_tables(tmp_path: Path) -> None:
    ds = made()
    path = tmp_path / "t.csv"
    path.write_text("\ufeffnote,parcel,region\nx,NA,R1\ny,NA,R2\n", encoding="utf-8")
    assert by_name(ds.atlas.parcellate(str(path))) == {"NA": 5}
    frame = pd.DataFrame({"region": [101, 102], "parcel": ["A", 102]})
    assert by_name(ds.atlas.parcellate(mapping=frame)) == {"A": 3, "R2": 2}
    for kind in (pd.Index, pd.Series, np.array, tuple):
        assert by_name(ds.atlas.parcellate(mapping={"A": kind([101, 102])})) == {"A": 5}
    for text, said in (
        ("a,b\nR1,A\n", "has the columns 'a', 'b'; it needs 'region' and 'parcel'"),
        ("region,parcel\nR1\n", "row 0 of .* has 1 cells"),
        ("region,parcel\n", "has no rows"),
        ("region,parcel\nR1,\n", "has no name"),
    ):
        path.write_text(text)
        with pytest.raises(ParcellationError, match=said):
            ds.atlas.parcellate(mapping=path)
    with pytest.raises(ParcellationError, match="parcel of row 1 is missing"):
        ds.atlas.parcellate(mapping=pd.DataFrame({"region": ["R1", "R2"], "parcel": ["A", None]}))
    with pytest.raises(ParcellationError, match="covers: R0, R2, R5"):
        ds.atlas.parcel_table(regions=["R1"], rest="error")


def test_text_ids() -> None:
    rows = [("MBA:997", "", "1", "root"), ("MBA:8", "MBA:997", "2", "grey")]
    columns = ["identifier", "parent_identifier", "annotation_value", "abbreviation"]
    table = pd.DataFrame(rows, columns=columns).assign(name="n")
    ds = make_atlas(np.full((2, 2, 2), 2, "uint8"), Terminology.from_dataframe(table))
    cut = ds.atlas.parcellate(mapping={"A": ["grey"]})
    assert cut.atlas.terminology.ids.tolist() == ["MBA:997", "parcel:A"]


@pytest.mark.parametrize(
    ("name", "count"), [("beryl", 306), ("cosmos", 10), ("allen-summary", 316)]
)
def test_named(sample: xr.Dataset, name: str, count: int) -> None:
    cut = sample.atlas.parcellate(name.upper())
    assert cut.atlas.terminology.parcels is not None
    assert cut.atlas.terminology.parcels.size == count
    assert len(set(cut.annotation.attrs["flag_values"].tolist())) == count
    assert cut.attrs["parcellation"] == name


def test_summary_structures_are_what_is_published(sample: xr.Dataset) -> None:
    # Wang et al. 2020: 43 isocortical areas; fiber tracts are one of the 316
    table = sample.atlas.parcel_table("allen-summary")
    cortex = {n.acronym for n in sample.atlas.region("Isocortex").descendants}
    assert len(cortex & set(table.parcel)) == 43
    assert "fiber tracts" in set(table.parcel)


@pytest.mark.skipif(importlib.util.find_spec("iblatlas") is None, reason="needs iblatlas")
@pytest.mark.parametrize("name", ["Beryl", "Cosmos"])
def test_as_iblatlas_has_them(sample: xr.Dataset, name: str) -> None:
    regions = importlib.import_module("iblatlas.regions").BrainRegions()
    theirs = dict(zip(regions.id, regions.id[regions.mappings[name]], strict=True))
    known = sample.atlas.terminology
    table = sample.atlas.parcel_table(name).set_index("region").parcel
    for acronym, identifier in zip(known.acronyms, known.ids.tolist(), strict=True):
        parcel = table.get(acronym)
        ours = 997 if parcel is None else known.ids[known.position(parcel)]
        assert ours == theirs[identifier], acronym
    cut = sample.atlas.parcellate(name)
    wanted = np.vectorize({0: 0, **theirs}.get)(sample.annotation.values.astype(np.int64))
    np.testing.assert_array_equal(cut.annotation, np.where(wanted == 997, 0, wanted))

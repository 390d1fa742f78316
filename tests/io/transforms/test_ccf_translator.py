"""Fields of brainglobe-ccf-translator, against what the tool itself made of the same folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xarray_atlas
from xarray_atlas.errors import TransformError

pytest.importorskip("nibabel")

DATA = Path(__file__).parents[2] / "data/registrations/ccf_translator"

ROUTES = [tuple(route) for route in json.loads((DATA / "routes.json").read_text())["routes"]]

SIZE = 0.02
"""Of a voxel, in mm."""

SHAPES = {
    "allen_mouse": (12, 10, 12),
    "demba_dev_mouse": (14, 10, 12),
    "turned": (10, 12, 12),
    "shifted": (15, 10, 13),
}


@pytest.fixture(scope="module")
def recorded() -> Any:
    return np.load(DATA / "recorded.npz")


def opened(source: str, source_age: int, target: str, target_age: int, folder: Path = DATA) -> Any:
    """Open the chain, with the ages as far as they are needed."""
    age: Any = None
    if source == target:
        age = (source_age, target_age)
    elif "demba_dev_mouse" in (source, target):
        age = source_age if source == "demba_dev_mouse" else target_age
    return xarray_atlas.open_transform(
        "ccf-translator", source=source, target=target, age=age, folder=folder
    )


def voxels(transform: Any, index: Any) -> Any:
    return transform.points((index + 0.5) * SIZE) / SIZE - 0.5


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: "-".join(map(str, route)))
def test_volumes_of_the_tool(route: Any, recorded: Any) -> None:
    source, source_age, target, target_age = route
    # what the tool made of a volume whose values are the indices of its voxels
    volume = recorded[f"volume-{source}-{source_age}-{target}-{target_age}"]
    transform = opened(target, target_age, source, source_age).outside("identity")
    index = np.indices(volume.shape[1:]).reshape(3, -1).T
    found = voxels(transform, index)
    last = np.array(SHAPES[source]) - 1
    inside = ((found >= 0) & (found <= last)).all(axis=1)
    # the tool takes 0 where a point left a volume or a field on its way
    there = (volume > -1).all(axis=0).ravel()
    both = inside & there
    assert both.sum() > 700
    expected = volume.reshape(3, -1).T
    np.testing.assert_allclose(found[both], expected[both], rtol=0, atol=1e-3 / 20)


@pytest.mark.parametrize("route", ROUTES[:4], ids=lambda route: "-".join(map(str, route)))
def test_points_of_the_tool(route: Any, recorded: Any) -> None:
    # of one field at the centres of voxels the tool's lookup is exact
    index, expected = recorded["points-" + "-".join(map(str, route))]
    found = voxels(opened(*route), index)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 / 20)
    if 28 in route:
        assert np.abs(found - index).max() > 1


def test_chains_are_the_fields_one_after_the_other() -> None:
    nib = pytest.importorskip("nibabel")
    ndimage = pytest.importorskip("scipy.ndimage")
    folder = DATA / "demba_dev_mouse"
    index = np.random.default_rng(0).uniform(3, 8, (10_000, 3))
    found = voxels(opened("demba_dev_mouse", 24, "demba_dev_mouse", 56), index)
    expected = index
    # from 24 to 28 it is 4 days against the field of the day before, then 28 days
    for name, days in (("24_pull_23", -4), ("28_pull_29", 28)):
        field = np.asarray(nib.load(folder / f"{name}.nii.gz").dataobj)
        shift = [ndimage.map_coordinates(field[..., i], expected.T, order=1) for i in range(3)]
        expected = expected + days * np.stack(shift, axis=1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 / 20)


def test_ends_and_coordinates() -> None:
    transform = opened("allen_mouse", 56, "demba_dev_mouse", 28)
    assert (transform.source.name, transform.target.name) == ("allen_mouse", "demba_dev_mouse_P28")
    for end in (transform.source, transform.target):
        assert end.frame == "brainglobe"
        assert end.axes == ("z", "y", "x")
        assert end.directions[0] == "anterior-to-posterior"
    same = xarray_atlas.open_transform(
        "ccf-translator", source="kim_mouse_25um", target="Demba_dev_mouse", age=28, folder=DATA
    )
    points = np.full((1, 3), 0.1)
    assert np.array_equal(same.points(points), transform.points(points))


def test_bound_to_an_atlas() -> None:
    ds = xarray_atlas.open_sample("100 um")
    transform = opened("allen_mouse", 56, "demba_dev_mouse", 28)
    bound = transform.bind(source=ds)
    corner = np.array(ds.atlas.space.corner)
    points = np.random.default_rng(0).uniform(0.05, 0.15, (100, 3))
    assert np.allclose(bound.points(points + corner), transform.points(points), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "allen_mous"}, "did you mean 'allen_mouse'"),
        ({"target": "allen_mouse"}, "source and target are both allen_mouse"),
        ({"age": None}, "demba_dev_mouse has the ages 21, 24, 28, 56"),
        ({"age": 30}, "has no age 30: it has 21, 24, 28, 56"),
        ({"source": "demba_dev_mouse"}, r"age=\(4, 21\)"),
        ({"target": "turned", "age": 30}, "age=30, and allen_mouse is of P56"),
        ({"target": None}, "needs folder="),
        (
            {"folder": DATA / "demba_dev_mouse"},
            "does not contain translation_metadata.csv; it contains 21_pull",
        ),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    good = {"source": "allen_mouse", "target": "demba_dev_mouse", "age": 28, "folder": DATA}
    with pytest.raises(TransformError, match=message):
        xarray_atlas.open_transform("ccf-translator", **good | options)


def copied(tmp_path: Path, edit: Any) -> Path:
    folder = Path(shutil.copytree(DATA, tmp_path / "fields"))
    table = pd.read_csv(folder / "translation_metadata.csv", dtype=str, keep_default_na=False)
    edit(table).to_csv(folder / "translation_metadata.csv", index=False)
    return folder


def test_missing_fields_name_their_source(tmp_path: Path) -> None:
    folder = copied(tmp_path, lambda table: table)
    (folder / "demba_dev_mouse/56_pull_55.nii.gz").unlink()
    with pytest.raises(TransformError, match=r"data-proxy.ebrains.eu.*demba_dev_mouse/56_pull_55"):
        opened("demba_dev_mouse", 56, "demba_dev_mouse", 28, folder)


def test_rows_that_contradict_themselves(tmp_path: Path) -> None:
    def flipped(table: Any) -> Any:
        table.loc[table.file_name != "False", "dim_flip"] = "[True, False, False]"
        return table

    folder = copied(tmp_path, flipped)
    with pytest.raises(TransformError, match="their order is not stated"):
        opened("demba_dev_mouse", 56, "demba_dev_mouse", 28, folder)


def test_two_rows_for_one_step(tmp_path: Path) -> None:
    folder = copied(tmp_path, lambda table: pd.concat([table, table[:3]]))
    with pytest.raises(TransformError, match="two rows from demba_dev_mouse_P56"):
        opened("demba_dev_mouse", 56, "demba_dev_mouse", 28, folder)


def test_no_chain(tmp_path: Path) -> None:
    folder = copied(tmp_path, lambda table: table[table.target_space != "turned"])
    with pytest.raises(TransformError, match="no chain from allen_mouse to turned"):
        opened("allen_mouse", 56, "turned", 56, folder)


@pytest.mark.parametrize("back", [False, True])
def test_an_atlas_on_the_grid_of_another(back: bool, tmp_path: Path) -> None:
    nib = pytest.importorskip("nibabel")
    # a space of 13.2 x 8 x 11.4 mm in which all lies 0.6 mm further back, and 0.2 mm further right
    shift = np.zeros((66, 40, 57, 3), np.float32)
    shift[..., 0], shift[..., 2] = -3, 1
    row = {
        "dim_order": "[0, 1, 2]",
        "dim_flip": "[False, False, False]",
        "padding_micron": "[[0, 0], [0, 0], [0, 0]]",
        "transformation_resolution_micron": 200,
        "vector": 1,
        "source_age_pnd": 56,
        "target_age_pnd": 56,
        **{
            f"{axis}_physical_size_micron": n * 200
            for axis, n in zip("XYZ", shift.shape, strict=False)
        },
    }
    rows = []
    for source, target, sign in (("moved", "allen_mouse", 1), ("allen_mouse", "moved", -1)):
        (tmp_path / source).mkdir()
        nib.save(nib.Nifti1Image(sign * shift, np.eye(4)), tmp_path / source / "field.nii.gz")
        rows.append(
            row | {"file_name": "field.nii.gz", "source_space": source, "target_space": target}
        )
    pd.DataFrame(rows).to_csv(tmp_path / "translation_metadata.csv", index=False)
    ends = {"source": "moved", "target": "allen_mouse"}
    if back:  # of which the inverse is taken
        ends = {"source": "allen_mouse", "target": "moved"}
    transform = xarray_atlas.open_transform("ccf-translator", folder=tmp_path, **ends)
    allen = xarray_atlas.open_sample("100 um").assign_attrs(name="allen_mouse")
    moved = xarray_atlas.open_sample("100 um").assign_attrs(name="moved")
    result = allen.atlas.resample_like(moved, transform.outside("nearest"))
    assert result.annotation.shape == moved.annotation.shape
    own, there = result.annotation.values, allen.annotation.values
    assert np.array_equal(own[6:, :, :-2], there[:-6, :, 2:])

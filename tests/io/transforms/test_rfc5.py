"""Coordinate transformations of OME-Zarr as ngff-zarr writes them, against ITK and plain algebra."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest

import xarray_atlas
from xarray_atlas.errors import TransformError

DATA = Path(__file__).parents[2] / "data/registrations/ngff_zarr"

LPS = np.array([-1.0, -1.0, 1.0])
"""From LPS to RAS, and back."""


@pytest.fixture(scope="module")
def recorded() -> Any:
    return np.load(DATA / "recorded.npz")


def copied(tmp_path: Path, name: str) -> Path:
    return Path(shutil.copytree(DATA / f"{name}.ome.zarr", tmp_path / f"{name}.ome.zarr"))


def change(store: Path, edit: Any) -> None:
    """Change the metadata of a store by a function of its OME-Zarr metadata."""
    document = json.loads((store / "zarr.json").read_text())
    edit(document["attributes"]["ome"])
    document.pop("consolidated_metadata", None)
    (store / "zarr.json").write_text(json.dumps(document))


@pytest.mark.parametrize("name", ["affine", "field"])
def test_registrations_of_itk(name: str, recorded: Any) -> None:
    # axes in micrometers, which the transform of ITK took for its own
    transform = xarray_atlas.open_transform(DATA / f"{name}.ome.zarr", space="LPS")
    assert (transform.source.name, transform.target.name) == ("intrinsic", "atlas")
    found = transform.points(recorded["xyz"] / 1000 * LPS) * LPS * 1000
    np.testing.assert_allclose(found, recorded[name], rtol=0, atol=1e-5)


def test_fields_of_positions(recorded: Any) -> None:
    transform = xarray_atlas.open_transform(DATA / "coordinates.ome.zarr", space="LPS")
    found = transform.points(recorded["xyz"] * LPS) * LPS
    np.testing.assert_allclose(found, recorded["field"], rtol=0, atol=1e-5)


def test_sequences_by_themselves(recorded: Any) -> None:
    path = DATA / "alone.ome.zarr"
    transform = xarray_atlas.open_transform(path, space="LPS", axes="zyx", unit="mm")
    found = transform.points(recorded["xyz"] * LPS) * LPS
    np.testing.assert_allclose(found, recorded["alone"], rtol=0, atol=1e-9)
    # of NIfTI's world the same numbers are other points
    other = xarray_atlas.open_transform(path, space="RAS", axes="zyx", unit="mm")
    np.testing.assert_allclose(other.points(recorded["xyz"]), recorded["alone"], atol=1e-9)


def test_scenes(recorded: Any) -> None:
    path, affine = DATA / "scene.ome.zarr", recorded["scene_affine"]
    zyx = recorded["xyz"][:, ::-1]
    # the fixed image's axes run to inferior, posterior and left, in mm; the other ones' to superior,
    # anterior and right, the moving image's in um
    fixed = -zyx[:, ::-1]
    moving = (zyx @ affine[:, :3].T + affine[:, 3])[:, ::-1] / 1000
    world = (zyx - [1, 2, 3])[:, ::-1]
    ends = {"source": "fixed/intrinsic", "target": "moving/intrinsic"}
    transform = xarray_atlas.open_transform(path, **ends)
    assert (transform.source.name, transform.target.name) == tuple(ends.values())
    np.testing.assert_allclose(transform.points(fixed), moving, rtol=0, atol=1e-9)
    # by the inverse that the document states, and against the direction of the other one
    back = xarray_atlas.open_transform(path, source="moving/intrinsic", target="world")
    np.testing.assert_allclose(back.points(moving), world, rtol=0, atol=1e-9)


def test_which_of_several_is_asked_for() -> None:
    with pytest.raises(TransformError, match=r"two of \['fixed/intrinsic', 'moving/intrinsic'"):
        xarray_atlas.open_transform(DATA / "scene.ome.zarr")
    with pytest.raises(TransformError, match="source= and target="):
        xarray_atlas.open_transform(DATA / "scene.ome.zarr", source="fixed", target="world")


def test_what_axes_do_not_say_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"space='LPS' \(to the left"):
        xarray_atlas.open_transform(DATA / "affine.ome.zarr")
    with pytest.raises(TransformError, match="axes='zyx'"):
        xarray_atlas.open_transform(DATA / "alone.ome.zarr", space="LPS")
    with pytest.raises(TransformError, match="has no unit"):
        xarray_atlas.open_transform(DATA / "alone.ome.zarr", space="LPS", axes="zyx")
    store = copied(tmp_path, "affine")

    def without_units(ome: Any) -> None:
        for system in ome["multiscales"][0]["coordinateSystems"]:
            for axis in system["axes"]:
                del axis["unit"]

    change(store, without_units)
    with pytest.raises(TransformError, match="has no unit"):
        xarray_atlas.open_transform(store, space="LPS")
    in_mm = xarray_atlas.open_transform(store, space="LPS", unit="mm")
    in_um = xarray_atlas.open_transform(store, space="LPS", unit="um")
    assert np.allclose(in_mm.matrix[:3, 3], in_um.matrix[:3, 3] * 1000)


def test_time_and_channels_are_left_out(tmp_path: Path, recorded: Any) -> None:
    store = copied(tmp_path, "alone")
    spatial = [[1, 0.1, 0, 5], [0, 1, 0.2, 6], [0.3, 0, 1, 7]]
    rows = [[2, 0, 0, 0, 1], *([0, *row] for row in spatial)]
    names = ("t", "z", "y", "x")
    axes = [{"name": n, "type": "space" if n != "t" else "time", "unit": "mm"} for n in names]
    axes[0]["unit"] = "second"

    def edit(ome: Any) -> None:
        ome["coordinateSystems"] = [{"name": name, "axes": axes} for name in ("a", "b")]
        ends = {"input": {"name": "a"}, "output": {"name": "b"}}
        ome["coordinateTransformations"] = [{"type": "affine", "affine": rows, **ends}]

    change(store, edit)
    found = xarray_atlas.open_transform(store, space="RAS").points(recorded["xyz"])
    matrix = np.array(spatial)[::-1][:, [2, 1, 0, 3]]
    expected = recorded["xyz"] @ matrix[:, :3].T + matrix[:, 3]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    rows[1][0] = 0.5  # so that time decides where a point goes
    change(store, edit)
    with pytest.raises(TransformError, match="mixes axes of space with others"):
        xarray_atlas.open_transform(store, space="RAS")


def test_by_dimension(tmp_path: Path, recorded: Any) -> None:
    store = copied(tmp_path, "alone")
    turned = {"type": "rotation", "rotation": [[0, -1], [1, 0]]}
    items = [
        {"transformation": turned, "inputAxes": [2, 0], "outputAxes": [1, 2]},
        {
            "transformation": {"type": "scale", "scale": [3.0]},
            "inputAxes": [1],
            "outputAxes": [0],
        },
    ]

    def edit(ome: Any) -> None:
        ome["coordinateTransformations"] = [{"type": "byDimension", "transformations": items}]

    change(store, edit)
    options = {"space": "RAS", "axes": "zyx", "unit": "mm"}
    found = xarray_atlas.open_transform(store, **options).points(recorded["xyz"])
    x, y, z = recorded["xyz"].T
    # (z', y', x') = (3 y, -z, x)
    np.testing.assert_allclose(found, np.stack([x, -z, 3 * y], 1), rtol=0, atol=1e-9)
    items.pop()
    change(store, edit)
    with pytest.raises(TransformError, match="damaged: byDimension gives the axes"):
        xarray_atlas.open_transform(store, **options)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"type": "scale", "scale": [1, 2]}, "damaged: it has 2 numbers for 3 axes"),
        ({"type": "affine", "affine": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}, "damaged"),
        ({"type": "mapAxis", "mapAxis": [0, 0, 1]}, "is not an order of 3 axes"),
        ({"type": "thinPlate"}, "of the type 'thinPlate'"),
        ({"type": "displacements", "path": "../other"}, "outside of itself"),
        ({"type": "displacements", "path": "nowhere"}, "does not hold"),
    ],
)
def test_damaged_documents(given: Any, message: str, tmp_path: Path) -> None:
    store = copied(tmp_path, "alone")
    change(store, lambda ome: ome.update(coordinateTransformations=[given]))
    with pytest.raises(TransformError, match=message):
        xarray_atlas.open_transform(store, space="LPS", axes="zyx", unit="mm")


def test_cubic_interpolation_is_refused(tmp_path: Path) -> None:
    store = copied(tmp_path, "field")

    def edit(ome: Any) -> None:
        ome["multiscales"][0]["coordinateTransformations"][0]["interpolation"] = "cubic"

    change(store, edit)
    with pytest.raises(TransformError, match="asks for cubic interpolation"):
        xarray_atlas.open_transform(store, space="LPS")


def test_the_grid_of_a_field_counts(tmp_path: Path, recorded: Any) -> None:
    store = copied(tmp_path, "field")

    def moved(ome: Any) -> None:
        sequence = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]
        sequence["transformations"][1]["translation"] = [0.0, 10.0, -4.0, 3.0]

    change(store / "displacement_field", moved)
    change(store, lambda ome: None)
    transform = xarray_atlas.open_transform(store, space="LPS")
    shift = np.array([3.0, -4.0, 10.0])
    found = transform.points((recorded["xyz"] + shift) / 1000 * LPS) * LPS * 1000 - shift
    np.testing.assert_allclose(found, recorded["field"], rtol=0, atol=1e-5)


def test_fields_stay_on_disk() -> None:
    computed = []
    with dask.config.set(scheduler=lambda *args, **kwargs: computed.append(1)):
        xarray_atlas.open_transform(DATA / "field.ome.zarr", space="LPS")
    assert not computed

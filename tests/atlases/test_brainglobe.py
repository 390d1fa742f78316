"""BrainGlobe's own API as the oracle, on what BrainGlobe's own packager wrote.

From 3.0.3 on, which needs Python 3.12: before, it reads parent ids as 16-bit numbers and cannot
load the Allen regions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas

core = pytest.importorskip("brainglobe_atlasapi.core", exc_type=ImportError)

NAMES = ("annotation", "template", "hemispheres")


@pytest.fixture(scope="module", params=[50, 100])
def resolution(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def oracle(data: Path, resolution: int) -> Any:
    manifest = f"brainglobe/atlases/allen_mouse_{resolution}um/3_0/manifest.json"
    return core.Atlas(data / manifest)


@pytest.fixture(scope="module")
def atlas(data: Path, resolution: int) -> xr.Dataset:
    name = f"allen_mouse_{resolution}um"
    return xarray_atlas.open_atlas(name, root=data / "brainglobe", include=NAMES)


def test_volumes_of_voxels(oracle: Any, atlas: xr.Dataset) -> None:
    np.testing.assert_array_equal(atlas.annotation, oracle.annotation)
    np.testing.assert_array_equal(atlas.template, oracle.template)
    assert atlas.template.dtype == oracle.template.dtype
    assert atlas.attrs["orientation"] == oracle.orientation
    assert atlas.annotation.shape == oracle.shape


def test_hemispheres(oracle: Any, atlas: xr.Dataset) -> None:
    """Both have an even number of planes here, so that there is no middle one to differ at."""
    np.testing.assert_array_equal(atlas.hemispheres, oracle.hemispheres)
    for side, value in (("left", 1), ("right", 2)):
        mask = atlas.drop_vars("hemispheres").atlas.mask("root", hemisphere=side)
        np.testing.assert_array_equal(
            mask, (oracle.annotation != 0) & (oracle.hemispheres == value)
        )


def test_masks_of_50_regions(oracle: Any, atlas: xr.Dataset) -> None:
    regions = np.random.default_rng(0).choice(sorted(oracle._annotation_mapping), 48, replace=False)
    for region in [997, 254, *regions.tolist()]:
        mask = atlas.atlas.mask(region)
        np.testing.assert_array_equal(mask, oracle.get_structure_mask(region) != 0)


def test_the_hierarchy(oracle: Any, atlas: xr.Dataset) -> None:
    terminology = atlas.atlas.terminology
    assert len(terminology) == len(oracle.structures_list)
    for structure in oracle.structures_list:
        node = terminology.region(structure["id"])
        assert node.acronym == structure["acronym"]
        assert [n.id for n in node.path] == structure["structure_id_path"]


def test_structures_at_1000_points(oracle: Any, atlas: xr.Dataset) -> None:
    """Micrometres from the corner of the volume there, centres of voxels in mm here."""
    rng = np.random.default_rng(1)
    extent = np.array(oracle.shape) * oracle.resolution
    points = rng.uniform(0, extent, (1000, 3))
    expected = [oracle.structure_from_coords(point, microns=True) for point in points]
    here = points / 1000 + atlas.atlas.space.corner
    columns = {dim: xr.DataArray(here[:, i], dims="point") for i, dim in enumerate("zyx")}
    found = atlas.annotation.sel(columns, method="nearest")
    np.testing.assert_array_equal(found, expected)
    assert len(set(expected)) > 100
    sides = [oracle.hemisphere_from_coords(point, microns=True) for point in points]
    np.testing.assert_array_equal(atlas.hemispheres.sel(columns, method="nearest"), sides)


def test_meshes(oracle: Any, atlas: xr.Dataset, resolution: int) -> None:
    """Micrometres from the corner there, of single precision; mm here. At both resolutions."""
    folder = Path(atlas.attrs["annotation_url"]).parent / "annotations.precomputed/mesh"
    labels = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
    assert len(labels) == 20
    # they are the same at both resolutions
    for label in labels if resolution == 50 else labels[:3]:
        mesh = atlas.atlas.mesh(label)
        assert mesh.source.endswith(f"/mesh/{label}")
        expected = oracle.mesh_from_structure(label)
        corner = mesh.vertices - atlas.atlas.space.corner
        np.testing.assert_array_equal((corner * 1000).astype("f4"), expected.points.astype("f4"))
        # its triangles are turned inwards
        np.testing.assert_array_equal(
            sorted_rows(mesh.faces), sorted_rows(expected.cells_dict["triangle"])
        )
        if resolution == 50:
            voxels = oracle.get_structure_mask(label).sum() * 0.05**3
            assert mesh.volume.magnitude == pytest.approx(voxels, rel=0.03)


def sorted_rows(faces: Any) -> Any:
    """The triangles as sets of three, in one order."""
    rows = np.sort(faces, axis=1)
    return rows[np.lexsort(rows.T)]

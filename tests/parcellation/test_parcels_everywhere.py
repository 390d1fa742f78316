"""A choice of disjoint regions gives the same as a parameter and as a parcellation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas

pytestmark = [
    pytest.mark.version_independent,
    pytest.mark.filterwarnings("ignore:no manifest says where left and right meet"),
    # the points are spread over the whole volume, also where there is no brain
    pytest.mark.filterwarnings("ignore:.*points lie outside of the brain"),
]

CHOICES = {
    "level": {"level": 5},
    "name": {"parcellation": "beryl"},
    "mapping": {"parcellation": {"vision": ["VIS"], "retrosplenial": ["RSP"]}},
}


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    places = rng.uniform(0, [13.1, 7.9, 11.3], (2000, 3))
    return pd.DataFrame(places, columns=["z", "y", "x"]).assign(animal=rng.choice(["a", "b"], 2000))


@pytest.fixture(params=CHOICES, scope="module")
def choice(request: pytest.FixtureRequest) -> dict:
    return CHOICES[request.param]


@pytest.fixture(scope="module")
def atlas() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um")


@pytest.fixture
def parcellated(atlas: xr.Dataset, choice: dict) -> xr.Dataset:
    given = choice.get("parcellation")
    kind = "mapping" if isinstance(given, dict) else "parcellation"
    return atlas.atlas.parcellate(**({kind: given} if given else choice))


def test_points(
    atlas: xr.Dataset, parcellated: xr.Dataset, choice: dict, cells: pd.DataFrame
) -> None:
    one = atlas.atlas.region_at(cells, unit="mm", frame="dataset", **choice)
    other = parcellated.atlas.region_at(cells, unit="mm", frame="dataset")
    assert (one.region != "").any()
    for name in ("region", "status", "hemisphere"):
        np.testing.assert_array_equal(one[name], other[name])


def test_counts(
    atlas: xr.Dataset, parcellated: xr.Dataset, choice: dict, cells: pd.DataFrame
) -> None:
    one = atlas.atlas.count_points(cells, "animal", unit="mm", frame="dataset", **choice)
    other = parcellated.atlas.count_points(cells, "animal", unit="mm", frame="dataset")
    xr.testing.assert_equal(
        one["count"].drop_vars(["region_depth", "region_id", "region_name", "region_parent"]),
        other["count"].drop_vars(["region_depth", "region_id", "region_name", "region_parent"]),
    )
    np.testing.assert_allclose(one.volume.values, other.volume.values)
    where = atlas.atlas.region_at(cells, unit="mm", frame="dataset", **choice)
    assert one["count"].sum().item() == (where.status == 0).sum().item() > 0


def test_images(atlas: xr.Dataset, parcellated: xr.Dataset, choice: dict) -> None:
    annotation = atlas.annotation.compute()
    image = annotation.copy(data=np.random.default_rng(1).random(annotation.shape)).rename("image")
    one = atlas.atlas.aggregate(image, func=["sum", "count"], **choice)
    other = parcellated.atlas.aggregate(image, func=["sum", "count"])
    for name in ("sum", "count"):
        np.testing.assert_allclose(one[name].values, other[name].values)
    covered = parcellated.annotation.values > 0
    assert one["count"].sum().item() == covered.sum()
    np.testing.assert_allclose(one["sum"].sum().item(), image.values[covered].sum())


def test_masks_are_disjoint(atlas: xr.Dataset) -> None:
    parcels = atlas.isel(z=slice(60, 64)).atlas.parcellate(level=5)
    masks = parcels.atlas.mask(None)
    assert masks.sum("region").max().compute().item() == 1
    assert masks.sum().compute().item() == (parcels.annotation.values > 0).sum()


def test_what_no_parcel_takes_is_background(atlas: xr.Dataset, cells: pd.DataFrame) -> None:
    asked = {"unit": "mm", "frame": "dataset", "parcellation": {"retrosplenial": ["RSP"]}}
    status = atlas.atlas.region_at(cells, **asked).status
    counts = atlas.atlas.count_points(cells, **asked)
    assert set(np.unique(status)) == {0, 1}
    assert counts.background.item() == (status == 1).sum().item()
    assert counts.unknown_label.item() == 0

"""Labels paired with the regions that hold them, against sets made by walking up from each region."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.atlases import examples, make_terminology
from xarray_atlas.reductions.membership import label_places

pytestmark = pytest.mark.version_independent


@given(st.data(), examples(), st.booleans())
def test_sums_by_place(data, example, direct):
    terminology = make_terminology(example.parents, example.own)
    n = len(example.parents)
    positions = data.draw(st.lists(st.integers(0, n - 1), max_size=2 * n))
    labels = np.unique(example.labels)
    counts = np.arange(2 * labels.size).reshape(-1, 2) + 1
    found = label_places(terminology, positions, direct).add_up(labels, counts)
    assert found.shape == (len(positions), 2)
    for row, region in zip(found, positions, strict=True):
        held = [int(label) in example.values(region, direct) for label in labels]
        assert row.tolist() == counts[held].sum(axis=0).tolist()


@given(st.data(), examples())
def test_a_label_of_two_regions_counts_once_in_a_parcel(data, example):
    terminology = make_terminology(example.parents, example.own)
    n = len(example.parents)
    of_region = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)))
    places = label_places(terminology, range(3), of_region=of_region)
    labels = np.unique(example.labels)
    found = places.add_up(labels, np.ones(labels.size, np.int64))
    parcels = [
        {label for region in np.flatnonzero(of_region == parcel) for label in example.own[region]}
        for parcel in range(3)
    ]
    held = [[int(label) in parcel for label in labels] for parcel in parcels]
    assert found.tolist() == [sum(row) for row in held]
    assert places.holds(labels).tolist() == [any(column) for column in zip(*held, strict=True)]

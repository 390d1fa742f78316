"""The parameters level= and parcellation=, and the tables that come with the package."""

from __future__ import annotations

import numpy as np
import pytest

from support.atlases import make_terminology
from xarray_atlas.errors import RegionNotFoundError
from xarray_atlas.parcellation.parcels import chosen_parcels, parcels_at_level

pytestmark = pytest.mark.version_independent

PARENTS = [-1, 0, 0, 1, 1, 2]


def test_a_level() -> None:
    terminology = make_terminology(PARENTS, [[], [2], [3], [4], [5], [6]])
    parcels = chosen_parcels(terminology, level=1)
    assert parcels is not None
    assert parcels.terminology is terminology
    assert parcels.positions.tolist() == [1, 2]
    assert parcels.of_region.tolist() == [-1, 0, 1, 0, 0, 1]
    # a region above the level keeps its own labels
    kept = parcels_at_level(make_terminology(PARENTS), 2)
    assert kept.positions.tolist() == [0, 1, 2, 3, 4, 5]
    assert kept.of_region.tolist() == [0, 1, 2, 3, 4, 5]


def test_none_and_both() -> None:
    terminology = make_terminology(PARENTS)
    assert chosen_parcels(terminology) is None
    with pytest.raises(ValueError, match="not both"):
        chosen_parcels(terminology, level=1, parcellation="beryl")
    with pytest.raises(RegionNotFoundError, match="no region .* is at level 9"):
        chosen_parcels(terminology, level=9)
    with pytest.raises(TypeError, match="a level is"):
        chosen_parcels(terminology, level=True)
    with pytest.raises(TypeError, match="not a int"):
        chosen_parcels(terminology, parcellation=5)


def test_regions_stay_in_the_terminology() -> None:
    terminology = make_terminology(PARENTS)
    parcels = chosen_parcels(terminology, parcellation={"R2": ["R2"], "R3": ["R3"]})
    assert parcels is not None
    assert parcels.terminology is terminology
    assert parcels.positions.tolist() == [2, 3]
    assert parcels.of_region.tolist() == [-1, -1, 0, 1, -1, 0]


def test_new_parcels_have_a_terminology_of_their_own() -> None:
    terminology = make_terminology(PARENTS)
    parcels = chosen_parcels(terminology, parcellation={"new": ["R3", "R4"], "R2": ["R2"]})
    assert parcels is not None
    names = parcels.terminology.acronyms[parcels.positions]
    assert names.tolist() == ["new", "R2"]
    assert parcels.of_region.tolist() == [-1, -1, 1, 0, 0, 1]
    node = parcels.terminology.region("new")
    assert (node.id, node.parent.acronym) == (106, "R1")
    np.testing.assert_array_equal(parcels.terminology.parcels, parcels.positions)

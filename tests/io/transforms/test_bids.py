"""Names of BIDS: an image goes from A to B, its points the other way."""

from __future__ import annotations

from pathlib import Path

import pytest

import xarray_atlas
from xarray_atlas.errors import TransformError
from xarray_atlas.io.transforms.bids import bids_name

TEXT = """#Insight Transform File V1.0
#Transform 0
Transform: AffineTransform_double_3_3
Parameters: 1 0 0 0 1 0 0 0 1 0.5 0.25 2
FixedParameters: 0 0 0
"""


@pytest.fixture
def itk(tmp_path: Path):
    pytest.importorskip("SimpleITK")

    def write(name: str) -> Path:
        (tmp_path / name).write_text(TEXT)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        (
            "sub-01_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.h5",
            ("MNI152NLin2009cAsym", "T1w"),
        ),
        ("sub-01_from-T1w_to-MNI_mode-points_xfm.txt", ("T1w", "MNI")),
        ("sub-1_ses-2_run-1_from-boldref_to-T1w_mode-image_desc-coreg_xfm.txt", ("T1w", "boldref")),
        ("tpl-MNI152NLin6Asym_from-MNI152NLin2009cAsym_mode-image_xfm.h5", None),
        ("from-fsnative_to-T1w_mode-image_xfm.lta", ("T1w", "fsnative")),
    ],
)
def test_names(name: str, ends: tuple[str, str] | None) -> None:
    found = bids_name(f"/data/{name}")
    assert found is not None
    wanted = ends or ("MNI152NLin6Asym", "MNI152NLin2009cAsym")
    assert (found.source, found.target) == wanted


@pytest.mark.parametrize(
    "name", ["1Warp.nii.gz", "from-A_to-B.txt", "sub-1_xfm.txt", "T1w_xfm.mat"]
)
def test_other_names(name: str) -> None:
    assert bids_name(name) is None


def test_the_points_of_mode_image_go_back(itk) -> None:
    image = xarray_atlas.open_transform(itk("sub-1_from-T1w_to-MNI_mode-image_xfm.txt"))
    points = xarray_atlas.open_transform(itk("sub-1_from-T1w_to-MNI_mode-points_xfm.txt"))
    assert (image.source.name, image.target.name) == ("MNI", "T1w")
    assert (points.source.name, points.target.name) == ("T1w", "MNI")
    # the file says the same of both, whatever its ends are called
    for transform in (image, points):
        assert transform.points([[1.0, 1.0, 1.0]]).tolist() == [[0.5, 0.75, 3.0]]


def test_maps_may_not_contradict_the_name(itk) -> None:
    path = itk("sub-1_from-T1w_to-MNI_mode-image_xfm.txt")
    assert xarray_atlas.open_transform(path, maps="MNI to T1w").source.name == "MNI"
    with pytest.raises(TransformError, match="maps points of 'MNI' to 'T1w'"):
        xarray_atlas.open_transform(path, maps="T1w to MNI")


def test_a_name_without_mode_asks(itk) -> None:
    path = itk("sub-1_from-T1w_to-MNI_xfm.txt")
    with pytest.raises(
        TransformError, match=r"maps='T1w to MNI', or, as of mode-image, maps='MNI to"
    ):
        xarray_atlas.open_transform(path)
    assert xarray_atlas.open_transform(path, maps="MNI to T1w").target.name == "T1w"


def test_chains_by_name(itk) -> None:
    first = itk("sub-1_from-T1w_to-MNI_mode-image_xfm.txt")
    second = itk("sub-1_from-bold_to-T1w_mode-image_xfm.txt")
    chain = xarray_atlas.open_transform([first, second])
    assert (chain.source.name, chain.target.name) == ("MNI", "bold")
    assert chain.points([[0.0, 0.0, 0.0]]).tolist() == [[-1.0, -0.5, 4.0]]
    with pytest.raises(TransformError):
        xarray_atlas.open_transform([second, first])

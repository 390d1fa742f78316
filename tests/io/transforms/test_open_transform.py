"""What open_transform makes of paths, lists, flags and names, whatever the tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xarray_atlas
from xarray_atlas.transforms.transform import Transform

sitk = pytest.importorskip("SimpleITK")

pytestmark = pytest.mark.version_independent

TransformError = xarray_atlas.errors.TransformError

AT = np.random.default_rng(0).uniform(-20, 20, (50, 3))


def matrix(seed: int) -> Any:
    found = np.eye(4)
    found[:3] += np.random.default_rng(seed).uniform(-0.3, 0.3, (3, 4))
    return found


def moved(path: Path, shift: tuple[float, float, float]) -> Path:
    sitk.WriteTransform(sitk.TranslationTransform(3, shift), str(path))
    return path


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(xarray_atlas.errors.StoreNotFoundError, match="there is no file .*gone.tfm"):
        xarray_atlas.open_transform(tmp_path / "gone.tfm")
    with pytest.raises(TransformError, match="is a URL"):
        xarray_atlas.open_transform("https://example.org/a.tfm")


def test_what_is_no_transform(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for source in (text, tmp_path):
        with pytest.raises(TransformError, match="is not a supported transform") as error:
            xarray_atlas.open_transform(source)
        assert "TransformParameters.0.txt" in str(error.value)  # says what is
    with pytest.raises(TransformError, match="a list with one at least"):
        xarray_atlas.open_transform([])


def test_points_go_through_the_first_of_a_list_first(tmp_path: Path) -> None:
    affine = sitk.AffineTransform(3)
    affine.SetMatrix((2, 0, 0, 0, 3, 0, 0, 0, 4))
    sitk.WriteTransform(affine, str(tmp_path / "scale.tfm"))
    shift = moved(tmp_path / "shift.tfm", (1.0, 10.0, 100.0))
    (found,) = xarray_atlas.open_transform([shift, tmp_path / "scale.tfm"]).points([[0, 0, 0]])
    assert found.tolist() == [-2.0, -30.0, 400.0]
    (found,) = xarray_atlas.open_transform([tmp_path / "scale.tfm", shift]).points([[0, 0, 0]])
    assert found.tolist() == [-1.0, -10.0, 100.0]


def test_each_may_be_inverted(tmp_path: Path) -> None:
    path = moved(tmp_path / "shift.tfm", (1.0, 10.0, 100.0))
    plain = xarray_atlas.open_transform(path)
    assert plain.points([[0, 0, 0]]).tolist() == [[-1.0, -10.0, 100.0]]
    for back in (
        xarray_atlas.open_transform(path, invert=True),
        xarray_atlas.open_transform(f"[{path},1]"),
        xarray_atlas.open_transform([path], invert=[True]),
    ):
        assert back.points([[0, 0, 0]]).tolist() == [[1.0, 10.0, -100.0]]
        assert (back.source.name, back.target.name) == ("moving", "fixed")
    same = xarray_atlas.open_transform([path, path], invert=(True, False), maps="a to b")
    np.testing.assert_allclose(same.points(AT), AT)
    assert (same.source.name, same.target.name) == ("a", "b")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"invert": True}, "does not say which"),
        ({"invert": (True,)}, "1 flags for 2 transforms"),
        ({"invert": (True, False)}, "different directions"),
        ({"index": 1}, "index= applies to a single file"),
        ({"maps": "atlas"}, "names whose points"),
        ({"maps": "atlas to atlas"}, "names whose points"),
        ({"maps": 3}, "names whose points"),
    ],
)
def test_flags_that_do_not_fit(arguments: Any, said: str, tmp_path: Path) -> None:
    path = moved(tmp_path / "shift.tfm", (1.0, 2.0, 3.0))
    with pytest.raises(TransformError, match=said):
        xarray_atlas.open_transform([path, path], **arguments)


def test_flags_in_two_ways_are_an_error(tmp_path: Path) -> None:
    path = moved(tmp_path / "shift.tfm", (1.0, 2.0, 3.0))
    with pytest.raises(TransformError, match="not with both"):
        xarray_atlas.open_transform(f"[{path},1]", invert=True)


def test_an_option_that_says_nothing_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "saved.zarr"
    Transform.from_matrix(matrix(1)).save(path)
    with pytest.raises(TransformError, match="index= does not apply"):
        xarray_atlas.open_transform(path, index=0)
    with pytest.raises(TransformError, match="index= does not apply"):
        xarray_atlas.open_transform(Transform.from_matrix(matrix(1)), index=0)


@pytest.mark.parametrize("end", [".zarr", ".nc"])
def test_what_was_saved(end: str, tmp_path: Path) -> None:
    path = moved(tmp_path / "shift.tfm", (1.0, 2.0, 3.0))
    field = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(4, 5, 6, 3)), True)
    first = xarray_atlas.open_transform([path, field], maps="image to atlas")
    first.save(tmp_path / f"saved{end}")
    again = xarray_atlas.open_transform(tmp_path / f"saved{end}")
    assert repr(again) == repr(first)
    at = np.random.default_rng(0).uniform(-5, 5, (100, 3))
    np.testing.assert_array_equal(again.points(at), first.points(at))
    # its ends have names of their own
    with pytest.raises(TransformError, match="maps points of 'image' to 'atlas'"):
        xarray_atlas.open_transform(tmp_path / f"saved{end}", maps="atlas to image")


def test_transforms_with_names_are_chained_by_them() -> None:
    one = Transform.from_matrix(matrix(1), source="image", target="T1w")
    two = Transform.from_matrix(matrix(2), source="T1w", target="atlas")
    both = xarray_atlas.open_transform([one, two])
    assert (both.source.name, both.target.name) == ("image", "atlas")
    np.testing.assert_allclose(both.points(AT), (two @ one).points(AT))
    with pytest.raises(TransformError, match="T1w to atlas, and then of image to T1w"):
        xarray_atlas.open_transform([two, one])


def test_a_plane_and_a_volume_do_not_go_together() -> None:
    plane, volume = sitk.Euler2DTransform(), sitk.Euler3DTransform()
    with pytest.raises(TransformError, match="the list goes on from points of"):
        xarray_atlas.open_transform([plane, volume])


def test_a_package_that_is_not_installed(tmp_path: Path, monkeypatch: Any) -> None:
    import sys

    path = moved(tmp_path / "shift.tfm", (1.0, 2.0, 3.0))
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(
        ImportError, match=r'shift.tfm needs SimpleITK: pip install "xarray-atlas\['
    ):
        xarray_atlas.open_transform(path)

"""NRRD as pynrrd, Slicer and others write it; SimpleITK reads the same."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_atlas.errors import StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.files.images import read_image

# pynrrd writes the time into its headers
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:nrrd"),
    pytest.mark.version_independent,
]

SHAPE = (5, 6, 7)
DIRECTIONS = np.array([[0, 0.1, 0], [0, 0, -0.2], [-0.3, 0, 0]])
NAN = [np.nan] * 3


def numbers(shape: tuple[int, ...] = SHAPE, dtype: Any = "i2") -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def save(path: Path, array: Any, **header: Any) -> Path:
    nrrd.write(
        str(path), array, {k.replace("_", " "): v for k, v in header.items()}, index_order="F"
    )
    return path


def write(path: Path, text: str, voxels: bytes = bytes(210), encoding: str = "utf-8") -> Path:
    head = "NRRD0005\ntype: uint8\ndimension: 3\nsizes: 5 6 7\nencoding: raw\nendian: little\n"
    path.write_bytes((head + text + "\n\n").encode(encoding) + voxels)
    return path


def by_simpleitk(path: Path) -> np.ndarray[Any, Any]:
    """The affine to RAS mm that SimpleITK reads."""
    image = sitk.ReadImage(path)
    steps = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3] = np.column_stack([steps, image.GetOrigin()])
    return np.diag([-1.0, -1, 1, 1]) @ affine


@given(
    seed=st.integers(0, 2**32 - 1),
    space=st.sampled_from(["LPS", "RAS", "LAS", "left-posterior-superior"]),
)
@settings(max_examples=25, deadline=None)
def test_the_affine_of_any_header(tmp_path_factory: Any, seed: int, space: str):
    random = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("nrrd") / "a.nrrd"
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0] * random.uniform(0.01, 2, (3, 1))
    save(
        path, numbers(), space=space, space_directions=turn, space_origin=random.uniform(-50, 50, 3)
    )
    np.testing.assert_allclose(
        read_image(path).geometry.affine, by_simpleitk(path), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("detached", [False, True])
def test_every_encoding(tmp_path: Path, encoding: str, detached: bool):
    path = tmp_path / ("a.nhdr" if detached else "a.nrrd")
    save(path, numbers(), encoding=encoding, space="RAS", space_directions=DIRECTIONS)
    image = read_image(path)
    np.testing.assert_array_equal(image.array(), numbers())
    assert image.geometry.affine is None  # without an origin


@pytest.mark.parametrize("field", ["space units", "units"])
@pytest.mark.parametrize(
    ("encoding", "letter"),
    [
        ("utf-8", "\N{MICRO SIGN}"),
        ("latin-1", "\N{MICRO SIGN}"),
        ("utf-8", "\N{GREEK SMALL LETTER MU}"),
    ],
)
def test_micrometres_with_a_greek_letter(tmp_path: Path, encoding: str, field: str, letter: str):
    where = "space: RAS\nspace directions: (50,0,0) (0,25,0) (0,0,25)"
    where = where if field == "space units" else "spacings: 50 25 25"
    path = write(
        tmp_path / "a.nrrd",
        f'{where}\n{field}: "{letter}m" "{letter}m" "{letter}m"',
        encoding=encoding,
    )
    assert read_image(path).geometry.voxel_size == (0.05, 0.025, 0.025)


@pytest.mark.parametrize(
    "where",
    [
        "space: RAS\nspace directions: (50,0,0) (0,25,0) (0,0,25)\nspace units",
        "spacings: 50 25 25\nunits",
    ],
)
def test_a_unit_that_is_no_length_leaves_the_voxel_size_open(tmp_path: Path, where: str):
    geometry = read_image(write(tmp_path / "a.nrrd", f'{where}: "pixel" "mm" "mm"')).geometry
    assert geometry.voxel_size is None
    assert geometry.orientation == ("lpi" if "RAS" in where else None)
    assert geometry.affine is None


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed", "3D-left-handed"])
def test_spaces_that_are_not_those_of_a_body(tmp_path: Path, space: str):
    text = f"space: {space}\nspace directions: (0.1,0,0) (0,0.2,0) (0,0,0.3)\nspace origin: (1,2,3)"
    geometry = read_image(write(tmp_path / "a.nrrd", text)).geometry
    assert geometry.voxel_size == (0.1, 0.2, 0.3)
    assert (geometry.orientation, geometry.affine, geometry.first) == (None, None, None)


@pytest.mark.parametrize("kind", ["list", "vector", "RGB-color", "???", None])
def test_a_segmentation_of_one_layer_is_a_volume(tmp_path: Path, kind: str | None):
    header: dict[str, Any] = {"space": "LPS", "space_directions": np.vstack([NAN, DIRECTIONS])}
    if kind:
        header["kinds"] = [kind, "domain", "domain", "domain"]
    image = read_image(save(tmp_path / "a.seg.nrrd", numbers((1, *SHAPE)), **header))
    assert image.dims == ("z", "y", "x")
    assert image.geometry.orientation == "asl"
    np.testing.assert_array_equal(image.array(), numbers((1, *SHAPE))[0])


@pytest.mark.parametrize(("kind", "dim"), [
    ("list", "channel"), ("RGB-color", "channel"), ("3-vector", "component"), ("time", "time"), ("???", "dim"),
])  # fmt: skip
@pytest.mark.parametrize("at", [0, 3])
def test_axes_that_are_not_of_space_have_a_name(tmp_path: Path, kind: str, dim: str, at: int):
    kinds = ["domain"] * 3
    kinds.insert(at, kind)
    directions = np.insert(DIRECTIONS, at, NAN, axis=0)
    array = np.moveaxis(numbers((3, *SHAPE)), 0, at)
    path = save(tmp_path / "a.nrrd", array, space="LPS", space_directions=directions, kinds=kinds)
    image = read_image(path)
    assert image.dims == (f"dim_{at}" if dim == "dim" else dim, "z", "y", "x")
    np.testing.assert_array_equal(image.array(), numbers((3, *SHAPE)))
    # without directions the kinds alone say it
    image = read_image(save(tmp_path / "b.nrrd", array, kinds=kinds))
    assert image.dims[1:] == ("z", "y", "x")
    np.testing.assert_array_equal(image.array(), numbers((3, *SHAPE)))


def test_time_is_an_axis_of_space_in_some(tmp_path: Path):
    text = (
        "NRRD0005\ntype: uint8\ndimension: 4\nsizes: 2 3 4 5\nencoding: raw\nendian: little\n"
        "space: left-posterior-superior-time\n"
        "space directions: (0.1,0,0,0) (0,0.2,0,0) (0,0,0.3,0) (0,0,0,0.5)\n"
        'space origin: (1,2,3,4)\nspace units: "mm" "mm" "mm" "s"\n\n'
    )
    voxels = np.arange(120, dtype="u1")
    (tmp_path / "a.nrrd").write_bytes(text.encode() + voxels.tobytes())
    image = read_image(tmp_path / "a.nrrd")
    assert image.dims == ("time", "z", "y", "x")
    assert (image.others["time"].values, image.others["time"].unit) == (
        [4.0, 4.5, 5.0, 5.5, 6.0],
        "s",
    )
    wanted = np.diag([-0.1, -0.2, 0.3, 1])
    wanted[:3, 3] = -1, -2, 3
    np.testing.assert_allclose(image.geometry.affine, wanted)
    np.testing.assert_array_equal(
        image.array(), voxels.reshape((2, 3, 4, 5), order="F").transpose(3, 0, 1, 2)
    )


def test_times_by_spacings_and_units(tmp_path: Path):
    path = save(
        tmp_path / "a.nrrd", numbers((*SHAPE, 3)), kinds=["domain"] * 3 + ["time"],
        spacings=[0.1, 0.2, 0.3, 40], units=["mm", "mm", "mm", "ms"],
    )  # fmt: skip
    image = read_image(path)
    assert (image.others["time"].values, image.others["time"].unit) == ([0.0, 40.0, 80.0], "ms")
    assert image.geometry.voxel_size == (0.1, 0.2, 0.3)


def test_files_that_are_refused(tmp_path: Path):
    with pytest.raises(StoreFormatError, match="says of 0 that they lie in space"):
        read_image(save(tmp_path / "a.nrrd", numbers((2, *SHAPE))))
    with pytest.raises(StoreNotFoundError, match="voxels that does not exist"):
        read_image(write(tmp_path / "b.nhdr", "data file: absent.raw"))
    with pytest.raises(StoreFormatError, match="a file for each slice"):
        read_image(write(tmp_path / "c.nhdr", "data file: slice%03d.raw 1 7 1"))
    with pytest.raises(StoreError, match="cut short"):
        read_image(write(tmp_path / "d.nrrd", "space: RAS", bytes(100)))
    text = (tmp_path / "d.nrrd").read_text("latin-1").replace("uint8", "block\nblock size: 1")
    (tmp_path / "e.nrrd").write_text(text, "latin-1")
    with pytest.raises(StoreFormatError, match="blocks of bytes"):
        read_image(tmp_path / "e.nrrd")
    two = save(tmp_path / "f.nrrd", numbers((5, 6)))
    with pytest.raises(StoreFormatError, match="that they lie in space"):
        read_image(two)


def test_compressed_voxels_are_bounded(tmp_path: Path):
    path = save(
        tmp_path / "a.nrrd", numbers(), encoding="gzip", space="RAS", space_directions=DIRECTIONS
    )
    head, _, content = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head + b"\n\n" + content[:-50])
    with pytest.raises(StoreError, match="cut short"):
        read_image(path).array().compute()
    path.write_bytes(head + b"\n\n" + gzip.compress(bytes(10**8)))  # of which 420 bytes are read
    assert not read_image(path).array().compute().any()
    path.write_bytes(head.replace(b"5 6 7", b"50000 6000 7000") + b"\n\n" + content)
    with pytest.raises(StoreError, match="cannot hold"):
        read_image(path)


def test_lines_that_end_as_on_windows(tmp_path: Path):
    path = save(
        tmp_path / "a.nrrd",
        numbers(dtype="u1"),
        encoding="raw",
        space="RAS",
        space_directions=DIRECTIONS,
    )
    head, _, content = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + content)
    np.testing.assert_array_equal(read_image(path).array(), numbers(dtype="u1"))

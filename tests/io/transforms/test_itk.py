"""Files and objects of ITK, against SimpleITK."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xarray_atlas
from support.registrations import MICROMETRE, RAS

sitk = pytest.importorskip("SimpleITK")
h5py = pytest.importorskip("h5py")

pytestmark = pytest.mark.version_independent

StoreError = xarray_atlas.errors.StoreError
TransformError = xarray_atlas.errors.TransformError

CENTRE = (3.0, -8.0, 5.5)


def turn(z: float) -> Any:
    """An oblique direction, for images."""
    return np.array(sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, z).GetMatrix())


def of(name: str, parameters: Any, *arguments: Any) -> Any:
    transform = getattr(sitk, name)(*arguments)
    if hasattr(transform, "SetCenter"):
        transform.SetCenter(CENTRE)
    transform.SetParameters([float(v) for v in parameters])
    return transform


LINEAR: dict[str, Callable[[], Any]] = {
    "translation": lambda: of("TranslationTransform", (1.5, -2.5, 4), 3),
    "scale": lambda: of("ScaleTransform", (1.1, 0.9, 1.3), 3),
    "euler": lambda: of("Euler3DTransform", (0.2, -0.3, 0.4, 1, 2, -3)),
    "versor": lambda: of("VersorTransform", (0.1, -0.2, 0.3)),
    "rigid": lambda: of("VersorRigid3DTransform", (0.1, -0.2, 0.3, 1, 2, -3)),
    "similarity": lambda: of("Similarity3DTransform", (0.1, -0.2, 0.3, 1, 2, -3, 1.2)),
    "scale versor": lambda: of("ScaleVersor3DTransform", (0.1, -0.2, 0.3, 1, 2, -3, 1.1, 0.9, 1.2)),
    "scale skew versor": lambda: of(
        "ScaleSkewVersor3DTransform",
        (0.1, -0.2, 0.3, 1, 2, -3, 1.1, 0.9, 1.2, 0.01, 0.02, 0.03, -0.01, 0.04, 0.05),
    ),
    "compose scale skew versor": lambda: of(
        "ComposeScaleSkewVersor3DTransform",
        (0.1, -0.2, 0.3, 1, 2, -3, 1.1, 0.9, 1.2, 0.01, 0.02, 0.03),
    ),
    "affine": lambda: of("AffineTransform", (1.1, 0.2, 0, -0.1, 0.9, 0.3, 0, 0.1, 1, 4, -5, 6), 3),
}


def vectors(
    size: tuple[int, ...] = (9, 11, 7), ndim: int = 3, kind: Any = None, seed: int = 1
) -> Any:
    """An image of displacements with an origin, anisotropic voxels and an oblique direction."""
    rng = np.random.default_rng(seed)
    array = rng.uniform(-0.8, 0.8, (*size[::-1], ndim)).astype(np.float32)
    image = sitk.GetImageFromArray(
        array.astype(np.float64 if kind is None else kind), isVector=True
    )
    image.SetOrigin((4.5, -12.0, 6.0)[:ndim])
    image.SetSpacing((0.8, 0.5, 1.1)[:ndim])
    image.SetDirection(turn(0.5).ravel() if ndim == 3 else (0.8, -0.6, 0.6, 0.8))
    return image


def displacement() -> Any:
    return sitk.DisplacementFieldTransform(vectors())


def spline(order: int = 3, ndim: int = 3) -> Any:
    transform = sitk.BSplineTransform(ndim, order)
    transform.SetTransformDomainOrigin((4.5, -12.0, 6.0)[:ndim])
    transform.SetTransformDomainDirection(turn(0.5).ravel() if ndim == 3 else (0.8, -0.6, 0.6, 0.8))
    transform.SetTransformDomainPhysicalDimensions((8.0, 6.0, 7.0)[:ndim])
    transform.SetTransformDomainMeshSize((5, 4, 6)[:ndim])
    rng = np.random.default_rng(4)
    count = len(transform.GetParameters())
    transform.SetParameters(rng.uniform(-0.5, 0.5, count).tolist())
    return transform


def composite() -> Any:
    return sitk.CompositeTransform(
        [LINEAR["affine"](), displacement(), LINEAR["euler"](), spline()]
    )


KINDS = LINEAR | {"displacement": displacement, "spline": spline, "composite": composite}


def points(around: Any = None, n: int = 10_000) -> Any:
    """LPS positions in and around the field and the B-spline."""
    rng = np.random.default_rng(7)
    index = rng.uniform(-2.5, np.array([9, 11, 7]) + 1.5, (n, 3))
    steps = turn(0.5).reshape(3, 3) * np.array([0.8, 0.5, 1.1])
    return index @ steps.T + np.array([4.5, -12.0, 6.0])


def mapped(transform: Any, positions: Any) -> Any:
    return np.array([transform.TransformPoint(p) for p in positions.tolist()])


def check(found: Any, transform: Any) -> None:
    at = points()
    off = np.abs(found.points(at * RAS) - mapped(transform, at) * RAS)
    assert off.max() < MICROMETRE, off.max()
    assert (found.source.name, found.target.name) == ("fixed", "moving")
    assert (found.source.frame, found.target.frame) == ("world", "world")


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_simpleitk_maps_points_as_it_does(kind: str) -> None:
    transform = KINDS[kind]()
    check(xarray_atlas.open_transform(transform), transform)


@pytest.mark.parametrize("kind", LINEAR)
@pytest.mark.parametrize("end", [".tfm", ".txt", ".h5", ".mat"])
def test_linear_files(kind: str, end: str, tmp_path: Path) -> None:
    transform = LINEAR[kind]()
    path = tmp_path / f"one{end}"
    sitk.WriteTransform(transform, str(path))
    try:
        sitk.ReadTransform(str(path))
    except KeyError:  # of SimpleITK 2.5: it lacks the name of this kind
        assert kind == "compose scale skew versor"
        with pytest.raises(TransformError, match="SimpleITK cannot read"):
            xarray_atlas.open_transform(path)
        return
    found = xarray_atlas.open_transform(path)
    assert found.kind == "affine"
    check(found, transform)


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("displacement", ".tfm"),
        ("displacement", ".h5"),
        ("spline", ".tfm"),
        ("spline", ".h5"),
        ("spline", ".mat"),
        ("composite", ".tfm"),
        ("composite", ".h5"),
        ("composite", ".hdf5"),
    ],
)
def test_other_files(kind: str, end: str, tmp_path: Path) -> None:
    transform = KINDS[kind]()
    path = tmp_path / f"one{end}"
    sitk.WriteTransform(transform, str(path))
    check(xarray_atlas.open_transform(path), transform)


@pytest.mark.parametrize("end", [".nii", ".nii.gz", ".mha", ".nrrd"])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_displacement_images(end: str, kind: Any, tmp_path: Path) -> None:
    path = tmp_path / f"field{end}"
    sitk.WriteImage(vectors(kind=kind), str(path))
    found = xarray_atlas.open_transform(path)
    check(found, displacement())
    assert found.steps[0].data.dtype == kind  # type: ignore[union-attr]


def test_a_displacement_image_in_memory() -> None:
    check(xarray_atlas.open_transform(vectors(kind=np.float32)), displacement())


def test_the_outermost_half_voxel_is_inside() -> None:
    """ITK's buffer: half a voxel around the centres of the field, where its edge is continued."""
    found, transform = xarray_atlas.open_transform(displacement()), displacement()
    steps = turn(0.5).reshape(3, 3) * np.array([0.8, 0.5, 1.1])
    for index in ([-0.49, 5, 3], [8.49, 5, 3], [4, -0.51, 3], [4, 10.51, 3], [4, 5, 6.4]):
        at = (steps @ index + [4.5, -12.0, 6.0])[None]
        moved = mapped(transform, at)
        np.testing.assert_allclose(found.points(at * RAS), moved * RAS, atol=1e-9)
        outside = min(index) < -0.5 or index[1] > 10.5
        assert (np.abs(moved - at).max() < 1e-12) == outside


def test_a_field_of_hdf5_is_read_by_planes(tmp_path: Path, monkeypatch: Any) -> None:
    from xarray_atlas.io.transforms import itk

    monkeypatch.setattr(itk, "PLANES", 9 * 11 * 3 * 8 * 2)
    path = tmp_path / "field.h5"
    transform = sitk.CompositeTransform([LINEAR["affine"](), displacement()])
    sitk.WriteTransform(transform, str(path))
    found = xarray_atlas.open_transform(path)
    check(found, transform)
    field = found.steps[0].data  # type: ignore[union-attr]
    assert field.chunks[3] == (2, 2, 2, 1)
    # one box is read, and of a closed file
    part = field[:, 1:3, 4:5, 5:7].compute()
    array = sitk.GetArrayFromImage(vectors()).T * np.reshape(RAS, (3, 1, 1, 1))
    np.testing.assert_array_equal(part, array[:, 1:3, 4:5, 5:7])


def test_a_large_compressed_field_is_read_by_slabs(tmp_path: Path, monkeypatch: Any) -> None:
    from xarray_atlas.io.transforms import itk_fields

    monkeypatch.setattr(itk_fields, "HELD", 1000)
    monkeypatch.setattr(itk_fields, "SLAB", 9 * 11 * 3 * 4 * 3)
    path = tmp_path / "field.nii.gz"
    sitk.WriteImage(vectors(kind=np.float32), str(path))
    found = xarray_atlas.open_transform(path)
    assert found.steps[0].data.chunks[3] == (3, 3, 1)  # type: ignore[union-attr]
    check(found, displacement())


def test_single_precision_in_hdf5_as_ants_writes_it(tmp_path: Path) -> None:
    """``antsRegistration --write-composite-transform 1 --float 1``."""
    image = vectors(kind=np.float32)
    affine = LINEAR["affine"]()
    path = tmp_path / "reg_Composite.h5"
    with h5py.File(path, "w") as file:

        def add(number: int, kind: str, parameters: Any, fixed: Any) -> None:
            group = file.create_group(f"TransformGroup/{number}")
            ascii_text = h5py.string_dtype("ascii")
            group.create_dataset("TransformType", data=[f"{kind}_float_3_3"], dtype=ascii_text)
            group["TransformParameters"] = np.array(parameters, np.float32)
            group["TransformFixedParameters"] = np.array(fixed, np.float64)

        add(0, "CompositeTransform", [], [])
        add(1, "AffineTransform", affine.GetParameters(), affine.GetFixedParameters())
        grid = [*image.GetSize(), *image.GetOrigin(), *image.GetSpacing(), *image.GetDirection()]
        add(2, "DisplacementFieldTransform", sitk.GetArrayFromImage(image).ravel(), grid)
    found = xarray_atlas.open_transform(path)
    check(found, sitk.ReadTransform(str(path)))
    check(found, sitk.CompositeTransform([affine, displacement()]))
    assert found.steps[0].data.dtype == np.float32  # type: ignore[union-attr]
    back = path.rename(tmp_path / "reg_InverseComposite.h5")
    assert xarray_atlas.open_transform(back).source.name == "moving"


@pytest.mark.parametrize("end", [".nii", ".nii.gz", ".mha", ".nrrd", ".h5"])
def test_a_field_is_sent_to_another_process(end: str, tmp_path: Path) -> None:
    path = tmp_path / f"field{end}"
    if end == ".h5":
        sitk.WriteTransform(displacement(), str(path))
    else:
        sitk.WriteImage(vectors(kind=np.float32), str(path))
    found = pickle.loads(pickle.dumps(xarray_atlas.open_transform(path)))
    check(found, displacement())


# -- two dimensions


@pytest.mark.parametrize(
    "make",
    [
        lambda: sitk.Euler2DTransform((3, -8), 0.3, (1.0, -2.0)),
        lambda: sitk.Similarity2DTransform(1.2, 0.3, (1.0, -2.0), (3, -8)),
        lambda: sitk.TranslationTransform(2, (1.5, 2.5)),
        lambda: sitk.DisplacementFieldTransform(vectors((9, 11), 2)),
        lambda: spline(ndim=2),
        lambda: sitk.CompositeTransform([sitk.TranslationTransform(2, (1.5, 2.5)), spline(ndim=2)]),
    ],
)
def test_a_plane_has_no_directions_and_leaves_z(make: Any) -> None:
    transform = make()
    found = xarray_atlas.open_transform(transform)
    at = points()
    moved = found.points(at)
    np.testing.assert_array_equal(moved[:, 2], at[:, 2])
    assert np.abs(moved[:, :2] - mapped(transform, at[:, :2])).max() < MICROMETRE
    assert (found.source.frame, found.target.frame) == ("plane", "plane")


def test_a_field_of_a_plane(tmp_path: Path) -> None:
    image = vectors((9, 11), 2)
    image.SetDirection((1, 0, 0, 1))
    path = tmp_path / "field.nii.gz"
    sitk.WriteImage(image, str(path))
    at = points()
    moved = xarray_atlas.open_transform(path).points(at)
    expected = mapped(sitk.DisplacementFieldTransform(image), at[:, :2])
    assert np.abs(moved[:, :2] - expected).max() < MICROMETRE


# -- lists


def test_a_list_of_matrices_asks_which(data: Path) -> None:
    folder = data / "transforms" / "nitransforms"
    from nitransforms.linear import LinearTransformsMapping

    for name in ("itktflist.tfm", "itktflist2.tfm", "hmc-itk.tfm"):
        with pytest.raises(TransformError, match=r"index=0 to index="):
            xarray_atlas.open_transform(folder / name)
        text = (folder / name).read_text()
        count = text.count("#Transform")
        assert count > 5
        series = LinearTransformsMapping.from_filename(folder / name, fmt="itk")
        at = points(n=100)
        for index in range(min(count, 9)):
            found = xarray_atlas.open_transform(folder / name, index=index)
            # nitransforms keeps single precision
            np.testing.assert_allclose(
                found.points(at),
                at @ series.matrix[index, :3, :3].T + series.matrix[index, :3, 3],
                atol=2e-5,
            )
            block = text.split("#Transform ")[index + 1].split("\n", 1)[1]
            values = {
                key: line.split(":")[1].split()
                for key in ("Parameters", "FixedParameters")
                for line in block.splitlines()
                if line.startswith(key + ":")
            }
            one = sitk.AffineTransform(3)
            one.SetFixedParameters([float(v) for v in values["FixedParameters"]])
            one.SetParameters([float(v) for v in values["Parameters"]])
            assert np.abs(found.points(at * RAS) - mapped(one, at) * RAS).max() < MICROMETRE
        for index in (-1, count):
            with pytest.raises(TransformError, match=f"index={index} was passed"):
                xarray_atlas.open_transform(folder / name, index=index)


@pytest.mark.parametrize("name", ["LAS", "LPS", "RAS", "oblique"])
def test_affines_of_nitransforms(name: str, data: Path) -> None:
    from nitransforms.linear import Affine

    path = data / "transforms" / "nitransforms" / f"affine-{name}.itk.tfm"
    found = xarray_atlas.open_transform(path)
    check(found, sitk.ReadTransform(str(path)))
    other = Affine.from_filename(path, fmt="itk")
    np.testing.assert_allclose(found.points(points()), other.map(points()), atol=1e-5)


def test_a_composite_of_ants_in_hdf5(data: Path) -> None:
    path = data / "transforms" / "nitransforms" / "affine-antsComposite.h5"
    check(xarray_atlas.open_transform(path), sitk.ReadTransform(str(path)))


@pytest.mark.parametrize("end", [".tfm", ".h5"])
def test_a_series_asks_which(end: str, tmp_path: Path) -> None:
    """As a correction of a subject's motion leaves it: one matrix for each frame."""
    shifts = [(1.0, 10.0, 100.0), (2.0, 20.0, 200.0), (3.0, 30.0, 300.0)]
    path = tmp_path / f"series{end}"
    kind = "TranslationTransform_double_3_3"
    if end == ".tfm":
        blocks = [
            f"#Transform {i}\nTransform: {kind}\nParameters: {' '.join(map(str, shift))}\n"
            "FixedParameters:\n"
            for i, shift in enumerate(shifts)
        ]
        path.write_text("#Insight Transform File V1.0\n" + "\n".join(blocks))
    else:
        with h5py.File(path, "w") as file:
            for i, shift in enumerate(shifts):
                group = file.create_group(f"TransformGroup/{i}")
                group["TransformType"] = [kind]
                group["TransformParameters"] = np.array(shift)
                group["TransformFixedParameters"] = np.zeros(0)
    with pytest.raises(TransformError, match=r"a list of 3 transforms .* index=0 to index=2"):
        xarray_atlas.open_transform(path)
    for index, shift in enumerate(shifts):
        found = xarray_atlas.open_transform(path, index=index)
        assert found.points([[0, 0, 0]]).tolist() == [[-shift[0], -shift[1], shift[2]]]
    with pytest.raises(TransformError, match="index=3 was passed"):
        xarray_atlas.open_transform(path, index=3)


@pytest.mark.skipif(sys.platform == "win32", reason="files there have no holes")
def test_a_field_larger_than_memory_is_not_read(tmp_path: Path) -> None:
    """96 GB of zeros, of which the file system keeps none."""
    import tracemalloc

    import nibabel

    shape = (2000, 2000, 2000, 1, 3)
    header = nibabel.Nifti2Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    header.set_intent("vector")
    header.set_sform(np.diag([0.01, 0.01, 0.01, 1.0]), 1)
    header["vox_offset"], header["magic"] = 544, b"n+2\0\r\n\x1a\n"
    path = tmp_path / "1Warp.nii"
    with open(path, "wb") as file:
        header.write_to(file)
        file.truncate(544 + int(np.prod(shape)) * 4)
        for component, value in enumerate((1.0, 2.0, 3.0)):  # at the voxel (1999, 1999, 1999)
            file.seek(544 + (component + 1) * 2000**3 * 4 - 4)
            file.write(np.float32(value).tobytes())
    tracemalloc.start()
    found = xarray_atlas.open_transform(path)
    at = np.array([[19.99, 19.99, 19.99], [0.0, 0.0, 0.0], [10.0, 5.0, 10.0]])
    moved = found.points(at)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(moved - at, [[-1.0, -2.0, 3.0], [0, 0, 0], [0, 0, 0]], atol=1e-5)
    assert peak < 100e6


def test_a_composite_is_not_a_list(tmp_path: Path) -> None:
    path = tmp_path / "one.h5"
    sitk.WriteTransform(composite(), str(path))
    with pytest.raises(TransformError, match="one transform, and index=0"):
        xarray_atlas.open_transform(path, index=0)


# -- what is none


def test_a_singular_matrix(tmp_path: Path) -> None:
    path = tmp_path / "flat.tfm"
    lines = [
        "#Insight Transform File V1.0",
        "#Transform 0",
        "Transform: AffineTransform_double_3_3",
        "Parameters: 1 0 0 0 1 0 1 1 0 0 0 0",
        "FixedParameters: 0 0 0",
    ]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(TransformError, match="singular"):
        xarray_atlas.open_transform(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#Insight Transform File V1.0\n", "does not contain a transform"),
        (
            "#Insight Transform File V1.0\n#Transform 0\nParameters: 1 2\n",
            "a transform without a kind",
        ),
        (
            "#Insight Transform File V1.0\n#Transform 0\nTransform: Nothing_double_3_3\nParameters: 1\nFixedParameters: 0\n",
            "cannot read",
        ),
    ],
)
def test_damaged_text(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.tfm"
    path.write_text(text)
    with pytest.raises(TransformError, match=said):
        xarray_atlas.open_transform(path)


def test_hdf5_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["cells"] = np.zeros(3)
    with pytest.raises(TransformError, match="without ITK's TransformGroup: it holds cells"):
        xarray_atlas.open_transform(path)


def test_hdf5_that_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "cut.h5"
    sitk.WriteTransform(composite(), str(path))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises((TransformError, xarray_atlas.errors.StoreError), match="cut.h5"):
        xarray_atlas.open_transform(path)


def test_a_spline_of_another_order() -> None:
    with pytest.raises(TransformError, match="order 2; those of order 3"):
        xarray_atlas.open_transform(spline(order=2))


def nifti(tmp_path: Path, shape: tuple[int, ...], **header: Any) -> Path:
    import nibabel

    image = nibabel.Nifti1Image(
        np.zeros(shape, header.pop("dtype", np.float32)), header.pop("affine", np.eye(4))
    )
    for key, value in header.items():
        image.header[key] = value
    path = tmp_path / "field.nii.gz"
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize(
    ("shape", "header", "said"),
    [
        ((4, 5, 6), {}, "is not a displacement field of ITK or ANTs"),
        ((4, 5, 6, 3), {}, "is not a displacement field of ITK or ANTs: its shape is (4, 5, 6, 3)"),
        ((4, 5, 6, 3), {"intent_code": 2006}, "a field of FSL (intent 2006)"),
        ((4, 5, 6, 1, 3), {}, "has the intent 0, and not 1007"),
        ((4, 5, 6, 1, 3), {"intent_code": 1006}, "has the intent 1006, displacement vectors"),
        ((4, 5, 6, 1, 2), {"intent_code": 1007}, "with 2 component(s)"),
        ((4, 5, 6, 1, 4), {"intent_code": 1007}, "with 4 component(s)"),
        ((4, 5, 6, 2, 3), {"intent_code": 1007}, "is not a displacement field of ITK or ANTs"),
        ((4, 5, 6, 1, 3), {"intent_code": 1007, "dtype": np.int16}, "holds whole numbers"),
        ((4, 5, 6, 1, 3), {"intent_code": 1007, "intent_name": b"NREG_TRANS"}, "NiftyReg"),
        ((4, 5, 6, 1, 3), {"intent_code": 1007, "intent_name": b"Mapping"}, "SPM"),
        ((4, 5, 6, 1, 3), {"intent_code": 1007, "xyzt_units": 3}, "is in micron"),
        (
            (4, 5, 6, 1, 3),
            {"intent_code": 1007, "affine": None},
            "does not state the positions",
        ),
    ],
)
def test_images_that_are_no_field_of_itk(
    shape: tuple[int, ...], header: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = nifti(tmp_path, shape, **header)
    with pytest.raises(TransformError) as error:
        xarray_atlas.open_transform(path)
    assert said in str(error.value)
    assert "field.nii.gz" in str(error.value)


def test_an_intent_that_is_stated(tmp_path: Path) -> None:
    """What the error says to do about an intent."""
    import nibabel

    image: Any = nibabel.load(nifti(tmp_path, (4, 5, 6, 1, 3)))
    image.header.set_intent("vector")
    assert xarray_atlas.open_transform(image).kind == "field"


def centred() -> sitk.AffineTransform:
    found = sitk.AffineTransform(3)
    found.SetMatrix([1.02, 0.03, 0, -0.02, 0.97, 0.05, 0, 0.01, 1.01])
    found.SetTranslation([0.4, -0.3, 0.2])
    found.SetCenter([5, 6, 7])
    return found


def test_a_text_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    """SimpleITK reads the identity where there are no parameters, and no center."""
    path = tmp_path / "a.tfm"
    sitk.WriteTransform(centred(), str(path))
    text = path.read_text()
    for end in (text.index("Parameters"), text.index("FixedParameters")):
        path.write_text(text[:end])
        with pytest.raises(TransformError, match="without its lines .* cut short"):
            xarray_atlas.open_transform(path)
    path.write_text(text.rstrip())
    points = np.random.default_rng(0).uniform(-5, 5, (20, 3))
    wanted = [centred().TransformPoint(p) for p in (points * [-1, -1, 1]).tolist()]
    np.testing.assert_allclose(
        xarray_atlas.open_transform(path).points(points) * [-1, -1, 1], wanted
    )


def test_a_file_of_matlab_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    sitk.WriteTransform(centred(), str(path))
    content = path.read_bytes()
    for end in range(1, len(content)):
        path.write_bytes(content[:end])
        with pytest.raises((StoreError, TransformError)):
            xarray_atlas.open_transform(path)
    path.write_bytes(content)
    assert xarray_atlas.open_transform(path).kind == "affine"

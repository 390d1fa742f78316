"""Make two small registrations of the packaged labels, by elastix and by ANTs, as test data.

    pip install itk-elastix antspyx zarr
    python tools/make_registrations.py

The moving image is a grey picture made of the packaged 100 um labels (a value for each label,
smoothed), the fixed one the same picture warped by a known, smooth displacement. The two have
different sizes, anisotropic spacings, origins far from zero, and directions that are oblique for
the fixed image, permuted and flipped for the moving one, so that a wrong sign, order or origin
moves points by millimetres. Written to ``tests/data/registrations``: the tools' output, and the
points and images that the same tools transform with it. The libraries are needed here only.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import zarr

ROOT = Path(__file__).parents[1]
LABELS = (
    "src/xarray_atlas/data/annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr/1"
)
OUT = ROOT / "tests" / "data" / "registrations"

UNIT = 1e-4
"""Points are kept as integers of 0.1 um."""


def rotation(angles: tuple[float, float, float]) -> Any:
    """Return the rotation by three angles in degrees, about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(angles)):
        i, j = [a for a in range(3) if a != axis]
        one = np.eye(3)
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        matrix = one @ matrix
    return matrix


# ITK's geometry: size and spacing along i, j, k; the columns of the direction are the axes in LPS
FIXED = {
    "size": (28, 34, 25),
    "spacing": (0.48, 0.42, 0.36),
    "direction": rotation((12.0, -7.0, 20.0)) @ np.eye(3)[:, [1, 0, 2]] @ np.diag([1, 1, -1]),
}
MOVING = {
    "size": (30, 26, 36),
    "spacing": (0.45, 0.34, 0.4),
    # not oblique, so that it can be an atlas
    "direction": np.eye(3)[:, [0, 2, 1]] @ np.diag([-1, 1, 1]),
}
CENTRE = np.array([17.0, -23.0, 9.0])
"""Where the middle of both images lies, in LPS mm."""


def matrix_of(geometry: dict[str, Any]) -> Any:
    """Return the matrix from indices (i, j, k) to LPS mm; sets the origin."""
    steps = np.asarray(geometry["direction"]) * np.asarray(geometry["spacing"])
    middle = (np.asarray(geometry["size"]) - 1) / 2
    geometry["origin"] = np.round(CENTRE - steps @ middle, 6)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = steps, geometry["origin"]
    return matrix


def centres(geometry: dict[str, Any]) -> Any:
    """Return the LPS positions of an image's voxels, (n, 3), with i fastest."""
    index = np.indices(geometry["size"][::-1])[::-1].reshape(3, -1)
    return (matrix_of(geometry) @ np.vstack([index, np.ones(index.shape[1])]))[:3].T


def known_warp(points: Any) -> Any:
    """Return the moving positions of fixed ones: what the registrations are to find."""
    p = points - CENTRE
    bent = p @ (rotation((4.0, -3.0, 5.0)) * np.array([1.05, 0.96, 1.02])).T
    waves = 0.35 * np.sin(p[:, [1, 2, 0]] / 2.2 + np.array([0.3, 1.1, 2.0]))
    return bent + waves + CENTRE + np.array([0.25, -0.2, 0.15])


def sample(points: Any) -> tuple[Any, Any]:
    """Return labels and greys of the packaged sample at LPS positions around CENTRE."""
    from scipy import ndimage

    labels = np.asarray(
        zarr.open_array(ROOT / LABELS, mode="r")[...]
    )  # z AP, y DV, x right to left
    _, index = np.unique(labels, return_inverse=True)
    grey = np.where(labels > 0, 60 + (index.reshape(labels.shape) * 37) % 180, 0)
    grey = ndimage.gaussian_filter(grey.astype(np.float32), 1.5)
    # x of LPS runs to the left as the sample's does, y to posterior, z to superior
    p = (points - CENTRE) / 0.1
    middle = (np.array(labels.shape) - 1) / 2
    at = np.stack([p[:, 1], -p[:, 2], p[:, 0]]) + middle[:, None]
    nearest = ndimage.map_coordinates(labels, at, order=0, mode="constant", prefilter=False)
    return nearest, ndimage.map_coordinates(grey, at, order=1, mode="constant")


def numbered(labels: Any) -> Any:
    """Return the rank of each label, which fits into 16 bits, as the tools would keep it."""
    found, index = np.unique(labels, return_inverse=True)
    return index.reshape(labels.shape).astype(np.uint16), found


def volume(values: Any, geometry: dict[str, Any]) -> Any:
    """Return values of :func:`centres` as an array (k, j, i)."""
    return np.reshape(values, geometry["size"][::-1])


def integers(points: Any) -> Any:
    """Return positions in units of 0.1 um, as they are kept."""
    return np.round(np.asarray(points) / UNIT).astype(np.int32)


def some_points() -> Any:
    """Return 10,000 positions in LPS mm, in and around the fixed image."""
    rng = np.random.default_rng(17)
    size = np.asarray(FIXED["size"])
    index = rng.uniform(-1.5, size + 0.5, (10_000, 3)).T
    return integers((matrix_of(FIXED) @ np.vstack([index, np.ones(10_000)]))[:3].T) * UNIT


# -- elastix


def itk_image(array: Any, geometry: dict[str, Any]) -> Any:
    """Return an image of ITK."""
    import itk

    matrix_of(geometry)
    image = itk.image_from_array(np.ascontiguousarray(array))
    image.SetSpacing([float(s) for s in geometry["spacing"]])
    image.SetOrigin([float(o) for o in geometry["origin"]])
    image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(geometry["direction"])))
    return image


def transformix_points(parameters: Any, moving: Any, points: Any) -> Any:
    """Return points in LPS mm as transformix maps them, to six decimals."""
    import itk

    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "points.txt"
        lines = "\n".join(" ".join(f"{v:.9g}" for v in point) for point in points)
        given.write_text(f"point\n{len(points)}\n{lines}\n")
        itk.transformix_filter(
            moving,
            transform_parameter_object=parameters,
            fixed_point_set_file_name=str(given),
            output_directory=folder,
        )
        text = (Path(folder) / "outputpoints.txt").read_text()
    found = re.findall(r"OutputPoint = \[ ([^\]]*) \]", text)
    return np.array([line.split() for line in found], dtype=np.float64)


def elastix(fixed: Any, moving: Any, labels: Any, points: Any) -> dict[str, Any]:
    """Register with an affine, then a B-spline; keep its files, and what transformix makes."""
    import itk

    parameters = itk.ParameterObject.New()
    for kind, iterations in (("affine", 200), ("bspline", 200)):
        one = parameters.GetDefaultParameterMap(kind, 2)
        one["MaximumNumberOfIterations"] = [str(iterations)]
        one["AutomaticTransformInitialization"] = ["false"]
        if kind == "bspline":
            one["FinalGridSpacingInPhysicalUnits"] = ["1.9"]
        parameters.AddParameterMap(one)
    grey, other = itk_image(fixed, FIXED), itk_image(moving, MOVING)
    folder = OUT / "elastix"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        itk.elastix_registration_method(
            grey,
            other,
            parameter_object=parameters,
            output_directory=temporary,
            number_of_threads=1,
        )
        for number in (0, 1):
            name = f"TransformParameters.{number}.txt"
            (folder / name).write_text((Path(temporary) / name).read_text())
    read = itk.ParameterObject.New()
    read.ReadParameterFiles([str(folder / f"TransformParameters.{n}.txt") for n in (0, 1)])
    results = {"points": integers(transformix_points(read, other, points))}
    for name, image, order in (("labels", labels, "0"), ("grey", moving, "1")):
        for number in range(read.GetNumberOfParameterMaps()):
            read.SetParameter(number, "FinalBSplineInterpolationOrder", order)
            read.SetParameter(number, "ResultImagePixelType", "float")
        image = itk_image(image.astype(np.float32), MOVING)
        results[name] = np.asarray(itk.transformix_filter(image, read))
    return results


def written(kind: str, parameters: Any, ndim: int, **more: str) -> str:
    """Return a parameter file of elastix, of a transform that no registration has found."""
    flat = " ".join("1" if i % (ndim + 1) == 0 else "0" for i in range(ndim * ndim))
    lines = {
        "Transform": f'"{kind}"',
        "NumberOfParameters": str(len(parameters)),
        "TransformParameters": " ".join(f"{v:.12g}" for v in parameters),
        "InitialTransformParameterFileName": '"NoInitialTransform"',
        "HowToCombineTransforms": '"Compose"',
        "FixedImageDimension": str(ndim),
        "MovingImageDimension": str(ndim),
        "FixedInternalImagePixelType": '"float"',
        "MovingInternalImagePixelType": '"float"',
        "Size": " ".join(["20"] * ndim),
        "Index": " ".join(["0"] * ndim),
        "Spacing": " ".join(["1"] * ndim),
        "Origin": " ".join(["0"] * ndim),
        "Direction": flat,
        "UseDirectionCosines": '"true"',
        "ResampleInterpolator": '"FinalBSplineInterpolator"',
        "FinalBSplineInterpolationOrder": "1",
        "Resampler": '"DefaultResampler"',
        "DefaultPixelValue": "0",
        "ResultImageFormat": '"nii"',
        "ResultImagePixelType": '"float"',
        "CompressResultImage": '"false"',
    } | more
    return "".join(f"({name} {value})\n" for name, value in lines.items())


def spline(rng: Any, ndim: int, direction: Any, order: int = 3) -> dict[str, Any]:
    """Return the grid and the random coefficients of a B-spline around (10, 10, 10)."""
    size = (9, 8, 10)[:ndim]
    spacing = (2.5, 3.0, 2.2)[:ndim]
    origin = 10 - np.asarray(direction) @ ((np.asarray(size) - 1) / 2 * spacing)
    return {
        "parameters": rng.uniform(-0.5, 0.5, ndim * int(np.prod(size))),
        "GridSize": " ".join(map(str, size)),
        "GridIndex": " ".join(["0"] * ndim),
        "GridSpacing": " ".join(map(str, spacing)),
        "GridOrigin": " ".join(f"{v:.12g}" for v in origin),
        "GridDirection": " ".join(f"{v:.12g}" for v in np.asarray(direction).T.ravel()),
        "BSplineTransformSplineOrder": str(order),
        "UseCyclicTransform": '"false"',
    }


def kinds() -> dict[str, str]:
    """Return a parameter file of each kind of transform that elastix writes."""
    rng = np.random.default_rng(71)
    turned = rotation((14.0, -9.0, 25.0))
    flat = rotation((0.0, 0.0, 25.0))[:2, :2]
    three = {"CenterOfRotationPoint": "9 -4.5 6.25"}
    two = {"CenterOfRotationPoint": "9 -4.5"}
    added = {
        "InitialTransformParameterFileName": '"euler_3d.txt"',
        "HowToCombineTransforms": '"Add"',
    }
    matrix = turned * np.array([1.1, 0.9, 1.05]) + rng.uniform(-0.1, 0.1, (3, 3))
    affine = [*matrix.ravel(), 3.0, -2.0, 1.5]
    return {
        "translation_3d": written("TranslationTransform", [3.5, -1.25, 0.75], 3),
        "translation_2d": written("TranslationTransform", [3.5, -1.25], 2),
        "euler_3d": written(
            "EulerTransform", [0.3, -0.2, 0.4, 1.5, 2.5, -3.5], 3, ComputeZYX='"false"', **three
        ),
        "euler_zyx_3d": written(
            "EulerTransform", [0.3, -0.2, 0.4, 1.5, 2.5, -3.5], 3, ComputeZYX='"true"', **three
        ),
        "euler_2d": written("EulerTransform", [0.4, 1.5, -2.5], 2, **two),
        "similarity_3d": written(
            "SimilarityTransform", [0.1, -0.2, 0.15, 1.5, 2.5, -3.5, 1.2], 3, **three
        ),
        "similarity_2d": written("SimilarityTransform", [1.2, 0.4, 1.5, -2.5], 2, **two),
        "affine_3d": written("AffineTransform", affine, 3, **three),
        "affine_2d": written("AffineTransform", [1.1, 0.2, -0.3, 0.9, 1.5, -2.5], 2, **two),
        "bspline_3d": written("BSplineTransform", ndim=3, **spline(rng, 3, turned)),
        "bspline_2d": written("BSplineTransform", ndim=2, **spline(rng, 2, flat)),
        "recursive_3d": written("RecursiveBSplineTransform", ndim=3, **spline(rng, 3, turned)),
        "added_affine_3d": written("AffineTransform", affine, 3, **three | added),
        "added_bspline_3d": written("BSplineTransform", ndim=3, **spline(rng, 3, turned) | added),
        "composed_bspline_2d": written(
            "BSplineTransform",
            ndim=2,
            **spline(rng, 2, flat),
            InitialTransformParameterFileName='"affine_2d.txt"',
        ),
    }


def write_kinds() -> None:
    """Write a file of each kind, and where transformix puts points with it."""
    import itk

    folder = OUT / "elastix_kinds"
    folder.mkdir(parents=True, exist_ok=True)
    points = np.round(np.random.default_rng(5).uniform(-4, 24, (400, 3)), 4)
    results = {"points": integers(points)}
    for name, text in kinds().items():
        (folder / f"{name}.txt").write_text(text)
    for name in kinds():
        ndim = int(name[-2])
        parameters = itk.ParameterObject.New()
        chain = [name]
        while match := re.search(
            r'InitialTransformParameterFileName "(\w+)\.txt"', kinds()[chain[0]]
        ):
            chain.insert(0, match[1])
        parameters.ReadParameterFiles([str(folder / f"{one}.txt") for one in chain])
        for number in range(1, len(chain)):  # transformix looks for them in its own folder
            parameters.SetParameter(
                number,
                "InitialTransformParameterFileName",
                str(folder / f"{chain[number - 1]}.txt"),
            )
        image = itk.image_from_array(np.zeros((20,) * ndim, np.float32))
        found = transformix_points(parameters, image, points[:, :ndim])
        results[name] = integers(found)
    np.savez_compressed(folder / "results.npz", **results)


# -- ANTs


def ants_image(array: Any, geometry: dict[str, Any]) -> Any:
    """Return an ANTs image, with arrays indexed (i, j, k)."""
    import ants

    matrix_of(geometry)
    return ants.from_numpy(
        np.asarray(array, np.float32).T,
        origin=[float(o) for o in geometry["origin"]],
        spacing=[float(s) for s in geometry["spacing"]],
        direction=np.asarray(geometry["direction"]),
    )


def antspyx(fixed: Any, moving: Any, labels: Any, points: Any) -> dict[str, Any]:
    """Register with SyN; keep its files, and what ANTs makes with them, both ways."""
    import ants
    import pandas as pd

    one, two = ants_image(fixed, FIXED), ants_image(moving, MOVING)
    folder = OUT / "ants"
    folder.mkdir(parents=True, exist_ok=True)
    ants.registration(
        one,
        two,
        type_of_transform="SyN",
        outprefix=str(folder / "reg_"),
        random_seed=1,
        reg_iterations=(40, 20, 10),
    )
    affine, warp, inverse = (
        str(folder / f"reg_{name}")
        for name in ("0GenericAffine.mat", "1Warp.nii.gz", "1InverseWarp.nii.gz")
    )
    table = pd.DataFrame(points, columns=["x", "y", "z"])
    forward = ants.apply_transforms_to_points(3, table, [warp, affine])
    back = ants.apply_transforms_to_points(3, table, [affine, inverse], whichtoinvert=[True, False])
    results = {
        "points": integers(forward[["x", "y", "z"]]),
        "back": integers(back[["x", "y", "z"]]),
    }
    label_image = ants_image(labels, MOVING)
    for name, image, how in (("labels", label_image, "nearestNeighbor"), ("grey", two, "linear")):
        found = ants.apply_transforms(one, image, [warp, affine], interpolator=how)
        results[name] = found.numpy().T
    return results


def main() -> None:
    """Make the images, register them twice, and write all of it."""
    moving_labels, moving = sample(centres(MOVING))
    _, fixed = sample(known_warp(centres(FIXED)))
    moving_labels, ids = numbered(volume(moving_labels, MOVING))
    moving = np.round(volume(moving, MOVING)).astype(np.uint8)
    fixed = np.round(volume(fixed, FIXED)).astype(np.uint8)
    points = some_points()
    OUT.mkdir(parents=True, exist_ok=True)
    geometry = {
        name: {key: np.asarray(value).tolist() for key, value in image.items()}
        for name, image in (("fixed", FIXED), ("moving", MOVING))
    }
    (OUT / "geometry.json").write_text(json.dumps(geometry, indent=1) + "\n")
    np.savez_compressed(OUT / "images.npz", labels=moving_labels, ids=ids, grey=moving)
    np.savez_compressed(OUT / "points.npz", points=integers(points))
    truth = known_warp(points)
    for name, register in (("elastix", elastix), ("ants", antspyx)):
        results = register(
            fixed.astype(np.float32), moving.astype(np.float32), moving_labels, points
        )
        results["labels"] = results["labels"].astype(np.uint16)
        # of the range of 8 bits 1 / 65,535
        results["grey"] = np.round(results["grey"] * 257).astype(np.uint16)
        off = np.linalg.norm(results["points"] * UNIT - truth, axis=1)
        print(
            name,
            "mm from the known warp: median",
            np.median(off),
            "before",
            np.median(np.linalg.norm(points - truth, axis=1)),
        )
        np.savez_compressed(OUT / f"{name}_results.npz", **results)
    write_kinds()
    size = sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file())
    print(json.dumps({"files": str(OUT), "bytes": size}))


if __name__ == "__main__":
    main()

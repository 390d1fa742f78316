"""Record small registrations as brainglobe-registration makes them, for the tests of its reader.

Run it where itk-elastix is installed; the tests do not depend on it::

    python -m venv oracle && oracle/bin/pip install itk-elastix==0.25.4 tifffile
    oracle/bin/python tools/make_brainglobe_registration.py tests/data/registrations

brainglobe-registration is a napari widget; this makes the same calls of elastix and transformix, of
arrays without spacing, and writes the same files: the atlas (moving) is registered to the image
(fixed). It also stores what transformix makes of the labels and of the indices of all voxels.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import itk
import numpy as np
import tifffile
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation


def parameters(ndim: int) -> itk.ParameterObject:
    """Return an affine and a B-spline stage."""
    found = itk.ParameterObject.New()
    for kind in ("affine", "bspline"):
        values = found.GetDefaultParameterMap(kind, 2)
        values["FixedInternalImagePixelType"] = ["float"]
        values["MovingInternalImagePixelType"] = ["float"]
        values["FixedImageDimension"] = values["MovingImageDimension"] = [str(ndim)]
        values["MaximumNumberOfIterations"] = ["100"]
        values["NumberOfSpatialSamples"] = ["500"]
        if kind == "bspline":
            del values["FinalGridSpacingInPhysicalUnits"]
            values["FinalGridSpacingInVoxels"] = ["6"]
        found.AddParameterMap(values)
    return found


def register(
    atlas: np.ndarray, labels: np.ndarray, image: np.ndarray, folder: Path
) -> dict[str, Any]:
    """Register as ``elastix/register.py`` does, and write what the widget writes."""
    fixed, moving = itk.GetImageViewFromArray(image), itk.GetImageViewFromArray(atlas)
    elastix = itk.ElastixRegistrationMethod.New(fixed, moving)
    elastix.SetParameterObject(parameters(image.ndim))
    elastix.UpdateLargestPossibleRegion()
    result = elastix.GetTransformParameterObject()
    transformix = itk.TransformixFilter.New(itk.GetImageViewFromArray(image), result)
    transformix.SetComputeDeformationField(True)
    transformix.UpdateLargestPossibleRegion()
    field = itk.GetArrayFromImage(transformix.GetOutputDeformationField())[..., ::-1]
    for axis in range(field.shape[-1]):
        tifffile.imwrite(folder / f"deformation_field_{axis}.tiff", field[..., axis])
    tifffile.imwrite(folder / "downsampled.tiff", image.clip(0, 65535).astype(np.uint16))
    result.SetParameter("FinalBSplineInterpolationOrder", "0")
    ids = labels.astype(np.float32)  # itk keeps a view of this array
    warp = itk.TransformixFilter.New(itk.GetImageViewFromArray(ids))
    warp.SetTransformParameterObject(result)
    warp.UpdateLargestPossibleRegion()
    registered = np.asarray(warp.GetOutput()).round().clip(0, 60).astype(np.uint16)
    tifffile.imwrite(folder / "registered_atlas.tiff", registered)
    # points of all voxels, x first
    index = np.indices(image.shape).reshape(image.ndim, -1).T
    with tempfile.TemporaryDirectory() as place:
        lines = [" ".join(map(str, row[::-1])) for row in index]
        listed = Path(place) / "points.txt"
        listed.write_text("\n".join(["point", str(len(lines)), *lines]))
        points = itk.TransformixFilter.New(itk.GetImageViewFromArray(image), result)
        points.SetFixedPointSetFileName(str(listed))
        points.SetOutputDirectory(place)
        points.UpdateLargestPossibleRegion()
        text = (Path(place) / "outputpoints.txt").read_text().splitlines()
    there = [line.split("OutputPoint = [")[1].split("]")[0].split() for line in text]
    return {"index": index.astype(np.int16), "atlas_index": np.array(there, np.float32)[:, ::-1]}


def main(folder: Path) -> None:
    """Write both folders."""
    rng = np.random.default_rng(3)
    shape = np.array((18, 15, 17))
    labels = (
        (gaussian_filter(rng.normal(size=shape), 2) * 400).round().clip(0, 60).astype(np.uint16)
    )
    atlas = gaussian_filter(labels.astype(np.float32), 0.7) * 50
    grid = np.indices((16, 14, 15)).astype(np.float64)
    bump = np.sin(grid[0] / 5) * np.cos(grid[1] / 4)
    there = [grid[0] + 1 + 0.8 * bump, grid[1] * 1.03 + 0.3, grid[2] + 0.9 - 0.7 * bump]
    image = map_coordinates(atlas, there, order=1).astype(np.float32)
    three = folder / "brainglobe_registration_3d"
    three.mkdir(parents=True, exist_ok=True)
    found = register(atlas, labels, image, three)
    np.savez_compressed(three / "recorded.npz", labels=labels, **found)
    metadata = {
        "atlas": "example_mouse_100um",
        "atlas_transform_matrix": np.eye(3).tolist(),
        "atlas_offset": [0.0, 0.0, 0.0],
        "atlas_2d_slice_index": 9,
        "atlas_slice_corners": np.zeros((4, 3)).tolist(),
        "moving_image": "brain",
        "filter": True,
    }
    (three / "brainglobe-registration.json").write_text(json.dumps(metadata, indent=4))
    # a section, of an atlas that was turned as utils/transforms.py does it
    turn = Rotation.from_euler("XYZ", [4, -7, 11], degrees=True).as_matrix()
    corners = np.array(np.meshgrid(*([0, 1],) * 3)).reshape(3, -1).T * shape
    turned = (turn @ (corners - shape / 2).T).T + shape / 2
    size = np.ceil(turned.max(0) - turned.min(0)).astype(int)
    offset = shape / 2 - turn.T @ (size / 2)
    grey, ids = (
        affine_transform(each, turn.T, offset, tuple(size), order=order)
        for each, order in ((atlas, 1), (labels, 0))
    )
    plane = int(size[0]) // 2 + 1
    flat = np.indices((15, 16)).astype(np.float64)
    there = [flat[0] * 0.98 + 2.2 + 0.5 * np.sin(flat[1] / 4), flat[1] + 1.6]
    section = map_coordinates(grey[plane], there, order=1).astype(np.float32)
    two = folder / "brainglobe_registration_2d"
    two.mkdir(parents=True, exist_ok=True)
    found = register(grey[plane].copy(), ids[plane].copy(), section, two)
    np.savez_compressed(two / "recorded.npz", labels=labels, **found)
    metadata |= {
        "atlas_transform_matrix": turn.T.tolist(),
        "atlas_offset": offset.tolist(),
        "atlas_2d_slice_index": plane,
    }
    (two / "brainglobe-registration.json").write_text(json.dumps(metadata, indent=4))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

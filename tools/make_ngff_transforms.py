"""Record coordinate transformations of OME-Zarr as ngff-zarr writes them, for tests of a reader.

Run it where ngff-zarr and itk are installed; the tests do not depend on them::

    python -m venv oracle && oracle/bin/pip install "ngff-zarr[itk]==0.50.0"
    oracle/bin/python tools/make_ngff_transforms.py tests/data/registrations/ngff_zarr
Each store has one kind of document. With each is stored where ITK puts 400 points, from the
transform that was converted or, where there was none, from what ngff-zarr converts back.
that was converted or, where there was none, from what ngff-zarr converts back.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import dask.array as da
import itk
import ngff_zarr as nz
import numpy as np
from ngff_zarr.v06.zarr_metadata import (
    Affine,
    Axis,
    Bijection,
    CoordinateSystem,
    CoordinateSystemIdentifier,
    MapAxis,
    Rotation,
    Scale,
    TransformSequence,
    Translation,
)

ZYX = ("z", "y", "x")


def image(shape: tuple[int, ...], unit: str, orientation: Any = None) -> nz.NgffMultiscales:
    """Return an image of zeros with voxels of 2, 1.5 and 1."""
    spatial = nz.NgffImage(
        da.zeros(shape, dtype="u1"),
        ZYX,
        dict(zip(ZYX, (2.0, 1.5, 1.0), strict=True)),
        dict.fromkeys(ZYX, 0.0),
        axes_units=dict.fromkeys(ZYX, unit),
        axes_orientations=orientation,
    )
    return nz.to_multiscales(spatial, scale_factors=[])


def points_of(transform: Any, xyz: Any) -> Any:
    """Return where a transform of ITK puts points."""
    return np.array([list(transform.TransformPoint([float(v) for v in row])) for row in xyz])


def native(transforms: list[Any]) -> Any:
    """Return what ngff-zarr converts to as a transform of itk."""
    found = itk.transform_from_dict(asdict(transforms[0]))
    return found.GetNthTransform(0) if hasattr(found, "GetNthTransform") else found


def named(transform: Any, source: str, target: str) -> Any:
    """Return a transformation with its ends."""
    ends = [CoordinateSystemIdentifier(name=n) for n in (source, target)]
    return replace(transform, input=ends[0], output=ends[1])


def with_transform(multiscales: nz.NgffMultiscales, transform: Any) -> nz.NgffMultiscales:
    """Return an image with a second coordinate system, and the transformation to it."""
    metadata = multiscales.metadata.to_version("0.6")
    own = metadata.coordinateSystems[0]
    other = CoordinateSystem("atlas", [replace(axis) for axis in own.axes])
    metadata = replace(
        metadata,
        coordinateSystems=[own, other],
        coordinateTransformations=[named(transform, own.name, "atlas")],
    )
    return replace(multiscales, metadata=metadata)


def main(folder: Path) -> None:
    """Write the stores."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    xyz = rng.uniform([0, 0, 0], [10.9, 14.9, 17.9], (400, 3))
    recorded: dict[str, Any] = {"xyz": xyz}

    affine = itk.AffineTransform[itk.D, 3].New()
    matrix = np.eye(3) + rng.normal(scale=0.05, size=(3, 3))
    affine.SetMatrix(itk.matrix_from_array(matrix))
    affine.SetTranslation([3.5, -2.25, 1.125])
    converted = nz.itk_transform_to_ngff_transform(affine, ZYX)
    store = with_transform(image((10, 11, 12), "micrometer"), converted)
    nz.to_ome_zarr(str(folder / "affine.ome.zarr"), store, version="0.6")
    recorded["affine"] = points_of(affine, xyz)

    size = (10, 11, 12)
    vectors = (rng.normal(scale=100, size=(*size, 3)).round() / 256).astype(np.float32)
    vector_image = itk.image_from_array(vectors, ttype=itk.Image[itk.Vector[itk.F, 3], 3])
    vector_image.SetSpacing([1.0, 1.5, 2.0])
    field = itk.DisplacementFieldTransform[itk.F, 3].New()
    field.SetDisplacementField(vector_image)
    entry, array = nz.itk_displacement_field_to_ngff_transform(
        field, ZYX, path="displacement_field"
    )
    place = folder / "field.ome.zarr"
    nz.to_ome_zarr(
        f"{place}/displacement_field", nz.to_multiscales(array, scale_factors=[]), version="0.6"
    )
    nz.to_ome_zarr(
        str(place), with_transform(image(size, "micrometer"), entry), version="0.6", overwrite=False
    )
    recorded["field"] = points_of(field, xyz)

    # by itself: the field is its own image, of absolute positions
    grid = np.stack(
        np.meshgrid(
            *(np.arange(n) * s for n, s in zip(size, (2.0, 1.5, 1.0), strict=True)), indexing="ij"
        )
    )
    positions = (grid + np.moveaxis(vectors, -1, 0)[::-1]).astype(np.float32)
    own = nz.NgffImage(
        da.from_array(positions),
        ("c", *ZYX),
        {"c": 1.0, "z": 2.0, "y": 1.5, "x": 1.0},
        dict.fromkeys(("c", *ZYX), 0.0),
        axes_units=dict.fromkeys(ZYX, "millimeter"),
        axes_types={"c": "coordinate"},
    )
    declared = nz.declare_field_transform(
        nz.to_multiscales(own, scale_factors=[]), transform_type="coordinates"
    )
    nz.to_ome_zarr(str(folder / "coordinates.ome.zarr"), declared, version="0.6")

    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    sequence = TransformSequence(
        transformations=[
            Scale(scale=[1.5, 0.75, 2.0]),
            Rotation(rotation=turn.tolist()),
            MapAxis(mapAxis=[2, 0, 1]),
            Translation(translation=[4.0, -1.0, 0.5]),
        ]
    )
    nz.to_ome_zarr(str(folder / "alone.ome.zarr"), sequence, version="0.6")
    recorded["alone"] = points_of(native(nz.ngff_transform_to_itk_transform(sequence, ZYX)), xyz)

    # two images in worlds that say their orientation, and a third system
    ways = ("superior-to-inferior", "anterior-to-posterior", "right-to-left")
    others = ("inferior-to-superior", "posterior-to-anterior", "left-to-right")
    first, second = (
        {
            d: nz.AnatomicalOrientation(value=nz.AnatomicalOrientationValues(w))
            for d, w in zip(ZYX, way, strict=True)
        }
        for way in (ways, others)
    )
    images = {
        "fixed": image(size, "millimeter", first),
        "moving": image((9, 8, 7), "micrometer", second),
    }
    inner = {
        name: each.metadata.to_version("0.6").coordinateSystems[0].name
        for name, each in images.items()
    }
    linear = np.hstack([np.eye(3) * 1000 + rng.normal(size=(3, 3)), rng.normal(size=(3, 1)) * 900])
    inverse = np.linalg.inv(np.vstack([linear, [0, 0, 0, 1]]))[:3]
    axes = [Axis(d, "space", "millimeter", o) for d, o in second.items()]
    ends = {name: CoordinateSystemIdentifier(path=name, name=inner[name]) for name in images}
    scene = nz.NgffScene(
        images,
        [
            Bijection(
                forward=Affine(affine=linear.tolist()),
                inverse=Affine(affine=inverse.tolist()),
                input=ends["fixed"],
                output=ends["moving"],
            ),
            Translation(
                translation=[1.0, 2.0, 3.0],
                input=CoordinateSystemIdentifier(name="world"),
                output=ends["fixed"],
            ),
        ],
        [CoordinateSystem("world", axes)],
    )
    nz.to_ome_zarr(str(folder / "scene.ome.zarr"), scene, version="0.6")
    recorded["scene_affine"] = linear
    np.savez_compressed(folder / "recorded.npz", **recorded)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Simulated functional recording of a mouse brain, for the tutorial "A recording through ANTs".

    pip install antspyx zarr
    python docs/data/simulated_recording.py

writes ``docs/data/ants``: the files that ANTs leaves when the mean image of the recording (fixed)
is registered to a grey image of the packaged labels (moving). The tutorial makes the same
recording, over time, by :func:`recording`, and reads these files; it does not need ANTs.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SHAPE, VOXEL = (44, 22, 32), np.array([0.22, 0.4, 0.22])
"""Voxels to the right, to anterior and to superior, and their size in mm."""

MIDDLE = np.array([-5.675, -7.0, -3.2])
"""Where the middle of the recording lies in the world of the atlas, RAS mm."""

OUT = Path(__file__).parent / "ants"


def turn() -> Any:
    """Return the rotation of the recording in its own world."""
    pitch, yaw = np.radians([6.0, -4.0])
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    about_z = [[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]]
    return np.array(about_z) @ about_x


def affine() -> Any:
    """Return the affine of the recording: its middle is the origin of the scanner."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(VOXEL)
    matrix[:3, 3] = -matrix[:3, :3] @ (np.array(SHAPE) - 1) / 2
    return matrix


def to_atlas(points: Any) -> Any:
    """Map points (..., 3) of the recording to the atlas, both RAS mm: rotation and deformation."""
    x, y, z = np.moveaxis(points, -1, 0)
    bend = [
        0.25 * np.sin(y / 1.9) * np.cos(z / 2.3),
        0.20 * np.sin(z / 1.7 + 0.5),
        0.25 * np.cos(x / 2.1) * np.sin(y / 2.6),
    ]
    return (points * [1.04, 0.97, 1.02]) @ turn().T + MIDDLE + np.stack(bend, axis=-1)


def labels(annotation: Any, first: Any, size: float) -> Any:
    """Look up labels of an array (ap, dv, ml) of BrainGlobe at each voxel of the recording."""
    index = np.stack(np.indices(SHAPE), axis=-1)
    world = index @ affine()[:3, :3].T + affine()[:3, 3]
    there = -to_atlas(world)[..., [1, 2, 0]]  # BrainGlobe counts to posterior, inferior and left
    at = np.round((there - first) / size).astype(int)
    inside = ((at >= 0) & (at < annotation.shape)).all(axis=-1)
    found = annotation[tuple(np.moveaxis(np.where(inside[..., None], at, 0), -1, 0))]
    return np.where(inside, found, 0)


def grey(values: Any) -> Any:
    """Return a grey value for each label, 0 for background."""
    mixed = (values.astype(np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)
    return np.where(values > 0, 0.3 + 0.7 * mixed / 2**32, 0.0).astype(np.float32)


def recording(annotation: Any, first: Any, size: float, active: Any, frames: int = 400) -> Any:
    """Return a recording over time (x, y, z, time), in percent of its mean.

    It comes with the grey image.

    Parameters
    ----------
    annotation : array (ap, dv, ml)
    first : array of three float
        The center of the first voxel, in mm.
    size : float
        Of a voxel, in mm.
    active : mapping of str to (set of int, sides)
        Of each network the labels that belong to it; sides is "left" or "both".
    """
    rng = np.random.default_rng(7)
    here = labels(annotation, first, size)
    x = np.arange(SHAPE[0])[:, None, None] * np.ones(SHAPE)
    left = x < (SHAPE[0] - 1) / 2
    signal = rng.normal(0, 1.5, (*SHAPE, frames)).astype(np.float32)
    signal += rng.normal(0, 0.1, frames).astype(np.float32)
    for course, (held, sides) in active.items():
        inside = np.isin(here, list(held)) & (left if sides == "left" else True)
        signal[inside] += COURSES[course](frames, rng).astype(np.float32)
    return signal, grey(here)


def stimulus(frames: int) -> Any:
    """Return whether the stimulus is on: 7 s of each 20 s, of frames of 0.5 s."""
    return (np.arange(frames) % 40) // 14 == 1


def _response(frames: int, rng: Any) -> Any:
    kernel = np.exp(-np.arange(12) / 4.0)
    return 1.2 * np.convolve(stimulus(frames), kernel / kernel.sum())[:frames]


def _slow(frames: int, rng: Any) -> Any:
    walk = np.cumsum(rng.normal(size=frames + 40))
    smooth = np.convolve(walk - np.convolve(walk, np.ones(41) / 41, "same"), np.ones(5) / 5, "same")
    return 0.9 * smooth[20 : frames + 20] / smooth.std()


COURSES = {"stimulus": _response, "first": _slow, "second": _slow}


def main() -> None:
    """Register the mean image with ANTs."""
    import ants
    import nibabel
    import scipy.ndimage
    import zarr

    root = Path(__file__).parents[2] / "src/xarray_atlas/data/annotation-sets"
    store = root / "allen-adult-mouse-annotation/2017/annotation.ome.zarr/1"
    annotation = np.asarray(zarr.open(str(store), mode="r")[:])
    size, first = 0.1, np.full(3, 0.025)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        moving = scipy.ndimage.gaussian_filter(grey(annotation), 0.8)
        world = np.zeros((4, 4))
        for column, row in ((0, 1), (1, 2), (2, 0)):  # ap, dv and ml are -y, -z and -x
            world[row, column], world[row, 3] = -size, -first[column]
        world[3, 3] = 1
        nibabel.save(nibabel.Nifti1Image(moving, world), f"{folder}/atlas.nii.gz")
        fixed = scipy.ndimage.gaussian_filter(grey(labels(annotation, first, size)), 0.5)
        fixed += np.random.default_rng(1).normal(0, 0.01, SHAPE).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(fixed, affine()), f"{folder}/mean.nii.gz")
        images = [ants.image_read(f"{folder}/{name}.nii.gz") for name in ("mean", "atlas")]
        begin = ants.create_ants_transform(transform_type="Euler3DTransform")
        begin.set_parameters([0, 0, 0, *(MIDDLE * [-1, -1, 1])])
        ants.write_transform(begin, f"{folder}/begin.mat")
        found = ants.registration(
            *images, type_of_transform="SyN", initial_transform=f"{folder}/begin.mat",
            reg_iterations=(80, 60, 40), syn_metric="CC", syn_sampling=2, random_seed=1,
            outprefix=f"{folder}/reg_",
        )  # fmt: skip
        for path in found["fwdtransforms"]:
            shutil.copy(path, OUT / Path(path).name)
            print(path)


if __name__ == "__main__":
    main()

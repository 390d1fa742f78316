"""Time and memory of images and points through transforms, beside SimpleITK's.

    python benchmarks/transforms.py --source ANNOTATION.ome.zarr --resolution "25 um"

brings the labels of an atlas onto a turned and scaled grid of the same size, and through a
displacement field on a grid of its own, a float image likewise, and maps a million points through a
chain of both. SimpleITK does the same with 2 threads, in turn, on arrays in memory; of ours the
lines named "from the store" begin with the compressed chunks. Shown are medians and their ratio,
the share of voxels that differ, and the processor's time, which other work on the machine changes
less. Points go through SimpleITK one by one, as its interface has it.

*Growth* is how far the resident memory of a process of its own rose while it did the task, the
result included, sampled every 5 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, os.fspath(Path(__file__).parent))

import numpy as np
from measuring import cost_of

SAMPLE = "the packaged sample"
DIMS = ("z", "y", "x")
THREADS = 2
FIELD_STEP = 4
"""Voxels of the labels along one of the field."""


def rotation() -> Any:
    """Turn by 6, -9 and 5 degrees, and scale by 5, -3 and 2 per cent."""
    found = np.eye(3)
    for (i, j), degrees in (((0, 1), 6), ((1, 2), -9), ((0, 2), 5)):
        turn = np.eye(3)
        angle = np.deg2rad(degrees)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        found = found @ turn
    return found @ np.diag([1.05, 0.97, 1.02])


class Case:
    """An atlas, its grid, a matrix and a field between its coordinates, and those of SimpleITK."""

    def __init__(self, source: str, resolution: str | None) -> None:
        import SimpleITK as sitk
        import xarray as xr
        from scipy.ndimage import zoom

        import xarray_atlas

        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(THREADS)
        self.ds = (
            xarray_atlas.open_sample("50 um")
            if source == SAMPLE
            else xarray_atlas.open_atlas(source, resolution=resolution)
        )
        ways = {d: self.ds[d].attrs["direction"] for d in DIMS}
        centres = {d: np.asarray(self.ds[d].values, float) for d in DIMS}
        self.step = float(centres["z"][1] - centres["z"][0])
        self.image = xr.Dataset(
            coords={d: (d, centres[d], {"units": "mm", "direction": ways[d]}) for d in DIMS}
        )
        middle = np.array([(values[0] + values[-1]) / 2 for values in centres.values()])
        self.matrix = np.eye(4)
        self.matrix[:3, :3] = rotation()
        self.matrix[:3, 3] = middle - rotation() @ middle + (0.1, -0.05, 0.07)
        self.itk_matrix = sitk.AffineTransform(3)
        self.itk_matrix.SetMatrix(self.matrix[:3, :3][::-1, ::-1].ravel().tolist())
        self.itk_matrix.SetTranslation(self.matrix[:3, 3][::-1].tolist())

        shape = [self.ds.sizes[d] // FIELD_STEP for d in DIMS]
        noise = np.random.default_rng(0).normal(scale=0.2, size=(3, 6, 6, 6))
        wanted = [n / 6 for n in shape]
        moves = [zoom(part, wanted, order=3, mode="nearest", grid_mode=True) for part in noise]
        values = np.stack(moves).astype(np.float32)
        coarse = self.step * FIELD_STEP
        first = {d: centres[d][0] + (FIELD_STEP - 1) / 2 * self.step for d in DIMS}
        coords: dict[str, Any] = {"component": list(DIMS)}
        for d, n in zip(DIMS, shape, strict=True):
            attrs = {"units": "mm", "direction": ways[d]}
            coords[d] = (d, first[d] + coarse * np.arange(n), attrs)
        field = xr.DataArray(values, coords, ("component", *DIMS), attrs={"units": "mm"})
        self.field = xarray_atlas.Transform.from_field(field, outside="identity")
        vectors = np.ascontiguousarray(np.moveaxis(values[::-1], 0, -1), np.float64)
        image = sitk.GetImageFromArray(vectors, isVector=True)
        image.SetSpacing((coarse,) * 3)
        image.SetOrigin([float(first[d]) for d in DIMS[::-1]])
        self.itk_field = sitk.DisplacementFieldTransform(image)

    def transform(self, kind: str) -> Any:
        """Ours, of one kind."""
        return self.matrix if kind == "affine" else self.field

    def labels(self, kind: str, ds: Any) -> Any:
        """Ours: the labels through a transform."""
        import xarray_atlas

        return xarray_atlas.resample_like(ds, self.image, self.transform(kind)).annotation

    def values(self, kind: str, image: Any, atlas: Any) -> Any:
        """Ours: a float image through the transform, as an atlas's template."""
        import xarray_atlas

        made = xarray_atlas.resample_like(
            atlas.drop_vars("annotation").assign(image=image), self.image, self.transform(kind)
        )
        return made["image"].values

    def itk_image(self, array: Any) -> Any:
        """SimpleITK's image of an array on the atlas's grid."""
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(array)
        image.SetSpacing((self.step,) * 3)
        image.SetOrigin([float(self.image[d].values[0]) for d in DIMS[::-1]])
        return image

    def itk(self, kind: str, image: Any, method: str = "nearest") -> Any:
        """SimpleITK's: an image through the transform."""
        import SimpleITK as sitk

        transform = self.itk_matrix if kind == "affine" else self.itk_field
        how = sitk.sitkNearestNeighbor if method == "nearest" else sitk.sitkLinear
        outside = 0 if method == "nearest" else float("nan")
        return sitk.Resample(image, image, transform, how, outside)


def in_turn(ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int) -> tuple[Any, Any]:
    """Return the medians of (seconds, seconds of the processor) of two tasks done in turn."""
    taken: list[list[tuple[float, float]]] = [[], []]
    for _ in range(repeat):
        for costs, run in zip(taken, (ours, theirs), strict=True):
            begin, processor = time.perf_counter(), time.process_time()
            run()
            costs.append((time.perf_counter() - begin, time.process_time() - processor))
    first, second = (tuple(map(statistics.median, zip(*costs, strict=True))) for costs in taken)
    return first, second


def show(name: str, ours: tuple[float, float], theirs: tuple[float, float], differ: str) -> None:
    print(
        f"{name:36}{ours[0]:8.2f}{theirs[0]:11.2f}{ours[0] / theirs[0]:8.2f}"
        f"{ours[1] / theirs[1]:12.2f}{differ:>12}",
        flush=True,
    )


def report_images(case: Case, repeat: int) -> None:
    import SimpleITK as sitk

    loaded = case.ds.compute()
    labels = loaded.annotation.values
    image = case.itk_image(labels)
    for kind in ("affine", "field"):
        theirs = sitk.GetArrayFromImage(case.itk(kind, image))
        differ = (case.labels(kind, case.ds).values != theirs).mean()
        del theirs
        for name, run in (
            ("from the store", lambda kind=kind: case.labels(kind, case.ds).values),
            ("in memory", lambda kind=kind: case.labels(kind, loaded).values),
        ):
            costs = in_turn(run, lambda kind=kind: case.itk(kind, image), repeat)
            show(f"labels, {kind}, {name}", *costs, f"{differ:.1e}")
    values = np.sqrt(labels % 1000).astype(np.float32)
    image = case.itk_image(values)
    ours = loaded.annotation.copy(data=values)
    for kind in ("affine", "field"):
        theirs = sitk.GetArrayFromImage(case.itk(kind, image, "linear"))
        found = case.values(kind, ours, loaded)
        differ = np.nanmax(np.abs(found - theirs)) / np.ptp(values)
        del theirs, found
        costs = in_turn(
            lambda kind=kind: case.values(kind, ours, loaded),
            lambda kind=kind: case.itk(kind, image, "linear"),
            repeat,
        )
        show(f"float image, linear, {kind}", *costs, f"{differ:.1e}")


def report_points(case: Case, count: int, repeat: int) -> None:
    import SimpleITK as sitk

    import xarray_atlas

    both = sitk.CompositeTransform([case.itk_matrix, case.itk_field])  # the last one first
    chain = xarray_atlas.open_transform(both)
    extent = [case.step * case.ds.sizes[d] for d in DIMS[::-1]]
    points = np.random.default_rng(1).uniform(0, extent, (count, 3))
    turned = points * (-1, -1, 1)  # LPS to RAS
    few = points[: max(count // 20, 1)].tolist()
    theirs = np.array([both.TransformPoint(point) for point in few])
    differ = np.abs(chain.points(turned)[: len(few)] * (-1, -1, 1) - theirs).max()

    def one_by_one() -> None:
        for point in few:
            both.TransformPoint(point)

    ours, itk = in_turn(lambda: chain.points(turned), one_by_one, repeat)
    scale = count / len(few)
    show(f"{count:,} points, chain", ours, (itk[0] * scale, itk[1] * scale), f"{differ:.0e} mm")


# -- memory, each task in a process of its own


def memory_of(task: str, case: Case) -> float:
    who, kind = task.split()
    if who == "SimpleITK":
        import SimpleITK as sitk

        labels = case.ds.annotation.values
        _, cost = cost_of(lambda: sitk.GetArrayFromImage(case.itk(kind, case.itk_image(labels))))
    elif who == "memory":
        loaded = case.ds.compute()
        _, cost = cost_of(lambda: case.labels(kind, loaded).values)
    else:
        _, cost = cost_of(lambda: case.labels(kind, case.ds).values)
    return cost["megabytes"]


def report_memory(options: argparse.Namespace, result: float) -> None:
    print(f"\n{'':36}{'growth, MB':>12}   the result takes {result:.0f}")
    names = {
        "memory": "in memory",
        "store": "from the store",
        "SimpleITK": "SimpleITK, in memory",
    }
    for kind in ("affine", "field"):
        for who, name in names.items():
            command = [sys.executable, __file__, "--source", options.source, "--task"]
            command += [f"{who} {kind}"]
            command += ["--resolution", options.resolution] if options.resolution else []
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rise = json.loads(done.stdout.splitlines()[-1])
            print(f"{'labels, ' + kind + ', ' + name:48}{rise:6.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default=SAMPLE, help="an annotation (default: %(default)s)")
    parser.add_argument("--resolution", help="of the source")
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    case = Case(options.source, options.resolution)
    if options.task:
        print(json.dumps(memory_of(options.task, case)))
        return
    shape = " x ".join(str(case.ds.sizes[d]) for d in DIMS)
    print(f"{shape} voxels, {os.cpu_count()} cores")
    print(f"{'seconds':36}{'ours':>8}{'SimpleITK':>11}{'ratio':>8}{'processor':>12}{'differ':>12}")
    report_points(case, options.points, options.repeat)
    report_images(case, options.repeat)
    report_memory(options, case.ds.annotation.nbytes / 1e6)


if __name__ == "__main__":
    main()

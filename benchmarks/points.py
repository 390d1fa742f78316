"""The regions at many points, beside a fancy index of the loaded array and BrainGlobe's lookup.

    python benchmarks/points.py --source ANNOTATION.ome.zarr --resolution "25 um"

Each round opens the store anew, so that `region_at` reads it cold (but for the file system's
own cache), and does in turn:

- *load*: the whole array, through the same store and dask;
- *fancy*: positions to indices, and a fancy index of the loaded array: labels only;
- *region_at*: regions, ids, hemispheres and status, from the store;
- *in memory*: the same on the loaded array.

With `--manifest`, brainglobe-atlasapi is asked for the acronym and hemisphere of some points, one
at a time, and scaled to all of them: with its arrays in memory beside *in memory*, and with
its `dask=True`, which reads a chunk a point, beside *region_at*.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

import xarray_atlas


def clocked(function: Any, *args: Any, **keywords: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = function(*args, **keywords)
    return time.perf_counter() - begin, result


def fancy(labels: Any, points: Any, step: Any) -> Any:
    return labels[tuple((points / step).astype(np.intp).T)]


def brainglobe(manifest: str, points: Any) -> dict[str, float]:
    """Seconds for a point, acronym and hemisphere, of BrainGlobe's API: in memory, and lazily."""
    from brainglobe_atlasapi.core import Atlas

    found = {}
    for name, lazy, number in (("in memory", False, 20_000), ("lazily", True, 30)):
        atlas = Atlas(manifest, dask=lazy)
        microns = points[:number] * np.array(atlas.shape) * atlas.resolution
        # what it keeps is not timed
        _ = atlas.annotation, atlas.hemispheres
        seconds, _ = clocked(_one_at_a_time, atlas, microns)
        found[name] = seconds / number
    return found


def _one_at_a_time(atlas: Any, microns: Any) -> None:
    for point in microns:
        atlas.structure_from_coords(point, microns=True, as_acronym=True)
        atlas.hemisphere_from_coords(point, microns=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", help="annotation OME-Zarr (default: the packaged sample)")
    parser.add_argument("--resolution", help="the level (default: the finest)")
    parser.add_argument("--manifest", help="of an atlas that brainglobe-atlasapi can read")
    parser.add_argument("--number", type=int, default=1_000_000, help="points")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    source = options.source or xarray_atlas.open_sample("50 um").attrs["source"]

    def opened() -> Any:
        return xarray_atlas.open_atlas(source, resolution=options.resolution, midline="5.7 mm")

    shape = opened().annotation.shape
    step = np.array(opened().atlas.space.voxel_size)
    # in the brain: of many points in background there is a warning, which reads once more
    rng = np.random.default_rng(0)
    brain = np.argwhere(opened().annotation.values)
    points = (rng.choice(brain, options.number) + rng.random((options.number, 3))) * step
    asked = {"axes": ("ap", "dv", "ml"), "unit": "mm", "frame": "brainglobe"}
    took: dict[str, list[float]] = {n: [] for n in ("load", "fancy", "region_at", "in memory")}
    for _ in range(options.repeat):
        ds = opened()
        seconds, labels = clocked(ds.annotation.data.compute)
        took["load"].append(seconds)
        seconds, found = clocked(fancy, labels, points, step)
        took["fancy"].append(seconds)
        ds = opened()
        seconds, regions = clocked(xarray_atlas.region_at, ds, points, **asked)
        took["region_at"].append(seconds)
        known = regions.status.values == 0
        assert (regions.region_id.values[known] == found[known]).all()
        loaded = ds.assign(annotation=(ds.annotation.dims, labels))
        seconds, _ = clocked(xarray_atlas.region_at, loaded, points, **asked)
        took["in memory"].append(seconds)
    median = {name: statistics.median(seconds) for name, seconds in took.items()}
    print(f"{options.number} points in {' x '.join(map(str, shape))} voxels")
    for name, seconds in median.items():
        print(f"{name:10} {seconds:8.3f} s")
    both = median["load"] + median["fancy"]
    print(f"region_at from the store: {median['region_at'] / both:.2f} x (load + fancy index)")
    print(
        f"region_at in memory: {median['in memory'] / median['fancy']:.1f} x the fancy index alone"
    )
    if options.manifest:
        ours = {"in memory": median["in memory"], "lazily": median["region_at"]}
        points = np.random.default_rng(0).uniform(0, 1, (20_000, 3))
        for name, seconds in brainglobe(options.manifest, points).items():
            ratio = seconds * options.number / ours[name]
            print(f"BrainGlobe {name}: {seconds * 1e6:.1f} us a point, {ratio:.0f} x region_at")


if __name__ == "__main__":
    main()

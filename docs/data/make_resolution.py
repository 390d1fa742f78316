"""Write resolution.csv: how many voxels change their region with the resolution or a shift.

    python docs/data/make_resolution.py ANNOTATION.ome.zarr

The argument is the URL or path of the Allen CCFv3 2017 annotation with levels of 25, 50 and
100 um, as of make_region_voxels.py. Each voxel of 25 um inside the brain is compared with another
one: the voxel of 50 or 100 um that holds its centre ("resolution"), or the voxel of 25 um at a
distance along one axis, averaged over the six directions ("shift"). A row has the percentage of
voxels with another label, and with another region at levels 6 and 5 of the hierarchy. Outside of
the brain counts as another region.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import xarray_atlas

LEVELS = {"label": None, "level 6": 6, "level 5": 5}


def region_numbers(ds, level):
    """Return a function from labels to numbers of their ancestors at a level of the hierarchy."""
    ids = np.sort(ds.atlas.regions.id.to_numpy())
    above = np.zeros(len(ids) + 1, dtype="uint16")  # 0: outside of the brain
    for number, one in enumerate(ids):
        path = ds.atlas.region(int(one)).path
        node = path[-1] if level is None else path[min(level, len(path) - 1)]
        above[number + 1] = np.searchsorted(ids, node.id) + 1
    return lambda labels: above[np.where(labels > 0, np.searchsorted(ids, labels) + 1, 0)]


def other(here, there):
    """Return the percentage of voxels inside the brain that change their region."""
    inside = here > 0
    return 100 * np.count_nonzero(there[inside] != here[inside]) / np.count_nonzero(inside)


def by_shift(numbers, step):
    """Return the mean percentage over the six directions, at a distance in voxels."""
    found = []
    for axis in range(3):
        for sign in (1, -1):
            moved = np.zeros_like(numbers)
            to, of = [slice(None)] * 3, [slice(None)] * 3
            to[axis] = slice(step, None) if sign > 0 else slice(None, -step)
            of[axis] = slice(None, -step) if sign > 0 else slice(step, None)
            moved[tuple(to)] = numbers[tuple(of)]
            found.append(other(numbers, moved))
    return np.mean(found)


def main(source: str) -> None:
    """Compare, and write the table."""
    fine = xarray_atlas.open_atlas(source, resolution="25 um")
    labels = fine.annotation.to_numpy()
    coarse = {}
    for size, times in ((50, 2), (100, 4)):
        ds = xarray_atlas.open_atlas(source, resolution=f"{size} um")
        wide = ds.annotation.to_numpy()
        for axis in range(3):
            wide = wide.repeat(times, axis=axis)
        coarse[size] = wide[tuple(slice(n) for n in labels.shape)]
    rows = {}
    for name, level in LEVELS.items():
        numbers = region_numbers(fine, level)
        here = numbers(labels)
        for size, wide in coarse.items():
            rows.setdefault(("resolution", size), {})[name] = other(here, numbers(wide))
        for step in (1, 2, 4, 8):
            rows.setdefault(("shift", 25 * step), {})[name] = by_shift(here, step)
    table = pd.DataFrame(rows).T.rename_axis(["what", "um"]).sort_index()
    target = Path(__file__).with_name("resolution.csv")
    table.to_csv(target, float_format="%.3f", lineterminator="\n")


if __name__ == "__main__":
    main(sys.argv[1])

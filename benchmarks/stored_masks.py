"""What the mask of a region costs from the masks that a store has, and from its labels.

    python benchmarks/stored_masks.py --root FOLDER --name allen_mouse_50um

reads an atlas in BrainGlobe's layout (with ``annotations.ome.zarr``) as a bucket has it, from a
file system in memory, so that no network is measured. Each mask is computed by a fresh opening
that no pass has been made of; the medians of both, and their ratio, are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

import fsspec

import xarray_atlas


def seconds(root: str, name: str, region: str, ready: bool) -> float:
    """Compute a mask of a fresh opening."""
    ds = xarray_atlas.open_atlas(name, root=root)
    if not ready:
        # with a terminology that was given, masks of the atlas's own are not taken
        ds = xarray_atlas.open_atlas(name, root=root, terminology=ds.atlas.terminology)
    begin = time.perf_counter()
    mask = ds.atlas.mask(region)
    assert any("stored-mask" in layer for layer in mask.data.dask.layers) is ready
    mask.compute()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", required=True)
    parser.add_argument("--name", default="allen_mouse_50um")
    parser.add_argument("--regions", nargs="*", default=["root", "Isocortex", "RSP", "CA1"])
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    memory = fsspec.filesystem("memory")
    memory.put(f"{options.root}/", "/atlas/", recursive=True)
    for region in options.regions:
        took = {
            ready: statistics.median(
                seconds("memory://atlas", options.name, region, ready)
                for _ in range(options.repeat)
            )
            for ready in (True, False)
        }
        print(
            f"{region}: {took[True]:.3f} s from its mask, {took[False]:.3f} s from the labels: "
            f"{took[False] / took[True]:.1f} times"
        )


if __name__ == "__main__":
    main()

"""Write region_voxels.csv: the voxels of every region at 25, 50 and 100 um.

    python docs/data/make_region_voxels.py ANNOTATION.ome.zarr

The argument is the URL or path of the Allen CCFv3 2017 annotation with a level
of 25 um, for example

    s3://brainglobe/atlas/annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr

The counts at 25 um come from there, those at 50 and 100 um from the sample that
comes with the package. A count includes the region's descendants.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import xarray_atlas


def voxels(ds):
    """Count the voxels of all regions, from their volumes."""
    size = np.prod([length.magnitude for length in ds.atlas.spacing.values()])
    return np.rint(ds.atlas.volume().pint.magnitude / size).astype(int)


def main(source: str) -> None:
    """Count at three resolutions, and write the table."""
    fine = xarray_atlas.open_atlas(source, resolution="25 um")
    regions = fine.atlas.regions
    table = pd.DataFrame(
        {"acronym": regions.acronym, "id": regions.id, "voxels_25um": voxels(fine)}
    )
    for resolution in ("50 um", "100 um"):
        ds = xarray_atlas.open_sample(resolution)
        if ds.atlas.terminology != fine.atlas.terminology:
            raise SystemExit("the atlas has other regions than the packaged sample")
        table[f"voxels_{resolution.replace(' ', '')}"] = voxels(ds)
    target = Path(__file__).with_name("region_voxels.csv")
    table.to_csv(target, index=False, lineterminator="\n")


if __name__ == "__main__":
    main(sys.argv[1])

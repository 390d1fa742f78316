"""The command ``convert``."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_level, add_source
from xarray_atlas.errors import StoreExistsError, StoreFormatError

__all__ = ["CONVERT"]

DESCRIPTION = """\
Write an atlas in another format, which the ending of the name tells:
  .nii, .nii.gz  labels as NIfTI          .nrrd  labels as NRRD
  .zarr, .nc     all of it, for xarray    .csv   the table of regions
  .txt, .label   names and colours of regions, for ITK-SNAP
Without an ending: a folder in BrainGlobe's layout, which its tools read.
"""

OUTPUT = """\
output:
  the path of what was written; one that is there is not overwritten

examples:
  xarray-atlas convert labels.nii.gz --resolution "100 um"
  xarray-atlas convert atlas.zarr --atlas allen_mouse_25um
  xarray-atlas convert labels.nii.gz --dtype uint16; \\
  xarray-atlas convert labels.txt      # the two for ITK-SNAP
"""

IMAGES = (".nii", ".nii.gz", ".nrrd")
DATASETS = (".zarr", ".nc")
TABLES = (".csv", ".txt", ".label")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="what to write")
    parser.add_argument(
        "--dtype",
        metavar="TYPE",
        help="of labels in NIfTI and NRRD, such as uint16, for ITK-SNAP: they are numbered as in "
        "its table; by default one that holds them as they are",
    )
    add_source(parser)
    add_level(parser)


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.atlases.exporting import to_nifti, to_nrrd
    from xarray_atlas.atlases.saving import save
    from xarray_atlas.coords.atlas_index import find_atlas

    path = Path(args.path)
    ending = "".join(path.suffixes[-2:]) if path.suffixes[-1:] == [".gz"] else path.suffix
    known = (*IMAGES, *DATASETS, *TABLES)
    if ending not in ("", *known):
        raise StoreFormatError(
            f"{args.path}: there is no format for {ending!r}; there are {', '.join(known)}, and a "
            "folder without an ending"
        )
    if path.exists() and (ending or not path.is_dir()):
        raise StoreExistsError(f"there is something at {args.path}; it is not overwritten")
    if args.dtype and ending not in IMAGES:
        raise StoreFormatError(f"--dtype is for {', '.join(IMAGES)}")
    ds = atlas.open_named(args)
    terminology, _ = find_atlas(ds)
    with atlas.progress():
        if ending in (".nii", ".nii.gz"):
            to_nifti(ds, path, dtype=args.dtype)
        elif ending == ".nrrd":
            to_nrrd(ds, path, dtype=args.dtype)
        elif ending == ".zarr":
            with warnings.catch_warnings():
                # that other implementations may not know it: xarray opens either, and warns without
                warnings.filterwarnings("ignore", message="Consolidated metadata")
                ds.to_zarr(path)
        elif ending == ".nc":
            ds.to_netcdf(path)
        elif ending == ".csv":
            terminology.to_csv(path)
        elif ending:
            terminology.to_itksnap(path)
        else:
            save(ds, path)
    return str(args.path)


CONVERT = Command(
    "convert", "write an atlas in another format", DESCRIPTION, OUTPUT, _add_options, _run
)

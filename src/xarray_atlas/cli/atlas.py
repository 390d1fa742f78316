"""The atlas that the options name."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING, Any

from xarray_atlas.cli.output import Row

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["open_named", "origin", "progress", "source"]


def source(args: argparse.Namespace) -> str:
    """Return the name, path or URL of the atlas; the packaged sample by default."""
    if args.atlas is not None:
        return str(args.atlas)
    from xarray_atlas.atlases.opening import sample_path

    return sample_path()


def open_named(args: argparse.Namespace) -> xr.Dataset:
    """Open the atlas that the options name."""
    import xarray_atlas.public  # noqa: F401  # registers the reader of point files
    from xarray_atlas.atlases.opening import open_atlas

    # not all commands have all options
    names = (
        "resolution", "terminology", "align_levels", "midline", "voxel_size", "orientation",
        "root", "version",
    )  # fmt: skip
    options = {name: getattr(args, name) for name in names if name in args}
    return open_atlas(source(args), storage_options=dict(args.storage_option) or None, **options)


def origin(args: argparse.Namespace, ds: xr.Dataset) -> Row:
    """Return the origin of an atlas: source, name and version."""
    known = {key: ds.attrs.get(key) for key in ("source", "name", "version")}
    from xarray_atlas.io.zarr.addresses import without_secrets

    return {**known, "source": known["source"] or without_secrets(source(args))}


def progress() -> contextlib.AbstractContextManager[Any]:
    """Show a bar on stderr while reading takes longer than a second; on a terminal only."""
    if sys.stderr is None or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from dask.diagnostics.progress import ProgressBar

    bar: contextlib.AbstractContextManager[Any] = ProgressBar(minimum=1, out=sys.stderr)
    return bar

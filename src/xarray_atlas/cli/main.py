"""The shell command ``xarray-atlas``: volumes, regions, checks, atlases there are, and copies.

Results go to stdout. Everything else, progress included, goes to stderr, so
that the output can be piped.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import math
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from xarray_atlas.cli.arguments import PROGRAM, parse
from xarray_atlas.cli.output import Row, times, to_csv, to_records, to_table
from xarray_atlas.errors import (
    AtlasError,
    AtlasNotFoundError,
    RegionNotFoundError,
    StoreFormatError,
)
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.printable import printable

if TYPE_CHECKING:
    import xarray as xr

    from xarray_atlas.terminology import Region, Terminology

__all__ = ["main"]

SHELL_NAMES = {
    "storage_options={'anon': False}": "--storage-option anon=false",
    "storage_options": "--storage-option",
    "terminology= ": "--terminology ",
    "midline=": "--midline ",
    "voxel_size=": "--voxel-size ",
    "orientation=": "--orientation ",
    "root=": "--root ",
    "pass unit='um' or unit='mm'": "pass --unit um or --unit mm",
    "frame=": "--frame ",
    "xarray_atlas.list_atlases lists them": "xarray-atlas list shows them",
    "pass the int ": "use --id ",
    "by its id": "by its id (--id)",
}
"""What the package's messages call a parameter, and what the shell command calls it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the shell command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name. Those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 after an error or where ``check`` finds one, 130 when interrupted.

    Raises
    ------
    SystemExit
        With status 2 for a wrong command line, 0 for ``--help`` and ``--version``.

    Examples
    --------
    >>> from xarray_atlas.cli.main import main
    >>> main(["regions", "^RSP$", "--regex", "--format", "csv"])
    acronym,id,name,parent,depth
    RSP,254,Retrosplenial area,Isocortex,6
    0
    """
    args = parse(argv)
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            result = COMMANDS[args.command](args)
            text, status = result if isinstance(result, tuple) else (result, 0)
            return _write(text) or status
        except KeyboardInterrupt:
            return _fail("interrupted", 130)
        except Exception as error:  # a user of a shell is told in a line, whatever it is
            return _fail(_explain(error), 1)


# ---- the commands: arguments in, text out


def _volume(args: argparse.Namespace) -> str:
    from xarray_atlas.coords.atlas_index import find_atlas
    from xarray_atlas.coords.grid import spacing
    from xarray_atlas.coords.hemispheres import HEMISPHERES
    from xarray_atlas.regions.volume import volume

    ds = _open(args)
    terminology, space = find_atlas(ds)
    wanted = [*args.regions, *(_region_of_id(terminology, text) for text in args.id)]
    sides = None
    if args.hemisphere is not None:
        sides = list(HEMISPHERES) if args.hemisphere == "both" else [args.hemisphere]
    with _progress():
        measured = volume(ds, wanted or None, hemisphere=sides, direct=args.direct)
    if sides is None:
        measured = measured.expand_dims("hemisphere", axis=1)
    columns = ["region", "name", "id", *(f"{side}_mm3" for side in sides or ["volume"])]
    records = to_records(
        columns,
        *(measured[name].values.tolist() for name in ("region", "region_name", "region_id")),
        *measured.pint.magnitude.T.tolist(),
    )
    voxel = {str(dim): without_noise(size) for dim, size in spacing(ds).items()}
    origin = _origin(args, ds)
    if args.format == "json":
        about = {
            **origin,
            "resolution": ds.attrs.get("resolution"),
            "voxel_size_mm": voxel,
            "hemisphere": args.hemisphere,
            "midline_mm": None if space.midline is None else without_noise(space.midline),
            "direct": args.direct,
        }
        return json.dumps({**about, "regions": records}, indent=2)
    rows = [{key: record[key] for key in columns if key != "id"} for record in records]
    if args.format == "csv":
        return to_csv(rows)
    # as many decimals as show one voxel
    decimals = max(0, -math.floor(math.log10(math.prod(voxel.values()))))
    source = " ".join(filter(None, (origin["name"], origin["version"]))) or origin["source"]
    footer = f"{source}: voxels of {times(voxel.values())} mm"
    alone = "; without descendants" if args.direct else ""
    return f"{to_table(rows, decimals)}\n\n{footer}{alone}"


def _info(args: argparse.Namespace) -> str:
    about = _about(args)
    if args.format == "json":
        return json.dumps(about, indent=2)
    terminology, midline = about["terminology"], about["midline_mm"]
    assumed = ", assumed: half of the volume" if about["midline_assumed"] else ""
    lines = {
        "name": about["name"],
        "version": about["version"],
        "source": about["source"],
        "format": about["ome_zarr_version"] and f"OME-Zarr {about['ome_zarr_version']}",
        "resolution": about["resolution"],
        "orientation": about["orientation"],
        "midline": "none"
        if midline is None
        else f"{midline:g} mm along {about['midline_axis']}{assumed}",
        "terminology": terminology["name"],
        "regions": f"{terminology['regions']}, down to depth {terminology['depth']}",
        "problems": "\n".join(terminology["problems"]) or "none",
    }
    width = max(map(len, lines)) + 2
    top = [
        f"{key:{width}}{text}".replace("\n", "\n" + " " * width)
        for key, text in lines.items()
        if text
    ]
    levels = [
        {
            "level": level["path"],
            "resolution": level["resolution"],
            "shape": times(level["shape"]),
            "first_voxel_mm": ", ".join(f"{value:g}" for value in level["first_voxel_mm"]),
        }
        for level in about["levels"]
    ]
    parts = ["\n".join(top), to_table(about["axes"])]
    return "\n\n".join([*parts, to_table(levels)] if levels else parts)


def _regions(args: argparse.Namespace) -> str:
    from xarray_atlas.coords.atlas_index import find_atlas

    terminology, _ = find_atlas(_open(args))
    if args.text is None:
        found = terminology.regions
    else:
        found = terminology.search(args.text, regex=args.regex)
    if found.empty:
        how = "matches" if args.regex else "contains"
        raise RegionNotFoundError(
            f"no region whose acronym or name {how} {args.text!r} in "
            f"{terminology.name or 'the terminology'} ({len(terminology)} regions)"
        )
    columns = ["acronym", "id", "name", "parent", "depth"]
    records = to_records(columns, *(found[column].tolist() for column in columns))
    if args.format == "json":
        return json.dumps(
            [{**record, "parent": record["parent"] or None} for record in records], indent=2
        )
    return to_csv(records) if args.format == "csv" else to_table(records)


def _list(args: argparse.Namespace) -> str:
    from xarray_atlas.atlases.listing import list_atlases

    options = dict(args.storage_option) or None
    found = list_atlases(args.root, args.species, storage_options=options)
    if found.empty:
        raise AtlasNotFoundError(f"no atlas of a species that contains {args.species!r}")
    columns = list(found.columns)
    rows = to_records(columns, *(found[column].tolist() for column in columns))
    if args.format == "json":
        return json.dumps(rows, indent=2)
    lists = ("resolutions", "versions")
    shown = [
        {**row, **{key: ", ".join(row[key]) for key in lists}, "local": str(row["local"]).lower()}
        for row in rows
    ]
    return to_csv(shown) if args.format == "csv" else to_table(shown)


def _positions(args: argparse.Namespace) -> str:
    from xarray_atlas.cli import positions

    with _progress():
        return positions.COMMANDS[args.command](args, _open(args))


def _check(args: argparse.Namespace) -> tuple[str, int]:
    from xarray_atlas.checks.checking import check
    from xarray_atlas.cli.check import show, status

    ds = _open(args)
    with _progress():
        report = check(ds, args.full, dict(args.storage_option) or None)
    return show(report, args.format), status(report)


def _download(args: argparse.Namespace) -> str:
    from xarray_atlas.cli.download import run

    return run(args)


# ---- the atlas


COMMANDS: dict[str, Callable[[argparse.Namespace], str | tuple[str, int]]] = {
    "volume": _volume,
    "info": _info,
    "regions": _regions,
    "frames": _positions,
    "at": _positions,
    "where": _positions,
    "check": _check,
    "list": _list,
    "download": _download,
}


def _source(args: argparse.Namespace) -> str:
    if args.atlas is not None:
        return str(args.atlas)
    from xarray_atlas.atlases.opening import sample_path

    return sample_path()


def _open(args: argparse.Namespace) -> xr.Dataset:
    from xarray_atlas.atlases.opening import open_atlas

    # not all commands have all options
    names = (
        "resolution", "terminology", "align_levels", "midline", "voxel_size", "orientation",
        "root", "version",
    )  # fmt: skip
    options = {name: getattr(args, name) for name in names if name in args}
    return open_atlas(_source(args), storage_options=dict(args.storage_option) or None, **options)


def _origin(args: argparse.Namespace, ds: xr.Dataset) -> Row:
    known = {key: ds.attrs.get(key) for key in ("source", "name", "version")}
    from xarray_atlas.io.zarr.addresses import without_secrets

    return {**known, "source": known["source"] or without_secrets(_source(args))}


def _about(args: argparse.Namespace) -> Row:
    """Gather what ``info`` says, in the form of its JSON."""
    from xarray_atlas.coords.atlas_index import find_atlas
    from xarray_atlas.coords.grid import lengths, spacing

    ds = _open(args)
    terminology, space = find_atlas(ds)
    axes = []
    for dim, size in spacing(ds, need=0).items():
        centres = lengths(ds, dim)
        low, high = float(centres.min()) - size / 2, float(centres.max()) + size / 2
        axes.append(
            {
                "axis": str(dim),
                "direction": ds[dim].attrs.get("direction"),
                "voxels": centres.size,
                "voxel_size_mm": without_noise(size),
                "extent_mm": without_noise(high - low),
                "from_mm": without_noise(low),
                "to_mm": without_noise(high),
            }
        )
    return {
        **_origin(args, ds),
        "ome_zarr_version": ds.attrs.get("ome_zarr_version"),
        "resolution": ds.attrs.get("resolution"),
        "orientation": space.orientation,
        "axes": axes,
        "levels": _levels(args, ds, terminology),
        "midline_mm": None if space.midline is None else without_noise(space.midline),
        "midline_axis": space.dims[space.position("ml")],
        "midline_assumed": space.midline_assumed,
        "terminology": {
            "name": terminology.name,
            "regions": len(terminology),
            "depth": int(terminology.depths.max()),
            "problems": list(terminology.problems),
        },
    }


def _levels(args: argparse.Namespace, ds: xr.Dataset, terminology: Terminology) -> list[Row]:
    """Describe the levels of the pyramid; none where xarray wrote the atlas."""
    import xarray as xr

    from xarray_atlas.io.backend.entrypoint import AtlasBackendEntrypoint
    from xarray_atlas.io.brainglobe.catalogue import is_name

    source = _source(args)
    if is_name(source) and "manifest" in ds.attrs:
        # what the name has led to: a copy is described whole, also where it lacks levels
        source = ds.attrs["manifest"]
    try:
        tree = xr.open_datatree(
            source,
            engine=AtlasBackendEntrypoint,
            terminology=terminology,
            storage_options=dict(args.storage_option) or None,
            align_levels=args.align_levels,
        )
    except StoreFormatError:
        return []  # it has been opened as an atlas, so it is one that is no pyramid
    return [_level(node.to_dataset()) for node in tree.leaves]


def _level(ds: xr.Dataset) -> Row:
    from xarray_atlas.coords.grid import lengths, spacing

    sizes = spacing(ds)
    return {
        "path": ds.attrs["level"],
        "resolution": ds.attrs["resolution"],
        "shape": [ds.sizes[dim] for dim in sizes],
        "voxel_size_mm": [without_noise(size) for size in sizes.values()],
        "first_voxel_mm": [without_noise(float(lengths(ds, dim)[0])) for dim in sizes],
    }


def _region_of_id(terminology: Terminology, text: str) -> Region:
    """Find a region by the text of its id, which some terminologies have as a str."""
    numbers = terminology.ids.dtype.kind == "i" and re.fullmatch(r"-?\d+", text)
    position = terminology.position_of_id(int(text) if numbers else text)
    return tuple(terminology)[position]


# ---- what is shown


def _write(text: str) -> int:
    try:
        # CSV may hold names with line breaks; JSON has escaped them
        print(printable(text, keep="\n\t"), flush=True)
    except OSError as error:
        # what is left in the buffer must not be tried again when Python ends
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 1  # who reads the pipe has read enough: nothing to tell
        raise
    return 0


def _progress() -> contextlib.AbstractContextManager[Any]:
    """Show a bar on stderr while reading takes longer than a second; on a terminal only."""
    if sys.stderr is None or not sys.stderr.isatty():
        return contextlib.nullcontext()
    from dask.diagnostics.progress import ProgressBar

    bar: contextlib.AbstractContextManager[Any] = ProgressBar(minimum=1, out=sys.stderr)
    return bar


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError) and not isinstance(error, AtlasError) and error.args:
        return str(error.args[0])  # the str of a KeyError is a repr
    known = isinstance(error, AtlasError | OSError | ValueError)
    if known and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _tell(kind: str, message: str) -> None:
    from xarray_atlas.io.zarr.addresses import without_secrets

    message = without_secrets(message)
    for name, shell_name in SHELL_NAMES.items():
        message = message.replace(name, shell_name)
    print(f"{PROGRAM}: {kind}: {printable(' '.join(message.split()))}", file=sys.stderr)


def _fail(message: str, status: int) -> int:
    _tell("error", message)
    # requests still under way are dropped when Python ends, and would complain of it in tracebacks
    atexit.register(setattr, sys, "unraisablehook", lambda _: None)
    return status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _tell("warning", str(message))


# ---- the command line

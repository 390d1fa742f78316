"""Results by region as rows: one for each region, side and group."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xarray_atlas.cli.output import Row, to_records

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["add_by_region", "asked", "region_rows", "sides"]


def add_by_region(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose regions, and which of them are printed."""
    parser.add_argument(
        "--hemisphere",
        choices=("left", "right", "both"),
        help='only that hemisphere; "both" gives a row for each',
    )
    parser.add_argument(
        "--level", type=int, help="regions at that level of the hierarchy; the root is 0"
    )
    parser.add_argument(
        "--parcellation",
        metavar="NAME_OR_FILE",
        help='parcels instead of regions: "beryl", "cosmos", "allen-summary", or a CSV file with '
        "the columns region and parcel",
    )
    parser.add_argument(
        "--all", action="store_true", help="print regions without any point or value too"
    )


def sides(hemisphere: str | None) -> str | list[str] | None:
    """Return what operations take for ``--hemisphere``."""
    return ["left", "right"] if hemisphere == "both" else hemisphere


def asked(args: argparse.Namespace) -> Row:
    """Return the arguments of an operation by region."""
    return {
        "hemisphere": sides(args.hemisphere),
        "level": args.level,
        "parcellation": args.parcellation,
    }


def region_rows(
    result: xr.Dataset, columns: Mapping[str, str], needed: Sequence[str], everything: bool
) -> list[Row]:
    """Turn a result on ``region``, and on other dimensions, into rows.

    Parameters
    ----------
    result : Dataset
    columns : mapping of str to str
        The variables that become columns, and their names there.
    needed : sequence of str
        The variables that decide which regions are printed: those with a count above 0, or with a
        number in another variable. A mean or a minimum of 0 is a number.
    everything : bool
        Also return the rows of regions without one.
    """
    import numpy as np

    plain = result[list(columns)].pint.dequantify()
    if not everything:
        there = np.zeros(plain.sizes["region"], bool)
        for name in needed:
            values = plain[name]
            some = values > 0 if name == "count" else values.notnull()
            there |= some.any([dim for dim in values.dims if dim != "region"]).values
        plain = plain.isel(region=there)
    groups = [str(dim) for dim in plain.dims if dim != "region"]
    about = {"region": "region", "region_name": "name", "region_id": "id"}
    names = {**about, **{group: group for group in groups}, **columns}
    frame = plain.to_dataframe(dim_order=["region", *groups]).reset_index()
    return to_records(list(names.values()), *(frame[name].tolist() for name in names))

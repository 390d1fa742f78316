"""Check whether the files of a local copy are still those that were downloaded."""

from __future__ import annotations

import os

import xarray as xr

from xarray_atlas.checks.report import Finding, Outcome, done, skipped
from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.checksums import compare_copy
from xarray_atlas.io.copies.completeness import find_copy
from xarray_atlas.io.zarr.stores import is_url
from xarray_atlas.terminology.cells import counted

__all__ = ["check_copy"]


def check_copy(obj: xr.Dataset | xr.DataArray) -> Outcome:
    """Compare the MD5 of the files of the opened level, and of the table, with the recorded ones.

    Parameters
    ----------
    obj : Dataset or DataArray
        Object with attributes that say where it was opened.
    """
    places = []
    if "source" in obj.attrs:
        places.append((str(obj.attrs["source"]), str(obj.attrs.get("level", ""))))
    if "terminology_url" in obj.attrs:
        places.append((os.path.dirname(str(obj.attrs["terminology_url"])), ""))
    alike = unknown = 0
    findings = []
    try:
        for place, level in places:
            copy = None if is_url(place) else find_copy(place)
            if copy is None:
                continue
            compared = compare_copy(copy.folder, level or None)
            alike += compared.alike
            unknown += compared.unknown
            if compared.different:
                why = (
                    f"{counted(len(compared.different), 'file')} of the copy {copy.folder} "
                    "differ from what was downloaded, by their MD5 checksums: they are damaged or "
                    "were changed, and numbers that are read from them are wrong"
                )
                mend = f"fetch them again: {copy.call(level or None, verify=True)}"
                findings.append(Finding("error", why, mend, compared.different))
    except (StoreError, OSError) as error:
        return skipped("copy", f"the copy cannot be compared with its checksums: {error}")
    if not alike + unknown and not findings:
        return skipped("copy", "it was not opened from a copy that xarray_atlas.download made")
    told = f"{counted(alike, 'file')} as downloaded"
    if unknown:
        told += f", {counted(unknown, 'file')} without a known MD5"
    return done("copy", findings, told)

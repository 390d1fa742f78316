"""Write probe contacts to the electrodes table of an NWB file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES
from xarray_atlas.errors import GridError, PointsError
from xarray_atlas.kernels.labels import Positions
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.tables import read_points
from xarray_atlas.transforms.any_frame import any_frame
from xarray_atlas.transforms.frames import AXIS_OF, Frame
from xarray_atlas.transforms.known_frames import in_ccf

__all__ = ["to_nwb_electrodes"]

INSTALL = '"xarray-atlas[nwb]"'

NWB = {
    "x": "anterior-to-posterior",
    "y": "superior-to-inferior",
    "z": "left-to-right",
}
"""The directions in which the coordinates of electrodes grow, by the schema of NWB."""

NOWHERE = "unknown"
"""The location of an electrode that lies in no region: NWB's own word for it."""


def to_nwb_electrodes(
    obj: xr.Dataset | xr.DataArray,
    contacts: xr.Dataset,
    nwbfile: Any,
    *,
    rows: Iterable[int] | str | None = None,
    device: Any = None,
    frame: Any = None,
    transform: Any = None,
    method: str | None = None,
) -> Any:
    """Write the positions of contacts to the electrodes table of an NWB file.

    The columns ``location`` (acronyms of regions) and ``x``, ``y``, ``z`` are those of the core
    schema: um to posterior, inferior and right, from the origin of the frame. The same positions
    along the axes of the frame, with its origin, unit and orientation, are written to a table of
    ndx-anatomical-localization, one per frame, in the lab metadata ``localization``.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    contacts : Dataset
        As returned by :func:`insert`.
    nwbfile : pynwb.NWBFile
        In memory, to be written afterwards with ``pynwb.NWBHDF5IO``.
    rows : iterable of int, or "channel", optional
        The row of the electrodes table of each contact; ``"channel"`` uses the channels that the
        probe is wired to. It may be omitted if the table is empty, or has as many rows as there are
        contacts and these are not wired in another order.
    device : pynwb.device.Device, optional
        The device of the electrodes, if the file has none yet: they are added, with an electrode
        group for each shank.
    frame : str or Frame, optional
        The frame to write; by default that of the contacts. In the Allen CCF ``"allen"`` gives the
        positions that the Allen Institute writes.
    transform : Transform, optional
        For contacts in another space; requires `frame`.
    method : str, optional
        Method of localization, such as "histology", for ndx-anatomical-localization.

    Returns
    -------
    AnatomicalCoordinatesTable
        Of ndx-anatomical-localization, which is in the file.

    Raises
    ------
    PointsError
        If these are not contacts, or their rows or the device are unknown.
    GridError
        If the frame is tilted, so that its axes are not anatomical.
    ImportError
        If pynwb or ndx-anatomical-localization is not installed: ``pip install
        "xarray-atlas[nwb]"``.

    Notes
    -----
    NWB has no place for the origin of ``x``, ``y`` and ``z``; the description of these columns
    says it, where they are made here. A location that was there before is replaced.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> import pynwb, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> nwbfile = pynwb.NWBFile("session", "s1", datetime(2025, 1, 1, tzinfo=timezone.utc))
    >>> device = nwbfile.create_device("probe")
    >>> source = ds.attrs["source"]
    >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> contacts = ds.atlas.insert(
    ...     [0.2, 1.0, 1.8], probe_unit="mm", probe_tip="0 um", frame="ibl", unit="mm",
    ...     entry={"ml": -1.4, "ap": -2.2, "dv": -0.4},
    ...     tip={"ml": -0.9, "ap": -2.2, "dv": -3.0},
    ... )
    >>> table = ds.atlas.to_nwb_electrodes(contacts, nwbfile, device=device, frame="allen")
    >>> nwbfile.electrodes["location"].data
    ['MB', 'DG-mo', 'CA1']
    >>> [round(value) for value in nwbfile.electrodes["y"].data]
    [3136, 2350, 1564]
    >>> table.space.orientation, table.space.units
    ('PIR', 'um')
    """
    optional("pynwb", INSTALL, "to_nwb_electrodes")
    localization = optional("ndx_anatomical_localization", INSTALL, "to_nwb_electrodes")
    if not isinstance(contacts, xr.Dataset) or not {"shank", "region"} <= set(contacts.variables):
        raise PointsError("electrodes are written of contacts, as ds.atlas.insert returns them")
    known, numbers = _in_frame(obj, contacts, frame, transform)
    _require_new(nwbfile, known)
    table = nwbfile.electrodes
    if table is None or not len(table):
        if rows is not None:
            raise PointsError("rows= is of electrodes that the file has; it has none")
        _add_electrodes(nwbfile, contacts, device)
        table = nwbfile.electrodes
        at = np.arange(contacts.sizes["contact"])
    else:
        if device is not None:
            raise PointsError("device= is of a file without electrodes; this one has some")
        at = _rows(contacts, rows, len(table))
    names = [name or NOWHERE for name in contacts["region"].values.tolist()]
    _fill(table, "location", names, at, "region of the electrode", NOWHERE)
    um = numbers * (1e3 if known.unit == "mm" else 1.0)
    about = f"from the origin of {_title(known)}, in um"
    for axis, direction in NWB.items():
        i = known.anatomical.index(AXIS_OF[direction])
        sign = 1.0 if known.directions[i] == direction else -1.0
        values = (sign * um[:, i] + 0.0).tolist()
        side = direction.rpartition("-")[2]
        _fill(table, axis, values, at, f"position to {side}, {about}", float("nan"))
    return _localized(localization, nwbfile, obj, table, at, known, numbers, names, method)


# -- positions


def _in_frame(
    obj: xr.Dataset | xr.DataArray, contacts: xr.Dataset, frame: Any, transform: Any
) -> tuple[Frame, FloatArray]:
    """Return the frame that is written, and the contacts' numbers in it."""
    points = read_points(obj, contacts, transform=transform)
    if frame is None and isinstance(points.frame, PointsSpace):
        raise PointsError(
            "the contacts are those of another space; pass frame=, in which they are written: "
            "frame='allen' or another of ds.atlas.frames"
        )
    known = any_frame(obj, points.frame if frame is None else frame)
    if known.tilted:
        raise GridError(
            f"frame {known.name!r} is tilted, so that its axes are not anterior-posterior, "
            "superior-inferior and left-right of the atlas, as in NWB; pass frame='allen', "
            "or another of ds.atlas.frames"
        )
    _, space = find_atlas(obj)
    placed = placement_of(obj, points.frame).place(points.stacked())
    order = [next(i for i, axis in enumerate(AXES) if space.position(axis) == p) for p in range(3)]
    return known, known.from_dataset(placed[:, order])


def _title(frame: Frame) -> str:
    source = ", ".join(text for text in (frame.citation, frame.url) if text)
    return f"frame {frame.name!r}" + (f" ({source})" if source else "")


# -- the electrodes table


def _add_electrodes(nwbfile: Any, contacts: xr.Dataset, device: Any) -> None:
    if device is None:
        raise PointsError(
            "the file has no electrodes; pass their device=nwbfile.create_device(...), "
            "or add them first"
        )
    shank = contacts["shank"].values.astype(str).tolist()
    regions = contacts["region"].values.tolist()
    groups = {}
    for name in dict.fromkeys(shank):
        of = sorted({r for r, s in zip(regions, shank, strict=True) if s == name and r})
        groups[name] = nwbfile.create_electrode_group(
            f"{device.name} shank {name}",
            description=f"shank {name} of {device.name}",
            location=", ".join(of) or NOWHERE,
            device=device,
        )
    ids = contacts["contact_id"].values.astype(str).tolist()
    nwbfile.add_electrode_column("contact_id", "name of the contact on the probe")
    for name, contact in zip(shank, ids, strict=True):
        nwbfile.add_electrode(group=groups[name], location=NOWHERE, contact_id=contact)


def _rows(contacts: xr.Dataset, rows: Any, length: int) -> Positions:
    """Return the row of each contact."""
    n = contacts.sizes["contact"]
    wired = contacts["channel"].values if "channel" in contacts.coords else None
    if isinstance(rows, str):
        if rows != "channel" or wired is None:
            raise PointsError(f"rows={rows!r}: the contacts are not wired to channels")
        rows = wired
    if rows is None:
        if n != length:
            raise PointsError(
                f"the file has {length} electrodes, and there are {n} contacts: pass rows=, the "
                "row of each contact"
            )
        if wired is not None and not np.array_equal(wired, np.arange(n)):
            raise PointsError(
                "the contacts are wired to channels in another order: rows='channel' where the "
                "electrodes are in the order of channels, rows=range(n) where they are in that of "
                "the contacts"
            )
        return np.arange(n)
    found = np.asarray(list(rows))
    if found.shape != (n,) or found.dtype.kind not in "iu" or np.unique(found).size != n:
        raise PointsError(f"rows= names a row for each of {n} contacts, each another")
    if n and not 0 <= found.min() <= found.max() < length:
        raise PointsError(f"rows= names rows from 0 to {length - 1}; it has {found.min()} to "
                          f"{found.max()}")  # fmt: skip
    return found.astype(np.intp)


def _fill(table: Any, name: str, values: list[Any], at: Positions, about: str, none: Any) -> None:
    """Set a column of some rows; a column that does not exist is added."""
    if name in table.colnames:
        data = table[name].data
        for row, value in zip(at.tolist(), values, strict=True):
            data[row] = value
        return
    column = [none] * len(table)
    for row, value in zip(at.tolist(), values, strict=True):
        column[row] = value
    table.add_column(name=name, description=about, data=column)


# -- ndx-anatomical-localization


def _called(frame: Frame) -> str:
    return frame.name.replace("/", "-").replace(":", "-")


def _require_new(nwbfile: Any, frame: Frame) -> None:
    """Raise an error where there is a table of that frame; nothing has been written yet."""
    held = nwbfile.lab_meta_data.get("localization")
    if held is not None and _called(frame) in (held.anatomical_coordinates_tables or {}):
        raise PointsError(
            f"the file has a table of anatomical coordinates {_called(frame)!r} already; a frame "
            "of another name makes another one"
        )


def _localized(
    extension: Any,
    nwbfile: Any,
    obj: xr.Dataset | xr.DataArray,
    electrodes: Any,
    at: Positions,
    frame: Frame,
    numbers: FloatArray,
    names: list[str],
    method: str | None,
) -> Any:
    """Add a table of ndx-anatomical-localization, and its space."""
    held = nwbfile.lab_meta_data.get("localization")
    if held is None:
        held = extension.Localization()
        nwbfile.add_lab_meta_data([held])
    terminology, atlas = find_atlas(obj)
    called = _called(frame)
    if frame.name == "allen" and in_ccf(terminology, atlas):
        space = extension.AllenCCFv3Space(name=f"{called} space")
    else:
        origin = "; ".join([_title(frame), *frame.assumptions])
        space = extension.Space(
            name=f"{called} space",
            space_name=f"{terminology.name or 'atlas'}, {frame.name}",
            origin=origin,
            units=frame.unit,
            orientation="".join(d.rpartition("-")[2][0].upper() for d in frame.directions),
        )
    held.add_spaces([space])
    table = extension.AnatomicalCoordinatesTable(
        name=called,
        description=f"places of electrodes in {_title(frame)}",
        target=electrodes,
        space=space,
        method=method or "placed with xarray-atlas",
    )
    table.add_column(name="brain_region", description="acronym of the region")
    for row, (x, y, z), name in zip(at.tolist(), numbers.tolist(), names, strict=True):
        table.add_row(x=x, y=y, z=z, localized_entity=row, brain_region=name)
    held.add_anatomical_coordinates_tables([table])
    return table

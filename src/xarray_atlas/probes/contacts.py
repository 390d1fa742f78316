"""The contacts of a probe in the probe's own coordinates, read from what holds them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xarray_atlas.coords.units import to_mm, unit_factor
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.units import in_mm

__all__ = ["CENTRE", "Contacts", "read_contacts"]

CENTRE = "centre"
"""The name of the middle between the outer shanks."""

LOWEST = "lowest contact"

SAME = 1e-6
"""Positions in mm that differ by less are one."""


@dataclass(frozen=True)
class Contacts:
    """Positions of contacts in mm, on three axes that are at right angles (right-handed).

    Attributes
    ----------
    across : float64 array, shape (n,)
        To the right as one looks at the contacts with the tip down: x of probeinterface.
    up : float64 array, shape (n,)
        Along the shank, away from the tip.
    out : float64 array, shape (n,)
        Towards the one who looks at the contacts.
    shank : ndarray of str, shape (n,)
    contact_id : ndarray of str, shape (n,)
    channel : ndarray of int or None
        The channel of the device to which each contact is wired; -1 if none.
    tips : dict of str to tuple of float
        Of each shank the position of its tip, across and up.
    """

    across: FloatArray
    up: FloatArray
    out: FloatArray
    shank: Any
    contact_id: Any
    channel: Any
    tips: dict[str, tuple[float, float]]

    @property
    def wide(self) -> bool:
        """True if any contact is not on the axis of the insertion."""
        return bool((np.abs(self.across) > SAME).any() or (np.abs(self.out) > SAME).any())

    def about(self, shank: Any) -> Contacts:
        """Return the same contacts counted from the tip of a shank, or from the centre of all.

        Raises
        ------
        PointsError
            If there are several shanks and none is named, or one that does not exist.
        """
        if shank is None and len(self.tips) > 1:
            raise PointsError(
                f"the probe has {len(self.tips)} shanks, {', '.join(map(repr, self.tips))}: say "
                "which of them goes through entry= and tip=, or along track=, with shank=, or "
                f"shank={CENTRE!r}, half way between the outer ones"
            )
        if shank is None or (str(shank) == CENTRE and CENTRE not in self.tips):
            places = np.array(list(self.tips.values()))
            x = (places[:, 0].min() + places[:, 0].max()) / 2
            y = places[:, 1].min()
        elif str(shank) in self.tips:
            x, y = self.tips[str(shank)]
        else:
            raise PointsError(
                f"the probe has no shank {shank!r}; its shanks are "
                f"{', '.join(map(repr, self.tips))}, and {CENTRE!r} is half way between the outer "
                "ones"
            )
        tips = {name: (a - x, b - y) for name, (a, b) in self.tips.items()}
        return replace(self, across=self.across - x, up=self.up - y, tips=tips)

    def on_axis(self) -> Contacts:
        """Return the contacts of a single shank on its axis."""
        if len(self.tips) > 1:
            raise PointsError(
                "spin='on axis' puts the contacts of one shank on its axis; the probe has "
                f"{len(self.tips)} shanks, so that it must be known which way it faces"
            )
        return replace(self, across=np.zeros_like(self.up), out=np.zeros_like(self.up))


def read_contacts(probe: Any, unit: Any, depth_axis: str | None, probe_tip: Any) -> Contacts:
    """Read the contacts of a probe.

    Parameters
    ----------
    probe : Probe, ProbeGroup, object with ``get_probegroup()`` or ``get_probe()``, or array
    unit : str or pint.Unit, optional
        Of an array that does not say its own.
    depth_axis : "y" or "z", optional
        Along which axis of the probe its shank runs; of positions in a plane it is y.
    probe_tip : str or pint.Quantity, optional
        Position of the tip along it, same as in :func:`xarray_atlas.insert`.

    Raises
    ------
    PointsError, UnitsError
    """
    known = _as_probe(probe)
    if known is None:
        positions = _array(probe, unit)
        shank, ids, channel = np.full(len(positions), "0"), None, None
    else:
        if unit is not None:
            raise UnitsError(f"probe_unit= is of an array; this probe is in {known.si_units}")
        positions = np.asarray(known.contact_positions, np.float64) * unit_factor(known.si_units)
        shank, ids = known.shank_ids, known.contact_ids
        channel = known.device_channel_indices
    n = len(positions)
    if not n or not np.isfinite(positions).all():
        raise PointsError("the probe has no contacts, or one with a position that is not a number")
    across, up, out = _axes(positions, depth_axis)
    names = np.array(["0"] * n if shank is None else [str(s) or "0" for s in shank])
    tips = _tips(known, names, across, up, probe_tip, positions.shape[1])
    return Contacts(
        across, up, out, names,
        np.arange(n).astype(str) if ids is None else np.asarray(ids).astype(str),
        None if channel is None else np.asarray(channel, np.int64),
        tips,
    )  # fmt: skip


def _as_probe(probe: Any) -> Any:
    """Return the one Probe of probeinterface that was passed; None of an array."""
    if isinstance(probe, str):
        return _of_catalogue(probe)
    if hasattr(probe, "contact_positions"):
        return probe
    for name in ("get_probegroup", "get_probe"):
        if hasattr(probe, name):
            try:
                held = getattr(probe, name)()
            except ValueError as error:  # SpikeInterface's, of a recording without a probe
                raise PointsError(f"the {type(probe).__name__} has no probe: {error}") from error
            return _as_probe(held)
    if hasattr(probe, "probes"):
        if len(probe.probes) != 1:
            raise PointsError(
                f"this is a group of {len(probe.probes)} probes; each has its own insertion: pass "
                "group.probes[0], and so on"
            )
        return probe.probes[0]
    return None


def _of_catalogue(name: str) -> Any:
    """Return a Neuropixels probe by its part number, made by probeinterface without the network."""
    try:
        tools = importlib.import_module("probeinterface.neuropixels_tools")
        return tools.build_neuropixels_probe(name)
    except (ImportError, AttributeError, KeyError) as error:
        why = (
            "no Neuropixels probe that probeinterface knows has that part number; 'NP1000' is a "
            "1.0, 'NP2014' a 2.0 with four shanks"
            if isinstance(error, KeyError)
            else "Neuropixels are made from their part number where probeinterface is installed"
        )
        raise PointsError(
            f"{name!r} is the name of a probe, and none is downloaded: {why}. Pass the probe: "
            "probeinterface.get_probe('imec', 'NP2014'), or one that "
            "probeinterface.read_probeinterface reads"
        ) from error


def _array(probe: Any, unit: Any) -> FloatArray:
    own = getattr(probe, "units", None)
    if own is None and hasattr(probe, "attrs"):
        own = getattr(probe.data, "units", probe.attrs.get("units"))
    if own is None and unit is None and not _has_text(probe):
        raise UnitsError(
            "the positions of the contacts have no unit; pass probe_unit='um' or probe_unit='mm'"
        )
    data = probe.data if hasattr(probe, "attrs") else probe
    mm = in_mm(data, own, "contacts", unit)
    if mm.ndim == 1:
        mm = np.stack([np.zeros_like(mm), mm], axis=1)
    if mm.ndim != 2 or mm.shape[1] not in (2, 3):
        raise PointsError(
            "an array of contacts has the shape (n,), along the shank, (n, 2), across and along "
            f"it, or (n, 3) with depth_axis=, not {np.shape(data)}"
        )
    return mm


def _has_text(values: Any) -> bool:
    cells = np.asarray(values, object).ravel() if isinstance(values, list | tuple) else ()
    return any(isinstance(cell, str) or hasattr(cell, "units") for cell in cells)


def _axes(positions: FloatArray, depth_axis: str | None) -> tuple[FloatArray, ...]:
    if positions.shape[1] == 2:
        if depth_axis not in (None, "y"):
            raise PointsError(
                f"depth_axis={depth_axis!r}: the contacts lie in a plane, x and y, and y runs "
                "along the shank"
            )
        return positions[:, 0], positions[:, 1], np.zeros(len(positions))
    if depth_axis == "y":
        return positions[:, 0], positions[:, 1], positions[:, 2]
    if depth_axis == "z":  # right-handed: x, z and their cross product
        return positions[:, 0], positions[:, 2], -positions[:, 1]
    raise PointsError(
        "the contacts have positions in three dimensions: say which axis of the probe runs along "
        "its shank, away from the tip: depth_axis='y' or 'z'"
        + ("" if depth_axis is None else f", not {depth_axis!r}")
    )


def _tips(
    probe: Any, shank: Any, across: FloatArray, up: FloatArray, probe_tip: Any, ndim: int
) -> dict[str, tuple[float, float]]:
    """Return where the tip of each shank is, across and up."""
    order = list(dict.fromkeys(shank.tolist()))
    middle = {name: _middle(across[shank == name]) for name in order}
    outline = _outline(probe, ndim)
    if probe_tip is None and outline is None:
        raise PointsError(
            "the position of the tip of the probe is unknown: it has no contour "
            "(probe_planar_contour). Pass probe_tip='-200 um', its position along the shank in the "
            "probe's own "
            f"coordinates, where the lowest contact is at {up.min() * 1e3:g} um; or "
            f"probe_tip={LOWEST!r}, where that is taken for the tip"
        )
    if outline is not None:
        lowest = float(outline[:, 1].min())
        # each of its lowest corners is of the shank that is nearest
        corners = outline[outline[:, 1] < lowest + SAME, 0]
        owner = np.abs(corners[:, None] - list(middle.values())).argmin(axis=1)
        for i, name in enumerate(order):
            if (owner == i).any():
                middle[name] = float(corners[owner == i].mean())
    if probe_tip is not None:
        lowest = _stated(probe_tip, up)
    if (up < lowest - SAME).any():
        raise PointsError(
            f"contacts lie below the tip of the probe, which is at {lowest * 1e3:g} um along the "
            f"shank, as far as {up.min() * 1e3:g} um: y of a probe grows from the tip upwards"
        )
    return {name: (middle[name], lowest) for name in order}


def _middle(across: FloatArray) -> float:
    return float((across.min() + across.max()) / 2)


def _outline(probe: Any, ndim: int) -> FloatArray | None:
    """Return the corners of the contour, across and up, in mm."""
    contour = getattr(probe, "probe_planar_contour", None)
    if contour is None or ndim != 2:
        return None
    return np.asarray(contour, np.float64) * unit_factor(probe.si_units)


def _stated(probe_tip: Any, up: FloatArray) -> float:
    if isinstance(probe_tip, str) and probe_tip == LOWEST:
        return float(up.min())
    if not isinstance(probe_tip, str) and not hasattr(probe_tip, "units"):
        raise UnitsError(
            f"probe_tip={probe_tip!r} has no unit; write it as '-200 um', or {LOWEST!r}"
        )
    return float(to_mm(probe_tip, "probe_tip"))

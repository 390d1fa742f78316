"""Insertion of probes: positions and regions of their contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pint
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.angles import to_degrees
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.parcellation.parcels import chosen_parcels
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.hints import warn_of_misplaced
from xarray_atlas.points.lookup import described, find
from xarray_atlas.points.tables import Points, read_points
from xarray_atlas.probes.borders import border_distances
from xarray_atlas.probes.contacts import Contacts, read_contacts
from xarray_atlas.probes.course import Curve, Line, rotation, warn_of_upward
from xarray_atlas.probes.rescaling import rescaled
from xarray_atlas.probes.ways import RAS, Way, frame_way

__all__ = ["insert"]

_TEXT = {"dtype": np.dtype(object)}

ON_AXIS = "on axis"

BORDER = "distance to the nearest voxel of another region"

SWAPPED = "are entry= and tip= swapped, or has dv the sign of another frame?"

STEEP = np.sin(np.radians(10))
"""The sine of the smallest angle between a shank and the direction that its contacts face."""


def insert(
    obj: xr.Dataset | xr.DataArray,
    probe: Any,
    *,
    entry: Any = None,
    tip: Any = None,
    angles: Mapping[str, Any] | None = None,
    depth: Any = None,
    track: Any = None,
    spin: Any = None,
    shank: Any = None,
    landmarks: Mapping[str, Any] | None = None,
    frame: Any = None,
    transform: Any = None,
    unit: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
    level: int | None = None,
    parcellation: Any = None,
    probe_unit: Any = None,
    probe_tip: Any = None,
    depth_axis: str | None = None,
) -> xr.Dataset:
    """Place a probe in the atlas, and find the region of each of its contacts.

    Where it goes is stated in one of four ways: `entry` and `tip`; `entry`, `angles` and `depth`;
    `tip` and `angles`; or `track`, points along a traced curve. The probe is rigid in the frame in
    which this is stated: where a stereotaxic frame is scaled to the living brain, distances
    between contacts are those of the living brain.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation.
    probe : probeinterface.Probe, ProbeGroup of one, SpikeInterface recording, str, or array
        What has ``get_probegroup()`` or ``get_probe()`` is taken as it is. A part number of
        Neuropixels, such as ``"NP2014"``, is the probe with all of its contacts, which
        probeinterface makes without the network. Of a probe in a plane, x runs across the shank,
        to the right as one looks at the contacts with the tip down, and y along it, away from the
        tip. An array holds the positions of contacts: (n,) along the shank, (n, 2) as x and y, or
        (n, 3) with `depth_axis`.
    entry, tip : mapping, DataArray, or other point, optional
        Where the axis of the shank enters the brain, and where its tip is: one point each, as
        :func:`region_at` takes points, such as ``{"ml": 1.2, "ap": -2.1, "dv": -0.3}``.
    angles : mapping, optional
        ``{"phi": "180 deg", "theta": "15 deg"}``, with units, in the sense of IBL: `theta` is the
        angle between the shank and the vertical axis of the frame, `phi` the direction to which
        the upper end leans, counterclockwise as seen from above: 0 to the right, 90 degrees to
        anterior, 180 to the left. The probe is turned by `spin` first, then by `theta` about the
        axis from posterior to anterior, then by `phi` about the vertical one.
    depth : str or pint.Quantity, optional
        From the entry to the tip along the shank, such as ``"3.8 mm"``.
    track : DataFrame, Dataset, DataArray, mapping, sequence of DataArrays, or array, optional
        Points in order from the entry to the tip, as :func:`region_at` has `points`. A natural
        cubic spline goes through them; above the entry the shank is straight. Of several shanks
        `shank` follows it, and the others run parallel to it, at their distances on the probe.
    spin : str or pint.Quantity, optional
        Which way the probe faces; needed if contacts lie off its axis. A direction in which
        x of the probe runs, as nearly as the shank lets it: ``"left-to-right"``,
        ``"posterior-to-anterior"`` and so on. With `angles`, an angle about the shank as well: at
        0 deg, upright, x is to the right and the contacts face posterior; positive is
        counterclockwise as seen from above. ``"on axis"`` puts all contacts of a single shank on
        its axis.
    shank : str or int, optional
        Of a probe with several shanks, that which goes through `entry` and `tip`, or along `track`;
        ``"centre"`` is half way between the outer ones.
    landmarks : mapping, optional
        ``{"probe": ["0.9 mm", "2.1 mm"], "track": ["1.0 mm", "2.0 mm"]}``: heights above the tip
        on the probe, by the recording, and where these lie on the track, by histology. Between
        landmarks heights are scaled linearly; outside of them they are shifted.
    frame, transform, unit, axes, columns
        Same as in :func:`region_at`.
    level, parcellation
        Same as in :func:`region_at`.
    probe_unit : str or pint.Unit, optional
        Of an array of contacts that does not say its own.
    probe_tip : str or pint.Quantity, optional
        Where the tip is along the shank, in the coordinates of the probe, such as ``"-220 um"``,
        or ``"lowest contact"``. By default the lowest point of the probe's contour, which those
        of the catalogue have.
    depth_axis : "y" or "z", optional
        Of contacts with three coordinates, which one runs along the shank, away from the tip.

    Returns
    -------
    Dataset
        On ``contact``, in the order of the probe, with the coordinates ``contact_id``, ``shank``,
        ``channel`` (of the device, where the probe is wired) and the position along each axis of
        the frame, named as there, in mm. It is itself points, as :func:`region_at` takes them.

        ``region``, ``region_id``, ``hemisphere``, ``status``
            Same as in :func:`region_at`.
        ``border_distance``
            From the contact to the nearest voxel of another region (or parcel), or of background,
            in um. Borders run between voxels, as in :func:`along`: a contact that lies 3 um from
            one has 3 um. NaN outside of the volume.
        ``from_tip``
            The height above the tip on the probe, in um.
        ``depth``
            The distance below the entry along the shank or track, in um, after the rescaling by
            `landmarks`; negative above the entry. Not there if no entry was stated.

    Raises
    ------
    PointsError
        If the insertion is not stated in one of these ways, or not which way the probe faces,
        where its tip is, or which shank is meant.
    UnitsError
        If a length or an angle has no unit.

    Warns
    -----
    UserWarning
        If more than a fifth of the contacts below the entry lie outside of the brain (where no
        entry is stated, if the lowest contact does), with what would put them there. If the
        tip lies above the entry by more than 30 degrees. If the midline was assumed.

    Notes
    -----
    The angles are those of ``iblatlas.atlas.Insertion``, whose tip agrees. Across the shank, its
    axis is at the tip of the contour, or in the middle of its contacts where there is none.

    Along a track, contacts of one height lie on a straight line across the curve, so that those of
    shanks on its inner side are closer to each other than on the probe: by x / r at a distance x
    from a curve of radius r.

    Distances to borders are those of the atlas, also where the frame is scaled.
    :func:`distance_to` counts from the centres of voxels to the centres of others, and is larger
    by up to a voxel.

    Examples
    --------
    >>> import xarray_atlas
    >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
    >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> heights = [0.2, 0.6, 1.0, 1.4, 1.8, 2.2]
    >>> found = xarray_atlas.insert(
    ...     ds, heights, probe_unit="mm", probe_tip="0 um",
    ...     entry={"ml": -1.4, "ap": -2.2, "dv": -0.4}, unit="mm", frame="ibl",
    ...     angles={"phi": "180 deg", "theta": "10 deg"}, depth="2.6 mm",
    ... )
    >>> found.region.values.tolist()
    ['APN', 'APN', 'DG-mo', 'CA1', 'CA1', 'RSPagl6a']
    >>> found.depth.values.round().tolist(), found.depth.attrs["units"]
    ([2400.0, 2000.0, 1600.0, 1200.0, 800.0, 400.0], 'um')
    >>> found.border_distance.values.round().tolist()
    [4.0, 2.0, 8.0, 192.0, 20.0, 0.0]
    >>> found.ml.values.round(2).tolist()
    [-0.98, -1.05, -1.12, -1.19, -1.26, -1.33]
    """
    contacts = read_contacts(probe, probe_unit, depth_axis, probe_tip)
    options: dict[str, Any] = {"axes": axes, "columns": columns, "transform": transform}

    def read(points: Any, what: str) -> Points:
        found = read_points(obj, points, frame, unit, **options)
        if not np.isfinite(found.stacked()).all():
            raise PointsError(f"{what}={points!r} holds a position that is not a number")
        return found

    stated = {"entry": entry, "tip": tip, "angles": angles, "depth": depth, "track": track}
    _require_one_way([name for name, value in stated.items() if value is not None])
    places = {n: read(stated[n], n) for n in ("entry", "tip", "track") if stated[n] is not None}
    first = next(iter(places.values()))
    way = frame_way(obj, first)
    course, turn = _course(places, way, angles, depth, spin)
    contacts = contacts.about(shank)
    if spin is not None and str(spin) == ON_AXIS:
        contacts = contacts.on_axis()
    height = rescaled(contacts.up, landmarks)
    position, up = course.at(height)
    position = position + _beside(contacts, up, spin, turn)
    named = way.named(position)
    stated_frame = first.frame if frame is None and transform is None else frame
    points = read_points(obj, named, stated_frame, transform=transform)
    terminology, _ = find_atlas(obj)
    parcels = chosen_parcels(terminology, level, parcellation)
    mm = placement_of(obj, points.frame).place(points.stacked())
    held = find(obj, points, sides=True, warn=False)
    # contacts above the entry are expected outside the brain
    length = course.length
    judged = height < length if length is not None else height <= height.min()
    warn_of_misplaced(obj, held.axes, points.stacked()[judged], mm[judged], points.frame,
                      held.inside[judged], held.labels[judged])  # fmt: skip
    position_of, status = held.regions(terminology, parcels)
    own = terminology if parcels is None else parcels.terminology
    found = described(points, own, position_of, status, held.sides)
    lengths = {
        "border_distance": (border_distances(obj, mm, terminology, parcels), BORDER),
        "from_tip": (contacts.up, "height above the tip on the probe"),
    }
    if length is not None:
        lengths["depth"] = length - height, "distance below the entry along the shank"
    return _result(found, named, contacts, lengths)


# -- parameters


WAYS = (
    {"entry", "tip"},
    {"entry", "angles", "depth"},
    {"tip", "angles"},
    {"track"},
)


def _require_one_way(stated: list[str]) -> None:
    if set(stated) in WAYS:
        return
    given = ", ".join(f"{name}=" for name in stated) or "nothing"
    raise PointsError(
        f"where the probe goes is stated by {given}; pass entry= and tip=, or entry=, angles= and "
        "depth= (to the tip), or tip= and angles=, or track= (points from the entry to the tip)"
    )


# -- course


def _course(
    places: Mapping[str, Points],
    way: Way,
    angles: Mapping[str, Any] | None,
    depth: Any,
    spin: Any,
) -> tuple[Line | Curve, FloatArray | None]:
    """Return the course of the shank, and the direction of x if it is given by angles."""
    if any(p.stated_frame != places["entry"].stated_frame for p in places.values()
           if "entry" in places):  # fmt: skip
        raise PointsError("entry= and tip= state different frames in their attributes")
    at = {name: way.ras(points) for name, points in places.items()}
    if "track" in at:
        _require_no_angle(spin, "along a track")
        curve = Curve(at["track"])
        reverse = "if the points of track= were traced from the tip, reverse their order"
        warn_of_upward(at["track"][0], at["track"][-1], reverse)
        return curve, None
    for name, place in at.items():
        if len(place) != 1:
            raise PointsError(f"{name}= is one point, not {len(place)}")
    if angles is None:
        _require_no_angle(spin, "from an entry to a tip")
        back = at["entry"][0] - at["tip"][0]
        length = float(np.linalg.norm(back))
        if not length:
            raise PointsError("entry= and tip= are the same point")
        warn_of_upward(at["entry"][0], at["tip"][0], SWAPPED)
        return Line(at["tip"][0], back / length, length), None
    phi, theta = _angles(angles)
    turns = rotation(phi, theta, 0.0 if _is_word(spin) else _spin_angle(spin))
    across = None if _is_word(spin) else turns[:, 0]
    up = turns[:, 2]
    if depth is None:
        return Line(at["tip"][0], up, None), across
    if not isinstance(depth, str) and not hasattr(depth, "units"):
        raise UnitsError(f"depth={depth!r} has no unit; write it as '3.8 mm'")
    length = float(to_mm(depth, "depth"))
    if not 0 < length < np.inf:
        raise PointsError(f"depth={depth!r} is not a distance from the entry down to the tip")
    return Line(at["entry"][0] - length * up, up, length), across


def _angles(angles: Mapping[str, Any]) -> tuple[float, float]:
    if not isinstance(angles, Mapping) or set(angles) != {"phi", "theta"}:
        raise PointsError(
            f"angles={angles!r} is not of the form {{'phi': '180 deg', 'theta': '15 deg'}}: theta "
            "from the vertical axis, phi to where the upper end leans (0 right, 90 deg anterior); "
            "the angle about the shank is spin="
        )
    phi, theta = (to_degrees(angles[name], name) for name in ("phi", "theta"))
    if not 0 <= theta <= 180:
        raise PointsError(f"theta={angles['theta']!r} is not between 0 and 180 degrees")
    return phi, theta


def _spin_angle(spin: Any) -> float:
    """Return an angle about the shank in degrees."""
    try:
        return to_degrees(spin, "spin")
    except UnitsError as error:
        words = ", ".join(map(repr, DIRECTIONS.values()))
        raise UnitsError(
            f"{error}; or say in which direction x of the probe runs, {words}, or {ON_AXIS!r}"
        ) from error


def _is_word(spin: Any) -> bool:
    return spin is None or (isinstance(spin, str) and spin in (*RAS, ON_AXIS))


def _require_no_angle(spin: Any, how: str) -> None:
    if not _is_word(spin):
        raise PointsError(
            f"spin={spin!r} goes with angles=; {how}, say in which direction x of the probe runs: "
            f"{', '.join(map(repr, DIRECTIONS.values()))}, or {ON_AXIS!r}"
        )


def _beside(contacts: Contacts, up: FloatArray, spin: Any, across: FloatArray | None) -> FloatArray:
    """Return the offsets of contacts from the axis of the shank, shape (n, 3)."""
    if not contacts.wide:
        return np.zeros_like(up)
    if across is None:
        if spin is None:
            raise PointsError(
                "contacts lie off the axis of the insertion, so that it matters which way the "
                "probe faces: pass spin=, the direction in which x of the probe runs (to the right "
                "as one looks at the contacts with the tip down), "
                f"{', '.join(map(repr, DIRECTIONS.values()))}; with angles= an angle about the "
                f"shank; or, of one shank, {ON_AXIS!r}"
            )
        place, sign = RAS[spin]
        across = sign * np.eye(3)[place]
    across = across - (up @ across)[:, None] * up
    norm = np.linalg.norm(across, axis=1, keepdims=True)
    if (norm < STEEP).any():
        raise PointsError(
            f"spin={spin!r} runs along the shank, which does not say which way the probe faces; "
            "name a direction across it"
        )
    across = across / norm
    out: FloatArray = np.cross(across, up)
    return contacts.across[:, None] * across + contacts.out[:, None] * out


# -- the result


def _result(
    found: xr.Dataset,
    named: Mapping[str, Variable],
    contacts: Contacts,
    lengths: Mapping[str, tuple[FloatArray, str]],
) -> xr.Dataset:
    dims = ("contact",)
    coords: dict[str, Any] = {
        "contact_id": Variable(dims, contacts.contact_id, encoding=_TEXT),
        "shank": Variable(dims, contacts.shank, encoding=_TEXT),
    }
    if contacts.channel is not None:
        coords["channel"] = Variable(dims, contacts.channel)
    added = {name: _in_um(mm, long_name) for name, (mm, long_name) in lengths.items()}
    # assign_coords would make ordinary variables of those with quantities
    placed = found.assign(named).set_coords(list(named))
    return placed.assign_coords(coords).assign(added)


def _in_um(mm: FloatArray, long_name: str) -> QuantityVariable:
    registry = pint.get_application_registry()
    um = registry.Quantity(mm * 1e3, "micrometer")
    return QuantityVariable(("contact",), um, {"long_name": long_name})

"""The regions along the shanks of a probe, with signals of its contacts next to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.parcellation.parcels import chosen_parcels
from xarray_atlas.plotting.palette import INSTALL, ink_for, palette
from xarray_atlas.plotting.unit_labels import value_label
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.tables import read_points
from xarray_atlas.points.tracks import along
from xarray_atlas.terminology import Terminology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["track"]

AxesArray = np.ndarray[Any, np.dtype[np.object_]]

COLUMN, SIGNAL, HEIGHT = 0.9, 1.6, 5.5
"""The widths of a column of regions and of a signal, and the height of a figure, in inches."""


def track(
    obj: xr.Dataset | xr.DataArray,
    contacts: xr.Dataset,
    signals: Any = None,
    *,
    level: int | None = None,
    parcellation: Any = None,
    transform: Any = None,
    ax: Any = None,
    labels: bool = True,
    **kwargs: Any,
) -> AxesArray:
    """Draw the regions along each shank of a probe, and signals of its contacts next to them.

    The column of regions follows the middle of a shank from its highest to its lowest contact;
    boundaries are exact, as in :func:`~xarray_atlas.along`.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation.
    contacts : Dataset
        As returned by :func:`~xarray_atlas.insert`, or a part of it.
    signals : DataArray, Dataset, or mapping of str to array, optional
        On ``contact``, in the order of `contacts`. What has that dimension alone is drawn as a
        profile; what has one more (time, frequency) as an image.
    level, parcellation
        Same as in :func:`~xarray_atlas.region_at`.
    transform : Transform, optional
        Where the contacts are those of another space.
    ax : array of matplotlib Axes, optional
        As many as are returned. A figure is made by default.
    labels : bool, default: True
        Write acronyms into the parts of the column that have room for them.
    **kwargs
        Options of the bars, for :meth:`matplotlib.axes.Axes.bar`: ``edgecolor``,
        ``linewidth``, ``alpha``, ...

    Returns
    -------
    ndarray of matplotlib Axes, shape (shanks, 1 + signals)
        With the depth below the entry downwards; the height above the tip upwards where no entry
        is known. Both in um.

    Raises
    ------
    PointsError
        If these are not contacts of a probe, a shank has no two contacts at different heights, or
        a signal is not one of the contacts.

    Examples
    --------
    >>> import numpy as np, xarray_atlas
    >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
    >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> contacts = ds.atlas.insert(
    ...     np.arange(0, 3000, 20), probe_unit="um", probe_tip="-200 um", frame="ibl", unit="mm",
    ...     entry={"ml": -1.4, "ap": -2.2, "dv": -0.4},
    ...     tip={"ml": -0.9, "ap": -2.2, "dv": -3.8},
    ... )
    >>> axes = ds.atlas.plot.track(contacts, {"rate (Hz)": np.linspace(1, 9, 150)})
    >>> axes.shape, axes[0, 0].get_ylabel(), axes[0, 1].get_xlabel()
    ((1, 2), 'depth (µm)', 'rate (Hz)')
    """
    pyplot = optional("matplotlib.pyplot", INSTALL, "plot.track")
    name = _heights_of(contacts)
    values = {key: _signal(contacts, key, value) for key, value in _named(signals).items()}
    shank = contacts["shank"].values.astype(str)
    shanks = list(dict.fromkeys(shank.tolist()))
    shape = (len(shanks), 1 + len(values))
    if ax is None:
        width = len(shanks) * (COLUMN + SIGNAL * len(values)) + 0.8
        ratios = [COLUMN, *[SIGNAL] * len(values)] * len(shanks)
        _, made = pyplot.subplots(
            1, shape[0] * shape[1], figsize=(width, HEIGHT), layout="constrained", squeeze=False,
            sharey=True, width_ratios=ratios,
        )  # fmt: skip
        given: AxesArray = made.reshape(shape)
    else:
        given = np.asarray(ax, object)
        if given.size != shape[0] * shape[1]:
            raise PointsError(
                f"{given.size} axes were given; {shape[0]} shanks with {shape[1] - 1} signals take "
                f"{shape[0] * shape[1]}"
            )
        given = given.reshape(shape)
    um = np.asarray(to_mm(contacts[name])) * 1e3
    for row, each in zip(given, shanks, strict=True):
        of = np.flatnonzero(shank == each)
        part = contacts.isel(contact=of)
        parts = _parts(obj, part, um[of], level, parcellation, transform)
        _draw_regions(row[0], parts, labels, kwargs)
        row[0].set_title("" if len(shanks) == 1 else f"shank {each}", fontsize="medium")
        for axes, (key, signal) in zip(row[1:], values.items(), strict=True):
            _draw_signal(axes, key, signal.isel(contact=of), um[of])
    low, high = float(um.min()), float(um.max())
    for each in given.ravel():
        each.set_ylim((high, low) if name == "depth" else (low, high))
    given[0, 0].set_ylabel(f"{'depth' if name == 'depth' else 'height above the tip'} (µm)")
    return given


def _heights_of(contacts: Any) -> str:
    """Return the variable with the positions of contacts along the shank."""
    if isinstance(contacts, xr.Dataset) and {"shank", "from_tip"} <= set(contacts.variables):
        return "depth" if "depth" in contacts else "from_tip"
    raise PointsError("a track is drawn of contacts, as ds.atlas.insert(probe, ...) returns them")


def _named(signals: Any) -> dict[str, Any]:
    if signals is None:
        return {}
    if isinstance(signals, xr.DataArray):
        return {_title(signals, "" if signals.name is None else str(signals.name)): signals}
    if isinstance(signals, xr.Dataset):
        return {_title(array, str(name)): array for name, array in signals.data_vars.items()}
    if isinstance(signals, Mapping):
        return dict(signals)
    raise PointsError("signals are a DataArray, a Dataset, or a mapping from names to arrays")


def _title(array: xr.DataArray, name: str) -> str:
    return value_label(array.rename(name))


def _signal(contacts: xr.Dataset, name: str, value: Any) -> xr.DataArray:
    """Return a signal with the contacts in front."""
    n = contacts.sizes["contact"]
    if isinstance(value, xr.DataArray):
        array = value
    else:
        data = np.asarray(value)
        dims = ("contact", "sample")[: data.ndim] if data.ndim in (1, 2) else ()
        array = xr.DataArray(data, dims=dims or None)
    if "contact" not in array.dims or array.ndim > 2 or array.sizes["contact"] != n:
        raise PointsError(
            f"signal {name!r} has the dimensions {dict(array.sizes)}; a signal is on the {n} "
            f"entries of 'contact', and one more dimension at the most"
        )
    return array.transpose("contact", ...)


class _Part(NamedTuple):
    """A piece of the column: its start and end, its acronym, and its colour."""

    start: float
    stop: float
    region: str
    color: tuple[float, ...]


def _parts(
    obj: xr.Dataset | xr.DataArray,
    contacts: xr.Dataset,
    um: FloatArray,
    level: int | None,
    parcellation: Any,
    transform: Any,
) -> list[_Part]:
    """Return the regions along the middle of a shank."""
    points = read_points(obj, contacts, transform=transform)
    heights, of = np.unique(np.round(um, 6), return_inverse=True)
    if heights.size < 2:
        raise PointsError(
            f"shank {contacts['shank'].values[0]!r} has contacts at one height only, not a track"
        )
    count = np.bincount(of)
    middle = {a: np.bincount(of, points.mm[a].ravel()) / count for a in points.mm}
    asked: dict[str, Any] = {"level": level, "parcellation": parcellation, "transform": transform}
    frame = None if transform is not None else points.frame
    line = {points.names[axis]: middle[axis] for axis in middle}
    found = along(obj, line, frame=frame, unit="mm", **asked)
    # along() measures in the Dataset, which an affine may have scaled
    stacked = np.stack([middle[axis] for axis in ("ap", "dv", "ml")], axis=1)
    there = placement_of(obj, points.frame).place(stacked)
    steps = np.linalg.norm(np.diff(there, axis=0), axis=1)
    walked = np.append(0.0, np.cumsum(steps))
    start, stop = (np.interp(found[n].values, walked, heights) for n in ("start", "stop"))
    terminology, _ = find_atlas(obj)
    parcels = chosen_parcels(terminology, level, parcellation)
    own = terminology if parcels is None else parcels.terminology
    colors = {name: _color(own, name) for name in set(found["region"].values.tolist())}
    return [
        _Part(float(a), float(b), name, colors[name])
        for a, b, name in zip(start, stop, found["region"].values.tolist(), strict=True)
    ]


def _color(terminology: Terminology, acronym: str) -> tuple[float, ...]:
    """Return the colour of a region, as sections show it."""
    if not acronym:
        return (1.0, 1.0, 1.0, 0.0)
    made = palette(terminology)
    position = int(np.flatnonzero(terminology.distinct_acronyms == acronym)[0])
    row = int(np.flatnonzero(made.regions == position)[0])
    return tuple((made.colors[row] / 255).tolist())


def _draw_regions(ax: Axes, parts: list[_Part], labels: bool, kwargs: dict[str, Any]) -> None:
    from xarray_atlas.plotting.fitted_text import FittedText

    ax.bar(
        [0.5] * len(parts), [part.stop - part.start for part in parts], 1.0,
        bottom=[part.start for part in parts],
        **{"color": [part.color for part in parts], "edgecolor": "black", "linewidth": 0.4,
           **kwargs},
    )  # fmt: skip
    for part in parts if labels else ():
        if part.region:
            ink = ink_for(*part.color[:3])
            text = FittedText(0, 1, part.start, part.stop, part.region, color=ink)
            ax.add_artist(text)
    ax.set(xlim=(0, 1), xticks=[])
    ax.spines[["top", "bottom", "right"]].set_visible(False)


def _draw_signal(ax: Axes, name: str, signal: xr.DataArray, um: FloatArray) -> None:
    order = np.argsort(um, kind="stable")
    data = getattr(signal.variable.data, "magnitude", signal.variable.data)
    values, heights = np.asarray(data)[order], um[order]
    if values.ndim == 1:
        ax.plot(values, heights, linewidth=1, marker=".", markersize=3)
        ax.set_xlabel(name)
    else:
        other = str(signal.dims[1])
        known = other in signal.coords
        across = np.asarray(signal[other].values) if known else np.arange(values.shape[1])
        rows, of = np.unique(heights, return_inverse=True)  # contacts of one height: their mean
        mean = np.zeros((rows.size, values.shape[1]))
        np.add.at(mean, of, values)
        ax.pcolormesh(across, rows, mean / np.bincount(of)[:, None], shading="nearest")
        ax.set_xlabel(_title(signal[other], other) if known else other)
        ax.set_title(name, fontsize="medium")
    ax.tick_params(labelleft=False)

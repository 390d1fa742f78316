"""Heights on a probe and on its track, brought together at landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["rescaled"]


def rescaled(height: FloatArray, landmarks: Mapping[str, Any] | None) -> FloatArray:
    """Return heights above the tip along the track, of heights on the probe.

    Between two landmarks they are scaled linearly, and shifted outside of the outermost: nothing
    there says that the tissue is stretched.

    Parameters
    ----------
    height : float64 array, shape (n,)
        In mm.
    landmarks : mapping, optional
        Lengths with units, as many in ``"probe"`` as in ``"track"``.

    Raises
    ------
    PointsError
        If they are not as many, or not in the same order on both.
    UnitsError
        If one has no unit.
    """
    if landmarks is None:
        return height
    if not isinstance(landmarks, Mapping) or set(landmarks) != {"probe", "track"}:
        raise PointsError(
            f"landmarks={landmarks!r} is not of the form {{'probe': ['0.9 mm', '2.1 mm'], 'track': "
            "['1.0 mm', '2.0 mm']}: heights above the tip, on the probe and on the track"
        )
    probe, track = (_heights(landmarks[name], name) for name in ("probe", "track"))
    if probe.shape != track.shape or not probe.size:
        raise PointsError(
            f"landmarks= has {probe.size} heights on the probe and {track.size} on the track; "
            "each landmark has one on both"
        )
    order = np.argsort(probe)
    probe, track = probe[order], track[order]
    if (np.diff(probe) <= 0).any() or (np.diff(track) <= 0).any():
        raise PointsError(
            "landmarks are not in the same order on the probe and on the track, or two are at the "
            "same height"
        )
    inside = np.clip(height, probe[0], probe[-1])
    return np.interp(inside, probe, track) + (height - inside)


def _heights(values: Any, name: str) -> FloatArray:
    own = hasattr(values, "units") or getattr(values, "attrs", {}).get("units") is not None
    cells = values if isinstance(values, list | tuple) else [values]
    if not own and not all(isinstance(v, str) or hasattr(v, "units") for v in cells):
        raise UnitsError(
            f"landmarks={{{name!r}: {values!r}}} has no unit; write each height as '0.9 mm'"
        )
    found: FloatArray = np.atleast_1d(np.asarray(to_mm(values, f"landmarks[{name!r}]"), np.float64))
    return found

"""The unit of positions: their own, or one that is stated for them; never none."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from xarray import Variable

from xarray_atlas.coords.units import to_mm, unit_factor
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["in_mm", "magnitudes"]


def in_mm(values: Any, own: Any, name: Hashable, unit: Any) -> FloatArray:
    """Return positions in mm, by their own unit or the one that is stated for them."""
    what = f"position {name!r}"
    values = magnitudes(values)
    if values.dtype.kind in "OUT":
        return _cells_in_mm(values, own, name, unit)
    if values.dtype.kind not in "iuf":
        raise PointsError(f"{what} is {values.dtype}, which is no length")
    if own is None and unit is None:
        raise UnitsError(
            f"{what} has no unit; pass unit='um', or give it one: attrs['units'] = 'um'"
        )
    if own is not None and unit is not None and unit_factor(own) != unit_factor(unit):
        raise UnitsError(
            f"{what} is in {own} by itself, and unit={str(unit)!r} says otherwise; leave out "
            "unit=, or correct the unit that it has"
        )
    stated = unit if own is None else own
    flat = Variable(("point",), values.ravel().astype(np.float64), {"units": stated})
    return np.asarray(to_mm(flat, what).values).reshape(values.shape)


def magnitudes(values: Any) -> Any:
    """Return the numbers of an array or quantity; of lists of quantities the cells as they are."""
    if hasattr(values, "magnitude"):
        values = values.magnitude
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "iuf":
        return np.ma.filled(values.astype(np.float64), np.nan)
    if isinstance(values, list | tuple) and _has_units(values):
        shape = np.shape([[0] * len(row) if isinstance(row, list | tuple) else 0 for row in values])
        cells = np.empty(len(values) if len(shape) == 1 else shape, object)
        for place in np.ndindex(cells.shape):
            cells[place] = values[place[0]] if len(place) == 1 else values[place[0]][place[1]]
        return cells
    return np.asarray(values)  # of dask: computed


def _has_units(values: Any) -> bool:
    """Tell whether nested lists hold strings or quantities."""
    if isinstance(values, list | tuple):
        return any(map(_has_units, values))
    return isinstance(values, str) or hasattr(values, "units")


def _cells_in_mm(values: Any, own: Any, name: Hashable, unit: Any) -> FloatArray:
    """Read cells one by one: lengths such as "5 mm", or numbers that a table holds as objects."""
    cells = values.ravel().tolist()
    missing = [cell is None or cell is pd.NA for cell in cells]
    bare = [isinstance(c, int | float) and not isinstance(c, bool) for c in cells]
    if all(m or b for m, b in zip(missing, bare, strict=True)):
        numbers = [np.nan if m else float(c) for c, m in zip(cells, missing, strict=True)]
        return in_mm(np.array(numbers).reshape(values.shape), own, name, unit)
    if any(b and c == c for b, c in zip(bare, cells, strict=True)):
        raise UnitsError(
            f"position {name!r} holds lengths with a unit and numbers without one; give each a unit"
        )
    if unit is not None:
        raise UnitsError(
            f"position {name!r} holds lengths that say their own unit; leave out unit={unit!r}"
        )
    found = [np.nan if m or b else to_mm(c, f"position {name!r}")
             for c, m, b in zip(cells, missing, bare, strict=True)]  # fmt: skip
    return np.array(found, dtype=np.float64).reshape(values.shape)

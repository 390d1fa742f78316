"""The coordinate variable that carries millimetres."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from xarray import IndexVariable, Variable
from xarray.core.formatting import format_array_flat

from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.units import quantity, to_mm
from xarray_atlas.errors import UnitsError
from xarray_atlas.kernels.spacing import regular_step, same_lengths, tolerance_of, without_noise

__all__ = ["COARSE", "SPACING", "LengthVariable", "encoding_in_mm"]

SPACING = "spacing_mm"
"""Attribute of a coordinate of one value: the voxel size along its axis, in mm."""

COARSE = "coarsened_to_mm"
"""Attribute of a coordinate that was coarsened: its voxel size, for when one value is left."""

_PACKING = (
    "dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned",
    "filters", "serializer",
)  # fmt: skip


class _Millimetres(np.ndarray[Any, np.dtype[np.float64]]):
    """Plain numbers that say in xarray's overviews that they are mm."""

    def _repr_inline_(self, max_width: int) -> str:
        return f"[mm] {format_array_flat(self.view(np.ndarray), max_width - 5)}"


class LengthVariable(QuantityVariable):
    """A coordinate in millimetres: plain numbers within, quantities outside.

    ``.data`` is a :class:`pint.Quantity`, ``.values`` are plain millimetres,
    and ``attrs["units"]`` says ``mm`` whatever happens to the attributes.
    Whatever part of xarray looks past this surface finds plain millimetres,
    and the unit beside them. Like xarray's ``IndexVariable`` it is immutable,
    in memory, and never chunked.
    """

    __slots__ = ()

    def __init__(
        self,
        dims: Any,
        data: Any,
        attrs: Any = None,
        encoding: Any = None,
        fastpath: bool = False,
    ) -> None:
        values = np.array(to_mm(data), dtype=np.float64)  # a copy: nobody else can write to it
        values.flags.writeable = False
        super().__init__(dims, values.view(_Millimetres), attrs, encoding, fastpath=True)
        self.attrs = attrs or {}  # completed in what is stored, for who looks past the property

    # -- what it shows

    @property
    def quantity(self) -> Any:
        """The coordinate as a quantity in mm."""
        return quantity(np.asarray(self._data))

    def _complete(self, attrs: dict[Any, Any]) -> dict[Any, Any]:
        """Add the unit; drop the voxel size where the values say it."""
        attrs["units"] = "mm"
        if self.size > 1:
            attrs.pop(SPACING, None)
            attrs.pop(COARSE, None)
        return attrs

    # -- as IndexVariable has it

    def _replace(self, **changes: Any) -> Any:  # type: ignore[override]
        return Variable._replace(self, **changes)  # plain numbers are millimetres here

    def to_base_variable(self) -> Self:
        # a coordinate that has lost its index, such as one plane's, keeps its unit
        return self.copy(deep=False)

    to_variable = to_base_variable

    def plain(self) -> Variable:
        """Return an ordinary variable of numbers, its unit in the attrs."""
        return Variable(self._dims, self.values, self.attrs, self._encoding, fastpath=True)

    def _to_index(self) -> pd.Index:
        plain = _who_compares()
        if plain is None:
            return self.to_index_variable()._to_index()
        if not self.equals(plain):  # IndexVariable.equals reads a TypeError as "not equal"
            raise TypeError(f"{plain.name!r} does not hold the same lengths")
        return plain._to_index()

    def equals(self, other: Any, equiv: Any = None) -> bool:
        """Equal dimensions, and equal lengths within a millionth of a voxel."""
        other = getattr(other, "variable", other)
        if not isinstance(other, Variable) or self.dims != other.dims:
            return False
        if self.shape != other.shape:
            return False
        if isinstance(other, LengthVariable):
            theirs = other.values
        elif not hasattr(other.data, "units") and "units" not in other.attrs:
            return False
        else:
            try:
                theirs = to_mm(other).values
            except UnitsError:
                return False
        return same_lengths(self.values, theirs, tolerance_of(self.values, self.attrs.get(SPACING)))

    def coarsen(self, windows: Mapping[Any, int], *args: Any, **kwargs: Any) -> Any:
        coarse = super().coarsen(windows, *args, **kwargs)
        window, step = windows.get(self.dims[0] if self.dims else None), regular_step(self.values)
        if window is None or step is None:
            return coarse
        # xarray makes a plain coordinate of it: it must remember what cannot be measured
        plain = coarse.plain()
        key = SPACING if plain.size == 1 else COARSE
        plain.attrs[key] = without_noise(abs(step) * window)
        return plain


def encoding_in_mm(variable: Variable) -> dict[Any, Any]:
    """Return how to write a coordinate that was read as other numbers.

    Micrometres may have been stored as integers, or packed; millimetres
    written in that way would be rounded.
    """
    encoding = variable.encoding
    if isinstance(variable, LengthVariable):
        return encoding
    return {key: value for key, value in encoding.items() if key not in _PACKING or value is None}


def _who_compares() -> IndexVariable | None:
    """Return the plain coordinate that compares itself with the caller's, if one does.

    ``plain.equals(length)`` of xarray compares the two pandas indexes, which
    know no units: a coordinate with the same numbers in um, or without a unit,
    would pass for the one in mm and replace it. That it takes the other's
    ``_to_index()`` is all that the other hears of the comparison, and it is not
    told with what it is compared, so that is looked up in the caller's frame.

    Written for xarray 2026.9, whose ``IndexVariable._data_equals`` is
    ``self._to_index().equals(other._to_index())``. It goes when
    ``IndexVariable.equals`` lets a variable of another class decide, or when
    indexes of two kinds are asked whether they are equal (``Index.equals`` is
    only asked by indexes of its own kind, of others the variables are compared).
    ``tests/coords/test_quantity_variable.py`` fails when this no longer works.
    """
    caller = sys._getframe(2)
    plain = caller.f_locals.get("self")
    comparing = caller.f_code.co_name == "_data_equals" and isinstance(plain, IndexVariable)
    return plain if comparing else None

"""Coordinate variable in millimetres."""

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
"""Attribute with the voxel size in mm of a coordinate with one value."""

COARSE = "coarsened_to_mm"
"""Attribute with the voxel size of a coarsened coordinate, for when a single value is left."""

_PACKING = (
    "dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned",
    "filters", "serializer",
)  # fmt: skip


class _Millimetres(np.ndarray[Any, np.dtype[np.float64]]):
    """Plain numbers that are shown with mm in xarray's overviews."""

    def _repr_inline_(self, max_width: int) -> str:
        return f"[mm] {format_array_flat(self.view(np.ndarray), max_width - 5)}"


class LengthVariable(QuantityVariable):
    """Coordinate in millimetres that stores plain numbers and returns quantities.

    ``.data`` is a :class:`pint.Quantity`, ``.values`` are plain millimetres, and ``attrs["units"]``
    is always ``mm``. Parts of xarray that bypass these properties find plain millimetres with the
    unit in the attributes. Like xarray's ``IndexVariable`` it is immutable, in memory, and never
    chunked.
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
        self.attrs = attrs or {}  # completed in storage, for code that bypasses the property

    # -- display

    @property
    def quantity(self) -> Any:
        """The coordinate as a quantity in mm."""
        return quantity(np.asarray(self._data))

    def _complete(self, attrs: dict[Any, Any]) -> dict[Any, Any]:
        """Add the unit; drop the voxel size if the values determine it."""
        attrs["units"] = "mm"
        if self.size > 1:
            attrs.pop(SPACING, None)
            attrs.pop(COARSE, None)
        return attrs

    # -- overrides, as in IndexVariable

    def _replace(self, **changes: Any) -> Any:  # type: ignore[override]
        return Variable._replace(self, **changes)  # plain numbers are millimetres here

    def to_base_variable(self) -> Self:
        # a coordinate without an index, such as a single plane's, keeps its unit
        return self.copy(deep=False)

    to_variable = to_base_variable

    def plain(self) -> Variable:
        """Return an ordinary variable of numbers, with the unit in its attributes."""
        return Variable(self._dims, self.values, self.attrs, self._encoding, fastpath=True)

    def _to_index(self) -> pd.Index:
        plain = _who_compares()
        if plain is None:
            return self.to_index_variable()._to_index()
        if not self.equals(plain):  # IndexVariable.equals takes a TypeError as "not equal"
            raise TypeError(f"{plain.name!r} does not hold the same lengths")
        return plain._to_index()

    def equals(self, other: Any, equiv: Any = None) -> bool:
        """Return whether dimensions are equal, and lengths within a millionth of a voxel."""
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
        # xarray makes this a plain coordinate, which must remember its voxel size
        plain = coarse.plain()
        key = SPACING if plain.size == 1 else COARSE
        plain.attrs[key] = without_noise(abs(step) * window)
        return plain


def encoding_in_mm(variable: Variable) -> dict[Any, Any]:
    """Return the encoding of a coordinate without one that would round millimetres.

    Micrometres may have been stored as integers or packed; writing millimetres in that way would
    round them.
    """
    encoding = variable.encoding
    if isinstance(variable, LengthVariable):
        return encoding
    return {key: value for key, value in encoding.items() if key not in _PACKING or value is None}


def _who_compares() -> IndexVariable | None:
    """Return the plain coordinate that is being compared with the caller's, if any.

    ``plain.equals(length)`` of xarray compares the two pandas indexes, which know no units: a
    coordinate with the same numbers in um, or without a unit, would be taken for the one in mm and
    replace it. The only trace of the comparison in the other variable is a call of its
    ``_to_index()``, without a reference to the first, which is therefore looked up in the caller's
    frame.

    Written for xarray 2026.9, in which ``IndexVariable._data_equals`` is
    ``self._to_index().equals(other._to_index())``. Can be removed when ``IndexVariable.equals``
    lets a variable of another class decide, or when indexes of different types are asked whether
    they are equal (``Index.equals`` is only called between indexes of the same type; otherwise the
    variables are compared). ``tests/coords/test_quantity_variable.py`` fails when this no longer
    works.
    """
    caller = sys._getframe(2)
    plain = caller.f_locals.get("self")
    comparing = caller.f_code.co_name == "_data_equals" and isinstance(plain, IndexVariable)
    return plain if comparing else None

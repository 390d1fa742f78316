"""The coordinate variable that carries millimetres."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, Self

import numpy as np
import pandas as pd
from xarray import IndexVariable, Variable
from xarray.core.formatting import format_array_flat

from xarray_atlas.errors import UnitsError
from xarray_atlas.spacing import regular_step, same_lengths, tolerance_of
from xarray_atlas.units import quantity, to_mm

__all__ = ["SPACING", "LengthVariable"]

SPACING = "spacing"
"""Attribute of a coordinate of one value: the voxel size along its axis, in mm."""

_ENCODERS = "xarray.coding."


class _Millimetres(np.ndarray[Any, np.dtype[np.float64]]):
    """Plain numbers that say in xarray's overviews that they are mm."""

    def _repr_inline_(self, max_width: int) -> str:
        return f"[mm] {format_array_flat(self.view(np.ndarray), max_width - 5)}"


class LengthVariable(Variable):
    """A coordinate in millimetres: plain numbers within, quantities outside.

    ``.data`` is a :class:`pint.Quantity`, ``.values`` are plain millimetres,
    and ``attrs["units"]`` says ``mm`` whatever happens to the attributes.
    Like xarray's ``IndexVariable`` it is immutable, in memory, and never
    chunked. Arithmetic and reductions give ordinary variables of quantities.
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
        attrs = {**(attrs or {}), "units": "mm"}  # also for who looks past the property
        super().__init__(dims, values.view(_Millimetres), attrs, encoding, fastpath=True)

    # -- what it shows

    @property
    def data(self) -> Any:
        """The coordinate as a quantity in mm; plain numbers to xarray's encoders.

        No storage backend writes quantities (netCDF4 raises, zarr of a single
        section raises, the others warn that the unit is lost, which attrs
        hold), and xarray asks neither index nor variable before it encodes.
        So its encoders are handed the numbers, everybody else the quantity.
        """
        if sys._getframe(1).f_globals.get("__name__", "").startswith(_ENCODERS):
            return self.values
        return quantity(self.values)

    @data.setter
    def data(self, data: Any) -> NoReturn:
        raise ValueError("a coordinate with an index cannot be written to; use assign_coords")

    @property
    def values(self) -> Any:
        """The coordinate in mm, as plain numbers."""
        return np.asarray(self._data)

    @values.setter
    def values(self, values: Any) -> NoReturn:
        raise ValueError("a coordinate with an index cannot be written to; use assign_coords")

    @property
    def attrs(self) -> dict[Any, Any]:
        """The attributes: ``units`` always, ``spacing`` only where it cannot be measured."""
        attrs: dict[Any, Any] = super().attrs
        attrs["units"] = "mm"
        if self.size > 1:
            attrs.pop(SPACING, None)
        return attrs

    @attrs.setter
    def attrs(self, value: Mapping[Any, Any]) -> None:
        self._attrs = {**value, "units": "mm"}

    def quantified(self) -> Variable:
        """Return an ordinary variable of quantities, its unit not in the attrs."""
        attrs = {key: value for key, value in self.attrs.items() if key != "units"}
        return Variable(self._dims, self.data, attrs, fastpath=True)

    # -- as IndexVariable has it

    def chunk(self, *args: Any, **kwargs: Any) -> Self:
        return self.copy(deep=False)  # type: ignore[no-any-return]

    def copy(self, deep: bool = True, data: Any = None) -> Any:
        if data is not None:
            # other data is an ordinary variable: pint-xarray's `dequantify` and `to` do so
            attrs = {key: value for key, value in self.attrs.items() if key != "units"}
            return Variable(self._dims, data, attrs, copy.copy(self._encoding))
        return super().copy(deep=deep)

    def to_base_variable(self) -> Self:
        # a coordinate that has lost its index, such as one plane's, keeps its unit
        return self.copy(deep=False)  # type: ignore[no-any-return]

    to_variable = to_base_variable

    def plain(self) -> Variable:
        """Return an ordinary variable of numbers, its unit in the attrs."""
        return Variable(self._dims, self.values, self.attrs, self._encoding, fastpath=True)

    def to_index_variable(self) -> IndexVariable:
        return IndexVariable(self._dims, self.values, self.attrs, self._encoding, fastpath=True)

    to_coord = to_index_variable

    def _to_index(self) -> pd.Index:
        # `plain.equals(self)` of xarray compares pandas indexes, which know no units: a
        # coordinate in um, or without a unit, would pass for this one and replace it. This
        # call is all that is heard of the comparison, so `plain` is looked up in its frame;
        # TypeError is what IndexVariable.equals reads as "not equal".
        caller = sys._getframe(1)
        plain = caller.f_locals.get("self")
        if caller.f_code.co_name == "_data_equals" and isinstance(plain, IndexVariable):
            if not self.equals(plain):
                raise TypeError(f"{plain.name!r} does not hold the same lengths")
            return plain._to_index()
        return self.to_index_variable()._to_index()

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
        return same_lengths(self.values, theirs, tolerance_of(self.values))

    # -- operations: ordinary variables of quantities, their unit in the data alone, so
    # that no attribute goes stale in what is made of the results

    def _binary_op(self, other: Any, f: Any, reflexive: bool = False) -> Any:
        other = other.quantified() if isinstance(other, LengthVariable) else other
        return _without_unit(self.quantified()._binary_op(other, f, reflexive))

    def _unary_op(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        return _without_unit(self.quantified()._unary_op(f, *args, **kwargs))

    def reduce(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        return _without_unit(self.quantified().reduce(func, *args, **kwargs))

    # Python asks a subclass first only where it has its own reflected operator; without
    # these, `quantities * coordinate` would take the coordinate's unit for its own

    def __radd__(self, other: Any) -> Any:
        return self._binary_op(other, operator.add, reflexive=True)

    def __rsub__(self, other: Any) -> Any:
        return self._binary_op(other, operator.sub, reflexive=True)

    def __rmul__(self, other: Any) -> Any:
        return self._binary_op(other, operator.mul, reflexive=True)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary_op(other, operator.truediv, reflexive=True)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._binary_op(other, operator.floordiv, reflexive=True)

    def __rmod__(self, other: Any) -> Any:
        return self._binary_op(other, operator.mod, reflexive=True)

    def __rpow__(self, other: Any) -> Any:
        return self._binary_op(other, operator.pow, reflexive=True)

    def coarsen(self, windows: Mapping[Any, int], *args: Any, **kwargs: Any) -> Any:
        coarse = super().coarsen(windows, *args, **kwargs)
        step = regular_step(self.values)
        if coarse.size == 1 and self.size > 1 and step:
            coarse.attrs[SPACING] = abs(step) * windows[self.dims[0]]
        return coarse


def _without_unit(variable: Any) -> Any:
    if isinstance(variable, Variable):
        variable.attrs.pop("units", None)
    return variable

"""A variable of quantities that says its unit in its attributes, and can be written."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, Self

import numpy as np
from pint.compat import upcast_type_map
from xarray import Variable

__all__ = ["QuantityVariable"]

_READ_ONLY = (
    "quantities of a fixed unit cannot be written to; make a new array, or replace a "
    "coordinate with assign_coords"
)


class QuantityVariable(Variable):
    """Quantities in memory, whose ``attrs["units"]`` is the unit of the data.

    ``.data`` is a :class:`pint.Quantity`, ``.values`` are plain numbers, and
    the unit is in the attributes when it is written or tabulated. Arithmetic
    and reductions give an ordinary variable of quantities, its unit in the
    data alone, so that the attribute does not go stale. (Functions of numpy
    keep attributes, as xarray has it.)
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _let_quantities_defer_to(cls)

    @property
    def quantity(self) -> Any:
        """The data, to whoever asks."""
        return self._data

    @property
    def data(self) -> Any:
        """The quantities; plain numbers to xarray's encoders, which are to write them."""
        return self.values if _encoder_asks() else self.quantity

    @data.setter
    def data(self, data: Any) -> NoReturn:
        raise ValueError(_READ_ONLY)

    @property
    def values(self) -> Any:
        """The data as plain numbers."""
        return np.asarray(self.quantity.magnitude)

    @values.setter
    def values(self, values: Any) -> NoReturn:
        raise ValueError(_READ_ONLY)

    @property
    def attrs(self) -> dict[Any, Any]:
        """The attributes, ``units`` always among them."""
        return self._complete(super().attrs)

    @attrs.setter
    def attrs(self, value: Mapping[Any, Any]) -> None:
        self._attrs = self._complete(dict(value))

    def _complete(self, attrs: dict[Any, Any]) -> dict[Any, Any]:
        """Add what the attributes must say."""
        attrs["units"] = f"{self.quantity.units:~D}"
        return attrs

    def _copy(self, deep: bool = True, data: Any = None, memo: Any = None) -> Any:
        if data is None:
            return super()._copy(deep=deep, memo=memo)
        # an ordinary variable: of other quantities (pint-xarray's `to`), or of numbers, which may
        # be no lengths at all (groupby's, that say which group) and keep the attributes
        attrs = _without_unit(self.attrs) if hasattr(data, "units") else self.attrs
        return Variable(self._dims, data, attrs, copy.copy(self._encoding))

    def _replace(self, **changes: Any) -> Any:  # type: ignore[override]
        if "data" in changes and not hasattr(changes["data"], "units"):
            return self.quantified()._replace(**changes)
        return super()._replace(**changes)

    def chunk(self, *args: Any, **kwargs: Any) -> Self:
        # in memory as IndexVariable is: a dask array of quantities can do little
        return self.copy(deep=False)

    def set_dims(self, *args: Any, **kwargs: Any) -> Variable:
        wide = self.quantified().set_dims(*args, **kwargs)
        return QuantityVariable(wide.dims, wide.data, wide.attrs, self._encoding)

    def quantified(self) -> Variable:
        """Return an ordinary variable of quantities, its unit not in the attrs."""
        return Variable(self._dims, self.quantity, _without_unit(self.attrs), fastpath=True)

    # -- operations

    def _binary_op(self, other: Any, f: Any, reflexive: bool = False) -> Any:
        other = other.quantified() if isinstance(other, QuantityVariable) else other
        return _drop_unit(self.quantified()._binary_op(other, f, reflexive))

    def _unary_op(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        return _drop_unit(self.quantified()._unary_op(f, *args, **kwargs))

    def reduce(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        return _drop_unit(self.quantified().reduce(func, *args, **kwargs))

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


def _encoder_asks() -> bool:
    """Tell whether one of xarray's encoders is the caller of the property that calls this.

    No storage backend writes quantities (netCDF4 raises, zarr of a single
    value raises, the others warn that the unit is lost, which attrs hold), and
    xarray asks neither index nor variable before it encodes. Its encoders do
    not say who they are either, hence the look at the stack.

    Written for xarray 2026.9, whose coders all take the data in
    ``xarray.coding.common.unpack_for_encoding``. It goes when xarray asks an
    index or a variable for what is to be written, or has a registry of coders
    that others can add to. A quantity that converts itself on the way does not
    do: a fill value or an offset must fail in arithmetic on lengths and pass
    in an encoder, and both call the same functions on the same data.
    ``tests/test_quantity_variable.py`` fails when this no longer works.
    """
    caller: str = sys._getframe(2).f_globals.get("__name__", "")
    return caller.startswith("xarray.coding.")


def _let_quantities_defer_to(cls: type) -> None:
    """Have ``quantity - variable`` ask the variable, as pint does for xarray's own by name."""
    # public since pint 0.26, which says that others may add to it; up to 0.25 it is the same
    # dictionary, declared a Mapping
    known: Any = upcast_type_map
    known[f"{cls.__module__}.{cls.__qualname__}"] = cls


_let_quantities_defer_to(QuantityVariable)


def _without_unit(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in attrs.items() if key != "units"}


def _drop_unit(variable: Any) -> Any:
    if isinstance(variable, Variable):
        variable.attrs.pop("units", None)
    return variable

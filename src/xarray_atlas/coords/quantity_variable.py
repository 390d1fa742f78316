"""Variable of quantities with its unit in the attributes, which can be written to files."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, Self

import numpy as np
from pint.compat import upcast_type_map
from xarray import IndexVariable, Variable

from xarray_atlas.coords.space import FRAME
from xarray_atlas.coords.units import unit_text

__all__ = ["CalculatedVariable", "QuantityVariable"]

_READ_ONLY = (
    "quantities of a fixed unit cannot be written to; make a new array, or replace a "
    "coordinate with assign_coords"
)


def _let_quantities_defer_to(cls: type) -> None:
    """Let ``quantity - variable`` call the variable, as pint does for xarray's classes by name."""
    # public since pint 0.26, and documented as extensible; up to 0.25 it is the same dictionary,
    # declared as a Mapping
    known: Any = upcast_type_map
    known[f"{cls.__module__}.{cls.__qualname__}"] = cls


class QuantityVariable(Variable):
    """Quantities in memory, with ``attrs["units"]`` always the unit of the data.

    ``.data`` is a :class:`pint.Quantity`, ``.values`` are plain numbers, and the unit is in the
    attributes when written or tabulated. Arithmetic, reductions and conversions return a
    :class:`CalculatedVariable`, with an attribute that follows the unit of its data. Numpy
    functions and ``apply_ufunc`` return an ordinary variable of quantities, with the attribute of
    the result.
    it is given is that of the result.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _let_quantities_defer_to(cls)

    @property
    def quantity(self) -> Any:
        """The data as a quantity, for all callers."""
        return self._data

    @property
    def data(self) -> Any:
        """The quantities; plain numbers for xarray's encoders, which write them."""
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
        """The attributes, always including ``units``."""
        attrs = self._complete(super().attrs)
        asks, unit = _who_asks()
        return _with_unit(attrs, unit) if asks else attrs

    @attrs.setter
    def attrs(self, value: Mapping[Any, Any]) -> None:
        self._attrs = self._complete(dict(value))

    def _complete(self, attrs: dict[Any, Any]) -> dict[Any, Any]:
        """Add the required attributes."""
        attrs["units"] = unit_text(self.quantity.units)
        return attrs

    def _copy(self, deep: bool = True, data: Any = None, memo: Any = None) -> Any:
        if data is None:
            return super()._copy(deep=deep, memo=memo)
        encoding = copy.copy(self._encoding)
        if hasattr(data, "units"):  # pint-xarray's `to`
            return _calculated(Variable(self._dims, data, self.attrs, encoding))
        # numbers that may not be lengths (groupby's group numbers)
        return Variable(self._dims, data, self.attrs, encoding)

    def _replace(self, **changes: Any) -> Any:  # type: ignore[override]
        if "data" in changes and not hasattr(changes["data"], "units"):
            return self.quantified()._replace(**changes)
        return super()._replace(**changes)

    def chunk(self, *args: Any, **kwargs: Any) -> Self:
        # in memory like IndexVariable: dask arrays of quantities support little
        return self.copy(deep=False)

    def set_dims(self, *args: Any, **kwargs: Any) -> Variable:
        wide = self.quantified().set_dims(*args, **kwargs)
        return QuantityVariable(wide.dims, wide.data, wide.attrs, self._encoding)

    def to_index_variable(self) -> IndexVariable:
        # a pandas index holds numbers, with their unit in the attributes
        return IndexVariable(self._dims, self.values, self.attrs, self._encoding, fastpath=True)

    to_coord = to_index_variable

    def quantified(self) -> Variable:
        """Return an ordinary variable of quantities, without the unit in its attributes."""
        return Variable(self._dims, self.quantity, _without_unit(self.attrs), fastpath=True)

    # -- operations

    def _operand(self) -> Variable:
        """Return the operand of a calculation: shifted positions are in another frame."""
        variable = self.quantified()
        variable.attrs.pop(FRAME, None)
        return variable

    def _binary_op(self, other: Any, f: Any, reflexive: bool = False) -> Any:
        other = other.quantified() if isinstance(other, QuantityVariable) else other
        return _calculated(self._operand()._binary_op(other, f, reflexive))

    def _unary_op(self, f: Any, *args: Any, **kwargs: Any) -> Any:
        return _calculated(self._operand()._unary_op(f, *args, **kwargs))

    def __array_wrap__(self, obj: Any, context: Any = None, return_scalar: bool = False) -> Any:
        # unary operations of a DataArray: -z, abs(z), z.round()
        return _calculated(Variable(self._dims, obj))

    def reduce(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        return _calculated(self._operand().reduce(func, *args, **kwargs))

    # Python only calls a subclass first if it defines the reflected operator; without these,
    # `quantities * coordinate` would have the coordinate's unit

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


class CalculatedVariable(QuantityVariable):
    """Mutable quantities that result from a calculation, in any unit.

    If assigned as a coordinate, xarray converts them to plain numbers. Their unit is then in the
    attributes, where :func:`xarray_atlas.decode` finds it.
    """

    __slots__ = ()

    @property
    def data(self) -> Any:
        """The quantities; plain numbers for xarray's encoders, which write them."""
        return self.values if _encoder_asks() else self.quantity

    @data.setter
    def data(self, data: Any) -> None:
        if not hasattr(data, "units"):
            raise ValueError(f"these are quantities in {self.quantity.units}: assign quantities")
        given = Variable(self._dims, data)
        if given.shape != self.shape:
            raise ValueError(f"replacement data has the shape {given.shape}, not {self.shape}")
        self._data = given._data

    @property
    def values(self) -> Any:
        """The data as plain numbers."""
        return np.asarray(self.quantity.magnitude)

    @values.setter
    def values(self, values: Any) -> None:
        self.data = values  # in-place arithmetic assigns quantities here


def _calculated(result: Any) -> Any:
    """Return the result of a calculation as a variable that keeps its unit, if in memory."""
    if not isinstance(result, Variable):
        return result
    data: Any = result._data
    attrs = _without_unit(result.attrs)
    if not isinstance(getattr(data, "magnitude", None), np.ndarray) or data.dimensionless:
        result.attrs = attrs  # the operands' unit attribute is not that of the result
        return result
    if data.is_compatible_with("mm") and not unit_text(data.units).isalpha():
        data = data.to("millimeter")  # from "mm ** 2 / um", which is not the name of a unit
    return CalculatedVariable(result.dims, data, attrs, result.encoding, fastpath=True)


def _encoder_asks() -> bool:
    """Return whether one of xarray's encoders is calling the property that calls this.

    No storage backend writes quantities (netCDF4 raises, zarr raises for a single value, the others
    warn that the unit is lost, although it is in the attributes), and xarray consults neither index
    nor variable before encoding. Its encoders do not identify themselves, hence the inspection of
    the stack.

    Written for xarray 2026.9, in which all coders take the data in
    ``xarray.coding.common.unpack_for_encoding``. Can be removed when xarray asks an index or a
    variable for the data to write, or has an extensible registry of coders. Implicit
    conversion of quantities would not help: a fill value or an offset must fail in arithmetic
    on lengths and succeed in an encoder, and both call the same functions on the same data.
    ``tests/coords/test_quantity_variable.py`` fails when this no longer works.
    """
    caller: str = sys._getframe(2).f_globals.get("__name__", "")
    return caller.startswith("xarray.coding.")


def _who_asks() -> tuple[bool, Any]:
    """Return whether attributes are requested on behalf of other data, and the unit of that data.

    Some functions copy the attributes of a variable to results computed from its quantities, and an
    ordinary variable shows them: a coordinate made of that would say ``units: mm`` for micrometres.
    The variable does not know the purpose of the access, which is therefore looked up in the frames
    of the callers. If the unit cannot be found there it is omitted.

    * ``xr.apply_ufunc``, and thus all numpy functions: ``np.subtract(1000 * um, z)``. Written for
    xarray 2026.9, in which ``apply_variable_ufunc`` and ``apply_dataarray_vfunc`` merge attributes
    after calling the function. Can be removed when xarray lets a variable wrap the result of a
    function.
    * ``-array`` and ``array.round()``, for which ``DataArray._unary_op`` copies the attributes.
    * ``.pint.to(z="um")``, written for pint-xarray 0.6.1. Can be removed when
    ``convert_units_index`` lets an index convert itself instead of building a ``PintIndex`` from
    it.

    ``tests/coords/test_quantity_variable.py`` fails when this no longer works.
    """
    frame = sys._getframe(2)
    for _ in range(4):  # including the properties, methods and list comprehensions between
        module, function = str(frame.f_globals.get("__name__")), frame.f_code.co_name
        if module == "pint_xarray.conversion" and function == "convert_units_dataset":
            return True, None
        if (module, function) in _RESULTS:
            made = frame.f_locals.get(_RESULTS[module, function])
            made = getattr(made, "variable", made)
            if made is not None:
                return True, _common_unit(made if isinstance(made, tuple) else (made,))
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False, None


_RESULTS = {
    ("xarray.computation.apply_ufunc", "apply_variable_ufunc"): "result_data",
    ("xarray.computation.apply_ufunc", "apply_dataarray_vfunc"): "result_var",
    ("xarray.core.dataarray", "_unary_op"): "da",
}


def _common_unit(results: tuple[Any, ...]) -> Any:
    """Return the unit of results if it is unique."""
    units = {getattr(getattr(result, "_data", result), "units", None) for result in results}
    return units.pop() if len(units) == 1 else None


def _with_unit(attrs: Mapping[Any, Any], unit: Any) -> dict[Any, Any]:
    others = {key: value for key, value in _without_unit(attrs).items() if key != FRAME}
    return others if unit is None or unit.dimensionless else {**others, "units": unit_text(unit)}


_let_quantities_defer_to(QuantityVariable)


def _without_unit(attrs: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in attrs.items() if key != "units"}

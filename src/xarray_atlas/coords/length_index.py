"""The unit-aware index of a spatial coordinate, in millimetres.

:class:`LengthIndex` extends pint-xarray's ``PintIndex`` by alignment, concatenation, labels in any
unit of length, and equality within a millionth of a voxel.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from pint_xarray import PintIndex
from xarray import Index, Variable
from xarray.indexes import PandasIndex

from xarray_atlas.coords.length_variable import SPACING, LengthVariable, encoding_in_mm
from xarray_atlas.coords.units import millimetre, to_mm, unit_factor
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import (
    FloatArray,
    same_lengths,
    snap,
    thickness,
    tolerance_of,
    without_noise,
)

__all__ = ["LengthIndex"]


class LengthIndex(PintIndex):  # type: ignore[misc]
    """Unit-aware index of one spatial dimension, in mm.

    Labels are quantities in any unit of length, strings such as ``"5 mm"``, or bare numbers in
    millimetres. It is a subclass of pint-xarray's ``PintIndex``.

    Parameters
    ----------
    index : PandasIndex
        The labels in mm.
    units : mapping of hashable to pint.Unit, optional
        Same as in ``PintIndex``; always mm.
    spacing : float, optional
        The voxel size along the axis in mm, for use if the labels do not determine it: one label,
        two, or irregular ones.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> index = ds.xindexes["z"]
    >>> type(index).__name__, index.spacing
    ('LengthIndex', 0.1)
    >>> ds.sel(z=slice("5 mm", "5500 um")).z.values
    array([5.025, 5.125, 5.225, 5.325, 5.425])
    """

    def __init__(
        self,
        *,
        index: PandasIndex,
        units: Mapping[Hashable, Any] | None = None,
        spacing: float | None = None,
    ) -> None:
        super().__init__(index=index, units={index.index.name: millimetre()})
        for unit in (units or {}).values():
            if unit_factor(unit) != 1.0:
                raise UnitsError(f"a LengthIndex is in mm, not in {unit}; use xarray_atlas.decode")
        self.spacing = thickness(self.values, spacing)

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, Variable], *, options: Mapping[str, Any]
    ) -> Self:
        if len(variables) != 1:
            raise ValueError(f"a LengthIndex has one coordinate, not {len(variables)}")
        (name, variable), *_ = variables.items()
        if variable.ndim != 1:
            raise ValueError(
                f"a LengthIndex needs a coordinate of one dimension; {name!r} has {variable.ndim}"
            )
        plain = Variable(variable.dims, to_mm(variable).values)
        index = PandasIndex.from_variables({name: plain}, options={})
        return cls(index=index, spacing=variable.attrs.get(SPACING) or options.get("spacing"))

    @property
    def values(self) -> FloatArray:
        """The labels in mm."""
        return np.asarray(self.index.index, dtype=np.float64)

    @property
    def name(self) -> Hashable:
        """The coordinate's name."""
        name: Hashable = self.index.index.name
        return name

    @property
    def dim(self) -> Hashable:
        """The coordinate's dimension."""
        dim: Hashable = self.index.dim
        return dim

    @property
    def tolerance(self) -> float:
        """Labels that differ by less than this, in mm, are equal."""
        return tolerance_of(self.values, self.spacing)

    def _replace(self, index: PandasIndex, spacing: float | None = None) -> Self:
        return type(self)(index=index, spacing=spacing or self.spacing)

    def _with_values(self, values: FloatArray) -> Self:
        return self._replace(PandasIndex(pd.Index(values, name=self.name), self.dim))

    def create_variables(
        self, variables: Mapping[Any, Variable] | None = None
    ) -> dict[Any, Variable]:
        old = (variables or {}).get(self.name)
        attrs = {} if old is None else dict(old.attrs)
        if self.values.size == 1 and self.spacing:
            attrs[SPACING] = self.spacing
        encoding = None if old is None else encoding_in_mm(old)
        return {self.name: LengthVariable((self.dim,), self.values, attrs, encoding)}

    def to_pandas_index(self) -> pd.Index:
        index: pd.Index = self.index.index
        return index

    # -- selecting

    def isel(self, indexers: Mapping[Any, Any]) -> Self | None:
        subset = self.index.isel(indexers)
        if subset is None:
            return None
        indexer = indexers.get(self.dim)
        stride = abs(indexer.step or 1) if isinstance(indexer, slice) else 1
        return self._replace(subset, self.spacing and self.spacing * stride)

    def sel(self, labels: dict[Any, Any], method: Any = None, tolerance: Any = None) -> Any:
        ((name, label),) = labels.items()
        what = f"label of {name!r}, a coordinate in mm"
        plain: Any
        if isinstance(label, slice):
            if label.step is not None:
                raise TypeError(f"a slice of {name!r} by labels has no step; use isel for a stride")
            plain = slice(self._bound(label.start, what), self._bound(label.stop, what))
        elif isinstance(label, xr.DataArray | Variable):
            plain = to_mm(label, what)
            plain = plain.copy(data=self._snap(plain.values))
        elif isinstance(label, np.ndarray) and label.dtype.kind == "b":
            plain = label
        else:
            plain = self._snap(to_mm(label, what))
        tolerance = None if tolerance is None else to_mm(tolerance, "tolerance")
        try:
            return self.index.sel({name: plain}, method=method, tolerance=tolerance)
        except KeyError as error:
            raise KeyError(self._not_found(label, method)) from error

    def _snap(self, lengths: Any) -> Any:
        snapped = snap(np.asarray(lengths, dtype=np.float64), self.values, self.tolerance)
        return float(snapped) if snapped.ndim == 0 else snapped

    def _bound(self, label: Any, what: str) -> float | None:
        return None if label is None else self._snap(to_mm(label, what))

    def _not_found(self, label: Any, method: Any) -> str:
        values = self.values
        there = (
            "which is empty"
            if values.size == 0
            else f"which has {values.size} values from {values.min():g} to {values.max():g} mm"
        )
        shown = label.values if isinstance(label, xr.DataArray | Variable) else label
        hint = "" if method else "; pass method='nearest' for the closest"
        return f"{shown!s} is not among the labels of {self.name!r}, {there}{hint}"

    def __getitem__(self, indexer: Any) -> Self:
        return self._replace(self.index[indexer])

    # -- combining

    def equals(self, other: Index, *, exclude: Any = None) -> bool:
        return (
            isinstance(other, LengthIndex)
            and self.dim == other.dim
            and same_lengths(self.values, other.values, self._common_tolerance(other))
        )

    def _common_tolerance(self, other: LengthIndex) -> float:
        return max(self.tolerance, other.tolerance)

    def join(self, other: Self, how: str = "inner") -> Self:
        tolerance = self._common_tolerance(other)
        mine = self.values
        theirs = snap(other.values, mine, tolerance)
        if how == "inner":
            shared = mine[np.isin(mine, theirs)]
            if not shared.size and self._overlaps(other):
                raise GridError(self._nothing_shared(other))
            return self._with_values(shared)
        union = np.union1d(mine, theirs)
        descending = [v.size > 1 and bool(np.all(np.diff(v) < 0)) for v in (mine, theirs)]
        return self._with_values(union[::-1] if all(descending) else union)

    def _overlaps(self, other: LengthIndex) -> bool:
        """Return whether voxels of two grids overlap."""
        mine, theirs = np.sort(self.values), other.values
        if not mine.size or not theirs.size:
            return False
        after = np.searchsorted(mine, theirs)
        gaps = np.minimum(
            np.abs(theirs - mine[np.clip(after - 1, 0, None)]),
            np.abs(theirs - mine[np.clip(after, None, mine.size - 1)]),
        )
        reach = ((self.spacing or 0.0) + (other.spacing or 0.0)) / 2
        return bool(np.any(gaps < reach * (1 - 1e-3)))  # more than touching boundaries

    def _nothing_shared(self, other: LengthIndex) -> str:
        parts = [
            f"{i.values.size} positions from {i.values.min():g} to {i.values.max():g} mm"
            + (f", {i.spacing:g} mm apart" if i.spacing else "")
            for i in (self, other)
        ]
        return (
            f"the two grids cover each other along {self.name!r}, and have no position in common, "
            f"so that nothing would be left of them: {parts[0]}; and {parts[1]}. Bring one onto "
            "the grid of the other first: ds.atlas.resample_like(image) the atlas onto an image, "
            "xarray_atlas.resample(image, like=ds) an image onto the atlas"
        )

    def reindex_like(
        self, other: Self, method: Any = None, tolerance: Any = None
    ) -> dict[Hashable, Any]:
        wanted = snap(other.values, self.values, self._common_tolerance(other))
        target = PandasIndex(pd.Index(wanted, name=self.name), self.dim)
        limit = None if tolerance is None else to_mm(tolerance, "tolerance")
        found: dict[Hashable, Any] = self.index.reindex_like(target, method, limit)
        return found

    @classmethod
    def concat(
        cls,
        indexes: Sequence[Self],
        dim: Hashable,
        positions: Iterable[Iterable[int]] | None = None,
    ) -> Self:
        if not all(isinstance(index, LengthIndex) for index in indexes):
            raise UnitsError(
                f"cannot concatenate along {dim!r} coordinates if some are plain numbers; "
                "give them their units with xarray_atlas.decode"
            )
        joined = PandasIndex.concat([index.index for index in indexes], dim, positions)
        return cls(index=joined, spacing=indexes[0].spacing if indexes else None)

    def roll(self, shifts: Mapping[Any, int]) -> Self:
        return self._replace(self.index.roll(shifts))

    def rename(self, name_dict: Mapping[Any, Any], dims_dict: Mapping[Any, Any]) -> Self:
        return self._replace(self.index.rename(name_dict, dims_dict))

    def _repr_inline_(self, max_width: int) -> str:
        size = "mm" if self.spacing is None else f"{without_noise(self.spacing):.6g} mm"
        return f"{type(self).__name__}({size})"

    def __repr__(self) -> str:
        # xarray shows this if a coordinate of another type does not align
        values = self.values
        held = f"{values.size} labels"
        if values.size:
            held += f" from {values.min():g} to {values.max():g}"
        return (
            f"<{type(self).__name__} of {self.name!r} in mm: {held}>\n"
            "Plain numbers do not align with it, since they have no unit that xarray knows: "
            "xarray_atlas.decode(image) gives an image the units that its attributes state "
            "(attrs['units']), decode(image, unit=...) those that you state."
        )

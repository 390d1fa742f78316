"""The scalar coordinate that carries a Terminology and a Space.

CF's ``grid_mapping`` and rioxarray's ``spatial_ref`` carry a map projection in the same way: a
scalar coordinate is propagated to every DataArray taken from a Dataset and survives nearly every
operation. Its value is a fingerprint of the content, its index holds the content, and its
attributes mirror it, as one JSON string per column, which all of xarray's storage backends can
write.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Hashable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Index, Variable

from xarray_atlas.coords.space import DIRECTIONS, Space
from xarray_atlas.coords.summary import SummarizedScalar
from xarray_atlas.errors import AtlasMismatchError, MissingTerminologyError
from xarray_atlas.printable import one_line
from xarray_atlas.terminology import Terminology

__all__ = ["COORDINATE", "AtlasIndex", "AtlasVariable", "find_atlas", "find_coordinate"]

COORDINATE = "terminology"
"""Default name of the scalar coordinate; it is found by its content, so it may be renamed."""

FORMAT_KEY = "xarray_atlas"
FORMAT = "1"


class AtlasIndex(Index):
    """Index that carries a region hierarchy and a space on a scalar coordinate.

    Parameters
    ----------
    terminology : Terminology
    space : Space
    name : hashable
        Name of the coordinate.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> index = ds.annotation.isel(z=3).xindexes["terminology"]
    >>> index.terminology
    <Terminology 'allen-adult-mouse-terminology': 1327 regions, 1 root, depth 10>
    >>> index.space.orientation
    'asr'
    """

    def __init__(self, terminology: Terminology, space: Space, name: Hashable = COORDINATE) -> None:
        self.terminology = terminology
        self.space = space
        self.name = name

    @functools.cached_property
    def attrs(self) -> dict[str, str]:
        """The content as attributes: one JSON string per column."""
        return {
            FORMAT_KEY: FORMAT,
            "space": self.space.to_json(),
            **self.terminology.to_columns(),
        }

    @functools.cached_property
    def fingerprint(self) -> int:
        """A number that identifies the atlas, below 2**31 so that netCDF 3 can store it."""
        space = dict(vars(self.space), dims=None, midline_assumed=None)
        del space["frames"]  # frames are specific to one object
        if self.space.atlas is None:  # unchanged from before grids of images were supported
            del space["atlas"], space["to_atlas"]
        for name in ("world", "through"):
            if not space[name]:
                del space[name]
        content = f"{self.terminology.fingerprint} {sorted(space.items(), key=str)}"
        digest = hashlib.blake2b(content.encode(), digest_size=4).digest()
        return int.from_bytes(digest, "little") >> 1

    @classmethod
    def from_variables(
        cls, variables: Mapping[Any, Variable], *, options: Mapping[str, Any]
    ) -> Self:
        (name, variable), *_ = variables.items()
        if isinstance(variable, AtlasVariable):
            return cls(variable.index.terminology, variable.index.space, name)
        terminology, space = _from_attrs(name, variable)
        return cls(terminology, space, name)

    def create_variables(
        self, variables: Mapping[Any, Variable] | None = None
    ) -> dict[Any, Variable]:
        old = (variables or {}).get(self.name)
        # keep foreign attributes, and those that contradict the index: find_atlas refuses them
        mine = old.index.attrs if isinstance(old, AtlasVariable) else self.attrs
        attrs = {} if old is None else {k: v for k, v in old.attrs.items() if mine.get(k) != v}
        return {self.name: AtlasVariable((), np.int64(self.fingerprint), attrs, index=self)}

    def equals(self, other: Index, *, exclude: Any = None) -> bool:
        return (
            isinstance(other, AtlasIndex)
            and self.fingerprint == other.fingerprint
            and self.terminology == other.terminology
            and self.space == other.space
        )

    def join(self, other: Self, how: str = "inner") -> Self:
        if self.terminology != other.terminology:
            difference = f"{self.terminology!r} and {other.terminology!r}"
        elif dataclasses.replace(self.space, through=other.space.through) == other.space:
            difference = "one grid that other displacement fields lead from to the atlas"
        else:
            difference = f"one terminology in two spaces, {self.space} and {other.space}"
        raise AtlasMismatchError(
            f"cannot combine two different atlases: {difference}. "
            "Drop the hierarchy of one of them with .drop_vars('terminology'), "
            "or bring it onto the grid of the other with .atlas.interp_like"
        )

    def reindex_like(self, other: Self) -> dict[Hashable, Any]:
        if not self.equals(other):
            self.join(other)
        return {}

    def rename(self, name_dict: Mapping[Any, Any], dims_dict: Mapping[Any, Any]) -> Self:
        space = self.space.rename(dims_dict)
        return type(self)(self.terminology, space, name_dict.get(self.name, self.name))

    def to_pandas_index(self) -> pd.Index:
        return pd.Index([self.fingerprint], name=self.name)

    def __getstate__(self) -> dict[str, Any]:
        return {"terminology": self.terminology, "space": self.space, "name": self.name}

    def _repr_inline_(self, max_width: int | None) -> str:
        count, space = f"{len(self.terminology)} regions", self.space
        ways = [DIRECTIONS[letter] for letter in space.orientation]
        runs = [f"{dim} {way}" for dim, way in zip(space.dims, ways, strict=True)]
        whole = f"AtlasIndex({count}; {', '.join(runs)})"
        fits = max_width is None or len(whole) <= max_width
        return one_line(whole if fits else f"AtlasIndex({self.terminology.name}, {count})")

    def __repr__(self) -> str:
        return f"<AtlasIndex {self.terminology!r} {self.space!r}>"


class AtlasVariable(Variable):
    """Variable of the scalar coordinate, with attributes that always mirror the table.

    xarray shares a coordinate's variable between objects, and some operations change its attributes
    in place (``xr.where(ds.a > 2, 1, 0)`` empties them). Missing attributes are restored from the
    index; modified ones are left for :func:`find_atlas` to refuse.
    """

    __slots__ = ("index",)

    def __init__(
        self,
        dims: Any,
        data: Any,
        attrs: Any = None,
        encoding: Any = None,
        fastpath: bool = False,
        *,
        index: AtlasIndex,
    ) -> None:
        super().__init__(dims, data, attrs, encoding, fastpath)
        self.index = index
        if isinstance(self._data, np.ndarray) and self._data.ndim == 0:  # not one that is lazy
            name = index.terminology.name
            self._data = SummarizedScalar(self._data, name, index.space)

    @property
    def attrs(self) -> dict[Any, Any]:
        """The attributes, with the table and the space."""
        attrs: dict[Any, Any] = super().attrs
        for key, value in self.index.attrs.items():
            attrs.setdefault(key, value)
        return attrs

    @attrs.setter
    def attrs(self, value: Mapping[Any, Any]) -> None:
        self._attrs = dict(value)

    @property
    def data(self) -> Any:
        """The fingerprint as a plain array."""
        return np.asarray(self._data) if isinstance(self._data, SummarizedScalar) else self._data

    @data.setter
    def data(self, data: Any) -> None:
        self._data = Variable(self._dims, data)._data

    def _replace(
        self, dims: Any = None, data: Any = None, attrs: Any = None, encoding: Any = None
    ) -> Any:
        data = self.data if data is None else data
        dims = self._dims if dims is None else dims
        attrs = dict(self._attrs or {}) if attrs is None else attrs
        encoding = dict(self._encoding or {}) if encoding is None else encoding
        if np.ndim(data) or dims:
            return Variable(dims, data, {**self.index.attrs, **attrs}, encoding)
        return AtlasVariable(dims, data, attrs, encoding, fastpath=True, index=self.index)

    def to_base_variable(self) -> Variable:
        return Variable(self._dims, self.data, self.attrs, self._encoding, fastpath=True)

    to_variable = to_base_variable


@functools.lru_cache(maxsize=8)
def _parse(columns: tuple[tuple[str, str], ...]) -> tuple[Terminology, Space]:
    # keyed by content: slices of an atlas share one terminology and its tree
    attrs = dict(columns)
    return Terminology.from_columns(attrs), Space.from_json(attrs["space"])


def _from_attrs(name: Hashable, variable: Variable) -> tuple[Terminology, Space]:
    attrs = variable.attrs
    if attrs.get(FORMAT_KEY) != FORMAT:
        raise MissingTerminologyError(
            f"coordinate {name!r} holds no region hierarchy that this version can read: its "
            f"attribute {FORMAT_KEY!r} is {attrs.get(FORMAT_KEY)!r}, not {FORMAT!r}"
        )
    try:
        columns = tuple((k, v) for k, v in sorted(attrs.items()) if isinstance(v, str))
        terminology, space = _parse(columns)
    except Exception as error:
        raise MissingTerminologyError(
            f"the region hierarchy in the attributes of coordinate {name!r} cannot be read: {error}"
        ) from error
    found = AtlasIndex(terminology, space, name)
    if variable.ndim == 0 and int(variable.values) != found.fingerprint:
        raise AtlasMismatchError(
            f"coordinate {name!r} is {int(variable.values)}, but the region hierarchy in its "
            f"attributes has the fingerprint {found.fingerprint}: one of them was changed"
        )
    return terminology, space


def find_coordinate(obj: xr.Dataset | xr.DataArray) -> Hashable | None:
    """Return the name of the coordinate that carries the hierarchy, if any.

    Raises
    ------
    AtlasMismatchError
        If several carry different ones.
    """
    indexed = [name for name, index in obj.xindexes.items() if isinstance(index, AtlasIndex)]
    mirrored = [n for n, c in obj.coords.items() if c.ndim == 0 and FORMAT_KEY in c.attrs]
    names = list(dict.fromkeys([*indexed, *mirrored]))
    if len({int(obj.coords[name]) for name in names}) > 1:
        raise AtlasMismatchError(
            f"the coordinates {names} carry different atlases; drop all but one of them "
            f"with .drop_vars, for example .drop_vars({names[1]!r})"
        )
    return names[0] if names else None


def find_atlas(obj: xr.Dataset | xr.DataArray) -> tuple[Terminology, Space]:
    """Return the hierarchy and the space that an object carries.

    They are taken from the index, or else from the attributes of the coordinate.

    Raises
    ------
    MissingTerminologyError
        If there is none; the message says why and how to restore it.
    AtlasMismatchError
        If index and attributes differ.
    """
    name = find_coordinate(obj)
    if name is None:
        raise MissingTerminologyError(_diagnosis(obj))
    coord = obj.coords[name].variable
    index = obj.xindexes.get(name)
    if not isinstance(index, AtlasIndex):
        return _from_attrs(name, coord)
    changed = [k for k, v in index.attrs.items() if k != "space" and coord.attrs.get(k, v) != v]
    if "space" in coord.attrs and Space.from_json(coord.attrs["space"]) != index.space:
        changed.append("space")
    if changed or int(coord.values) != index.fingerprint:
        raise AtlasMismatchError(
            f"the index of coordinate {name!r} holds {index.terminology!r}, but its "
            f"{'attributes ' + str(sorted(changed)) if changed else 'value'} say otherwise; "
            f"keep one: .drop_indexes({name!r}) for what the attributes say, or assign the "
            "coordinate again from the atlas"
        )
    return index.terminology, index.space


def _diagnosis(obj: xr.Dataset | xr.DataArray) -> str:
    kind = type(obj).__name__
    if COORDINATE in obj.coords:
        return (
            f"the coordinate {COORDINATE!r} of this {kind} has lost its region hierarchy "
            "(neither an index nor the attributes hold one); take it from the atlas: "
            "obj.drop_vars('terminology').assign_coords(atlas[['terminology']].coords)"
        )
    return (
        f"this {kind} carries no region hierarchy: it has no coordinate {COORDINATE!r} "
        f"(coordinates: {sorted(map(str, obj.coords))}). Open an atlas with "
        "xarray_atlas.open_atlas, or take the hierarchy from one that lies on the same grid: "
        "obj.assign_coords(atlas[['terminology']].coords). It is dropped when two different "
        "atlases are combined, and by operations that rebuild an array, such as quantile"
    )

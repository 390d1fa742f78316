"""Small atlases in memory, and what is true of them, told without the package."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import strategies as st
from xarray import Variable

from xarray_atlas import AtlasIndex, LengthIndex, Space, Terminology
from xarray_atlas.coords.space import DIRECTIONS

BIG = (614454277, 312782574, 2**31 + 5, 2**40, -7)
"""Labels that 16 bits, 32 bits or a float32 would change."""


def no_compute(*args: Any, **kwargs: Any) -> None:
    """A scheduler for dask that refuses to work."""
    raise AssertionError("dask was asked to compute")


def through_file(array: xr.DataArray, name: str, kind: str) -> xr.DataArray:
    """Write an array as "zarr2", "zarr3" or by an engine for netCDF, and read it again."""
    if kind.startswith("zarr"):
        array.to_dataset().to_zarr(name, zarr_format=int(kind[-1]), consolidated=False)
        back = xr.open_dataset(name, engine="zarr", consolidated=False)
    else:
        array.to_netcdf(name, engine=kind)
        back = xr.open_dataset(name, engine=kind)
    with back:
        return back.load()[array.name]


def make_terminology(
    parents: Sequence[int], labels: Sequence[Sequence[int]] | None = None
) -> Terminology:
    """Build regions R0, R1, ... with ids 100, 101, ... and the labels of each."""
    labels = [[i + 1] for i in range(len(parents))] if labels is None else labels
    rows = [
        {
            "identifier": 100 + i,
            "parent_identifier": "" if parent < 0 else 100 + parent,
            "annotation_value": label,
            "name": f"region {i}",
            "abbreviation": f"R{i}",
        }
        for i, parent in enumerate(parents)
        for label in (labels[i] or [""])
    ]
    return Terminology.from_dataframe(pd.DataFrame(rows).astype(str), name="made")


def make_atlas(
    labels: Any,
    terminology: Terminology,
    size: Sequence[float] = (0.1, 0.2, 0.4),
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    orientation: str = "asr",
    midline: float | str | None = "half",
    assumed: bool = False,
    **others: Any,
) -> xr.Dataset:
    """Build a decoded Dataset around labels (numpy or dask) of three dimensions."""
    dims = ("z", "y", "x")
    corner = tuple(o - s / 2 for o, s in zip(origin, size, strict=True))
    if midline == "half":
        at = next(i for i, letter in enumerate(orientation) if letter in "rl")
        midline = corner[at] + labels.shape[at] * size[at] / 2
    space = Space(dims, orientation, tuple(size), corner, midline, assumed)
    indexes: dict[Any, Any] = {}
    coords: dict[Any, Any] = {}
    for i, dim in enumerate(dims):
        centres = origin[i] + size[i] * np.arange(labels.shape[i])
        attrs = {"units": "mm", "direction": DIRECTIONS[orientation[i]]}
        plain = {dim: Variable((dim,), centres, attrs)}
        indexes[dim] = LengthIndex.from_variables(plain, options={"spacing": size[i]})
        coords.update(indexes[dim].create_variables(plain))
    carrier = AtlasIndex(terminology, space)
    indexes[carrier.name] = carrier
    coords.update(carrier.create_variables())
    variables = {"annotation": labels, **others}
    return xr.Dataset(
        {name: (dims, data) for name, data in variables.items()},
        coords=xr.Coordinates(coords, indexes=indexes),
    )


class Counted:
    """An array that counts how often each part of it is read."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.reads: list[tuple[slice, ...]] = []

    def __getitem__(self, key: Any) -> Any:
        self.reads.append(key)
        return self.array[key]

    def dask(self, chunks: Any) -> Any:
        import dask.array as da

        meta = np.empty((0,) * self.ndim, self.dtype)
        return da.from_array(self, chunks=chunks, asarray=False, meta=meta)


@dataclass
class Example:
    """An atlas, and the regions of each of its voxels."""

    parents: list[int]
    own: list[list[int]]
    labels: np.ndarray[Any, Any]
    size: tuple[float, float, float]
    orientation: str
    chunks: tuple[int, int, int] | None

    @property
    def atlas(self) -> xr.Dataset:
        terminology = make_terminology(self.parents, self.own)
        ds = make_atlas(self.labels, terminology, self.size, (0.3, -1.0, 5.0), self.orientation)
        return ds if self.chunks is None else ds.chunk(dict(zip("zyx", self.chunks, strict=True)))

    def values(self, region: int, direct: bool) -> set[int]:
        """The labels of a region, found by walking up from every other region."""
        found = set(self.own[region])
        for other in range(len(self.parents)) if not direct else ():
            up = other
            while up >= 0 and up != region:
                up = self.parents[up]
            found |= set(self.own[other]) if up == region else set()
        return found

    def mask(self, region: int, direct: bool = False, side: str | None = None) -> xr.DataArray:
        """The voxels of a region, one by one."""
        wanted = self.values(region, direct)
        inside = [int(label) in wanted for label in self.labels.ravel()]
        mask = np.array(inside, bool).reshape(self.labels.shape)
        if side is not None:
            axis = next(i for i, letter in enumerate(self.orientation) if letter in "rl")
            n = self.labels.shape[axis]
            # twice the distance from the first face to the centre of each voxel, in voxels
            twice = 2 * np.arange(n) + 1
            left = twice >= n if self.orientation[axis] == "r" else twice <= n
            shape = [-1 if i == axis else 1 for i in range(3)]
            mask &= (left if side == "left" else ~left).reshape(shape)
        return xr.DataArray(mask, dims=("z", "y", "x"))


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Atlases of up to 6 regions and 5 x 5 x 5 voxels."""
    n = draw(st.integers(1, 6))
    parents = [draw(st.integers(-1, i - 1)) for i in range(n)]
    dtype = np.dtype(draw(st.sampled_from(["u1", "u2", "u4", "u8", "i4", "i8", ">u4"])))
    # a region may have several labels, none, or one that another region has too
    pool = [1, 2, 3, 4, 200, 255, *BIG]
    own = [sorted(draw(st.sets(st.sampled_from(pool), max_size=3))) for _ in range(n)]
    if not any(own):
        own[0] = [1]
    limits = np.iinfo(dtype)
    # 0 and the last ones are labels of no region
    held = [v for v in (0, *pool, 77, 2**63 + 1, 2**64 - 7) if limits.min <= v <= limits.max]
    shape = tuple(draw(st.integers(1, 5)) for _ in range(3))
    count = int(np.prod(shape))
    voxels = draw(st.lists(st.sampled_from(held), min_size=count, max_size=count))
    labels = np.array(voxels, dtype).reshape(shape)
    size = tuple(draw(st.sampled_from([0.01, 0.025, 0.1, 1.5])) for _ in range(3))
    orientation = draw(st.sampled_from(["asr", "asl", "psr", "ras", "lip", "sra"]))
    chunks = draw(st.none() | st.tuples(*(st.integers(1, n) for n in shape)))
    return Example(parents, own, labels, size, orientation, chunks)  # type: ignore[arg-type]


@st.composite
def parts(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, slice]:
    """Slices of each dimension, with strides, some of them backwards."""
    found = {}
    for dim, n in zip("zyx", shape, strict=True):
        start = draw(st.integers(0, n - 1))
        stop = draw(st.integers(start + 1, n))
        step = draw(st.sampled_from([1, 1, 2, -1, -2]))
        found[dim] = (
            slice(start, stop, step)
            if step > 0
            else slice(stop - 1, start - 1 if start else None, step)
        )
    return found


def numbered_atlas(
    shape: tuple[int, int, int] = (6, 5, 4),
    size: Sequence[float] = (0.1, 0.2, 0.4),
    orientation: str = "asr",
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    world: bool = False,
) -> xr.Dataset:
    """Build an atlas of which each voxel is a region, whose id is 101 and its place in memory.

    In a world, for an orientation of l, p and i, its coordinates are RAS mm.
    """
    count = int(np.prod(shape))
    terminology = make_terminology([-1] + [0] * count)
    labels = np.arange(2, count + 2, dtype="uint32").reshape(shape)
    ds = make_atlas(labels, terminology, size, origin, orientation)
    matrix = tuple(np.eye(4).ravel().tolist()) if world else ()
    space = dataclasses.replace(ds.atlas.space, shape=shape, world=matrix)
    carrier = AtlasIndex(terminology, space)
    coords = xr.Coordinates(carrier.create_variables(), indexes={carrier.name: carrier})
    return ds.drop_vars(carrier.name).assign_coords(coords)


def places_of(found: xr.Dataset, shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Return the voxels that points of such an atlas were found in; -1 for none."""
    at = found.region_id.values.ravel() - 101
    index = np.stack(np.unravel_index(np.maximum(at, 0), shape), axis=-1)
    return np.where(at[:, None] >= 0, index, -1)

"""Export an array of an atlas as a NIfTI or NRRD file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import affine_of, annotation_of
from xarray_atlas.errors import AtlasMismatchError, GridError
from xarray_atlas.io.files.write_volume import FileVolume, write_nifti, write_nrrd
from xarray_atlas.kernels.labels import Ints, lookup, runs
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.itksnap import compact_numbers

__all__ = ["to_nifti", "to_nrrd"]

SAFE = ("uint8", "int16", "int32")
"""Integers that every reader of either format takes."""

THICKNESS = 64
"""Planes that are read together of an array that has no chunks."""


def to_nifti(
    obj: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], *, dtype: Any = None
) -> None:
    """Write the annotation, or another array of the atlas, as a NIfTI-1 file.

    Parameters
    ----------
    obj : Dataset or DataArray
        The annotation of a Dataset, or another array, such as ``ds.template``. It must have three
        evenly spaced spatial dimensions, and is written in its orientation.
    path : str or path
        The local file, ``.nii`` or ``.nii.gz``; an existing one is replaced.
    dtype : dtype, optional
        Type of the file. By default labels are uint8, int16 or int32, which every reader supports;
        other arrays keep their type, except that bool becomes uint8 and float16 becomes float32.

    Raises
    ------
    GridError
        If the array has other dimensions or is unevenly spaced, or if it does not fit `dtype`.
    AtlasMismatchError
        If a label without a region does not fit `dtype`.
    TerminologyError
        If there are more labels than `dtype` can represent.
    ImportError
        If nibabel is not installed.

    See Also
    --------
    to_nrrd : The same as NRRD.
    Terminology.to_itksnap : Names and colors for ITK-SNAP.

    Notes
    -----
    *Position.* The affine maps to RAS+ in mm. For an atlas from a file with an affine it is that
    affine. Without world coordinates, as in BrainGlobe's atlases, it is computed from the
    coordinates of the Dataset, negated on axes that run to the left, posterior or inferior. A
    cropped part has the same position as in the file of the whole, and ``nibabel.aff2axcodes``
    returns the orientation.

    *Labels.* The file of an annotation is accompanied by ``<name>.labels.csv``, which explains its
    values: value, label, id, acronym, name. If a region's label does not fit the type of the file,
    all are renumbered from 1 in ascending order, followed by labels without a region. With
    ``dtype="uint16"`` the numbers are those of :meth:`Terminology.to_itksnap`.

    One slab of chunks is in memory at a time.

    Examples
    --------
    >>> import nibabel, tempfile, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xarray_atlas.to_nifti(ds, f"{folder}/allen.nii.gz")
    ...     image = nibabel.load(f"{folder}/allen.nii.gz")
    ...     image.shape, image.get_data_dtype().name, nibabel.aff2axcodes(image.affine)
    ((132, 80, 114), 'int32', ('P', 'I', 'L'))
    """
    _write(obj, Path(path), dtype, write_nifti, (".nii", ".nii.gz"))


def to_nrrd(
    obj: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], *, dtype: Any = None
) -> None:
    """Write the annotation, or another array of the atlas, as an NRRD file.

    It is in the space "right-anterior-superior", in mm, gzip-compressed. See the notes of
    :func:`to_nifti`; no other package is needed.

    Parameters
    ----------
    obj : Dataset or DataArray
        The annotation of a Dataset, or another array, such as ``ds.template``.
    path : str or path
        The local file, ``.nrrd``; an existing one is replaced.
    dtype : dtype, optional
        Same as in :func:`to_nifti`.

    Raises
    ------
    GridError, AtlasMismatchError, TerminologyError
        Same as in :func:`to_nifti`.

    Examples
    --------
    >>> import nrrd, tempfile, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xarray_atlas.to_nrrd(ds, f"{folder}/allen.nrrd")
    ...     labels, header = nrrd.read(f"{folder}/allen.nrrd")
    >>> labels.shape, header["space"], header["space directions"][0].tolist()
    ((132, 80, 114), 'right-anterior-superior', [0.0, -0.1, 0.0])
    """
    _write(obj, Path(path), dtype, write_nrrd, (".nrrd",))


def _write(
    obj: xr.Dataset | xr.DataArray,
    path: Path,
    dtype: Any,
    write: Callable[[Path, FileVolume], None],
    endings: tuple[str, ...],
) -> None:
    path = path.expanduser()
    ending = next((e for e in endings if path.name.lower().endswith(e)), None)
    if ending is None:
        raise ValueError(f"{path.name!r} does not end in {' or '.join(endings)}")
    labels = isinstance(obj, xr.Dataset) or obj.name == "annotation"
    array = annotation_of(obj) if labels else obj
    assert isinstance(array, xr.DataArray)
    terminology, _ = find_atlas(array)
    affine = affine_of(array)
    data = array.variable
    if not labels:
        kind = _plain_type(np.dtype(data.dtype if dtype is None else dtype))
        write(path, FileVolume(array.shape, kind, affine, _slabs(data, lambda b: _cast(b, kind))))
        return
    kind = np.dtype(_label_type(data.dtype, terminology) if dtype is None else dtype)
    if kind.kind not in "iu":
        raise GridError(f"region labels are integers; {kind} does not hold them")
    numbering = _Numbering(terminology, kind)
    write(path, FileVolume(array.shape, kind, affine, _slabs(data, numbering)))
    table = path.with_name(path.name[: -len(ending)] + ".labels.csv")
    numbering.write_table(terminology, table)


def _slabs(variable: Variable, convert: Callable[[Any], Any]) -> Iterator[Any]:
    """Read slabs along the last axis, which varies slowest in both formats."""
    size = variable.shape[-1]
    if variable.chunks:
        stops = np.cumsum(variable.chunks[-1]).tolist()
    else:
        stops = [*range(THICKNESS, size, THICKNESS), size]
    for start, stop in itertools.pairwise([0, *stops]):
        yield convert(variable[..., start:stop].values)


def _label_type(dtype: np.dtype[Any], terminology: Terminology) -> str:
    """Return the smallest safe type for labels of a type and a table, or int32."""
    labels = terminology.labels

    def holds(safe: str) -> bool:
        limits = np.iinfo(safe)
        return bool(np.all((labels >= limits.min) & (labels <= limits.max)))

    # a table may have labels that are not in an annotation of a small type
    return next((safe for safe in SAFE if np.can_cast(dtype, safe) and holds(safe)), SAFE[-1])


def _plain_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "iufb":
        raise GridError(f"{dtype} cannot be written; integers, floats and booleans can")
    small = {"bool": "uint8", "float16": "float32"}
    return np.dtype(small.get(dtype.name, dtype.name))


def _cast(block: Any, dtype: np.dtype[Any]) -> Any:
    with np.errstate(invalid="ignore"):  # values that do not fit are reported below
        result = block.astype(dtype, copy=False)
    if dtype.kind in "iu" and result is not block and not np.array_equal(result, block):
        raise GridError(
            f"the array holds values that {dtype} cannot, between {block.min():g} and "
            f"{block.max():g}; pass another dtype="
        )
    return result


class _Numbering:
    """Renumbers the labels of successive blocks for a file.

    Parameters
    ----------
    terminology : Terminology
    dtype : numpy dtype
        An integer type.
    """

    def __init__(self, terminology: Terminology, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.labels, self.numbers = compact_numbers(terminology.labels, dtype.name)
        self.same = np.array_equal(self.labels, self.numbers)
        self.strays: dict[int, int] = {}

    def __call__(self, block: Ints) -> Ints:
        starts, values = runs(block)
        at = lookup(values, self.labels)
        distinct, where = np.unique(values[at < 0], return_inverse=True)
        numbers = [self._stray(label) for label in distinct.tolist()]
        found = np.empty(values.shape, self.dtype)
        found[at >= 0] = self.numbers[at[at >= 0]].astype(self.dtype)
        found[at < 0] = np.array(numbers, self.dtype)[where]
        return np.repeat(found, np.diff(starts, append=block.size)).reshape(block.shape)

    def _stray(self, label: int) -> int:
        """Return the number of a label without a region."""
        if label == 0:
            return 0
        if label not in self.strays:
            self.strays[label] = label if self.same else self.labels.size + len(self.strays) + 1
        number = self.strays[label]
        limits = np.iinfo(self.dtype)
        if not limits.min <= number <= limits.max:
            raise AtlasMismatchError(
                f"the annotation holds the label {label}, which no region has and {self.dtype} "
                "cannot hold; pass a wider dtype=, or set it to 0 first"
            )
        return number

    def write_table(self, terminology: Terminology, path: Path) -> None:
        """Write the meaning of each value of the file as CSV."""
        first = np.unique(terminology.labels, return_index=True)
        regions = dict(zip(first[0].tolist(), terminology.label_regions[first[1]], strict=True))
        rows = [
            (number, label, *_described(terminology, regions[label]))
            for label, number in zip(self.labels.tolist(), self.numbers.tolist(), strict=True)
        ]
        rows += [(number, label, "", "", "") for label, number in self.strays.items()]
        columns = ["value", "label", "id", "acronym", "name"]
        pd.DataFrame(rows, columns=columns).to_csv(path, index=False)


def _described(terminology: Terminology, position: int) -> tuple[Any, str, str]:
    return (
        terminology.ids[position],
        terminology.acronyms[position],
        terminology.names[position],
    )

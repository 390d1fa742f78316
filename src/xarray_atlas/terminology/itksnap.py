"""ITK-SNAP's label descriptions, and renumbering of labels that exceed 16 bits."""

from __future__ import annotations

import numpy as np

from xarray_atlas.errors import TerminologyError
from xarray_atlas.printable import one_line
from xarray_atlas.terminology.parents import Int64Array
from xarray_atlas.terminology.table import NO_COLOR, RegionTable

__all__ = ["compact_numbers", "itksnap_text"]

HEADER = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Where:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    IDX:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
"""

CLEAR = '    0     0    0    0        0  0  0    "Clear Label"\n'


def compact_numbers(labels: Int64Array, dtype: str) -> tuple[Int64Array, Int64Array]:
    """Renumber labels from 1 in ascending order if a type cannot hold them all.

    Parameters
    ----------
    labels : ndarray of int64
        The labels of all regions, in any order.
    dtype : str
        An integer type.

    Returns
    -------
    labels, numbers : ndarray of int64
        The non-zero labels, sorted and unique, and the number of each: itself if all fit.

    Raises
    ------
    TerminologyError
        If there are more labels than the type can hold.

    Examples
    --------
    >>> compact_numbers(np.array([614454277, 997]), "uint16")
    (array([      997, 614454277]), array([1, 2]))
    >>> compact_numbers(np.array([614454277, 997]), "int32")
    (array([      997, 614454277]), array([      997, 614454277]))
    """
    ordered = np.unique(labels[labels != 0])
    limits = np.iinfo(dtype)
    if not ordered.size or (limits.min <= ordered[0] and ordered[-1] <= limits.max):
        return ordered, ordered
    if ordered.size > limits.max:
        raise TerminologyError(
            f"{ordered.size} labels are more than {dtype} has numbers ({limits.max})"
        )
    return ordered, np.arange(1, ordered.size + 1)


def itksnap_text(table: RegionTable) -> str:
    """Format an ITK-SNAP label description: a line per label, with the region's full name."""
    labels, numbers = compact_numbers(table.labels, "uint16")
    order = np.argsort(table.labels, kind="stable")
    first = np.searchsorted(table.labels[order], labels)
    lines = []
    for number, position in zip(numbers.tolist(), table.label_regions[order][first], strict=True):
        red, green, blue = bytes.fromhex((table.colors[position] or NO_COLOR)[1:])
        name = str(table.names[position] or table.acronyms[position])
        name = one_line(name.replace('"', "'"))
        lines.append(f'{number:5d}   {red:3d}  {green:3d}  {blue:3d}        1  1  1    "{name}"\n')
    return HEADER + CLEAR + "".join(lines)

"""Replace labels by the ids that represent them in BrainGlobe's files."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xarray_atlas.errors import AtlasMismatchError
from xarray_atlas.kernels.labels import Int64s, Ints, lookup, runs

__all__ = ["relabel"]


def relabel(block: Ints, labels: Int64s, numbers: Int64s, taken: Int64s) -> npt.NDArray[np.uint32]:
    """Replace labels by numbers; keep labels that belong to no region.

    Parameters
    ----------
    block : ndarray of int
    labels : ndarray of int64, shape (n,)
        Sorted and unique.
    numbers : ndarray of int64, shape (n,)
        The replacement of each label, from 1 to 2**32 - 1.
    taken : ndarray of int64
        All numbers that denote a region, sorted.

    Returns
    -------
    ndarray of uint32, shape block.shape

    Raises
    ------
    AtlasMismatchError
        If a label without a region equals a region's number, or does not fit into 32 bits.

    Examples
    --------
    >>> ids = np.array([100])
    >>> relabel(np.array([[0, 5, 5, 7]], "uint8"), np.array([5]), ids, ids)
    array([[  0, 100, 100,   7]], dtype=uint32)
    """
    starts, values = runs(block)
    at = lookup(values, labels)
    known = at >= 0
    strays = np.unique(values[~known])
    strays = strays[strays != 0]
    limits = np.iinfo(np.uint32)
    unfit = [label for label in strays.tolist() if not limits.min <= label <= limits.max]
    if unfit:
        raise AtlasMismatchError(
            f"the annotation holds labels that no region has and that do not fit 32 bits: "
            f"{_listed(unfit)}; set them to 0 or give them a region first"
        )
    mistaken = strays[lookup(strays, taken) >= 0].tolist()
    if mistaken:
        raise AtlasMismatchError(
            f"the annotation holds labels that no region has but that are ids of regions: "
            f"{_listed(mistaken)}; they would become voxels of those. Set them to 0, or make "
            "them labels of a region, first"
        )
    replaced = values.astype(np.uint32)
    replaced[known] = numbers[at[known]]
    lengths = np.diff(starts, append=block.size)
    return np.repeat(replaced, lengths).reshape(block.shape)


def _listed(labels: list[int]) -> str:
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(map(str, labels[:5])) + more

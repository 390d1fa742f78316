"""The line that stands for an atlas in xarray's overviews of its objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.coords.space import DIRECTIONS, Space
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.printable import one_line

__all__ = ["SummarizedScalar", "summary"]


def summary(name: str, space: Space, max_width: int) -> str:
    """Describe an atlas in one line: name, resolution as opened, orientation and directions.

    Parameters
    ----------
    name : str
        Of the terminology.
    space : Space
    max_width : int
        In characters. Directions are left out first, then the end of the name.

    Returns
    -------
    str
        ``z A>P`` means that the values of z grow from anterior to posterior.

    Examples
    --------
    >>> import xarray_atlas
    >>> space = xarray_atlas.open_sample("100 um").atlas.space
    >>> summary("allen-adult-mouse-terminology", space, 60)
    'allen-adult-mouse 100 um, asr: z A>P, y S>I, x R>L'
    >>> summary("allen-adult-mouse-terminology", space, 40)
    'allen-adult-mouse 100 um, asr'
    """
    sizes = [f"{without_noise(1000 * size):.6g}" for size in space.voxel_size]
    size = sizes[0] if len(set(sizes)) == 1 else " x ".join(sizes)
    end = f"{f' {size} um' if all(space.voxel_size) else ''}, {space.orientation}"
    runs = [
        f"{one_line(dim)} {'>'.join(word[0].upper() for word in DIRECTIONS[way].split('-to-'))}"
        for dim, way in zip(space.dims, space.orientation, strict=True)
    ]
    shown = one_line(name).replace("-terminology", "", 1) or "atlas"
    whole = f"{shown}{end}: {', '.join(runs)}"
    if len(whole) <= max_width:
        return whole
    room = max(max_width - len(end), 4)
    return (shown if len(shown) <= room else f"{shown[: room - 3]}...") + end


class SummarizedScalar(np.ndarray[Any, np.dtype[np.int64]]):
    """A fingerprint that xarray's overviews show as the summary of what it stands for.

    xarray documents ``_repr_inline_`` for arrays of other libraries. What is computed from the
    number does not show the summary any more.

    Parameters
    ----------
    value : int
    name : str
        Of the terminology.
    space : Space
    """

    about: tuple[str, Space] | None

    def __new__(cls, value: Any, name: str, space: Space) -> SummarizedScalar:  # noqa: D102
        scalar = np.asarray(value, dtype=np.int64).view(cls)
        scalar.about = (name, space)
        return scalar

    def __array_finalize__(self, other: Any) -> None:
        self.about = None

    def __reduce__(self) -> Any:
        if self.about is None:
            return super().__reduce__()
        return type(self), (int(self), *self.about)

    def _repr_inline_(self, max_width: int) -> str:
        return str(np.asarray(self)) if self.about is None else summary(*self.about, max_width)

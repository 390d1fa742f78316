"""Where the voxels of an atlas of one's own lie: what is said of them, and whether it can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xarray_atlas.coords.headers import OPPOSITE, Geometry
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.errors import GridError

__all__ = ["check_extent", "combine", "said", "times"]

LARGEST, SMALLEST = 300.0, 0.1
"""In mm: no brain is larger, and none of which there are volumes of labels is smaller."""


def said(voxel_size: Any, orientation: Any, axcodes: Any) -> Geometry:
    """Read what a caller says of the voxels.

    Parameters
    ----------
    voxel_size : str, quantity, or one of these an axis, optional
    orientation : str, optional
        A letter an axis: the side on which its first voxel lies.
    axcodes : str or sequence of str, optional
        The letters of nibabel: the side to which each axis points.

    Raises
    ------
    UnitsError
        If a length has no unit.
    GridError
        If it is not one of three positive lengths, or not one letter of each axis.
    """
    sizes = None if voxel_size is None else stated_voxel_size(voxel_size)
    if orientation is not None and axcodes is not None:
        raise GridError(
            "give orientation= (where the first voxel lies) or axcodes= (where the axes point), "
            "not both"
        )
    if axcodes is not None:
        pointing = _letters(axcodes, "axcodes", "'RAS'")
        return Geometry(sizes, "".join(OPPOSITE[letter] for letter in pointing))
    if orientation is not None:
        letters = _letters(orientation, "orientation", "'asr'")
        if "".join(map(str, orientation)) != letters:
            # as reorient() has it: it would be the other side on every axis
            raise GridError(
                f"orientation={orientation!r} is not in lower case: it says where the first voxel "
                f"lies, {letters!r}; nibabel's letters, which say where the axes point, are passed "
                f"as axcodes={orientation!r}"
            )
        return Geometry(sizes, letters)
    return Geometry(sizes)


def _letters(value: Any, what: str, example: str) -> str:
    letters = "".join(map(str, value)).lower() if isinstance(value, Iterable) else ""
    axes = [next((axis for axis in ("ap", "si", "lr") if c in axis), c) for c in letters]
    if sorted(axes) != ["ap", "lr", "si"]:
        raise GridError(
            f"{what}={value!r} is not one letter of a|p, s|i and r|l for each of three axes, such "
            f"as {example}"
        )
    return letters


def combine(stated: Geometry, found: Geometry, what: str) -> tuple[tuple[float, ...], str]:
    """Put what the caller says over what a file or an array says.

    Returns
    -------
    voxel_size : tuple of float
        In mm.
    orientation : str

    Raises
    ------
    GridError
        If something stays unknown, or axes are oblique; it says what to give.
    """
    if found.fault and not (stated.voxel_size and stated.orientation):
        raise GridError(
            f"the header of {what} {found.fault}: resample the image onto the axes of the brain "
            "first; or, where the header is wrong, give both voxel_size= and orientation= (where "
            "the first voxel lies) or axcodes="
        )
    sizes = stated.voxel_size or found.voxel_size
    if sizes is not None and min(sizes) <= 0:
        sizes = None  # as headers have it that nobody filled in
    orientation = stated.orientation or found.orientation
    if sizes is None or orientation is None:
        missing = []
        if sizes is None:
            missing.append(
                "how large its voxels are: give voxel_size='25 um' (or, of a DataArray, "
                "coordinates with attrs['units'])"
            )
        if orientation is None:
            missing.append(
                "how it is oriented: give orientation='asr' where the first voxel is the most "
                "anterior, superior and right one, or nibabel's axcodes='PIL' for the same"
            )
        raise GridError(f"{what} does not say {'; nor '.join(missing)}")
    return sizes, orientation


def check_extent(shape: Sequence[int], sizes: Sequence[float], stated: bool) -> None:
    """Refuse a volume that is larger or smaller than brains are.

    Too large is any axis above 300 mm; too small a volume whose longest axis is
    below 0.1 mm, since a slab may be one voxel thick.

    Raises
    ------
    GridError
        It names the likely mistake.
    """
    extent = [n * size for n, size in zip(shape, sizes, strict=True)]
    longest = max(extent)
    if SMALLEST <= longest <= LARGEST:
        return
    origin = "voxel_size=" if stated else "as it says itself"
    text = f"the volume of {times(shape)} voxels of {times(sizes)} mm ({origin}) would be "
    if longest > LARGEST:
        wrong = f"{longest:g} mm long, more than the {LARGEST:g} mm of any brain"
        likely = "micrometres that are said to be mm"
        factor = 1e-3
    else:
        wrong = f"{longest:g} mm long at most, less than the {SMALLEST:g} mm of any brain"
        likely = (
            "mm that are said to be micrometres, or micrometres written as metres and read as mm"
        )
        factor = 1e3
    mended = [f"{size * factor * 1000:g} um" for size in sizes]
    proposal = repr(mended[0]) if len(set(mended)) == 1 else repr(mended)
    raise GridError(
        f"{text}{wrong}. Are the lengths {likely}? Then give "
        f"voxel_size={proposal}: with its unit it overrides the header"
    )


def times(values: Sequence[float]) -> str:
    """Write sizes as "50 x 25 x 25"."""
    return " x ".join(f"{value:g}" for value in values)

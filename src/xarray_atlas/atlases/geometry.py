"""Geometry of custom atlases: user-supplied voxel size and orientation, and plausibility."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xarray_atlas.coords.headers import OPPOSITE, Geometry
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.errors import GridError

__all__ = ["check_extent", "combine", "said", "times"]

LARGEST, SMALLEST = 300.0, 0.1
"""In mm: no brain is larger, and none of which there are volumes of labels is smaller."""

PLAUSIBLE = (0.3, 300.0)
"""In mm, the longest axis of the volumes that are proposed: from a fly's brain to a human head."""

LARGEST_VOXEL = 10.0
"""In mm: no labels have larger voxels."""

MISTAKES = {
    1e-3: "micrometres that are said to be mm",
    1e-6: "micrometres that are said to be metres",
    1e3: "mm that are said to be micrometres, or micrometres written as metres and read as mm",
}
"""Factors by which a header with a wrong unit is wrong, the likelier first."""


def said(voxel_size: Any, orientation: Any, axcodes: Any) -> Geometry:
    """Parse the geometry given by the user.

    Parameters
    ----------
    voxel_size : str, quantity, or one of these an axis, optional
    orientation : str, optional
        A letter per axis, for the side on which its first voxel lies.
    axcodes : str or sequence of str, optional
        The letters of nibabel: the side to which each axis points.

    Raises
    ------
    UnitsError
        If a length has no unit.
    GridError
        If it is not one or three positive lengths, or not one letter of each axis.
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
            # as in reorient(): it would be the opposite side on every axis
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
    """Combine the geometry given by the user with that of a file or array.

    Returns
    -------
    voxel_size : tuple of float
        In mm.
    orientation : str

    Raises
    ------
    GridError
        If something remains unknown, or axes are oblique; the message says what to pass.
    """
    if found.fault and not (stated.voxel_size and stated.orientation):
        raise GridError(
            f"the header of {what} {found.fault}: resample the image onto the axes of the brain "
            "first; or, where the header is wrong, give both voxel_size= and orientation= (where "
            "the first voxel lies) or axcodes="
        )
    sizes = stated.voxel_size or found.voxel_size
    if sizes is not None and min(sizes) <= 0:
        sizes = None  # as in headers that were not filled in
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


def check_extent(
    shape: Sequence[int],
    sizes: Sequence[float],
    stated: bool,
    limits: tuple[float, float] = (SMALLEST, LARGEST),
) -> None:
    """Refuse a volume that is larger or smaller than brains.

    A volume is too large if any axis exceeds 300 mm, and too small if its longest axis is below 0.1
    mm, since a slab may be one voxel thick.

    Parameters
    ----------
    shape : sequence of int
    sizes : sequence of float
        Voxel size, in mm.
    stated : bool
        Whether the user gave the sizes.
    limits : (float, float)
        The limits of the length of the longest axis, in mm.

    Raises
    ------
    GridError
        The message proposes a voxel size if a single wrong unit explains the size.
    """
    extent = [n * size for n, size in zip(shape, sizes, strict=True)]
    longest = max(extent)
    smallest, largest = limits
    if smallest <= longest <= largest:
        return
    origin = "voxel_size=" if stated else "as it says itself"
    what = "brain" if limits == (SMALLEST, LARGEST) else "image of one"
    metres = min(sizes) >= 1000
    voxel = f"{times([s / 1000 for s in sizes])} m" if metres else f"{times(sizes)} mm"
    text = f"the volume of {times(shape)} voxels of {voxel} ({origin}) would be "
    if longest > largest:
        length = f"{longest / 1000:g} m" if metres else f"{longest:g} mm"
        text += f"{length} long, more than the {largest:g} mm of any {what}. "
    else:
        text += f"{longest:g} mm long at most, less than the {smallest:g} mm of any {what}. "
    if set(sizes) == {1.0} and not stated:
        text += "A voxel size of 1 mm is what headers hold that nobody filled in. "
    else:
        for factor, likely in MISTAKES.items():
            mended = [size * factor for size in sizes]
            if PLAUSIBLE[0] <= longest * factor <= PLAUSIBLE[1] and max(mended) <= LARGEST_VOXEL:
                written = [f"{size * 1000:g} um" for size in mended]
                proposal = repr(written[0]) if len(set(written)) == 1 else repr(written)
                raise GridError(
                    f"{text}Are the lengths {likely}? Then give voxel_size={proposal}: with its "
                    "unit it overrides the header"
                )
    raise GridError(
        f"{text}Give the right one with its unit, voxel_size='... um': it overrides the header"
    )


def times(values: Sequence[float]) -> str:
    """Format sizes as "50 x 25 x 25"."""
    return " x ".join(f"{value:g}" for value in values)

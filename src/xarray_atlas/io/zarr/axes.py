"""The axes of an OME-Zarr: spatial axes, units, and orientation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xarray_atlas.coords.space import Space
from xarray_atlas.coords.units import is_length_unit
from xarray_atlas.errors import StoreFormatError

__all__ = ["Axes", "read_axes"]

BRAINGLOBE = {"z": "a", "y": "s", "x": "r"}
"""The orientation of BrainGlobe's volumes, used if the axes do not state theirs."""

LETTERS = {
    "anterior": "a",
    "rostral": "a",
    "posterior": "p",
    "caudal": "p",
    "superior": "s",
    "dorsal": "s",
    "inferior": "i",
    "ventral": "i",
    "right": "r",
    "left": "l",
}

TYPES = {"t": "time", "time": "time", "c": "channel", "channel": "channel"}
"""The types of axes that need not state theirs, by their names."""


@dataclass(frozen=True)
class Axes:
    """The axes of the arrays of a pyramid.

    Parameters
    ----------
    names : tuple of str
        Of all axes, in the order of the arrays' dimensions.
    spatial : tuple of int
        The positions of the three axes of space among them.
    units : tuple of (str or None)
        Of the spatial axes; None if missing or not a length.
    stated : tuple of (str or None)
        The units of the axes of space as they are written.
    orientation : str
        A letter for each axis of space: the side on which the first voxel lies.
    oriented : bool
        Whether all axes state it; otherwise it is that of the caller, or BrainGlobe's.
    """

    names: tuple[str, ...]
    spatial: tuple[int, ...]
    units: tuple[str | None, ...]
    stated: tuple[str | None, ...]
    orientation: str
    oriented: bool = False

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes of space."""
        return tuple(self.names[i] for i in self.spatial)

    @property
    def others(self) -> dict[int, str]:
        """The names of the axes that are not of space, by their positions."""
        return {i: name for i, name in enumerate(self.names) if i not in self.spatial}

    def without_unit(self) -> str:
        """Describe the spatial axes without a unit of length; "" if all have one."""
        pairs = list(zip(self.dims, self.stated, self.units, strict=True))
        bare = [repr(name) for name, said, unit in pairs if unit is None and said is None]
        other = [f"{name!r} is in {said!r}" for name, said, unit in pairs if said and not unit]
        parts = []
        if bare:
            verb, noun = ("have", "axes") if len(bare) > 1 else ("has", "axis")
            parts.append(f"{noun} {', '.join(bare)} {verb} no unit")
        if other:
            parts.append(f"axis {', axis '.join(other)}, which is not a unit of length")
        return "; ".join(parts)


def read_axes(axes: Sequence[Mapping[str, Any]], orientation: str | None = None) -> Axes:
    """Read the axes of a multiscale's metadata.

    Parameters
    ----------
    axes : sequence of mapping
        Of OME-Zarr 0.4 or 0.5. Axes of time and channels may stand anywhere among them.
    orientation : str, optional
        A letter for each axis of space, for axes that do not state theirs; BrainGlobe's by default.

    Raises
    ------
    StoreFormatError
        If not three of them are of space, or their orientation is not known.
    GridError
        If two of them have one anatomical axis.
    """
    names = tuple(str(axis["name"]) for axis in axes)
    kinds = [axis.get("type") or TYPES.get(str(axis["name"]).lower(), "space") for axis in axes]
    spatial = tuple(i for i, kind in enumerate(kinds) if kind == "space")
    dims = [names[i] for i in spatial]
    if len(set(dims)) != 3 or len(dims) != 3:
        raise StoreFormatError(f"the axes are {names}, not three of space")
    stated = tuple(str(axes[i].get("unit") or "").strip() or None for i in spatial)
    units = tuple(unit if unit is not None and is_length_unit(unit) else None for unit in stated)
    said = [axes[i].get("orientation") for i in spatial]
    letters = _orientation(dims, said, orientation)
    return Axes(names, spatial, units, stated, letters, all(each is not None for each in said))


def _orientation(names: Sequence[str], said: Sequence[Any], unsaid: str | None) -> str:
    """Return a letter per axis, the manifest's or else BrainGlobe's, for axes without one."""
    default = [BRAINGLOBE.get(name, "") for name in names]
    letters = default if set(names) == set(BRAINGLOBE) else list(BRAINGLOBE.values())
    letters = letters if unsaid is None else list(unsaid)
    for i, orientation in enumerate(said):
        if orientation is None:
            continue
        # "value" in BrainGlobe's files, "direction" where ngff-zarr writes it
        text = str(orientation.get("value") or orientation.get("direction"))
        first, _, last = text.partition("-to-")
        if first not in LETTERS or last not in LETTERS:
            raise StoreFormatError(
                f"axis {names[i]!r} has the anatomical orientation {text!r}; known are "
                "for example 'anterior-to-posterior', 'superior-to-inferior', 'right-to-left'"
            )
        letters[i] = LETTERS[first]
    result = "".join(letters)
    Space(tuple(names), result, (1.0,) * 3, (0.0,) * 3)  # which refuses two axes of one kind
    return result

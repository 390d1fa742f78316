"""The anatomical space of an atlas: the directions of its axes, and its midline."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import xarray as xr

from xarray_atlas.errors import AtlasMismatchError, GridError
from xarray_atlas.kernels.spacing import TOLERANCE

__all__ = [
    "ADVICE",
    "AXES",
    "DIRECTIONS",
    "FRAME",
    "RAS",
    "RAS_AXES",
    "Space",
    "claiming_coordinate",
    "require_orientation",
]

DIRECTIONS = {
    "a": "anterior-to-posterior",
    "p": "posterior-to-anterior",
    "s": "superior-to-inferior",
    "i": "inferior-to-superior",
    "r": "right-to-left",
    "l": "left-to-right",
}
"""The direction of an axis for each orientation letter: the side from which it runs comes first."""

AXES = {"ap": "ap", "dv": "si", "ml": "rl"}
"""The anatomical axes, and their orientation letters."""

FRAME = "frame"
"""Attribute with the frame of the positions in results and points."""

ADVICE = "frame_advice"
"""Attribute with the argument to pass for points from a file that does not give their frame."""

RAS = {"r": (0, -1), "l": (0, 1), "a": (1, -1), "p": (1, 1), "s": (2, -1), "i": (2, 1)}
"""The axis of RAS+ for each letter, and its sign."""

RAS_AXES = ("ml", "ap", "dv")
"""The anatomical axes in the order of RAS+: right, anterior and superior."""


@dataclass(frozen=True)
class Space:
    """Anatomical space of an atlas, carried together with the terminology.

    Parameters
    ----------
    dims : tuple of str
        The spatial dimensions, in the order of the other fields.
    orientation : str
        A letter per dimension, for the side on which its coordinate is smallest. The first voxel
        lies there, unless the coordinate is descending. BrainGlobe's ``"asr"`` starts at the
        anterior, superior, right corner.
    voxel_size : tuple of float
        In mm, of the whole volume as it was opened; 0 if unknown, for the single plane of a
        recording.
    corner : tuple of float
        In mm, the outer corner of the whole volume at which its coordinates are smallest.
    midline : float, optional
        In mm along the left-right axis; None if the atlas has none.
    shape : tuple of int, optional
        Shape of the whole volume, in voxels.
    midline_assumed : bool
        Whether the midline was assumed because no manifest says that the atlas is symmetric.
    atlas : Space, optional
        For a grid onto which an atlas was resampled: the space of the atlas.
    to_atlas : tuple of float
        For such a grid: the 4 x 4 matrix, row by row, from positions on it to positions in `atlas`,
        both in mm and in the order of their dims. Empty if the transform includes a displacement
        field.
    through : str
        For such a grid with a displacement field: the steps of the transform to `atlas`, as JSON.
        The fields are coordinates of the Dataset. ``ds.atlas.transform`` reads both.
    world : tuple of float
        For an atlas from a file with world coordinates: the 4 x 4 matrix, row by row, from
        positions in mm along the left-right, anterior-posterior and superior-inferior axes (in this
        order, with the Dataset's directions) to RAS mm. It is the identity if the Dataset's
        coordinates are world coordinates. Empty if there are none, as in BrainGlobe's atlases.
    orientation_assumed : bool
        Whether BrainGlobe's orientation was assumed because the store does not give one.
    frames : tuple of str
        Frames added by ``ds.atlas.add_frame``, as JSON: from mm from the anterior, superior, left
        outer corner of the whole volume of the atlas along ap, dv and ml, so that they remain valid
        whatever happens to the Dataset.

    Examples
    --------
    >>> import xarray_atlas
    >>> space = xarray_atlas.open_sample("100 um").atlas.space
    >>> space.dims, space.orientation, space.shape
    (('z', 'y', 'x'), 'asr', (132, 80, 114))
    >>> space.corner, f"{space.midline:.3f}"
    ((-0.025, -0.025, -0.025), '5.675')
    """

    # names and assumptions are specific to one object
    dims: tuple[str, ...] = field(compare=False)
    orientation: str
    voxel_size: tuple[float, ...]
    corner: tuple[float, ...]
    midline: float | None = None
    midline_assumed: bool = field(default=False, compare=False)
    shape: tuple[int, ...] = ()
    atlas: Space | None = None
    to_atlas: tuple[float, ...] = ()
    world: tuple[float, ...] = ()
    orientation_assumed: bool = field(default=False, compare=False)
    frames: tuple[str, ...] = field(default=(), compare=False, repr=False)
    through: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        groups = ["".join(sorted(g)) for g in AXES.values()]
        axes = sorted(next((g for g in groups if letter in g), "") for letter in self.orientation)
        if axes != sorted(groups) or not (
            len(self.dims) == len(self.voxel_size) == len(self.corner) == len(self.orientation)
        ):
            raise GridError(
                f"orientation {self.orientation!r} of dimensions {self.dims} is not one letter "
                "of a|p, s|i and r|l for each of three dimensions, such as 'asr'"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def to_json(self) -> str:
        """Return the space as a JSON object.

        Examples
        --------
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.to_json()[:52]
        '{"dims": ["z", "y", "x"], "orientation": "asr", "vox'
        """
        values = dataclasses.asdict(self)
        if self.atlas is not None:
            values["atlas"] = json.loads(self.atlas.to_json())
        else:  # unchanged from before such grids were supported
            del values["atlas"], values["to_atlas"]
        if not self.world:
            del values["world"]
        if not self.orientation_assumed:
            del values["orientation_assumed"]
        for name in ("frames", "through"):
            if not values[name]:
                del values[name]
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of :meth:`to_json`.

        Parameters
        ----------
        text : str
            A JSON object.

        Returns
        -------
        Space

        Examples
        --------
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> type(space).from_json(space.to_json()) == space
        True
        """
        values = json.loads(text)
        if values.get("atlas"):
            values["atlas"] = cls.from_json(json.dumps(values["atlas"]))
        for name in ("dims", "voxel_size", "corner", "shape", "to_atlas", "world", "frames"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    def rename(self, names: Mapping[Any, Hashable]) -> Self:
        """Return the same space with other names of its dimensions.

        Parameters
        ----------
        names : mapping of str to hashable
            From old to new names; others are kept.

        Returns
        -------
        Space

        Examples
        --------
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.rename({"z": "slices"}).dims
        ('slices', 'y', 'x')
        """
        return dataclasses.replace(self, dims=tuple(str(names.get(d, d)) for d in self.dims))

    def position(self, axis: str) -> int:
        """Return the position of an anatomical axis among the dimensions.

        Parameters
        ----------
        axis : "ap", "dv" or "ml"

        Returns
        -------
        int

        Examples
        --------
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.dims[space.position("ml")]
        'x'
        """
        return next(i for i, letter in enumerate(self.orientation) if letter in AXES[axis])

    def direction(self, axis: str) -> str:
        """Return the direction in which the coordinate of an anatomical axis increases.

        Parameters
        ----------
        axis : "ap", "dv" or "ml"

        Returns
        -------
        str
            For example "right-to-left".

        Examples
        --------
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.direction("ap"), space.direction("ml")
        ('anterior-to-posterior', 'right-to-left')
        """
        return DIRECTIONS[self.orientation[self.position(axis)]]

    def coordinate(self, obj: xr.Dataset | xr.DataArray, axis: str) -> Hashable | None:
        """Find the coordinate of an object along an anatomical axis.

        It is found by the ``direction`` attribute, which survives renaming, or else by the names
        that the space knows.

        Parameters
        ----------
        obj : Dataset or DataArray
        axis : "ap", "dv" or "ml"

        Returns
        -------
        hashable or None
            None if the object has no such coordinate.

        Raises
        ------
        AtlasMismatchError
            If two coordinates have the direction of the axis, or one the opposite direction.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.space.coordinate(ds.rename(x="columns"), "ml")
        'columns'
        """
        found = claiming_coordinate(obj, axis)
        if found is None:
            name = self.dims[self.position(axis)]
            claimed = obj.coords[name].attrs.get("direction") if name in obj.coords else None
            return name if name in obj.coords and claimed is None else None
        said = obj.coords[found].attrs["direction"]
        if said != self.direction(axis):
            raise AtlasMismatchError(
                f"coordinate {found!r} says that it runs {said}, the atlas says "
                f"{self.direction(axis)}"
            )
        return found

    def coordinates(self, obj: xr.Dataset | xr.DataArray) -> dict[str, Hashable | None]:
        """Find the coordinate of each anatomical axis; see `coordinate`.

        Parameters
        ----------
        obj : Dataset or DataArray

        Returns
        -------
        dict of str to hashable or None
            For "ap", "dv" and "ml".

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.space.coordinates(ds.annotation.isel(z=3, drop=True))
        {'ap': None, 'dv': 'y', 'ml': 'x'}
        """
        return {axis: self.coordinate(obj, axis) for axis in AXES}

    def size_of_one(self, axis: str, position: float, size: float | None = None) -> float | None:
        """Return the voxel size of a single plane from its position, in mm.

        Parameters
        ----------
        axis : str
            "ap", "dv" or "ml".
        position : float
            The plane's coordinate, in mm.
        size : float, optional
            Size after coarsening, in mm; the atlas's voxel size by default.

        Returns
        -------
        float or None
            None if no voxel of that size has its centre there.

        Examples
        --------
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.size_of_one("ap", 7.025), space.size_of_one("ap", 7.0)
        (0.1, None)
        """
        at = self.position(axis)
        size = self.voxel_size[at] if size is None else size
        if not size:
            return None
        off_centre = ((position - self.corner[at]) / size) % 1 - 0.5
        return size if abs(off_centre) < 1e-3 else None

    def outside(self, axis: str, positions: Any) -> Any:
        """Return whether each position along an axis lies outside the whole volume.

        Parameters
        ----------
        axis : "ap", "dv" or "ml"
        positions : float64 array
            In mm.

        Returns
        -------
        array of bool

        Examples
        --------
        >>> import numpy as np
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.outside("ap", np.array([-0.1, 0.0, 13.1, 13.2]))
        array([ True, False, False,  True])
        """
        if not self.shape:
            return positions != positions  # the extent is unknown
        at = self.position(axis)
        low, size = self.corner[at], self.voxel_size[at]
        high = low + size * self.shape[at]
        return (positions < low - TOLERANCE * size) | (positions > high + TOLERANCE * size)

    def is_left(self, positions: Any) -> Any:
        """Return whether each position along the left-right axis is left of the midline, or on it.

        Parameters
        ----------
        positions : float64 array
            In mm.

        Returns
        -------
        array of bool

        Raises
        ------
        GridError
            If there is no midline.

        Examples
        --------
        >>> import numpy as np
        >>> import xarray_atlas
        >>> space = xarray_atlas.open_sample("100 um").atlas.space
        >>> space.is_left(np.array([1.0, 5.675, 9.0]))
        array([False,  True,  True])
        """
        if self.midline is None:
            raise GridError("the space has no midline")
        tolerance = TOLERANCE * self.voxel_size[self.position("ml")]
        if self.direction("ml") == "right-to-left":
            return positions >= self.midline - tolerance
        return positions <= self.midline + tolerance


def claiming_coordinate(obj: xr.Dataset | xr.DataArray, axis: str) -> Hashable | None:
    """Find the coordinate with the ``direction`` of an anatomical axis.

    Parameters
    ----------
    obj : Dataset or DataArray
    axis : "ap", "dv" or "ml"

    Returns
    -------
    hashable or None
        Dimension coordinates come first; None if there is none.

    Raises
    ------
    AtlasMismatchError
        If there are several.
    """
    both = {DIRECTIONS[letter] for letter in AXES[axis]}
    claiming = [
        name for name, c in obj.coords.items() if c.attrs.get("direction") in both and c.ndim < 2
    ]
    indexed = [name for name in claiming if name in obj.dims] or claiming
    if len(indexed) > 1:
        raise AtlasMismatchError(
            f"coordinates {indexed} all say that they run along {axis!r}; "
            "correct their 'direction' attribute"
        )
    return indexed[0] if indexed else None


def require_orientation(space: Space) -> None:
    """Raise a GridError if the orientation of the axes was only assumed.

    Parameters
    ----------
    space : Space
    """
    if not space.orientation_assumed:
        return
    raise GridError(
        "the store does not say how its axes are oriented, so that left and right, and all other "
        "directions, are not known. Open the atlas with orientation=, the sides on which the first "
        f"voxel lies along {', '.join(map(repr, space.dims))}: orientation={space.orientation!r} "
        "where it is the most anterior, superior and right one, as in BrainGlobe's atlases"
    )

"""The two ends of a transform: the spaces and coordinates of points before and after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.coords.world import WORLD_DIRECTIONS
from xarray_atlas.errors import TransformError

__all__ = [
    "ATLAS",
    "FIXED",
    "IMAGE",
    "LETTERS",
    "MOVING",
    "PLANE",
    "ROLES",
    "End",
    "coordinates_end",
    "require_volume",
]

FIXED, MOVING = "fixed", "moving"
"""Roles of images in a registration, which do not identify the atlas."""

ROLES = (FIXED, MOVING)

IMAGE, ATLAS = "image", "atlas"

PLANE = "plane"
"""The frame of points of a 2-D transform, without anatomical directions."""

LETTERS = {direction: letter for letter, direction in DIRECTIONS.items()}
"""The orientation letter of each direction: the side from which it runs."""


@dataclass(frozen=True)
class End:
    """One end of a transform: a named space and the coordinates of its points.

    Parameters
    ----------
    name : str
        Name of the space, such as "image", "atlas" or "T1w"; "fixed" and "moving" if a file gives
        no more.
    frame : str, default: "world"
        The coordinate system: "world" is RAS mm as defined by an image's affine; "brainglobe" and
        "allen" are mm from a corner of an atlas; "dataset" are the coordinates of the object that
        the transform was bound to.
    axes : tuple of str
        The names of the three axes, in the order of the columns of points.
    directions : tuple of str
        The direction in which each number increases, such as "left-to-right".

    Examples
    --------
    >>> from xarray_atlas.transforms.ends import End
    >>> End("image")
    End('image': x, y, z in mm, left-to-right, posterior-to-anterior, inferior-to-superior, world)
    """

    name: str
    frame: str = "world"
    axes: tuple[str, str, str] = ("x", "y", "z")
    directions: tuple[str, str, str] = WORLD_DIRECTIONS

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise TransformError(
                f"the name of a space is a text such as 'image', not {self.name!r}"
            )

    def __repr__(self) -> str:
        return (
            f"End({self.name!r}: {', '.join(self.axes)} in mm, {', '.join(self.directions)}, "
            f"{self.frame})"
        )

    def rename(self, name: str) -> Self:
        """Return the same coordinates for a space of another name.

        Parameters
        ----------
        name : str

        Returns
        -------
        End

        Examples
        --------
        >>> from xarray_atlas.transforms.ends import End
        >>> End("fixed").rename("image").name
        'image'
        """
        return dataclasses.replace(self, name=name)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible values.

        Returns
        -------
        dict

        Examples
        --------
        >>> from xarray_atlas.transforms.ends import End
        >>> End("image").to_dict()["axes"]
        ['x', 'y', 'z']
        """
        values = dataclasses.asdict(self)
        return values | {"axes": list(self.axes), "directions": list(self.directions)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`.

        Parameters
        ----------
        values : mapping

        Returns
        -------
        End

        Examples
        --------
        >>> from xarray_atlas.transforms.ends import End
        >>> End.from_dict(End("image").to_dict()) == End("image")
        True
        """
        axes, directions = tuple(values["axes"]), tuple(values["directions"])
        return cls(values["name"], values["frame"], axes, directions)


def coordinates_end(
    name: str, axes: Sequence[Hashable], letters: Sequence[str], frame: str = "dataset"
) -> End:
    """Return an end with points along three axes given by orientation letters.

    Parameters
    ----------
    name : str
        Name of the space.
    axes : sequence of hashable
        The names of the axes.
    letters : sequence of str
        The orientation letter of the side from which each axis increases.
    frame : str, default: "dataset"
    """
    first, second, third = map(str, axes)
    ways = [DIRECTIONS[letter] for letter in letters]
    return End(name, frame, (first, second, third), (ways[0], ways[1], ways[2]))


def require_volume(end: End) -> None:
    """Refuse points in a plane with unknown position in the brain.

    Raises
    ------
    TransformError
    """
    if end.frame == PLANE:
        raise TransformError(
            f"the transform maps points of {end.name!r} in a plane, x and y of a transform of two "
            "dimensions, and no file says where that plane lies in the brain. Map points first, "
            "transform.points(xyz), and put the result into the plane of the atlas"
        )

"""Frames: named coordinate systems of one atlas space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from xarray_atlas.coords.space import AXES, DIRECTIONS
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import AtlasError, GridError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.printable import one_line
from xarray_atlas.transforms.matrices import applied, checked_matrix, tidy

__all__ = ["AXIS_OF", "Frame", "is_frame_json"]

AXIS_OF = {text: next(a for a in AXES if k in AXES[a]) for k, text in DIRECTIONS.items()}
"""The anatomical axis of each direction."""

FORMAT = "xarray_atlas_frame"
"""Key of a dictionary or JSON object with a frame; its value is the format version."""

VERSION = 1

SAME_VOLUME = 0.01
"""Two volumes are in the same space if their extents differ by less than this fraction."""


@dataclass(frozen=True, eq=False, repr=False)
class Frame:
    """Named coordinate system of an atlas space.

    Frames are accepted by all parameters `frame`:
    ``ds.atlas.region_at(cells, frame=frame, unit="um")``. The atlas's frames are in
    ``ds.atlas.frames``; ``ds.atlas.frame`` creates one from a matrix or from landmarks.

    Parameters
    ----------
    name : str
    axes : tuple of str
        The names of its three axes, in the order of its coordinates.
    directions : tuple of str
        The direction in which each coordinate increases, such as "posterior-to-anterior"; the
        nearest one if the frame is tilted.
    unit : str
        Unit of its coordinates, such as "mm" or "um".
    matrix : (4, 4) array of float
        From positions in the Dataset (in mm, in the order of ``ds.atlas.space.dims``) to
        coordinates of the frame (in the order of `axes`, in `unit`).
    to_corner : (4, 4) array of float, optional
        From the same positions in the Dataset to mm from the anterior, superior, left outer corner
        of the whole volume, increasing to posterior, inferior and right. It keeps the frame valid
        after ``reorient``, a crop or resampling. Without it, the frame can only be used with
        Datasets of the same orientation and corner.
    volume : tuple of float, optional
        The extent of the whole volume along ap, dv and ml in mm: atlases of another extent refuse
        the frame.
    citation : str, optional
        The publication or program that defines it.
    url : str, optional
        Link to the definition.
    assumptions : sequence of str, optional
        Assumptions that the frame makes, one sentence each.

    Raises
    ------
    GridError
        If the matrix is not an invertible affine, or the axes are not three different ones.
    UnitsError
        If the unit is not one of length.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> frame = ds.atlas.frames["ibl"]
    >>> frame.axes, frame.unit
    (('ml', 'ap', 'dv'), 'um')
    >>> bregma = ds.atlas.frames["allen"].to_dataset([[5400, 332, 5739]])
    >>> frame.from_dataset(bregma).round(6) + 0.0
    array([[0., 0., 0.]])
    >>> xarray_atlas.Frame.from_json(frame.to_json()) == frame
    True
    """

    name: str
    axes: tuple[str, str, str]
    directions: tuple[str, str, str]
    unit: str
    matrix: FloatArray
    to_corner: FloatArray | None = None
    volume: tuple[float, ...] = ()
    citation: str = ""
    url: str = ""
    assumptions: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise GridError(f"the name of a frame is a text, not {self.name!r}")
        said: Any = self.assumptions
        said = [said] if isinstance(said, str) else said
        values = {
            "axes": tuple(str(axis) for axis in self.axes),
            "directions": tuple(str(text) for text in self.directions),
            "unit": str(self.unit),
            "matrix": checked_matrix(
                self.matrix, f"the matrix of frame {self.name!r}", alternative=""
            ),
            "volume": tuple(float(length) for length in self.volume),
            "assumptions": tuple(str(text) for text in said if str(text)),
        }
        if self.to_corner is not None:
            values["to_corner"] = checked_matrix(self.to_corner, "to_corner", alternative="")
        for key, value in values.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, key, value)
        unit_factor(self.unit)
        if len(self.axes) != 3 or len(set(self.axes)) != 3 or not all(self.axes):
            raise GridError(f"a frame has three axes of different names, not {self.axes}")
        if sorted(AXIS_OF.get(text, "") for text in self.directions) != sorted(AXES):
            raise GridError(
                f"the directions {self.directions} of frame {self.name!r} are not one each of "
                "anterior-to-posterior, superior-to-inferior and right-to-left, or their opposites"
            )

        for name, text in zip(self.axes, self.directions, strict=True):
            if name in AXES and name != AXIS_OF[text]:
                raise GridError(f"axis {name!r} of frame {self.name!r} runs {text}: rename it")

    @property
    def anatomical(self) -> tuple[str, ...]:
        """The nearest anatomical axis ("ap", "dv", "ml") of each of its axes."""
        return tuple(AXIS_OF[text] for text in self.directions)

    @property
    def tilted(self) -> bool:
        """Return whether its axes are not parallel to those of the Dataset."""
        linear = np.abs(self.matrix[:3, :3])
        return bool((np.sort(linear, axis=1)[:, :2] > 1e-9 * linear.max()).any())

    @property
    def in_mm(self) -> FloatArray:
        """The matrix from positions in the Dataset to mm along its axes, shape (4, 4)."""
        factor = unit_factor(self.unit)
        return np.diag([factor, factor, factor, 1.0]) @ self.matrix

    def from_dataset(self, positions: Any) -> FloatArray:
        """Return the coordinates in the frame of positions in the Dataset.

        Parameters
        ----------
        positions : array of float, shape (..., 3)
            In mm, in the order of ``ds.atlas.space.dims``.

        Returns
        -------
        float64 array of the same shape
            In the order of `axes`, in `unit`.

        Examples
        --------
        >>> import xarray_atlas
        >>> frames = xarray_atlas.open_sample("100 um").atlas.frames
        >>> frames["brainglobe"].from_dataset([5.0, 2.0, 3.0])
        array([5025., 2025., 3025.])
        """
        return applied(self.matrix, positions)

    def to_dataset(self, numbers: Any) -> FloatArray:
        """Return the positions in the Dataset of coordinates in the frame.

        Parameters
        ----------
        numbers : array of float, shape (..., 3)
            In the order of `axes`, in `unit`.

        Returns
        -------
        float64 array of the same shape
            In mm, in the order of ``ds.atlas.space.dims``.

        Examples
        --------
        >>> import xarray_atlas
        >>> frames = xarray_atlas.open_sample("100 um").atlas.frames
        >>> frames["ibl"].to_dataset([0, 0, 0]).round(3)
        array([5.375, 0.307, 5.636])
        """
        return applied(np.linalg.inv(self.matrix), numbers)

    def rebased(self, to_corner: FloatArray | None, volume: Sequence[float] = ()) -> Self:
        """Return the same frame for another Dataset of the same space.

        Parameters
        ----------
        to_corner : float64 array of shape (4, 4), or None
            Matrix of the other Dataset; None if its corner is unknown.
        volume : sequence of float, optional
            The extent of its whole volume.

        Returns
        -------
        Frame

        Raises
        ------
        GridError
            If the volumes differ, or their relative position is unknown.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> frame = xarray_atlas.open_sample("100 um").atlas.frames["ibl"]
        >>> frame.rebased(np.eye(4)).matrix[1]
        array([-1000.,     0.,     0.,  5400.])
        """
        if self.volume and volume and not _alike(self.volume, volume):
            raise GridError(
                f"frame {self.name!r} is of a volume of {_sizes(self.volume)}, and that of this "
                f"atlas is {_sizes(volume)} (ap, dv, ml): it is a frame of another space"
            )
        if self.to_corner is None or to_corner is None:
            if self.to_corner is None and to_corner is None:
                return self
            raise GridError(
                f"where frame {self.name!r} lies in this Dataset is not known: "
                f"{'the frame' if self.to_corner is None else 'the Dataset'} does not say where "
                "the corner of the whole volume is. Take it from this Dataset: "
                "ds.atlas.frame(name, ...)"
            )
        if np.array_equal(self.to_corner, to_corner):
            return self
        matrix = self.matrix @ np.linalg.inv(self.to_corner) @ to_corner
        return replace(self, matrix=tidy(matrix), to_corner=to_corner)

    def to_dict(self) -> dict[str, Any]:
        """Return the frame as a dictionary of plain values.

        Returns
        -------
        dict
            Text, numbers and lists, as in JSON.

        Examples
        --------
        >>> import xarray_atlas
        >>> xarray_atlas.open_sample("100 um").atlas.frames["ibl"].to_dict()["axes"]
        ['ml', 'ap', 'dv']
        """
        found: dict[str, Any] = {FORMAT: VERSION, "name": self.name, "axes": list(self.axes)}
        found |= {"directions": list(self.directions), "unit": self.unit}
        found["matrix"] = self.matrix.tolist()
        found["to_corner"] = None if self.to_corner is None else self.to_corner.tolist()
        found |= {"volume": list(self.volume), "citation": self.citation, "url": self.url}
        return found | {"assumptions": list(self.assumptions)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`.

        Parameters
        ----------
        values : mapping

        Returns
        -------
        Frame

        Raises
        ------
        GridError
            If it is not a frame, or of a later version.

        Examples
        --------
        >>> import xarray_atlas
        >>> frame = xarray_atlas.open_sample("100 um").atlas.frames["allen"]
        >>> xarray_atlas.Frame.from_dict(frame.to_dict()) == frame
        True
        """
        values = dict(values)
        version = values.pop(FORMAT, None)
        if version != VERSION:
            raise GridError(
                f"this is not a frame that this version can read: {FORMAT!r} is {version!r}, not "
                f"{VERSION}"
            )
        try:
            return cls(**values)
        except AtlasError:
            raise
        except (TypeError, ValueError) as error:
            raise GridError(f"these values are not those of a frame: {error}") from error

    def to_json(self) -> str:
        """Return the frame as a JSON object.

        Returns
        -------
        str

        Examples
        --------
        >>> import xarray_atlas
        >>> xarray_atlas.open_sample("100 um").atlas.frames["ibl"].to_json()[:43]
        '{"xarray_atlas_frame": 1, "name": "ibl", "a'
        """
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of :meth:`to_json`.

        Parameters
        ----------
        text : str

        Returns
        -------
        Frame

        Raises
        ------
        GridError
            If it is not a frame.

        Examples
        --------
        >>> import xarray_atlas
        >>> frame = xarray_atlas.open_sample("100 um").atlas.frames["allen"]
        >>> xarray_atlas.Frame.from_json(frame.to_json()).name
        'allen'
        """
        try:
            values = json.loads(text)
        except (TypeError, ValueError) as error:
            raise GridError(f"this is not valid JSON: {error}") from error
        if not isinstance(values, Mapping):
            raise GridError(f"the JSON of a frame is an object, not a {type(values).__name__}")
        return cls.from_dict(values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        names = ("name", "axes", "directions", "unit", "citation", "url", "assumptions")
        if any(getattr(self, name) != getattr(other, name) for name in names):
            return False
        mine, theirs = self._from_corner(), other._from_corner()
        if mine is None or theirs is None:
            return mine is theirs and _close(self.matrix, other.matrix)
        same = not self.volume or not other.volume or _alike(self.volume, other.volume)
        return same and _close(mine, theirs)

    def __hash__(self) -> int:
        return hash((self.name, self.axes, self.directions, self.unit))

    def _from_corner(self) -> FloatArray | None:
        """Return the matrix from mm from the corner, which is the same for every Dataset."""
        if self.to_corner is None:
            return None
        return np.asarray(self.matrix @ np.linalg.inv(self.to_corner))

    def __repr__(self) -> str:
        lines = [f"<Frame {one_line(self.name)!r} in {self.unit}>"]
        width = max(len(axis) for axis in self.axes)
        for axis, direction in zip(self.axes, self.directions, strict=True):
            lines.append(f"  {one_line(axis):<{width}}  {direction}")
        lines.append("Matrix from mm in the Dataset:")
        lines += ["  " + " ".join(f"{value:11.6g}" for value in row) for row in self.matrix + 0.0]
        source = ", ".join(one_line(text) for text in (self.citation, self.url) if text)
        lines.append(f"Source: {source or 'not stated'}")
        if self.assumptions:
            lines += ["Assumes:", *(f"  - {one_line(text)}" for text in self.assumptions)]
        return "\n".join(lines)


def is_frame_json(value: Any) -> bool:
    """Return whether a value is the JSON of a frame."""
    return isinstance(value, str) and value.lstrip().startswith('{"' + FORMAT + '"')


def _close(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-12, atol=1e-9 * np.abs(one[:3, :3]).max()))


def _alike(one: Sequence[float], other: Sequence[float]) -> bool:
    return bool(np.allclose(one, other, rtol=SAME_VOLUME, atol=0))


def _sizes(volume: Sequence[float]) -> str:
    return " x ".join(f"{length:g}" for length in volume) + " mm"

"""The frames that are available for the space of a Dataset, by name."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from xarray import Index, Variable

from xarray_atlas.coords.atlas_index import AtlasIndex, find_atlas, find_coordinate
from xarray_atlas.coords.encoding import replace_carrier, replace_coordinates
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space
from xarray_atlas.errors import GridError, PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.printable import one_line
from xarray_atlas.terminology import Terminology
from xarray_atlas.transforms.corners import CORNERS, frame_matrix, has_world, no_matrix
from xarray_atlas.transforms.frames import Frame, is_frame_json
from xarray_atlas.transforms.matrices import tidy
from xarray_atlas.transforms.stereotaxic import CCF, CONVENTIONS

__all__ = [
    "BUILT_IN",
    "LANDMARKS",
    "Frames",
    "add_frame",
    "convention_frame",
    "frames_of",
    "in_ccf",
    "known_frame",
    "on_space",
    "to_corner_of",
    "volume_of",
]

T = TypeVar("T", xr.Dataset, xr.DataArray)

BUILT_IN = ("dataset", "brainglobe", "allen", "quicknii", "world")
"""Names of every atlas's frames, except for "world"; other frames cannot use them."""

LANDMARKS = ("bregma", "lambda")
"""Names of origins with several definitions."""

ALLEN = ("allen-adult-mouse", "allen_mouse")
"""Prefix of the names of terminologies of the Allen CCF."""


class Frames(Mapping[str, Frame]):
    """The frames that are available for the space of a Dataset, by name.

    A read-only mapping; ``ds.atlas.add_frame(frame)`` returns a Dataset with one more.

    Parameters
    ----------
    frames : mapping of str to Frame

    Examples
    --------
    >>> import xarray_atlas
    >>> frames = xarray_atlas.open_sample("100 um").atlas.frames
    >>> list(frames)[:3]
    ['dataset', 'brainglobe', 'allen']
    >>> "world" in frames
    False
    """

    def __init__(self, frames: Mapping[str, Frame]) -> None:
        self._frames = dict(frames)

    def __getitem__(self, name: str) -> Frame:
        if name not in self._frames:
            known = ", ".join(map(repr, self._frames))
            raise KeyError(f"no frame {name!r}; there are {known}")
        return self._frames[name]

    def __contains__(self, name: object) -> bool:
        return name in self._frames

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __repr__(self) -> str:
        rows = [("name", "axes, as the numbers grow", "unit", "source")]
        for name, frame in self._frames.items():
            pairs = zip(frame.axes, frame.directions, strict=True)
            axes = ", ".join(f"{one_line(a)} to {d.rpartition('-')[2]}" for a, d in pairs)
            source = one_line(frame.citation or frame.url)
            source = source if len(source) <= 60 else source[:57] + "..."
            tilted = ", tilted" if frame.tilted else ""
            rows.append((one_line(name), axes + tilted, frame.unit, source))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = ["  ".join(f"{t:<{w}}" for t, w in zip(r, widths, strict=False)) + "  " + r[3]
                 for r in rows]  # fmt: skip
        return "\n".join([f"<Frames: {len(self)}>", *(line.rstrip() for line in lines)])


def frames_of(obj: xr.Dataset | xr.DataArray) -> Frames:
    """Return the frames that are available for the space of an object.

    Parameters
    ----------
    obj : Dataset or DataArray
    """
    terminology, space = find_atlas(obj)
    found = {"dataset": _dataset_frame(space)}
    if to_corner_of(space) is not None and not space.orientation_assumed:
        found |= {name: _corner_frame(space, name) for name in CORNERS}
    if has_world(space) and not space.orientation_assumed:
        with contextlib.suppress(GridError):  # an ambiguous frame raises when it is requested
            found["world"] = _world_frame(space)
    if in_ccf(terminology, space) and "allen" in found:
        found |= {name: on_space(one.frame(), space) for name, one in CONVENTIONS.items()}
    if "allen" in found:
        found |= {frame.name: on_space(frame, space) for frame in _own(space)}
    return Frames(found)


def known_frame(obj: xr.Dataset | xr.DataArray, frame: Any) -> Frame:
    """Return the frame that a name or a value denotes for an object.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : str, Frame, or JSON of a Frame
        The name of an available frame, or a frame.

    Raises
    ------
    PointsError
        If there is no frame of that name; for "bregma" the message lists the conventions.
    GridError
        If the frame belongs to another space, or is not available here.
    """
    _, space = find_atlas(obj)
    if is_frame_json(frame):
        frame = Frame.from_json(frame)
    if isinstance(frame, Frame):
        return on_space(frame, space)
    name = str(frame)
    if name == "dataset":
        return _dataset_frame(space)
    if name in CORNERS:
        return _corner_frame(space, name)
    if name == "world":
        return _world_frame(space)
    own = {one.name: one for one in _own(space)}
    if name in own:
        return on_space(own[name], space)
    if name in CONVENTIONS:
        return convention_frame(obj, name)
    if any(word in name.lower() for word in LANDMARKS):
        from xarray_atlas.transforms.bregma import bregma_question  # imports this module

        raise PointsError(bregma_question(obj))
    known = list(frames_of(obj))
    close = difflib.get_close_matches(name.lower(), known)
    hint = f"; did you mean {close[0]!r}? There are" if close else "; there are"
    raise PointsError(
        f"no frame {name!r}{hint} {', '.join(map(repr, known))}, frames of your own "
        "(ds.atlas.frame(name, ...) makes one of a matrix or of bregma), and a 4 x 4 matrix that "
        "takes points in mm to coordinates of the Dataset"
    )


def convention_frame(obj: xr.Dataset | xr.DataArray, name: str, ccf: bool | None = None) -> Frame:
    """Return a published stereotaxic convention, if the atlas is in the Allen CCF.

    Parameters
    ----------
    obj : Dataset or DataArray
    name : str
        One of ``CONVENTIONS``.
    ccf : bool, optional
        Whether the caller asserts that the atlas is in the Allen CCF.

    Raises
    ------
    PointsError
        If that is unknown, or the volume is not that of the CCF.
    """
    terminology, space = find_atlas(obj)
    volume = volume_of(space)
    sizes = " x ".join(f"{length:g}" for length in volume) or "unknown"
    whole = " x ".join(f"{length:g}" for length in CCF)
    if not _is_ccf_volume(volume):
        raise PointsError(
            f"frame={name!r} is a convention for the Allen CCF, a volume of {whole} mm (ap, dv, "
            f"ml), and that of this atlas is {sizes} mm: where bregma lies in it is not known. "
            "Make a frame of your own: ds.atlas.frame('mine', bregma=..., frame=...)"
        )
    if not (in_ccf(terminology, space) if ccf is None else ccf):
        raise PointsError(
            f"frame={name!r} is a convention for the Allen CCF. This volume has the size of the "
            f"CCF, but its regions ({one_line(terminology.name)!r}) are not the Allen "
            "Institute's, so that whether it is aligned to the CCF is not known. If it is, say "
            f"so: frame=ds.atlas.frame({name!r}, ccf=True)"
        )
    return on_space(CONVENTIONS[name].frame(), space)


def in_ccf(terminology: Terminology, space: Space) -> bool:
    """Return whether an atlas is known to be in the Allen CCF (version 3).

    It is recognized by the extent of its whole volume and the name of its terminology.
    """
    return str(terminology.name).startswith(ALLEN) and _is_ccf_volume(volume_of(space))


def volume_of(space: Space) -> tuple[float, ...]:
    """Return the extent of an atlas's whole volume along ap, dv, ml in mm; () if unknown."""
    origin = space.atlas or space
    if not origin.shape:
        return ()
    at = [origin.position(axis) for axis in AXES]
    return tuple(round(origin.voxel_size[i] * origin.shape[i], 9) for i in at)


def to_corner_of(space: Space) -> FloatArray | None:
    """Return the matrix from the Dataset to mm from the corner, for use in Frames.

    None if it is unknown: the size of the whole volume was lost, or a displacement field is needed.
    """
    try:
        matrix = np.linalg.inv(frame_matrix(space, "allen"))
    except GridError:
        return None
    return tidy(np.asarray(matrix[:, [*_order(space), 3]]))


def on_space(frame: Frame, space: Space) -> Frame:
    """Adapt a frame to the Datasets of a space; raise a GridError if its space differs."""
    if space.through and frame.to_corner is not None:
        raise no_matrix(frame.name)
    return frame.rebased(to_corner_of(space), volume_of(space))


def add_frame(obj: T, frame: Frame) -> T:
    """Return an object with an additional named frame.

    Parameters
    ----------
    obj : Dataset or DataArray
    frame : Frame

    Raises
    ------
    PointsError
        If the name is used by another frame.
    GridError
        If the position of the frame in the whole volume is unknown.
    """
    terminology, space = find_atlas(obj)
    if not isinstance(frame, Frame):
        raise PointsError(
            f"a frame that is added is a Frame, not {type(frame).__name__}; "
            "ds.atlas.frame(name, ...) makes one of a matrix or of bregma"
        )
    if frame.name in BUILT_IN or frame.name in CONVENTIONS or frame.name.lower() in LANDMARKS:
        raise PointsError(
            f"the name {frame.name!r} has a meaning already; give the frame another one: "
            f"dataclasses.replace(frame, name='my-{frame.name}')"
        )
    own = {one.name: one for one in _own(space)}
    here = on_space(frame, space)
    if here.to_corner is None:
        raise GridError(
            f"frame {frame.name!r} cannot be kept with this Dataset: how large the whole volume "
            "is, or how the Dataset lies in it, is not known. Pass the frame itself: frame=frame"
        )
    own[frame.name] = here.rebased(np.eye(4))
    frames = tuple(one.to_json() for one in own.values())
    carrier = find_coordinate(obj)
    assert carrier is not None  # find_atlas has found it
    index = AtlasIndex(terminology, dataclasses.replace(space, frames=frames), carrier)
    variables: dict[Hashable, Variable] = {}
    indexes: dict[Hashable, Index] = {}
    replace_carrier(obj, index, variables, indexes)
    return replace_coordinates(obj, variables, indexes)


# -- the frames of every atlas


def _order(space: Space) -> list[int]:
    """Return the position among ap, dv and ml of each dim of a space."""
    places = {space.position(axis): i for i, axis in enumerate(AXES)}
    return [places[i] for i in range(3)]


def _own(space: Space) -> list[Frame]:
    return [Frame.from_json(text) for text in space.frames]


def _is_ccf_volume(volume: tuple[float, ...]) -> bool:
    # the volumes of 25 and 50 um match those of 10 um; that of 100 um differs by half a voxel
    return bool(volume) and bool(np.allclose(volume, CCF, rtol=0, atol=0.05 + 1e-9))


def _dataset_frame(space: Space) -> Frame:
    first, second, third = (DIRECTIONS[letter] for letter in space.orientation)
    a, b, c = space.dims
    return Frame(
        "dataset", (a, b, c), (first, second, third), "mm", np.eye(4), to_corner_of(space),
        volume_of(space), "the coordinates of this Dataset",
        assumptions=("its coordinates are those of the centres of voxels",),
    )  # fmt: skip


def _from_frame_matrix(space: Space, name: str) -> FloatArray:
    """Return the matrix from the Dataset, in the order of its dims, to mm along ap, dv and ml."""
    matrix = np.linalg.inv(frame_matrix(space, name))
    return tidy(np.asarray(matrix[:, [*_order(space), 3]]))


def _corner_frame(space: Space, name: str) -> Frame:
    source = {
        "brainglobe": ("BrainGlobe, brainglobe-space",
                       "https://brainglobe.info/documentation/brainglobe-space/index.html"),
        "allen": ("Allen Institute, Common Coordinate Framework (Wang et al. 2020)",
                  "https://doi.org/10.1016/j.cell.2020.04.007"),
        "quicknii": ("QuickNII (Puchades et al. 2019), and tools that follow it",
                     "https://doi.org/10.1371/journal.pone.0216796"),
    }[name]  # fmt: skip
    letters = CORNERS[name]
    directions = {axis: DIRECTIONS[letter] for axis, letter in letters.items()}
    corner = ", ".join(directions[axis].partition("-")[0] for axis in AXES)
    matrix = np.diag([1e3, 1e3, 1e3, 1.0]) @ _from_frame_matrix(space, name)
    # QuickNII calls its axes x, y and z: to the right, anterior and superior
    order = ["ml", "ap", "dv"] if name == "quicknii" else ["ap", "dv", "ml"]
    axes = ("x", "y", "z") if name == "quicknii" else ("ap", "dv", "ml")
    rows = [*(list(AXES).index(axis) for axis in order), 3]
    first, second, third = (directions[axis] for axis in order)
    return Frame(
        name, axes, (first, second, third), "um",
        matrix[rows], to_corner_of(space), volume_of(space), *source,
        assumptions=(f"it begins at the {corner} outer corner of the volume",),
    )  # fmt: skip


def _world_frame(space: Space) -> Frame:
    matrix = _from_frame_matrix(space, "world")
    return Frame(
        "world", ("x", "y", "z"),
        ("left-to-right", "posterior-to-anterior", "inferior-to-superior"), "mm",
        matrix[[2, 0, 1, 3]], to_corner_of(space), volume_of(space),
        "the affine of the file from which the atlas was made",
    )  # fmt: skip

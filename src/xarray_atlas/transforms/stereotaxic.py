"""Stereotaxic coordinate systems: bregma, a rotation and a scale; published conventions.

All matrices start from mm from the anterior, superior, left outer corner of the whole volume, along
ap, dv and ml to posterior, inferior and right, which is ``frame="allen"`` in mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.frames import AXIS_OF, Frame

__all__ = ["CCF", "CONVENTIONS", "Convention", "levelling", "pitched", "stereotaxic_matrix"]

CCF = (13.2, 8.0, 11.4)
"""The extent of the volume of the Allen CCF along ap, dv and ml in mm (Wang et al. 2020)."""

RIGHT = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
"""The directions right, anterior and superior."""


def pitched(degrees: float) -> FloatArray:
    """Return the rotation that raises the anterior end of the brain by an angle.

    Parameters
    ----------
    degrees : float
        About the left-right axis; positive is nose up: posterior positions move to inferior.

    Returns
    -------
    float64 array of shape (3, 3)
        Along ap, dv and ml to posterior, inferior and right.

    Examples
    --------
    >>> from xarray_atlas.transforms.stereotaxic import pitched
    >>> (pitched(5) @ [4, 0, 0]).round(3)  # 4 mm posterior
    array([3.985, 0.349, 0.   ])
    """
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def levelling(behind: Any) -> FloatArray:
    """Return the rotation that puts a position straight posterior to the origin.

    First about the superior-inferior axis (yaw), then about the left-right axis (pitch); without
    roll.

    Parameters
    ----------
    behind : array of float, shape (3,)
        The position of lambda relative to bregma, along ap, dv and ml to posterior, inferior and
        right.

    Returns
    -------
    float64 array of shape (3, 3)

    Examples
    --------
    >>> import numpy as np
    >>> from xarray_atlas.transforms.stereotaxic import levelling
    >>> (levelling([3, -0.4, 0.1]) @ [3, -0.4, 0.1]).round(3) + 0.0
    array([3.028, 0.   , 0.   ])
    """
    ap, dv, ml = np.asarray(behind, np.float64)
    flat = np.hypot(ap, ml)
    c, s = ap / flat, ml / flat
    yaw = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return np.asarray(pitched(-float(np.degrees(np.arctan2(dv, flat)))) @ yaw)


def stereotaxic_matrix(
    bregma: Any, turn: FloatArray, scale: Mapping[str, float], turn_first: bool
) -> FloatArray:
    """Return the affine from mm from the corner to mm from bregma.

    Parameters
    ----------
    bregma : array of float, shape (3,)
        In mm from the corner, along ap, dv and ml.
    turn : float64 array of shape (3, 3)
        A rotation about bregma.
    scale : mapping of str to float
        Along "ap", "dv" and "ml": of the rotated brain if `turn_first`, and otherwise of the brain
        as it is in the atlas.
    turn_first : bool

    Returns
    -------
    float64 array of shape (4, 4)
        Along ap, dv and ml to posterior, inferior and right on both sides.
    """
    size = np.diag([float(scale[axis]) for axis in AXES])
    found = np.eye(4)
    found[:3, :3] = size @ turn if turn_first else turn @ size
    found[:3, 3] = -found[:3, :3] @ np.asarray(bregma, np.float64)
    return found


@dataclass(frozen=True)
class Convention:
    """A published stereotaxic coordinate system for the Allen CCF.

    Parameters
    ----------
    name : str
    bregma : tuple of float
        In mm from the corner, along ap, dv and ml.
    citation, url : str
    assumptions : tuple of str
    scale : tuple of float
        Along ap, dv and ml.
    pitch : float
        In degrees, nose up.
    turn_first : bool
        Whether the rotation is applied before the scale.
    axes, directions, unit
        Same as in a Frame.
    """

    name: str
    bregma: tuple[float, float, float]
    citation: str
    url: str
    assumptions: tuple[str, ...]
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pitch: float = 0.0
    turn_first: bool = True
    axes: tuple[str, str, str] = ("ml", "ap", "dv")
    directions: tuple[str, str, str] = RIGHT
    unit: str = "um"

    def frame(self) -> Frame:
        """Return the convention as a frame from mm from the corner."""
        scale = dict(zip(AXES, self.scale, strict=True))
        matrix = stereotaxic_matrix(self.bregma, pitched(self.pitch), scale, self.turn_first)
        return frame_from_corner(self.name, matrix, self.axes, self.directions, self.unit,
                                 CCF, self.citation, self.url, self.assumptions)  # fmt: skip


def frame_from_corner(
    name: str,
    matrix: FloatArray,
    axes: tuple[str, str, str],
    directions: tuple[str, str, str],
    unit: str,
    volume: tuple[float, ...],
    citation: str,
    url: str,
    assumptions: tuple[str, ...],
) -> Frame:
    """Return a frame from mm from the corner, given the order and directions of its axes.

    Parameters
    ----------
    name : str
    matrix : float64 array of shape (4, 4)
        Along ap, dv and ml to posterior, inferior and right, in mm on both sides.
    axes, directions, unit, volume, citation, url, assumptions
        Same as in a Frame.
    """
    away = ("anterior-to-posterior", "superior-to-inferior", "left-to-right")
    pick = np.zeros((4, 4))
    pick[3, 3] = 1.0
    for row, direction in enumerate(directions):
        sign = 1.0 if direction in away else -1.0
        pick[row, list(AXES).index(AXIS_OF[direction])] = sign / unit_factor(unit)
    return Frame(name, axes, directions, unit, pick @ matrix, np.eye(4), volume,
                 citation, url, assumptions)  # fmt: skip


_IBL = "https://github.com/int-brain-lab/iblatlas/blob/main/iblatlas/atlas.py"
_PINPOINT = (
    "https://github.com/VirtualBrainLab/Pinpoint/blob/dfec852a/Assets/Scripts/Pinpoint/"
    "CoordinateSystems"
)
_EXPLORER = (
    "https://github.com/petersaj/neuropixels_trajectory_explorer/blob/002480b/"
    "neuropixels_trajectory_explorer.m"
)
_DORR = "Dorr et al. 2008, doi 10.1016/j.neuroimage.2008.03.037"
_QIU = "Qiu et al. 2018, doi 10.1038/s41467-018-04921-2"
_LEVEL = "the brain lies as in the CCF, which is not turned to level bregma and lambda"
_IBL_BREGMA = (
    "bregma lies 5400 um (ap), 332 um (dv) and 5739 um (ml) from the anterior, superior, left "
    "corner of the CCF, 39 um right of its midline"
)
_IBL_CENTRES = (
    "those numbers are counted from the outer corner, as iblatlas documents xyz2ccf. To look up a "
    "label, iblatlas takes the same corner for the centre of its first voxel, so that the voxel it "
    "reads lies half a voxel further to posterior, inferior and right (12.5 um in the 25 um "
    "volume): ds.atlas.frame({!r}, centres='25 um') is the frame that finds the same labels"
)
_PINPOINT_NOTES = (
    "bregma lies 5200 um (ap), 332 um (dv) and 5700 um (ml) from the anterior, superior, left "
    "corner, on the midline, as in Pinpoint since September 2023 (before it was IBL's)",
    "the brain is turned about bregma by 5 degrees, nose up (a pitch of -5 degrees there), and "
    "then scaled: the order since October 2023; vbl-core scaled it first",
    "the distance from bregma to lambda is left at its default: no further scale of one animal",
)

CONVENTIONS = {
    one.name: one
    for one in (
        Convention(
            "ibl",
            (5.4, 0.332, 5.739),
            "International Brain Laboratory, iblatlas (AllenAtlas)",
            _IBL,
            (_IBL_BREGMA, _LEVEL, "lengths are those of the CCF: nothing is scaled",
             _IBL_CENTRES.format("ibl")),
        ),
        Convention(
            "ibl-needles",
            (5.4, 0.332, 5.739),
            f"International Brain Laboratory, iblatlas (NeedlesAtlas); {_DORR}",
            _IBL,
            (_IBL_BREGMA, _LEVEL,
             "the CCF is stretched by 1.087 along ap and pressed to 0.952 along dv, as the MRI "
             "atlas of Dorr et al. was aligned to it by hand",
             _IBL_CENTRES.format("ibl-needles")),
            scale=(1.087, 0.952, 1.0),
        ),
        Convention(
            "mri-toronto",
            (5.4, 0.332, 5.739),
            f"International Brain Laboratory, iblatlas (MRITorontoAtlas); {_QIU}",
            _IBL,
            (_IBL_BREGMA, _LEVEL,
             "the CCF is scaled by 1.031 (ap), 0.885 (dv) and 0.952 (ml), to the mean MRI of 12 "
             "mice of 65 days",
             _IBL_CENTRES.format("mri-toronto")),
            scale=(1.031, 0.885, 0.952),
        ),
        Convention(
            "pinpoint-dorr2008",
            (5.2, 0.332, 5.7),
            f"Pinpoint (Dorr2008Transform), Birman et al. 2023, doi 10.7554/eLife.91662; {_DORR}",
            f"{_PINPOINT}/Dorr2008Transform.cs",
            (*_PINPOINT_NOTES, "the scale is 1.087 (ap), 0.952 (dv) and 1 (ml)"),
            scale=(1.087, 0.952, 1.0),
            pitch=5.0,
            axes=("ap", "ml", "dv"),
            directions=("posterior-to-anterior", "left-to-right", "inferior-to-superior"),
            unit="mm",
        ),
        Convention(
            "pinpoint-qiu2018",
            (5.2, 0.332, 5.7),
            f"Pinpoint (Qiu2018Transform), Birman et al. 2023, doi 10.7554/eLife.91662; {_QIU}",
            f"{_PINPOINT}/Qiu2018Transform.cs",
            (*_PINPOINT_NOTES, "the scale is 1.031 (ap), 0.885 (dv) and 0.952 (ml)"),
            scale=(1.031, 0.885, 0.952),
            pitch=5.0,
            axes=("ap", "ml", "dv"),
            directions=("posterior-to-anterior", "left-to-right", "inferior-to-superior"),
            unit="mm",
        ),
        Convention(
            "trajectory-explorer",
            # voxels of 10 um counted from 1, (520, 44, 570.5): their centres, relative to the
            # corner
            (5.195, 0.435, 5.7),
            "Peters, Neuropixels trajectory explorer, https://zenodo.org/badge/latestdoi/429406115",
            _EXPLORER,
            ("bregma is voxel 520 (ap), 44 (dv), 570.5 (ml) of the 10 um volume, counted from 1: "
             "their centres are 5195, 435 and 5700 um from the anterior, superior, left corner, "
             "and ml 0 is the midline (5200, 440 and 5705 um if the numbers are multiplied by 10)",
             "ap and ml are estimated from Paxinos' atlas, dv from an MRI",
             "the CCF is scaled by 1.031 (ap), 0.885 (dv) and 0.952 (ml), and then turned about "
             "bregma by 5 degrees, nose up",
             "dv grows to inferior: depths are positive",
             "the distance from bregma to lambda is left at its default of 4.1 mm: no further "
             "scale of one animal"),
            scale=(1.031, 0.885, 0.952),
            pitch=5.0,
            turn_first=False,
            directions=("left-to-right", "posterior-to-anterior", "superior-to-inferior"),
            unit="mm",
        ),
    )
}  # fmt: skip
"""The published conventions by name."""

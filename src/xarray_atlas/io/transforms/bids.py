"""Names of transforms in BIDS derivatives: ``from-A_to-B_mode-image_xfm``.

The words are of BIDS extension proposal 14, which fMRIPrep, sMRIPrep, QSIPrep and TemplateFlow
follow. ``mode-image``: the file brings *images* of A onto the grid of B. A voxel of B takes its
value from A, so its map of *points* goes from B to A. ``mode-points``: it maps points of A to B.
In TemplateFlow ``tpl-B_from-A`` means ``to-B``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from xarray_atlas.errors import TransformError
from xarray_atlas.transforms.ends import ROLES
from xarray_atlas.transforms.transform import Transform

__all__ = ["BidsName", "bids_name", "named_by_bids"]

MODES = ("image", "points")


@dataclass(frozen=True)
class BidsName:
    """The content of the name of a BIDS transform.

    Parameters
    ----------
    source : str
        The space from which the file maps points.
    target : str
        The space to which it maps them.
    """

    source: str
    target: str


def bids_name(path: Any) -> BidsName | None:
    """Return the spaces between which a file maps points, by its name; None if it is not BIDS.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    BidsName, or None

    Raises
    ------
    TransformError
        If the name does not have ``mode-image`` or ``mode-points``.

    Examples
    --------
    >>> from xarray_atlas.io.transforms.bids import bids_name
    >>> bids_name("sub-01_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.h5")
    BidsName(source='MNI152NLin2009cAsym', target='T1w')
    """
    if not isinstance(path, str | os.PathLike):
        return None
    name = os.path.basename(os.fspath(path))
    if not re.search(r"_xfm\.", name):
        return None
    entities = dict(part.split("-", 1) for part in name.split("_") if "-" in part)
    start, end = entities.get("from"), entities.get("to") or entities.get("tpl")
    if not start or not end:
        return None
    mode = entities.get("mode")
    if mode not in MODES:
        raise TransformError(
            f"{name} does not state whether it maps points or images (mode-points or "
            f"mode-image). Say which way it maps points: maps='{start} to {end}', or, as of "
            f"mode-image, maps='{end} to {start}'"
        )
    return BidsName(end, start) if mode == "image" else BidsName(start, end)


def named_by_bids(transform: Transform, path: Any, required: bool = True) -> Transform:
    """Name the ends "fixed" and "moving" of a transform by the BIDS name of its file, if any.

    Parameters
    ----------
    transform : Transform
        The transform in the file, without regard to the name.
    path : str or path
    required : bool
        Whether a BIDS name must have a mode; otherwise one without it is ignored.

    Returns
    -------
    Transform
    """
    if {transform.source.name, transform.target.name} - set(ROLES):
        return transform
    try:
        name = bids_name(path)
    except TransformError:
        if required:
            raise
        name = None
    return transform if name is None else transform.rename(source=name.source, target=name.target)

"""Contents of a transform."""

from __future__ import annotations

from dataclasses import dataclass

from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import Step

__all__ = ["TransformParts"]


@dataclass(frozen=True, eq=False, repr=False)
class TransformParts:
    """The steps of a transform and its two ends; :class:`Transform` has the methods.

    Parameters
    ----------
    steps : tuple of Step
    source, target : End
    """

    steps: tuple[Step, ...]
    source: End
    target: End

"""A step that is affine in each of several triangles of a plane, as markers of a section do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from xarray_atlas.kernels.triangles import Triangles
from xarray_atlas.transforms.steps import Positions

__all__ = ["TriangleStep"]


@dataclass(frozen=True, eq=False)
class TriangleStep:
    """A piecewise affine map of the last two axes; the first one stays.

    Parameters
    ----------
    triangles : Triangles
        Of (third axis, second axis), in mm. Positions outside of them become NaN.
    """

    triangles: Triangles

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions."""
        across, y, x = positions
        moved_x, moved_y = self.triangles.apply(np.asarray(x), np.asarray(y))
        return [across, moved_y, moved_x]

    def inverse(self, tolerance: float = 0.0, unsolved: str = "error") -> TriangleStep:
        """Return the map back."""
        return TriangleStep(self.triangles.inverse())

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "kind": "triangles",
            "from": self.triangles.source.tolist(),
            "to": self.triangles.target.tolist(),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` gave."""
        return cls(Triangles(np.array(said["from"], float), np.array(said["to"], float)))

    def __dask_tokenize__(self) -> Any:
        return ("TriangleStep", self.triangles)

"""Step that is affine in each of several triangles of a plane, from markers of a section."""

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
    """Piecewise affine map of the last two axes, identity on the first.

    Parameters
    ----------
    triangles : Triangles
        Triangles in (third axis, second axis), in mm. Positions outside become NaN.
    """

    triangles: Triangles

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions."""
        across, y, x = positions
        moved_x, moved_y = self.triangles.apply(np.asarray(x), np.asarray(y))
        return [across, moved_y, moved_x]

    def inverse(self, tolerance: float = 0.0, unsolved: str = "error") -> TriangleStep:
        """Return the inverse map."""
        return TriangleStep(self.triangles.inverse())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-compatible values."""
        return {
            "kind": "triangles",
            "from": self.triangles.source.tolist(),
            "to": self.triangles.target.tolist(),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`."""
        return cls(Triangles(np.array(said["from"], float), np.array(said["to"], float)))

    def __dask_tokenize__(self) -> Any:
        return ("TriangleStep", self.triangles)

"""Step that moves two axes by a thin-plate spline, from landmarks of a section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from xarray_atlas.kernels.thin_plates import ThinPlate
from xarray_atlas.transforms.steps import Positions

__all__ = ["ThinPlateStep"]


@dataclass(frozen=True, eq=False)
class ThinPlateStep:
    """Thin-plate spline of the last two axes, identity on the first.

    Parameters
    ----------
    plate : ThinPlate
        Landmarks in (third axis, second axis).
    backwards : bool, default: False
        Whether positions are mapped by its inverse; they are NaN where it has none.
    """

    plate: ThinPlate
    backwards: bool = False

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions."""
        across, y, x = positions
        move = self.plate.inverse if self.backwards else self.plate.apply
        moved_x, moved_y = move(np.asarray(x, np.float64), np.asarray(y, np.float64))
        return [across, moved_y, moved_x]

    def inverse(self, tolerance: float = 0.0, unsolved: str = "error") -> ThinPlateStep:
        """Return the inverse step."""
        return ThinPlateStep(self.plate, not self.backwards)

    def to_dict(self) -> dict[str, Any]:
        """Return the step as JSON-compatible values."""
        return {
            "kind": "thin plate",
            "from": self.plate.source.tolist(),
            "to": self.plate.target.tolist(),
            "backwards": self.backwards,
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Read the output of :meth:`to_dict`."""
        plate = ThinPlate(np.array(said["from"], float), np.array(said["to"], float))
        return cls(plate, bool(said["backwards"]))

    def __dask_tokenize__(self) -> Any:
        plate = self.plate
        return ("ThinPlateStep", plate.source.tobytes(), plate.target.tobytes(), self.backwards)

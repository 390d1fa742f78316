"""Transforms of numbers of one's own: a matrix, or a field of displacements."""

from __future__ import annotations

from typing import Any, Self

import xarray as xr

from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.field_arrays import field_step
from xarray_atlas.transforms.matrices import SPACES, checked_matrix
from xarray_atlas.transforms.parts import TransformParts
from xarray_atlas.transforms.steps import AffineStep, Outside, merged

__all__ = ["Made"]

FIELD = "; of a displacement field it is Transform.from_field(field)"


class Made(TransformParts):
    """The constructors of :class:`Transform`."""

    @classmethod
    def from_matrix(
        cls, matrix: Any, *, source: str = "image", target: str = "atlas", space: str = "RAS"
    ) -> Self:
        """Make a transform of a matrix between two worlds.

        Parameters
        ----------
        matrix : (4, 4) array of float
            Takes points of `source`, in mm in the order x, y, z, to points of `target`.
        source, target : str
            The names of the spaces.
        space : "RAS" or "LPS", default: "RAS"
            Whether mm grow towards right, anterior and superior, as nibabel has them, or towards
            left, posterior and superior, as ITK and ANTs do. The transform is in RAS.

        Returns
        -------
        Transform

        Raises
        ------
        GridError
            If it is not a matrix that can be inverted.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> matrix = np.diag([2.0, 2.0, 2.0, 1.0])
        >>> xarray_atlas.Transform.from_matrix(matrix, source="T1w", target="MNI")
        Transform(T1w -> MNI: affine; points x, y, z in RAS mm)
        """
        if space not in SPACES:
            raise ValueError(f"space={space!r} is not one of {list(SPACES)}")
        turn = SPACES[space]
        found = turn @ checked_matrix(matrix, "matrix", alternative=FIELD) @ turn
        return cls(merged([AffineStep(found)]), End(source), End(target))

    @classmethod
    def from_field(
        cls,
        field: xr.DataArray,
        *,
        source: str = "image",
        target: str = "atlas",
        outside: Outside = "error",
    ) -> Self:
        """Make a transform of a field of displacements.

        Parameters
        ----------
        field : DataArray
            Displacements that are added to points of `source`, lengths with a unit: on three
            dimensions whose coordinates are lengths and say their ``direction``, and one of length
            3 that is labelled. The labels "x", "y" and "z" mean RAS; the names of the field's
            own coordinates mean displacements along those. It stays lazy.
        source, target : str
            The names of the spaces.
        outside : "error", "nearest" or "identity", default: "error"
            What happens to points outside of the field's voxels: an error, as at the
            nearest face, or they stay where they are, as ITK and ANTs have it.

        Returns
        -------
        Transform

        Raises
        ------
        GridError
            If the array does not say where its voxels lie, or what its components are.
        UnitsError
            If it has no unit.

        Examples
        --------
        >>> import numpy as np, xarray as xr, xarray_atlas
        >>> coords = {"component": ["x", "y", "z"]}
        >>> ways = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
        >>> for dim, way in zip("ijk", ways):
        ...     coords[dim] = (dim, np.arange(4.0), {"units": "mm", "direction": way})
        >>> values = np.zeros((3, 4, 4, 4))
        >>> values[0] = 0.5
        >>> dims = ("component", "i", "j", "k")
        >>> field = xr.DataArray(values, coords, dims, attrs={"units": "mm"})
        >>> warp = xarray_atlas.Transform.from_field(field)
        >>> warp.points([[1.0, 1.0, 1.0]])
        array([[1.5, 1. , 1. ]])
        """
        return cls((field_step(field, outside),), End(source), End(target))

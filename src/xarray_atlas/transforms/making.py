"""Construct transforms from a matrix or a displacement field."""

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
    """Constructors of :class:`Transform`."""

    @classmethod
    def from_matrix(
        cls, matrix: Any, *, source: str = "image", target: str = "atlas", space: str = "RAS"
    ) -> Self:
        """Create a transform from a matrix between two world coordinate systems.

        Parameters
        ----------
        matrix : (4, 4) array of float
            Maps points of `source`, in mm in the order x, y, z, to points of `target`.
        source, target : str
            The names of the spaces.
        space : "RAS" or "LPS", default: "RAS"
            Whether mm increase to the right, anterior and superior, as in nibabel, or to the left,
            posterior and superior, as in ITK and ANTs. The resulting transform is in RAS.

        Returns
        -------
        Transform

        Raises
        ------
        GridError
            If it is not an invertible matrix.

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
        """Create a transform from a displacement field.

        Parameters
        ----------
        field : DataArray
            Displacements to add to points of `source`, lengths with a unit. Three dimensions need
            coordinates that are lengths with a ``direction`` attribute; a labelled one of length 3
            holds the components. The labels "x", "y" and "z" denote RAS; the names of the field's
            coordinates denote displacements along those. Lazy arrays stay lazy.
        source, target : str
            The names of the spaces.
        outside : "error", "nearest" or "identity", default: "error"
            Treatment of points outside the field's voxels: raise an error, use the displacement at
            the nearest boundary, or leave them in place, as ITK and ANTs do.

        Returns
        -------
        Transform

        Raises
        ------
        GridError
            If the positions of its voxels or the meaning of its components are unknown.
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

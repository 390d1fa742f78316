"""Transforms map points of one space to those of another."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.units import millimetre, to_mm
from xarray_atlas.errors import TransformError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.binding import bound_steps
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.field_arrays import field_array
from xarray_atlas.transforms.making import Made
from xarray_atlas.transforms.point_slabs import mapped_points, point_array
from xarray_atlas.transforms.steps import (
    AffineStep,
    FieldStep,
    InverseStep,
    Outside,
    Positions,
    is_lazy,
    merged,
)
from xarray_atlas.transforms.thin_plate_steps import ThinPlateStep
from xarray_atlas.transforms.triangle_steps import TriangleStep
from xarray_atlas.transforms.written import Written

if TYPE_CHECKING:
    from xarray_atlas.transforms.checking import TransformCheck

__all__ = ["Transform"]


@dataclass(frozen=True, eq=False, repr=False)
class Transform(Made, Written):
    """Map of points of one space to points of another: the result of a registration.

    Create one with :meth:`from_matrix` or :meth:`from_field`, or read a file with
    :func:`open_transform`. Transforms are immutable: all methods return a new one.

    Parameters
    ----------
    steps : tuple of Step
        Matrices and displacement fields, in the order in which they are applied.
    source : End
        The space and coordinates of the points before the transform.
    target : End
        The space and coordinates of the points after the transform.

    Examples
    --------
    >>> import numpy as np, xarray_atlas
    >>> matrix = np.eye(4)
    >>> matrix[:3, 3] = 1, 2, 3
    >>> moved = xarray_atlas.Transform.from_matrix(matrix, source="image", target="atlas")
    >>> moved.points([[0.0, 0.0, 0.0]])
    array([[1., 2., 3.]])
    >>> back = moved.inverse()
    >>> back.source.name, back.target.name, back.points([[1.0, 2.0, 3.0]]).tolist()
    ('atlas', 'image', [[0.0, 0.0, 0.0]])
    """

    __array_ufunc__ = None  # an array @ a transform is an error, not an array of transforms

    @property
    def kind(self) -> str:
        """The kind of the transform.

        "identity", "affine", "field", "inverse field", "triangles" or "thin plate" (of a section),
        or "chain".
        """
        if len(self.steps) > 1:
            return "chain"
        names: dict[type, str] = {AffineStep: "affine", FieldStep: "field"}
        names |= {InverseStep: "inverse field", TriangleStep: "triangles"}
        names |= {ThinPlateStep: "thin plate"}
        return names[type(self.steps[0])] if self.steps else "identity"

    @property
    def matrix(self) -> FloatArray:
        """The 4 x 4 matrix from `source` to `target` of a transform without fields."""
        if not self.steps:
            return np.eye(4)
        only = self.steps[0]
        if len(self.steps) > 1 or not isinstance(only, AffineStep):
            raise TransformError(f"a transform with a field has no one matrix: {self!r}")
        return only.matrix.copy()

    @property
    def fields(self) -> tuple[xr.DataArray, ...]:
        """The displacement fields, in mm, each on its grid, in the order of the steps."""
        steps = [step.step if isinstance(step, InverseStep) else step for step in self.steps]
        return tuple(field_array(step) for step in steps if isinstance(step, FieldStep))

    def __repr__(self) -> str:
        parts = []
        for step in self.steps:
            if isinstance(step, AffineStep):
                parts.append("affine")
                continue
            if isinstance(step, TriangleStep):
                parts.append(f"{len(step.triangles.source)} triangles")
                continue
            if isinstance(step, ThinPlateStep):
                back = "inverse of a " if step.backwards else ""
                parts.append(f"{back}thin plate of {len(step.plate.source)} landmarks")
                continue
            turned = isinstance(step, InverseStep)
            field = step.step if isinstance(step, InverseStep) else step
            assert isinstance(field, FieldStep)
            size = " x ".join(map(str, field.data.shape[1:]))
            what = "B-spline" if field.degree == 3 else "field"
            text = f"{what} of {size}, outside={field.outside!r}"
            parts.append(f"inverse of a {text}" if turned else text)
        ends = _points_of(self.source)
        if (there := _points_of(self.target)) != ends:
            ends = f"{ends} to {there}"
        steps = ", then ".join(parts) or "identity"
        return f"Transform({self.source.name} -> {self.target.name}: {steps}; points {ends})"

    def points(self, xyz: Any) -> Any:
        """Map points.

        Parameters
        ----------
        xyz : array of shape (n, 3), or a pint.Quantity of one
            Points of `source`, along its axes and in mm; for a transform read from a file x, y and
            z in RAS mm. A quantity may have any unit of length.

        Returns
        -------
        float64 array of shape (n, 3)
            Points of `target`; a quantity in mm if `xyz` is one. NaN and masked points stay NaN.

        Raises
        ------
        TransformError
            If points lie outside a field with ``outside="error"``, or a field has no inverse at a
            point.
        UnitsError
            If it is a quantity that is not a length.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> matrix = np.diag([2.0, 2.0, 2.0, 1.0])
        >>> xarray_atlas.Transform.from_matrix(matrix).points([[1, 2, 3], [0, 0, 1]])
        array([[2., 4., 6.],
               [0., 0., 2.]])
        """
        array, is_quantity = point_array(xyz, self.source.axes)
        found = mapped_points(self.apply, array, any(map(is_lazy, self.steps)))
        return found * millimetre() if is_quantity else found

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions given as three arrays that broadcast together, one per axis.

        Parameters
        ----------
        positions : sequence of three float64 arrays
        scheduler : str, optional
            Name of the dask scheduler on which lazy fields are read; the active one by default.

        Returns
        -------
        sequence of three float64 arrays
            Each has length 1 along axes on which it does not depend.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> double = xarray_atlas.Transform.from_matrix(np.diag([2.0, 2.0, 2.0, 1.0]))
        >>> double.apply([np.zeros((2, 1, 1)), np.ones((1, 3, 1)), np.ones((1, 1, 4))])[1].shape
        (1, 3, 1)
        """
        for step in self.steps:
            positions = step.apply(positions, scheduler)
        return positions

    def inverse(self, tolerance: Any = "0.1 um", unsolved: str = "error") -> Self:
        """Return the transform from `target` to `source`.

        Parameters
        ----------
        tolerance : str or pint.Quantity, default: "0.1 um"
            Maximum error of the inverse of a field, as the distance between a given point and the
            image of the point found for it.
        unsolved : "error" or "missing", default: "error"
            Whether points at which a field has no inverse, for example because it folds, are an
            error or NaN.

        Returns
        -------
        Transform

        Notes
        -----
        A field is inverted when points are mapped: for a point y, the x with x + u(x) = y is found
        by iterating x <- y - u(x). :meth:`check` measures the remaining error. If a registration
        also wrote its inverse, as ANTs does, reading that is faster.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> xarray_atlas.Transform.from_matrix(np.diag([2.0, 2.0, 2.0, 1.0])).inverse()
        Transform(atlas -> image: affine; points x, y, z in RAS mm)
        """
        if unsolved not in ("error", "missing"):
            raise ValueError(f"unsolved={unsolved!r} is not 'error' or 'missing'")
        if not isinstance(tolerance, str) and not hasattr(tolerance, "magnitude"):
            raise UnitsError(f"tolerance={tolerance!r} has no unit; pass '0.1 um', for example")
        mm = float(to_mm(tolerance, "tolerance"))
        if not mm > 0:
            raise ValueError(f"tolerance={tolerance!r} is a length above 0")
        steps = [step.inverse(mm, unsolved) for step in self.steps[::-1]]
        return dataclasses.replace(
            self, steps=merged(steps), source=self.target, target=self.source
        )

    def __matmul__(self, first: Any) -> Self:
        """Return the chain of two transforms: ``second @ first`` applies `first`, then itself."""
        if not isinstance(first, Transform):
            return NotImplemented
        if first.target != self.source:
            raise TransformError(
                f"second @ first: the first one gives points of {first.target!r}, the second one "
                f"takes points of {self.source!r}. If these are the same coordinates of one "
                f"space, say so: first.rename(target={self.source.name!r}); if one is the wrong "
                "way round, take its .inverse()"
            )
        return dataclasses.replace(
            self, steps=merged([*first.steps, *self.steps]), source=first.source
        )

    def rename(self, source: str | None = None, target: str | None = None) -> Self:
        """Return the same transform with other names of its spaces.

        Parameters
        ----------
        source, target : str, optional
            For example, to turn "fixed" and "moving" into "image" and "atlas".

        Returns
        -------
        Transform

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> t = xarray_atlas.Transform.from_matrix(np.eye(4), source="fixed", target="moving")
        >>> t.rename(source="image", target="atlas")
        Transform(image -> atlas: identity; points x, y, z in RAS mm)
        """
        ends = {"source": source, "target": target}
        named = {
            key: getattr(self, key).rename(name) for key, name in ends.items() if name is not None
        }
        return dataclasses.replace(self, **named)

    def outside(self, policy: Outside) -> Self:
        """Return the same transform with another policy for points outside its fields.

        Parameters
        ----------
        policy : "error", "nearest" or "identity"
            Same as in :meth:`from_field`.

        Returns
        -------
        Transform

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> xarray_atlas.Transform.from_matrix(np.eye(4)).outside("nearest").kind
        'identity'
        """
        if policy not in get_args(Outside):
            raise ValueError(f"outside={policy!r} is not one of {list(get_args(Outside))}")

        def changed(step: Any) -> Any:
            if isinstance(step, InverseStep):
                return dataclasses.replace(step, step=changed(step.step))
            if isinstance(step, FieldStep):
                return dataclasses.replace(step, outside=policy)
            return step

        return dataclasses.replace(self, steps=tuple(map(changed, self.steps)))

    def bind(
        self,
        source: xr.Dataset | xr.DataArray | None = None,
        target: xr.Dataset | xr.DataArray | None = None,
        *,
        image: xr.Dataset | xr.DataArray | None = None,
    ) -> Self:
        """Return the same transform between the coordinates of two objects.

        Parameters
        ----------
        source, target : Dataset or DataArray, optional
            An atlas, or an image with a ``direction`` on its coordinates. Points of that end are
            then in mm in the object's coordinates, in the order of its dimensions.
        image : DataArray, optional
            The registered image of the whole atlas, such as its template, as opened by
            :func:`open_image`. Its RAS mm are those of the transform. Needed if the atlas has no
            world coordinates and the image was not written by :func:`to_nifti`.

        Returns
        -------
        Transform

        Raises
        ------
        GridError
            If the position of an object's coordinates is unknown, or `image` is not one of the
            whole atlas.
        TransformError
            If that end is already bound, or the object is an atlas and the end an image.

        Notes
        -----
        In atlases and images without world coordinates, such as BrainGlobe's atlases, RAS mm are
        the coordinates, negated on axes of the opposite direction, as in the affine of
        :func:`to_nifti`. If another image of the atlas was registered, pass it as `image`.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> t = xarray_atlas.Transform.from_matrix(np.eye(4), source="image", target="atlas")
        >>> t.bind(target=ds).points([[-1.0, -2.0, -3.0]])  # x, y, z in RAS mm
        array([[2., 3., 1.]])
        """
        found = self
        if image is not None and not any(
            obj is not None and find_coordinate(obj) is not None for obj in (source, target)
        ):
            raise ValueError("image= is an image of the atlas; pass the atlas too, as target=")
        for side, obj in (("source", source), ("target", target)):
            if obj is not None:
                steps, end = bound_steps(
                    found.steps, getattr(found, side), obj, side == "source", image
                )
                values: dict[str, Any] = {"steps": merged(steps), side: end}
                found = dataclasses.replace(found, **values)
        return found

    def check(self, grid: xr.Dataset | xr.DataArray | None = None) -> TransformCheck:
        """Check the transform for folds, points outside its fields, and the error of its inverse.

        Parameters
        ----------
        grid : Dataset or DataArray, optional
            The image or atlas with the voxels of interest, in the space of `source`; the voxels of
            the first field by default.

        Returns
        -------
        TransformCheck
            Prints the results in sentences.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> turned = xarray_atlas.Transform.from_matrix(np.diag([-1.0, -1.0, 1.0, 1.0]))
        >>> turned.check(ds).folded
        0
        """
        from xarray_atlas.transforms.checking import check_transform

        return check_transform(self, grid)

    def __dask_tokenize__(self) -> Any:
        return ("Transform", self.steps, self.source, self.target)


def _points_of(end: End) -> str:
    axes = ", ".join(end.axes)
    return f"{axes} in RAS mm" if end.frame == "world" else f"{axes} in mm ({end.frame})"

"""Planes of an atlas as atlases of two dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.sections import section
from xarray_atlas.terminology import RegionKey

__all__ = ["SectionsMethods"]


class SectionsMethods(Accessor[T]):
    """Methods that extract planes from an atlas."""

    def section(
        self,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        axis: str = "ap",
        frame: Any = None,
        tilt: Any = None,
        roll: Any = None,
        about: Mapping[str, Any] | None = None,
        through: Any = None,
        unit: Any = None,
        **kwargs: Any,
    ) -> T:
        """Extract a plane from the atlas: coronal, horizontal, sagittal or oblique.

        See :func:`xarray_atlas.section` for details.

        Parameters
        ----------
        ap, dv, ml : length, optional
            Where the plane lies, across that axis: a quantity, a string such as ``"6 mm"``, or a
            number in mm; the voxels that hold it are taken. A dimension's own name does as well:
            ``z="6 mm"``. With `frame` it is a position in the frame, and its axes' names are taken
            instead; a number has a unit where the frame does not count in mm.
        region : str, int or Region, optional
            The plane through a point inside of that region (its ``representative_point``). To find
            it takes a pass over the annotation, if none has been made.
        axis : str, default: "ap"
            Across which axis the plane through `region` lies: "ap", "dv", "ml" or a dimension.
        frame : str, Frame or (4, 4) array, optional
            The frame of the positions and axes: a name of ``ds.atlas.frames``, such as "ibl", or a
            Frame. A matrix takes its positions (mm, in the order of ``ds.atlas.space.dims``) to the
            Dataset. A tilted frame gives an oblique plane. By default the coordinates of the
            Dataset.
        tilt : str or pint.Quantity, optional
            The angle, such as ``"5 deg"``, by which the plane is rotated about the horizontal axis
            of its picture: the right-left axis, of a sagittal plane the anterior-posterior one.
            Positive moves the upper edge (superior; of a horizontal plane anterior) to anterior in
            a coronal plane, to superior in a horizontal one, to the right in a sagittal one.
        roll : str or pint.Quantity, optional
            The angle by which the tilted plane is rotated about the vertical axis of its picture.
            Positive moves the right side of the animal (of a sagittal plane the anterior edge) to
            anterior in a coronal plane, to superior in a horizontal one, to the right in a sagittal
            one.
        about : mapping of str to length, optional
            The point of the plane about which it is rotated, along its two axes:
            ``{"dv": "0 mm", "ml": "0 mm"}``. By default the middle of the whole volume; of `region`
            it is the point inside of it.
        through : points, optional
            Three points that define the plane, in `frame`, as :func:`xarray_atlas.region_at` takes
            points: a table or mapping with the columns ``ap``, ``dv`` and ``ml``, or, in a frame
            with axes x, y and z, an array of shape (3, 3).
        unit : str or pint.Unit, optional
            Of these points, where they do not say theirs.
        **kwargs
            The position across a dimension, or an axis of the frame, by its name.

        Returns
        -------
        Dataset or DataArray
            On the two axes of the plane, in mm; for a frame with the frame's coordinates and names
            of axes.

        Raises
        ------
        GridError
            If no plane is named, or more than one, or it misses the volume; if the three points lie
            on one line; if the angles make a plane that is nearer to another anatomical plane.
        PointsError
            If there is no such frame, or it is not said in which the three points are.
        RegionNotFoundError, AmbiguousRegionError
            If the region does not exist.
        UnitsError
            If a value is not a length or an angle, or if a unit is missing.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> plane = ds.atlas.section(ap="-2 mm", frame="ibl", tilt="5 deg")
        >>> plane.annotation.dims
        ('dv', 'ml')
        >>> f"{plane.atlas.area('CTX').item():.1f}"
        '31.2 millimeter ** 2'
        """
        return section.section(
            self._obj,
            ap=ap,
            dv=dv,
            ml=ml,
            region=region,
            axis=axis,
            frame=frame,
            tilt=tilt,
            roll=roll,
            about=about,
            through=through,
            unit=unit,
            **kwargs,
        )

"""Sections of an atlas in its colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xarray_atlas.kernels.greys import grey_limits
from xarray_atlas.plotting import colors
from xarray_atlas.plotting.contacts import add_contacts, through_contacts
from xarray_atlas.plotting.decorations import (
    add_directions,
    add_scale_bar,
    current_axes,
    set_up,
)
from xarray_atlas.plotting.outline_options import OutlinesLike, is_smooth, outline_options
from xarray_atlas.plotting.overlay import add_outlines
from xarray_atlas.plotting.palette import brightness
from xarray_atlas.plotting.parts import REST, WITHOUT, Choice
from xarray_atlas.plotting.planes import Plane, anatomical, left_sides, only, read
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.asked import Asked
from xarray_atlas.sections.placing import cut
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_frame", "draw_section", "ink_on", "section", "show", "show_rest"]


def section(
    obj: xr.Dataset | xr.DataArray,
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
    level: int | None = None,
    regions: Regions | None = None,
    parcellation: Any = None,
    contacts: xr.Dataset | None = None,
    ax: Axes | None = None,
    view: str = "radiological",
    template: bool = True,
    outlines: OutlinesLike = True,
    labels: bool = True,
    directions: bool = True,
    scale_bar: bool = True,
    **kwargs: Any,
) -> Axes:
    """Draw a section of an atlas in its colours.

    Superior is up, or anterior in a horizontal plane. Anterior is on the left of a sagittal
    plane, and the **right** side on the left of others (see `view`), however the atlas is
    stored; letters say it. Axes are in mm in the Dataset, or in the unit of the frame in which
    the plane is asked for. Only what the plane needs is read, once.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas or its annotation, or any part of it. A single plane needs no position.
    ap, dv, ml : length, optional
        Position of the plane along that axis: a quantity, a string such as ``"6 mm"``, or a
        number in mm; the voxels that contain it are drawn. The name of a dimension works too:
        ``z="6 mm"``. With `frame` it is a position in that frame, by the names of its axes; a
        number then needs a unit unless the frame is in mm.
    region : str, int or Region, optional
        Draw the plane through a point inside that region (its ``representative_point``). Finding
        it reads the annotation once, unless that has been done.
    axis : str, default: "ap"
        Axis perpendicular to the plane through `region`: "ap" (coronal), "dv" (horizontal), "ml"
        (sagittal), or a dimension.
    frame : str, Frame or (4, 4) array, optional
        Frame of the position, and of the ticks and labels of the axes: a name of
        ``ds.atlas.frames``, such as "ibl", a Frame, or a matrix from positions in the frame (mm,
        in the order of ``ds.atlas.space.dims``) to the Dataset. A tilted frame gives an oblique
        plane: its pixels, about as large as a voxel, have the label of the voxel that contains
        their centre. By default the coordinates of the Dataset.
    tilt : str or pint.Quantity, optional
        The angle, such as ``"5 deg"``, by which the plane is rotated about the horizontal axis of
        its picture: the right-left axis, of a sagittal plane the anterior-posterior one. Positive
        moves the upper edge (superior; of a horizontal plane anterior) to anterior in a coronal
        plane, to superior in a horizontal one, to the right in a sagittal one.
    roll : str or pint.Quantity, optional
        The angle by which the tilted plane is rotated about the vertical axis of its picture.
        Positive moves the right side of the animal (of a sagittal plane the anterior edge) to
        anterior in a coronal plane, to superior in a horizontal one, to the right in a sagittal
        one.
    about : mapping of str to length, optional
        The point of the plane about which it is rotated, along its two axes:
        ``{"dv": "0 mm", "ml": "0 mm"}``. By default the centre of the whole volume; with `region`
        the point inside it.
    through : points, optional
        Three points that define the plane, in `frame`, as :func:`~xarray_atlas.region_at` takes
        points: a table or mapping with the columns ``ap``, ``dv`` and ``ml``, or, in a frame with
        axes x, y and z, an array of shape (3, 3).
    unit : str or pint.Unit, optional
        Unit of these points, unless they have one.
    level : int, optional
        Draw the regions of that level of the hierarchy, counted from root = 0, in their colours,
        with their outlines and acronyms. A region above the level is drawn as itself.
    regions : str, int, Region, or list of these, optional
        Draw these regions only, each with its descendants. The rest of the brain is light grey,
        or the template. None may lie in another.
    parcellation : str, dict, DataFrame or path, optional
        Draw the parcels of a parcellation, as :func:`~xarray_atlas.parcellate` takes it:
        ``"beryl"``, or ``{"visual": ["VISp", "VISl"]}``. The rest is drawn as with `regions`.
    contacts : Dataset, optional
        Contacts of a probe, as :func:`~xarray_atlas.insert` returns them. Those more than 0.1 mm
        from the plane are faint. Without a position, the plane is the one that contains the
        shanks, in the frame of the contacts, and as nearly perpendicular to `axis` as possible.
    ax : matplotlib Axes, optional
        By default the current axes.
    view : {"radiological", "neurological"}, default: "radiological"
        Which side of the animal is on the left of a coronal or horizontal plane: its right side
        ("radiological"), or its left ("neurological"). A sagittal plane is the same in both.
    template : bool, default: True
        If the Dataset has a ``template``, draw it in grey, and the annotation half transparent
        over it.
    outlines : bool, "smooth" or mapping, default: True
        Draw the outlines of the regions that are drawn. With "smooth" regions are vectors with
        smoothed boundaries, which lie within half a voxel of the boundaries between voxels and
        leave the centre of each voxel in its region; neighbours share one line. Each region is
        then a group of an SVG file with its acronym as id, and a layer of a PDF file. A mapping
        goes on to matplotlib's LineCollection: ``{"color": "white"}``, or
        ``{"smooth": True, "color": "white"}``.
    labels : bool, default: True
        Write acronyms into regions that have room for them in a figure of this size, and next to
        the brain, with a line, for others. They are texts in ``ax.texts``.
    directions : bool, default: True
        Label each rim with its side: A or P, S or I, L or R.
    scale_bar : bool, default: True
        Draw a scale bar of a round length.
    **kwargs
        Options of :meth:`matplotlib.axes.Axes.imshow` for the annotation.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    GridError
        If no plane is named, or more than one, or it lies outside the volume; if three points lie
        on one line, or the angles make a plane that is nearer to another anatomical one.
    PointsError
        If there is no such frame, or it is not said in which the three points are.
    RegionNotFoundError, AmbiguousRegionError, UnitsError
        If a region does not exist, a value is not a length or angle, or a unit is missing.
    ParcellationError, TypeError
        If the regions to be drawn overlap, or are chosen in several ways.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> ax = ds.atlas.plot.section(ap="7 mm")
    >>> ax.get_xlabel(), ax.get_ylabel(), ax.get_title()
    ('ML to left (mm)', 'DV to inferior (mm)', 'AP = 7.025 mm')

    In a stereotaxic frame, and tilted:

    >>> ax = ds.atlas.plot.section(ap="-2 mm", frame="ibl")
    >>> ax.get_xlabel(), ax.get_title()
    ('ML to right (µm, ibl)', 'AP = -1950 µm (ibl)')
    >>> ds.atlas.plot.section(ap="7 mm", tilt="5 deg").get_title()
    'AP = 7 mm, tilt 5°'

    The regions of a level, with the left side on the left:

    >>> ax = ds.atlas.plot.section(ap="7 mm", level=6, view="neurological")
    >>> bool(ax.xaxis_inverted())  # positions count to the left
    True
    """
    choice, left = Choice(level, regions, parcellation), left_sides(view)
    asked = Asked.of(
        obj, kwargs, ap=ap, dv=dv, ml=ml, region=region, axis=axis, frame=frame, tilt=tilt,
        roll=roll, about=about, through=through, unit=unit,
    )  # fmt: skip
    if contacts is not None:
        asked = through_contacts(obj, asked, contacts)
    below = ["template"] if template else []
    plane, lie = cut(only(obj, below), asked)
    plane = read(plane, below)
    ax = current_axes(ax)
    laid_out = anatomical(plane, view=lie, choice=choice, left=left)
    draw_section(
        ax, laid_out, template=template, outlines=outlines, labels=labels,
        directions=directions, scale_bar=scale_bar, **kwargs,
    )  # fmt: skip
    if contacts is not None:
        add_contacts(ax, laid_out, lie, obj, contacts, ink_on(ax, laid_out, template))
    return ax


def draw_section(
    ax: Axes,
    plane: Plane,
    *,
    template: bool = True,
    outlines: OutlinesLike = True,
    labels: bool = True,
    directions: bool = True,
    scale_bar: bool = True,
    **kwargs: Any,
) -> Axes:
    """Draw a plane that has been read."""
    smooth = is_smooth(outlines)
    below = plane.other("template") if template else None
    if below is not None:
        low, high = grey_limits(below) or (0, 1)
        grey: Any = "gray"
        if plane.shown.oblique:  # beyond the volume there is no template: black as around the brain
            from matplotlib import colormaps

            grey = colormaps["gray"].with_extremes(bad="black")
        show(ax, plane, below, cmap=grey, vmin=low, vmax=high)
        kwargs.setdefault("alpha", 0.5)
    elif plane.parts.rest.any() and not smooth:
        show_rest(ax, plane, plane.parts.rest)
    made: dict[str, Any] = {"cmap": colors.cmap(plane.obj), "norm": colors.norm(plane.obj)}
    own = kwargs.get("cmap")
    if own is not None and "norm" not in kwargs and getattr(own, "N", None) != made["cmap"].N:
        raise TypeError(
            f"cmap={getattr(own, 'name', own)!r} has no colour for each label: a section has the "
            "atlas's colours. values() draws your own by region; create_atlas() takes a table "
            "with a column of colours"
        )
    if smooth:
        _show_faces(ax, plane, below is None, **{**made, **kwargs})
    else:
        show(ax, plane, plane.labels, **{"interpolation_stage": "rgba", **made, **kwargs})
    ink = ink_on(ax, plane, template)
    draw_frame(ax, plane, outlines, labels, directions, scale_bar, ink)
    return ax


def _show_faces(ax: Axes, plane: Plane, rest: bool, cmap: Any, norm: Any, **kwargs: Any) -> None:
    """Draw the smoothed faces of a plane, in the colours of their labels."""
    from xarray_atlas.plotting.smooth import add_faces

    labels = np.unique(plane.labels)
    colors = dict(zip(labels.tolist(), map(tuple, cmap(norm(labels))), strict=True))
    colors.pop(0, None)
    if rest:
        colors[REST] = WITHOUT
    add_faces(ax, plane, colors, **kwargs)


def show(ax: Axes, plane: Plane, values: Any, **kwargs: Any) -> Any:
    """Draw the pixels of a plane at their coordinates, whatever rcParams["image.origin"] is."""
    for name in {"aspect", "extent", "origin"} & set(kwargs):
        raise TypeError(
            f"{name}= is not an argument of this picture: its coordinates say where it lies. "
            "ax.invert_yaxis() turns it upside down, ax.set_aspect('auto') stretches it"
        )
    try:
        return ax.imshow(values, extent=plane.extent, origin="upper", **kwargs)
    except AttributeError as error:  # so matplotlib has it, where Python has a TypeError
        if "unexpected keyword argument" not in str(error):
            raise
        raise TypeError(f"neither of this function nor of matplotlib's imshow: {error}") from error


def show_rest(ax: Axes, plane: Plane, shown: Any) -> None:
    """Draw the pixels of a mask in the grey of the rest of the brain."""
    from matplotlib.colors import ListedColormap

    grey = np.where(shown, 1.0, np.nan)
    show(ax, plane, grey, cmap=ListedColormap([WITHOUT]), interpolation_stage="rgba")


def ink_on(ax: Axes, plane: Plane, template: bool) -> str:
    """Return the colour of letters: white over a template, which is black beyond the brain."""
    if template and plane.other("template") is not None:
        return "white"
    from matplotlib.colors import to_rgba

    for patch in (ax.patch, ax.figure.patch):
        red, green, blue, alpha = to_rgba(patch.get_facecolor())
        if alpha > 0.5:
            return "white" if brightness(red, green, blue) < 0.5 else "black"
    return "black"


def draw_frame(
    ax: Axes,
    plane: Plane,
    outlines: OutlinesLike,
    labels: bool,
    directions: bool,
    scale_bar: bool,
    ink: str,
) -> None:
    """Draw outlines, acronyms, letters and the scale bar of a section."""
    options = outline_options(outlines)
    if options is not None:
        add_outlines(ax, plane, **options)
    set_up(ax, plane)
    if directions:
        add_directions(ax, plane, ink)
    if scale_bar:
        add_scale_bar(ax, plane, ink)
    if labels:
        from xarray_atlas.plotting.region_names import add_names

        add_names(ax, plane)

"""Surfaces of regions in 3-D, the right way up and not mirrored."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.atlases.meshing import mesh
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.space import RAS, RAS_AXES, Space
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.plotting.smooth_surface import smooth_surface
from xarray_atlas.printable import one_line
from xarray_atlas.probes.places import shanks_in_scene
from xarray_atlas.regions.results import Regions, resolve_regions
from xarray_atlas.regions.surface import Mesh
from xarray_atlas.terminology import RegionKey, Terminology

__all__ = ["surface"]

SHELL = 0.12
"""The opacity of a region around others that are drawn."""

NO_COLOR = "#B0B0B0"

LIGHT = {"ambient": 0.3, "diffuse": 0.7, "specular": 0.1, "specular_power": 10}
"""Soft lighting of surfaces, with which the side away from the light keeps its colour."""

SHELL_LIGHT = {"ambient": 0.0, "diffuse": 0.9, "culling": "back"}
"""Lighting of transparent surfaces, darker at the limb; their far side would show through."""

INK = "black"
"""Of probes."""


def surface(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions,
    hemisphere: str | None = None,
    *,
    opacity: float | Mapping[RegionKey, float] | None = None,
    contacts: xr.Dataset | None = None,
    plotter: Any = None,
    off_screen: bool | None = None,
    window_size: Iterable[int] | None = None,
    **kwargs: Any,
) -> Any:
    """Draw the surfaces of regions with PyVista, in the atlas's colours.

    The scene is in mm to the right, to anterior and to superior, whatever the orientation of the
    atlas, so that it is not mirrored: a position of the Dataset is drawn with the sign of each
    axis that grows the other way turned round. In BrainGlobe's "asr" ``(z, y, x)`` is
    drawn at ``(-x, -z, -y)``.

    Surfaces are smoothed for the picture by Taubin's filter, which removes the terraces of voxels.
    Vertices move by less than a voxel, and each surface encloses the volume that it did before.
    :func:`~xarray_atlas.mesh` returns the surfaces as they are.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    regions : str, int, Region, or list of these
        By acronym, full name, or id (int); each with its descendants.
    hemisphere : "left" or "right", optional
        Only that side. A voxel on the midline is left.
    opacity : float or mapping, optional
        Of all regions, or of those that are named (by acronym, name or id). By default a region
        that holds another one that is drawn is nearly transparent, 0.12, and others are opaque.
    contacts : Dataset, optional
        Of a probe, as :func:`~xarray_atlas.insert` returns it, in whichever frame: its contacts are
        points, with a line along each shank. Within a region that is opaque they are not seen.
    plotter : pyvista.Plotter, optional
        Where to draw. A new one by default. Where it shows something already, its camera and
        marker are left as they are.
    off_screen : bool, optional
        Whether a new plotter opens no window, for a ``screenshot``, as in PyVista.
    window_size : (int, int), optional
        Width and height of a new plotter in pixels.
    **kwargs
        For ``plotter.add_mesh``, such as ``color``, ``show_edges`` or ``style``.

    Returns
    -------
    pyvista.Plotter
        With an actor for each region, named by its acronym (of one side
        ``"RSP (left)"``); call its ``show``, ``screenshot`` or ``export_html``. The actors of a
        shank are "shank 0" and "contacts of shank 0"; of a further probe, "shank 0 (2)" and so on.

    Raises
    ------
    GridError
        If none of the regions has a voxel, a coordinate is unevenly spaced, or a spatial
        dimension is missing.
    PointsError
        If `contacts` are not those of a probe.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError, StoreError
        Same as in :func:`xarray_atlas.mesh`.
    ImportError
        If PyVista, or what makes the meshes, is not installed:
        ``pip install "xarray-atlas[surface]"``.
    TypeError, ValueError
        Without regions, and for an empty list of them.

    Warns
    -----
    UserWarning
        If one of several regions has no voxel; it is left out.

    See Also
    --------
    xarray_atlas.mesh : The surface of one region, and where it comes from.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> plotter = xarray_atlas.plotting.surface(ds, ["root", "RSP"], off_screen=True)
    >>> sorted(name for name in plotter.actors if name in ("root", "RSP"))
    ['RSP', 'root']
    >>> plotter.close()
    """
    terminology, space = find_atlas(obj)
    if regions is None:
        raise TypeError("surface() draws regions that are named: surface('root') is the brain")
    positions = np.array(list(dict.fromkeys(resolve_regions(terminology, regions)[0].tolist())))
    if not positions.size:
        raise ValueError("surface([]) names no region; surface('root') is the brain")
    pyvista = optional("pyvista", '"xarray-atlas[surface]"', "surface()")
    opacities = _opacities(terminology, positions, opacity)
    names = terminology.distinct_acronyms
    meshes = {int(p): mesh(obj, names[p], hemisphere) for p in positions}
    drawn = {position: found for position, found in meshes.items() if found.faces.size}
    _complain(terminology, [p for p in meshes if p not in drawn], bool(drawn), hemisphere)
    axes = _axes(annotation_of(obj), space)
    shanks = {} if contacts is None else shanks_in_scene(obj, contacts)
    if plotter is None:
        plotter = pyvista.Plotter(off_screen=off_screen, window_size=window_size)
    empty = not plotter.renderer.actors
    for position, found in drawn.items():
        name = names[position] if hemisphere is None else f"{names[position]} ({hemisphere})"
        options = {
            "name": name,
            "color": terminology.colors[position] or NO_COLOR,
            "opacity": opacities[position],
            "smooth_shading": True,
            **(LIGHT if opacities[position] == 1 else SHELL_LIGHT),
            "reset_camera": False,
            "render": False,
        }
        plotter.add_mesh(smooth_surface(_in_scene(found, axes)), **{**options, **kwargs})
    for name, (at, line) in shanks.items():
        _add_shank(plotter, pyvista, name, at, line)
    if empty:
        _look(plotter, pyvista, hemisphere)
    return plotter


def _add_shank(plotter: Any, pyvista: Any, shank: str, at: FloatArray, line: FloatArray) -> None:
    """Draw the contacts of a shank, and the line along them."""
    name, count = f"shank {one_line(shank)}", 1
    while f"contacts of {name}" in plotter.actors:  # of another probe
        count += 1
        name = f"shank {one_line(shank)} ({count})"
    options = {"color": INK, "reset_camera": False, "render": False}
    if len(line) > 1:
        along = pyvista.lines_from_points(line)
        plotter.add_mesh(along, name=name, line_width=2, **options)
    spheres = {"point_size": 5, "render_points_as_spheres": True}
    plotter.add_mesh(pyvista.PolyData(at), name=f"contacts of {name}", **spheres, **options)


def _opacities(terminology: Terminology, positions: Int64s, opacity: Any) -> dict[int, float]:
    """Return the opacity of each region: little for those around others that are drawn."""
    if opacity is not None and not isinstance(opacity, Mapping):
        return dict.fromkeys(positions.tolist(), float(opacity))
    shells = {int(above) for p in positions for above in terminology.ancestors(int(p))}
    found = {p: SHELL if p in shells else 1.0 for p in positions.tolist()}
    for key, value in (opacity or {}).items():
        (position,) = terminology.positions([key])
        if int(position) not in found:
            raise KeyError(
                f"opacity names {key!r}, which is not drawn; drawn are "
                f"{', '.join(map(one_line, terminology.distinct_acronyms[positions]))}"
            )
        found[int(position)] = float(value)
    return found


def _complain(
    terminology: Terminology, missing: list[int], others: bool, hemisphere: str | None
) -> None:
    """Say which regions have no surface: it is an error where that leaves nothing to draw."""
    if not missing:
        return
    names = ", ".join(map(repr, terminology.distinct_acronyms[missing].tolist()))
    side = "" if hemisphere is None else f", on the {hemisphere} side"
    text = (
        f"no surface of {names}: without a voxel in this part of the atlas, at this "
        f"resolution{side}"
    )
    if not others:
        raise GridError(f"{text}. Open it at a finer resolution, or draw a region around it")
    warnings.warn(f"{text}; the others are drawn", UserWarning, stacklevel=find_stack_level())


def _axes(annotation: xr.DataArray, space: Space) -> list[tuple[Any, int]]:
    """Return for each axis of the scene the dimension that runs along it, and its sign.

    Its axes are those of RAS+, a right-handed frame.
    """
    found = []
    for axis in RAS_AXES:
        name = space.coordinate(annotation, axis)
        # a mesh has been made: all three are there
        dim = annotation.coords[name].dims[0]
        _, sign = RAS[space.orientation[space.position(axis)]]
        found.append((dim, sign))
    return found


def _in_scene(found: Mesh, axes: list[tuple[Any, int]]) -> Mesh:
    """Return a mesh in the axes of the scene; its faces are flipped if that mirrors it."""
    columns = [sign * found.vertices[:, found.dims.index(dim)] for dim, sign in axes]
    return dataclasses.replace(found, vertices=np.stack(columns, axis=-1), dims=RAS_AXES)


def _look(plotter: Any, pyvista: Any, hemisphere: str | None) -> None:
    """Set the view from the front and above, from the left or from the drawn side."""
    side = 1 if hemisphere == "right" else -1
    plotter.view_vector((side, 1.2, 0.8), viewup=(0, 0, 1))
    marker = pyvista.AxesAssemblySymmetric(
        labels=("R", "L", "A", "P", "S", "I"),
        label_color="black",
        label_size=18,
        label_position=(1.2, 1.2, 1.3),
    )
    plotter.add_orientation_widget(marker, viewport=(0, 0, 0.26, 0.26))
    plotter.camera.zoom(1.25)

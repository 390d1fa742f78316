"""Surface meshes of regions, computed from the labels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.hemispheres import HEMISPHERES, hemispheres_of, sides_if_known
from xarray_atlas.coords.units import quantity, unit_factor
from xarray_atlas.errors import HemisphereError
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.reductions.rollup import totals_by_region
from xarray_atlas.regions.mask import mask
from xarray_atlas.regions.properties import axis_lines
from xarray_atlas.regions.results import Regions, resolve_regions
from xarray_atlas.regions.volume import measured
from xarray_atlas.terminology import Terminology

__all__ = ["Mesh", "mesh_from_labels", "position_of_one"]


BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False, repr=False)
class Mesh:
    """Surface of a region as a triangle mesh, in the coordinates of a Dataset.

    Parameters
    ----------
    vertices : float64 array of shape (n, 3)
        In `unit`, with a column for each of `dims`.
    faces : int64 array of shape (m, 3)
        The vertices of each triangle, ordered such that normals point outwards if the columns are
        read as x, y and z of a right-handed frame, as viewers do.
    dims : tuple of hashable
        The dimensions of the annotation, in its order, or the axes of a frame.
    region : str
        Acronym of the region.
    hemisphere : str, optional
        The hemisphere, if the mesh is of one.
    source : str
        Origin: the URL or path of a stored mesh, or "labels" and their voxel size.
    unit : str, default: "mm"
        Unit of the vertices.
    frame : str, optional
        Name of the frame of the vertices, if it is not the Dataset's.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> mesh = ds.atlas.mesh("RSP")
    >>> mesh.region, mesh.dims, mesh.vertices.shape, mesh.faces.shape
    ('RSP', ('z', 'y', 'x'), (6134, 3), (12248, 3))
    >>> mesh.source
    'labels, 0.1 x 0.1 x 0.1 mm (z, y, x)'
    """

    vertices: FloatArray
    faces: Int64s
    dims: tuple[Hashable, ...]
    region: str
    hemisphere: str | None
    source: str
    unit: str = "mm"
    frame: str | None = None

    def __post_init__(self) -> None:
        vertices = np.array(self.vertices, np.float64).reshape(-1, 3)
        faces = np.array(self.faces, np.int64).reshape(-1, 3)
        if _enclosed(vertices, faces) < 0:
            faces = faces[:, ::-1].copy()
        for name, values in (("vertices", vertices), ("faces", faces)):
            values.flags.writeable = False
            object.__setattr__(self, name, values)  # the dataclass is frozen

    def __repr__(self) -> str:
        of = self.region if self.hemisphere is None else f"{self.region} ({self.hemisphere})"
        return (
            f"<Mesh {of!r}: {len(self.vertices)} vertices, {len(self.faces)} faces, "
            f"{self.volume.magnitude:.4g} mm**3>\n"
            f"    in {self.unit} along {', '.join(map(str, self.dims))}"
            + ("" if self.frame is None else f" of frame {self.frame!r}")
            + f"; from {self.source}"
        )

    @property
    def volume(self) -> Any:
        """The enclosed volume, by the divergence theorem: a quantity in mm**3.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> f"{ds.atlas.mesh('TH').volume:.3f}", f"{ds.atlas.volume('TH').item():.3f}"
        ('20.487 millimeter ** 3', '20.487 millimeter ** 3')
        """
        return quantity(_enclosed(self.vertices, self.faces) * unit_factor(self.unit) ** 3, 3)

    @property
    def area(self) -> Any:
        """The area of the surface: a quantity in mm**2.

        Stepped surfaces of voxels have a larger area: by 9 % for a ball with a radius of 20 voxels,
        and hardly less for larger ones.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> f"{ds.atlas.mesh('TH').area.to('cm**2'):.3f}"
        '0.642 centimeter ** 2'
        """
        a, b, c = _corners(self.vertices, self.faces)
        twice = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
        return quantity(twice / 2 * unit_factor(self.unit) ** 2, 2)

    def to_trimesh(self) -> Any:
        """Convert the mesh to a :class:`trimesh.Trimesh` with the same vertices and unit.

        Returns
        -------
        trimesh.Trimesh

        Raises
        ------
        ImportError
            If trimesh is not installed.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.mesh("TH").to_trimesh().is_watertight
        True
        """
        trimesh = optional("trimesh", "trimesh", "to_trimesh()")
        return trimesh.Trimesh(self.vertices.copy(), self.faces.copy(), process=False)

    def to_pyvista(self) -> Any:
        """Convert the mesh to a :class:`pyvista.PolyData` with the same vertices and unit.

        Returns
        -------
        pyvista.PolyData

        Raises
        ------
        ImportError
            If pyvista is not installed.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.mesh("TH").to_pyvista().n_points
        8968
        """
        pyvista = optional("pyvista", "pyvista", "to_pyvista()")
        if not self.faces.size:
            return pyvista.PolyData()
        # VTK stores the number of corners before those of each face
        faces = np.insert(self.faces, 0, 3, axis=1)
        return pyvista.PolyData(self.vertices.copy(), faces.ravel())


def mesh_from_labels(
    obj: xr.Dataset | xr.DataArray, region: Regions, hemisphere: str | None = None
) -> Mesh:
    """Compute the surface of a region, with its descendants, from the voxels in view.

    Only the bounding box of the region is held in memory, at about 7 bytes per voxel; the box comes
    from a pass over the annotation, or from a previous one. The algorithm is described in the notes
    of :func:`xarray_atlas.mesh`.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    region : str, int or Region
        By acronym, full name, or id (int).
    hemisphere : "left" or "right", optional
        Only the voxels in that hemisphere. A voxel on the midline is left.

    Returns
    -------
    Mesh
        Closed, also if the region continues outside the part in view. Without vertices if the
        region has no voxels.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a spatial dimension is missing.
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    HemisphereError
        If left and right cannot be distinguished.
    ImportError
        If scikit-image is not installed.

    Examples
    --------
    >>> import xarray_atlas
    >>> from xarray_atlas.regions.surface import mesh_from_labels
    >>> ds = xarray_atlas.open_sample("100 um").isel(z=slice(80))
    >>> f"{mesh_from_labels(ds, 'RSP').volume:.2f}", f"{ds.atlas.volume('RSP').item():.2f}"
    ('5.19 millimeter ** 3', '5.19 millimeter ** 3')
    """
    if hemisphere is not None and not isinstance(hemisphere, str):
        raise HemisphereError(
            f"a mesh is of one side, 'left' or 'right', or of both with None; not {hemisphere!r}"
        )
    terminology, _ = find_atlas(obj)
    position = position_of_one(terminology, region)
    found = measured(obj, region, hemisphere, ndim=3)
    totals = totals_by_region(found.table, found.wanted, found.terminology, direct=False)
    start, stop = totals.start[position, 0], totals.stop[position, 0]
    dims = tuple(found.voxel)
    if totals.voxels[position, 0]:
        box = {dim: slice(int(a), int(b)) for dim, a, b in zip(dims, start, stop, strict=True)}
        inside = mask(obj, region).variable
        if hemisphere is not None:
            inside = inside & _on_side(obj, hemisphere)
        vertices, faces = _enclose(inside.isel(box).transpose(*dims).values)
        first, step = axis_lines(found)
        vertices = first + step * (start + vertices)
    else:
        vertices, faces = np.empty((0, 3)), np.empty((0, 3), np.int64)
    source = f"labels, {found.attrs['voxel_size']}"
    return Mesh(vertices, faces, dims, str(terminology.acronyms[position]), hemisphere, source)


def _on_side(obj: xr.Dataset | xr.DataArray, hemisphere: str) -> Variable:
    # an assumed midline has already been warned about
    sides = sides_if_known(obj)
    if not sides.dims:
        sides = hemispheres_of(obj)
    result: Variable = sides == HEMISPHERES[hemisphere]
    return result


def _enclose(inside: BoolArray) -> tuple[FloatArray, Int64s]:
    """Return a surface around voxels that encloses their volume; its vertices are in voxels.

    Each vertex lies on the line from the centre of a voxel inside to that of a neighbour outside,
    all at the same fraction of the distance.
    """
    measure = optional("skimage.measure", '"xarray-atlas[mesh]"', "a mesh from labels")
    inside = np.pad(inside, 1)  # closes the surface at the boundary of the volume
    # Lorensen's table only has such vertices, and leaves no holes
    middle, faces, _, _ = measure.marching_cubes(
        inside.astype(np.float32), 0.5, method="lorensen", gradient_direction="ascent"
    )
    low, high = np.floor(middle).astype(np.int64), np.ceil(middle).astype(np.int64)
    from_low = inside[tuple(low.T)][:, None]
    centre, way = np.where(from_low, low, high), np.where(from_low, high - low, low - high)
    # the enclosed volume is a cubic function of the fraction
    shares = np.linspace(0, 1, 4)
    volumes = [_enclosed(centre + share * way, faces) for share in shares]
    excess = np.polynomial.Polynomial.fit(shares, volumes, 3) - np.count_nonzero(inside)
    # which increases: the surface encloses less than the voxels at 0, and more at 1
    roots = np.asarray(excess.roots(), np.complex128)
    real = (np.abs(roots.imag) < 1e-9) & (roots.real > 0) & (roots.real < 1)
    share = float(roots.real[real][0])
    return centre + share * way - 1.0, faces.astype(np.int64)


def position_of_one(terminology: Terminology, region: Regions) -> int:
    """Return the position of a single region.

    Raises
    ------
    TypeError
        For a list of regions.
    """
    positions, many = resolve_regions(terminology, region)
    if many:
        raise TypeError(
            "a mesh is of one region; of several, make one for each: "
            "{region: ds.atlas.mesh(region) for region in regions}"
        )
    return int(positions[0])


def _corners(vertices: FloatArray, faces: Int64s) -> tuple[FloatArray, FloatArray, FloatArray]:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return a, b, c


def _enclosed(vertices: FloatArray, faces: Int64s) -> float:
    """Return the volume enclosed by a closed surface; negative if it is inside out."""
    if not faces.size:
        return 0.0
    # relative to a point in the middle, to reduce rounding errors
    a, b, c = _corners(vertices - vertices.mean(axis=0), faces)
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6

"""Series of histological sections from the files of the tools that aligned them."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.atlases.abba_sections import abba_sections
from xarray_atlas.atlases.registered_sections import is_registered, registered_sections
from xarray_atlas.coords.units import to_mm
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import AtlasMismatchError, GridError, StoreFormatError, UnitsError
from xarray_atlas.io.files.abba import is_abba
from xarray_atlas.io.files.alignments import AlignedSection, Alignment, read_alignment
from xarray_atlas.sections.aligned import Anchored, aligned_section, extent_of, is_mirrored

__all__ = ["open_sections"]

MICROMETRES = re.compile(r"(\d+(?:\.\d+)?)um")

EXTENTS = {"ABA_Mouse_CCFv3": (11.4, 13.2, 8.0), "WHS_Rat": (19.968, 39.936, 19.968)}
"""Of the atlases of these tools, along ml, ap and dv in mm, by how their names begin."""


def open_sections(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    ds: xr.Dataset,
    *,
    pixels: str | tuple[int, int] = "atlas",
    thickness: Any = None,
    spacing: Any = None,
    voxel_size: Any = None,
    mirrored: bool | None = None,
) -> xr.DataTree:
    """Open aligned histological sections as a DataTree, with the atlas on each of them.

    Parameters
    ----------
    path : str or path, or list of these
        An alignment: JSON of QuickNII, VisuAlign or DeepSlice, ``.waln`` or ``.wwrp`` of WebAlign
        and WebWarp, XML of QuickNII, CSV of DeepSlice.
        Or a QuPath project to which ABBA exported its registrations, its folder or
        ``project.qpproj``. Or a folder in which brainglobe-registration registered a section, or a
        list of these.
    ds : Dataset
        The atlas that the sections were aligned to, at any resolution.
    pixels : "atlas", "image" or (int, int), default: "atlas"
        The pixels of each section: about as large as voxels of `ds`, as in QuickNII and VisuAlign;
        those of the image that was aligned; or that many rows and columns, of
        another image of the same sections.
    thickness : str or pint.Quantity, optional
        Of a section, such as ``"40 um"``, which these files do not say: with it densities are per
        volume too. Without it a section holds the points of its plane.
    spacing : str or pint.Quantity, optional
        From each section of the file to the next, such as ``"200 um"``, which these
        files do not say. Volumes are estimated with it.
    voxel_size : str or pint.Quantity, optional
        The voxel size in which the anchoring vectors count, where the file does not say it,
        as CSV does not: ``"25 um"``. Of brainglobe-registration, of the atlas that was registered.
    mirrored : bool, optional
        Whether labels are taken from the other side of the midline than the side that the
        right-left axis of `ds` states. By default so in BrainGlobe's volumes of the Allen CCF: see
        the notes.

    Returns
    -------
    DataTree
        A node for each section that has an anchoring vector, in the order of the file, called as
        the image without its ending. Each is a Dataset on ``y`` (down the image) and ``x`` (to the
        right of it), in mm from the upper left corner, with

        ``annotation``, ``hemispheres``
            The labels of the atlas and 1 left, 2 right, lazily.
        ``ap``, ``dv``, ``ml``
            Coordinates on (y, x), in mm: where in `ds` the label of a pixel was taken, lazily; NaN
            outside of VisuAlign's triangles.
        ``pixel_y``, ``pixel_x``
            Coordinates: centres of pixels in pixels of the image, counted from its outer corner.
        ``plane``
            A scalar coordinate: the middle of the section across its plane.

        All of ``.atlas`` works on the Dataset of a node, and :class:`SectionsAccessor` on the
        tree. Attributes of a node say ``filename``, ``section_number``, ``image_width``,
        ``image_height``, ``anchoring`` and ``markers``.

    Raises
    ------
    StoreNotFoundError, StoreFormatError
        If there is no such file, or it is not one of the formats.
    AtlasMismatchError
        If the sections were aligned to an atlas of another size, or to one of ABBA's with unknown
        axes.
    UnitsError
        If an image of a QuPath project has no pixel size.
    GridError
        If the voxel size of the target is not known, or an anchoring vector spans no plane.

    Warns
    -----
    UserWarning
        If sections of the file have no anchoring vector; it names them.

    See Also
    --------
    section : A plane by its position and angles.
    segmented : Pixels and objects of a segmentation of a section, by region.
    open_transform : Transforms of registrations, 2-D folders of brainglobe-registration too.

    Notes
    -----
    *Pixels* have the label at their upper left corner, and VisuAlign's markers move positions in
    steps of a grid of about a voxel of the atlas, as in these tools, so that label maps are
    identical to theirs. ``node.atlas.transform`` is without steps. There are up to one row and
    column more than voxels, so that at 100 um areas differ from those of finer pixels by up to
    1 %, as in the tools: use ``pixels="image"`` where that matters.

    *Left and right.* QuickNII's voxels of the Allen CCF count from the left, in the order of the
    Allen Institute's volume. BrainGlobe's volume has the same voxels in the same order, and states
    that they begin on the right. The labels of the two halves differ in 4 % of the brain. By
    default labels are those that QuickNII and VisuAlign show, while ``hemispheres``, ``ml`` and the
    transform keep the side of the animal: what is left in QuickNII is left here.
    With ``mirrored=False`` labels are those of `ds` at the positions (ap, dv, ml), as
    in PyNutil.

    *brainglobe-registration.* A node is named after its folder, and its image is
    ``downsampled.tiff``: for cells in the raw image pass its size, ``image_shape=``. Pixels have
    the label of the voxel of `ds` that contains their centre. The tool resamples labels twice if
    it reoriented the atlas, so that its ``registered_atlas.tiff`` differs at region boundaries.
    That `ds` is the atlas that was registered is not checked: ``tree.attrs["target"]`` names that
    atlas.

    *ABBA.* A node is named after the image in QuPath, and ``y`` and ``x`` are mm of the image, by
    its pixel size there. The labels are those at the centers of pixels, through the inverse of
    ABBA's transform, which maps the atlas to the image: to 1e-6 pixels of it. Positions and sides
    are those that ABBA writes: the X, Y and Z of "Adult Mouse Brain - Allen Brain Atlas V3" and
    "V3p1" count from the left in the order of the Allen Institute's volume, so that labels are
    mirrored as those of QuickNII; "allen_mouse_10um_java" and BrainGlobe's atlases count as `ds`
    does. How ABBA counts in its other atlases is not known here. QuPath's pixels are taken as ABBA
    takes them, from the corner of the image; half a voxel of its atlas (5 um in the CCF) remains
    undetermined.

    *Sections that were not aligned* have no anchoring vector in the file; QuickNII shows a guess.

    Examples
    --------
    >>> import json, tempfile, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> coronal = [28.5, 200, 290, 399, 0, 0, 0, 0, -240]  # in voxels of 25 um
    >>> section = {"filename": "m1_s012.png", "nr": 12, "width": 1330, "height": 800}
    >>> series = {"target": "ABA_Mouse_CCFv3_2017_25um.cutlas"}
    >>> series["target-resolution"] = [456, 528, 320]
    >>> series["slices"] = [section | {"anchoring": coronal}]
    >>> path = tempfile.mkdtemp() + "/alignment.json"
    >>> with open(path, "w") as file:
    ...     json.dump(series, file)
    >>> tree = xarray_atlas.open_sections(path, ds, thickness="40 um")
    >>> node = tree["m1_s012"]
    >>> dict(node.sizes), node.attrs["section_number"]
    ({'y': 61, 'x': 100}, 12)
    >>> f"{node.to_dataset().atlas.area('CTX').item():.1f}"
    '32.0 millimeter ** 2'
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"ds is the Dataset of an atlas, not a {type(ds).__name__}")
    thick = None if thickness is None else _length(thickness, "thickness")
    apart = None if spacing is None else _length(spacing, "spacing")
    if is_registered(path):
        extent_of(ds)  # raises if it is not a whole atlas
        found, said = registered_sections(path, ds, pixels, thick, voxel_size, mirrored)
        return _tree(found, said, thick, apart)
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            "path is that of one alignment, or a list of brainglobe-registration's folders"
        )
    if is_abba(path):
        extent_of(ds)
        project, found = abba_sections(path, ds, pixels, thick, mirrored)
        _warn_of_missing(project.missing, len(found), f"registration of ABBA in {project.place}")
        said = {"alignment": project.place, "target": project.atlas, "aligner": "ABBA"}
        return _tree(found, said, thick, apart)
    if "ABBA-Transform" in os.path.basename(path) or os.fspath(path).endswith(".abba"):
        raise StoreFormatError(
            f"{os.fspath(path)} is a file of ABBA by itself; pass the QuPath project to which the "
            "registrations were exported, its folder or project.qpproj"
        )
    alignment = read_alignment(path)
    extent = extent_of(ds)
    voxel = _voxel_of(alignment, extent, voxel_size)
    mirror = is_mirrored(ds) if mirrored is None else bool(mirrored)
    nodes: dict[str, xr.Dataset] = {}
    for section in alignment.sections:
        if section.anchoring is None:
            continue
        image = (section.width, section.height)
        anchored = Anchored(section.anchoring, voxel, image, section.markers)
        node = aligned_section(ds, anchored, pixels, mirror, thick)
        about: dict[str, Any] = {"filename": section.filename}
        if section.number is not None:
            about["section_number"] = section.number
        nodes[_name(section, nodes)] = node.assign_attrs(about)
    _tell_of_missing(alignment, nodes)
    attrs: dict[str, Any] = {"alignment": alignment.place, "target": alignment.target}
    attrs |= {"aligner": alignment.aligner, "series": alignment.name}
    return _tree(nodes, attrs, thick, apart)


def _tree(
    nodes: dict[str, xr.Dataset], about: dict[str, Any], thick: float | None, apart: float | None
) -> xr.DataTree:
    attrs = {key: value for key, value in about.items() if value}
    if thick is not None:
        attrs["thickness_mm"] = thick
    if apart is not None:
        attrs["spacing_mm"] = apart
    tree = xr.DataTree(xr.Dataset(attrs=attrs))
    for name, node in nodes.items():
        tree[name] = xr.DataTree(node)
    return tree


def _name(section: AlignedSection, taken: Any) -> str:
    """Return what a node is called: as the image without its ending, else by its number."""
    name = re.split(r"[\\/]", section.filename)[-1].rpartition(".")[0] or section.filename
    name = name.replace("/", "_").strip(". ")
    if not name:
        name = f"s{section.number:03d}" if section.number is not None else "section"
    if name in taken and section.number is not None:
        name = f"{name}_{section.number}"
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, 10**6))) if n not in taken)


def _tell_of_missing(alignment: Alignment, nodes: Any) -> None:
    missing = [s.filename or str(s.number) for s in alignment.sections if s.anchoring is None]
    if not nodes:
        raise GridError(
            f"none of the {len(missing)} sections of {alignment.place} has an anchoring vector: "
            "store positions in QuickNII, or align them with DeepSlice"
        )
    _warn_of_missing(
        missing,
        len(nodes),
        "anchoring vector",
        ". What QuickNII and VisuAlign show of them is a guess between their neighbours, which is "
        "not in the file; store it there",
    )


def _warn_of_missing(missing: Sequence[str], opened: int, what: str, more: str = "") -> None:
    if missing:
        warnings.warn(
            f"{len(missing)} of {len(missing) + opened} sections have no {what} and are left out: "
            f"{', '.join(missing[:10])}{', ...' if len(missing) > 10 else ''}{more}",
            UserWarning,
            stacklevel=find_stack_level(),
        )


def _voxel_of(alignment: Alignment, extent: dict[str, float], voxel_size: Any) -> float:
    """Return the voxel size of the target in mm, checked against the size of the atlas.

    Raises
    ------
    GridError
        If nothing says it.
    AtlasMismatchError
        If the two atlases differ in size.
    """
    named = MICROMETRES.search(alignment.target)
    what = f"the sections of {alignment.place} were aligned to"
    if voxel_size is not None:
        sizes = stated_voxel_size(voxel_size)
        if len(set(sizes)) > 1:
            raise GridError(f"voxel_size={voxel_size!r}: anchoring vectors count in cubic voxels")
        size = sizes[0]
    elif named:
        size = float(named[1]) / 1000
    else:
        there = f"target {alignment.target!r}" if alignment.target else "no target"
        raise GridError(
            f"{alignment.place} names {there}, so that nothing says how large the voxels are in "
            "which its anchoring vectors count: give voxel_size='25 um' (DeepSlice: 25 um for the "
            "mouse, 39 um for the rat)"
        )
    here = " x ".join(f"{length:.4g}" for length in extent.values())
    lengths: tuple[float, ...] = tuple(n * size for n in alignment.resolution)
    if not lengths:
        found = (known for start, known in EXTENTS.items() if alignment.target.startswith(start))
        lengths = next(found, ())
    if lengths and len(lengths) != 3:
        raise GridError(f"{alignment.place}: target-resolution is {list(alignment.resolution)}")
    for theirs, ours in zip(lengths, extent.values(), strict=False):
        if abs(theirs - ours) > 0.01 * ours:
            there = " x ".join(f"{length:.4g}" for length in lengths)
            voxels = " x ".join(map(str, alignment.resolution))
            told = f", {voxels} voxels of {1000 * size:g} um" if voxels else ""
            raise AtlasMismatchError(
                f"{what} {alignment.target or 'an atlas'!r}{told}: {there} mm (ml, ap, dv). This "
                f"atlas is {here} mm: open that atlas, at any resolution"
                + (
                    ", or give voxel_size= if the anchoring vectors count in other voxels"
                    if voxel_size is None
                    else f", or give another voxel_size than {voxel_size!r}"
                )
            )
    return size


def _length(value: Any, name: str) -> float:
    """Return a stated length in mm."""
    if isinstance(value, int | float | np.number):
        raise UnitsError(f"{name}={value!r} has no unit; write {name}='{value:g} um'")
    found = to_mm(value, name)
    if np.ndim(found) or not np.isfinite(found) or found <= 0:
        raise GridError(f"{name}={value!r} is not one positive length")
    return float(found)

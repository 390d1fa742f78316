"""Sections that ABBA registered, from the QuPath project to which it exported them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.atlases.section_grids import pixels_of, resampled_section
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.errors import AtlasMismatchError, StoreFormatError
from xarray_atlas.io.files.abba import AbbaProject, AbbaSection, read_abba
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.sections.aligned import ACROSS, extent_of, is_mirrored
from xarray_atlas.transforms.ends import ATLAS, IMAGE, End, coordinates_end
from xarray_atlas.transforms.known_frames import in_ccf
from xarray_atlas.transforms.registration import nearest_letters
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["abba_sections"]

ALLEN = "Adult Mouse Brain - Allen Brain Atlas V3"
"""The beginning of the names of ABBA's atlases that count along AP, DV and ML."""

BRAINGLOBE = re.compile(r"([a-z][a-z0-9_]*)_\d+(?:\.\d+)?um(?:_java)?")
"""The names of BrainGlobe's atlases, and of those that ABBA packages in their form."""

IN_CCF = {"allen_mouse", "kim_mouse", "osten_mouse", "ccfv3augmented_mouse"}
"""Atlases of one space."""


def abba_sections(
    path: Any, ds: xr.Dataset, pixels: Any, thickness: float | None, mirrored: bool | None
) -> tuple[AbbaProject, dict[str, xr.Dataset]]:
    """Return the sections of a QuPath project by name.

    Parameters
    ----------
    path : str or path
    ds, pixels
        As :func:`open_sections` takes them.
    thickness : float, optional
        In mm.
    mirrored : bool, optional
        As :func:`open_sections` takes it.

    Raises
    ------
    AtlasMismatchError
        If the sections were registered to another atlas, or one with unknown axes.
    """
    project = read_abba(path)
    end = _atlas_end(project, ds)
    mirror = (end.frame == "allen" and is_mirrored(ds)) if mirrored is None else bool(mirrored)
    nodes: dict[str, xr.Dataset] = {}
    for section in project.sections:
        name = _name(section)
        name = name if name not in nodes else f"{name}_{section.entry}"
        nodes[name] = _section(section, ds, end, pixels, thickness, mirror)
    return project, nodes


def _atlas_end(project: AbbaProject, ds: xr.Dataset) -> End:
    """Return the coordinates of ABBA's atlas, in the order Z, Y, X."""
    terminology, space = find_atlas(ds)
    ccf = in_ccf(terminology, space)
    what = f"the sections of {project.place} were registered to {project.atlas!r}"
    if project.atlas.startswith(ALLEN):
        if not ccf:
            raise AtlasMismatchError(f"{what}, and this atlas is not in the Allen CCF")
        return coordinates_end(ATLAS, ("ml", "dv", "ap"), "lsa", "allen")
    named = BRAINGLOBE.fullmatch(project.atlas)
    if named is None:
        raise AtlasMismatchError(
            f"{what}, and which axes its X, Y and Z are is not known. Known are "
            f"{ALLEN!r} and 'V3p1', 'allen_mouse_10um_java', 'whs_sd_rat_39um_java' and "
            "BrainGlobe's atlases: register the sections to one of these"
        )
    own = BRAINGLOBE.fullmatch(str(ds.attrs.get("name", "")))
    if own and own[1] != named[1] and not (ccf and named[1] in IN_CCF):
        raise AtlasMismatchError(f"{what}, and this atlas is {own[0]!r}: open {named[1]!r}")
    return coordinates_end(ATLAS, ("ap", "dv", "ml"), "asr", "brainglobe")


def _name(section: AbbaSection) -> str:
    """Return the name of a node: that of the image, without the ending of a file."""
    name = re.sub(r"(\.ome)?\.[A-Za-z]\w{1,4}$", "", section.name).replace("/", "_").strip(". ")
    return name or f"entry_{section.entry}"


def _section(
    section: AbbaSection,
    ds: xr.Dataset,
    end: End,
    pixels: Any,
    thickness: float | None,
    mirror: bool,
) -> xr.Dataset:
    """Bring an atlas onto the pixels of a section."""
    image = (section.height, section.width)
    lengths = [n * size for n, size in zip(image, section.pixel, strict=True)]
    steps, letters = _steps(section, lengths, end)
    source = coordinates_end(IMAGE, (ACROSS, "y", "x"), letters)
    _, space = find_atlas(ds)
    shape = pixels_of(pixels, image, lengths, min(space.voxel_size))
    turned = None
    if mirror:
        at = next(i for i, way in enumerate(end.directions) if "left" in way)
        matrix = np.eye(4)
        matrix[at, at], matrix[at, 3] = -1, extent_of(ds)["ml"]
        turned = AffineStep(matrix)
    transform = Transform(steps, source, end)
    found = resampled_section(ds, transform, lengths, shape, image, thickness, turned)
    return found.assign_attrs(filename=section.name)


def _steps(section: AbbaSection, lengths: list[float], end: End) -> tuple[tuple[Step, ...], str]:
    """Return the steps from mm on a section to its atlas, and the letters of its axes.

    The file does not state what a pixel is across the plane: a mm there is one in the atlas.
    """
    to_pixels = np.diag([1.0, *(1 / np.array(section.pixel)), 1.0])
    slopes = _slopes([AffineStep(to_pixels), *section.steps], lengths)
    thick = float(np.linalg.norm(slopes[:, 0]))
    if not np.isfinite(slopes).all() or not thick or abs(np.linalg.det(slopes)) < 1e-9 * thick:
        raise StoreFormatError(
            f"the transform of image {section.name!r} has no inverse at the centre of the image"
        )
    to_pixels[0, 0] = 1 / thick
    matrix = np.eye(4)
    matrix[:3, :3] = slopes / [thick, 1, 1]
    letters = nearest_letters(matrix, "".join(_letter(way) for way in end.directions))
    return merged([AffineStep(to_pixels), *section.steps]), letters


def _slopes(steps: list[Step], lengths: list[float]) -> FloatArray:
    """Return the derivatives of a map at the centre of an image, shape (3, 3)."""
    reach = 1e-3 * min(lengths)
    centre = np.array([0.0, lengths[0] / 2, lengths[1] / 2])
    moved = [centre + sign * reach * np.eye(3)[i] for i in range(3) for sign in (1, -1)]
    positions = list(np.array(moved).T)
    for step in steps:
        positions = list(step.apply(positions))
    there = np.stack(np.broadcast_arrays(*positions))
    return np.asarray((there[:, ::2] - there[:, 1::2]) / (2 * reach))


def _letter(direction: str) -> str:
    return direction[0]

"""Open the transforms in files and objects of registration tools."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from xarray_atlas.errors import StoreNotFoundError, TransformError
from xarray_atlas.io.transforms.ants_names import check_alone, check_order, is_back
from xarray_atlas.io.transforms.bids import named_by_bids
from xarray_atlas.io.transforms.brainglobe_registration import (
    is_brainglobe_registration,
    read_brainglobe_registration,
)
from xarray_atlas.io.transforms.brainreg import is_brainreg, read_brainreg
from xarray_atlas.io.transforms.ccf_translator import NAME as CCF_TRANSLATOR
from xarray_atlas.io.transforms.ccf_translator import is_ccf_translator, read_ccf_translator
from xarray_atlas.io.transforms.elastix import check_elastix_list, is_elastix, read_elastix
from xarray_atlas.io.transforms.itk import is_itk, read_itk
from xarray_atlas.io.transforms.itk_fields import is_itk_field, read_itk_field
from xarray_atlas.io.transforms.nitransforms_files import is_affine_file, read_affine_file
from xarray_atlas.io.transforms.objects import is_transform_object, read_object
from xarray_atlas.io.transforms.rfc5 import is_rfc5, read_rfc5
from xarray_atlas.io.transforms.saved import is_saved, read_saved
from xarray_atlas.io.zarr.stores import is_url, locate
from xarray_atlas.transforms.ends import FIXED, MOVING, ROLES
from xarray_atlas.transforms.steps import merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["open_transform"]


@dataclass(frozen=True)
class Reader:
    """A reader of one tool's files or objects.

    Parameters
    ----------
    files : str
        The supported files, for error messages.
    is_this : callable
        Returns whether it reads a source of any type.
    read : callable
        Takes the source, and returns a Transform.
    takes : tuple of str
        The options of :func:`open_transform` that it accepts as keyword arguments.
    """

    files: str
    is_this: Callable[[Any], bool]
    read: Callable[..., Transform]
    takes: tuple[str, ...] = ()


READERS: tuple[Reader, ...] = (
    Reader("what Transform.save wrote (.zarr, .nc)", is_saved, read_saved),
    Reader(
        "objects of SimpleITK, itk and nitransforms", is_transform_object, read_object, ("index",)
    ),
    Reader("ITK's and ANTs's .tfm, .txt, .mat and .h5", is_itk, read_itk, ("index",)),
    Reader("elastix's TransformParameters.0.txt", is_elastix, read_elastix),
    Reader(
        "affines of FreeSurfer (.lta), FSL and AFNI",
        is_affine_file,
        read_affine_file,
        ("tool", "reference", "moving", "index"),
    ),
    Reader("displacement fields of ITK and ANTs (1Warp.nii.gz)", is_itk_field, read_itk_field),
    Reader(
        "folders of brainglobe-registration",
        is_brainglobe_registration,
        read_brainglobe_registration,
        ("voxel_size",),
    ),
    Reader("folders of brainreg", is_brainreg, read_brainreg, ("voxel_size", "shape")),
    Reader(
        "OME-Zarr's coordinate transformations of RFC-5",
        is_rfc5,
        read_rfc5,
        ("source", "target", "space", "unit", "axes"),
    ),
    Reader(
        f"the fields of brainglobe-ccf-translator ({CCF_TRANSLATOR!r})",
        is_ccf_translator,
        read_ccf_translator,
        ("source", "target", "age", "folder"),
    ),
)
"""The readers, in the order in which they are tried."""


def open_transform(
    path: Any,
    *,
    maps: str | None = None,
    invert: bool | Sequence[bool] | None = None,
    index: int | None = None,
    tool: str | None = None,
    reference: Any = None,
    moving: Any = None,
    source: str | None = None,
    target: str | None = None,
    age: int | tuple[int, int] | None = None,
    folder: str | os.PathLike[str] | None = None,
    voxel_size: Any = None,
    shape: Sequence[int] | None = None,
    space: str | None = None,
    unit: str | None = None,
    axes: str | None = None,
) -> Transform:
    r"""Open a transform from a registration tool: a file, several of them, or an object.

    Parameters
    ----------
    path : str, path, object, or list of these
        A file of ITK, ANTs or SimpleITK (``.tfm``, ``.txt``, ``.mat``, ``.h5``), a displacement
        field in LPS mm as written by these (``1Warp.nii.gz``, ``.mha``, ``.nrrd``), the last of
        elastix's ``TransformParameters.0.txt``, ``...1.txt``, an affine of FreeSurfer (``.lta``),
        FSL or AFNI (``.aff12.1D``), a folder of brainreg or brainglobe-registration, an OME-Zarr
        with coordinate transformations (RFC-5), a transform of SimpleITK, itk or nitransforms, or
        the output of :meth:`Transform.save`; or ``"ccf-translator"``, for the fields of
        brainglobe-ccf-translator in `folder`. For a list, points go through the first one first, in
        the order of antsApplyTransforms: ``[warp, affine]``. A file in a list may be
        ``"[file,1]"``, which inverts it.
    maps : str, optional
        Names of the source and target of points, ``"image to atlas"``. By default
        ``"fixed to moving"``, as all of these tools map points of the fixed image, onto whose grid
        a registration resamples images, to the moving one; or the names of the spaces if a BIDS
        name, a folder or a store gives them.
    invert : bool, or a sequence of bool with one for each of a list, optional
        The transforms to invert, like the flags of antsApplyTransforms or antspyx's
        `whichtoinvert`.
    index : int, optional
        The position in a file or an object with a list of transforms of a series of images.
    tool : "fsl", "afni" or "freesurfer", optional
        The tool that wrote an affine, if the file name does not tell: a text of 4 rows of 4 numbers
        may be of FSL, or of others.
    reference, moving : str, path, image of nibabel, or DataArray of :func:`open_image`, optional
        For FSL and AFNI: the image that stayed, and the one that was moved, in the registration.
        Their affines define the points that the matrix maps.
    source, target : str, optional
        For OME-Zarr and "ccf-translator" with several spaces: the source and target of points.
    age : int, or (int, int), optional
        For "ccf-translator", in postnatal days: of the space with several ages, or of both.
    folder : str or path, optional
        For "ccf-translator": the folder of its fields and ``translation_metadata.csv``.
    voxel_size : str, quantity, or one of these an axis, optional
        For brainreg and brainglobe-registration: voxel size of the atlas, with a unit. By default
        that of a local copy of the atlas.
    shape : (int, int, int), optional
        For brainreg: shape of the raw image, in planes, rows and columns. Points are then those of
        the raw image, as in cellfinder; by default those of the downsampled image.
    space : "LPS" or "RAS", optional
        For OME-Zarr without orientation: whether x and y increase to the left and posterior, as in
        ITK, or to the right and anterior, as in NIfTI.
    unit : str, optional
        For OME-Zarr with axes without a unit.
    axes : str, optional
        For OME-Zarr without coordinate systems: the names of the axes, such as "zyx".

    Returns
    -------
    Transform
        Maps points in RAS mm, as in nibabel, whatever the tool's space. Two-dimensional transforms
        map the tool's x and y, and keep z. Between images without world coordinates, such as those
        of brainreg, points are mm along their axes, in the order of the array; see
        ``transform.source`` and ``transform.target``.

    Raises
    ------
    StoreNotFoundError
        If the file does not exist.
    TransformError
        If it is not a supported transform, or is inconsistent: a list in a wrong order, an affine
        and an inverse warp without a flag, one stage of several.
    ImportError
        If the package for the format is missing: the extra ``registration``.

    See Also
    --------
    Transform.from_matrix, Transform.from_field : From numbers of your own.

    Notes
    -----
    Fields stay on disk, and are read when points are mapped; a compressed one of up to 1 GiB is
    held in memory. Beyond the outermost voxels of a field, or where a B-spline lacks coefficients,
    points are not moved, as in ITK and elastix: ``transform.outside("error")`` makes them an error.
    For brainreg, brainglobe-registration, OME-Zarr and "ccf-translator" they are an error;
    ``transform.outside("nearest")`` uses the nearest voxel.

    In BIDS a file ``from-A_to-B_mode-image_xfm`` resamples images of A onto the grid of B, so that
    it maps points of B to A; ``mode-points`` maps points of A to B.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile, xarray_atlas
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> lines = ["#Insight Transform File V1.0", "#Transform 0"]
    >>> lines += ["Transform: AffineTransform_double_3_3"]
    >>> lines += ["Parameters: 1 0 0 0 1 0 0 0 1 0.5 0.25 2", "FixedParameters: 0 0 0"]
    >>> _ = (folder / "moved.tfm").write_text("\n".join(lines) + "\n")
    >>> t = xarray_atlas.open_transform(folder / "moved.tfm", maps="image to atlas")
    >>> t
    Transform(image -> atlas: affine; points x, y, z in RAS mm)
    >>> t.points([[1.0, 1.0, 1.0]])  # the file's 0.5 and 0.25 mm are to the left and to posterior
    array([[0.5 , 0.75, 3.  ]])
    """
    several = isinstance(path, list | tuple)
    given = list(path) if several else [path]
    if not given:
        raise TransformError("open_transform takes a file, an object, or a list with one at least")
    sources, flags = _inverted(given, invert, several)
    given_options = {
        "index": index,
        "tool": tool,
        "reference": reference,
        "moving": moving,
        "source": source,
        "target": target,
        "age": age,
        "folder": folder,
        "voxel_size": voxel_size,
        "shape": shape,
        "space": space,
        "unit": unit,
        "axes": axes,
    }
    options = {name: value for name, value in given_options.items() if value is not None}
    if several and options:
        raise TransformError(
            f"{next(iter(options))}= applies to a single file; open it by itself, and pass the "
            "object that you get"
        )
    if maps is None and not several:
        check_alone(sources[0])
    found = [_open(one, options, maps is None) for one in sources]
    found = [t.inverse() if flag else t for t, flag in zip(found, flags, strict=True)]
    ends = _ends(maps)
    if not several:
        return _named(found[0], ends)
    check_order(sources, [t.source.name == MOVING for t in found])
    check_elastix_list(sources)
    return _chain(found, ends, sources, flags)


def _open(source: Any, options: dict[str, Any], unnamed: bool) -> Transform:
    """Open one file or object, with the tool's names of its ends.

    If the caller does not name them (`unnamed`), a BIDS name must have a mode.
    """
    if isinstance(source, Transform):
        if extra := [name for name, value in options.items() if value is not None]:
            raise TransformError(
                f"{extra[0]}= does not apply to a Transform, which is not read from a file"
            )
        return source
    if isinstance(source, str | os.PathLike) and not is_ccf_translator(source):
        place = locate(source)
        if is_url(place):
            raise TransformError(f"{place} is a URL; transforms are read from local files")
        if not os.path.exists(place):
            raise StoreNotFoundError(f"there is no file {place}")
        source = place
    reader = next((reader for reader in READERS if reader.is_this(source)), None)
    if reader is None:
        what = source if isinstance(source, str) else f"a {type(source).__name__}"
        files = "; ".join(reader.files for reader in READERS)
        raise TransformError(f"{what} is not a supported transform. Supported are: {files}")
    if extra := [name for name in options if name not in reader.takes]:
        raise TransformError(
            f"{extra[0]}= does not apply to {source}: it is read as {reader.files}"
        )
    transform = named_by_bids(reader.read(source, **options), source, unnamed)
    if is_back(source) and transform.source.name == FIXED:
        return transform.rename(source=MOVING, target=FIXED)
    return transform


FLAGGED = re.compile(r"^\[(.+),\s*([01])\]$")
"""A file as passed to antsApplyTransforms, with a flag that inverts it."""


def _inverted(given: list[Any], invert: Any, several: bool) -> tuple[list[Any], list[bool]]:
    """Return files without flags, and the flags."""
    marks = [FLAGGED.match(one) if isinstance(one, str) else None for one in given]
    sources = [mark[1] if mark else one for one, mark in zip(given, marks, strict=True)]
    flags = [bool(mark and mark[2] == "1") for mark in marks]
    if invert is None:
        return sources, flags
    if any(marks):
        raise TransformError(
            "say which are inverted with invert= or with '[file,1]', not with both"
        )
    if isinstance(invert, bool | np.bool_):
        if several:
            raise TransformError(
                f"invert={invert} does not say which of the list; pass one for each, as "
                f"invert=({', '.join(['True'] + ['False'] * (len(given) - 1))}). To invert all of "
                "the chain, open it and take transform.inverse()"
            )
        return sources, [bool(invert)]
    flags = [bool(flag) for flag in invert]
    if len(flags) != len(given):
        raise TransformError(f"invert= has {len(flags)} flags for {len(given)} transforms")
    return sources, flags


def _ends(maps: str | None) -> tuple[str, str] | None:
    if maps is None:
        return None
    found = re.fullmatch(r"\s*(\S.*?)\s+to\s+(\S.*?)\s*", maps) if isinstance(maps, str) else None
    if not found or found[1] == found[2]:
        raise TransformError(
            f"maps={maps!r} names whose points come in and whose come out: maps='image to atlas' "
            "or maps='atlas to image'"
        )
    return found[1], found[2]


def _named(transform: Transform, ends: tuple[str, str] | None) -> Transform:
    """Return a transform with the requested names of its ends."""
    if ends is None:
        return transform
    own = (transform.source.name, transform.target.name)
    known = [name for name in own if name not in ROLES]
    # where one end is called as it is, the other one may be called again
    if known and not any(name == asked for name, asked in zip(own, ends, strict=True)):
        raise TransformError(
            f"this transform maps points of {own[0]!r} to {own[1]!r}, according to its tool, and "
            f"maps='{ends[0]} to {ends[1]}' was passed; drop maps=, or take its .inverse()"
        )
    return transform.rename(*ends)


def _chain(
    found: list[Transform], ends: tuple[str, str] | None, sources: list[Any], flags: list[bool]
) -> Transform:
    """Join transforms; points are mapped by the first one first."""
    for one, other in pairwise(found):
        if one.target.rename("same") != other.source.rename("same"):
            raise TransformError(
                f"the list goes on from points of {one.target!r} to one that takes {other.source!r}"
            )
    names = [(t.source.name, t.target.name) for t in found]
    if all(set(pair) == set(ROLES) for pair in names):
        if ends is None and len(set(names)) > 1:
            raise TransformError(_contradiction(names, sources, flags))
        whole = names[0]
    else:
        if broken := [i for i, (a, b) in enumerate(pairwise(names)) if a[1] != b[0]]:
            raise TransformError(
                f"the list maps points of {' to '.join(names[broken[0]])}, and then of "
                f"{' to '.join(names[broken[0] + 1])}; points go through the first one first"
            )
        whole = (names[0][0], names[-1][1])
    steps = merged([step for transform in found for step in transform.steps])
    joined = dataclasses.replace(found[0], steps=steps, target=found[-1].target)
    if ends is not None and all(name in ROLES for name in whole):
        return joined.rename(*ends)
    return _named(joined.rename(*whole), ends)


def _contradiction(names: list[tuple[str, str]], sources: list[Any], flags: list[bool]) -> str:
    each = "; ".join(
        f"{os.path.basename(s) if isinstance(s, str | os.PathLike) else type(s).__name__}: "
        f"points of {a} to {b}"
        for s, (a, b) in zip(sources, names, strict=True)
    )
    back = tuple(flag != (pair == (FIXED, MOVING)) for flag, pair in zip(flags, names, strict=True))
    return (
        f"the transforms of the list map in different directions: {each}. To go from moving to "
        f"fixed, as with ANTs's inverse warp and the inverse of its affine, pass invert={back}. If "
        "the list is correct, name its ends: maps='fixed to moving'"
    )

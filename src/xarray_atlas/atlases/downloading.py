"""Download atlases, or parts of them, to local copies."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xarray_atlas.coords.units import quantity
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import (
    AtlasNotFoundError,
    ComponentNotFoundError,
    StoreError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe.catalogue import BUCKET, Entry, find_manifest
from xarray_atlas.io.brainglobe.components import MASKS, open_part
from xarray_atlas.io.brainglobe.folder import brainglobe_folder, is_brainglobes
from xarray_atlas.io.brainglobe.manifest import Component, Manifest
from xarray_atlas.io.copies.completeness import default_folder
from xarray_atlas.io.copies.records import Object
from xarray_atlas.io.downloads.remote import Source, connect
from xarray_atlas.io.downloads.transfer import Piece, fetch, plan
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale, read_multiscale
from xarray_atlas.io.zarr.stores import is_url, part_root
from xarray_atlas.terminology.cells import counted

__all__ = ["Copied", "copy_atlas", "download"]

USUAL = ("annotation", "template", "hemispheres")
"""Components that are copied unless others are asked for."""

SHOWN = 10
"""Damaged files that a warning names."""

MESHES = "annotations.precomputed"


def download(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    resolution: Any = None,
    version: str | None = None,
    include: str | Iterable[str] = USUAL,
    root: str | os.PathLike[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: bool = False,
    verify: bool = False,
) -> Path:
    """Download an atlas, or parts of it.

    The copy has the layout of its source, and is read without requests:
    ``open_atlas(name, root=folder)``. While it is incomplete, reading a missing chunk is an error,
    never zeros.

    Calling it again resumes an interrupted download, fetching only what is missing; calls with
    other levels or components extend the copy. Several processes may download to the same folder at
    once.

    Parameters
    ----------
    name : str
        Same as in :func:`open_atlas`, with or without a resolution.
    folder : path, optional
        The root of the copy. By default a folder in the user's data directory, or
        ``XARRAY_ATLAS_DATA``.
    resolution : str, quantity, int or list of them, optional
        The levels of the pyramid, in the forms of :func:`open_atlas`, or ``"all"``. By default the
        level of the atlas's manifest: that of its name, or the finest.
    version : str, optional
        For example ``"3.0"``; the newest by default.
    include : str or iterable of str, default: ("annotation", "template", "hemispheres")
        Components to copy, if the atlas has them; also ``"masks"`` (a volume for each region),
        ``"meshes"``, and additional references by name. The manifest, the terminology and the
        metadata of the annotation are always copied.
    root : str or path, optional
        The bucket, mirror or folder to copy from, in BrainGlobe's layout; BrainGlobe's public
        bucket by default. It must support listing.
    storage_options : mapping, optional
        For fsspec; see :func:`open_atlas`.
    progress : bool, default: False
        Whether to show a bar on stderr, in bytes.
    verify : bool, default: False
        Whether to compare the MD5 of all downloaded files with those recorded on arrival, and fetch
        differing files again. Otherwise only sizes are compared.

    Returns
    -------
    Path
        The root of the copy.

    Raises
    ------
    AtlasNotFoundError, ResolutionNotFoundError, ComponentNotFoundError
        If there is no such atlas, level or component; the message lists the available ones.
    StoreError
        If the source cannot be listed or read, an object differs from its listing, or the folder
        cannot be written to. Downloaded objects are kept.

    Warns
    -----
    UserWarning
        With `verify`, if files differed from the download; the message names them.

    Notes
    -----
    Each object is first written under a temporary name, compared with the listing (its size, and
    its MD5 if the ETag is one) and then renamed. If the store is busy (HTTP 429, 500, 503 and the
    like), does not respond, or the connection breaks, the request is repeated with growing pauses,
    at most six times, and no later than a minute after the first attempt. Up to 64 requests are
    concurrent, for objects of up to 256 MB together.

    The listing is saved before anything is fetched, in a folder ``.xarray-atlas`` in each store,
    which belongs to the copy and must not be removed. The manifest is written last: BrainGlobe's
    tools consider an atlas with a manifest complete.

    A complete copy is compared with the listing again by the sizes of its files. An incomplete one
    is resumed after comparing the MD5 of existing files too. Bit errors of a disk do not change
    sizes: `verify`, or ``check(full=True)``, which needs no network, read all files. The MD5 of
    each file is saved in ``.xarray-atlas`` on arrival.

    Examples
    --------
    >>> import xarray_atlas
    >>> folder = xarray_atlas.download("allen_mouse_25um", progress=True)  # doctest: +SKIP
    >>> ds = xarray_atlas.open_atlas("allen_mouse_25um", root=folder)  # doctest: +SKIP
    """
    copied = copy_atlas(
        name,
        folder,
        resolution=resolution,
        version=version,
        include=include,
        root=root,
        storage_options=storage_options,
        progress=progress,
        verify=verify,
    )
    if copied.mended:
        warnings.warn(copied.sentence, UserWarning, stacklevel=find_stack_level())
    return copied.folder


class Copied(NamedTuple):
    """The result of a download and its verification."""

    folder: Path
    """The root of the copy."""
    files: int
    """How many files belong to what was asked for."""
    mended: tuple[str, ...]
    """The paths of those that had another content than what was downloaded."""

    @property
    def sentence(self) -> str:
        """Describe the verification in one sentence."""
        if not self.mended:
            return f"{counted(self.files, 'file')} in {self.folder} verified: none is damaged"
        more = "" if len(self.mended) <= SHOWN else f" and {len(self.mended) - SHOWN} more"
        return (
            f"{counted(len(self.mended), 'file')} of {self.files} in {self.folder} differed from "
            "what had been downloaded (damaged on the disk, or changed), and were fetched again: "
            f"{', '.join(self.mended[:SHOWN])}{more}. Numbers that were computed from them may be "
            "wrong"
        )


def copy_atlas(
    name: str,
    folder: str | os.PathLike[str] | None,
    *,
    resolution: Any,
    version: str | None,
    include: str | Iterable[str],
    root: str | os.PathLike[str] | None,
    storage_options: Mapping[str, Any] | None,
    progress: bool,
    verify: bool,
) -> Copied:
    """Download like :func:`download`, with its parameters, and return the result."""
    place, storage_options = part_root(BUCKET if root is None else root, storage_options)
    target = default_folder() if folder is None else Path(folder).expanduser().absolute()
    _refuse(target, place)
    source = connect(place, storage_options)
    several = resolution if isinstance(resolution, list | tuple) else [resolution]
    wanted = [None if _is_all(each) else each for each in several]
    manifest = find_manifest(
        name, place, version=version, resolution=wanted[0], storage_options=storage_options
    )
    # small objects first: they show whether the source can be listed at all
    listings = dict(_tables(source, manifest))
    annotation, group = open_part(manifest.annotation, storage_options)
    pyramid = read_multiscale(group, annotation, manifest.orientation)
    chosen = _levels(pyramid, manifest, wanted, any(map(_is_all, several)))
    names = dict.fromkeys([include] if isinstance(include, str) else include)
    for piece in _stores(manifest, annotation, pyramid, chosen, names, storage_options):
        found = source.listing(piece.path)
        if not found:
            raise ComponentNotFoundError(
                f"{manifest.name} {manifest.version} has no {piece.path} in {place}"
            )
        listings[piece] = found
    manifests = _manifests(manifest, chosen, storage_options)
    last = {piece: source.listing(piece.path) for piece in manifests}
    for piece in (*listings, *last):  # parts of a copy may be links
        _refuse_brainglobes(target / piece.path)
    files, mended = 0, list[str]()
    with _shown(progress, manifest.folder) as bar:
        for pieces in (listings, last):
            tasks = [plan(source, *each, str(target), verify) for each in pieces.items()]
            bar.expect(sum(task.objects[key].size for task in tasks for key in task.lacking))
            mended += fetch(source, tasks, bar.update)
            files += sum(len(task.objects) for task in tasks)
    return Copied(target, files, tuple(sorted(mended)))


def _refuse(target: Path, place: str) -> None:
    _refuse_brainglobes(target)
    if is_url(place):
        return
    if Path(place).resolve() == brainglobe_folder().resolve():
        raise StoreError(
            f"{place} is BrainGlobe's own folder, which may be incomplete: a copy "
            "of it would pass for complete. Leave out root= to copy BrainGlobe's bucket"
        )
    if Path(place).resolve() == target.resolve():
        raise StoreError(f"{target} cannot be copied to itself: folder and root are the same")


def _refuse_brainglobes(target: Path) -> None:
    if is_brainglobes(target):
        raise StoreError(
            f"{target} is in BrainGlobe's own folder, which is never written to; choose another "
            f"one, or leave it out: {default_folder()}"
        )


def _is_all(resolution: Any) -> bool:
    return isinstance(resolution, str) and resolution == "all"


def _levels(
    pyramid: Multiscale, manifest: Manifest, wanted: Iterable[Any], all_levels: bool
) -> tuple[Level, ...]:
    if all_levels:
        return pyramid.levels
    own = quantity(list(manifest.voxel_size))
    selected = [pyramid.select(own if each is None else each) for each in wanted]
    return tuple(dict.fromkeys(selected))


def _below(place: str, manifest: Manifest) -> str:
    return place.replace("\\", "/").removeprefix(f"{manifest.root}/")


def _tables(source: Source, manifest: Manifest) -> Iterator[tuple[Piece, dict[str, Object]]]:
    """List objects outside stores: the terminology, and the coordinate space if it has a file."""
    terminology = Piece(_below(manifest.terminology.url, manifest))
    found = source.listing(terminology.path)
    if not found:
        raise StoreNotFoundError(f"there is no terminology in {manifest.terminology.url}")
    yield terminology, found
    if manifest.coordinate_space is not None:
        space = Piece(_below(manifest.coordinate_space.url, manifest))
        if listed := source.listing(space.path):
            yield space, listed


def _stores(
    manifest: Manifest,
    annotation: str,
    pyramid: Multiscale,
    chosen: tuple[Level, ...],
    names: Mapping[str, None],
    storage_options: Mapping[str, Any] | None,
) -> Iterator[Piece]:
    """Yield the stores to copy."""
    paths = tuple(level.path for level in pyramid.levels)
    own = tuple(level.path for level in chosen)
    # its metadata define the levels, whatever is opened
    yield Piece(_below(annotation, manifest), paths, own if "annotation" in names else ())
    for name in names:
        if name == "annotation":
            continue
        if name == "masks":  # their levels have the same names as those of the labels
            yield Piece(_below(f"{manifest.annotation.url}/{MASKS}", manifest), paths, own)
        elif name == "meshes":
            yield Piece(_below(f"{manifest.annotation.url}/{MESHES}", manifest))
        elif name == "hemispheres":
            # a symmetric atlas needs none
            with contextlib.suppress(StoreNotFoundError):
                yield _image(manifest, manifest.hemispheres, chosen, storage_options)
        elif name != "template" or manifest.template is not None:
            try:
                part = manifest.image(name)
            except ComponentNotFoundError as error:
                raise ComponentNotFoundError(f"{error}, 'masks', 'meshes'") from error
            yield _image(manifest, part, chosen, storage_options)


def _image(
    manifest: Manifest,
    part: Component,
    chosen: tuple[Level, ...],
    storage_options: Mapping[str, Any] | None,
) -> Piece:
    """Describe a store with levels that are matched by voxel size."""
    place, group = open_part(part, storage_options)
    levels = read_multiscale(group, place, manifest.orientation).levels
    same = [level for level in levels if any(level.has_voxels_of(own.scale) for own in chosen)]
    return Piece(
        _below(place, manifest),
        tuple(level.path for level in levels),
        tuple(level.path for level in same),
    )


def _manifests(
    manifest: Manifest, chosen: Iterable[Level], storage_options: Mapping[str, Any] | None
) -> list[Piece]:
    """Return the path of the atlas's manifest, and those of the other levels that are copied."""
    found = {manifest.path}
    atlas = Entry(manifest.folder, ()).name
    for level in chosen:
        if level.has_voxels_of(manifest.voxel_size):
            continue
        with contextlib.suppress(AtlasNotFoundError):
            other = find_manifest(
                atlas,
                manifest.root,
                version=manifest.path.split("/")[-2],
                resolution=quantity(list(level.scale)),
                storage_options=storage_options,
            )
            same = other.content["annotation_set"] == manifest.content["annotation_set"]
            if level.has_voxels_of(other.voxel_size) and same:
                found.add(other.path)
    return [Piece(path.rpartition("/")[0]) for path in sorted(found)]


class _Bar:
    """A progress bar on stderr with a total that is unknown at first; or none."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def expect(self, more: int) -> None:
        self._bar.total += more
        self._bar.refresh()

    def update(self, done: int) -> None:
        self._bar.update(done)


@contextlib.contextmanager
def _shown(progress: bool, name: str) -> Iterator[_Bar]:
    from tqdm import tqdm

    with tqdm(
        total=0, desc=name, unit="B", unit_scale=True, file=sys.stderr, disable=not progress
    ) as bar:
        yield _Bar(bar)

"""Exceptions of xarray-atlas.

Each derives from :class:`AtlasError` and from the built-in exception that a caller would expect, so
that both ``except AtlasError`` and, for example, ``except KeyError`` catch it.
"""

from __future__ import annotations

from xarray_atlas.printable import printable

__all__ = [
    "AmbiguousRegionError",
    "AtlasError",
    "AtlasMismatchError",
    "AtlasNotFoundError",
    "ComponentNotFoundError",
    "GridError",
    "HemisphereError",
    "MissingTerminologyError",
    "ParcellationError",
    "PointsError",
    "RegionNotFoundError",
    "RegionOverlapError",
    "ResolutionNotFoundError",
    "StoreError",
    "StoreExistsError",
    "StoreFormatError",
    "StoreNotFoundError",
    "TerminologyError",
    "TransformError",
    "UnitsError",
]


class AtlasError(Exception):
    """Base class of the errors that xarray-atlas raises."""

    def __str__(self) -> str:
        # Escape control characters: a message may hold region names from untrusted tables. Also
        # show the message itself, where KeyError would show its repr.
        return printable(Exception.__str__(self), keep="\n\t")


class RegionNotFoundError(AtlasError, KeyError):
    """No region has the given acronym, name or id."""


class AmbiguousRegionError(AtlasError, ValueError):
    """Several regions share the given acronym or name."""


class RegionOverlapError(AtlasError, ValueError):
    """Regions overlap where they must be disjoint."""


class TerminologyError(AtlasError, ValueError):
    """A table of regions cannot be read as a hierarchy."""


class MissingTerminologyError(AtlasError, ValueError):
    """An object or a store has no region hierarchy."""


class AtlasMismatchError(AtlasError, ValueError):
    """Two atlases differ, or one is inconsistent."""


class ParcellationError(AtlasError, ValueError):
    """Parcels overlap, do not cover all voxels where they must, or are unknown."""


class UnitsError(AtlasError, ValueError):
    """A length has no unit, or its unit is not a length."""


class GridError(AtlasError, ValueError):
    """Coordinates lack information that the operation needs."""


class PointsError(AtlasError, ValueError):
    """Points cannot be read as positions, or lie in no region."""


class TransformError(AtlasError, ValueError):
    """A transform cannot be read, inverted or applied, or its spaces are unknown."""


class HemisphereError(AtlasError, ValueError):
    """Left and right cannot be distinguished, or the given hemisphere does not exist."""


class StoreError(AtlasError, OSError):
    """A store, or a part of it, cannot be read."""


class StoreNotFoundError(StoreError, FileNotFoundError):
    """The given location holds no store."""


class StoreExistsError(StoreError, FileExistsError):
    """The target exists already and is not overwritten."""


class StoreFormatError(AtlasError, ValueError):
    """A store is not an OME-Zarr annotation."""


class AtlasNotFoundError(StoreNotFoundError, KeyError):
    """The catalogue has no atlas of the given name or version."""


class ComponentNotFoundError(AtlasError, KeyError):
    """An atlas has no template, hemispheres or reference image of the given name."""


class ResolutionNotFoundError(AtlasError, KeyError):
    """The pyramid has no level of the given resolution."""

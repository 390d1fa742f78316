"""The exceptions of xarray-atlas: one small tree.

Each is also the built-in exception that a caller would think of first, so
that ``except KeyError`` and ``except AtlasError`` both do what they say.
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
    """Base of every error that xarray-atlas raises on purpose."""

    def __str__(self) -> str:
        # a message may hold names of regions, which must not give a terminal orders; and neither
        # is it the repr of its argument, which KeyError shows
        return printable(Exception.__str__(self), keep="\n\t")


class RegionNotFoundError(AtlasError, KeyError):
    """No region has that acronym, name or id."""


class AmbiguousRegionError(AtlasError, ValueError):
    """Several regions share that acronym or name."""


class RegionOverlapError(AtlasError, ValueError):
    """Regions that have voxels in common, where they must have none."""


class TerminologyError(AtlasError, ValueError):
    """A table of regions that cannot be read as a hierarchy."""


class MissingTerminologyError(AtlasError, ValueError):
    """An object or a store without a region hierarchy."""


class AtlasMismatchError(AtlasError, ValueError):
    """Two different atlases, or one that contradicts itself."""


class ParcellationError(AtlasError, ValueError):
    """Parcels that overlap, that leave voxels out where none may be, or that are not known."""


class UnitsError(AtlasError, ValueError):
    """A length without a unit, or a unit that is not a length."""


class GridError(AtlasError, ValueError):
    """Coordinates that do not say what the operation must know."""


class PointsError(AtlasError, ValueError):
    """Points that cannot be read as positions, or that lie in no region."""


class TransformError(AtlasError, ValueError):
    """A transform that cannot be read, inverted or applied, or whose spaces are not known."""


class HemisphereError(AtlasError, ValueError):
    """Left and right cannot be told apart, or another side was asked for."""


class StoreError(AtlasError, OSError):
    """A store, or a part of it, that cannot be read."""


class StoreNotFoundError(StoreError, FileNotFoundError):
    """Nothing is stored at that place."""


class StoreExistsError(StoreError, FileExistsError):
    """Something is stored there already, and is not overwritten."""


class StoreFormatError(AtlasError, ValueError):
    """A store that is not the OME-Zarr of an annotation."""


class AtlasNotFoundError(StoreNotFoundError, KeyError):
    """The catalogue has no atlas of that name, or not that version of it."""


class ComponentNotFoundError(AtlasError, KeyError):
    """An atlas has no template, hemispheres or reference of that name."""


class ResolutionNotFoundError(AtlasError, KeyError):
    """The pyramid has no level of that resolution."""

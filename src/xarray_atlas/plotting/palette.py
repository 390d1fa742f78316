"""The colour and the region of each label of an atlas."""

from __future__ import annotations

import colorsys
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.kernels.labels import Int64s, Ints, Positions, lookup, runs
from xarray_atlas.terminology import Terminology

__all__ = ["INSTALL", "Palette", "brightness", "ink_for", "palette", "region_of"]

INSTALL = '"xarray-atlas[plot]"'

UNKNOWN = (255, 0, 255, 255)
"""The colour of a label that no region has."""

GOLDEN = 0.618033988749895
"""Steps of this share of the colour wheel keep hues apart, however many there are."""


@dataclass(frozen=True)
class Palette:
    """The labels of an atlas, and the colour of each.

    Parameters
    ----------
    keys : ndarray of int64, shape (n,)
        Labels, sorted; 0 is among them.
    regions : ndarray of int64, shape (n,)
        The position of the region of each, -1 for the background.
    colors : ndarray of uint8, shape (n + 1, 4)
        Red, green, blue and alpha of each; the last is that of all other labels.
    """

    keys: Int64s
    regions: Int64s
    colors: np.ndarray[Any, np.dtype[np.uint8]]

    def index(self, labels: Ints) -> Positions:
        """Return the row of `colors` of each label."""
        start, found = runs(labels)
        at = lookup(found, self.keys)
        at[at < 0] = self.keys.size
        return np.repeat(at, np.diff(start, append=labels.size)).reshape(labels.shape)


@functools.lru_cache(maxsize=8)
def palette(terminology: Terminology) -> Palette:
    """Return the colours of a terminology's labels.

    A region without a colour has one that is made from its place in the table, so that
    it has the same in every picture. Label 0 is the background, and
    transparent, unless a region has it.
    """
    keys, regions = _labelled(terminology)
    colors = np.zeros((keys.size + 1, 4), np.uint8)
    for row, region in enumerate(regions.tolist()):
        if region >= 0:
            colors[row] = _color(terminology.colors[region], region)
    colors[-1] = UNKNOWN
    for array in (keys, regions, colors):
        array.setflags(write=False)
    return Palette(keys, regions, colors)


def region_of(terminology: Terminology, label: int) -> int:
    """Return the position of the region of a label, -1 if it is unknown."""
    of = palette(terminology)
    at = int(np.searchsorted(of.keys, label))
    return int(of.regions[at]) if at < of.keys.size and of.keys[at] == label else -1


def _labelled(terminology: Terminology) -> tuple[Int64s, Int64s]:
    """Return the labels there are, with 0, and the region of each: the deepest that has it."""
    labels, regions = terminology.label_pairs(direct=True)
    labels, regions = np.append(labels, 0), np.append(regions, -1)
    depth = np.where(regions >= 0, terminology.depths[regions], -1)
    order = np.lexsort([-depth, labels])
    keys, first = np.unique(labels[order], return_index=True)
    return keys, regions[order][first]


def _color(text: str, region: int) -> tuple[int, int, int, int]:
    if text:
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
        return red, green, blue, 255
    # pale enough for a name to be read on it, as the colours of published atlases are
    made = colorsys.hls_to_rgb(region * GOLDEN % 1, 0.65, 0.55)
    red, green, blue = (round(255 * part) for part in made)
    return red, green, blue, 255


def brightness(red: float, green: float, blue: float) -> float:
    """Return how bright a colour looks, on the scale of its parts."""
    return 0.299 * red + 0.587 * green + 0.114 * blue


def ink_for(red: float, green: float, blue: float) -> str:
    """Return which of black and white has the higher contrast on a colour, as WCAG 2 measures it.

    Parameters
    ----------
    red, green, blue : float
        From 0 to 1.
    """
    linear = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
    )
    luminance = sum(
        part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True)
    )
    # (L + 0.05) / 0.05 to black, 1.05 / (L + 0.05) to white; the higher one is 4.58 or more
    return "black" if (luminance + 0.05) ** 2 >= 0.05 * 1.05 else "white"

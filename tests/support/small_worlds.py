"""Small inputs with known counts for tests of files and tables; nothing here calls xarray_atlas but refused_clearly."""

import contextlib
import json
import re
import warnings
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pandas as pd
import zarr

from support.http_server import serving

SHAPE = (12, 10, 8)
VOXELS = {"A": 48, "B": 150, "root": 198}
MM3 = 0.025**3


def labels(dtype="uint32"):
    """A: 48 voxels of label 1, B: 150 voxels of label 2; nothing is symmetric."""
    found = np.zeros(SHAPE, dtype)
    found[1:5, 2:6, 1:4] = 1
    found[5:11, 3:8, 2:7] = 2
    return found


def table():
    return pd.DataFrame(
        {
            "id": [997, 1, 2],
            "acronym": ["root", "A", "B"],
            "name": ["root", "area a", "area b"],
            "parent_structure_id": ["", "997", "997"],
        }
    )


def brainglobe_table():
    return pd.DataFrame(
        {
            "identifier": [997, 1, 2],
            "parent_identifier": ["", "997", "997"],
            "annotation_value": [997, 1, 2],
            "name": ["root", "area a", "area b"],
            "abbreviation": ["root", "A", "B"],
            "color_hex_triplet": ["#ffffff", "#ff0000", "#00ff00"],
            "root_identifier_path": ["[997]", "[997, 1]", "[997, 2]"],
        }
    )


ARRAY = {"name": "small", "voxel_size": "25 um", "orientation": "asr"}


def number(value):
    """The plain number of a result, in mm, mm2 or mm3."""
    value = value.item() if hasattr(value, "item") else value
    return float(getattr(value, "magnitude", value))


def voxels(ds, region, voxel=MM3, **options):
    return round(number(ds.atlas.volume(region, **options)) / voxel, 3)


def space(unit="millimeter"):
    return [{"name": n, "type": "space", **({} if unit is None else {"unit": unit})} for n in "zyx"]


def write_ome_zarr(path, array=None, axes=None, scale=0.025, extra=None, levels=(), **create):
    """An OME-Zarr 0.5 with one level (and those of levels, each (array, scale))."""
    array = labels() if array is None else array
    axes = space() if axes is None else axes
    group = zarr.open_group(path, mode="w", zarr_format=3)
    datasets = []
    for number_, (level, size) in enumerate([(array, scale), *levels]):
        made = group.create_array(
            str(number_),
            shape=level.shape,
            dtype=level.dtype,
            fill_value=0,
            **{"chunks": tuple(min(n, 5) for n in level.shape), **create},
        )
        made[...] = level
        ones = [0.0] * (level.ndim - 3)
        placed = [{"type": "scale", "scale": [1.0] * len(ones) + [size] * 3}]
        if number_:  # where the finest level begins, by the corners of their voxels
            placed.append({"type": "translation", "translation": ones + [(size - scale) / 2] * 3})
        datasets.append({"path": str(number_), "coordinateTransformations": placed})
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": datasets}],
        **(extra or {}),
    }
    return path


def without_paths(text):
    """The text without the paths of pytest's folders, which hold the names of the cases."""
    return re.sub(r"[^\s'\"]*pytest-of-[^\s'\":;,]*", "<path>", text)


class Outcome:
    """What a call gave: a value or an error, and all that was warned of."""

    def __init__(self, call):
        self.value = self.error = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.value = call()
            except Exception as error:  # judged by the case
                self.error = error
        self.warned = [str(w.message) for w in caught]

    @property
    def said(self):
        return without_paths(" ".join([*self.warned, str(self.error or "")])).lower()

    @property
    def silent(self):
        return self.error is None and not self.warned


def refused_clearly(outcome, *words):
    """An error of the package (not one of its insides), with one of these words in its message."""
    from xarray_atlas.errors import AtlasError

    text = without_paths(str(outcome.error)).lower()
    known = isinstance(outcome.error, AtlasError)
    return known and (not words or any(word.lower() in text for word in words))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def translate_path(self, path):
        return super().translate_path(path.split("?")[0])


@contextlib.contextmanager
def served(folder):
    """The address of an HTTP server on this machine that serves the folder."""
    with serving(partial(_Quiet, directory=str(folder))) as url:
        yield url.removeprefix("http://")


def write_json(path, value):
    Path(path).write_text(json.dumps(value))
    return path

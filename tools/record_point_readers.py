"""Record what other tools' readers return for point files, for the tests of this package's readers.

Run it where brainglobe-utils and napari are installed; the tests do not depend on them::

    python -m venv oracle && oracle/bin/pip install brainglobe-utils==0.11.2 napari==0.9.2 tables
    oracle/bin/python tools/record_point_readers.py tests/data/points

The files are written by the tools themselves, and stored next to the result of reading them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from brainglobe_utils.cells.cells import Cell
from brainglobe_utils.IO.cells import get_cells, save_cells
from napari_builtins.io import csv_to_layer_data, napari_write_points


def main(folder: Path) -> None:
    """Write the files, and what was read from each."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    places = rng.integers(0, 5000, (12, 3)).tolist()
    types = [Cell.CELL, Cell.UNKNOWN, Cell.CELL, Cell.ARTIFACT] * 3
    cells = [
        Cell(place, kind, {"score": i / 8, "name": f"c{i}"} if i % 2 else {})
        for i, (place, kind) in enumerate(zip(places, types, strict=True))
    ]
    found: dict[str, Any] = {}
    for name in ("cells.xml", "cells.yml"):
        save_cells(cells, folder / name)
        read = get_cells(folder / name)
        found[name] = [[cell.z, cell.y, cell.x, cell.type] for cell in read]
    found["metadata"] = [cell.metadata for cell in get_cells(folder / "cells.yml")]
    points = rng.normal(50, 10, (5, 3)).round(3)
    more = {"confidence": np.arange(5) / 4, "label": np.array(list("abcde"))}
    napari_write_points(str(folder / "napari.csv"), points, {"properties": more})
    data, meta, _ = csv_to_layer_data(str(folder / "napari.csv"))
    found["napari.csv"] = data.tolist()
    found["properties"] = {name: np.asarray(v).tolist() for name, v in meta["properties"].items()}
    # as brainglobe-segmentation saves a track
    pd.DataFrame(points).to_hdf(folder / "track.points", key="df", mode="w")
    found["track.points"] = np.asarray(pd.read_hdf(folder / "track.points")).tolist()
    (folder / "read.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

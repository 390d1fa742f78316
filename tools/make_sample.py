"""Make the packaged sample from BrainGlobe's copy of the Allen labels.

    python tools/make_sample.py PATH_TO/brainglobe

``PATH_TO/brainglobe`` has the layout of BrainGlobe's bucket and holds
``annotation-sets/allen-adult-mouse-annotation/2017`` with levels of 50 and
100 um, and the terminology next to it. The two levels are rewritten in
large chunks that compress well, with the per-level translations that the
original lacks. Nothing else is changed; the template is not packaged.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import ZstdCodec

ROOT = Path(__file__).parents[1] / "src" / "xarray_atlas" / "data"
ANNOTATION = "annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"
TERMINOLOGY = "terminologies/allen-adult-mouse-terminology/2017/terminology.csv"
KEPT = ("50 um", 0.05), ("100 um", 0.1)


def main(source: Path) -> None:
    """Write the sample, and check that what it holds is what was read."""
    original = zarr.open_group(source / ANNOTATION, mode="r")
    ome: Any = original.attrs["ome"]
    metadata = dict(ome["multiscales"][0])
    target = ROOT / ANNOTATION
    shutil.rmtree(target, ignore_errors=True)
    group = zarr.create_group(target, zarr_format=3)
    datasets: list[dict[str, Any]] = []
    for dataset in metadata["datasets"]:
        (scale,) = (
            t["scale"] for t in dataset["coordinateTransformations"] if t["type"] == "scale"
        )
        if not any(np.allclose(scale, size) for _, size in KEPT):
            continue
        labels = np.asarray(zarr.open_array(source / ANNOTATION / dataset["path"], mode="r")[...])
        path = str(len(datasets))
        array = group.create_array(
            path,
            shape=labels.shape,
            dtype=labels.dtype,
            chunks=tuple(min(n, 132) for n in labels.shape),
            compressors=[ZstdCodec(level=19)],
            dimension_names=[axis["name"] for axis in metadata["axes"]],
            fill_value=0,
        )
        array[...] = labels
        translation = [round((s - KEPT[0][1]) / 2, 9) for s in scale]
        datasets.append(
            {
                "path": path,
                "coordinateTransformations": [
                    {"type": "scale", "scale": list(scale)},
                    {"type": "translation", "translation": translation},
                ],
            }
        )
        if not np.array_equal(zarr.open_array(target / path, mode="r")[...], labels):
            raise RuntimeError(f"level {path} differs from what was read")
    metadata["datasets"] = datasets
    group.attrs["ome"] = {"version": "0.5", "multiscales": [metadata]}
    (ROOT / TERMINOLOGY).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / TERMINOLOGY, ROOT / TERMINOLOGY)
    size = sum(f.stat().st_size for f in ROOT.rglob("*") if f.is_file())
    print(json.dumps({"files": str(ROOT), "bytes": size, "levels": [d["path"] for d in datasets]}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    main(parser.parse_args().source)

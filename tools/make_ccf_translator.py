"""Record the output of brainglobe-ccf-translator for the tests of its reader.

Run it where that package is installed; the tests do not depend on it::

    python -m venv oracle && oracle/bin/pip install brainglobe-ccf-translator==0.22
    oracle/bin/python tools/make_ccf_translator.py tests/data/registrations/ccf_translator

It writes a table of a few spaces of about 0.28 x 0.2 x 0.24 mm with random smooth fields (not those
of the tool), and what the tool's ``Volume`` and ``PointSet`` make of the indices of their voxels.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

SIZE = 20
"""Of a voxel, in micron."""

SHAPES = {"allen_mouse": (12, 10, 12), "demba_dev_mouse": (14, 10, 12), "other": (12, 10, 14)}

ROUTES = [
    ("allen_mouse", 56, "demba_dev_mouse", 56),
    ("demba_dev_mouse", 56, "allen_mouse", 56),
    ("allen_mouse", 56, "demba_dev_mouse", 28),
    ("demba_dev_mouse", 28, "allen_mouse", 56),
    ("demba_dev_mouse", 56, "demba_dev_mouse", 24),
    ("demba_dev_mouse", 21, "demba_dev_mouse", 56),
    ("allen_mouse", 56, "turned", 56),
    ("turned", 56, "allen_mouse", 56),
    ("allen_mouse", 56, "shifted", 56),
]


def row(
    source: str,
    source_age: int,
    target: str,
    target_age: int,
    file: str | bool = False,
    vector: int | bool = False,
    padding: str = "[[0, 0], [0, 0], [0, 0]]",
    order: str = "[0, 1, 2]",
    flip: str = "[False, False, False]",
    shape: tuple[int, int, int] | None = None,
) -> dict[str, object]:
    """Return a row of the table; `shape` is that of the source."""
    own = shape or SHAPES[source]
    return {
        "file_name": file,
        "source_space": source,
        "target_space": target,
        "dim_order": order,
        "key_age": True,
        "source_age_pnd": source_age,
        "target_age_pnd": target_age,
        "source_key_age": False,
        "target_key_age": False,
        "padding_micron": padding,
        "transformation_resolution_micron": SIZE if file else False,
        **{f"{a}_physical_size_micron": n * SIZE for a, n in zip("XYZ", own, strict=True)},
        "dim_flip": flip,
        "vector": vector,
    }


def main(folder: Path) -> None:
    """Write the folder."""
    from brainglobe_ccf_translator import PointSet, Volume

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(17)
    files = ["56_pull_55", "28_pull_29", "28_pull_27", "21_pull_22", "24_pull_23"]
    for name in files:
        noise = rng.normal(size=(*SHAPES["demba_dev_mouse"], 3))
        field = np.stack([gaussian_filter(noise[..., i], 2) for i in range(3)], axis=-1)
        # of a day: at most a sixth of a voxel
        field = np.round(field * (0.15 / np.abs(field).max()), 3)
        path = folder / "demba_dev_mouse" / f"{name}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        nib.save(nib.Nifti1Image(field.astype(np.float32), np.diag([SIZE, SIZE, SIZE, 1])), path)
    demba = "demba_dev_mouse"
    pad = 2 * SIZE
    rows = [
        row(demba, 56, "allen_mouse", 56, padding=f"[[0, {pad}], [0, 0], [0, 0]]"),
        row("allen_mouse", 56, demba, 56, padding=f"[[0, {-pad}], [0, 0], [0, 0]]"),
        row(demba, 56, demba, 28, "56_pull_55.nii.gz", 28),
        row(demba, 28, demba, 56, "28_pull_29.nii.gz", 28),
        row(demba, 28, demba, 21, "28_pull_27.nii.gz", 7),
        row(demba, 21, demba, 28, "21_pull_22.nii.gz", 7),
        row(demba, 24, demba, 21, "24_pull_23.nii.gz", 3),
        row(demba, 24, demba, 28, "24_pull_23.nii.gz", -4),
        row(demba, 28, demba, 24, "28_pull_27.nii.gz", 4),
        row(demba, 21, demba, 24, "21_pull_22.nii.gz", 3),
        # what the table has columns for, and no row of the tool's own uses
        row(
            "turned",
            56,
            "allen_mouse",
            56,
            order="[1, 2, 0]",
            flip="[True, False, True]",
            shape=(10, 12, 12),
        ),
        row(
            "allen_mouse",
            56,
            "turned",
            56,
            order="[2, 0, 1]",
            flip="[True, True, False]",
        ),
        row(
            "shifted",
            56,
            "allen_mouse",
            56,
            padding=f"[[{SIZE}, 0], [{-SIZE}, {SIZE}], [0, {3 * SIZE}]]",
            order="[2, 1, 0]",
            flip="[False, False, True]",
            shape=(15, 10, 13),
        ),
    ]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "translation_metadata.csv", index=False)
    shapes = SHAPES | {"turned": (10, 12, 12), "shifted": (15, 10, 13)}
    recorded: dict[str, Any] = {}
    for source, source_age, target, target_age in ROUTES:
        name = f"{source}-{source_age}-{target}-{target_age}"
        indices = np.indices(shapes[source]).astype(np.float64)
        volumes = []
        for axis in range(3):
            # by one more, so that zeros are where the tool left the volume
            volume = object.__new__(Volume)
            volume.__dict__.update(
                values=indices[axis] + 1,
                voxel_size_micron=SIZE,
                age_PND=source_age,
                segmentation_file=False,
                deformation_dir=str(folder),
                metadata=table.astype({"file_name": str}),
                space=source,
            )
            volume.transform(target_age, target)
            volumes.append(volume.values - 1)
        recorded[f"volume-{name}"] = np.stack(volumes).astype(np.float32)
        points = indices.reshape(3, -1).T
        if "turned" in name or "shifted" in name:
            continue  # PointSet differs from Volume in these
        cloud = object.__new__(PointSet)
        inside = rng.permutation(points[points[:, 0] < 12])[:300]
        cloud.__dict__.update(
            values=inside.copy(),
            voxel_size_micron=SIZE,
            age_PND=source_age,
            deformation_dir=str(folder),
            metadata=table.astype({"file_name": str}),
            space=source,
        )
        cloud.transform(target_age, target)
        recorded[f"points-{name}"] = np.stack([inside, cloud.values]).astype(np.float32)
    np.savez_compressed(folder / "recorded.npz", **recorded)
    routes = [list(route) for route in ROUTES]
    (folder / "routes.json").write_text(json.dumps({"voxel_micron": SIZE, "routes": routes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Stored meshes for tests: neuroglancer's multi-resolution format, written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import DracoPy
import numpy as np

IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
LAST = 65535
"""The largest of 16 bits."""

# of a box: its corners, 0 or 1 along x, y and z, and its twelve triangles
CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
TRIANGLES = np.array(
    [
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ],
    "uint32",
)  # fmt: skip
OPEN = {"low": [2, 3], "high": [0, 1]}
"""The triangles of the face towards +x, and of that towards -x."""


def box(low: Sequence[float], high: Sequence[float]) -> Any:
    """The corners of a box."""
    return np.array(low) + (np.array(high) - np.array(low)) * CORNERS


def encode(points: Any, faces: Any = TRIANGLES, **keywords: Any) -> bytes:
    return DracoPy.encode(points, np.asarray(faces, "uint32"), **keywords)


def as_packager(points: Any, faces: Any = TRIANGLES, bits: int = 16) -> tuple[bytes, bytes]:
    """A mesh and its index as BrainGlobe's packager has them: draco quantizes nanometres."""
    points = np.asarray(points, "float32")
    low = points.min(axis=0)
    extent = float((points.max(axis=0) - low).max())
    fragment = encode(
        points, faces,
        quantization_bits=bits, quantization_range=extent, quantization_origin=low.tolist(),
    )  # fmt: skip
    return fragment, index([extent] * 3, low, [{(0, 0, 0): fragment}])


def index(
    shape: Any, origin: Any, levels: Sequence[Mapping[Any, bytes]], offsets: Any = None
) -> bytes:
    """The manifest of fragments by the position of their node, for each level of detail."""
    offsets = np.zeros((len(levels), 3)) if offsets is None else offsets
    parts = [
        np.array([*shape, *origin], "<f4"),
        np.array([len(levels)], "<u4"),
        np.array([2.0**i for i in range(len(levels))], "<f4"),
        np.array(offsets, "<f4"),
        np.array([len(level) for level in levels], "<u4"),
    ]
    for level in levels:
        parts.append(np.array(list(level), "<u4").reshape(-1, 3).T)
        parts.append(np.array([len(fragment) for fragment in level.values()], "<u4"))
    return b"".join(part.tobytes(order="C") for part in parts)


def write_mesh(annotation: Path, segment: int, content: bytes, index: bytes, **info: Any) -> Path:
    """Put a mesh where BrainGlobe's layout has it; return its folder."""
    folder = annotation.parent / "annotations.precomputed" / "mesh"
    folder.mkdir(parents=True, exist_ok=True)
    kind = {
        "@type": "neuroglancer_multilod_draco",
        "vertex_quantization_bits": 16,
        "transform": IDENTITY,
        "lod_scale_multiplier": 1.0,
    }
    (folder / "info").write_text(json.dumps({**kind, **info}))
    (folder / str(segment)).write_bytes(content)
    (folder / f"{segment}.index").write_bytes(index)
    return folder

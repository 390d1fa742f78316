"""What BrainGlobe's own API says of an atlas, as a file of arrays.

Run as a program, by a Python that has brainglobe-atlasapi, which need not be the one of the tests:

    python oracle_brainglobe.py <root> <name>_<resolution>um <version> <out.npz>

`root` is the folder that holds `atlases/`; it must be called "brainglobe-atlasapi". Whatever
is not there is an error: nothing is downloaded. This file shares no code with the package.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np


class NoNetwork:
    """A file system that refuses everything."""

    def __getattr__(self, name: str):
        raise AssertionError(f"BrainGlobe's API wanted to download something ({name})")


def dump(root: Path, name: str, version: str, out: Path) -> None:
    from brainglobe_atlasapi import BrainGlobeAtlas

    assert root.name == "brainglobe-atlasapi"
    with tempfile.TemporaryDirectory() as config:
        atlas = BrainGlobeAtlas(
            name,
            version=version,
            brainglobe_dir=root.parent,
            check_latest=False,
            config_dir=Path(config),
        )
    atlas.fs = NoNetwork()
    structures = atlas.structures_list
    arrays = {"annotation": atlas.annotation, "template": atlas.template}
    try:
        arrays["hemispheres"] = atlas.hemispheres
    except (FileNotFoundError, ValueError, AssertionError) as error:
        print(f"no hemispheres: {type(error).__name__}", file=sys.stderr)
    for reference in atlas.additional_references:
        arrays[f"reference/{reference}"] = atlas.additional_references[reference]
    if atlas._annotation_masks_path.exists():
        for structure in structures:
            arrays[f"mask/{structure['id']}"] = atlas.get_structure_mask(structure["id"])
    keys = ("id", "acronym", "name", "structure_id_path", "rgb_triplet")
    about = {
        "metadata": dict(atlas.metadata),
        "resolution": list(atlas.resolution),
        "shape": list(atlas.shape),
        "structures": [{key: structure[key] for key in keys} for structure in structures],
        "tree": [
            [node.identifier, None if up is None else up.identifier]
            for node in atlas.hierarchy.all_nodes()
            for up in [atlas.hierarchy.parent(node.identifier)]
        ],
    }
    arrays["about"] = np.array(json.dumps(about))
    np.savez(out, **arrays)


if __name__ == "__main__":
    dump(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))

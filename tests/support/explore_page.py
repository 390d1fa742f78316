"""Where voxels of the sample at 100 um lie on the interactive page, as NiiVue draws it."""

from __future__ import annotations

import numpy as np

SIZE = 0.1
FIRST = 0.025
"""The centre of the first voxel of the sample at 100 um, along each axis, in mm."""


def planes(browser) -> list[dict]:
    """NiiVue's own account of its planes, and of the crosshair, in mm to the right, ..."""
    return browser.execute_script(
        "const {left, top} = niivue.canvas.getBoundingClientRect();"
        "const at = niivue.frac2mm(niivue.scene.crosshairPos);"
        "return niivue.screenSlices.filter((s) => s.axCorSag < 3).map((s) => ({"
        "  plane: s.axCorSag, box: s.leftTopWidthHeight, corner: [...s.leftTopMM], fov: s.fovMM,"
        "  at: [...at], left, top}))"
    )


def known_points(browser, atlas, count: int, seed: int) -> list[tuple]:
    """Points of the planes in view: where on the screen, and the indices z, y, x."""
    rng = np.random.default_rng(seed)
    found = []
    for plane, n in zip(
        planes(browser), np.diff(np.linspace(0, count, 4).astype(int)), strict=True
    ):
        across, up, through = [(0, 1, 2), (0, 2, 1), (1, 2, 0)][plane["plane"]]
        counts = [114, 132, 80]  # to the right, anterior, superior
        last = np.array([FIRST + SIZE * (c - 1) for c in counts])
        while n:
            index = np.array([rng.integers(c) for c in counts])
            index[through] = np.rint((plane["at"][through] + last[through]) / SIZE)
            world = index * SIZE - last
            z, y, x = 131 - index[1], 79 - index[2], 113 - index[0]
            centre = [round((m + f) / SIZE) for m, f in zip(plane["at"][:3], last, strict=True)]
            if (
                not atlas.annotation.values[z, y, x]
                or min(abs(index[a] - centre[a]) for a in (across, up)) < 2
            ):
                continue  # nor on the crosshair
            left, top, width, height = plane["box"]
            h = (world[across] - plane["corner"][0]) / plane["fov"][0]
            v = (world[up] - plane["corner"][1]) / plane["fov"][1]
            at = plane["left"] + left + h * width, plane["top"] + top + (1 - v) * height
            found.append((*at, (int(z), int(y), int(x))))
            n -= 1
    return found

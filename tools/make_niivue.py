"""Make the packaged NiiVue, which draws the interactive page, from its npm package.

    python tools/make_niivue.py

npm must be installed. Written into ``src/xarray_atlas/viewers/explore_page/niivue`` are

- the unmodified single-file build of the package,
- its version and hash in ``about.json``, with which ``tests/viewers/test_explore.py`` compares it,
- the licences of the JavaScript packages that are part of that build. Licences that no npm package
  carries are stored next to these and are kept by hand: see ``ATTRIBUTION.md`` there.

For another version change VERSION, then look whether the page may do without the method that
``leaveVolumesOutOf3D`` in ``picture.js`` replaces, whether the build holds other fonts or
compiled libraries, and run ``tests/viewers/test_explore.py`` with a browser.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "@niivue/niivue"
VERSION = "0.65.0"
BUILD = "dist/niivue.umd.js"
"""Minified, without imports. The other such build is a script within a string."""

TARGET = Path(__file__).parents[1] / "src" / "xarray_atlas" / "viewers" / "explore_page" / "niivue"


def main() -> None:
    """Write the build, what is recorded of it, and the licences."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "package.json").write_text("{}")
        options = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund")
        subprocess.run(
            ["npm", "install", *options, "--save-exact", f"{PACKAGE}@{VERSION}"],
            cwd=folder,
            check=True,
        )
        modules = Path(folder) / "node_modules"
        package = modules / PACKAGE
        about = json.loads((package / "package.json").read_text("utf-8"))
        assert (about["version"], about["license"]) == (VERSION, "BSD-2-Clause")
        script = (package / BUILD).read_bytes()
        licences = [
            _licence(modules / name) for name in _bundled(package / "dist" / "metafile-esm.json")
        ]
    TARGET.mkdir(exist_ok=True)
    (TARGET / Path(BUILD).name).write_bytes(script)
    record = {"package": PACKAGE, "version": VERSION, "file": BUILD}
    record["sha256"] = hashlib.sha256(script).hexdigest()
    _write("about.json", json.dumps(record, indent=2) + "\n")
    _write("LICENSES-javascript.txt", "\n".join(licences))


def _bundled(metafile: Path) -> list[str]:
    """Return the packages that a bundle contains files of, according to its own metadata."""
    names = set()
    for path in json.loads(metafile.read_text("utf-8"))["inputs"]:
        before, _, inside = path.rpartition("node_modules/")
        if before:
            names.add("/".join(inside.split("/")[: 2 if inside.startswith("@") else 1]))
    return sorted(names)


def _licence(package: Path) -> str:
    about = json.loads((package / "package.json").read_text("utf-8"))
    (path,) = (p for p in package.iterdir() if p.stem.lower() in ("license", "licence"))
    lines = [line.rstrip() for line in path.read_text("utf-8").strip().splitlines()]
    return f"---- {about['name']} ({about['license']}) ----\n\n" + "\n".join(lines) + "\n"


def _write(name: str, text: str) -> None:
    (TARGET / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Install the lowest versions that ``pyproject.toml`` allows, into the Python that runs this.

    python tools/minimum_versions.py            # list them
    python tools/minimum_versions.py --install  # install them, and what tests need

Direct dependencies are installed at their lower bound; their own dependencies at the newest version
that fits, as with uv's ``--resolution lowest-direct``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lower_bounds() -> list[str]:
    """Return the requirements of the package without its extras, as they are written."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    return [str(requirement) for requirement in project["dependencies"]]


def install() -> int:
    """Install the lowest versions with uv; return its exit code."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable),
        *("--resolution", "lowest-direct", "-e", f"{ROOT}[test]"),
    ]
    return subprocess.call(command)


def main() -> int:
    """List or install the lowest versions."""
    parser = argparse.ArgumentParser(description="The lowest versions of what the package needs.")
    parser.add_argument("--install", action="store_true", help="install them here (needs uv)")
    if parser.parse_args().install:
        return install()
    print(*lower_bounds(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

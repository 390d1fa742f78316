"""Build the source distribution and the wheel twice, compare them, and test the wheel alone.

    pip install -c tools/release_constraints.txt build twine
    python tools/check_release.py                    # test the wheel on this Python
    python tools/check_release.py --python python3.12 --python python3.13
    python tools/check_release.py --tag v0.1.0       # and that the files say this version

Files of the last commit are built, in two folders and with different permissions, dates and time
zones. The files are left in ``dist/``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "tools" / "release_constraints.txt"

# run in an empty folder, by a Python in which only the wheel and its dependencies are installed
SMOKE_TEST = """
import sys
from importlib.metadata import files, version

import xarray_atlas

assert xarray_atlas.__version__ == version("xarray-atlas") == sys.argv[1]
assert not xarray_atlas.__file__.startswith(sys.argv[2]), xarray_atlas.__file__
names = {str(path).replace("\\\\", "/") for path in files("xarray-atlas")}
assert "xarray_atlas/py.typed" in names
assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
assert not any(name.startswith(("tests/", "docs/", "tools/")) for name in names)

ds = xarray_atlas.open_sample("50 um")
assert f"{ds.atlas.volume('RSP').item():.3f~}" == "10.387 mm ** 3", ds.atlas.volume("RSP")
assert ds.atlas.region("RSPv5").path[-2].acronym == "RSPv"
whole = xarray_atlas.open_atlas(ds.attrs["source"], resolution="50 um", midline="5.675 mm")
point = {"ap": [8.1], "dv": [0.8], "ml": [5.3]}
found = whole.atlas.region_at(point, unit="mm", frame="dataset")
assert found.region.item() == "RSPv5", found
assert xarray_atlas.decode(xarray_atlas.encode(ds)).annotation.identical(ds.annotation)
print("Python %d.%d.%d" % sys.version_info[:3], "ok")
"""


def run(*command: object, **options: object) -> str:
    """Run a command and return what it prints; end this program if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return str(done.stdout)


def build(folder: Path, out: Path, umask: int, zone: str) -> dict[str, str]:
    """Build both distributions of the last commit in a folder; return a hash for each file name."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    run("git", "-C", ROOT, "archive", "-o", archive, "HEAD")
    run("tar", "-xf", archive, "-C", folder, umask=umask)
    environment = os.environ | {"PIP_CONSTRAINT": str(CONSTRAINTS), "TZ": zone}
    environment["SOURCE_DATE_EPOCH"] = run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()
    run(
        *(sys.executable, "-m", "build", "--outdir", out, folder), umask=umask, env=environment
    )  # the wheel is built from the source distribution
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())
    }


def check_metadata(wheel: Path) -> None:
    """End this program if the description on PyPI would have links that lead nowhere."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = BytesParser().parsebytes(file.read(name))
    description = str(metadata.get_payload())
    relative = re.findall(r"\]\((?!https?:|#|mailto:)([^)]+)\)", description)
    if relative:
        sys.exit(f"relative links in the description: {', '.join(relative)}")


def check_tag(tag: str, version: str) -> None:
    """End this program if the files do not say the version and the day of the release."""
    if tag != f"v{version}":
        sys.exit(f"the tag is {tag}, and the version of the package {version}")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    dated = re.search(
        rf"^## \[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)$", changelog, flags=re.M
    )
    if dated is None:
        sys.exit(f"CHANGELOG.md has no heading '## [{version}] - YYYY-MM-DD'")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    if f"date-released: {dated[1]}" not in citation:
        sys.exit(f"CITATION.cff needs 'date-released: {dated[1]}', the date of CHANGELOG.md")
    if "TO BE FILLED" in citation:
        sys.exit("CITATION.cff: the authors are still to be filled in")


def check_install(python: str, distribution: Path, version: str, folder: Path) -> str:
    """Install a distribution alone in a new environment, and return what the smoke test prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "XARRAY_"))}
    environment["XARRAY_ATLAS_CACHE_DIR"] = str(folder / "cache")
    run(python, "-m", "venv", "--clear", folder / "venv")
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(scripts / "python", "-m", "pip", "install", "-q", distribution, env=environment)
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    options = {"cwd": empty, "env": environment}
    said = run(
        *(scripts / "python", "-W", "error", "-c", SMOKE_TEST, version, str(ROOT)), **options
    )
    volume = run(scripts / "xarray-atlas", "volume", "RSP", **options)
    if "10.38" not in volume:
        sys.exit(f"xarray-atlas volume RSP printed {volume}")
    return said.strip()


def main() -> None:
    """Build, compare and test."""
    parser = argparse.ArgumentParser(description="Build a release twice, and test the wheel alone.")
    parser.add_argument("--python", action="append", metavar="PYTHON", help="test the wheel on it")
    parser.add_argument("--tag", help="check that the files say this version and a date")
    arguments = parser.parse_args()

    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = build(folder / "one", dist, 0o022, "UTC")
        second = build(folder / "another place" / "two", folder / "out", 0o027, "Asia/Tokyo")
        if first != second:
            sys.exit(f"two builds differ:\n{first}\n{second}")
        for file, digest in first.items():
            print(f"{digest}  {file}")
        (wheel,), (source,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
        print(run(sys.executable, "-m", "twine", "check", "--strict", wheel, source).strip())
        check_metadata(wheel)
        version = wheel.name.split("-")[1]
        if arguments.tag:
            check_tag(arguments.tag, version)
        for python in arguments.python or [sys.executable]:
            print("wheel:", check_install(python, wheel, version, folder))
        python = (arguments.python or [sys.executable])[0]
        print("source distribution:", check_install(python, source, version, folder))


if __name__ == "__main__":
    main()

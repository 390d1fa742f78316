"""Files of a release say the same as the package: versions, requirements, licences, links."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import xarray_atlas

pytestmark = pytest.mark.version_independent

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "conda" / "recipe.yaml"
PYPROJECT = ROOT / "pyproject.toml"

if not (RECIPE.exists() and PYPROJECT.exists()):
    pytest.skip("the files of the release are not beside the tests", allow_module_level=True)


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    return yaml.safe_load(RECIPE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))


def bounds(requirements: list[str]) -> dict[str, str]:
    read = [Requirement(text.replace("${{ python_min }}", "3.11")) for text in requirements]
    # conda-forge's dask brings distributed; dask-core is PyPI's dask
    return {one.name.replace("dask-core", "dask"): str(one.specifier) for one in read}


def test_the_recipe_is_of_this_version(recipe: dict[str, Any]) -> None:
    assert recipe["context"]["version"] == xarray_atlas.__version__


def test_the_documentation_has_a_menu_entry_for_this_version() -> None:
    menu = json.loads((ROOT / "docs" / "_static" / "versions.json").read_text(encoding="utf-8"))
    assert f"v{xarray_atlas.__version__}" in {entry["version"] for entry in menu}


def test_the_recipe_requires_what_the_package_does(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    run = bounds(recipe["requirements"]["run"])
    assert run.pop("python") == project["project"]["requires-python"]
    assert run == bounds(project["project"]["dependencies"])
    host = [one for one in recipe["requirements"]["host"] if not one.startswith(("python ", "pip"))]
    assert bounds(host) == bounds(project["build-system"]["requires"])


def test_the_recipe_has_the_packages_command_and_licences(
    recipe: dict[str, Any], project: dict[str, Any]
) -> None:
    commands = [f"{name} = {target}" for name, target in project["project"]["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == commands
    assert recipe["about"]["license"] == project["project"]["license"]
    for pattern in project["project"]["license-files"]:
        for path in ROOT.glob(pattern):
            assert path.relative_to(ROOT).as_posix() in recipe["about"]["license_file"]


def test_each_licence_of_a_packaged_file_is_in_the_metadata(project: dict[str, Any]) -> None:
    stated = {
        path for pattern in project["project"]["license-files"] for path in ROOT.glob(pattern)
    }
    there = {
        path
        for pattern in ("LICEN[CS]E*", "ATTRIBUTION*", "NOTICE*")
        for path in (ROOT / "src").rglob(pattern)
    }
    assert there
    assert there <= stated


def test_what_is_packaged_and_no_code_of_ours_is_on_the_page_about_licences() -> None:
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    source = ROOT / "src"
    for attribution in source.rglob("ATTRIBUTION.md"):
        assert attribution.relative_to(source).parent.as_posix() in page


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert (ROOT / target).exists(), target

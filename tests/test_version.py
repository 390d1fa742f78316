"""The version is written once, in the package; all else has it from there."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

import xarray_atlas

pytestmark = pytest.mark.version_independent

CITATION = Path(__file__).parents[1] / "CITATION.cff"


def test_the_installed_version_is_the_packages() -> None:
    # after a change of the version, an editable install has to be made again
    assert version("xarray-atlas") == xarray_atlas.__version__


def test_it_is_a_version_as_packages_have_them() -> None:
    assert str(Version(xarray_atlas.__version__)) == xarray_atlas.__version__


@pytest.mark.skipif(not CITATION.exists(), reason="CITATION.cff is not beside the tests")
def test_the_version_to_cite_is_the_packages() -> None:
    (cited,) = re.findall(r"^version: (.+)$", CITATION.read_text(encoding="utf-8"), flags=re.M)
    assert cited == xarray_atlas.__version__

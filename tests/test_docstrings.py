"""What the API reference is made from: each public name is explained, with an example."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import xarray_atlas
from xarray_atlas import plotting

pytestmark = pytest.mark.version_independent

CLASSES = (
    "AtlasAccessor",
    "AtlasPlotAccessor",
    "Explorer",
    "Mesh",
    "Region",
    "Report",
    "Space",
    "Terminology",
)


def is_ours(kind: type, name: str) -> bool:
    owner = next(base for base in kind.__mro__ if name in vars(base))
    described = inspect.isfunction(getattr(kind, name)) or inspect.ismethod(getattr(kind, name))
    described |= hasattr(vars(owner)[name], "__get__")  # a property
    return owner.__module__.startswith("xarray_atlas") and described


def public() -> dict[str, Any]:
    """Functions, classes and their own methods and properties, by where they are found."""
    modules = {"xarray_atlas": xarray_atlas, "xarray_atlas.plotting": plotting}
    found = {
        f"{prefix}.{name}": getattr(module, name)
        for prefix, module in modules.items()
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
    }
    for name in CLASSES:
        kind = getattr(xarray_atlas, name)
        for method in dir(kind):
            if not method.startswith("_") and is_ours(kind, method):
                found[f"xarray_atlas.{name}.{method}"] = getattr(kind, method)
    return found


PUBLIC = public()
FUNCTIONS = [name for name, value in PUBLIC.items() if inspect.isroutine(value)]


def test_the_walk_finds_what_there_is() -> None:
    assert len(PUBLIC) > 130
    assert {
        "xarray_atlas.volume",
        "xarray_atlas.plotting.section",
        "xarray_atlas.AtlasAccessor.volume",
        "xarray_atlas.AtlasAccessor.spacing",
        "xarray_atlas.AtlasPlotAccessor.tree",
        "xarray_atlas.Terminology.from_csv",
        "xarray_atlas.Terminology.fingerprint",
        "xarray_atlas.Region.height",
        "xarray_atlas.Mesh.to_trimesh",
    } <= set(PUBLIC)
    assert "xarray_atlas.Region.siblings" not in PUBLIC  # anytree's
    assert {
        "xarray_atlas.volume",
        "xarray_atlas.Terminology.from_csv",
        "xarray_atlas.AtlasAccessor.volume",
        "xarray_atlas.AtlasPlotAccessor.tree",
    } <= set(FUNCTIONS)


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_has_a_summary_and_an_example(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    summary, _, rest = text.partition("\n")
    assert summary.endswith("."), "no summary in one line"
    _, found, examples = rest.partition("\nExamples\n--------\n")
    assert found, "no section of examples"
    assert ">>> " in examples, "no example that is run"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_parameters_are_documented_as_they_are(name: str) -> None:
    validate = pytest.importorskip("numpydoc.validate").validate
    wrong = ("PR01", "PR02", "PR03")  # missing, unknown, in another order
    assert not [text for code, text in validate(name)["errors"] if code in wrong]

"""The accessor's methods describe their parameters, as the functions do."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import xarray_atlas
from xarray_atlas import AtlasAccessor, AtlasPlotAccessor, plotting

pytestmark = pytest.mark.version_independent

SCRIPT = Path(__file__).parents[2] / "tools" / "inject_docs.py"


def methods_of(kind: type) -> dict[str, Any]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {f"{kind.__name__}.{name}": f for name, f in found if not name.startswith("_")}


METHODS = {**methods_of(AtlasAccessor), **methods_of(AtlasPlotAccessor)}
# of the terminology, and of the frames: no function
OWN = {
    "AtlasAccessor.region",
    "AtlasAccessor.search",
    "AtlasAccessor.frame",
    "AtlasAccessor.add_frame",
}


def function_of(name: str) -> Any:
    module = plotting if name.startswith("AtlasPlotAccessor") else xarray_atlas
    return getattr(module, name.partition(".")[2])


def parameters_of(function: Any) -> list[str]:
    """Return the names in a signature, but for the object, as a docstring has them."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = list(inspect.signature(function).parameters.values())[1:]
    return [stars.get(p.kind, "") + p.name for p in found]


def words(text: str) -> str:
    """Return a text without its line breaks, and with names as they are written in short."""
    text = re.sub(r":(\w+):`~?(xarray_atlas\.)?(plotting\.)?", r":\1:`", text)
    return " ".join(text.split())


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("tools/ is not here")
    spec = importlib.util.spec_from_file_location("inject_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def section(script: ModuleType, function: Any, name: str) -> list[Any]:
    return list(script.entries(script.sections(function.__doc__).get(name, "")))


def test_the_walk_finds_what_there_is() -> None:
    assert len(METHODS) >= 38
    assert {"AtlasAccessor.volume", "AtlasPlotAccessor.section", *OWN} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_parameters_are_named_in_order(name: str, script: ModuleType) -> None:
    documented = [n for e in section(script, METHODS[name], "Parameters") for n in e.names]
    assert documented == parameters_of(METHODS[name])


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_looked_up_elsewhere(name: str) -> None:
    text = words(METHODS[name].__doc__)
    assert "for the parameters" not in text
    assert not re.search(r"\b[Ss]ame as (in|`\w+` of) :func:", text)
    assert name in OWN or f"See :func:`{name.partition('.')[2]}`" in text


@pytest.mark.parametrize("name", METHODS)
def test_each_parameter_has_a_type_and_a_meaning(name: str, script: ModuleType) -> None:
    for entry in section(script, METHODS[name], "Parameters"):
        assert entry.kind or entry.names[0].startswith("*"), entry
        assert entry.text.endswith((".", "...")), entry


@pytest.mark.parametrize("name", METHODS)
def test_defaults_are_those_of_the_signature(name: str, script: ModuleType) -> None:
    signature = inspect.signature(METHODS[name]).parameters
    for entry in section(script, METHODS[name], "Parameters"):
        _, found, default = entry.kind.partition(", default: ")
        for parameter in entry.names:
            value = signature[parameter.lstrip("*")].default
            if found:
                assert default.lower() == (repr(value).replace("'", '"')).lower(), parameter
            else:  # optional, needed, or any further ones
                optional = entry.kind.endswith("optional")
                assert value is (None if optional else inspect.Parameter.empty), parameter


@pytest.mark.parametrize("name", sorted(set(METHODS) - OWN))
def test_what_is_said_is_what_the_function_says(name: str, script: ModuleType) -> None:
    function, method = function_of(name), METHODS[name]
    assert set(parameters_of(method)) <= set(parameters_of(function))
    for part in ("Parameters", "Raises", "Warns"):
        said = {n: e for e in section(script, function, part) for n in e.names}
        there = {n: e for e in script.described(function, part) for n in e.names}
        repeated = {n: e for e in section(script, method, part) for n in e.names}
        assert list(repeated) == [n for n in there if part != "Parameters" or n != "obj"]
        assert set(said) == set(there)
        for key, entry in repeated.items():
            assert entry.kind == there[key].kind
            assert words(entry.text) == words(there[key].text)
            if "Same as" not in words(said[key].text):  # the function says it itself
                assert words(entry.text) == words(said[key].text)


def test_the_modules_are_as_the_script_writes_them(script: ModuleType) -> None:
    assert not script.differences(), "run: python tools/inject_docs.py"


def test_what_differs_is_written_anew(script: ModuleType) -> None:
    source = '''class Methods:
    def area(self, regions=None, direct=False):
        """Measure the area.

        See :func:`xarray_atlas.area` for details.

        Parameters
        ----------
        regions : str
            Of old.

        Returns
        -------
        DataArray

        Examples
        --------
        >>> 1 + 1
        2
        """
        return 1
'''
    expected = '''class Methods:
    def area(self, regions=None, direct=False):
        """Measure the area.

        See :func:`xarray_atlas.area` for details.

        Parameters
        ----------
        regions : str, int, Region, or list of these, optional
            By acronym, full name, or id (int). All regions by default; for a parcellation its
            parcels, each without its descendants, so that no voxel is counted twice.
        direct : bool, default: False
            Only voxels labelled with the region itself, without its descendants.

        Returns
        -------
        DataArray

        Raises
        ------
        GridError
            If the object does not have two spatial dimensions, or they are unevenly spaced.
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.
        HemisphereError
            If left and right cannot be distinguished, or ``hemispheres`` has other values than 1
            and 2 in much of the brain.

        Examples
        --------
        >>> 1 + 1
        2
        """
        return 1
'''
    assert script.injected(source) == expected
    assert script.injected(expected) == expected


def test_lists_and_code_stay_on_their_lines(script: ModuleType) -> None:
    code = "``{'visual': ['VISp', 'VISl'], 'other': ['MOp', 'MOs']}``"
    text = f"{'word ' * 12}{code}.\n\n- one\n- two\n\n>>> 1 + 1\n2"
    written = script._written(script.Entry(("a", "b"), "int", text), 80).splitlines()
    assert written[0] == "a, b : int"
    assert any(code in line for line in written)
    assert written[-5:] == ["    - one", "    - two", "", "    >>> 1 + 1", "    2"]


def test_a_reference_to_what_is_not_described_is_an_error(script: ModuleType) -> None:
    def wrong(obj: Any, colour: Any) -> None:
        """Do it.

        Parameters
        ----------
        colour
            Same as in :func:`xarray_atlas.volume`.
        """

    with pytest.raises(LookupError, match="does not describe colour"):
        script.described(wrong, "Parameters")

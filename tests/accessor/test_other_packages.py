"""Names of BrainGlobe, iblatlas, ConfUSIus and AllenSDK, and the calls that they are told."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import xarray_atlas
from xarray_atlas.accessor.other_packages import EQUIVALENTS, FUNCTIONS, advice

pytestmark = pytest.mark.version_independent


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the calls of the table name: an atlas with all that open_atlas can include."""
    plt = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("skimage")
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    left = (ds.x > ds.x.mean()).broadcast_like(ds.annotation).transpose(*ds.annotation.dims)
    ds = ds.assign(template=ds.annotation % 256, hemispheres=2 - left.astype("uint8"))
    _, ax = plt.subplots()
    yield {
        "ds": ds,
        "xarray_atlas": xarray_atlas,
        "points": np.array([[8100.0, 800.0, 4400.0]]),
        "xyz": np.array([[0.0015, -0.0027, -0.0005]]),
        "ccf": np.array([[8100.0, 800.0, 4400.0]]),
        "image": ds.template.isel(z=slice(40, 44)),
        "transform": np.eye(4),
        "path": tmp_path_factory.mktemp("itksnap") / "labels.txt",
        "ax": ax,
        "print": lambda text: text,
    }
    plt.close("all")


@pytest.mark.parametrize("call", list(dict.fromkeys(call for call, _ in EQUIVALENTS)))
def test_the_calls_run(call, names):
    expression, _, opening = call.partition(", with open_atlas(...")
    if opening:
        assert opening.startswith(", include=(")
    if expression in ('xarray_atlas.download("allen_mouse_25um")', "xarray_atlas.list_atlases()"):
        # these need the network
        function, _, rest = expression.removesuffix(")").partition("(")
        inspect.signature(eval(function, names)).bind(*filter(None, [rest]))
        return
    result = eval(expression, names)
    assert result is not None or "itksnap" in expression


def test_each_name_is_told_its_calls(names):
    atlas = names["ds"].atlas
    for call, packages in EQUIVALENTS:
        for package, words in packages.items():
            for name in words.split():
                assert not hasattr(type(atlas), name), name
                with pytest.raises(AttributeError, match=re.escape(call)) as caught:
                    getattr(atlas, name)
                assert package in str(caught.value)
    assert not hasattr(atlas, "structures")


def test_functions_are_told_too():
    with pytest.raises(AttributeError, match=re.escape('here it is xarray_atlas.open_atlas("')):
        xarray_atlas.BrainGlobeAtlas  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'open_atla'"):
        xarray_atlas.open_atla  # noqa: B018
    for call, packages in FUNCTIONS:
        function, _, arguments = call.removeprefix("xarray_atlas.").partition("(")
        where = xarray_atlas.AtlasAccessor if call.startswith("ds.atlas") else xarray_atlas
        signature = inspect.signature(getattr(where, function.removeprefix("ds.atlas.")))
        bound = ["self"] if call.startswith("ds.atlas") else []
        names = [
            part.partition("=")[0].strip() for part in arguments[:-1].split(",") if "=" in part
        ]
        others = [part for part in arguments[:-1].split(",") if part and "=" not in part]
        signature.bind(*bound, *others, **dict.fromkeys(names))
        for words in packages.values():
            assert all(call in advice(name, FUNCTIONS) for name in words.split())
            assert not any(hasattr(xarray_atlas, name) for name in words.split())


def test_a_name_of_no_package_is_an_ordinary_error(names):
    with pytest.raises(AttributeError, match="object has no attribute 'volum'") as caught:
        names["ds"].atlas.volum  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("volum", names["ds"].atlas)
    assert advice("volum") == ""


def test_the_error_of_a_property_is_its_own(names, monkeypatch):
    def fail(self):
        raise AttributeError("of the property")

    monkeypatch.setattr(xarray_atlas.AtlasAccessor, "regions", property(fail))
    with pytest.raises(AttributeError, match="^of the property$"):
        names["ds"].atlas.regions  # noqa: B018


BRAINGLOBE_WITHOUT = {"space"}
"""Public names for which nothing is told: they are here too."""

IBL_WITHOUT = {
    "bc", "dims2xyz", "xyz2dims", "regions", "plot_top", "compute_surface", "mask", "volume",
    "default_mapping", "n_lr", "atlas_rel_path",
}  # fmt: skip


def told(package: str) -> set[str]:
    return {name for _, packages in EQUIVALENTS for name in packages.get(package, "").split()}


def test_brainglobes_names_are_all_told():
    api = pytest.importorskip("brainglobe_atlasapi")
    theirs = {name for name in dir(api.BrainGlobeAtlas) if not name.startswith("_")}
    stored = {
        "structures",
        "structures_list",
        "space",
        "metadata",
        "root_dir",
        "additional_references",
    }
    known = told("BrainGlobe") | BRAINGLOBE_WITHOUT
    assert theirs | stored <= known, sorted((theirs | stored) - known)
    # and there is no name that they do not have
    settings = {"atlas_name", "reference", "left_hemisphere_value", "right_hemisphere_value"}
    assert told("BrainGlobe") <= theirs | stored | settings


def test_ibls_names_are_told():
    atlas = pytest.importorskip("iblatlas.atlas")
    regions = pytest.importorskip("iblatlas.regions")
    theirs = {
        name
        for kind in (atlas.AllenAtlas, regions.BrainRegions)
        for name in (*dir(kind), *getattr(kind, "__dataclass_fields__", ()))
        if not name.startswith("_")
    }
    missing = theirs - told("iblatlas") - IBL_WITHOUT
    assert not missing, sorted(missing)

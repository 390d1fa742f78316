"""Atlases by name: what is found, where it came from, and what is said where there is none."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import fsspec
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from packaging.version import Version

import xarray_atlas
from support.atlases import no_compute
from support.catalogues import annotation, hemispheres, image, under, write_catalogue
from support.meshes import as_packager, box, write_mesh
from support.stores import REGIONS, Server, labels, s3_server, scaling, serve, upload
from xarray_atlas import list_atlases, open_atlas
from xarray_atlas.errors import (
    AtlasNotFoundError,
    ComponentNotFoundError,
    GridError,
    HemisphereError,
    ResolutionNotFoundError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe import catalogue, lookup
from xarray_atlas.io.brainglobe import folder as brainglobe_folder

pytestmark = pytest.mark.version_independent


@pytest.fixture(autouse=True)
def nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No copies of the user's own, and a cache of the test's own."""
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("XARRAY_ATLAS_DATA", str(tmp_path / "copies"))
    return tmp_path / "home"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_catalogue(tmp_path / "root")


# -- by name


@pytest.mark.parametrize(
    ("name", "resolution", "level"),
    [
        ("tiny_mouse_25um", None, "s0"),
        ("tiny_mouse_50um", None, "s1"),
        ("tiny_mouse", None, "s0"),
        ("tiny_mouse", "50 um", "s1"),
        ("tiny_mouse", "0.05 mm", "s1"),
        ("tiny_mouse_25um", "50 um", "s1"),
        ("tiny_mouse_50um", 0, "s0"),
        ("tiny_mouse", "s1", "s1"),
    ],
)
def test_by_name(root: Path, name: str, resolution: Any, level: str) -> None:
    ds = open_atlas(name, resolution=resolution, root=root)
    assert ds.attrs["level"] == level
    np.testing.assert_array_equal(ds.annotation, annotation()[level][0])
    assert ds.atlas.region("one").id == 312782574


def test_a_resolution_that_only_the_pyramid_has(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, resolutions=(25,))
    assert open_atlas("tiny_mouse", resolution="50 um", root=root).attrs["level"] == "s1"


@pytest.mark.parametrize("name", ["größe", "dot.ted-name", "x_1.2.3um", "y_.um"])
def test_names_that_are_odd(tmp_path: Path, name: str) -> None:
    write_catalogue(tmp_path, name, version="2017", resolutions=(25,))
    for version in ("2017-b", "1.²"):
        write_catalogue(tmp_path, "other", version=version, resolutions=(25,))
    assert list_atlases(tmp_path).name.tolist() == sorted(["other", name])
    assert open_atlas(name, root=tmp_path).attrs["version"] == "2017"
    assert open_atlas(f"{name}_25um", root=tmp_path).attrs["name"] == name


def test_the_newest_version_by_number(tmp_path: Path) -> None:
    for version in ("1.9", "1.10", "1.2"):
        write_catalogue(tmp_path, version=version)
    assert open_atlas("tiny_mouse_25um", root=tmp_path).attrs["version"] == "1.10"
    for version in ("1.2", "1_2"):
        assert open_atlas("tiny_mouse", root=tmp_path, version=version).attrs["version"] == "1.2"


def test_the_manifest_is_a_source(root: Path) -> None:
    path = root / "atlases/tiny_mouse_50um/1_0/manifest.json"
    by_name = open_atlas("tiny_mouse_50um", root=root)
    xr.testing.assert_identical(open_atlas(path), by_name)
    xr.testing.assert_identical(open_atlas(path.as_uri()), by_name)


def test_through_xarray(root: Path) -> None:
    expected = open_atlas("tiny_mouse_50um", root=root)
    ds = xr.open_dataset("tiny_mouse", engine="atlas", root=root, resolution="50 um")
    xr.testing.assert_identical(ds, expected)

    def in_chunks() -> xr.Dataset:
        keywords = {"root": root, "resolution": "50 um", "chunks": {}}
        return xr.open_dataset("tiny_mouse", engine="atlas", **keywords)

    if Version(xr.__version__) < Version("2026.7"):
        # xarray asks the file system for the time of what it takes for a path
        with pytest.raises(FileNotFoundError):
            in_chunks()
    else:
        xr.testing.assert_identical(in_chunks(), expected)
    tree = xr.open_datatree("tiny_mouse", engine="atlas", root=root, include=("template",))
    assert set(tree.children) == {"s0", "s1"}
    np.testing.assert_array_equal(tree["s1/template"], image(2)["s1"][0])


def test_a_path_that_is_there_is_no_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_mouse").mkdir()
    with pytest.raises(StoreFormatError, match="a folder, but not a zarr group"):
        open_atlas("tiny_mouse")
    assert open_atlas("tiny_mouse", root=root).attrs["name"] == "tiny_mouse"


@pytest.mark.parametrize(
    ("name", "keywords", "error", "says"),
    [
        ("tiny_mose_25um", {}, AtlasNotFoundError, "did you mean 'tiny_mouse_25um'"),
        ("whale", {}, AtlasNotFoundError, r"no atlas 'whale' .*\(1 atlases\).*list_atlases"),
        ("tiny_mouse_10um", {}, AtlasNotFoundError, "there are tiny_mouse_25um, tiny_mouse_50um"),
        ("tiny_mouse", {"version": "2.0"}, AtlasNotFoundError, "tiny_mouse_25um: 1.0"),
        ("tiny_mouse_25um", {"version": "2.0"}, AtlasNotFoundError, "no version 2.0 .*: 1.0"),
        ("tiny_mouse", {"resolution": "10 um"}, ResolutionNotFoundError, r"25 um \(index 0"),
        ("tiny_mouse", {"include": "nissl"}, ComponentNotFoundError, "'hemispheres', 'template'"),
    ],
)
def test_what_there_is_not(root: Path, name: str, keywords: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        open_atlas(name, root=root, **keywords)


def test_a_root_without_atlases(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="no atlases in"):
        open_atlas("tiny_mouse", root=tmp_path)


def test_root_goes_with_a_name(root: Path) -> None:
    with pytest.raises(StoreFormatError, match="go with the name"):
        open_atlas(root / "atlases/tiny_mouse_50um/1_0/manifest.json", root=root)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"annotation_set": None}, "is not a manifest of an atlas"),
        ({"resolution": [25.0]}, "a resolution of 1 numbers"),
        ({"terminology": {"name": "x"}}, "it has no 'version'|it has no 'location'"),
    ],
)
def test_a_broken_manifest(tmp_path: Path, change: Any, says: str) -> None:
    root = write_catalogue(tmp_path, extra=change)
    with pytest.raises(StoreFormatError, match=says):
        open_atlas("tiny_mouse", root=root)


# -- where everything came from


def test_the_attributes_say_where_everything_came_from(root: Path, tmp_path: Path) -> None:
    ds = open_atlas("tiny_mouse_25um", root=root, include=("annotation", "template"))
    sets = f"{root}/annotation-sets/tiny_mouse-annotation/1_0"
    said = {
        "root": str(root),
        "manifest": f"{root}/atlases/tiny_mouse_25um/1_0/manifest.json",
        "name": "tiny_mouse",
        "version": "1.0",
        "species": "Mus musculus",
        "citation": "Nobody et al.",
        "symmetric": 1,
        "annotation_name": "tiny_mouse-annotation",
        "annotation_version": "1.0",
        "annotation_url": f"{sets}/annotations_compressed.ome.zarr",
        "source": f"{sets}/annotations_compressed.ome.zarr",
        "terminology_name": "tiny_mouse-terminology",
        "terminology_version": "1.0",
        "terminology_url": f"{root}/terminologies/tiny_mouse-terminology/1_0/terminology.csv",
        "template_name": "tiny_mouse-template",
        "template_version": "1.0",
        "template_url": f"{root}/templates/tiny_mouse-template/1_0/template.ome.zarr",
    }
    assert {key: ds.attrs.get(key) for key in said} == said
    ds.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    assert open_atlas(tmp_path / "copy.zarr").attrs == ds.attrs
    ds.to_netcdf(tmp_path / "copy.nc")
    again = open_atlas(tmp_path / "copy.nc", chunks=None).load()
    assert again.attrs == ds.attrs
    again.close()


def test_a_terminology_of_the_users_own_is_not_said_to_be_the_atlass(root: Path) -> None:
    ds = open_atlas("tiny_mouse", root=root, terminology=REGIONS)
    assert "terminology_version" not in ds.attrs
    assert "terminology_url" not in ds.attrs


# -- components


def test_components_on_one_grid_lazily(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, references=("nissl",))
    names = ("annotation", "template", "hemispheres", "tiny_mouse-nissl")
    with dask.config.set(scheduler=no_compute):
        ds = open_atlas("tiny_mouse_50um", root=root, include=names)
    assert set(ds.data_vars) == set(names)
    assert {array.dims for array in ds.data_vars.values()} == {("z", "y", "x")}
    np.testing.assert_array_equal(ds.template, image(2)["s1"][0])
    np.testing.assert_array_equal(ds["tiny_mouse-nissl"], image(10)["s1"][0])
    assert ds.template.dtype == "uint16"
    assert ds.template.atlas.terminology == ds.atlas.terminology


@pytest.mark.parametrize("name", ["z", "terminology"])
def test_a_reference_that_is_called_as_a_coordinate(tmp_path: Path, name: str) -> None:
    root = write_catalogue(tmp_path, references=("nissl",))
    file = root / "atlases/tiny_mouse_25um/1_0/manifest.json"
    file.write_text(file.read_text().replace('"tiny_mouse-nissl"', f'"{name}"'))
    with pytest.raises(ComponentNotFoundError, match=f"component called '{name}'"):
        open_atlas("tiny_mouse_25um", root=root, include=("annotation", name))


def test_without_the_annotation(root: Path) -> None:
    ds = open_atlas("tiny_mouse", root=root, include="template")
    assert list(ds.data_vars) == ["template"]


@pytest.mark.parametrize("chunks", [None, {}])
def test_the_hemispheres_of_a_symmetric_atlas_are_the_midlines(tmp_path: Path, chunks: Any) -> None:
    # what is stored says otherwise, and is not asked: the manifest says symmetric
    root = write_catalogue(tmp_path, sides=True)
    names = ("annotation", "hemispheres")
    ds = open_atlas("tiny_mouse_50um", root=root, include=names, chunks=chunks)
    expected = np.broadcast_to([2, 2, 1, 1, 1], (3, 4, 5))  # the middle plane is left
    np.testing.assert_array_equal(ds.hemispheres, expected)
    np.testing.assert_array_equal(ds.hemispheres[1, :, 1:4:2], expected[1, :, 1:4:2])
    np.testing.assert_array_equal(ds.hemispheres[:, 0, 2], expected[:, 0, 2])
    np.testing.assert_array_equal(ds.hemispheres.isel(x=[4, 0]), expected[..., [4, 0]])
    bare = open_atlas("tiny_mouse_50um", root=root, chunks=chunks)
    assert "hemispheres" not in bare
    for side in ("left", "right"):
        mask = bare.atlas.mask("root", hemisphere=side)  # without a warning
        xr.testing.assert_equal(mask, ds.atlas.mask("root", hemisphere=side))


def test_other_atlases_take_hemispheres_from_their_volume(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, symmetric=False, sides=True)
    ds = open_atlas("tiny_mouse_25um", root=root)
    sides = hemispheres()["s0"][0]
    np.testing.assert_array_equal(ds.hemispheres, sides)
    assert ds.attrs["hemispheres_url"].endswith("hemispheres.ome.zarr")
    assert ds.atlas.space.midline is None
    inside = np.isin(labels(), list(under(8)))
    for side, value in (("left", 1), ("right", 2)):
        mask = ds.atlas.mask("grey", hemisphere=side)
        np.testing.assert_array_equal(mask, inside & (sides == value))
        volume = ds.atlas.volume("grey", hemisphere=side).item().magnitude
        assert volume == pytest.approx((inside & (sides == value)).sum() * 0.025**3)
    with pytest.raises(HemisphereError, match="pass the Dataset that has 'hemispheres'"):
        ds.annotation.atlas.mask("grey", hemisphere="left")


def test_a_midline_that_is_said_counts_where_the_manifest_says_not_symmetric(tmp_path):
    root = write_catalogue(tmp_path, symmetric=False, sides=True)
    ds = open_atlas("tiny_mouse", root=root, midline="0.2 mm")
    assert "hemispheres" not in ds
    left = np.arange(10) * 0.025 >= 0.2
    np.testing.assert_array_equal(ds.atlas.mask("root", "left"), (labels() != 0) & left)
    both = open_atlas(
        "tiny_mouse", root=root, midline="0.2 mm", include=("annotation", "hemispheres")
    )
    np.testing.assert_array_equal(
        both.atlas.mask("root", "left"), (labels() != 0) & (both.hemispheres.values == 1)
    )


def test_no_hemispheres_at_all(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, symmetric=False)
    ds = open_atlas("tiny_mouse", root=root)
    with pytest.raises(HemisphereError, match="no midline"):
        ds.atlas.volume("grey", hemisphere="left")
    with pytest.raises(ComponentNotFoundError, match="no hemispheres are stored next to"):
        open_atlas("tiny_mouse", root=root, include=("annotation", "hemispheres"))
    ds = open_atlas("tiny_mouse", root=root, midline="0.1 mm")
    assert ds.atlas.volume("grey", hemisphere="left").item().magnitude > 0


def test_hemispheres_beside_an_annotation_that_is_opened_by_its_path(tmp_path: Path) -> None:
    write_catalogue(tmp_path, sides=True)
    place = tmp_path / "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr"
    ds = open_atlas(place, include=("annotation", "hemispheres"))
    np.testing.assert_array_equal(ds.hemispheres, hemispheres()["s0"][0])
    with pytest.raises(ComponentNotFoundError, match="open the atlas by its name"):
        open_atlas(place, include="template")


def fine(shape: tuple[int, ...] = (6, 8, 10), scale: float = 0.025, shift: float = 0.0) -> Any:
    return {"s0": (np.ones(shape, "uint16"), scaling(scale, shift))}


@pytest.mark.parametrize(
    ("template", "error", "says"),
    [
        (fine((6, 8, 9)), GridError, r"different shapes at 25 um: \(6, 8, 9\) in .*template"),
        (fine(scale=0.026), ResolutionNotFoundError, "template has no level of 25 um.*26 um"),
        (fine(shift=0.0125), GridError, "lie up to 0.0125 mm apart.*align_levels"),
    ],
)
def test_a_template_on_another_grid(tmp_path: Path, template: Any, error: Any, says: str) -> None:
    root = write_catalogue(tmp_path, template=template)
    with pytest.raises(error, match=says):
        open_atlas("tiny_mouse_25um", root=root, include=("annotation", "template"))
    open_atlas("tiny_mouse_25um", root=root)


def test_sizes_and_places_match_within_a_thousandth_of_a_voxel(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, template=fine(scale=0.0250001, shift=1e-6))
    ds = open_atlas("tiny_mouse_25um", root=root, include="template")
    assert ds.z.values[0] == 0.0


def test_levels_are_matched_by_voxel_size_not_by_path(tmp_path: Path) -> None:
    pyramid = image(5)
    swapped = {"0": pyramid["s1"], "1": pyramid["s0"]}
    root = write_catalogue(tmp_path, template=swapped)
    ds = open_atlas("tiny_mouse_25um", root=root, include="template")
    np.testing.assert_array_equal(ds.template, pyramid["s0"][0])


def test_a_template_without_translations_is_put_in_line(tmp_path: Path) -> None:
    bare = {path: (values, [t[0]]) for path, (values, t) in image(2).items()}
    root = write_catalogue(tmp_path, template=bare)
    with pytest.raises(GridError, match="align_levels=True"):
        open_atlas("tiny_mouse_50um", root=root, include="template")
    ds = open_atlas("tiny_mouse_50um", root=root, include="template", align_levels=True)
    assert ds.z.values[0] == pytest.approx(0.0125)


def test_older_names_of_files(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, labels_file="annotation.ome.zarr")
    folder = root / "templates/tiny_mouse-template/1_0"
    (folder / "template.ome.zarr").rename(folder / "anatomical_template.ome.zarr")
    ds = open_atlas("tiny_mouse", root=root, include=("annotation", "template"))
    assert ds.attrs["template_url"].endswith("anatomical_template.ome.zarr")


def test_a_chunk_of_the_template_that_cannot_be_read(root: Path) -> None:
    ds = open_atlas("tiny_mouse_25um", root=root, include=("annotation", "template"))
    store = root / "templates/tiny_mouse-template/1_0/template.ome.zarr"
    (store / "s0/c/0/0/0").write_bytes(b"")
    with pytest.raises(StoreError, match=r"the voxels \[0:4, 0:4, 0:4\] of .*template"):
        ds.template.compute()


# -- lists


def test_list_atlases(root: Path) -> None:
    write_catalogue(root, "tiny_rat", species="Rattus norvegicus", resolutions=(50,))
    write_catalogue(root, version="1.10", resolutions=(25,))
    table = list_atlases(root)
    expected = pd.DataFrame(
        {
            "name": ["tiny_mouse", "tiny_rat"],
            "species": ["Mus musculus", "Rattus norvegicus"],
            "resolutions": [("25 um", "50 um"), ("50 um",)],
            "versions": [("1.0", "1.10"), ("1.0",)],
            "local": [True, True],
        }
    )
    pd.testing.assert_frame_equal(table, expected)
    assert list_atlases(root, species="RATTUS").name.tolist() == ["tiny_rat"]
    assert list_atlases(root, species="whale").empty


def test_list_atlases_with_a_broken_manifest(root: Path) -> None:
    write_catalogue(root, "tiny_rat", species="Rattus norvegicus", resolutions=(50,))
    (root / "atlases/tiny_rat_50um/1_0/manifest.json").write_text("")
    with pytest.warns(UserWarning, match="species of tiny_rat is not known: .* is not a manifest"):
        table = list_atlases(root)
    assert table.species.tolist() == ["Mus musculus", ""]


def test_list_atlases_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="no atlases"):
        list_atlases(tmp_path)


def test_list_in_the_shell(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from xarray_atlas.cli.main import main

    assert main(["list", "--root", str(root)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["name", "species", "resolutions", "versions", "local"]
    assert out[1].split() == [
        "tiny_mouse",
        "Mus",
        "musculus",
        "25",
        "um,",
        "50",
        "um",
        "1.0",
        "true",
    ]
    assert main(["list", "--root", str(root), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["resolutions"] == ["25 um", "50 um"]
    assert main(["list", "--root", str(root), "--species", "whale"]) == 1
    assert "no atlas of a species" in capsys.readouterr().err
    assert main(["volume", "grey", "--atlas", "tiny_mouse_25um", "--root", str(root)]) == 0
    assert "tiny_mouse 1.0" in capsys.readouterr().out
    assert main(["volume", "grey", "--atlas", "tiny_mose", "--root", str(root)]) == 1
    assert "did you mean 'tiny_mouse'" in capsys.readouterr().err
    assert main(["info", "--atlas", "tiny_mouse", "--root", str(root), "--atlas-version", "9"]) == 1
    assert "no version 9" in capsys.readouterr().err


# -- requests, and buckets that refuse


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_catalogue(tmp_path / "served/bucket")
    with serve(tmp_path / "served") as running:
        yield running


def last_versions(
    server: Server, text: str = "tiny_mouse_25um = 1.0\ntiny_mouse_50um = 1.0\n"
) -> None:
    (server.folder / "bucket/atlases/last_versions.conf").write_text(f"[atlases]\n{text}")


def open_served(server: Server, name: str, **keywords: Any) -> xr.Dataset:
    options = {"endpoint_url": server.url}
    return open_atlas(name, root="s3://bucket", storage_options=options, **keywords)


def test_how_many_requests_a_name_takes(server: Server) -> None:
    last_versions(server)
    open_served(server, "tiny_mouse_25um")
    # versions, manifest, terminology, group, level
    assert len(server.requests) == 5
    server.requests.clear()
    open_served(server, "tiny_mouse_25um", version="1.0")
    assert len(server.requests) == 4


def test_a_bucket_that_may_be_read_but_not_listed(server: Server) -> None:
    last_versions(server)
    server.absent = 403
    names = ("annotation", "template", "hemispheres")
    ds = open_served(server, "tiny_mouse", include=names)
    np.testing.assert_array_equal(ds.annotation, labels())
    np.testing.assert_array_equal(ds.template, image(2)["s0"][0])
    assert ds.atlas.volume("grey").item().magnitude > 0
    with pytest.raises(AtlasNotFoundError, match="did you mean 'tiny_mouse_25um'"):
        open_served(server, "tiny_moose_25um")
    (server.folder / "bucket/atlases/last_versions.conf").unlink()
    ds = open_served(server, "tiny_mouse_50um", version="1.0")
    assert ds.attrs["level"] == "s1"
    with pytest.raises(StoreError, match="no permission"):
        open_served(server, "tiny_mouse_50um")


def test_a_server_that_fails(server: Server) -> None:
    last_versions(server)
    server.fault = lambda path: 500 if path.endswith("manifest.json") else None
    with pytest.raises(StoreError, match=r"cannot read s3://bucket/atlases/tiny_mouse_25um"):
        open_served(server, "tiny_mouse_25um")


def test_on_s3_with_listings(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "local", symmetric=False, sides=True)
    with s3_server() as endpoint:
        upload(tmp_path / "local", endpoint, "s3://brainglobe/atlas")
        own = {"endpoint_url": endpoint, "key": "test", "secret": "test"}
        ds = open_atlas("tiny_mouse", root="s3://brainglobe/atlas", storage_options=own)
        np.testing.assert_array_equal(ds.hemispheres, hemispheres()["s0"][0])
        table = list_atlases("s3://brainglobe/atlas", storage_options=own)
        assert table.local.tolist() == [False]
        assert table.resolutions.tolist() == [("25 um", "50 um")]


@pytest.fixture(scope="module")
def allen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket's content: the Allen atlas of real data, else a small one with a mesh."""
    folder = os.environ.get("XARRAY_ATLAS_TEST_DATA")
    bucket = tmp_path_factory.mktemp("served") / "bucket"
    if folder:
        source = Path(folder) / "brainglobe"
        parts = ("atlases", "terminologies", "annotation-sets/allen-adult-mouse-annotation/2017_0")
        for part in parts:
            shutil.copytree(
                source / part, bucket / part, ignore=shutil.ignore_patterns("annotations.ome.zarr")
            )
        versions = "[atlases]\nallen_mouse_50um = 3.0\nallen_mouse_100um = 3.0\n"
    else:
        write_catalogue(bucket)
        place = "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr"
        write_mesh(bucket / place, 8, *as_packager(box((0, 0, 0), (100000, 75000, 50000))))
        versions = "[atlases]\ntiny_mouse_25um = 1.0\ntiny_mouse_50um = 1.0\n"
    (bucket / "atlases/last_versions.conf").write_text(versions)
    return bucket


def from_name_to_mesh(local: Path, root: str, options: dict[str, Any]) -> None:
    """Open by name, measure, and take a mesh; each as a folder gives it."""
    name, region = (
        ("allen_mouse", "RSP")
        if (local / "atlases/allen_mouse_50um").exists()
        else ("tiny_mouse", "grey")
    )
    ds = open_atlas(name, resolution="50 um", root=root, storage_options=options)
    truth = open_atlas(name, resolution="50 um", root=local)
    assert ds.attrs["root"] == root
    volume = ds.atlas.volume(region, hemisphere=["left", "right"])
    xr.testing.assert_identical(
        volume.drop_attrs(), truth.atlas.volume(region, hemisphere=["left", "right"]).drop_attrs()
    )
    mesh = ds.atlas.mesh(region)
    assert mesh.source.startswith(f"{root}/annotation-sets/")
    np.testing.assert_array_equal(mesh.vertices, truth.atlas.mesh(region).vertices)
    if name == "allen_mouse":
        assert mesh.volume.magnitude == pytest.approx(83093 * 0.05**3, rel=0.03)


def test_from_name_to_mesh_anonymously_on_s3(allen: Path) -> None:
    with s3_server() as endpoint:
        upload(allen, endpoint, "s3://brainglobe/atlas")
        options = {"endpoint_url": endpoint}
        from_name_to_mesh(allen, "s3://brainglobe/atlas", options)


def test_from_name_to_mesh_with_throttling_and_cut_connections(allen: Path) -> None:
    """Each object is answered with 503, or cut in its middle, the first time that it is asked.

    And nothing may be listed: what there is not is refused.
    """
    with serve(allen.parent) as server:
        seen: set[str] = set()

        def fault(path: str) -> Any:
            if path in seen:
                return None
            seen.add(path)
            return 503 if len(seen) % 2 else "drop"

        server.fault = fault
        server.absent = 403
        from_name_to_mesh(allen, "s3://bucket", {"endpoint_url": server.url})
        assert len(seen) > 8


def test_throttling_that_does_not_end(allen: Path) -> None:
    with serve(allen.parent) as server:
        options = {"endpoint_url": server.url}
        name = next(path.name for path in sorted((allen / "atlases").iterdir()) if path.is_dir())
        ds = open_atlas(name, root="s3://bucket", storage_options=options)
        for fault in (503, "drop"):
            server.fault = lambda path, fault=fault: fault if "/c/" in path else None
            with pytest.raises(StoreError, match="cannot read the labels"):
                ds.annotation[:2, :2, :2].compute()


# -- masks that are stored


def test_masks_come_from_the_labels_whatever_is_stored_beside_them(tmp_path: Path) -> None:
    """BrainGlobe's tools fetch the masks' metadata first, and a mask when it is asked for."""
    root = write_catalogue(tmp_path, masks=True)
    store = root / "annotation-sets/tiny_mouse-annotation/1_0/annotations.ome.zarr"
    shutil.rmtree(store / "s0/c")
    mask = open_atlas("tiny_mouse", root=root).atlas.mask("grey")
    np.testing.assert_array_equal(mask, np.isin(labels(), list(under(8))))


# -- BrainGlobe's own folder


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """BrainGlobe's bucket, in memory, and an empty folder of BrainGlobe's."""
    write_catalogue(tmp_path / "published", symmetric=False, sides=True)
    memory = fsspec.filesystem("memory")
    memory.put(f"{tmp_path}/published/", "/brainglobe/", recursive=True)
    for module in (catalogue, lookup, xarray_atlas.atlases.listing):
        monkeypatch.setattr(module, "BUCKET", "memory://brainglobe")
    yield "memory://brainglobe"
    memory.rm("/brainglobe", recursive=True)


@pytest.fixture
def local(tmp_path: Path, bucket: str) -> Path:
    """A complete copy in BrainGlobe's own folder."""
    folder = brainglobe_folder.brainglobe_folder()
    shutil.copytree(tmp_path / "published", folder)
    return folder


def test_where_brainglobes_folder_is(
    tmp_path: Path, nobodys_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = brainglobe_folder.brainglobe_folder
    assert found() == nobodys_home / ".brainglobe/brainglobe-atlasapi"
    (tmp_path / "config").mkdir()
    text = f"[default_dirs]\nbrainglobe_dir = {tmp_path}/50% done\ninterm_download_dir = /x\n"
    (tmp_path / "config/bg_config.conf").write_text(text)
    assert found() == tmp_path / "50% done/brainglobe-atlasapi"
    monkeypatch.delenv("BRAINGLOBE_CONFIG_DIR")
    assert found() == nobodys_home / ".brainglobe/brainglobe-atlasapi"
    (nobodys_home / ".config/brainglobe").mkdir(parents=True)
    (nobodys_home / ".config/brainglobe/bg_config.conf").write_text("not a configuration")
    assert found() == nobodys_home / ".brainglobe/brainglobe-atlasapi"


@pytest.mark.parametrize(
    "text",
    ["[other]\nx = 1", "[default_dirs]\nx = 1", "[default_dirs]\nbrainglobe_dir = ~no-such-user/x"],
)
def test_configurations_that_do_not_say_where_it_is(
    tmp_path: Path, nobodys_home: Path, text: str
) -> None:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config/bg_config.conf").write_text(text)
    found = brainglobe_folder.brainglobe_folder()
    assert found == nobodys_home / ".brainglobe/brainglobe-atlasapi"


@pytest.mark.parametrize("way", ["relative", "link"])
def test_brainglobes_folder_by_another_path_is_compared_too(
    local: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """What lacks there must not be taken for zeros of an atlas that somebody has saved."""
    lost = "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr/s0/c/0/0/0"
    (local / lost).unlink()
    if way == "link":
        (tmp_path / "link").symlink_to(local)
        monkeypatch.setenv("XARRAY_ATLAS_DATA", str(tmp_path / "link"))
    else:
        (tmp_path / "config").mkdir(exist_ok=True)
        relative = f"[default_dirs]\nbrainglobe_dir = {local.parent.name}\n"
        (tmp_path / "config/bg_config.conf").write_text(relative)
        monkeypatch.chdir(local.parent.parent)
    ds = open_atlas("tiny_mouse")
    assert ds.attrs["root"] == bucket
    np.testing.assert_array_equal(ds.annotation, labels())


@pytest.mark.parametrize(
    "file",
    [
        "atlases/tiny_mouse_25um/1_0/manifest.json",
        "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr/zarr.json",
    ],
)
def test_metadata_in_brainglobes_folder_that_end_early(local: Path, bucket: str, file: str) -> None:
    (local / file).write_bytes((local / file).read_bytes()[:20])
    assert open_atlas("tiny_mouse").attrs["root"] == bucket


def test_the_bucket_where_nothing_is_local(bucket: str) -> None:
    ds = open_atlas("tiny_mouse")
    assert ds.attrs["root"] == bucket
    assert list_atlases().local.tolist() == [False]


def test_a_complete_copy_is_used_first_and_never_written(local: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in local.rglob("*")}
    ds = open_atlas("tiny_mouse", include=("annotation", "template"))
    assert ds.attrs["root"] == str(local)
    np.testing.assert_array_equal(ds.annotation, labels())
    np.testing.assert_array_equal(ds.hemispheres, hemispheres()["s0"][0])
    assert {path: path.stat().st_mtime_ns for path in local.rglob("*")} == before
    assert list_atlases().local.tolist() == [True]


def test_what_was_compared_once_is_used_without_a_request(local: Path) -> None:
    open_atlas("tiny_mouse")
    memory = fsspec.filesystem("memory")
    memory.rm("/brainglobe", recursive=True)
    assert open_atlas("tiny_mouse").attrs["root"] == str(local)
    memory.pipe_file("/brainglobe/x", b"")


@pytest.mark.parametrize(
    "lost",
    [
        "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr/s0/c/0/0/0",
        "annotation-sets/tiny_mouse-annotation/1_0/hemispheres.ome.zarr/s0/c/1/1/1",
        "templates/tiny_mouse-template/1_0/template.ome.zarr/s0/c/0/1/0",
        "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr/s0/c",
        "terminologies/tiny_mouse-terminology/1_0/terminology.csv",
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_a_copy_that_is_not_complete_is_passed_over(
    local: Path, bucket: str, lost: str, cut: bool
) -> None:
    if (local / lost).is_dir():
        shutil.rmtree(local / lost)
    elif cut:
        (local / lost).write_bytes((local / lost).read_bytes()[:-1])
    else:
        (local / lost).unlink()
    ds = open_atlas("tiny_mouse", include=("annotation", "template"))
    assert ds.attrs["root"] == bucket
    np.testing.assert_array_equal(ds.annotation, labels())
    # what is complete is used: the other level
    other = open_atlas("tiny_mouse_50um")
    complete = "terminology.csv" not in lost
    assert other.attrs["root"] == (str(local) if complete else bucket)


def test_a_copy_that_cannot_be_compared_is_an_error(
    local: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("no network")

    memory = type(fsspec.filesystem("memory"))
    with monkeypatch.context() as patch:
        patch.setattr(memory, "find", refused)
        patch.setattr(memory, "cat_file", refused)
        with pytest.raises(StoreError, match=r"may be incomplete.*Connect once.*root="):
            open_atlas("tiny_mouse")
        as_it_is = open_atlas("tiny_mouse", root=local)
        np.testing.assert_array_equal(as_it_is.annotation, labels())
        with pytest.warns(UserWarning, match="only the copies on this machine"):
            assert list_atlases().name.tolist() == ["tiny_mouse"]


def test_an_atlas_of_the_users_own_in_brainglobes_folder(local: Path) -> None:
    write_catalogue(local, "my_mouse")
    assert open_atlas("my_mouse").attrs["root"] == str(local)
    assert list_atlases().name.tolist() == ["my_mouse", "tiny_mouse"]


def test_a_version_that_only_the_bucket_has(local: Path, bucket: str, tmp_path: Path) -> None:
    write_catalogue(tmp_path / "newer", version="2.0")
    fsspec.filesystem("memory").put(f"{tmp_path}/newer/", "/brainglobe/", recursive=True)
    assert open_atlas("tiny_mouse", version="2.0").attrs["root"] == bucket
    assert open_atlas("tiny_mouse").attrs["version"] == "1.0"
    assert list_atlases().versions.tolist() == [("1.0", "2.0")]


# -- copies of the package's own


def test_a_copy_of_ones_own_is_used_first(local: Path, bucket: str, tmp_path: Path) -> None:
    copies = xarray_atlas.download("tiny_mouse_25um", root=bucket)
    assert copies == tmp_path / "copies"
    assert open_atlas("tiny_mouse_25um").attrs["root"] == str(copies)
    # a level that was not copied is in BrainGlobe's folder
    assert open_atlas("tiny_mouse_50um").attrs["root"] == str(local)
    assert open_atlas("tiny_mouse", resolution="50 um").attrs["root"] == str(local)
    tree = xr.open_datatree("tiny_mouse", engine="atlas")
    assert tree.attrs["root"] == str(local)
    shutil.rmtree(local)
    assert open_atlas("tiny_mouse", resolution="50 um").attrs["root"] == bucket
    assert list_atlases().local.tolist() == [True]


def test_a_copy_of_ones_own_needs_no_bucket(bucket: str, tmp_path: Path) -> None:
    copies = xarray_atlas.download("tiny_mouse_25um", root=bucket)
    memory = fsspec.filesystem("memory")
    memory.rm("/brainglobe", recursive=True)
    ds = open_atlas("tiny_mouse_25um", include=("annotation", "template"))
    np.testing.assert_array_equal(ds.annotation, labels())
    np.testing.assert_array_equal(ds.template, image(2)["s0"][0])
    lost = copies / "templates/tiny_mouse-template/1_0/template.ome.zarr/s0/c/0/0/0"
    lost.unlink()
    assert open_atlas("tiny_mouse_25um").attrs["root"] == str(copies)
    with pytest.raises(StoreError, match=r"none holds all.*download\('tiny_mouse_25um'"):
        open_atlas("tiny_mouse_25um", include=("annotation", "template"))
    there = open_atlas("tiny_mouse_25um", root=copies, include=("annotation", "template"))
    with pytest.raises(StoreError, match="has not been downloaded yet"):
        there.template.compute()
    memory.pipe_file("/brainglobe/x", b"")


def test_a_name_without_a_resolution_is_the_finest_whatever_was_copied(bucket: str) -> None:
    copies = xarray_atlas.download("tiny_mouse_50um", root=bucket)
    assert open_atlas("tiny_mouse_50um").attrs["root"] == str(copies)
    ds = open_atlas("tiny_mouse")
    assert (ds.attrs["resolution"], ds.attrs["root"]) == ("25 um", bucket)
    xarray_atlas.download("tiny_mouse_25um", root=bucket)
    ds = open_atlas("tiny_mouse")
    assert (ds.attrs["resolution"], ds.attrs["root"]) == ("25 um", str(copies))


def test_without_a_network_it_is_said_what_was_copied(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = xarray_atlas.download("tiny_mouse_50um", root=bucket)

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("no network")

    memory = type(fsspec.filesystem("memory"))
    says = f"copies on this machine .tiny_mouse_50um in {copies}"
    with monkeypatch.context() as patch:
        patch.setattr(memory, "find", refused)
        patch.setattr(memory, "cat_file", refused)
        for name in ("tiny_mouse", "tiny_mouse_25um", "tiny_mose"):
            with pytest.raises(StoreError, match=says):
                open_atlas(name)


def test_the_midline_of_an_atlas_that_is_not_symmetric(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, symmetric=False, sides=True, extra={"midline_mm": 0.0625})
    assert open_atlas("tiny_mouse", root=root).atlas.space.midline == 0.0625
    assert open_atlas("tiny_mouse", root=root, midline="0.1 mm").atlas.space.midline == 0.1


def test_a_folder_of_atlases_is_a_root(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path)
    with pytest.raises(StoreFormatError, match=r"by name, with root='"):
        open_atlas(root)


def test_what_was_saved_beside_the_copies(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "copies", "my_mouse")
    assert open_atlas("my_mouse").attrs["root"] == str(tmp_path / "copies")


# -- real data


def test_the_allen_atlas_by_name(data: Path) -> None:
    names = ("annotation", "template", "hemispheres")
    ds = open_atlas("allen_mouse_50um", root=data / "brainglobe", include=names)
    assert int(ds.atlas.mask("RSP").sum()) == 83093
    outside = ds.template.where(ds.annotation == 0, 0)
    assert ds.template.dtype == "uint16"
    assert float(ds.template.mean()) > float(outside.mean())

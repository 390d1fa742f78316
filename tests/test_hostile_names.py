"""Names of regions that hold orders for a terminal, or other than text."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import warnings
import xml.dom.minidom
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import xarray_atlas
from support.small_worlds import ARRAY, brainglobe_table, labels, table, write_json, write_ome_zarr
from xarray_atlas.cli.main import main
from xarray_atlas.errors import AtlasError, RegionNotFoundError, TerminologyError
from xarray_atlas.printable import one_line, printable

pytestmark = pytest.mark.version_independent

CLEAR = "\x1b[2J\x1b]0;owned\x07"
ORDERS = {
    "clear the screen": CLEAR + "Wipe",
    "hide": "A\x1b[8mB",
    "C1": "A\x9b2JB",
    "right to left": "A\u202eB",
    "carriage return": "safe\rA\x7f\x08",
    "line breaks": "A\x0b\x0c\x1c\x85\u2028B",
}
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def hostile(name: str, acronym: str | None = None) -> xr.Dataset:
    frame = brainglobe_table()
    frame.loc[1, "name"] = name
    frame.loc[1, "abbreviation"] = name if acronym is None else acronym
    return xarray_atlas.create_atlas(labels(), frame, midline="0.1 mm", **ARRAY)


def message(call: Callable[[], Any]) -> str:
    with pytest.raises(AtlasError) as caught:
        call()
    return str(caught.value)


OUTPUTS: dict[str, Callable[[xr.Dataset], str]] = {
    "repr of a region": lambda ds: repr(ds.atlas.region(1)),
    "str of a region": lambda ds: str(ds.atlas.region(1)),
    "format of a region": lambda ds: f"{ds.atlas.region(1)}",
    "HTML of a region": lambda ds: ds.atlas.region(1)._repr_html_(),
    "the tree": lambda ds: ds.atlas.tree.render() + repr(ds.atlas.terminology),
    "repr": lambda ds: repr(ds) + repr(ds.annotation),
    "repr of the accessor": lambda ds: repr(ds.atlas),
    "HTML": lambda ds: ds._repr_html_() + ds.atlas._repr_html_(),
    "a result": lambda ds: repr(ds.atlas.volume()) + ds.atlas.volume()._repr_html_(),
    "a report": lambda ds: str(ds.atlas.check(full=True)) + repr(ds.atlas.check()),
    "HTML of a report": lambda ds: ds.atlas.check(full=True)._repr_html_(),
    "problems": lambda ds: "\n".join(ds.atlas.terminology.problems),
    "the page": lambda ds: ds.atlas.explore().html,
    "ITK-SNAP": lambda ds: _itksnap(ds),
    "unknown": lambda ds: message(lambda: ds.atlas.region(ds.atlas.region(1).name + "x")),
    "unknown id": lambda ds: message(lambda: ds.atlas.region(77)),
    "read-only": lambda ds: _read_only(ds),
    "changed": lambda ds: message(lambda: ds.atlas.aggregate(ds.annotation.isel(z=0, drop=True))),
    "parcels": lambda ds: message(lambda: ds.atlas.parcellate({"X": [1], "Y": [1]})),
}


def _itksnap(ds: xr.Dataset) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        ds.atlas.terminology.to_itksnap(Path(folder) / "t.txt")
        return (Path(folder) / "t.txt").read_text("utf-8")


def _read_only(ds: xr.Dataset) -> str:
    with pytest.raises(AttributeError) as caught:
        ds.atlas.region(1).name = "x"
    return str(caught.value)


@pytest.mark.parametrize("what", OUTPUTS)
@pytest.mark.parametrize("kind", ORDERS)
def test_nothing_that_is_shown_gives_orders(what: str, kind: str) -> None:
    ds = hostile(ORDERS[kind])
    assert ds.atlas.region(1).name == ORDERS[kind]  # what the table says is kept
    try:
        shown = OUTPUTS[what](ds)
    except ImportError as error:
        pytest.skip(str(error))
    # scripts and styles that are packaged are not of the table
    shown = re.sub(r"<(script|style)(?! id=\"data\").*?</\1>", "", shown, flags=re.DOTALL)
    assert FORBIDDEN.findall(shown) == []


COMMANDS = [
    [command, *options, "--format", form]
    for command, forms in {
        "volume": "table csv json", "regions": "table csv json", "info": "table json",
        "check": "table csv json",
    }.items()
    for form in forms.split()
    for options in ([["--full"], []] if command == "check" else [[]])
]  # fmt: skip


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_the_command_line_prints_no_orders(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = brainglobe_table()
    frame.loc[1, "name"], frame.loc[1, "abbreviation"] = CLEAR + "Wipe\r", "A\x1b[8m\x9bB"
    frame.loc[2, "abbreviation"] = "A\x1b[8m\x9bB"
    frame.loc[2, "parent_identifier"] = "99"
    frame.loc[2, "color_hex_triplet"] = CLEAR
    path = write_ome_zarr(tmp_path / "l.ome.zarr")
    frame.to_csv(tmp_path / "t.csv", index=False, quoting=csv.QUOTE_ALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = main([*arguments, "--atlas", str(path), "--terminology", str(tmp_path / "t.csv")])
    out, err = capsys.readouterr()
    assert status == 0 or arguments[0] == "check", err
    assert FORBIDDEN.findall(out + err) == []
    assert "Wipe" in out or arguments[0] in ("info", "check")
    if arguments[-1] == "json" and arguments[0] == "regions":
        names = [row["name"] for row in json.loads(out)]
        assert CLEAR + "Wipe\r" in names  # JSON has escapes of its own


def test_an_error_of_the_command_line_prints_no_orders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = brainglobe_table()
    frame["abbreviation"] = ["root", CLEAR + "A", CLEAR + "A"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    path = write_ome_zarr(tmp_path / "l.ome.zarr")
    for wanted in (CLEAR + "A", CLEAR + "B"):
        atlas = ["--atlas", str(path), "--terminology", str(tmp_path / "t.csv")]
        assert main(["volume", wanted, *atlas]) == 1
        out, err = capsys.readouterr()
        assert "[2J" in err
        assert FORBIDDEN.findall(out + err) == []


# -- pictures


DRAWN: dict[str, Callable[[xr.Dataset], Any]] = {
    "tree": lambda ds: ds.atlas.plot.tree(),
    "tree of a region": lambda ds: ds.atlas.plot.tree(1),
    "section": lambda ds: ds.atlas.plot.section(region=1, labels=True),
    "values": lambda ds: ds.atlas.plot.values({1: 1.0, 2: 2.0}, region=1, labels=True),
    "ortho": lambda ds: ds.atlas.plot.ortho(region=1),
    "sections": lambda ds: ds.atlas.plot.sections(),
}


@pytest.mark.parametrize("name", [*ORDERS.values(), "A\x08B", "A\x01B\ufffeC"])
@pytest.mark.parametrize("what", DRAWN)
def test_pictures_are_well_formed(what: str, name: str, tmp_path: Path) -> None:
    """XML has no control characters, not even escaped: no viewer opens an SVG with one."""
    plt = pytest.importorskip("matplotlib.pyplot")
    ds = hostile(name)
    plt.close("all")
    with plt.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        DRAWN[what](ds)
        plt.savefig(tmp_path / "a.svg")
        plt.savefig(tmp_path / "a.pdf")
    plt.close("all")
    xml.dom.minidom.parse(str(tmp_path / "a.svg"))
    assert FORBIDDEN.findall((tmp_path / "a.svg").read_text("utf-8")) == []


# -- other than text


BAD = {"a lone surrogate": "A\ud800B", "another": "\udfff", "NUL": "A\0B"}


def tables(bad: str, column: str, folder: Path) -> dict[str, Callable[[], Any]]:
    frame = table().astype(object)  # pyarrow's texts hold no surrogate
    frame.loc[1, column] = bad
    strict = brainglobe_table().astype(object)
    strict.loc[1, {"acronym": "abbreviation", "name": "name"}[column]] = bad
    rows = [
        {"acronym": "root", "id": 997, "name": "root", "structure_id_path": [997]},
        {"acronym": "A", "id": 1, "name": "a", "structure_id_path": [997, 1], column: bad},
    ]
    write_json(folder / "structures.json", rows)
    good = xarray_atlas.Terminology.from_dataframe(brainglobe_table())
    columns = good.to_columns()
    key = {"acronym": "abbreviation", "name": "name"}[column]
    columns[key] = json.dumps(
        [bad if i == 1 else x for i, x in enumerate(json.loads(columns[key]))]
    )
    lists = {**json.loads(good.to_json()), key: json.loads(columns[key])}
    store = write_ome_zarr(folder / "l.ome.zarr")
    return {
        "a frame": lambda: xarray_atlas.create_atlas(labels(), frame, **ARRAY),
        "a file": lambda: xarray_atlas.create_atlas(labels(), folder / "structures.json", **ARRAY),
        "an opened store": lambda: xarray_atlas.open_atlas(store, terminology=frame),
        "BrainGlobe's": lambda: xarray_atlas.open_atlas(store, terminology=strict),
        "attributes": lambda: xarray_atlas.Terminology.from_columns(columns),
        "JSON": lambda: xarray_atlas.Terminology.from_json(json.dumps(lists)),
    }


@pytest.mark.parametrize("column", ["acronym", "name"])
@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_text_is_refused_where_it_is_read(
    kind: str, column: str, tmp_path: Path
) -> None:
    for way, call in tables(BAD[kind], column, tmp_path).items():
        with pytest.raises(TerminologyError) as caught:
            call()
        said = str(caught.value)
        assert f"the {column} of the region with id 1 holds" in said, way
        assert repr(BAD[kind]) in said, way
        said.encode()


def test_names_of_parcels_are_refused_too() -> None:
    ds = xarray_atlas.create_atlas(labels(), table(), **ARRAY)
    with pytest.raises(AtlasError, match="surrogate"):
        ds.atlas.parcellate({"A\ud800B": ["A"]})


@pytest.mark.parametrize("name", ["é海马", "a\u0301", "😀", "A\x1bB"])
def test_other_names_go_through_every_output(name: str, tmp_path: Path) -> None:
    frame = table()
    frame.loc[1, "name"] = frame.loc[1, "acronym"] = name
    ds = xarray_atlas.create_atlas(labels(), frame, **ARRAY)
    ds.atlas.save(tmp_path / "saved")
    ds.to_zarr(tmp_path / "a.zarr", consolidated=False)
    volume = ds.atlas.volume([name]).pint.dequantify()
    volume.to_zarr(tmp_path / "v.zarr", consolidated=False)
    assert xr.open_zarr(tmp_path / "v.zarr", consolidated=False).region.values.tolist() == [name]
    assert xarray_atlas.open_atlas(tmp_path / "a.zarr").atlas.region(1).name == name
    (ds._repr_html_() + ds.atlas._repr_html_()).encode()
    assert ds.atlas.regions.name.tolist()[1] == name
    pytest.importorskip("h5netcdf")
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    volume.to_netcdf(tmp_path / "v.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "v.nc", engine="h5netcdf") as found:
        assert found.region.values.tolist() == [name]
    assert xarray_atlas.open_atlas(tmp_path / "a.nc").atlas.region(1).name == name


def test_the_name_of_a_file_may_be_no_unicode(tmp_path: Path) -> None:
    with contextlib.suppress(OSError, UnicodeEncodeError):
        path = tmp_path / "t\udcff.csv"
        table().to_csv(path, index=False)
        xarray_atlas.create_atlas(labels(), path, **ARRAY).atlas.terminology.name.encode()


def test_a_name_of_two_lines_is_proposed_on_one() -> None:
    told = message(lambda: hostile("Field\nCA1", "CA1").atlas.region("ca1x"))
    assert "did you mean 'CA1' (Field CA1)?" in told


def test_printable() -> None:
    assert printable("a b\u00a0c é海") == "a b\u00a0c é海"
    assert printable("a\nb\tc\x1b\x9b") == "a\nb\\tc\\x1b\\x9b"
    assert one_line("a\x1b\n b\u202e") == "a b"
    assert str(RegionNotFoundError(f"no {CLEAR}\tx\ny")) == "no \\x1b[2J\\x1b]0;owned\\x07\tx\ny"

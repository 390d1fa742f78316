"""The shell command: what it prints, where, and with which exit status."""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import dask
import numpy as np
import pytest
import zarr

import xarray_atlas
from support.small_worlds import write_ome_zarr
from xarray_atlas.cli.arguments import COMMANDS
from xarray_atlas.cli.main import main

pytestmark = pytest.mark.version_independent

COMMAND = "import sys; from xarray_atlas.cli.main import main; sys.exit(main())"

# every chunk comes from far away: slow:///path is the same as /path
SLOW = (
    """
import sys, time
import fsspec
from fsspec.implementations.local import LocalFileSystem

class SlowFileSystem(LocalFileSystem):
    protocol = "slow"
    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(str(path).removeprefix("slow://"))
    def cat_file(self, path, *args, **kwargs):
        if "/c/" in path:
            print("reading", flush=True)
            time.sleep(1.5)
        return super().cat_file(path, *args, **kwargs)

fsspec.register_implementation("slow", SlowFileSystem)
"""
    + COMMAND
)


def slow_sample() -> tuple[str, ...]:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return "--atlas", f"slow://{source}", "--resolution", "100 um"


def run(*args: str, code: str = COMMAND, **kw) -> subprocess.CompletedProcess[str]:
    kw = {"capture_output": True, "text": True, "timeout": 120, **kw}
    return subprocess.run([sys.executable, "-c", code, *args], **kw)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def only_error(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on stderr, and check that nothing else was printed."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("xarray-atlas: error: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err.removeprefix("xarray-atlas: error: ").rstrip("\n")


def small_terminology(folder: Path) -> Path:
    path = folder / "regions.csv"
    path.write_text(
        "identifier,parent_identifier,annotation_value,name,abbreviation\n"
        'X:1,,997,"whole, brain",root\nX:2,X:1,254,one,twin\nX:3,X:1,385,two,twin\n'
    )
    return path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# ---- volume


def test_volume_table_is_aligned_and_says_what_it_was_measured_on(capsys):
    assert main(["volume", "RSP", "VISp"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines() == [
        "region  name                 volume_mm3",
        "RSP     Retrosplenial area      10.3866",
        "VISp    Primary visual area      7.0275",
        "",
        "allen-adult-mouse-annotation 2017: voxels of 0.05 x 0.05 x 0.05 mm",
    ]


def test_volume_csv_is_in_full_precision(capsys):
    assert main(["volume", "RSP", "--format", "csv"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("region,name,volume_mm3\nRSP,Retrosplenial area,")
    assert "\r" not in out
    (row,) = table(out)
    assert float(row["volume_mm3"]) == pytest.approx(83093 * 0.05**3, rel=1e-14)
    expected = xarray_atlas.open_sample("50 um").atlas.volume("RSP").pint.magnitude
    assert float(row["volume_mm3"]) == float(expected)


def test_volume_json_says_where_it_comes_from(capsys):
    assert main(["volume", "RSP", "--format", "json", "--resolution", "100 um"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "allen-adult-mouse-annotation"
    assert found["version"] == "2017"
    assert found["source"].endswith("annotation.ome.zarr")
    assert found["resolution"] == "100 um"
    assert found["voxel_size_mm"] == {"z": 0.1, "y": 0.1, "x": 0.1}
    assert (found["hemisphere"], found["direct"], found["midline_mm"]) == (None, False, 5.675)
    (region,) = found["regions"]
    assert region.pop("volume_mm3") == pytest.approx(10.174)
    assert region == {"region": "RSP", "name": "Retrosplenial area", "id": 254}


def test_volume_of_all_regions(capsys):
    assert main(["volume", "--resolution", "100 um", "--format", "csv"]) == 0
    rows = table(capsys.readouterr().out)
    ds = xarray_atlas.open_sample("100 um")
    volumes = ds.atlas.volume()
    assert [row["region"] for row in rows] == volumes.region.values.tolist()
    assert [float(row["volume_mm3"]) for row in rows] == volumes.pint.magnitude.tolist()


def test_volume_by_name_and_id_in_order(capsys):
    args = ["Primary visual area", "--id", "254", "--id", "997", "--resolution", "100 um"]
    assert main(["volume", *args, "--format", "csv"]) == 0
    rows = table(capsys.readouterr().out)
    assert [row["region"] for row in rows] == ["VISp", "RSP", "root"]


def test_regions_may_stand_on_both_sides_of_an_option(capsys):
    args = ["RSP", "--resolution", "100 um", "VISp", "--format", "csv"]
    assert main(["volume", *args]) == 0
    assert [row["region"] for row in table(capsys.readouterr().out)] == ["RSP", "VISp"]


def test_volume_of_both_hemispheres(capsys):
    args = ["RSP", "--hemisphere", "both", "--midline", "5.675 mm", "--format", "csv"]
    assert main(["volume", *args]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    (row,) = table(out)
    assert list(row) == ["region", "name", "left_mm3", "right_mm3"]
    atlas = xarray_atlas.open_sample("50 um")
    rsp = atlas.atlas.region("RSP")
    labels = [label for node in (rsp, *rsp.descendants) for label in node.labels]
    mine = np.isin(atlas.annotation.values, labels)
    half = mine.shape[2] // 2  # the first voxel lies at the right
    assert float(row["left_mm3"]) == pytest.approx(mine[:, :, half:].sum() * 0.05**3)
    assert float(row["right_mm3"]) == pytest.approx(mine[:, :, :half].sum() * 0.05**3)


def test_one_hemisphere_names_its_column(capsys):
    args = ["RSP", "--hemisphere", "left", "--midline", "5700 um", "--format", "json"]
    assert main(["volume", *args]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["hemisphere"], found["midline_mm"]) == ("left", 5.7)
    assert set(found["regions"][0]) == {"region", "name", "id", "left_mm3"}


def test_assumed_midline_warns_in_one_line(capsys):
    args = ["volume", "RSP", "--hemisphere", "left", "--format", "csv"]
    shown = warnings.showwarning
    for _ in range(2):  # each run warns
        assert main(args) == 0
        out, err = capsys.readouterr()
        assert len(table(out)) == 1
        assert err.startswith("xarray-atlas: warning: no manifest says")
        assert "--midline '5.675 mm'" in err
        assert err.count("\n") == 1
    assert warnings.showwarning is shown


def test_direct_leaves_descendants_out(capsys):
    assert main(["volume", "RSP", "CA1", "--direct", "--resolution", "100 um"]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = xarray_atlas.open_sample("100 um").atlas.volume("CA1", direct=True)
    assert lines[1].split()[-1] == "0.000"
    assert lines[2].split()[-1] == f"{float(expected.pint.magnitude):.3f}"
    assert float(expected.pint.magnitude) > 0
    assert lines[-1].endswith("voxels of 0.1 x 0.1 x 0.1 mm; without descendants")


def test_volume_reads_an_atlas_elsewhere(tmp_path, capsys):
    ds = xarray_atlas.open_sample("100 um").isel(z=slice(60, 100))
    ds.atlas.encode().to_zarr(tmp_path / "part.zarr", zarr_format=2)
    assert main(["volume", "RSP", "--format", "csv", "--atlas", str(tmp_path / "part.zarr")]) == 0
    (row,) = table(capsys.readouterr().out)
    assert float(row["volume_mm3"]) == float(ds.atlas.volume("RSP").pint.magnitude)


@pytest.mark.parametrize("level", ["25 um", "100 um"])
def test_published_pyramid(level, published, expected, capsys):
    args = ["--atlas", str(published), "--format", "csv", "--resolution", level]
    assert main(["volume", *args]) == 0
    found = [float(row["volume_mm3"]) for row in table(capsys.readouterr().out)]
    size = float(level.split()[0]) / 1000
    counts = expected[f"total_{level.replace(' ', '')}"].to_numpy()
    np.testing.assert_allclose(found, counts * size**3, rtol=1e-12)


# ---- terminologies that are not Allen's


def test_terminology_and_ids_that_are_text(tmp_path, capsys):
    path = str(small_terminology(tmp_path))
    labels = np.full((12, 10, 8), 997, "uint32")
    labels[2:6] = 254
    store = str(write_ome_zarr(tmp_path / "labels.ome.zarr", labels))
    args = ["--terminology", path, "--atlas", store]
    assert main(["volume", "--id", "X:1", *args, "--format", "csv"]) == 0
    (row,) = table(capsys.readouterr().out)
    assert row["name"] == "whole, brain"
    assert main(["volume", "twin", *args]) == 1
    assert "id X:2 ('one')" in (message := only_error(capsys))
    assert "(--id)" in message
    assert main(["regions", "--terminology", path, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {
        "acronym": "root", "id": "X:1", "name": "whole, brain", "parent": None, "depth": 0,
    }  # fmt: skip


# ---- info


def test_info_table(capsys):
    assert main(["info"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert ["name", "allen-adult-mouse-annotation"] in lines
    assert ["terminology", "allen-adult-mouse-terminology"] in lines
    assert ["problems", "none"] in lines
    assert ["z", "anterior-to-posterior", "264", "0.05", "13.2", "-0.025", "13.175"] in lines
    assert ["x", "right-to-left", "228", "0.05", "11.4", "-0.025", "11.375"] in lines
    assert "1      100 um      132 x 80 x 114   0.025, 0.025, 0.025" in out.splitlines()


def test_info_json(capsys):
    assert main(["info", "--format", "json", "--resolution", "100 um"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["resolution"] == "100 um"
    assert found["orientation"] == "asr"
    assert [level["resolution"] for level in found["levels"]] == ["50 um", "100 um"]
    assert [level["shape"] for level in found["levels"]] == [[264, 160, 228], [132, 80, 114]]
    assert found["axes"][1] == {
        "axis": "y", "direction": "superior-to-inferior", "voxels": 80, "voxel_size_mm": 0.1,
        "extent_mm": 8.0, "from_mm": -0.025, "to_mm": 7.975,
    }  # fmt: skip
    assert (found["midline_mm"], found["midline_axis"], found["midline_assumed"]) == (
        5.675, "x", True,
    )  # fmt: skip
    assert found["terminology"] == {
        "name": "allen-adult-mouse-terminology", "regions": 1327, "depth": 10, "problems": [],
    }  # fmt: skip


def test_info_aligns_levels(published, capsys):
    first = {}
    for option in ((), ("--align-levels",)):
        assert main(["info", "--format", "json", "--atlas", str(published), *option]) == 0
        levels = json.loads(capsys.readouterr().out)["levels"]
        first[option] = [level["first_voxel_mm"][0] for level in levels]
    assert first == {(): [0, 0, 0], ("--align-levels",): [0, 0.0125, 0.0375]}


def test_info_reads_no_voxel(monkeypatch, capsys):
    def refuse(*args, **kwargs):
        raise AssertionError("read")

    monkeypatch.setattr(zarr.Array, "__getitem__", refuse)
    monkeypatch.setattr(zarr.Array, "get_basic_selection", refuse)
    with dask.config.set(scheduler=refuse):
        assert main(["volume", "RSP"]) == 1
        assert main(["info"]) == 0
        assert main(["regions", "RSP"]) == 0


def test_info_of_what_xarray_wrote_has_no_levels(tmp_path, capsys):
    ds = xarray_atlas.open_sample("100 um").isel(z=slice(60, 100), y=[30])
    ds.atlas.encode().to_netcdf(tmp_path / "part.nc")
    assert main(["info", "--format", "json", "--atlas", str(tmp_path / "part.nc")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["levels"] == []
    assert [axis["voxels"] for axis in found["axes"]] == [40, 1, 114]
    assert found["axes"][0]["from_mm"] == 5.975
    assert main(["info", "--atlas", str(tmp_path / "part.nc")]) == 0
    assert "first_voxel_mm" not in capsys.readouterr().out


def test_info_lists_problems_of_the_terminology(tmp_path, capsys):
    path = tmp_path / "regions.csv"
    path.write_text(
        "identifier,parent_identifier,annotation_value,name,abbreviation\n"
        "1,,1,one,a\n2,77,2,two,b\n3,88,3,three,c\n"
    )
    assert main(["info", "--terminology", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("problems"))
    assert "77" in lines[at]
    assert "88" in lines[at + 1]
    assert lines[at + 1].startswith(" " * len("terminology  "))


# ---- regions


def test_regions_search(capsys):
    assert main(["regions", "visual", "--format", "csv"]) == 0
    rows = table(capsys.readouterr().out)
    expected = xarray_atlas.open_sample("100 um").atlas.search("visual")
    assert [row["acronym"] for row in rows] == expected.acronym.tolist()
    visp = next(row for row in rows if row["acronym"] == "VISp")
    assert list(visp) == ["acronym", "id", "name", "parent", "depth"]
    assert list(visp.values()) == ["VISp", "385", "Primary visual area", "VIS", "7"]


def test_regions_regex_and_all(capsys):
    assert main(["regions", "--regex", "^VISp[0-9]", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    acronyms = [region["acronym"] for region in found]
    assert acronyms == ["VISp1", "VISp2/3", "VISp4", "VISp5", "VISp6a", "VISp6b"]
    assert (found[0]["id"], found[0]["parent"], found[0]["depth"]) == (593, "VISp", 8)
    assert main(["regions", "--format", "json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert len(everything) == 1327
    assert everything[0]["parent"] is None


def test_regions_without_a_match(capsys):
    assert main(["regions", "no such thing"]) == 1
    assert "'no such thing'" in only_error(capsys)


def test_names_fit_the_terminal_and_only_there(monkeypatch, capsys):
    args = ["regions", "--regex", "layer 6a$"]
    monkeypatch.setenv("COLUMNS", "50")
    assert main(args) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) > 50
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    assert main(args) == 0
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= 50
    assert any("... " in line for line in lines)


# ---- errors


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["volume", "RSPx"], "did you mean 'RSP'"),
        (["volume", "254"], "use --id 254"),
        (["volume", "--id", "1e3"], "no region has the id '1e3'"),
        (["volume", "--id", "-1"], "no region has the id -1"),
        (["volume", "RSP", "--resolution", "25 um"], "there are 50 um"),
        (["volume", "RSP", "--midline", "99 mm"], "outside the volume"),
        (["volume", "RSP", "--midline", "5.7"], "'5.7' has no unit"),
        (["volume", "RSP", "--terminology", "/nowhere.csv"], "/nowhere.csv"),
        (["info", "--atlas", "/nowhere"], "there is nothing at /nowhere"),
        (["info", "--atlas", "nosuch://bucket/x"], "nosuch"),
        (["info", "--atlas", "/tmp", "--storage-option", "anon=false"], "/tmp"),
        (["regions", "[", "--regex"], "is not a regular expression"),
    ],
)
def test_errors_are_one_line_with_status_1(args, words, capsys):
    assert main(args) == 1
    assert words in only_error(capsys)


def test_missing_terminology_names_the_option(tmp_path, capsys):
    sample = Path(xarray_atlas.open_sample("100 um").attrs["source"])
    shutil.copytree(sample, tmp_path / "a.ome.zarr")
    assert main(["info", "--atlas", str(tmp_path / "a.ome.zarr")]) == 1
    assert "pass --terminology" in only_error(capsys)


def test_damaged_chunk_is_one_line(tmp_path, capsys):
    sample = Path(xarray_atlas.open_sample("100 um").attrs["source"])
    place = tmp_path / "annotation-sets/a-annotation/1/a.ome.zarr"
    shutil.copytree(sample, place)
    chunk = next(path for path in sorted((place / "1/c").rglob("*")) if path.is_file())
    chunk.write_bytes(b"damaged")
    terminology = sample.parents[3] / "terminologies/allen-adult-mouse-terminology/2017"
    args = ["--terminology", str(terminology / "terminology.csv"), "--resolution", "100 um"]
    assert main(["volume", "RSP", "--atlas", str(place), *args]) == 1
    assert str(place) in only_error(capsys)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("a key"), "a key"),
        (ValueError("two\nlines\n"), "two lines"),
        (ValueError(), "ValueError"),
        (RuntimeError("a bug"), "RuntimeError: a bug"),
        (MemoryError(), "MemoryError"),
        (OSError(5, "Input/output error"), "[Errno 5] Input/output error"),
    ],
)
def test_any_exception_is_one_line(error, line, monkeypatch, capsys):
    def fail(args):
        raise error

    monkeypatch.setattr("xarray_atlas.cli.atlas.open_named", fail)
    assert main(["info"]) == 1
    assert only_error(capsys) == line


def test_interrupted_while_opening(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("xarray_atlas.cli.atlas.open_named", interrupt)
    assert main(["info"]) == 130
    assert only_error(capsys) == "interrupted"


def test_storage_options_reach_the_store(monkeypatch, capsys):
    seen = {}

    def open_atlas(source, **options):
        seen.update(options, source=source)
        raise ValueError("seen")

    monkeypatch.setattr("xarray_atlas.atlases.opening.open_atlas", open_atlas)
    pairs = ["anon=False", "endpoint_url=http://localhost:9000?a=b", "use_ssl=true", "key="]
    options = [word for pair in pairs for word in ("--storage-option", pair)]
    args = ["volume", "--atlas", "s3://a/b", "--align-levels", "--midline", "5 mm", *options]
    args += ["--voxel-size", "50 um, 25 um,25 um", "--orientation", "psl"]
    assert main(args) == 1
    assert seen == {
        "source": "s3://a/b", "resolution": None, "terminology": None, "align_levels": True,
        "midline": "5 mm", "voxel_size": ["50 um", "25 um", "25 um"], "orientation": "psl", "root": None, "version": None,
        "storage_options": {
            "anon": False, "endpoint_url": "http://localhost:9000?a=b", "use_ssl": True, "key": "",
        },
    }  # fmt: skip
    assert main(["volume"]) == 1
    assert seen["storage_options"] is None


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["volumes"],
        ["volume", "RSP", "--bogus"],
        ["volume", "--hemi", "left"],
        ["volume", "--format", "xml"],
        ["volume", "--hemisphere", "top"],
        ["info", "--format", "csv"],
        ["info", "RSP"],
        ["regions", "a", "b"],
        ["volume", "--storage-option", "anon"],
    ],
)
def test_wrong_command_lines_have_status_2(args, capsys):
    with pytest.raises(SystemExit) as caught:
        main(args)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: xarray-atlas")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_fits_and_says_what_is_printed(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    out, _ = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    assert not command or "output:" in out


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"xarray-atlas {xarray_atlas.__version__}\n"


# ---- in a process of its own


def test_process_prints_and_exits():
    done = run("volume", "RSP", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert float(table(done.stdout)[0]["volume_mm3"]) == pytest.approx(10.386625)


def test_process_has_no_traceback():
    done = run("volume", "RSPx")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("xarray-atlas: error: no region 'RSPx'")
    assert done.stderr.count("\n") == 1


def test_unreachable_endpoint_is_one_line():
    options = ["endpoint_url=http://127.0.0.1:1", "anon=true"]
    words = [word for option in options for word in ("--storage-option", option)]
    done = run("info", "--atlas", "s3://bucket/a.ome.zarr", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("xarray-atlas: error: cannot re")
    assert done.stderr.count("\n") == 1


MODULE = ["-m", "xarray_atlas"]


@pytest.mark.skipif(os.name != "posix", reason="a pipe whose reader is gone")
@pytest.mark.parametrize("command", [["regions"], ["regions", "--help"]])
def test_reader_that_has_read_enough(command):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, *MODULE, *command], stdout=writing, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_nothing_heavy(option):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *MODULE, option], capture_output=True, text=True
    )
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.split("\n")
    }
    assert done.returncode == 0
    assert "xarray_atlas" in imported
    assert not imported & {"numpy", "pandas", "xarray", "dask", "pint", "zarr", "fsspec", "anytree"}


def test_the_module_is_the_program():
    done = subprocess.run(
        [sys.executable, *MODULE, "volume", "RSP", "--format", "csv"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert float(table(done.stdout)[0]["volume_mm3"]) == pytest.approx(10.386625)


def test_all_names_are_there_in_the_process_of_the_program():
    code = """
import sys
sys.argv[0] = "/usr/bin/xarray-atlas"
import xarray_atlas
assert "xarray" not in sys.modules
print(xarray_atlas.open_sample("100 um").atlas.tree)
assert not [name for name in xarray_atlas.__all__ if not hasattr(xarray_atlas, name)]
"""
    done = run(code=code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("<Region root")


def test_a_script_with_the_name_of_the_program_is_no_program(tmp_path):
    script = tmp_path / "xarray-atlas.py"
    script.write_text("import xarray, xarray_atlas\nprint(hasattr(xarray.Dataset, 'atlas'))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full")
def test_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = run("regions", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert done.stderr.startswith("xarray-atlas: error: [Errno 28]")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_interrupted_while_reading():
    args = [sys.executable, "-c", SLOW, "volume", *slow_sample()]
    # a shell lets what it starts in the background ignore the signal, and children inherit that
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    with subprocess.Popen(args, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed) as process:
        assert process.stdout.readline() == "reading\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "xarray-atlas: error: interrupted\n")


def on_terminal(code: str, *args: str) -> tuple[str, str]:
    """Run with stderr on a terminal; return stdout and what the terminal shows."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", code, *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        out = process.stdout.read()
        assert process.wait(timeout=60) == 0
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(ours)
    return out, shown.decode()


def test_progress_on_a_terminal():
    args = ("volume", "RSP", "--format", "csv", *slow_sample())
    out, shown = on_terminal(SLOW, *args)
    assert "100% Completed" in shown
    assert "Completed" not in out
    assert "\nregion,name,volume_mm3\nRSP," in out
    piped = run(*args, code=SLOW)
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, out, "")


def test_no_progress_for_a_short_read():
    out, shown = on_terminal(COMMAND, "volume", "RSP", "--resolution", "100 um")
    assert shown == ""
    assert "10.174" in out


# ---- check


def test_check_reports_and_tells_by_its_status(tmp_path, capsys):
    assert main(["check"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("allen-adult-mouse-annotation 2017, 50 um\n0 errors, 0 warnings, 1 note;")
    assert "masks: needs full=True\n" in out
    terminology = tmp_path / "regions.csv"
    terminology.write_text(
        "identifier,parent_identifier,annotation_value,name,abbreviation\n"
        "1,,997,root,root\n2,7,254,one,one\n"
    )
    assert main(["check", "--terminology", str(terminology), "--midline", "5.7 mm"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "\n1 error, 1 warning, 0 notes;" in out
    assert "error: parents\n" in out


def test_check_full_as_csv_and_json(capsys):
    args = ["check", "--full", "--resolution", "100 um"]
    assert main([*args, "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = table(out)
    assert list(rows[0]) == ["check", "severity", "subjects", "message", "mend"]
    assert [(row["check"], row["severity"]) for row in rows] == [
        ("lost regions", "warning"), ("midline", "note"), ("regions without a voxel", "note"),
    ]  # fmt: skip
    assert rows[0]["subjects"] == "FRP6b; ILA6b; ASO; OV; IVn"
    assert rows[1]["subjects"] == ""
    assert main([*args, "--format", "json", "--midline", "5.675 mm"]) == 0
    found = json.loads(capsys.readouterr().out)
    numbers = {key: found[key] for key in ("ok", "errors", "warnings", "notes")}
    assert numbers == {"ok": True, "errors": 0, "warnings": 1, "notes": 1}
    assert found["findings"][0]["subjects"] == ["FRP6b", "ILA6b", "ASO", "OV", "IVn"]
    made = {check["check"]: check["made"] for check in found["checks"]}
    assert made["symmetry"] is True
    assert made["masks"] is False


def test_check_csv_has_a_header_where_nothing_is_found(capsys):
    assert main(["check", "--format", "csv", "--midline", "5.675 mm"]) == 0
    assert capsys.readouterr().out == "check,severity,subjects,message,mend\n"


def test_check_of_an_atlas_that_is_not_there(tmp_path, capsys):
    assert main(["check", "--atlas", str(tmp_path / "gone.ome.zarr")]) == 1
    assert "there is nothing at" in only_error(capsys)

"""The completion of bash and zsh, and the man page: what tools/make_shell_files.py makes."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from xarray_atlas.cli.arguments import COMMANDS, build_parser
from xarray_atlas.cli.main import main

pytestmark = pytest.mark.version_independent

SHELL = files("xarray_atlas.cli") / "shell"
TOOL = Path(__file__).parents[2] / "tools" / "make_shell_files.py"


def parsers() -> dict[str, argparse.ArgumentParser]:
    parser = build_parser()
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def test_the_completion_has_all_commands_and_options() -> None:
    bash = (SHELL / "xarray-atlas.bash").read_text(encoding="utf-8")
    zsh = (SHELL / "_xarray-atlas").read_text(encoding="utf-8")
    commands = re.search(r"_subparsers=\((.*)\)", bash).group(1).split()
    assert commands == list(COMMANDS)
    for name, parser in parsers().items():
        options = [option for action in parser._actions for option in action.option_strings]
        found = re.search(rf"_xarray_atlas_{name}_option_strings=\((.*)\)", bash).group(1).split()
        assert found == options, "run tools/make_shell_files.py"
        listed = zsh.partition(f"_xarray_atlas_{name}_options=(")[2].partition("\n)")[0]
        assert [option for option in options if option not in listed] == []


@pytest.mark.skipif(not TOOL.exists(), reason="the tools are not beside the tests")
def test_the_man_page_is_that_of_the_parser() -> None:
    spec = importlib.util.spec_from_file_location("make_shell_files", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    made = (SHELL / "xarray-atlas.1").read_text(encoding="utf-8")
    assert tool.man_page() == made, "run tools/make_shell_files.py"


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_the_man_page_is_shown_without_warnings() -> None:
    done = subprocess.run(
        ["man", "--warnings", "-l", str(SHELL / "xarray-atlas.1")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert 'xarray-atlas volume --id 254 --resolution "100 um"' in re.sub(".\b", "", done.stdout)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["vol"], ["volume"]),
        (["volume", "--hem"], ["--hemisphere"]),
        (["volume", "--format", "j"], ["json"]),
        (["aggregate", "--func", "m"], ["mean", "min", "max", "median"]),
    ],
)
def test_bash_completes(words: list[str], completed: list[str]) -> None:
    (function,) = re.findall(
        r"complete .*-F (\S+) xarray-atlas", (SHELL / "xarray-atlas.bash").read_text()
    )
    script = f"""
        source '{SHELL / "xarray-atlas.bash"}'
        COMP_WORDS=(xarray-atlas {" ".join(words)})
        COMP_CWORD={len(words)}
        {function} xarray-atlas
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (completed, "")


@pytest.mark.parametrize(
    ("shell", "name"), [("bash", "xarray-atlas.bash"), ("zsh", "_xarray-atlas")]
)
def test_the_command_prints_the_script(shell: str, name: str, capsys) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == (SHELL / name).read_text(encoding="utf-8")


def test_completion_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "xarray_atlas", "completion", "bash"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert not re.search(r"\b(numpy|pandas|xarray\.core)\b", done.stderr)

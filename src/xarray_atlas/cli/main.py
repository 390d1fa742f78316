"""The shell program ``xarray-atlas``.

Results go to stdout. Everything else, progress included, goes to stderr, so
that the output can be piped. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from xarray_atlas.cli.arguments import COMMANDS, PROGRAM, parse
from xarray_atlas.errors import AtlasError
from xarray_atlas.printable import printable

__all__ = ["main"]

SHELL_NAMES = {
    "storage_options={'anon': False}": "--storage-option anon=false",
    "storage_options": "--storage-option",
    "terminology= ": "--terminology ",
    "midline=": "--midline ",
    "voxel_size=": "--voxel-size ",
    "orientation=": "--orientation ",
    "root=": "--root ",
    "transform=np.eye(4), space='RAS'": "--space RAS",
    "space= (": "--space (",
    "pass transform,": "pass --transform,",
    "transform.rename(source='image', target='atlas')": "--maps 'image to atlas'",
    "transform.rename(source='atlas', target='image')": "--maps 'atlas to image'",
    " open_transform(path, maps='image to atlas') says the same": "",
    "maps=": "--maps ",
    "unit='voxel' with resolution=,": "--unit voxel with --points-voxel-size,",
    "with resolution=;": "with --resolution;",
    "with resolution=)": "with --resolution)",
    "resolution=": "--points-voxel-size ",
    "pass unit='um' or unit='mm'": "pass --unit um or --unit mm",
    "frame=": "--frame ",
    "columns={'ap': ...}": "--column ap=NAME",
    "xarray_atlas.list_atlases lists them": "xarray-atlas list shows them",
    "pass the int ": "use --id ",
    "by its id": "by its id (--id)",
}
"""Names of parameters in messages of the package, and in the shell command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the shell command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name. Those of the process by default.

    Returns
    -------
    int
        The exit status: 0, 1 after an error or where ``check`` finds one, 130 when interrupted.

    Raises
    ------
    SystemExit
        With status 2 for a wrong command line, 0 for ``--help`` and ``--version``.

    Examples
    --------
    >>> from xarray_atlas.cli.main import main
    >>> main(["regions", "^RSP$", "--regex", "--format", "csv"])
    acronym,id,name,parent,depth
    RSP,254,Retrosplenial area,Isocortex,6
    0
    """
    try:
        args = parse(argv)
    except SystemExit:
        _print("")  # what argparse has written of --help or --version
        raise
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            result = COMMANDS[args.command].run(args)
            text, status = result if isinstance(result, tuple) else (result, 0)
            # CSV may hold names with line breaks; JSON has escaped them
            _print(printable(text, keep="\n\t") + "\n")
            return status
        except KeyboardInterrupt:
            return _fail("interrupted", 130)
        except Exception as error:  # a user of a shell is told in a line, whatever it is
            return _fail(_explain(error), 1)


def _print(text: str) -> None:
    """Write a text to stdout, and all that is in its buffer.

    A reader that closes the pipe, such as ``head``, has read enough: that is not an error.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # the rest of the buffer must not be written again when Python exits
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError) and not isinstance(error, AtlasError) and error.args:
        return str(error.args[0])  # the str of a KeyError is a repr
    known = isinstance(error, AtlasError | OSError | ValueError)
    if known and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


_COLUMNS = re.compile(r"columns=\{('\w+': '[^']*'(?:, '\w+': '[^']*')*)\}")


def _as_options(found: re.Match[str]) -> str:
    """Return ``columns={'ap': 'AP (um)'}`` as ``--column ap='AP (um)'``."""
    pairs = re.findall(r"'(\w+)': '([^']*)'", found[1])
    return " ".join(f"--column {axis}={shlex.quote(name)}" for axis, name in pairs)


def _tell(kind: str, message: str) -> None:
    from xarray_atlas.io.zarr.addresses import without_secrets

    message = _COLUMNS.sub(_as_options, without_secrets(message))
    for name, shell_name in SHELL_NAMES.items():
        message = message.replace(name, shell_name)
    print(f"{PROGRAM}: {kind}: {printable(' '.join(message.split()))}", file=sys.stderr)


def _fail(message: str, status: int) -> int:
    _tell("error", message)
    # pending requests are cancelled when Python exits, which would print tracebacks
    atexit.register(setattr, sys, "unraisablehook", lambda _: None)
    return status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _tell("warning", str(message))

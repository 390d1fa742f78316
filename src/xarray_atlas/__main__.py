"""The shell program, as ``python -m xarray_atlas``."""

import sys

from xarray_atlas.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

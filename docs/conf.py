"""Sphinx configuration: every example is executed, no network is needed.

python -m sphinx -W --keep-going -b html docs docs/_build/html
"""

import os
import sys
from pathlib import Path

import sphinx_autosummary_accessors

import xarray_atlas

HERE = Path(__file__).parent
# a figure is shown by the notebook's own backend, whatever is set for other programs
os.environ.pop("MPLBACKEND", None)
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

project = "xarray-atlas"
author = "The xarray-atlas developers"
copyright = author
version = release = xarray_atlas.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_autosummary_accessors",
    "sphinx_copybutton",
]
# Names in other packages become links where the documentation is published, and in CI's own check
# of it. Elsewhere a build fetches nothing: an inventory that cannot be had is a warning, and a
# warning an error.
if os.environ.get("READTHEDOCS") == "True" or os.environ.get("XARRAY_ATLAS_INTERSPHINX") == "1":
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "dask": ("https://docs.dask.org/en/stable/", None),
    "matplotlib": ("https://matplotlib.org/stable/", None),
    "numpy": ("https://numpy.org/doc/stable/", None),
    "pandas": ("https://pandas.pydata.org/docs/", None),
    "pint": ("https://pint.readthedocs.io/en/stable/", None),
    "python": ("https://docs.python.org/3/", None),
    "xarray": ("https://docs.xarray.dev/en/stable/", None),
    "zarr": ("https://zarr.readthedocs.io/en/stable/", None),
}
intersphinx_disabled_reftypes = ["std:*"]  # names in code, never another's page or label
intersphinx_timeout = 30

# a copied example has no prompts, and what a cell prints has no button
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div:not(.output) > div.highlight pre"

templates_path = ["_templates", sphinx_autosummary_accessors.templates_path]
exclude_patterns = ["_build", "generated/operations.md", "jupyter_execute"]

# examples: executed at each build, and an error in one is an error of the build
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# unresolved references are warnings, except for those to packages that are not linked to
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(xarray|matplotlib|trimesh|pyvista|anywidget)\..*")]

html_theme = "pydata_sphinx_theme"
html_title = f"xarray-atlas {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_sidebars = {
    page: [] for page in ("howto", "stability", "licences", "contributing", "changelog")
}  # they have no sections
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}

# Published pages name their version, and have a menu of all versions, which is read from the newest
# pages (docs/_static/versions.json). A build elsewhere has neither menu nor request.
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
if os.environ.get("READTHEDOCS") == "True":
    html_theme_options |= {
        "switcher": {
            "json_url": "https://xarray-atlas.readthedocs.io/en/latest/_static/versions.json",
            "version_match": os.environ["READTHEDOCS_VERSION"],
        },
        "check_switcher": False,  # no request at build time
        "navbar_start": ["navbar-logo", "version-switcher"],
        "show_version_warning_banner": True,
    }


def add_notebook_links(app, docname, source):
    """Put links to the notebook of an example below its title."""
    folder, _, name = docname.partition("/")
    if folder != "gallery" or name == "index":
        return
    version = os.environ.get("READTHEDOCS_VERSION", "latest")
    ref = version if version.startswith("v") else "main"
    repository = "xarray-atlas/xarray-atlas"
    colab = (
        f"https://colab.research.google.com/github/{repository}/blob/{ref}/notebooks/{name}.ipynb"
    )
    binder = f"https://mybinder.org/v2/gh/{repository}/{ref}?labpath=notebooks/{name}.ipynb"
    links = (
        f"{{download}}`Download as a notebook <../../notebooks/{name}.ipynb>` "
        f"| [open in Colab]({colab}) | [open in Binder]({binder})"
    )
    title = next(line for line in source[0].splitlines() if line.startswith("# "))
    source[0] = source[0].replace(title, f"{title}\n\n{links}\n", 1)


def setup(app):
    """Make the table of operations from the rows that the tests run."""
    import operations_table

    (HERE / "_static" / "gallery").mkdir(exist_ok=True)  # where each example leaves its picture
    target = HERE / "generated" / "operations.md"
    app.connect("source-read", add_notebook_links)
    app.connect("builder-inited", lambda app: operations_table.write(target))

"""The region hierarchy of an atlas: a table as an immutable value, and its anytree.

``terminology`` holds the value, ``region`` the node of its tree. Below them,
``hierarchy`` is positions and subtrees, ``naming`` the names of regions, ``rendering`` the
hierarchy as text and HTML, ``reading`` what it is read from and written as, ``table`` the columns
and what may be wrong with them, ``cells`` CSV and DataFrames as text, ``cell_values`` and
``colors`` what a cell holds.

Tables of others come in through ``formats``, which tells CSV, JSON, ``label_lists`` and
``xml_labels`` apart; ``columns`` finds BrainGlobe's columns in them, ``lateral`` folds left and
right (by patterns that ``side_patterns`` proposes), and ``mending`` fills what is missing.
"""

from xarray_atlas.terminology.naming import RegionKey
from xarray_atlas.terminology.region import Region
from xarray_atlas.terminology.terminology import Terminology

__all__ = ["Region", "RegionKey", "Terminology"]

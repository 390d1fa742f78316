"""The region hierarchy of an atlas: an immutable table and an anytree view of it.

``terminology`` defines the table, ``region`` the nodes of its tree. They build on ``hierarchy``
(positions and subtrees), ``naming`` (names of regions), ``rendering`` (text and HTML), ``reading``
(input and output formats), ``table`` (the columns and their problems), ``cells`` (CSV and
DataFrames as text), ``cell_values`` and ``colors`` (values of cells).

Tables of other tools are read by ``formats``, which recognizes CSV, JSON, ``label_lists`` and
``xml_labels``; ``columns`` maps their columns to BrainGlobe's, ``lateral`` merges left and right
(by patterns that ``side_patterns`` proposes), and ``mending`` fills in missing values.
"""

from xarray_atlas.terminology.naming import RegionKey
from xarray_atlas.terminology.region import Region
from xarray_atlas.terminology.terminology import Terminology

__all__ = ["Region", "RegionKey", "Terminology"]

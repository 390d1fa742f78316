"""The region hierarchy of an atlas: a table as an immutable value, and its anytree.

``terminology`` holds the value, ``region`` the node of its tree. Below them,
``hierarchy`` is positions and subtrees, ``naming`` the names of regions, ``rendering`` the
hierarchy as text and HTML, ``reading`` what it is read from and written as, ``table`` the columns
and what may be wrong with them, ``cells`` CSV and DataFrames as text.
"""

from xarray_atlas.terminology.naming import RegionKey
from xarray_atlas.terminology.region import Region
from xarray_atlas.terminology.terminology import Terminology

__all__ = ["Region", "RegionKey", "Terminology"]

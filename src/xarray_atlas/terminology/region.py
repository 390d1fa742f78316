"""Regions as nodes of an immutable anytree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from anytree import NodeMixin
from xarray import get_options

from xarray_atlas.printable import one_line
from xarray_atlas.terminology.rendering import document, tree_html, tree_text

if TYPE_CHECKING:
    from xarray_atlas.terminology.terminology import Terminology

__all__ = ["Region"]


class Region(NodeMixin):  # type: ignore[misc]
    """A region of a terminology, and a node of its tree.

    It is an anytree node, with `parent`, `children`, `ancestors`, `descendants`, `leaves`,
    `siblings`, `path`, `depth` and `height`, and works with anytree's `RenderTree`, searches and
    exporters. Nodes are shared by all users of an atlas and therefore read-only. Get one from
    `Terminology.region`.

    Two nodes are equal if they are the same region of equal terminologies.

    Attributes
    ----------
    acronym, name : str
        The short and the full name.
    id : int or str
        The identifier, which is not necessarily the label in the volume.
    color : str
        "#RRGGBB", or "" if the table has none.
    labels : tuple of int
        The labels of the region's own voxels, without those of its descendants.

    Examples
    --------
    >>> import pandas as pd
    >>> from anytree import RenderTree
    >>> from xarray_atlas.terminology import Terminology
    >>> terminology = Terminology.from_dataframe(pd.DataFrame({
    ...     "identifier": [997, 8],
    ...     "parent_identifier": [None, 997],
    ...     "annotation_value": [997, 8],
    ...     "name": ["root", "Basic cell groups"],
    ...     "abbreviation": ["root", "grey"],
    ... }))
    >>> region = terminology.region("grey")
    >>> region
    <Region grey 'Basic cell groups' (id 8)>
    >>> region.parent.acronym
    'root'
    >>> print(RenderTree(terminology.tree).by_attr("acronym"))
    root
    └── grey
    """

    __slots__ = ("_position", "_terminology")

    _terminology: Terminology
    _position: int
    # exporters read a node's __dict__, hence no properties here
    acronym: str
    name: str
    id: int | str
    color: str
    labels: tuple[int, ...]

    def __init__(self, terminology: Terminology, position: int, labels: tuple[int, ...]) -> None:
        object.__setattr__(self, "_terminology", terminology)
        object.__setattr__(self, "_position", position)
        self.__dict__.update(
            acronym=terminology.acronyms[position],
            name=terminology.names[position],
            id=terminology.ids.item(position),
            color=terminology.colors[position],
            labels=labels,
        )

    @property
    def terminology(self) -> Terminology:
        """The terminology that the region belongs to.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.region("RSP").terminology is terminology
        True
        """
        return self._terminology

    @property
    def position(self) -> int:
        """The position of the region in the terminology's table.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> rsp = terminology.region("RSP")
        >>> terminology.acronyms[rsp.position]
        'RSP'
        """
        return self._position

    @property
    def parent(self) -> Region | None:
        """The region that this one is a part of; None for a root.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.region("VISm").parent
        <Region RSPagl 'Retrosplenial area lateral agranular part' (id 894)>
        """
        return self.terminology._parent_node(self.position)

    @property
    def children(self) -> tuple[Region, ...]:
        """The parts of this region, in the order of the table.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> [child.acronym for child in terminology.region("RSP").children]
        ['RSPagl', 'RSPd', 'RSPv']
        """
        return self.terminology._child_nodes(self.position)

    # anytree computes these two from the list of children that it maintains itself

    @property
    def is_leaf(self) -> bool:
        """Return whether the region has no parts.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.region("RSP").is_leaf, terminology.region("VISm5").is_leaf
        (False, True)
        """
        return not self.children

    @property
    def height(self) -> int:
        """The number of steps down to the deepest of its descendants.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.region("RSP").height
        3
        """
        depths = self.terminology.depths
        return int(depths[self.terminology.leaves(self.position)].max() - depths[self.position])

    def render(self) -> str:
        """Draw the region and its descendants as text, down to the depth at which it is readable.

        Returns
        -------
        str
            A line for each region. The last one says how many are left out, if any are.

        Examples
        --------
        >>> import xarray_atlas
        >>> region = xarray_atlas.open_sample("100 um").atlas.region("STRd")
        >>> print(region.render())
        STRd  Striatum dorsal region (485)
        └── CP  Caudoputamen (672)
        >>> print(region)
        <Region STRd 'Striatum dorsal region' (id 485)>
        """
        return tree_text(self.terminology, self.position)

    def __repr__(self) -> str:
        return f"<Region {one_line(self.acronym)} {self.name!r} (id {one_line(self.id)})>"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)  # with a width too, which object.__format__ refuses

    def _repr_html_(self) -> str | None:
        if get_options()["display_style"] == "text":
            return None  # notebooks then show the repr
        tree = tree_html(self.terminology, [self.position])
        return document(header="", body=tree, text=self.render())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Region):
            return NotImplemented
        return self.position == other.position and self.terminology == other.terminology

    def __hash__(self) -> int:
        return hash((self.position, self.terminology))

    def __reduce__(self) -> tuple[Any, ...]:
        return _node, (self.terminology, self.position)

    def __copy__(self) -> Region:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Region:
        return self

    def __setattr__(self, attribute: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed: all who use the atlas share its tree")

    def __delattr__(self, attribute: str) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed: all who use the atlas share its tree")


def _node(terminology: Terminology, position: int) -> Region:
    return terminology._nodes[position]

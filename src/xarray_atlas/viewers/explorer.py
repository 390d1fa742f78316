"""The interactive page of an atlas: a file, and a live widget in a notebook."""

from __future__ import annotations

import functools
import html
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from xarray_atlas.optional import optional

__all__ = ["Explorer", "Places"]

HEIGHT = 700
"""Height of the page in a notebook, in pixels."""

NAMES = ("point", "regions")
"""Names that can be observed."""


@dataclass(frozen=True)
class Places:
    """Meaning of the numbers that a page sends.

    Attributes
    ----------
    axes : sequence of dict
        The axes of the page; see :class:`PageAtlas`.
    names : sequence of str
        The coordinates of the Dataset, in its order.
    acronyms : sequence of str
        Of the regions.
    """

    axes: Sequence[dict[str, Any]]
    names: Sequence[str]
    acronyms: Sequence[str]

    def point(self, voxel: Sequence[int] | None) -> dict[str, float] | None:
        """Return the centre of a voxel of the page in mm of the Dataset."""
        if voxel is None:
            return None
        found = {
            str(axis["name"]): round(axis["first"] + axis["step"] * index, 9)
            for axis, index in zip(self.axes, voxel, strict=True)
        }
        return {name: found[name] for name in self.names}


class Explorer:
    """An interactive page of an atlas, which needs nothing but itself and a browser.

    In a notebook it shows itself as a live widget, whose picked point and regions come back to
    Python. A click on a plane picks a point and its region; with Shift or Ctrl the region is added
    to those picked before, or taken away. A region that is found by the search is picked as well.

    Parameters
    ----------
    html : str
        The page.
    places : Places, optional
        Coordinates and acronyms of the numbers that the page sends.

    Examples
    --------
    >>> import xarray_atlas
    >>> view = xarray_atlas.open_sample("100 um").atlas.explore("RSP")
    >>> repr(view).endswith("MB; save('atlas.html') writes it>")
    True
    >>> view.point, view.regions  # nothing has been picked yet
    (None, ())
    """

    def __init__(self, html: str, places: Places | None = None) -> None:
        self.html = html
        self._places = places or Places((), (), ())
        self._widget: Any = None

    def __repr__(self) -> str:
        size = len(self.html.encode()) / 1e6
        return f"<Explorer: a page of {size:.1f} MB; save('atlas.html') writes it>"

    def _repr_html_(self) -> str:
        style = f"width: 100%; height: {HEIGHT}px; border: 0"
        page = html.escape(self.html)
        return f'<iframe title="Brain atlas" style="{style}" srcdoc="{page}"></iframe>'

    def _ipython_display_(self) -> None:
        try:
            bundle = self.widget._repr_mimebundle_()
        except ImportError:
            raise NotImplementedError from None  # IPython takes _repr_html_ then
        from IPython.display import display

        data = bundle[0] if isinstance(bundle, tuple) else bundle
        display({**(data or {}), "text/plain": repr(self)}, raw=True)

    @property
    def widget(self) -> Any:
        """The widget of a notebook: an :class:`anywidget.AnyWidget`, made when it is asked for.

        For layouts of ipywidgets, and for notebooks that wrap widgets, as marimo's
        ``mo.ui.anywidget(view.widget)``.

        Examples
        --------
        >>> import xarray_atlas
        >>> view = xarray_atlas.open_sample("100 um").atlas.explore()
        >>> view.widget.point is view.point
        True
        """
        if self._widget is None:
            self._widget = _widget_class()(self.html, self._places)
        return self._widget

    @property
    def point(self) -> dict[str, float] | None:
        """The point that was picked last, in mm of the Dataset, or None.

        The centre of a voxel of the page, by the names of the Dataset's coordinates.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> view = ds.atlas.explore()
        >>> view  # doctest: +SKIP
        >>> ds.sel(view.point, method="nearest").annotation.item()  # doctest: +SKIP
        382
        """
        found: dict[str, float] | None = self.widget.point
        return found

    @property
    def regions(self) -> tuple[str, ...]:
        """The acronyms of the regions that are picked, in the order of the clicks.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> view = ds.atlas.explore()
        >>> view  # doctest: +SKIP
        >>> ds.atlas.volume(list(view.regions))  # doctest: +SKIP
        """
        found: tuple[str, ...] = self.widget.regions
        return found

    def observe(self, handler: Callable[[Any], Any], names: str | Sequence[str] = NAMES) -> None:
        """Call a function each time something else is picked.

        Parameters
        ----------
        handler : callable
            It gets the change as of traitlets: ``change.new``, ``change.old``, ``change.name``.
        names : "point", "regions", or a list of these
            By default it is called for both.

        Examples
        --------
        >>> import xarray_atlas
        >>> view = xarray_atlas.open_sample("100 um").atlas.explore()
        >>> view.observe(lambda change: print(change.new), "regions")
        """
        self.widget.observe(handler, names)

    def unobserve(self, handler: Callable[[Any], Any], names: str | Sequence[str] = NAMES) -> None:
        """Call a function no more.

        Parameters
        ----------
        handler : callable
            One that was passed to :meth:`observe`.
        names : "point", "regions", or a list of these

        Examples
        --------
        >>> import xarray_atlas
        >>> view = xarray_atlas.open_sample("100 um").atlas.explore()
        >>> view.observe(print)
        >>> view.unobserve(print)
        """
        self.widget.unobserve(handler, names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a local file; one that is there is replaced.

        Parameters
        ----------
        path : str or path
            Any browser opens it, without a network.

        Examples
        --------
        >>> import xarray_atlas
        >>> view = xarray_atlas.open_sample("100 um").atlas.explore()
        >>> view.save("atlas.html")  # doctest: +SKIP
        """
        Path(path).expanduser().write_text(self.html, encoding="utf-8")


@functools.cache
def _widget_class() -> Any:
    """Return the class of the widget; anywidget and traitlets are imported for it."""
    anywidget = optional("anywidget", '"xarray-atlas[explore]"', "a live view in a notebook")
    import traitlets

    script = resources.files("xarray_atlas.viewers") / "explore_page" / "widget.js"

    class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc, name-defined]
        _esm = script.read_text("utf-8")
        _page = traitlets.Unicode().tag(sync=True)
        _picked = traitlets.Dict().tag(sync=True)
        point = traitlets.Any(None)
        regions = traitlets.Tuple()

        def __init__(self, page: str, places: Places) -> None:
            super().__init__(_page=page)
            self._places = places
            self.observe(self._when_picked, "_picked")

        def _when_picked(self, change: Any) -> None:
            # both, before those are told who observe one
            with self.hold_trait_notifications():
                self.point = self._places.point(change.new.get("voxel"))
                self.regions = tuple(self._places.acronyms[p] for p in change.new["regions"])

    return ExplorerWidget

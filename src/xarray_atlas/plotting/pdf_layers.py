"""Named layers in matplotlib's PDF files, which programs such as Inkscape and Acrobat list."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["pdf_layer"]


class PdfLayers:
    """The layers of a PDF file ("optional content groups", ISO 32000-1, 8.11).

    Matplotlib's PDF renderer ignores the groups that artists open, which its SVG renderer writes
    with their ids. So they are written here, through attributes of ``PdfFile`` that have
    public names and are not stable interface, as of matplotlib 3.10 and 3.11. An
    ``open_group`` of its PDF renderer would replace this module.

    Parameters
    ----------
    file : matplotlib.backends.backend_pdf.PdfFile
    """

    def __init__(self, file: Any) -> None:
        self.file, self.names = file, list[str]()
        self.finish = file.finalize
        file.finalize = self.finalize

    def finalize(self) -> None:
        """Write the layers, and with them again the objects that list them, then all else."""
        from matplotlib.backends.backend_pdf import Name

        file = self.file
        file.endStream()
        groups = [file.reserveObject("layer") for _ in self.names]
        for group, name in zip(groups, self.names, strict=True):
            file.writeObject(group, {"Type": Name("OCG"), "Name": name})
        root = {
            "Type": Name("Catalog"), "Version": Name("1.5"), "Pages": file.pagesObject,
            "OCProperties": {"OCGs": groups, "D": {"Order": groups, "ON": groups}},
        }  # fmt: skip
        file.writeObject(file.rootObject, root)
        resources = {
            "Font": file.fontObject, "XObject": file.XObjectObject,
            "ExtGState": file._extGStateObject, "Pattern": file.hatchObject,
            "Shading": file.gouraudObject,
            "ProcSet": [Name(each) for each in ("PDF", "Text", "ImageB", "ImageC", "ImageI")],
            "Properties": {f"OC{i}": group for i, group in enumerate(groups)},
        }  # fmt: skip
        file.writeObject(file.resourceObject, resources)
        self.finish()


@contextmanager
def pdf_layer(renderer: Any, name: str | None) -> Iterator[None]:
    """Draw into a layer of a PDF file; other renderers draw as ever.

    Parameters
    ----------
    renderer : matplotlib renderer
    name : str or None
        Of the layer; without one there is none.

    Yields
    ------
    None
    """
    backend = sys.modules.get("matplotlib.backends.backend_pdf")
    file = getattr(renderer, "file", None)
    if name is None or backend is None or not isinstance(file, backend.PdfFile):
        yield
        return
    layers = getattr(file.finalize, "__self__", None)
    if not isinstance(layers, PdfLayers):
        layers = PdfLayers(file)
    if name not in layers.names:
        layers.names.append(name)
    file.write(f"/OC /OC{layers.names.index(name)} BDC\n".encode())
    yield
    file.write(b"EMC\n")

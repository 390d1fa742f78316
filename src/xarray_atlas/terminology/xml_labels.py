"""Read the regions of atlases described in XML by FSL, and by SPM and CAT12.

Both list ``<label>`` elements below ``<data>``. FSL stores the index as an attribute and the name
as text, SPM has an element for each. The ``<type>`` in the header gives the meaning of the index:
for ``Label`` it is the value of the voxels. FSL's ``Probabilistic`` atlases index the volumes of a
4-D image from 0, and the voxels of their summary images (maxprob) hold the index + 1
(https://open.win.ox.ac.uk/pages/fsl/fslpy/fsl.data.atlases.html).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import Cells, shown

__all__ = ["cells_from_xml"]


def cells_from_xml(text: str) -> Cells:
    """Read the XML description of an FSL or SPM atlas.

    Raises
    ------
    TerminologyError
        If it is not such XML, or its type is unknown.
    """
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise TerminologyError(
            "the table of regions is HTML, or XML with a DOCTYPE; the XML of FSL's and SPM's "
            "atlases has none"
        )
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise TerminologyError(f"the table of regions is not XML: {error}") from error
    labels = root.findall("./data/label")
    if not labels:
        raise TerminologyError(
            f"the table of regions is XML with the root {shown(root.tag)} and without "
            "<data><label>, which FSL's and SPM's atlases have"
        )
    offset = _offset(root.findtext("./header/type"))
    rows = [_row(label, offset) for label in labels]
    return {column: [row[column] for row in rows] for column in rows[0]}


def _offset(kind: str | None) -> int:
    """Return the offset from an index to the label in a volume."""
    word = (kind or "").strip().lower()
    if word == "label":
        return 0
    if word.startswith("prob") or word.startswith("statistic"):  # "Probabalistic" in some files
        return 1
    raise TerminologyError(
        f"the <type> of the atlas is {shown(kind or '')}, so that it is not known what its indices "
        "are: the labels in the image ('Label'), or one less ('Probabilistic', for the maxprob "
        "image). Give the table as a DataFrame with the labels: columns 'id' and 'name'"
    )


def _row(label: ElementTree.Element, offset: int) -> dict[str, str]:
    index = label.get("index", label.findtext("index", ""))
    try:
        value = str(int(index) + offset)
    except ValueError as error:
        raise TerminologyError(
            f"the index {shown(index)} of a <label> is not an integer"
        ) from error
    name = label.findtext("name")
    color = label.findtext("RGBA") or ""
    return {
        "identifier": value,
        "name": " ".join((name or label.text or "").split()),
        "abbreviation": " ".join((label.findtext("short_name") or "").split()),
        "color_hex_triplet": color,
    }

"""Names of ANTs's files, which give their stage and direction.

``antsRegistration -o prefix_`` writes a file for each stage, ``prefix_0GenericAffine.mat``,
``prefix_1Warp.nii.gz`` and ``prefix_1InverseWarp.nii.gz``, or ``prefix_Composite.h5`` and
``prefix_InverseComposite.h5``. Points of the fixed image are mapped by the last stage first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xarray_atlas.errors import TransformError

__all__ = ["check_alone", "check_order", "is_back", "stage_of"]

STAGE = re.compile(
    r"^(?P<prefix>.*?)(?P<number>\d+)(?P<kind>GenericAffine\.mat|(?:Inverse)?Warp\.nii(?:\.gz)?|"
    r"(?:Rigid|Affine|Similarity|Translation|DerivedInitialMovingTranslation)\.mat)$"
)

BACK = re.compile(
    r"^(?:.*InverseWarp\.(?:nii|nii\.gz|mha|nrrd)|.*InverseComposite\.h5|"
    r"InverseTransformParameters\.\d+\.txt)$"
)
"""Names of ANTs, and of brainglobe-registration for its inverse registration by elastix."""


@dataclass(frozen=True)
class Stage:
    """One stage of a registration by ANTs."""

    folder: str
    prefix: str
    number: int
    kind: str

    @property
    def name(self) -> str:
        """Of the file."""
        return f"{self.prefix}{self.number}{self.kind}"


def stage_of(source: Any) -> Stage | None:
    """Return the stage in the name of a file, or None."""
    if not isinstance(source, str | os.PathLike):
        return None
    folder, name = os.path.split(os.path.abspath(source))
    found = STAGE.match(name)
    return found and Stage(folder, found["prefix"], int(found["number"]), found["kind"])


def is_back(source: Any) -> bool:
    """Return whether a file's name means that it maps points of the moving to the fixed image."""
    return isinstance(source, str | os.PathLike) and bool(BACK.match(os.path.basename(source)))


def check_alone(source: Any) -> None:
    """Refuse a single stage of a registration with other stages in the same folder.

    Raises
    ------
    TransformError
        The message says what to pass.
    """
    one = stage_of(source)
    if one is None:
        return
    found = [stage_of(os.path.join(one.folder, name)) for name in os.listdir(one.folder)]
    stages = [stage for stage in found if stage and stage.prefix == one.prefix]
    if {stage.number for stage in stages} == {one.number}:
        return
    names = {stage.number: stage.name for stage in stages if not is_back(stage.name)}
    inverses = {stage.number: stage.name for stage in stages if is_back(stage.name)}
    forward = [names[number] for number in sorted(names, reverse=True)]
    said = f"open_transform({forward}) maps points of the fixed image to the moving one"
    warped = {number for number, name in names.items() if "Warp" in name}
    if inverses and warped <= set(inverses):
        back = [(names | inverses)[number] for number in sorted(names | inverses)]
        flags = tuple(not is_back(name) for name in back)
        said += f", open_transform({back}, invert={flags}) the other way"
    raise TransformError(
        f"{os.path.basename(source)} is one stage of a registration by ANTs, and its other stages "
        f"are next to it. Pass all of them: {said}. For this stage alone name the two ends of its "
        "points: maps='fixed to affine', for example"
    )


def check_order(sources: Sequence[Any], backwards: Sequence[bool]) -> None:
    """Refuse stages of a registration in an order that ANTs does not use.

    Parameters
    ----------
    sources : sequence
    backwards : sequence of bool
        Whether each maps points of the moving image to the fixed one.

    Raises
    ------
    TransformError
    """
    if len(set(backwards)) > 1:
        return  # that is another error
    stages = [stage_of(source) for source in sources]
    for one, other, back in zip(stages[:-1], stages[1:], backwards, strict=False):
        if one is None or other is None:
            continue
        if (one.folder, one.prefix) != (other.folder, other.prefix):
            continue
        if one.number == other.number or (one.number < other.number) != back:
            raise TransformError(
                f"{one.prefix}{one.number}{one.kind} stands before "
                f"{other.prefix}{other.number}{other.kind}. The list is in antsApplyTransforms's "
                "order: forward with the last stage first, [1Warp, 0GenericAffine]; back with the "
                "first stage first, [0GenericAffine, 1InverseWarp] with invert=(True, False)"
            )

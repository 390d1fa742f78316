"""Check for left and right as separate regions."""

from __future__ import annotations

from xarray_atlas.checks.report import Finding, Outcome, done
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.side_patterns import propose_lateral

__all__ = ["check_sides"]


def check_sides(terminology: Terminology) -> Outcome:
    """Check whether left and right are separate regions that can be merged."""
    lateral = propose_lateral(terminology.names.tolist())
    if not lateral:
        return done("sides in names")
    why = (
        "the names of regions say the side, so that left and right are different regions and "
        "hemisphere= does not apply to them"
    )
    mend = f"nothing, where that is meant; else make the atlas with create_atlas(..., {lateral})"
    return done("sides in names", [Finding("note", why, mend)])

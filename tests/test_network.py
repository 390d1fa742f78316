"""What BrainGlobe's public bucket holds today: run with ``--network``, skipped otherwise."""

from __future__ import annotations

import re

import pytest

import xarray_atlas
from test_readme import ONE_LINE, TUTORIAL, printed

pytestmark = [pytest.mark.network, pytest.mark.version_independent]

BUCKET = "s3://brainglobe/atlas"
ALLEN = f"{BUCKET}/annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"


def test_the_tutorials_way_gives_the_same_number() -> None:
    # both blocks of the page as they are, at the finest level, 10 um
    (ours,) = map(float, re.findall(r"Quantity\(\D*([\d.]+)", printed(ONE_LINE)))
    assert ours == pytest.approx(10.5, abs=0.02)
    theirs = float(printed(TUTORIAL).split()[0])
    assert theirs == pytest.approx(ours, rel=1e-9)


def test_the_volume_at_25_um_is_that_of_the_published_counts() -> None:
    ds = xarray_atlas.open_atlas(ALLEN, resolution="25 um")
    volume = ds.atlas.volume("RSP").pint.to("mm ** 3").pint.magnitude.item()
    assert volume == pytest.approx(672063 * 0.025**3, rel=1e-9)


def test_an_atlas_opens_by_name() -> None:
    ds = xarray_atlas.open_atlas("allen_mouse_25um", root=BUCKET)
    assert dict(ds.annotation.sizes) == {"z": 528, "y": 320, "x": 456}
    assert ds.atlas.spacing["z"].to("mm").magnitude == pytest.approx(0.025)
    assert ds.atlas.terminology.position("RSP") >= 0


def test_every_atlas_opens() -> None:
    # the bucket alone: copies on this machine neither help nor hide that it cannot be reached
    table = xarray_atlas.list_atlases(BUCKET)
    assert "allen_mouse" in set(table["name"])
    wrong = {}
    for row in table.itertuples():
        for resolution in row.resolutions:
            try:
                ds = xarray_atlas.open_atlas(row.name, resolution=resolution, root=BUCKET)
                assert ds.annotation.ndim == 3
                assert len(ds.atlas.terminology)
            except Exception as error:  # all that are wrong are told, not only the first
                wrong[f"{row.name}, {resolution}"] = f"{type(error).__name__}: {error}"
    assert not wrong, "\n".join(f"{name}: {why}" for name, why in wrong.items())

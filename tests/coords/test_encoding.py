"""Encode and decode, and the space that rides along."""

from __future__ import annotations

import json

import numpy as np
import pint
import pytest
import xarray as xr
from xarray.indexes import PandasIndex

import xarray_atlas
from xarray_atlas import LengthIndex, Space
from xarray_atlas.errors import AtlasMismatchError, GridError, MissingTerminologyError

ureg = pint.get_application_registry()


def test_round_trip_reads_nothing(sample: xr.Dataset) -> None:
    encoded = sample.atlas.encode()
    assert all(type(encoded.xindexes[d]) is PandasIndex for d in "zyx")
    assert set(encoded.xindexes) == {"z", "y", "x"}
    assert encoded.z.attrs == {"units": "mm", "direction": "anterior-to-posterior"}
    assert isinstance(encoded.z.data, np.ndarray)
    assert list(encoded.coords) == list(sample.coords)
    json.dumps(encoded.terminology.attrs)  # plain text, whatever writes it
    decoded = xarray_atlas.decode(encoded)
    assert decoded.annotation.data.name == sample.annotation.data.name
    assert xarray_atlas.decode(decoded) is decoded
    assert xarray_atlas.encode(encoded) is encoded


def test_data_arrays_too(sample: xr.Dataset) -> None:
    array = sample.annotation.isel(z=5)
    encoded = xarray_atlas.encode(array)
    assert isinstance(encoded, xr.DataArray)
    assert encoded.z.attrs["units"] == "mm"
    xr.testing.assert_identical(xarray_atlas.decode(encoded), array)
    assert xarray_atlas.decode(encoded).z.pint.units == ureg.mm


def test_only_lengths_are_decoded() -> None:
    array = xr.DataArray(
        np.zeros((2, 3)),
        dims=("time", "x"),
        coords={
            "time": ("time", [0.0, 1.0], {"units": "s"}),
            "x": ("x", [0, 25, 50], {"units": "micrometer"}),
            "depth": ("x", [1.0, 2.0, 3.0], {"units": "um"}),
            "name": ("x", ["a", "b", "c"]),
        },
    )
    decoded = xarray_atlas.decode(array)
    np.testing.assert_array_equal(decoded.x.values, [0.0, 0.025, 0.05])
    assert type(decoded.xindexes["x"]) is LengthIndex
    for name in ("time", "depth", "name"):
        xr.testing.assert_identical(decoded[name].variable, array[name].variable)


def test_a_pint_index_is_taken_over(sample: xr.Dataset) -> None:
    in_um = sample.pint.to({"z": ureg.um})
    assert in_um.z.pint.units == ureg.um
    decoded = xarray_atlas.decode(in_um)
    xr.testing.assert_allclose(decoded.z.variable, sample.z.variable)
    assert type(decoded.xindexes["z"]) is LengthIndex
    assert decoded.z.attrs["units"] == "mm"
    assert decoded.xindexes["z"].equals(sample.xindexes["z"])


def test_a_scalar_quantity_keeps_its_unit() -> None:
    # the unit is in the data alone, as pint-xarray leaves it
    array = xr.DataArray(1.0, coords={"z": ((), 25.0 * ureg.um)})
    assert "units" not in array.z.attrs
    assert xarray_atlas.decode(array).z.values == 0.025
    assert xarray_atlas.encode(array).z.values == 0.025
    assert xarray_atlas.encode(array).z.attrs["units"] == "mm"


def test_a_decoded_section_knows_its_thickness(sample: xr.Dataset) -> None:
    section = sample.isel(z=[5])
    again = xarray_atlas.decode(section.atlas.encode())
    assert again.xindexes["z"].spacing == pytest.approx(0.1)
    # whenever it becomes the only one, and however it came to be that thick
    for thick in (sample.isel(z=slice(None, None, 3)), sample.coarsen(z=3).max()):
        assert thick.isel(z=[5]).atlas.spacing["z"].magnitude == pytest.approx(0.3)
    for coarse in (sample.coarsen(z=3).max(), sample.coarsen(z=2).max()):
        assert xarray_atlas.decode(coarse.isel(z=[5])).atlas.spacing["z"].magnitude == (
            pytest.approx(coarse.z.values[1] - coarse.z.values[0])
        )
    assert sample.isel(z=5).expand_dims("z").atlas.spacing["z"].magnitude == pytest.approx(0.1)
    # where it cannot be known it is not guessed
    twice = sample.coarsen(z=2).max().coarsen(z=2).max()
    written = sample.atlas.encode().coarsen(z=2).max()
    for unknown in (twice, written):
        with pytest.raises(GridError, match="does not tell the size"):
            unknown.isel(z=[5]).atlas.volume("RSP")
        assert unknown.atlas.volume("root").item().magnitude > 400
    strided = sample.isel(z=slice(None, None, 3)).isel(z=[5])
    assert xarray_atlas.decode(strided.atlas.encode()).xindexes["z"].spacing == pytest.approx(0.3)


def test_damaged_attributes_are_an_error(sample: xr.Dataset) -> None:
    encoded = sample.atlas.encode()
    encoded.terminology.attrs["abbreviation"] = "["
    with pytest.raises(MissingTerminologyError, match="cannot be read"):
        xarray_atlas.decode(encoded)
    encoded = sample.atlas.encode()
    encoded.terminology.attrs["xarray_atlas"] = "99"
    with pytest.raises(MissingTerminologyError, match="99"):
        encoded.atlas.mask("RSP")
    encoded = sample.atlas.encode()
    encoded["terminology"] = encoded.terminology.copy(data=7)
    with pytest.raises(AtlasMismatchError, match="fingerprint"):
        encoded.atlas.mask("RSP")


ASR = Space(("z", "y", "x"), "asr", (0.1,) * 3, (0.0,) * 3, midline=5.7)


def test_a_space_is_a_value() -> None:
    assert Space.from_json(ASR.to_json()) == ASR
    assert hash(Space.from_json(ASR.to_json())) == hash(ASR)
    assert ASR.rename({"z": "a"}) == ASR  # names are not of the space
    assert ASR.rename({"z": "a"}).dims == ("a", "y", "x")
    assert ASR.direction("ml") == "right-to-left"
    assert [ASR.position(axis) for axis in ("ap", "dv", "ml")] == [0, 1, 2]


@pytest.mark.parametrize("orientation", ["as", "aap", "asx", "ASR", "asrl", ""])
def test_an_orientation_is_three_letters(orientation: str) -> None:
    with pytest.raises(GridError, match="asr"):
        Space(("z", "y", "x"), orientation, (0.1,) * 3, (0.0,) * 3)


def test_left_and_right() -> None:
    x = np.array([5.6, 5.7 - 1e-9, 5.7, 5.8])
    np.testing.assert_array_equal(ASR.is_left(x), [False, True, True, True])
    flipped = Space(("z", "y", "x"), "asl", (0.1,) * 3, (0.0,) * 3, midline=5.7)
    np.testing.assert_array_equal(flipped.is_left(x), [True, True, True, False])
    with pytest.raises(GridError, match="midline"):
        Space(("z", "y", "x"), "asr", (0.1,) * 3, (0.0,) * 3).is_left(x)


def test_axes_are_found_whatever_they_are_called(sample: xr.Dataset) -> None:
    space = sample.atlas.space
    assert space.coordinates(sample) == {"ap": "z", "dv": "y", "ml": "x"}
    renamed = sample.rename(z="ap_axis", x="z")
    assert renamed.atlas.space.coordinates(renamed) == {"ap": "ap_axis", "dv": "y", "ml": "z"}
    encoded = sample.atlas.encode().rename(z="ap_axis", x="z")
    assert encoded.atlas.space.coordinates(encoded) == {"ap": "ap_axis", "dv": "y", "ml": "z"}
    section = sample.isel(y=3, drop=True)
    assert section.atlas.space.coordinates(section)["dv"] is None


def test_axes_that_contradict_the_space_are_an_error(sample: xr.Dataset) -> None:
    wrong = sample.copy()
    wrong["x"].attrs["direction"] = "left-to-right"
    with pytest.raises(AtlasMismatchError, match="right-to-left"):
        wrong.atlas.volume("RSP")
    twice = sample.copy()
    twice["x"].attrs["direction"] = twice["z"].attrs["direction"]
    with pytest.raises(AtlasMismatchError, match="'ap'"):
        twice.atlas.volume("RSP")


def test_encode_gives_mm_whatever_the_unit(sample: xr.Dataset, tmp_path) -> None:
    encoded = sample.pint.to({"z": ureg.um}).atlas.encode()
    assert encoded.z.attrs["units"] == "mm"
    np.testing.assert_allclose(encoded.z.values, sample.z.values)
    assert type(encoded.xindexes["z"]) is PandasIndex
    encoded.to_zarr(tmp_path / "a.zarr", consolidated=False)
    again = xr.open_dataset(tmp_path / "a.zarr", engine="atlas")
    assert float(again.atlas.volume("CA1")) == pytest.approx(float(sample.atlas.volume("CA1")))


def test_decode_loads_nothing() -> None:
    class Never(xr.backends.BackendArray):
        shape, dtype = (3,), np.dtype(float)

        def __getitem__(self, key):
            raise AssertionError("it was read")

    lazy = xr.Variable("cell", xr.core.indexing.LazilyIndexedArray(Never()), {"units": "um"})
    ds = xr.Dataset(coords={"depth": lazy, "x": ("x", [0.0, 25.0], {"units": "um"})})
    np.testing.assert_array_equal(xarray_atlas.decode(ds).x.values, [0.0, 0.025])


def test_several_different_carriers_are_an_error(sample: xr.Dataset) -> None:
    fine = xarray_atlas.open_sample("50 um").drop_dims(["z", "y", "x"])
    both = sample.assign_coords(fine.rename(terminology="other").coords)
    with pytest.raises(AtlasMismatchError, match="drop all but one"):
        both.atlas.volume("RSP")
    assert both.drop_vars("other").atlas.region("RSP").id == 254
    twin = sample.assign_coords(sample[["terminology"]].rename(terminology="twin").coords)
    assert twin.atlas.region("RSP").id == 254

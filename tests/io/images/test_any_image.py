"""Voxels of images of any shape, type and chunks, in every format, against what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_atlas.io.files.images import read_image

# pynrrd writes the time into its headers
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:nrrd")

INTEGERS = ["u1", "i1", "u2", "i2", "u4", "i4"]
FORMATS = ["a.nii", "a.nii.gz", "a.mgz", "a.mha", "a.mhd", "a.nrrd", "a.nhdr", "a.tif", "a.ome.tif"]


def write(path: Path, array: Any, packed: bool, swapped: bool) -> None:
    """Write an array on (time, z, y, x), or (z, y, x)."""
    further = array.ndim == 4
    order = ">" if swapped else "<"
    last = np.moveaxis(array, 0, -1) if further else array  # as most formats have time
    if path.name.endswith((".nii", ".nii.gz")):
        header = nibabel.Nifti1Image(last, np.eye(4)).header.as_byteswapped(order)
        header.set_data_dtype(array.dtype)
        nibabel.save(nibabel.Nifti1Image(last, np.eye(4), header), path)
    elif path.suffix == ".mgz":
        nibabel.save(nibabel.MGHImage(last.astype("i4"), np.eye(4)), path)
    elif path.suffix in (".mha", ".mhd"):
        sitk.WriteImage(sitk.GetImageFromArray(last.T, isVector=False), path, useCompression=packed)
    elif path.suffix in (".nrrd", ".nhdr"):
        header = {
            "kinds": ["domain"] * 3 + ["time"] * further,
            "encoding": "gzip" if packed else "raw",
        }
        nrrd.write(str(path), last.astype(array.dtype.newbyteorder(order)), header, index_order="F")
    else:
        metadata = {"axes": "TZYX" if further else "ZYX"}
        options: Any = {"compression": "zlib" if packed else None, "byteorder": order}
        ome = path.name.endswith(".ome.tif")
        # without a series of its own time is not known in a plain TIFF
        tifffile.imwrite(
            path, array, photometric="minisblack", metadata=metadata, ome=ome, **options
        )


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> Any:
    parts = []
    for size in shape:
        whole = st.just(slice(None))
        some = st.slices(size)
        parts.append(draw(st.one_of(whole, some, st.integers(0, size - 1))))
    return tuple(parts)


@given(
    data=st.data(),
    name=st.sampled_from(FORMATS),
    dtype=st.sampled_from([*INTEGERS, "f4", "f8"]),
    space=st.tuples(*[st.integers(1, 6)] * 3),
    times=st.sampled_from([0, 1, 2, 5]),
    packed=st.booleans(),
    swapped=st.booleans(),
    chunks=st.one_of(st.just({}), st.none(), st.integers(1, 6), st.just({"z": 2, "x": 1})),
)
@settings(max_examples=80, deadline=None)
def test_any_image_is_what_was_written(
    tmp_path_factory: Any, data: Any, name: str, dtype: str, space: Any, times: int, packed: bool,
    swapped: bool, chunks: Any,
):  # fmt: skip
    if name.endswith(".tif") and not name.endswith(".ome.tif"):
        times = 0
    if name.endswith(".mgz"):
        times = times if times > 1 else 0  # nibabel writes no axis of time of length one
    shape = (times, *space) if times else space
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    path = tmp_path_factory.mktemp("any") / name
    write(path, array, packed, swapped)
    image = read_image(path)
    wanted = array[0] if times == 1 else array
    assert image.shape == wanted.shape
    assert image.dims[-3:] == ("z", "y", "x")
    found = image.array(chunks)
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype.isnative
    key = data.draw(keys(wanted.shape))
    np.testing.assert_array_equal(found[key], wanted[key])

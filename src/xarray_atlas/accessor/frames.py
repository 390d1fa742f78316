"""An atlas with its frames: the coordinate systems of its space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.points.landmarks import make_frame
from xarray_atlas.transforms import known_frames
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.known_frames import Frames

__all__ = ["FramesMethods"]


class FramesMethods(Accessor[T]):
    """Coordinate systems of the atlas's space."""

    @property
    def frames(self) -> Frames:
        """The frames that are available for the space: a mapping from name to Frame.

        ``"dataset"``, ``"brainglobe"``, ``"allen"`` and ``"quicknii"``; ``"world"`` if the atlas
        was created from a file with an affine; the published stereotaxic conventions for an atlas
        in the Allen CCF; and frames added by :meth:`add_frame`.

        Returns
        -------
        Frames

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> list(ds.atlas.frames)[4:]  # doctest: +NORMALIZE_WHITESPACE
        ['ibl', 'ibl-needles', 'mri-toronto', 'pinpoint-dorr2008', 'pinpoint-qiu2018',
         'trajectory-explorer']
        >>> ds.atlas.frames["ibl"].directions[2]
        'inferior-to-superior'
        """
        return known_frames.frames_of(self._obj)

    def frame(
        self,
        name: str,
        *,
        matrix: Any = None,
        to_dataset: Any = None,
        bregma: Any = None,
        lambda_: Any = None,
        frame: Any = None,
        pitch: Any = None,
        scale: Any = None,
        order: str | None = None,
        centres: Any = None,
        axes: Sequence[str] | None = None,
        directions: Sequence[str] | None = None,
        unit: str | None = None,
        citation: str | None = None,
        url: str | None = None,
        assumptions: str | Iterable[str] | None = None,
        ccf: bool | None = None,
    ) -> Frame:
        """Return an available frame by its name, or create one.

        It is created from a matrix, or from landmarks: positions are relative to bregma, the brain
        is rotated about bregma by `pitch`, or such that lambda lies straight behind it, and scaled.

        Parameters
        ----------
        name : str
            Of one of :attr:`frames`; or what the frame that is made is called.
        matrix : (4, 4) array of float, optional
            From positions in the Dataset (mm, in the order of ``ds.atlas.space.dims``) to the
            numbers of the frame (in `unit`, in the order of `axes`).
        to_dataset : (4, 4) array of float, optional
            The inverse of `matrix`: from the numbers of the frame to positions in the Dataset. A
            matrix that is passed as ``frame=`` runs this way too, from mm in the order of the dims.
        bregma : mapping, DataArray or other point, optional
            The origin, one point as :meth:`region_at` takes it, with a unit for each number:
            ``{"ap": "5.4 mm", "dv": "332 um", "ml": "5.7 mm"}``.
        lambda_ : mapping, DataArray or other point, optional
            Where lambda lies. The brain is rotated about bregma so that lambda lies straight
            behind it: about the superior-inferior axis first, then about the right-left axis;
            there is no roll.
        frame : str, Frame or (4, 4) array, optional
            The frame of `bregma` and `lambda_`; see :meth:`region_at`.
        pitch : float, str or pint.Quantity, optional
            Instead of `lambda_`: the angle by which the brain is rotated about the right-left
            axis through bregma, a number of degrees or such as ``"5 deg"``. Positive is nose up:
            what lies anterior of bregma is raised, what lies posterior is lowered.
        scale : float or mapping of str to float, optional
            Factors of lengths, such as ``{"ap": 1.031, "dv": 0.885, "ml": 0.952}``: above 1 where
            the numbers of the frame are larger than lengths in the atlas.
        order : "rotate, scale" or "scale, rotate", optional
            Needed where the brain is both rotated and scaled unevenly: along which axes `scale`
            is, those of the levelled brain or of the atlas.
        centres : str or pint.Quantity, optional
            The size of voxels, such as ``"25 um"``, of a tool that takes ``index * size`` for the
            centre of a voxel: its frame is moved by half a voxel.
        axes : sequence of str, optional
            The names of the axes in the order of the frame's numbers. By default ``("ap", "ml",
            "dv")`` from bregma, and of a matrix the anatomical axes nearest to them.
        directions : sequence of str, optional
            The direction in which the numbers of each axis grow, such as
            ``"posterior-to-anterior"``. By default to anterior, right and superior from bregma,
            and of a matrix the nearest ones.
        unit : str, optional
            Of the numbers of the frame that is made; mm by default.
        citation, url : str, optional
            Where the frame is defined.
        assumptions : str or iterable of str, optional
            Assumptions in addition to those that follow from the parameters.
        ccf : bool, optional
            Whether the atlas lies in the Allen CCF, where that is not known by itself, for the
            published conventions.

        Returns
        -------
        Frame

        Raises
        ------
        PointsError
            If there is no such frame, or it does not say where bregma is, in which order it
            rotates and scales, or which way its axes run.
        UnitsError
            If a position has no unit, or the matrix is of another unit than `unit`.
        GridError
            If it is not known where the Dataset lies in the whole volume.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> bregma = {"ap": "5.2 mm", "dv": "0.33 mm", "ml": "5.7 mm"}
        >>> levelled = ds.atlas.frame("levelled", bregma=bregma, frame="allen", pitch="5 deg")
        >>> at = ds.atlas.centroid("VTA").values
        >>> dict(zip(levelled.axes, levelled.from_dataset(at).round(2).tolist()))
        {'ap': -2.7, 'ml': -0.01, 'dv': -5.09}
        >>> levelled.assumptions[1]
        'rotated about bregma by 5 degrees, nose up'

        Positions in it:

        >>> cells = {"ap": [-2.68], "ml": [0.45], "dv": [-5.08]}
        >>> found = ds.atlas.count_points(cells, frame=levelled, unit="mm")
        >>> found["count"].sel(region="VTA").item()
        1
        """
        made = {"matrix": matrix, "to_dataset": to_dataset, "bregma": bregma, "lambda_": lambda_}
        made |= {"frame": frame, "pitch": pitch, "scale": scale, "order": order}
        about = {"citation": citation, "url": url, "assumptions": assumptions}
        named = {"axes": axes, "directions": directions, "unit": unit, "centres": centres}
        options: dict[str, Any] = {**made, **named, **about}
        return make_frame(self._obj, name, ccf=ccf, **options)

    def add_frame(self, frame: Frame) -> T:
        """Return the same object with an additional named frame.

        The frame is kept by slices, ``reorient``, resampling and files.

        Parameters
        ----------
        frame : Frame
            Of this space. One of the same name that was added before is replaced.

        Returns
        -------
        Dataset or DataArray

        Raises
        ------
        PointsError
            If the name is that of a frame that every atlas has, or of a published convention.
        GridError
            If the frame is one of another space, or where it lies in the whole volume is not
            known.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> bregma = {"ap": "5.2 mm", "dv": "0.33 mm", "ml": "5.7 mm"}
        >>> ds = ds.atlas.add_frame(ds.atlas.frame("rig 2", bregma=bregma, frame="allen"))
        >>> cells = {"ap": [-3.1], "ml": [0.5], "dv": [-4.9]}
        >>> found = ds.atlas.reorient("ras").atlas.count_points(cells, frame="rig 2", unit="mm")
        >>> found["count"].sel(region="VTA").item()
        1
        """
        return known_frames.add_frame(self._obj, frame)

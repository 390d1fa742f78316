"""An atlas with probes: their contacts, the regions that these lie in, and files of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xarray as xr

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.probes import inserting

__all__ = ["ProbesMethods"]


class ProbesMethods(Accessor[T]):
    """Places probes in an atlas."""

    def insert(
        self,
        probe: Any,
        *,
        entry: Any = None,
        tip: Any = None,
        angles: Mapping[str, Any] | None = None,
        depth: Any = None,
        track: Any = None,
        spin: Any = None,
        shank: Any = None,
        landmarks: Mapping[str, Any] | None = None,
        frame: Any = None,
        transform: Any = None,
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
        level: int | None = None,
        parcellation: Any = None,
        probe_unit: Any = None,
        probe_tip: Any = None,
        depth_axis: str | None = None,
    ) -> xr.Dataset:
        """Place a probe in the atlas, and find the region of each of its contacts.

        See :func:`xarray_atlas.insert` for details.

        Parameters
        ----------
        probe : probeinterface.Probe, ProbeGroup of one, SpikeInterface recording, str, or array
            What has ``get_probegroup()`` or ``get_probe()`` is taken as it is. A part number of
            Neuropixels, such as ``"NP2014"``, is the probe with all of its contacts, which
            probeinterface makes without the network. Of a probe in a plane, x runs across the
            shank, to the right as one looks at the contacts with the tip down, and y along it, away
            from the tip. An array holds the positions of contacts: (n,) along the shank, (n, 2) as
            x and y, or (n, 3) with `depth_axis`.
        entry, tip : mapping, DataArray, or other point, optional
            Where the axis of the shank enters the brain, and where its tip is: one point each, as
            :func:`xarray_atlas.region_at` takes points, such as
            ``{"ml": 1.2, "ap": -2.1, "dv": -0.3}``.
        angles : mapping, optional
            ``{"phi": "180 deg", "theta": "15 deg"}``, with units, in the sense of IBL: `theta` is
            the angle between the shank and the vertical axis of the frame, `phi` the direction to
            which the upper end leans, counterclockwise as seen from above: 0 to the right, 90
            degrees to anterior, 180 to the left. The probe is turned by `spin` first, then by
            `theta` about the axis from posterior to anterior, then by `phi` about the vertical one.
        depth : str or pint.Quantity, optional
            From the entry to the tip along the shank, such as ``"3.8 mm"``.
        track : DataFrame, Dataset, DataArray, mapping, sequence of DataArrays, or array, optional
            Points in order from the entry to the tip, as :func:`xarray_atlas.region_at` has
            `points`. A natural cubic spline goes through them; above the entry the shank is
            straight. Of several shanks `shank` follows it, and the others run parallel to it, at
            their distances on the probe.
        spin : str or pint.Quantity, optional
            Which way the probe faces; needed if contacts lie off its axis. A direction in which x
            of the probe runs, as nearly as the shank lets it: ``"left-to-right"``,
            ``"posterior-to-anterior"`` and so on. With `angles`, an angle about the shank as well:
            at 0 deg, upright, x is to the right and the contacts face posterior; positive is
            counterclockwise as seen from above. ``"on axis"`` puts all contacts of a single shank
            on its axis.
        shank : str or int, optional
            Of a probe with several shanks, that which goes through `entry` and `tip`, or along
            `track`; ``"centre"`` is half way between the outer ones.
        landmarks : mapping, optional
            ``{"probe": ["0.9 mm", "2.1 mm"], "track": ["1.0 mm", "2.0 mm"]}``: heights above the
            tip on the probe, by the recording, and where these lie on the track, by histology.
            Between landmarks heights are scaled linearly; outside of them they are shifted.
        frame : str, Frame or (4, 4) array, optional
            The coordinate system of the points, required for bare numbers. ``"brainglobe"``:
            brainreg, cellfinder and brainglobe-segmentation, from the outer corner of the whole
            volume to posterior, inferior and left. ``"allen"``: the Allen SDK, and QuPath, ABBA and
            IBL in CCF, from the outer corner to posterior, inferior and right. ``"quicknii"``: x, y
            and z of QuickNII, Nutil and MeshView, from the outer corner to right, anterior and
            superior. ``"dataset"``: coordinates of this Dataset, which are those of voxel centres.
            ``"world"``: x, y and z in mm to the right, anterior and superior, as in NIfTI and MNI,
            for an atlas with world coordinates. Relative to bregma, for an atlas of the Allen CCF,
            the name of a convention, such as ``"ibl"``: ``ds.atlas.frames`` lists them, and added
            frames. ``ds.atlas.frame(name, ...)`` creates one. A matrix maps points (mm, in the
            order of ``ds.atlas.space.dims``) to coordinates of the Dataset, in that order. The
            frame may be omitted if the points define it: positions with a ``direction`` and a unit
            in a Dataset or DataArrays are in "dataset", and results of this package have
            ``attrs["frame"]``.
        transform : Transform, optional
            For points in another space, such as a registered image: the map between that space and
            the atlas (:func:`xarray_atlas.open_transform` reads one), in either direction. The
            points are in mm, or in `unit`, along the axes of the transform's end (x, y and z in RAS
            mm if it was read from a file; its ``source`` and ``target`` say so). `frame` is then a
            matrix or a :class:`xarray_atlas.Frame` that maps the points to these.
        unit : str or pint.Unit, optional
            Unit of positions without one; a unit that contradicts theirs is an error. ``"voxel"``
            denotes indices of voxels.
        axes : iterable of str, optional
            The axes of an array, in the order of its columns, or the columns of a table to use.
        columns : mapping of str to str, optional
            The columns by axis: ``{"ap": "AP_um", "dv": "DV_um", "ml": "ML_um"}``.
        level : int, optional
            Return the ancestor at that level of the hierarchy, counted from root = 0; a region
            above the level is returned itself.
        parcellation : str, dict, DataFrame or path, optional
            Return the parcel instead of the region, of a parcellation: ``"beryl"``, ``"cosmos"`` or
            ``"allen-summary"``; a mapping from parcels to their regions, such as
            ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
            or the path of its CSV. Points in no parcel are background.
        probe_unit : str or pint.Unit, optional
            Of an array of contacts that does not say its own.
        probe_tip : str or pint.Quantity, optional
            Where the tip is along the shank, in the coordinates of the probe, such as
            ``"-220 um"``, or ``"lowest contact"``. By default the lowest point of the probe's
            contour, which those of the catalogue have.
        depth_axis : "y" or "z", optional
            Of contacts with three coordinates, which one runs along the shank, away from the tip.

        Returns
        -------
        Dataset
            With ``contact``: position, region, its id, hemisphere, status, height above the tip and
            depth below the entry.

        Raises
        ------
        PointsError
            If the insertion is not stated in one of these ways, or not which way the probe faces,
            where its tip is, or which shank is meant.
        UnitsError
            If a length or an angle has no unit.

        Warns
        -----
        UserWarning
            If more than a fifth of the contacts below the entry lie outside of the brain (where no
            entry is stated, if the lowest contact does), with what would put them there. If the tip
            lies above the entry by more than 30 degrees. If the midline was assumed.

        Examples
        --------
        >>> import xarray_atlas
        >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
        >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
        >>> found = ds.atlas.insert(
        ...     [0.2, 1.0, 1.8], probe_unit="mm", probe_tip="0 um", frame="ibl", unit="mm",
        ...     entry={"ml": -1.4, "ap": -2.2, "dv": -0.4},
        ...     tip={"ml": -0.9, "ap": -2.2, "dv": -3.0},
        ... )
        >>> found.region.values.tolist(), found.hemisphere.values[0].item()
        (['MB', 'DG-mo', 'CA1'], 'left')
        """
        where = {"entry": entry, "tip": tip, "angles": angles, "depth": depth, "track": track}
        where |= {"spin": spin, "shank": shank, "landmarks": landmarks}
        read = {"frame": frame, "transform": transform, "unit": unit, "axes": axes}
        read |= {"columns": columns}
        made = {"probe_unit": probe_unit, "probe_tip": probe_tip, "depth_axis": depth_axis}
        cut: dict[str, Any] = {"level": level, "parcellation": parcellation}
        return inserting.insert(self._obj, probe, **where, **read, **made, **cut)

    def to_nwb_electrodes(
        self,
        contacts: xr.Dataset,
        nwbfile: Any,
        *,
        rows: Iterable[int] | str | None = None,
        device: Any = None,
        frame: Any = None,
        transform: Any = None,
        method: str | None = None,
    ) -> Any:
        """Write the positions of contacts to the electrodes table of an NWB file.

        See :func:`xarray_atlas.to_nwb_electrodes` for details.

        Parameters
        ----------
        contacts : Dataset
            As returned by :func:`xarray_atlas.insert`.
        nwbfile : pynwb.NWBFile
            In memory, to be written afterwards with ``pynwb.NWBHDF5IO``.
        rows : iterable of int, or "channel", optional
            The row of the electrodes table of each contact; ``"channel"`` uses the channels that
            the probe is wired to. It may be omitted if the table is empty, or has as many rows as
            there are contacts and these are not wired in another order.
        device : pynwb.device.Device, optional
            The device of the electrodes, if the file has none yet: they are added, with an
            electrode group for each shank.
        frame : str or Frame, optional
            The frame to write; by default that of the contacts. In the Allen CCF ``"allen"`` gives
            the positions that the Allen Institute writes.
        transform : Transform, optional
            For contacts in another space; requires `frame`.
        method : str, optional
            Method of localization, such as "histology", for ndx-anatomical-localization.

        Returns
        -------
        AnatomicalCoordinatesTable
            Of ndx-anatomical-localization, which is in the file.

        Raises
        ------
        PointsError
            If these are not contacts, or their rows or the device are unknown.
        GridError
            If the frame is tilted, so that its axes are not anatomical.
        ImportError
            If pynwb or ndx-anatomical-localization is not installed:
            ``pip install "xarray-atlas[nwb]"``.

        Examples
        --------
        >>> from datetime import datetime, timezone
        >>> import pynwb, xarray_atlas
        >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
        >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
        >>> contacts = ds.atlas.insert(
        ...     [0.2, 1.0, 1.8], probe_unit="mm", probe_tip="0 um", frame="ibl", unit="mm",
        ...     entry={"ml": -1.4, "ap": -2.2, "dv": -0.4},
        ...     tip={"ml": -0.9, "ap": -2.2, "dv": -3.0},
        ... )
        >>> nwbfile = pynwb.NWBFile("session", "s1", datetime(2025, 1, 1, tzinfo=timezone.utc))
        >>> device = nwbfile.create_device("probe")
        >>> table = ds.atlas.to_nwb_electrodes(contacts, nwbfile, device=device)
        >>> table.space.orientation, nwbfile.electrodes["location"].data
        ('RAS', ['MB', 'DG-mo', 'CA1'])
        """
        from xarray_atlas.atlases import nwb

        where: dict[str, Any] = {"rows": rows, "device": device, "frame": frame}
        return nwb.to_nwb_electrodes(
            self._obj, contacts, nwbfile, transform=transform, method=method, **where
        )

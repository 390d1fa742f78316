"""Names of other packages' atlases, and the calls that do the same here."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["EQUIVALENTS", "FUNCTIONS", "OtherNames", "advice"]

BRAINGLOBE, CONFUSIUS, IBL, ALLEN = "BrainGlobe", "ConfUSIus", "iblatlas", "AllenSDK"

EQUIVALENTS: tuple[tuple[str, dict[str, str]], ...] = (
    # the table of regions, and one region
    (
        "ds.atlas.regions",
        {
            BRAINGLOBE: "structures structures_list lookup_df",
            CONFUSIUS: "structures lookup",
            IBL: "to_df id acronym name level order",
            ALLEN: "nodes node_ids filter_nodes nodes_by_property",
        },
    ),
    (
        'ds.atlas.region("RSP")',
        {
            BRAINGLOBE: "structures",
            CONFUSIUS: "structures",
            IBL: "get acronym2id acronym2index",
            ALLEN: "node get_structures_by_acronym get_structures_by_name",
        },
    ),
    (
        "ds.atlas.region(254)",
        {IBL: "id2acronym id2index index2acronym index2id", ALLEN: "get_structures_by_id"},
    ),
    ('[ds.atlas.region(key).id for key in ["RSP", "VISp"]]', {IBL: "parse_acronyms_argument"}),
    ('ds.atlas.regions.set_index("id").name', {ALLEN: "get_name_map value_map"}),
    ('ds.atlas.regions.set_index("acronym").id', {ALLEN: "get_id_acronym_map"}),
    ("ds.atlas.regions.color", {IBL: "rgb rgba hexcolor", ALLEN: "get_colormap"}),
    # the hierarchy
    (
        "ds.atlas.tree",
        {
            BRAINGLOBE: "hierarchy",
            ALLEN: "get_structure_tree structure_tree",
            IBL: "compute_hierarchy",
        },
    ),
    ("print(ds.atlas.tree.render())", {CONFUSIUS: "show_tree"}),
    (
        'ds.atlas.region("RSP").descendants',
        {
            BRAINGLOBE: "get_structure_descendants",
            IBL: "descendants subtree",
            ALLEN: "descendants descendant_ids",
        },
    ),
    (
        'ds.atlas.region("RSP").ancestors',
        {
            BRAINGLOBE: "get_structure_ancestors",
            CONFUSIUS: "ancestors",
            IBL: "ancestors",
            ALLEN: "ancestors ancestor_ids get_ancestor_id_map",
        },
    ),
    (
        'ds.atlas.region("RSP").parent',
        {IBL: "parent", ALLEN: "parent parents parent_id parent_ids"},
    ),
    ('ds.atlas.region("RSP").children', {ALLEN: "children child_ids"}),
    ('ds.atlas.region("RSP").leaves', {IBL: "leaves"}),
    (
        'ds.atlas.region("RSP") in ds.atlas.region("VISm").ancestors',
        {ALLEN: "structure_descends_from"},
    ),
    (
        "ds.atlas.parcellate(level=5)",
        {BRAINGLOBE: "get_structures_at_hierarchy_level"},
    ),
    ('ds.atlas.parcellate("beryl")', {IBL: "acronym2acronym id2id remap mappings"}),
    (
        'ds.atlas.parcellate("allen-summary")',
        {ALLEN: "get_structures_by_set_id get_structure_sets"},
    ),
    (
        'ds.atlas.parcellate(regions=["RSP", "VISp"])',
        {ALLEN: "has_overlaps"},
    ),
    # volumes of voxels
    ("ds.annotation", {BRAINGLOBE: "annotation", CONFUSIUS: "annotation", IBL: "label"}),
    ("ds.annotation", {ALLEN: "get_annotation_volume"}),
    (
        'ds.template, with open_atlas(..., include=("annotation", "template"))',
        {
            BRAINGLOBE: "template reference",
            CONFUSIUS: "reference",
            IBL: "image",
            ALLEN: "get_template_volume",
        },
    ),
    (
        'ds.hemispheres, with open_atlas(..., include=("annotation", "hemispheres"))',
        {BRAINGLOBE: "hemispheres", CONFUSIUS: "hemispheres"},
    ),
    (
        'ds.atlas.mask("root", hemisphere="left")',
        {
            BRAINGLOBE: "hemispheres left_hemisphere_value right_hemisphere_value",
            CONFUSIUS: "hemispheres",
        },
    ),
    (
        'ds.data_vars, with open_atlas(..., include=("annotation", "name of a reference"))',
        {BRAINGLOBE: "additional_references"},
    ),
    (
        'ds.atlas.mask("RSP")',
        {
            BRAINGLOBE: "get_structure_mask",
            CONFUSIUS: "get_masks",
            ALLEN: "make_structure_mask get_structure_mask",
        },
    ),
    ('ds.atlas.mask(["RSP", "VISp"])', {CONFUSIUS: "get_masks", ALLEN: "many_structure_masks"}),
    ("ds.atlas.volume()", {IBL: "compute_regions_volume volumes", ALLEN: "total_voxel_map"}),
    (
        "ds.atlas.volume(direct=True)",
        {IBL: "compute_regions_volume", ALLEN: "direct_voxel_map"},
    ),
    ("ds.atlas.region_properties().voxels", {ALLEN: "total_voxel_counts"}),
    ("ds.atlas.region_properties(direct=True).voxels", {ALLEN: "direct_voxel_counts"}),
    # positions
    (
        'ds.atlas.region_at(points, unit="um", frame="brainglobe", axes=("ap", "dv", "ml")).region',
        {BRAINGLOBE: "structure_from_coords"},
    ),
    (
        'ds.atlas.region_at(points, unit="um", frame="brainglobe", axes=("ap", "dv", "ml"))'
        ".hemisphere",
        {BRAINGLOBE: "hemisphere_from_coords"},
    ),
    (
        'ds.atlas.region_at(xyz, axes=("ml", "ap", "dv"), unit="m", frame="ibl")',
        {IBL: "get_labels"},
    ),
    (
        'ds.atlas.region_at(xyz, axes=("ml", "ap", "dv"), unit="m", frame="ibl", '
        'parcellation="beryl")',
        {IBL: "get_labels"},
    ),
    ("ds.atlas.frames", {IBL: "bc"}),
    (
        'ds.atlas.frames["allen"].from_dataset(ds.atlas.frames["ibl"].to_dataset(xyz * 1e6))',
        {IBL: "xyz2ccf"},
    ),
    (
        'ds.atlas.frames["ibl"].from_dataset(ds.atlas.frames["allen"].to_dataset(ccf)) / 1e6',
        {IBL: "ccf2xyz"},
    ),
    # meshes
    (
        'ds.atlas.mesh("RSP")',
        {
            BRAINGLOBE: "mesh_from_structure meshfile_from_structure",
            CONFUSIUS: "get_mesh get_meshes",
            ALLEN: "get_structure_mesh",
        },
    ),
    ('ds.atlas.mesh("root")', {BRAINGLOBE: "root_mesh root_meshfile", IBL: "surface"}),
    # pictures
    ('ds.atlas.plot.section(ap="-2 mm", frame="ibl")', {IBL: "plot_cslice plot_slice"}),
    ('ds.atlas.plot.section(dv="-2 mm", frame="ibl")', {IBL: "plot_hslice"}),
    ('ds.atlas.plot.section(ml="-2 mm", frame="ibl")', {IBL: "plot_sslice"}),
    ('ds.atlas.plot.section(ap="8 mm")', {ALLEN: "get_slice_image"}),
    ('ds.atlas.plot.ortho(ap="8 mm", dv="3 mm", ml="4 mm")', {IBL: "plot_slices"}),
    ('ds.atlas.section(ap="-2 mm", frame="ibl", tilt="5 deg")', {IBL: "tilted_slice"}),
    ('ds.atlas.plot.section(ap="-2 mm", frame="ibl", tilt="5 deg")', {IBL: "plot_tilted_slice"}),
    ('ds.atlas.sel(ap="-2 mm", frame="ibl", method="nearest")', {IBL: "slice"}),
    (
        'ds.atlas.plot.outlines(ax, ap="-2 mm", frame="ibl")',
        {IBL: "compute_boundaries boundary"},
    ),
    (
        'ds.atlas.plot.values({"RSP": 1.0, "VISp": 2.0}, ap="8 mm")',
        {IBL: "plot_scalar_on_slice"},
    ),
    ('ds.atlas.paint({"RSP": 1.0, "VISp": 2.0})', {IBL: "propagate_down"}),
    ('ds.atlas.bounding_box("root")', {IBL: "extent"}),
    # grids, and what the atlas is
    (
        "ds.atlas.resample_like(image, transform)",
        {CONFUSIUS: "resample", ALLEN: "downsample"},
    ),
    ("ds.atlas.spacing", {BRAINGLOBE: "resolution", IBL: "res_um dxyz", ALLEN: "resolution"}),
    ("ds.atlas.space.orientation", {BRAINGLOBE: "orientation"}),
    ("ds.annotation.shape", {BRAINGLOBE: "shape"}),
    ('ds.atlas.bounding_box("root")', {BRAINGLOBE: "shape_um"}),
    ("ds.attrs", {BRAINGLOBE: "metadata local_full_name local_version root_dir"}),
    ('ds.attrs["name"]', {BRAINGLOBE: "atlas_name"}),
    ("ds.atlas.check()", {ALLEN: "validate_structures check_coverage"}),
    ('ds.atlas.parcellate(level=5, rest="drop")', {ALLEN: "remove_unassigned"}),
    (
        "ds.atlas.terminology.to_itksnap(path)",
        {ALLEN: "export_itksnap_labels write_itksnap_labels export_label_description"},
    ),
    ("ds.atlas", {ALLEN: "get_reference_space"}),
    # the network
    ('xarray_atlas.download("allen_mouse_25um")', {BRAINGLOBE: "download"}),
    ("xarray_atlas.list_atlases()", {BRAINGLOBE: "remote_version check_latest_version"}),
)
"""Calls, with the names that do the same in each of the other packages.

Read from brainglobe-atlasapi 3.0.3, ConfUSIus 0.7 and 0.8, iblatlas 1.3.0 and AllenSDK 2.16.2.
A name may correspond to several calls.
"""


FUNCTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        'xarray_atlas.open_atlas("allen_mouse_25um")',
        {
            BRAINGLOBE: "BrainGlobeAtlas",
            CONFUSIUS: "fetch_brainglobe_atlas load_atlas",
            IBL: "AllenAtlas BrainAtlas BrainRegions NeedlesAtlas MRITorontoAtlas",
            ALLEN: "ReferenceSpace ReferenceSpaceCache MouseConnectivityCache StructureTree",
        },
    ),
    (
        "xarray_atlas.list_atlases()",
        {BRAINGLOBE: "show_atlases get_all_atlases_lastversions get_downloaded_atlases"},
    ),
    ("ds.atlas.save(path)", {CONFUSIUS: "save_atlas"}),
    ("ds.atlas.insert(probe, entry=..., tip=...)", {IBL: "Insertion Trajectory"}),
)
"""The same for the functions and classes of modules."""


def advice(name: str, equivalents: tuple[tuple[str, dict[str, str]], ...] = EQUIVALENTS) -> str:
    """Return a sentence that names the calls which do what `name` does elsewhere.

    Parameters
    ----------
    name : str
        An attribute or a method of another package's atlas, or a function.
    equivalents : tuple
        `EQUIVALENTS`, or `FUNCTIONS`.

    Returns
    -------
    str
        "" if no package has that name.

    Examples
    --------
    >>> from xarray_atlas.accessor.other_packages import advice
    >>> advice("get_structure_mask")
    '.get_structure_mask is from BrainGlobe and AllenSDK; here it is ds.atlas.mask("RSP")'
    """
    rows = [
        (call, [package for package, names in packages.items() if name in names.split()])
        for call, packages in equivalents
    ]
    found = [(call, packages) for call, packages in rows if packages]
    if not found:
        return ""
    packages = list(dict.fromkeys(package for _, packages in found for package in packages))
    calls = list(dict.fromkeys(call for call, _ in found))
    return f".{name} is from {' and '.join(packages)}; here it is {' or '.join(calls)}"


class OtherNames:
    """Answers names of other packages with the call to use."""

    if not TYPE_CHECKING:  # type checkers know which names there are

        def __getattr__(self, name: str) -> object:
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # raises the error of a property again
            if found := advice(name):
                # without an object Python adds no similar name as a suggestion
                raise AttributeError(found, name=name, obj=None)
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )

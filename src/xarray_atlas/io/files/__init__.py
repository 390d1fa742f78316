"""Files of other tools: images, tables of regions, meshes."""

"""Style sheets of matplotlib for pictures of atlases: ``publication`` and ``slides``.

``plt.style.use("xarray_atlas.plotting.styles.publication")``
"""

"""BrainGlobe's layout: names, manifests, components, and its local folder."""

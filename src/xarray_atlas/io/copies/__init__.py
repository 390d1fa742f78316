"""Records of local copies: the objects of a copy, and which of them are present."""

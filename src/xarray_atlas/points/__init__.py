"""Operations on points: their coordinates, the region at each, counts and tracks."""

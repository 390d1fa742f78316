"""Operations on images: reduce by region, paint values of regions, resample between grids."""

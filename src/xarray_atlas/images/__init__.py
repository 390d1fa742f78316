"""Operations on images: aggregate by region, paint back, resample between grids."""

"""Operations on regions: masks, volumes, shapes, selection."""

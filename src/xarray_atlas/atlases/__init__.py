"""Operations on whole atlases: open, list, download, create, save, export."""

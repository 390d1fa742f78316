"""What tests share: made atlases, stores, servers, and the table of operations."""

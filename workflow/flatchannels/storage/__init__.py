"""Every on-disk format: run records, datasets and products (npz), tables (Parquet). Written atomically, validated when read."""

"""What the Snakefile imports: configuration, fingerprints, progress, repair."""

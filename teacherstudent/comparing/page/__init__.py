"""The page that a comparison is read on: one file, without network, that any browser opens."""

"""The numerical parts of teachers: mixtures, nearest neighbours, trees of regions."""

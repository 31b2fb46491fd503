"""Records of loops that users own: the same run folder, which comparisons and reports read beside others."""

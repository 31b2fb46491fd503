"""Compiled batches of environments: vector lanes, kernels for CPU and CUDA from one source, random draws.

Families, slots, networks and teachers import from here.
"""

"""Many mazes stepped at once: kernels, slots on the CPU and on CUDA, pictures.

Only the family of mazes imports from here.
"""

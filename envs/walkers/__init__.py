"""Two-legged walkers on tracks and rough ground: families, slots on the CPU and on CUDA, pictures.

Neither teachers nor students import from here. `physics` is the compiled solver, `ground` what it walks on,
`box2d` the same walkers in Box2D.
"""

"""What training knobs do to images, networks and batches, one file a knob.

The student `classifier` works with it, and so do users' own supervised loops.
"""

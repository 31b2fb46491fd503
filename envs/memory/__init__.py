"""Memory tasks on sequences of bits.

The student that learns them imports from here; teachers do not.
"""

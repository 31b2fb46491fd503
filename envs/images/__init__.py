"""Image classification: labelled data, and families whose tasks are training stages or examples.

The students that train on images import from here; teachers do not.
"""

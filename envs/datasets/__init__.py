"""Any labelled data as a family: arrays, map-style data sets, folders of images, files of arrays.

`teacherstudent.family_from_dataset` is the one door; the students of supervised data import from here.
"""

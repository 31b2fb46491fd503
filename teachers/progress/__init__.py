"""Teachers that go where learning progress is high: ALP-GMM, Covar-GMM, RIAC, with their numerics.

Families, students and the framework import nothing from here.
"""

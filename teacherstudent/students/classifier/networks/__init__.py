"""Networks for classification, and what is done to any: depths of layers, blurs, counted operations.

Only the student `classifier` imports from here.
"""

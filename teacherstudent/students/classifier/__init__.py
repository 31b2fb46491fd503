"""The student `classifier`: any torch network on images, trained in stages or on examples.

Nothing else imports from here.
"""

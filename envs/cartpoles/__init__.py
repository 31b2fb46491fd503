"""Cart-poles with parameters: the family, its physics and its batch of slots.

Teachers import nothing from here, and of students those only that are made for this family.
"""

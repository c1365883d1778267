"""Corrections that bring the images of a group to one another: the formulas behind ``--correct
match-group``, ``match-histogram``, ``exposure-group`` and ``deflicker``."""

"""Keeps one image from harming the others: deadlines, child processes, and reasons for failures."""

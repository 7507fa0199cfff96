"""Checks that run by themselves: a golden call, and the comparison of recordings with their results."""

"""Roles for people."""

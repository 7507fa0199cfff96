"""Alarms, dashboard and budget."""

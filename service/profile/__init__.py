"""Measures how fast a task transcribes on the machine that it runs on, and how much memory it takes."""

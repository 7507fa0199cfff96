"""Runbooks that alarms and other messages to people name."""


def runbook_page(name: str) -> str:
    """Path of a runbook in the repository."""
    return f"docs/runbooks/{name}.md"

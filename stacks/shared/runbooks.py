"""Where alarms and messages send the person who reads them."""


def runbook_page(name: str) -> str:
    """Where the repository says what to do."""
    return f"docs/runbooks/{name}.md"

"""The languages that a model knows, in a few words for someone who named another one."""

from collections.abc import Sequence
from difflib import get_close_matches

# As many are listed; of more, only the nearest are named, and the page that lists all.
FEW = 5
LONGEST = 3
COMMON = ("en", "fr", "de")
PAGE = "docs/http.md#languages"


def codes(language: str, known: Sequence[str]) -> str:
    """The known codes that resemble a wrong one, or where to find all.

    >>> codes("eng", ["de", "en", "es", "fr", "it", "pt"])
    'an ISO 639 code that the model knows, perhaps en (docs/http.md#languages lists them)'
    """
    if len(known) <= FEW:
        return f"one of {', '.join(known)}"
    wrong = language.lower()
    nearest = [code for code in known if wrong.startswith(code)]
    # A name, such as `German`, resembles codes only by chance.
    if not nearest and len(wrong) <= LONGEST:
        nearest = get_close_matches(wrong, known, cutoff=0.5)
    hint = f"perhaps {' or '.join(nearest)}" if nearest else f"such as {', '.join(COMMON)}"
    return f"an ISO 639 code that the model knows, {hint} ({PAGE} lists them)"

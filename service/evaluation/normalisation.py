"""Text as error rates compare it: differences that cannot be heard, or that are a matter of style, do not count."""

import re
import unicodedata
from collections.abc import Mapping

from service.evaluation.numbers import numbers_as_digits

# Written without spaces, or with spaces that follow no rule: each character is compared as a word.
WITHOUT_WORDS = frozenset({"zh", "yue", "ja", "ko", "th", "lo", "my", "km", "bo"})
# The accents of these languages are left out, or set wrongly, without a change of the word.
WITHOUT_ACCENTS = frozenset({"fr", "es", "it", "pt", "ca"})
# Stands for punctuation; it is a letter, which no text contains, so that it survives the removal of punctuation.
PAUSE = "\N{MODIFIER LETTER GLOTTAL STOP}"
# In these an apostrophe ends a word; elsewhere it is inside one.
ELIDING = frozenset({"", "fr", "it", "ca"})

SIGNS: Mapping[str, Mapping[str, str]] = {
    "en": {"%": "percent", "&": "and", "$": "dollars", "€": "euros", "£": "pounds", ".": "point"},
    "fr": {"%": "pour cent", "&": "et", "$": "dollars", "€": "euros", "£": "livres", ",": "virgule"},
    "es": {"%": "por ciento", "&": "y", "$": "dólares", "€": "euros", "£": "libras", ",": "coma"},
    "it": {"%": "per cento", "&": "e", "$": "dollari", "€": "euro", "£": "sterline", ",": "virgola"},
    "de": {"%": "prozent", "&": "und", "$": "dollar", "€": "euro", "£": "pfund", ",": "komma"},
}
# A contraction and what it stands for. "'s" and "'d" stand for several words, so only certain ones are written out.
CONTRACTIONS = (
    (r"\bwon't\b", "will not"),
    (r"\bshan't\b", "shall not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"n't\b", " not"),
    (r"\blet's\b", "let us"),
    (r"\b(it|he|she|that|what|there|here|who|where|how)'s\b", r"\1 is"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"\bi'm\b", "i am"),
)
# British and American spelling, and some words that are written together or apart; `Spacing` finds others.
SPELLING = (
    (r"\b(colo|favo|hono|labo|neighbo|harbo|humo|odo|vapo|endeavo|flavo|rumo|behavio|savio)ur", r"\1r"),
    (r"\b(\w{3,})is(e|ed|es|er|ers|ing|ation|ations)\b", r"\1iz\2"),
    (r"\b(\w{2,})ys(e|ed|es|er|ing)\b", r"\1yz\2"),
    (r"\b(cent|theat|lit|fib|met)re(s?)\b", r"\1er\2"),
    (r"\b(travel|cancel|label|model|signal|counsel|quarrel)l(ed|ing|er|ers)\b", r"\1\2"),
    (r"\b(catal|dial|anal|monol)ogue", r"\1og"),
    (r"\b(licen|defen|offen|preten|practi)ce", r"\1se"),
    (r"\bcheque", "check"),
    (r"\bprogramme\b", "program"),
    (r"\bgrey", "gray"),
    (r"\benquir", "inquir"),
    (r"\bto (day|night|morrow)\b", r"to\1"),
    (r"\b(any|some|every) (one|body|thing|where)\b", r"\1\2"),
    (r"\balright\b", "all right"),
    (r"\bper cent\b", "percent"),
    (r"\ba (?=hundred|thousand|million)", "one "),
)
ABBREVIATIONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "mr": "mister",
        "mrs": "missus",
        "dr": "doctor",
        "st": "saint",
        "jr": "junior",
        "vs": "versus",
        "ok": "okay",
    },
    "fr": {"mr": "monsieur", "mme": "madame", "mlle": "mademoiselle", "dr": "docteur", "ok": "okay"},
    "es": {"sr": "señor", "sra": "señora", "dr": "doctor", "ud": "usted", "ok": "okay"},
    "it": {"sig": "signor", "dott": "dottor", "ok": "okay"},
    "de": {"dr": "doktor", "hr": "herr", "fr": "frau", "nr": "nummer", "ok": "okay"},
}
ORDINALS = (  # noqa: SIM905 - a list to read
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth"
    " sixteenth seventeenth eighteenth nineteenth"
).split()


def normalise(text: str, *, language: str = "") -> str:
    """Text without the differences that do not count; words are separated by one space.

    These are case, punctuation, hyphens and the coding of accents in every language; numbers in words or in digits,
    signs and abbreviations in English, French, Spanish, Italian and German; contractions and British or American
    spelling in English; accents in French, Spanish, Italian, Portuguese and Catalan. Reference and hypothesis must be
    normalised alike.

    Numbers become single digits, because spoken digits are grouped at will. In languages that are written without
    words, every character becomes one.

    >>> normalise("Mr. Grey won't pay $22 — it's the 1st.", language="en")
    'mister gray will not pay 2 2 dollars it is the first'
    >>> normalise("Zero eight hundred, twenty-two; 5.5 %", language="en")
    '0 8 0 0 2 2 5 point 5 percent'
    >>> normalise("Où ? À l'hôtel, quatre-vingt-dix-sept.", language="fr")
    'ou a l hotel 9 7'
    >>> normalise("好的。", language="zh")
    '好 的'
    """
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub("[’‘`´]", "'", text).replace("œ", "oe").replace("æ", "ae")  # noqa: RUF001 - typographic apostrophes
    if language == "en":
        for pattern, replacement in (*CONTRACTIONS, (r"\b\d{1,2}(?:st|nd|rd|th)\b", _ordinal)):
            text = re.sub(pattern, replacement, text)
    elif language == "fr":
        text = re.sub(r"\bm\. ", "monsieur ", text)
        text = re.sub(r"\b1(er|re)\b", lambda found: "premier" if found[1] == "er" else "première", text)
    elif language == "de":
        text = text.replace("ß", "ss")
    text = re.sub(r"(?<=\b[^\W\d])\.(?=[^\W\d]\b)", "", text)  # initials
    text = _signs_in_words(text, SIGNS.get(language, {}))
    text = text.replace("'", " " if language in ELIDING else "")
    if language in WITHOUT_WORDS or not language:
        words = _without_punctuation(text).split()
        return " ".join("".join(words) if language else words)
    # A number ends at a punctuation mark, so the marks that end a word are kept until numbers are read.
    text = " ".join(_without_punctuation(re.sub(r"[.,;:!?](?=\s)", f" {PAUSE} ", text)).split())
    if language == "en":
        for pattern, replacement in SPELLING:
            text = re.sub(pattern, replacement, text)
    abbreviations = ABBREVIATIONS.get(language, {})
    text = " ".join(abbreviations.get(word, word) for word in text.split())
    if language in WITHOUT_ACCENTS:
        text = _without_accents(text)
    return " ".join(word for word in numbers_as_digits(text.split(), language=language) if word != PAUSE)


def _without_punctuation(text: str) -> str:
    return re.sub(r"[^\w\s]|_", " ", text)


def _signs_in_words(text: str, signs: Mapping[str, str]) -> str:
    """Decimal points, currencies and other signs as they are spoken."""
    for sign, word in signs.items():
        if sign in ".,":
            # Several in a row are no decimal point but a list, a date or thousands.
            text = re.sub(rf"(?<![\d.,])(\d+)[{sign}](\d+)(?![.,]?\d)", rf"\1 {word} \2", text)
        elif sign in "$€£":
            text = re.sub(
                rf"[{sign}]\s?(\d[\d.,]*(?: (?:point|virgule|coma|virgola|komma) \d+)?)", rf"\1 {word} ", text
            )
            text = re.sub(rf"(?<=\d)\s?[{sign}]", f" {word} ", text)
        else:
            text = text.replace(sign, f" {word} ")
    return text


def _ordinal(found: "re.Match[str]") -> str:
    number = int(found[0][:-2])
    if 1 <= number < 20:
        return ORDINALS[number - 1]
    if number % 10 == 0 or not number:
        return found[0]
    return f"{number - number % 10} {ORDINALS[number % 10 - 1]}"


def _without_accents(text: str) -> str:
    """Text without accents; the Spanish ñ is a letter of its own."""
    parts = unicodedata.normalize("NFD", text)
    kept = (part for part in parts if not unicodedata.combining(part) or part == "\N{COMBINING TILDE}")
    return unicodedata.normalize("NFC", "".join(kept))

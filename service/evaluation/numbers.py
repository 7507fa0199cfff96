"""Numbers in words, read as digits: spoken numbers are written either way, and neither is wrong."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count

TENS = range(20, 100, 10)
# Joins the parts of a number, such as "two hundred and five", "vingt et un", "treinta y dos".
CONNECTORS = {"en": "and", "fr": "et", "es": "y"}

EN = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
EN_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
FR = "zero un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize"
FR_TENS = "vingt trente quarante cinquante soixante septante huitante nonante"
ES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete"
    " dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro veinticinco veintiseis veintisiete"
    " veintiocho veintinueve"
)
ES_TENS = "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa"
ES_HUNDREDS = "cien doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
IT = (
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici"
    " diciassette diciotto diciannove"
)
IT_TENS = "venti trenta quaranta cinquanta sessanta settanta ottanta novanta"
DE = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn"
    " achtzehn neunzehn"
)
DE_TENS = "zwanzig dreissig vierzig fünfzig sechzig siebzig achtzig neunzig"


def numbers_as_digits(words: Sequence[str], *, language: str) -> list[str]:
    """The words with every number as its single digits, however it is written.

    >>> numbers_as_digits("call 0800 or twenty two hundred".split(), language="en")
    ['call', '0', '8', '0', '0', 'or', '2', '2', '0', '0']
    """
    known, connector = _known(language), CONNECTORS.get(language)
    found: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        value = int(word) if _short(word) else known.get(word)
        if value is None:
            found += word if word.isdecimal() else [word]
            continue
        number, following = _read(words, index, value, known, connector)
        # Digits that no word multiplies keep their leading zeros.
        found += word if following == index and word.isdecimal() else str(number)
        index = following
    return _with_spoken_zeros(found) if language == "en" else found


def _with_spoken_zeros(words: Sequence[str]) -> list[str]:
    """The words with the letter O as zero, if it stands beside a digit."""
    return [
        "0" if word in {"o", "oh"} and any(near.isdecimal() for near in words[max(index - 1, 0) : index + 2]) else word
        for index, word in enumerate(words)
    ]


def _short(word: str) -> bool:
    return word.isdecimal() and len(word) <= 3


def _read(
    words: Sequence[str], index: int, value: int, known: Mapping[str, int], connector: str | None
) -> tuple[int, int]:
    """The number that begins with `value` and goes on at `index`, and the index behind it."""
    digits = words[index - 1].isdecimal()
    total, current = (value, 0) if value >= 1000 else (0, value)
    while index < len(words):
        step = 2 if words[index] == connector and index + 1 < len(words) else 1
        following = known.get(words[index + step - 1])
        if following is None or (digits and following < 100):
            break
        tens = current % 100
        if step == 2 and not (tens == 0 or (connector != "and" and tens in TENS)):
            break
        if following == 100 and 1 <= current < 100 and step == 1:
            current *= 100
        elif following >= 1000 and 1 <= current < 1000 and step == 1:
            total, current = total + current * following, 0
        # The French eighty: four times twenty.
        elif connector == "et" and tens == 4 and following == 20:
            current += 76
        elif _joins(total, current, following, sums_of_tens=connector == "et"):
            current += following
        else:
            break
        index += step
    return total + current, index


def _joins(total: int, current: int, following: int, *, sums_of_tens: bool) -> bool:
    """Whether a number goes on with this word: "two hundred" with "five", "twenty" with "five", but "five" with none."""
    if not following or following >= 1000:
        return False
    if not current:
        return total > 0
    if current % 100 == 0:
        return following < 100
    if sums_of_tens and current % 100 in (60, 80) and 10 <= following < 20:
        return True
    return current % 100 in TENS and following < 10


@cache
def _known(language: str) -> Mapping[str, int]:
    """The number words of a language as `normalise` leaves them; empty for a language without a table."""
    if language == "en":
        words = _counted(f"{EN} eighteen nineteen") | _tens(EN_TENS)
        return words | {"hundred": 100, "thousand": 1000, "million": 10**6}
    if language == "fr":
        words = _counted(FR) | _tens(FR_TENS) | {"vingts": 20}
        return words | {"cent": 100, "cents": 100, "mille": 1000, "million": 10**6, "millions": 10**6}
    if language == "es":
        hundreds = {word: 100 * number for number, word in enumerate(ES_HUNDREDS.split(), 1)}
        words = _counted(ES) | _tens(ES_TENS) | hundreds | {"un": 1, "ciento": 100}
        return words | {"mil": 1000, "millon": 10**6, "millones": 10**6}
    if language == "it":
        return _compounds(_italian_below_100(), hundred="cento") | {"un": 1, "mille": 1000, "mila": 1000}
    if language == "de":
        return _compounds(_german_below_100(), hundred="hundert") | {"ein": 1, "tausend": 1000}
    return {}


def _counted(words: str) -> dict[str, int]:
    return dict(zip(words.split(), count(), strict=False))


def _tens(words: str) -> dict[str, int]:
    return dict(zip(words.split(), TENS, strict=True))


def _italian_below_100() -> dict[str, int]:
    units = _counted(IT)
    below = dict(units)
    for ten, value in _tens(IT_TENS).items():
        below[ten] = value
        for unit, more in list(units.items())[1:10]:
            below[(ten[:-1] if unit in ("uno", "otto") else ten) + unit] = value + more
    return below


def _german_below_100() -> dict[str, int]:
    units = _counted(DE)
    below = dict(units)
    for ten, value in _tens(DE_TENS).items():
        below[ten] = value
        for unit, more in list(units.items())[1:10]:
            below[f"{'ein' if more == 1 else unit}und{ten}"] = value + more
    return below


def _compounds(below: Mapping[str, int], *, hundred: str) -> dict[str, int]:
    """Numbers below 1000 that are written as one word, as Italian and German do."""
    first = {"": 1} | {word: value for word, value in below.items() if 2 <= value <= 9}
    if hundred == "hundert":
        first |= {"ein": 1}
    rest = {"": 0} | {word: value for word, value in below.items() if value}
    found = {
        f"{many}{hundred}{more}": 100 * hundreds + value
        for many, hundreds in first.items()
        for more, value in rest.items()
    }
    return dict(below) | found

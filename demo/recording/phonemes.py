"""Text to the phonemes that the voices were trained on.

espeak-ng's phonemes are respelled in Kokoro's alphabet by the tables of misaki 0.9.4 (hexgrad, Apache 2.0).
"""

import ctypes
import re

import espeakng_loader

# Kokoro's symbols by their token; token 0 begins and ends an utterance.
TOKENS = {
    symbol: token
    for tokens, symbols in (
        (range(1, 7), ";:,.!?"),
        (range(9, 17), '—…"()“” '),
        (range(17, 24), "\u0303ʣʥʦʨᵝꭧ"),
        ((24, 25, 31, 33, 35, 36, 39, 41, 42), "AIOQSTWYᵊ"),
        (range(43, 49), "abcdef"),
        (range(50, 69), "hijklmnopqrstuvwxyz"),
        ((69, 70, 71, 72, 75, 76, 77, 78, 80, 81, 82, 83, 85, 86, 87, 90, 92, 99), "ɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥ"),
        ((101, 102, 103, 110, 111, 112, 113, 114, 115, 116, 118, 119, 120, 123), "ɨɪʝɯɰŋɳɲɴøɸθœɹ"),
        ((125, 126, 128, 129, 130, 131, 132, 133, 135, 136, 138, 139, 140, 142), "ɾɻʁɽʂʃʈʧʊʋʌɣɤχ"),
        ((143, 147, 148, 156, 157, 158, 162, 164, 169, 171, 172, 173, 177), "ʎʒʔˈˌːʰʲ↓→↗↘ᵻ"),
    )
    for token, symbol in zip(tokens, symbols, strict=True)
}

ESPEAK_NAMES = {"en-us": "en-us", "en-gb": "en", "fr": "fr"}

_COMMON = {"d^ʒ": "ʤ", "t^ʃ": "ʧ", "e^ɪ": "A", "a^ɪ": "I", "a^ʊ": "W", "ɔ^ɪ": "Y"}
_ENGLISH = _COMMON | {
    "ʔˌn\u0329": "ʔn", "ʔn\u0329": "ʔn", "ə^l": "ᵊl", "ʲo": "jo", "ʲə": "jə", "ʲ": "", "e": "A", "ɚ": "əɹ",
    "r": "ɹ", "x": "k", "ç": "k", "ɐ": "ə", "ɬ": "l", "\u0303": "", "n\u0329": "ᵊn", "l\u0329": "ᵊl", "\u0329": "",
}  # fmt: skip
# By accent, the longest first.
RESPELLED = {
    "en-us": [
        *sorted(_ENGLISH.items(), key=lambda pair: -len(pair[0])),
        *{"o^ʊ": "O", "ɜː^ɹ": "ɜɹ", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": "", "o": "ɔ", "ɾ": "T", "ʔ": "t"}.items(),
    ],
    "en-gb": [
        *sorted(_ENGLISH.items(), key=lambda pair: -len(pair[0])),
        *{"A^ə": "ɛː", "e^ə": "ɛː", "iə": "ɪə", "ə^ʊ": "Q", "o": "ɔ", "ɾ": "T", "ʔ": "t"}.items(),
    ],
    "fr": [*_COMMON.items(), *{"t^s": "ʦ", "d^z": "ʣ", "o^ʊ": "O", "ə^ʊ": "Q", "-": ""}.items()],
}


class Phonemes:
    """espeak-ng's pronunciation in Kokoro's alphabet."""

    # Sounds made of two letters are tied with this mark.
    IPA_TIED = 0x02 | 0x80 | ord("^") << 8

    def __init__(self) -> None:
        self._espeak = ctypes.CDLL(espeakng_loader.get_library_path())
        self._espeak.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._espeak.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0)

    def __call__(self, text: str, accent: str) -> str:
        """The phonemes of a text, with its punctuation.

        Raises:
            ValueError: espeak-ng does not know the accent.
        """
        if self._espeak.espeak_SetVoiceByName(ESPEAK_NAMES[accent].encode()):
            raise ValueError(f"accent: got {accent!r}, expected one that espeak-ng knows")
        parts = re.split(r"\s*([,.;:!?…—]+)\s*", text)
        spoken = "".join(f"{part} " if index % 2 else self._clause(part) for index, part in enumerate(parts))
        for old, new in RESPELLED[accent]:
            spoken = spoken.replace(old, new)
        if accent != "fr":
            # Without stress, the voices swallow an English "I".
            spoken = re.sub(r"(?<!\S)I(?!\S)", "ˌI", spoken)
        return spoken.replace("^", "").strip()

    def _clause(self, text: str) -> str:
        pointer, phonemes = ctypes.pointer(ctypes.c_char_p(text.encode())), []
        while pointer.contents.value:
            phonemes.append(self._espeak.espeak_TextToPhonemes(pointer, 1, self.IPA_TIED).decode())
        # A word from another language is marked as in (en)word(fr).
        return re.sub(r"\([a-z-]+\)", "", " ".join(phonemes)).strip()

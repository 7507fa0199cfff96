"""A caller's wishes reach every try of every window, and the default ones change nothing."""

from typing import Any

import pytest

from service.engine.decoding import Hypothesis
from service.engine.engine import Engine
from service.engine.guidance import UNGUIDED, Guidance
from service.errors import ModelCannotTranslate, UnknownLanguage
from service.settings import Settings
from tests.service.engine.builders import hypothesis
from tests.service.engine.fakes import FakeDecoder, FakeDetector
from tests.service.engine.test_engine import CONVERSATION, engine


class English(FakeDecoder):
    """A model that knows no other language."""

    multilingual = False
    languages = ["en"]  # noqa: RUF012 -- a property of the real one


def test_default_wishes_change_no_option() -> None:
    """The accuracy of the default was measured."""
    decoder = FakeDecoder()
    engine(decoder).transcribe(CONVERSATION)
    assert decoder.options == [{}] * len(decoder.options)
    assert (UNGUIDED.first_try, UNGUIDED.every_try) == ({}, {})


def test_wishes_reach_every_try() -> None:
    """A sampled text that fails the gates is followed by tries that never sample."""

    def judge(options: dict[str, Any]) -> Hypothesis:
        return hypothesis(log_probability=-1.5 if "sampling_temperature" in options else -0.3)

    decoder = FakeDecoder(judge=judge)
    guidance = Guidance(translate=True, prompt=" A call. ", keywords=("Ada", "Bea"), temperature=0.4)
    transcript = engine(decoder).transcribe(CONVERSATION, guidance=guidance)
    kept = {"translate": True, "context": "A call. Ada, Bea"}
    first = {**kept, "beam_size": 1, "sampling_topk": 0, "sampling_temperature": 0.4}
    assert [options for number, options in enumerate(decoder.options) if options not in decoder.options[:number]] == [
        first,
        {**kept, "beam_size": 1},
    ]
    assert transcript.segments == engine().transcribe(CONVERSATION).segments


@pytest.mark.parametrize(
    ("guidance", "context"),
    [(Guidance(prompt="One."), "One."), (Guidance(keywords=("a", "b")), "a, b"), (Guidance(prompt=" "), None)],
)
def test_prompt_and_keywords_are_one_context(guidance: Guidance, context: str | None) -> None:
    """The keywords come last, since only the end of a long text counts."""
    assert guidance.every_try.get("context") == context


def test_languages_of_the_call_replace_those_of_the_settings() -> None:
    """A caller knows more about a call than the service."""
    french = engine(language="fr")
    assert french.transcribe(CONVERSATION).language == "fr"
    assert french.transcribe(CONVERSATION, guidance=Guidance(languages=frozenset({"en", "de"}))).language == "en"
    transcript = engine(languages="de,fr").transcribe(CONVERSATION, guidance=Guidance(languages=frozenset({"en"})))
    assert transcript.language == "en"
    assert (
        french.transcribe(CONVERSATION, language="de", guidance=Guidance(languages=frozenset({"en"}))).language == "de"
    )


def test_unknown_language_is_refused_under_its_field() -> None:
    """Before any work."""
    with pytest.raises(UnknownLanguage, match=r"^languages: unknown language") as caught:
        engine().check_guidance(Guidance(languages=frozenset({"en", "xx"})))
    assert caught.value.field == "languages"


@pytest.mark.parametrize(("decoder", "model"), [(English(), "base.en"), (FakeDecoder(), "large-v3-turbo")])
def test_model_that_cannot_translate_says_so(decoder: FakeDecoder, model: str) -> None:
    """English-only models, and those that were not trained for it, would give text in the language spoken."""
    loaded = Engine(decoder=decoder, detector=FakeDetector(), settings=Settings(model=model))
    loaded.check_guidance(UNGUIDED)
    with pytest.raises(ModelCannotTranslate):
        loaded.transcribe(CONVERSATION, guidance=Guidance(translate=True))

"""The routes that keep OpenAI's contract, so that its clients work unchanged."""

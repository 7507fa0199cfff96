"""The recording of the sample calls in neural voices: `make demo-calls`."""

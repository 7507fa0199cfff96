"""The speech engine: a recording goes in, timed words come out; its model, speech windows and decoding."""

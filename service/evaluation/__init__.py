"""Error rates on golden recordings, and the release gate that compares them with the last release."""

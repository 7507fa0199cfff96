"""The service: a recording enters, a transcript leaves; no other data leaves."""

import os

# The one place of the version; CONTRIBUTING.md says when it changes.
__version__ = "0.1.0"

# ONNX Runtime and the hub's client report their use to their makers unless this is set before their import.
os.environ.update(ORT_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_TELEMETRY="1")

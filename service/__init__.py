"""The service: a recording enters, a transcript leaves; no other data leaves."""

import os

# The one place of the version; CONTRIBUTING.md says when it changes.
__version__ = "0.3.0"

# The model hub's client reports its use to its makers unless this is set before its import.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

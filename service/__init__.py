"""The service: a recording enters, a transcript leaves, and nothing else leaves."""

import os

# Both libraries report their use to their makers unless they are told not to, before they are imported.
os.environ.update(ORT_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_TELEMETRY="1")

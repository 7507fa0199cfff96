import os

# Libraries that report to their makers unless they are told not to. Set before any of them is imported.
os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

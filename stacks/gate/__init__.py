"""The task that measures an image before its release."""

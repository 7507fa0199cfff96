"""The cloud on one machine: an AWS emulator, the real `cdk deploy`, and processes in place of tasks."""

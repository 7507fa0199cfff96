"""What NIST 800-53 R5, HIPAA Security, PCI DSS and checkov find and the project keeps, by control, with reasons.

Findings of AwsSolutions are not accepted here: their acknowledgements stand beside the resources.
"""

from collections.abc import Mapping, Sequence

from tests.policy.verdict import Accepted

EXCEPTIONS: Mapping[str, Sequence[Accepted]] = {}

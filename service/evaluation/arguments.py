"""The options of the verb `evaluate`."""

import argparse
from collections.abc import Callable


def add_arguments(evaluate: argparse.ArgumentParser, *, amount: Callable[[str], float]) -> None:
    """Declare the options; `amount` reads a number from 0."""
    evaluate.add_argument("manifest", metavar="MANIFEST", help="the golden recordings: a file or s3://BUCKET/KEY")
    evaluate.add_argument("--against", default="", metavar="REPORT", help="the last release's report")
    evaluate.add_argument("--first-release", action="store_true", help="accept that --against does not exist yet")
    evaluate.add_argument("--report", default="", metavar="REPORT", help="write a report here")
    evaluate.add_argument(
        "--max-worse", type=amount, default=0.01, metavar="RATE", help="largest increase of any rate (default: 0.01)"
    )
    evaluate.add_argument(
        "--max-slowdown",
        type=amount,
        default=0.0,
        metavar="RATIO",
        help="largest ratio of times on the same kind of machine (default: any)",
    )

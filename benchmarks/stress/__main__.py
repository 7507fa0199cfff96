"""The scaling under load on the local cloud, beside the simulator that plans it: `make stress`.

The emulator's environment is deployed, and real workers take the calls; only their engine is replaced by one that takes the
time of the plan. All times are compressed alike: the minutes of the scaling, the lengths of the calls, and the window. The
simulator then replays each scenario with the arrivals, starts and paces that were measured.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stress import report
from benchmarks.stress.measurement import MINUTE_SECONDS, SCALE, Bench
from benchmarks.stress.replayed import overhead, replay
from benchmarks.stress.scenarios import CALIBRATION, SCENARIOS, Scenario
from local.cloud import running_cloud
from local.processes import end_like_interrupted
from service.settings import variable
from stacks.environments import emulated

FOLDER = Path(__file__).parents[2] / "build" / "stress"


def main(arguments: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stress", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table and the charts into docs, too")
    options = parser.parse_args(arguments)
    end_like_interrupted()
    began, load, environment = time.monotonic(), os.getloadavg()[1], emulated()
    found: dict[Scenario, report.Rounds] = {}
    with running_cloud(
        FOLDER, minute_seconds=MINUTE_SECONDS, say=lambda *_: None, overrides={variable("report_seconds"): "1"}
    ) as cloud:
        cloud.api.wanted = 0
        bench = Bench(cloud, environment)
        beside = overhead(bench.measure(CALIBRATION), environment=environment)
        for scenario in SCENARIOS:
            rounds = []
            for number in range(scenario.rounds):
                measured = bench.measure(scenario, number=number)
                rounds.append((measured, replay(scenario, measured, environment=environment, overhead_seconds=beside)))
                print(
                    f"{time.monotonic() - began:5.0f} s  {scenario.title}: {measured.drained / SCALE:.1f} s,"
                    f" simulated {rounds[-1][1].drain_seconds / SCALE:.1f} s",
                    flush=True,
                )
            found[scenario] = rounds
    text = report.table(found, seconds=time.monotonic() - began, load=load, overhead=beside)
    print(f"\n{text}")
    if options.write:
        report.write(found, text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

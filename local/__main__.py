"""The cloud on one machine: `python -m local VERB`."""

import sys

from service.interruption import INTERRUPTED, end_at_once

if __name__ == "__main__":
    end_at_once(sys.argv[1:], endless=("run",))

import argparse
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local import emulator, sbom
from local.cloud import region_variables
from local.container import report
from local.deploy import ENVIRONMENT, ROOT, Deployment, deploy
from local.emulator import Emulator
from local.errors import LocalError
from local.image import Store
from local.people import run_cloud
from local.processes import end_like_interrupted
from local.rehearsal import rehearse
from service.settings import Settings, variable


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; an error ends the program with one line and exit code 1."""
    asked = _parser().parse_args(arguments)
    try:
        _run(asked, asked.folder.resolve())
    except LocalError as error:
        sys.exit(f"local: {error}")
    except KeyboardInterrupt:
        if asked.verb == "run":  # which always ends like this
            print("\nEverything is ended.", flush=True)
        else:
            print("local: interrupted; nothing is left running", file=sys.stderr)
            sys.exit(INTERRUPTED)


def _run(asked: argparse.Namespace, folder: Path) -> None:
    match asked.verb:
        case "start":
            print(f"The emulator listens at {emulator.start(folder, port=asked.port).url}.", flush=True)
        case "deploy":
            _deploy(folder)
        case "stop":
            print("The emulator is stopped." if emulator.stop(folder) else "No emulator was running.")
        case "image":
            store = Store()
            report(store, store.build(model=asked.model, release=asked.release))
        case "sbom":
            store = Store()
            file = store.folder / "sbom.json"
            print(f"{sbom.write(store.build(model=asked.model, release=asked.release), file)} components in {file}")
        case "rehearse":
            end_like_interrupted()
            sys.exit(
                0
                if rehearse(folder / "rehearsal", overrides=_overrides(asked), golden=asked.golden)
                else "\nlocal: a promise is broken"
            )
        case "run":
            end_like_interrupted()
            run_cloud(
                folder / "run",
                environment=asked.environment,
                port=asked.port,
                minute_seconds=asked.minute,
                overrides=_overrides(asked),
                file=asked.exports,
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="The cloud on one machine.")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build/local", help="folder for all files (default: build/local)"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser("start", help="start the AWS emulator, which keeps running")
    start.add_argument("--port", type=_port, default=0, help="port on the loopback interface (default: a free one)")
    verbs.add_parser("deploy", help="bootstrap the emulator and deploy the data stacks to it")
    verbs.add_parser("stop", help="stop the emulator; everything deployed to it is lost")
    built = verbs.add_parser(
        "image", help="build the image without a container engine, run it and measure it (as root)"
    )
    billed = verbs.add_parser("sbom", help="build the image and write its bill of materials (as root)")
    for verb in (built, billed):
        verb.add_argument(
            "--model",
            default=Settings().model,
            help="model in the image: a name, or a folder below models/ (default: %(default)s)",
        )
        verb.add_argument("--release", action="store_true", help="refuse a model that is not locked")
    rehearsal = verbs.add_parser("rehearse", help="rehearse the batch path and its faults in a cloud of its own")
    rehearsal.add_argument("--golden", type=Path, metavar="DIR", help="a golden call that another model understands")
    run = verbs.add_parser("run", help="run a cloud with API and workers until interrupted")
    run.add_argument("--port", type=_port, default=8000, help="port of the API (default: 8000; 0 takes a free one)")
    run.add_argument(
        "--environment",
        type=_environment,
        default=ENVIRONMENT,
        metavar="NAME",
        help="one of your environments instead of the emulator's own (default: %(default)s)",
    )
    run.add_argument(
        "--minute", type=_seconds, default=2.0, help="length of a minute of the scaling, in seconds (default: 2)"
    )
    run.add_argument(
        "--exports",
        type=Path,
        metavar="FILE",
        help="write a shell's exports here (default: run/exports.sh in --folder)",
    )
    for verb in (rehearsal, run):
        verb.add_argument("--model", help="name or folder of another model than the environment's")
    return parser


def _overrides(asked: argparse.Namespace) -> dict[str, str]:
    return {variable("model"): asked.model} if asked.model else {}


def _deploy(folder: Path) -> None:
    running = emulator.find(folder)
    if running is None:
        raise LocalError(f"no emulator runs in {folder}; `python -m local start` starts one")
    _print(running, deploy(running))


def _print(running: Emulator, deployment: Deployment) -> None:
    width = max(map(len, deployment.outputs))
    print(f"\nDeployed to {running.url}, which keeps running until `make stop-local`:\n")
    for name, value in sorted(deployment.outputs.items()):
        print(f"  {name:<{width}}  {value}")
    print("\nAny AWS client reaches it with:\n")
    for name, value in (running.credentials | region_variables(deployment)).items():
        print(f"  export {name}={value}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 0.1 to 60")
    return seconds


def _environment(text: str) -> str:
    # In a process of its own: the CDK takes seconds to import, and its Node would end with noise on Ctrl-C.
    program = """
import sys
from stacks.environments import select
try:
    select(sys.argv[1])
except ValueError as error:
    sys.exit(str(error))
"""
    if text != ENVIRONMENT:
        command = [sys.executable, "-c", program, text]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise argparse.ArgumentTypeError(done.stderr.strip())
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()

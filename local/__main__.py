"""The cloud on one machine: `python -m local start|deploy|stop|image|sbom`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from local import emulator, sbom
from local.container import report
from local.deploy import ROOT, Deployment, deploy
from local.emulator import Emulator, LocalError
from local.image import Store


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; a failure ends with one line and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m local", description="The cloud on one machine.")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/local", help="where the emulator's files are kept")
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser("start", help="start the AWS emulator; it keeps running")
    start.add_argument("--port", type=_port, default=0, help="port on the loopback interface (default: a free one)")
    verbs.add_parser("deploy", help="bootstrap the emulator and deploy the data stacks to it")
    verbs.add_parser("stop", help="stop the emulator; everything deployed to it is gone")
    built = verbs.add_parser("image", help="build the service's image without an engine, run it and measure it")
    billed = verbs.add_parser("sbom", help="build it and list what it holds")
    for verb in (built, billed):
        verb.add_argument("--model", default="demo/model", help="what the image brings: a folder or a name")
        verb.add_argument("--release", action="store_true", help="refuse a model without a recorded digest")
    asked = parser.parse_args(arguments)
    folder = asked.folder.resolve()
    try:
        match asked.verb:
            case "start":
                print(f"The emulator answers at {emulator.start(folder, port=asked.port).url}.", flush=True)
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
    except LocalError as error:
        sys.exit(f"local: {error}")


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
    # Most clients read the first name of the region, boto3 the second.
    region = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), deployment.region)
    for name, value in (running.credentials | region).items():
        print(f"  export {name}={value}")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    main()

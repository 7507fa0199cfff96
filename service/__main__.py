"""The composition root: `python -m service VERB`."""

import argparse
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service import processor, telemetry
from service.contract import AGENT_VARIABLE
from service.errors import ServiceError
from service.http import health
from service.settings import SettingError, Settings, variable
from service.transcript import FORMATS

if TYPE_CHECKING:
    from service.aws.s3 import Bucket


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one verb; 0 where it did its work, 1 where it found what must not be, 2 where something it was given is refused."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environ(environ)
        return VERBS[options.verb](settings, options)
    except (SettingError, ServiceError) as error:
        print(f"whisper-fargate: {error}", file=sys.stderr)  # noqa: T201 - the one line that a person reads
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="Speech-to-text for call recordings.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("api", help="serve HTTP; settings come from WHISPER_… variables")
    verbs.add_parser("worker", help="transcribe what the queue announces, until SIGTERM")
    verbs.add_parser("health", help="exit with 0 where the API on this machine answers, else with 1")
    jobs = verbs.add_parser("jobs", help="list what waits, runs, is done or failed; redrive; reconcile")
    jobs.add_argument("action", nargs="?", choices=("list", "redrive", "reconcile"), default="list")
    for state in ("running", "done", "failed"):
        jobs.add_argument(f"--{state}", dest="show", action="append_const", const=state, help="name them (list)")
    jobs.add_argument("--names", action="store_true", help="name what is unaccounted for (reconcile)")
    jobs.add_argument("--announce", action="store_true", help="announce it to the queue again (reconcile)")
    jobs.add_argument("--prefix", default="", help="only recordings whose keys begin so")
    jobs.add_argument("--json", action="store_true", help="print a JSON object a line")
    evaluate = verbs.add_parser(
        "evaluate", help="measure error rates on golden recordings; compare with the last release"
    )
    evaluate.add_argument("manifest", metavar="MANIFEST", help="what is said in them: a file or s3://BUCKET/KEY")
    evaluate.add_argument("--against", default="", metavar="REPORT", help="the last release's report")
    evaluate.add_argument("--first-release", action="store_true", help="it is no error that --against is not there yet")
    evaluate.add_argument("--report", default="", metavar="REPORT", help="keep a report here")
    evaluate.add_argument("--max-worse", type=_amount, default=0.01, metavar="RATE", help="of any rate (default: 0.01)")
    evaluate.add_argument(
        "--max-slowdown", type=_amount, default=0.0, metavar="RATIO", help="on the same kind of machine (default: any)"
    )
    model = verbs.add_parser("model", help="the weights that an image brings")
    lock = model.add_subparsers(dest="action", required=True).add_parser("lock", help="record the digest of a model")
    lock.add_argument("name", metavar="NAME", help="a folder, or a name that the model hub knows")
    transcribe = verbs.add_parser("transcribe", help="transcribe files")
    transcribe.add_argument("files", nargs="+", type=Path, metavar="FILE")
    transcribe.add_argument("--format", choices=FORMATS, default="json", help="of the transcript (default: json)")
    transcribe.add_argument("--output", type=Path, metavar="DIR", help="write a file per recording here")
    transcribe.add_argument("--language", default="", help="ISO 639 code; left out, it is detected once per call")
    transcribe.add_argument("--words", action="store_true", help="add the times of each word (json)")
    return parser


def _amount(text: str) -> float:
    try:
        if 0 <= (value := float(text)) < math.inf:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 0")


def _api(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stdout)
    # The kernel keeps from a container's first process any signal that it has no handler for. While the model loads,
    # nothing was accepted that would have to be finished, and an exception may be lost in a library that is being
    # imported; the server then installs its own handler.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    # The port first: a taken one is known in a moment, a model takes seconds to load.
    with _bind(settings) as listener:
        from service.engine import engine  # noqa: PLC0415 - see above
        from service.http import app as api  # noqa: PLC0415 - see above
        from service.recording import audio  # noqa: PLC0415 - see above

        loaded = engine.Engine.load(settings, download=_download)
        meter = telemetry.Meter(
            environment=settings.environment, service=options.verb, dollars_per_hour=settings.dollars_per_hour
        )
        decode = partial(audio.decode, settings=settings)
        app = api.create_app(engine=loaded, decode=decode, meter=meter, settings=settings)
        form = processor.number_format(settings.compute_type)
        telemetry.log("ready", host=settings.host, port=settings.port, model=settings.model, compute_type=form)
        api.serve(app, listener=listener, settings=settings)
    return 0


def _worker(settings: Settings, _: argparse.Namespace) -> int:
    telemetry.configure(sys.stdout)
    _need(settings, "queue_url", "recordings_bucket", "transcripts_bucket")
    stopping = threading.Event()
    # Before the model is loaded: a task may be stopped while it starts.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    from service.aws import ecs, s3, sqs  # noqa: PLC0415 - missing settings are refused at once
    from service.batch import publication, worker  # noqa: PLC0415 - missing settings are refused at once
    from service.engine import engine  # noqa: PLC0415 - missing settings are refused at once
    from service.recording import audio  # noqa: PLC0415 - missing settings are refused at once

    agent = os.environ.get(AGENT_VARIABLE)
    loaded = worker.Worker(
        queue=sqs.Queue(settings.queue_url),
        publication=publication.Publication(
            engine=engine.Engine.load(settings, download=_download),
            decode=partial(audio.decode, settings=settings),
            recordings=s3.Bucket(settings.recordings_bucket),
            transcripts=s3.Bucket(settings.transcripts_bucket),
            meter=telemetry.Meter(
                environment=settings.environment, service="worker", dollars_per_hour=settings.dollars_per_hour
            ),
            settings=settings,
        ),
        agent=ecs.EcsAgent(agent) if agent else None,
        settings=settings,
    )
    form = processor.number_format(settings.compute_type)
    telemetry.log("ready", model=settings.model, compute_type=form, lanes=settings.lanes)
    code = loaded.run(stopping)
    sys.stdout.flush()
    # A lane whose message was handed back may still be in the engine, which no signal interrupts.
    os._exit(code)


def _jobs(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    _need(settings, "queue_url", "recordings_bucket", "transcripts_bucket")
    from service.aws import s3, sqs  # noqa: PLC0415 - missing settings are refused at once
    from service.batch import jobs  # noqa: PLC0415 - missing settings are refused at once

    queue = sqs.Queue(settings.queue_url)
    view = jobs.Jobs(
        queue=queue,
        dead_letters=queue.dead_letters(),
        recordings=s3.Bucket(settings.recordings_bucket),
        transcripts=s3.Bucket(settings.transcripts_bucket),
        settings=settings,
        prefix=options.prefix,
    )
    return jobs.run(
        view,
        action=options.action,
        show=options.show or (),
        names=options.names,
        announce=options.announce,
        as_json=options.json,
    )


def _evaluate(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    from service.engine import engine  # noqa: PLC0415 - `--help` and wrong options answer at once
    from service.evaluation import gate, storage, verdict  # noqa: PLC0415 - `--help` and wrong options answer at once
    from service.recording import audio  # noqa: PLC0415 - `--help` and wrong options answer at once

    request = gate.Request(
        manifest=options.manifest,
        against=options.against,
        first_release=options.first_release,
        report=options.report,
        allowance=verdict.Allowance(error=options.max_worse, slowdown=options.max_slowdown),
    )
    return gate.run(
        request,
        load=partial(engine.Engine.load, settings, download=_download),
        decode=partial(audio.decode, settings=settings),
        storage=storage.Storage(locate=_locate),
        settings=settings,
    )


def _lock(_: Settings, options: argparse.Namespace) -> int:
    from service.engine import weights  # noqa: PLC0415 - the other verbs have no use for it

    print(f"{weights.lock(options.name)}  {options.name}")  # noqa: T201 - the line that was recorded
    return 0


def _download(url: str, folder: Path) -> None:
    from service.aws import s3  # noqa: PLC0415 - only a model in S3 needs it

    s3.download(url, folder)


def _locate(url: str) -> "tuple[Bucket, str]":
    from service.aws import s3  # noqa: PLC0415 - only data in S3 needs it

    return s3.locate(url)


def _need(settings: Settings, *names: str) -> None:
    for name in names:
        if not getattr(settings, name):
            raise SettingError(variable(name), "", "a value, which this verb needs")


def _transcribe(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    from service import cli  # noqa: PLC0415 - `--help` and wrong options answer at once
    from service.engine import engine  # noqa: PLC0415 - `--help` and wrong options answer at once
    from service.recording import audio  # noqa: PLC0415 - `--help` and wrong options answer at once

    loaded = engine.Engine.load(settings, download=_download)
    loaded.check_language(options.language)
    complete = cli.transcribe_files(
        options.files,
        engine=loaded,
        decode=partial(audio.decode, settings=settings),
        form=options.format,
        folder=options.output,
        language=options.language,
        words=options.words,
    )
    return 0 if complete else 2


def _bind(settings: Settings) -> socket.socket:
    """A socket bound but not listening: until the model is loaded, a connection is refused, not left waiting."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except socket.gaierror:
        raise SettingError("WHISPER_HOST", settings.host, "an address of this machine") from None
    except OSError as error:
        raise SettingError(
            "WHISPER_PORT", settings.port, f"a port free on {settings.host} ({error.strerror})"
        ) from None
    return listener


def _health(settings: Settings, _: argparse.Namespace) -> int:
    return 0 if health.answers(settings) else 1


VERBS = {
    "api": _api,
    "worker": _worker,
    "jobs": _jobs,
    "evaluate": _evaluate,
    "health": _health,
    "model": _lock,
    "transcribe": _transcribe,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

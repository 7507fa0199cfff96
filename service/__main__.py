"""The composition root: `python -m service VERB`.

Each verb wires its parts together. Heavy modules are imported inside the verbs, once options and settings are known to
be right, so that mistakes and `--help` are answered at once.
"""

import sys

from service.interruption import INTERRUPTED, end_at_once

if __name__ == "__main__":
    end_at_once(sys.argv[1:], endless=("api", "worker"))

import argparse
import json
import math
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service import __version__, processor, telemetry, tracing
from service.batch import arguments
from service.contract import AGENT_VARIABLE, Check
from service.errors import ServiceError
from service.evaluation import arguments as evaluation_arguments
from service.http import health, listening
from service.profile import arguments as profile_arguments
from service.settings import SettingError, Settings, variable
from service.transcript import FORMATS

if TYPE_CHECKING:
    from service.aws.s3 import Bucket
    from service.engine.engine import Engine
    from service.profile.verb import Profiler
    from service.recording import Decode


def main(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one verb.

    Returns:
        0 if it succeeded, 1 if it found something wrong (a regression, a lost recording), 2 if its input is refused.
    """
    options = _parser().parse_args(command)
    try:
        settings = Settings.from_environ(environ)
        return int(options.run(settings, options))
    except (SettingError, ServiceError) as error:
        print(f"whisper-fargate: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="Speech-to-text for call recordings.")
    parser.add_argument("--version", action="version", version=f"whisper-fargate {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    api = verbs.add_parser("api", help="serve HTTP; settings come from WHISPER_… variables")
    api.set_defaults(run=_api)
    worker = verbs.add_parser("worker", help="transcribe the recordings that the queue announces, until SIGTERM")
    worker.set_defaults(run=_worker)
    health = verbs.add_parser("health", help="exit with 0 if the API on this machine answers, else with 1")
    health.set_defaults(run=_health)
    jobs = verbs.add_parser("jobs", help="count and list waiting, running, done and failed jobs; redrive; reconcile")
    arguments.add_arguments(jobs)
    jobs.set_defaults(run=_jobs)
    canary = verbs.add_parser(
        "canary", help="send a golden call through bucket, queue and workers, and judge its words"
    )
    arguments.add_canary_arguments(canary, seconds=_amount)
    canary.set_defaults(run=_canary)
    evaluate = verbs.add_parser("evaluate", help="measure error rates on golden recordings against the last release")
    evaluation_arguments.add_arguments(evaluate, amount=_amount)
    profile_arguments.add_gate_arguments(evaluate)
    evaluate.set_defaults(run=_evaluate)
    model = verbs.add_parser("model", help="fetch a model, or lock its files")
    actions = model.add_subparsers(metavar="ACTION", required=True)
    for name, run, text in (
        ("fetch", _fetch, "make a model available locally; prints the source that served it"),
        ("lock", _lock, "record the revision and the files of a model"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", metavar="NAME", help="a folder, or the name of a model")
        action.set_defaults(run=run)
    transcribe = verbs.add_parser("transcribe", help="transcribe files")
    _add_transcribe_options(transcribe)
    transcribe.set_defaults(run=_transcribe)
    tune = verbs.add_parser("tune", help="measure which settings are the fastest on this machine")
    profile_arguments.add_tuning_arguments(tune, seconds=_amount)
    tune.set_defaults(run=_tune)
    profile = verbs.add_parser("profile", help="measure how fast a task transcribes here, and how much memory it takes")
    profile_arguments.add_arguments(profile)
    profile.set_defaults(run=_profile)
    return parser


def _add_transcribe_options(transcribe: argparse.ArgumentParser) -> None:
    transcribe.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recording; - is standard input")
    transcribe.add_argument("--format", choices=FORMATS, default="json", help="of the transcript (default: json)")
    transcribe.add_argument("--output", type=Path, metavar="DIR", help="write a file per recording here")
    transcribe.add_argument("--language", default="", help="ISO 639 code (default: detect it once per call)")
    transcribe.add_argument("--words", action="store_true", help="add the times of each word (json)")


def _amount(text: str) -> float:
    try:
        if 0 <= (value := float(text)) < math.inf:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"got {text!r}, expected a number from 0")


def _api(settings: Settings, _: argparse.Namespace) -> int:
    telemetry.configure(sys.stdout)
    # The kernel discards signals for which a container's first process has no handler. Until the server installs its
    # own, there are no requests to finish, and an exception could be swallowed by a library that is being imported.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    tracing.start(os.environ, service="api", environment=settings.environment)
    # The port first: a model takes seconds to load, and a port in use is known at once.
    with listening.bind(settings) as listener:
        from service import api_parts
        from service.http import app, server

        loaded = _load_engine(settings)
        meter, jobs = _meter(settings, service="api"), api_parts.job_desk(settings)
        application = app.create_app(
            engine=loaded,
            decode=_decoder(settings),
            meter=meter,
            settings=settings,
            read_keys=api_parts.key_reader(settings),
            jobs=jobs,
            batch=api_parts.batch_desk(settings),
        )
        form = processor.number_format(settings.compute_type)
        telemetry.log("ready", host=settings.host, port=settings.port, model=settings.model, compute_type=form)
        with api_parts.sending_webhooks(settings, jobs, meter=meter):
            server.serve(application, listener=listener, settings=settings)
    tracing.stop()
    return 0


def _worker(settings: Settings, _: argparse.Namespace) -> int:
    telemetry.configure(sys.stdout)
    _need(settings, "queue_url", "recordings_bucket", "transcripts_bucket")
    if settings.transcripts_bucket == settings.recordings_bucket:
        # S3 would announce each result as a recording, without end.
        raise SettingError(
            variable("transcripts_bucket"), settings.transcripts_bucket, "a bucket other than that of the recordings"
        )
    stopping = threading.Event()
    # Before the model is loaded: a task may be stopped while it starts.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    tracing.start(os.environ, service=settings.fleet, environment=settings.environment)
    from service.aws import ecs, s3, sqs
    from service.batch import publication, worker

    agent = os.environ.get(AGENT_VARIABLE)
    loaded = worker.Worker(
        queue=sqs.Queue(settings.queue_url),
        publication=publication.Publication(
            engine=_load_engine(settings),
            decode=_decoder(settings),
            recordings=s3.Bucket(settings.recordings_bucket),
            transcripts=s3.Bucket(settings.transcripts_bucket),
            meter=_meter(settings, service=settings.fleet),
            settings=settings,
        ),
        agent=ecs.EcsAgent(agent) if agent else None,
        settings=settings,
    )
    form = processor.number_format(settings.compute_type)
    telemetry.log("ready", model=settings.model, compute_type=form, lanes=settings.lanes)
    code = loaded.run(stopping)
    tracing.stop()
    sys.stdout.flush()
    # A lane that returned its message may still be in the engine, which no signal interrupts.
    os._exit(code)


def _jobs(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    arguments.check(options)
    _need(settings, "queue_url", "recordings_bucket", "transcripts_bucket")
    from service.aws import s3, sqs
    from service.batch import jobs

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
        show=[state for state in arguments.LISTED if getattr(options, state)],
        names=options.names,
        announce=options.announce,
        as_json=options.json,
        meter=_meter(settings, service=Check.RECONCILE) if options.metric else None,
    )


def _canary(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    _need(settings, "queue_url", "recordings_bucket", "transcripts_bucket")
    from service.aws import s3, sqs
    from service.batch import canary, golden
    from service.evaluation import error_rates

    call = golden.choose(settings, options.golden or golden.FOLDER)
    return canary.run(
        canary.Canary(
            call=call,
            recordings=s3.Bucket(settings.recordings_bucket),
            transcripts=s3.Bucket(settings.transcripts_bucket),
            queue=sqs.Queue(settings.queue_url),
            judge=partial(error_rates.word_error_rate, call.words, language=call.language),
            settings=settings,
            within_seconds=options.within,
        ),
        meter=_meter(settings, service=Check.CANARY) if options.metric else None,
    )


def _evaluate(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    from service.evaluation import gate, storage, verdict

    request = gate.Request(
        manifest=options.manifest,
        against=options.against,
        first_release=options.first_release,
        report=options.report,
        allowance=verdict.Allowance(error=options.max_worse, slowdown=options.max_slowdown),
    )
    profiler = _profiler(settings, options, command=f"python -m service evaluate --profile {options.profile}")
    return gate.run(
        request,
        load=profiler.engine,
        decode=_decoder(settings),
        storage=storage.Storage(locate=_locate),
        settings=settings,
        profile=partial(profiler.of_release, rounds=options.profile) if options.profile else None,
    )


def _fetch(settings: Settings, options: argparse.Namespace) -> int:
    from service.engine import weights

    found = weights.fetch(options.name, release=False, mirror=settings.model_mirror, download=_download)
    print(f"{options.name}: {found.folder}, from the {found.source}")
    return 0


def _lock(_: Settings, options: argparse.Namespace) -> int:
    from service.engine import weights

    print(f"{weights.lock(options.name)}  {options.name}")
    return 0


def _transcribe(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    from service import cli
    from service.provenance import transcript_provenance

    # Before the model is loaded: a mistake is told at once.
    outputs = cli.outputs(options.files, folder=options.output, form=options.format)
    loaded = _load_engine(settings)
    loaded.check_language(options.language)
    complete = cli.transcribe_files(
        options.files,
        outputs,
        engine=loaded,
        decode=_decoder(settings),
        form=options.format,
        language=options.language,
        words=options.words,
        provenance=transcript_provenance(settings, encoder=loaded.encoder),
    )
    return 0 if complete else 2


def _tune(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    from service import cli
    from service.engine import tuning

    recordings = cli.recordings(options.files, decode=_decoder(settings))
    sounds = tuning.windows_of(recordings, settings) if recordings else tuning.synthesized()
    if not sounds:
        raise SettingError("FILE", ", ".join(map(str, options.files)), "recordings with speech")
    tuned = tuning.tune(settings, sounds=sounds, seconds=options.seconds)
    print(json.dumps(tuned.to_dict()) if options.json else tuned)
    return 0


def _profile(settings: Settings, options: argparse.Namespace) -> int:
    telemetry.configure(sys.stderr)
    from service.batch import golden
    from service.profile import verb

    request = profile_arguments.Request.read(options, golden=golden.FOLDER)
    return verb.run(request, _profiler(settings, options, command=request.command))


def _profiler(settings: Settings, options: argparse.Namespace, *, command: str) -> "Profiler":
    from service.profile import verb

    return verb.Profiler(
        load=_load_engine,
        decode=_decoder(settings),
        download=_download,
        settings=settings,
        cpu=options.cpu,
        model_name=options.model_name,
        command=command,
        machine=getattr(options, "machine", ""),
    )


def _health(settings: Settings, _: argparse.Namespace) -> int:
    return 0 if health.answers(settings) else 1


def _load_engine(settings: Settings) -> "Engine":
    from service.engine.engine import Engine

    return Engine.load(settings, download=_download)


def _decoder(settings: Settings) -> "Decode":
    from service.recording import decode

    return partial(decode, settings=settings)


def _meter(settings: Settings, *, service: str) -> telemetry.Meter:
    return telemetry.Meter(
        environment=settings.environment, service=service, dollars_per_hour=settings.dollars_per_hour
    )


def _download(url: str, folder: Path) -> None:
    from service.aws import s3

    s3.download(url, folder)


def _locate(url: str) -> "tuple[Bucket, str]":
    from service.aws import s3

    return s3.locate(url)


def _need(settings: Settings, *names: str) -> None:
    for name in names:
        if not getattr(settings, name):
            raise SettingError(variable(name), "", "a value, which this verb needs")


def _program() -> int:
    """The verb of the command line, ended quietly by Ctrl-C and by a reader of its output that has read enough."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        try:
            return main(sys.argv[1:], os.environ)
        finally:
            for stream in filter(None, (sys.stdout, sys.stderr)):
                stream.flush()
    except BrokenPipeError:
        streams = [stream for stream in (sys.stdout, sys.stderr) if stream and telemetry.reader_has_gone(stream)]
        if not streams:
            raise  # another pipe, which should not have broken
        # The interpreter flushes its streams at the end, which would fail again.
        for stream in streams:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(_program())

"""The work of `python -m service profile`, and of the release gate that measures its task, too."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.engine.lock import describe
from service.engine.model import find
from service.engine.sources import Download
from service.profile import calls
from service.profile.arguments import Request
from service.profile.measurement import Told, Transcriber, check_machine, measure, to_profiles
from service.profile.memory import MemoryWatch, seconds_since_start
from service.recording import Decode
from service.settings import SettingError, Settings, WrongValue
from service.task_profile import TaskProfile
from service.telemetry import log

COMPOSED = "calls composed of the golden calls"


@dataclass(slots=True, kw_only=True)
class Profiler:
    """Loads an engine and measures it.

    Attributes:
        load: the engine of settings.
        decode: reads a recording.
        download: from S3; None without access to it.
        settings: of the service.
        cpu: CPU units of the task; 0 for those that the process sees.
        model_name: of the model in the profile; empty for that of the settings.
        command: that was given.
        machine: what else is to be known of it.
    """

    load: Callable[[Settings], Transcriber]
    decode: Decode
    download: Download | None
    settings: Settings
    cpu: int
    model_name: str
    command: str
    machine: str = ""
    _folder: Path = Path()
    _start_seconds: float = 0.0
    _loading_bytes: int = 0

    def engine(self) -> Transcriber:
        """The loaded engine. The weights are found once: from S3, each search would fetch them again."""
        self._folder = find(self.settings.model, mirror=self.settings.model_mirror, download=self.download).folder
        with MemoryWatch() as memory:
            engine = self.load(replace(self.settings, model=str(self._folder)))
        self._loading_bytes = memory.peak_bytes
        self._start_seconds = seconds_since_start()
        return engine

    def profiles(
        self, engine: Transcriber, heard: Sequence[Path], *, lanes: Sequence[int], rounds: int, recordings: str
    ) -> list[TaskProfile]:
        """The profile of the loaded engine for each number of lanes; `recordings` says what it hears."""
        told = Told(
            model=self.model_name or self.settings.model,
            model_sha256=describe(self._folder).digest,
            cpu=self.cpu,
            command=self.command,
            recordings=recordings,
            speech_share=calls.speech_share(heard, decode=self.decode),
            start_seconds=self._start_seconds,
            loading_bytes=self._loading_bytes,
            machine=self.machine,
        )
        found = measure(heard, engine=engine, decode=self.decode, lanes=lanes, rounds=rounds)
        return to_profiles(found, engine=engine, settings=self.settings, told=told)

    def of_release(self, engine: Transcriber, recordings: Iterable[tuple[str, bytes]], *, rounds: int) -> str:
        """The profile of a release that is measured on its golden recordings; empty if it can have none."""
        with tempfile.TemporaryDirectory() as scratch:
            # One by one: what is held of them would count as memory of the engine.
            for name, content in recordings:
                (Path(scratch) / name).write_bytes(content)
            heard, lanes = sorted(Path(scratch).iterdir()), [self.settings.lanes]
            told = f"{len(heard)} golden recordings"
            try:
                check_machine(self.cpu)
                (profile,) = self.profiles(engine, heard, lanes=lanes, rounds=rounds, recordings=told)
            except WrongValue as error:
                # The verdict about the release does not depend on it.
                log("not profiled", reason=str(error))
                return ""
        return profile.to_toml()


def run(request: Request, profiler: Profiler) -> int:
    """Measure, print the profiles, and write them if asked to.

    Raises:
        SettingError: there is no recording, or a task cannot have this processor or size.
        ServiceError: a recording or the model cannot be used.
    """
    given = calls.files(request.recordings) if request.recordings else []
    if request.output and not request.output.is_dir():
        raise SettingError("--output", request.output, "a folder")
    check_machine(request.cpu)
    engine = profiler.engine()
    with tempfile.TemporaryDirectory() as scratch:
        heard = given or calls.composed(request.golden, Path(scratch), decode=profiler.decode)
        told = f"{len(heard)} recordings" if given else COMPOSED
        lanes = request.lanes or [profiler.settings.lanes]
        for profile in profiler.profiles(engine, heard, lanes=lanes, rounds=request.rounds, recordings=told):
            print(profile.to_toml(), flush=True)  # noqa: T201 - the profile is the verb's output
            if request.output:
                (request.output / profile.file_name).write_text(profile.to_toml())
    return 0

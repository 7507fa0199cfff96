"""`make run`: a cloud for people to try, with its addresses and a shell's exports printed."""

import os
from collections.abc import Mapping
from pathlib import Path

from local.cloud import Cloud, running_cloud
from local.deploy import ENVIRONMENT
from local.exports import exported, exports
from local.stages import Clock, Stages

READY_SECONDS = 60
EXPORTS = "exports.sh"


def run_cloud(
    folder: Path,
    *,
    environment: str = ENVIRONMENT,
    port: int,
    minute_seconds: float,
    overrides: Mapping[str, str],
    file: Path | None = None,
) -> None:
    """Run an environment's tasks until interrupted; `file` holds a shell's exports meanwhile, by default one in `folder`.

    Raises:
        LocalError: the port is taken, the file cannot be written, or the emulator, the deploy or the API fails.
    """
    with running_cloud(
        folder,
        environment=environment,
        port=port,
        minute_seconds=minute_seconds,
        say=Clock().say,
        overrides=overrides,
    ) as cloud:
        cloud.watchers.append(Stages(cloud).look)
        cloud.wait(cloud.ready, seconds=READY_SECONDS, awaited="the API to be ready")
        file = file or folder / EXPORTS
        with exported(cloud, file):
            _print(cloud, file)
            while True:
                cloud.tick()


def _print(cloud: Cloud, file: Path) -> None:
    shown = os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file)
    commands = "\n".join(f"  {line}" for line in exports(cloud).splitlines())
    session = "import os, boto3; s3 = boto3.client('s3')"
    print(
        f"""
  recordings   {cloud.recordings}
  transcripts  {cloud.transcripts}
  queue        {cloud.queue}
  API          {cloud.url}
  logs         {cloud.folder}/tasks

In another terminal, paste this, or `source {shown}`:

{commands}

Then upload a recording, see what became of it, and list its results:

  .venv/bin/python -c "{session}; \\
      s3.upload_file('demo/calls/billing.wav', os.environ['WHISPER_RECORDINGS_BUCKET'], 'billing.wav')"
  .venv/bin/python -m service jobs --running --done
  .venv/bin/python -c "{session}; \\
      found = s3.list_objects_v2(Bucket=os.environ['WHISPER_TRANSCRIPTS_BUCKET']).get('Contents', ()); \\
      print(*(each['Key'] for each in found), sep='\\n')"

or send it to the API:

  curl --form audio_file=@demo/calls/billing.wav --header "Authorization: Bearer $KEY" $API/transcribe

docs/local.md has more: the AWS command line, dead letters. Ctrl-C ends everything.
""",
        flush=True,
    )

"""`make run`: a cloud for people to try, with its addresses printed."""

from collections.abc import Mapping
from pathlib import Path

from local.cloud import Cloud, running_cloud
from local.stages import Clock, Stages

READY_SECONDS = 60


def run_cloud(folder: Path, *, port: int, minute_seconds: float, overrides: Mapping[str, str]) -> None:
    """Run until interrupted.

    Raises:
        LocalError: the port is taken, or the emulator, the deploy or the API fails.
    """
    with running_cloud(folder, port=port, minute_seconds=minute_seconds, say=Clock().say, overrides=overrides) as cloud:
        cloud.watchers.append(Stages(cloud).look)
        cloud.wait(cloud.ready, seconds=READY_SECONDS, awaited="the API to be ready")
        _print(cloud)
        while True:
            cloud.tick()


def _print(cloud: Cloud) -> None:
    session = "import boto3; s3 = boto3.client('s3')"
    print(
        f"""
  recordings   {cloud.recordings}
  transcripts  {cloud.transcripts}
  queue        {cloud.queue}
  API          {cloud.url}
  logs         {cloud.folder}/tasks

In another terminal, upload a recording and list its transcript:
"""
    )
    for name, value in cloud.environ.items():
        print(f"  export {name}={value}")
    print(
        f"""
  .venv/bin/python -c "{session}; s3.upload_file('demo/calls/billing.wav', '{cloud.recordings}', 'billing.wav')"
  .venv/bin/python -c "{session}; \\
      print(*(o['Key'] for o in s3.list_objects_v2(Bucket='{cloud.transcripts}').get('Contents', ())), sep='\\n')"

or send it to the API:

  curl --form audio_file=@demo/calls/billing.wav --header 'Authorization: Bearer {cloud.key}' {cloud.url}/transcribe

Ctrl-C ends everything.
""",
        flush=True,
    )

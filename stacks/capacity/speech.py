"""The speed of a task on calls with more or less speech than those that it was measured on."""

from dataclasses import replace

from stacks.capacity.speed import Speed


def heard(speed: Speed, speech_share: float | None) -> Speed:
    """The speed on calls with this share of speech; None for the measured one.

    The engine skips silence, so that its work is proportional to the speech. The voice detector hears all of a call, which is
    a twenty-fifth of the work (docs/engine.md): a call that is mostly silence takes longer than this says.

    >>> speed = Speed.assumed(cpu=1024)
    >>> heard(speed, speed.speech_share / 2).audio_seconds_per_second
    0.5
    """
    if speech_share is None:
        return speed
    times = speed.speech_share / speech_share
    hosts = tuple(
        replace(
            host,
            audio_seconds_per_second=times * host.audio_seconds_per_second,
            low=times * host.low,
            high=times * host.high,
        )
        for host in speed.hosts
    )
    return replace(
        speed,
        audio_seconds_per_second=times * speed.audio_seconds_per_second,
        slowest=None if speed.slowest is None else times * speed.slowest,
        hosts=hosts,
        speech_share=speech_share,
    )

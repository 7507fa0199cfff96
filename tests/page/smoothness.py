"""How smoothly a browser shows a call of 90 minutes: `python -m tests.page.smoothness`.

It scrolls through 15,000 words, plays at triple speed and moves the position, and prints the work of each frame, the times
between frames, and the memory. The figures are this machine's, so it scrolls through the same words as nothing but
paragraphs, too. Tests hold the number of elements only.
"""

import json
import statistics
from typing import Any

from playwright.sync_api import Browser, Page, Route
from starlette.applications import Starlette
from starlette.testclient import TestClient

from service.http.page import routes
from service.settings import Settings
from tests.page import chromium
from tests.page.calls import long_call, show

# A secure context for the browser, like the service's own HTTPS; every request is answered here.
ADDRESS = "http://localhost"
SLOW_MILLISECONDS = 50
SECONDS = 6
MAIN_FRAME = "ProxyMain::BeginMainFrame"
WIDE = {"width": 1280, "height": 900}

# A recording as long as the call: mu-law at 8 kHz, two channels of noise bursts, made of one second over and over.
_HEAR = """async (minutes) => {
  const second = new Uint8Array(16000).map((_, at) => (at % 2 ? 255 : Math.random() * 255));
  const size = minutes * 60 * second.length;
  const head = new DataView(new ArrayBuffer(44));
  const text = (at, value) => [...value].forEach((letter, index) => head.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF"), head.setUint32(4, size + 36, true), text(8, "WAVEfmt "), head.setUint32(16, 16, true);
  head.setUint16(20, 7, true), head.setUint16(22, 2, true), head.setUint32(24, 8000, true);
  head.setUint32(28, 16000, true), head.setUint16(32, 2, true), head.setUint16(34, 8, true);
  text(36, "data"), head.setUint32(40, size, true);
  const minute = new Blob(Array(60).fill(second));
  const recording = new Blob([head, ...Array(minutes).fill(minute)], { type: "audio/wav" });
  const began = performance.now();
  window.view.show({ transcript: window.call, audio: recording, name: "long.wav" });
  while (window.view.dataset.waveform !== "drawn") await new Promise((done) => setTimeout(done, 20));
  return performance.now() - began;
}"""

_FRAMES = """async (seconds) => {
  const times = [];
  const began = performance.now();
  for (let before = began; ; ) {
    const now = await new Promise(requestAnimationFrame);
    if (times.length || now > began) times.push(now - before);
    before = now;
    const share = (now - began) / (seconds * 1000);
    if (share >= 1) return times;
    STEP;
  }
}"""

READING = "scrollBy(0, 15)"
# Steps of a reader, each with the script of one frame.
STEPS = {
    "reading: a screen a second": READING,
    "flinging: the whole text in the time": "scrollTo(0, document.documentElement.scrollHeight * share)",
    "playing at triple speed, zoomed in, following": "",
    "dragging the position through the timeline": (
        "document.querySelector('call-view audio').currentTime = document.querySelector('call-view audio').duration * share"
    ),
}


def main() -> None:
    """Print frame times and memory."""
    call = long_call()
    with chromium.started(chromium.find()) as browser:
        bare = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
        bare.set_content("".join(f"<p>{segment['text']}</p>" for segment in call["segments"]))
        print(f"nothing but paragraphs, a screen a second: {measured(browser, bare, READING)}")
        page = opened(browser.new_page(viewport=WIDE))  # type: ignore[arg-type]
        empty = memory(page)
        show(page, call)
        page.evaluate("json => (window.call = JSON.parse(json))", json.dumps(call))
        words = sum(len(segment["words"]) for segment in call["segments"])
        print(f"{words} words in {len(call['segments'])} segments, Chromium {browser.version}")
        print(f"waveform of {call['duration'] / 60:.0f} minutes: {page.evaluate(_HEAR, 90) / 1000:.1f} s")
        for name, script in STEPS.items():
            if "playing" in name:
                page.evaluate("document.querySelector('call-view audio').playbackRate = 3")
                for key in ("+", "+", "+", "+", " "):
                    page.keyboard.press(key)
            print(f"{name}: {measured(browser, page, script)}")
        print(f"memory of the script: {empty:.1f} MB before, {memory(page):.1f} MB after")
        print(f"elements: {page.evaluate('document.querySelectorAll(`*`).length')}")


def opened(page: Page) -> Page:
    """The service's page, answered without a port."""
    client = TestClient(Starlette(routes=routes(Settings(), batch=False, origins=None)), base_url=ADDRESS)

    def answer(route: Route) -> None:
        response = client.get(route.request.url)
        route.fulfill(status=response.status_code, headers=dict(response.headers), body=response.content)

    page.route("**/*", answer)
    page.goto(ADDRESS)
    return page


def memory(page: Page) -> float:
    """The script's heap after a garbage collection, in MB."""
    session: Any = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def measured(browser: Browser, page: Page, script: str) -> str:
    """A few seconds of frames, before each of which the script runs, as one line."""
    browser.start_tracing(page=page, categories=["cc"])
    times: list[float] = page.evaluate(_FRAMES.replace("STEP", script), SECONDS)
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    # Of the thread that runs scripts, styles, layout and painting: what others do on this machine does not count.
    work = sum(event.get("tdur", 0) for event in trace if event["name"] == MAIN_FRAME) / 1000 / len(times)
    slow = sum(time > SLOW_MILLISECONDS for time in times) / len(times)
    high = statistics.quantiles(times, n=100)[94]
    return (
        f"{work:.1f} ms of work a frame; {len(times)} frames, median {statistics.median(times):.1f} ms, "
        f"95 % within {high:.1f} ms, longest {max(times):.0f} ms, {slow:.1%} over {SLOW_MILLISECONDS} ms"
    )


if __name__ == "__main__":
    main()

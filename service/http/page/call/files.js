// Files: the call to take away, copied or downloaded, and the recording that a reader gives.

import { button, element } from "./elements.js";
import { plain, RENDERINGS } from "./renderings.js";

/** Buttons that copy and download the call that `call()` gives; `onCopied(succeeded)` follows a copy. */
export function files({ call, name, onCopied }) {
  const speaker = (channel) => call().speaker(channel);
  const copy = button("call.copy", {
    onclick: () =>
      copied(plain(call(), speaker)).then(
        () => onCopied(true),
        () => onCopied(false),
      ),
  });
  const downloads = Object.entries(RENDERINGS).map(([suffix, { type, render }]) =>
    element("button", {
      type: "button",
      textContent: suffix.toUpperCase(),
      data: { label: `call.download.${suffix}` },
      onclick: () => download(`${stem(name())}.${suffix}`, new Blob([render(call(), speaker)], { type })),
    }),
  );
  return element("div", { className: "call-files", role: "group", data: { label: "call.files" } }, copy, ...downloads);
}

// The clipboard is there for pages of https and of this machine only.
async function copied(content) {
  if (!navigator.clipboard) throw new Error("no clipboard");
  await navigator.clipboard.writeText(content);
}

function download(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The browser has begun to read it by the next turn of the event loop.
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const stem = (name) => name.replace(/\.[^.]*$/, "") || "call";

/** A field for the recording of a transcript that came alone; a file may also be dropped on it. */
export function recordingField(onFile) {
  const hear = ([file]) => file && onFile(file);
  const field = element("input", { type: "file", accept: "audio/*", onchange: () => hear(field.files) });
  const words = element("span", { data: { text: "call.ask" } });
  const area = element("label", { className: "call-ask", hidden: true }, words, field);
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    hear(event.dataTransfer.files);
  });
  return area;
}

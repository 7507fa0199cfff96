// The caller's key: kept for this tab, and asked for when the service wants one.

import { ofTab } from "./storage.js";
import { text } from "./texts.js";

const STORED = "whisper-key";
// A browser refuses to send any other as a header, and the service has no other.
const SENDABLE = /^[!-~]+$/;
let asking = null;

/** The headers that show the key. */
export function keyHeaders() {
  const key = ofTab.getItem(STORED);
  return key ? { "x-api-key": key } : {};
}

/** Whether this tab has a key. */
export const hasKey = () => ofTab.getItem(STORED) !== null;

/**
 * Ask for a key in place of the one in `headers`, which the service has refused.
 *
 * True if there is another one now; false if the person has closed the dialog.
 */
export async function renewKey(headers) {
  if (keyHeaders()["x-api-key"] !== headers["x-api-key"]) return true;
  return askForKey({ refused: "x-api-key" in headers });
}

/** Show the dialog, which is one for all that ask meanwhile; true if a key was entered. */
export function askForKey({ refused = false } = {}) {
  asking ??= newKey(refused).finally(() => (asking = null));
  return asking;
}

async function newKey(refused) {
  const [answer, key] = await answered(refused);
  if (answer === "forget") ofTab.removeItem(STORED);
  if (answer !== "use" || !key) return false;
  if (!SENDABLE.test(key)) return newKey(true);
  ofTab.setItem(STORED, key);
  return true;
}

/** The button that closes the dialog, and what was entered. */
function answered(refused) {
  const dialog = document.querySelector("#key-dialog");
  const [input, problem] = [dialog.querySelector("input"), dialog.querySelector(".problem")];
  input.value = "";
  input.setAttribute("aria-invalid", String(refused));
  problem.hidden = !refused;
  problem.textContent = refused ? text("key.wrong") : "";
  dialog.returnValue = "";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    const close = () => {
      resolve([dialog.returnValue, input.value.trim()]);
      input.value = "";
    };
    dialog.addEventListener("close", close, { once: true });
  });
}

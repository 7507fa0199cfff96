// The caller's key: kept for this tab, and asked for when the service wants one.

import { text } from "./texts.js";

const STORED = "whisper-key";
let asking = null;

/** The headers that show the key. */
export function keyHeaders() {
  const key = sessionStorage.getItem(STORED);
  return key ? { "x-api-key": key } : {};
}

/** Whether this tab has a key. */
export const hasKey = () => sessionStorage.getItem(STORED) !== null;

/**
 * Ask for a key in place of the one in `headers`, which the service has refused.
 *
 * True if there is another one now; false if the person has closed the dialog. All requests share one dialog.
 */
export async function renewKey(headers) {
  if (keyHeaders()["x-api-key"] !== headers["x-api-key"]) return true;
  asking ??= askForKey({ refused: "x-api-key" in headers }).finally(() => (asking = null));
  return asking;
}

/** Show the dialog; true if a key was entered. */
export function askForKey({ refused = false } = {}) {
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
    dialog.addEventListener("close", () => resolve(keep(dialog.returnValue, input)), { once: true });
  });
}

function keep(answer, input) {
  const key = input.value.trim();
  input.value = "";
  if (answer === "forget") sessionStorage.removeItem(STORED);
  if (answer !== "use" || !key) return false;
  sessionStorage.setItem(STORED, key);
  return true;
}

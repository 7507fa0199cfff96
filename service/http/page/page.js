// The page: what a person does, wired to the line of recordings, the list, the open call and the batch.

import * as address from "./address.js";
import { BatchView } from "./batch.js";
import "./call/call-view.js";
import { Entry } from "./entries.js";
import { facts } from "./facts.js";
import { Intake } from "./intake.js";
import { askForKey, hasKey } from "./keys.js";
import { follow, Line } from "./line.js";
import { List, stateOf, titleOf } from "./list.js";
import { OpenCall } from "./opened.js";
import { ask } from "./requests.js";
import { language, speak, text, translate } from "./texts.js";

const $ = (selector) => document.querySelector(selector);
const entries = [];
const line = new Line();
const opened = new OpenCall($("#opened"));
const batch = new BatchView($("#batch-view"));
const list = new List($("#calls"), { open, retry, stop: (entry) => entry.stop(), remove, copyLink });
const intake = new Intake($("#intake"), { take: addFiles });

function addFiles(files, spoken) {
  const added = files.map((file) => addEntry(new Entry({ name: file.name, file, language: spoken })));
  for (const entry of added) line.add(entry);
  if (added.length && !opened.entry) open(added[0], { focus: false });
}

function addEntry(entry) {
  entries.push(entry);
  list.add(entry);
  $("#desk").hidden = false;
  intake.shrink(true);
  let job = entry.job;
  entry.addEventListener("change", ({ detail }) => {
    if (entry.job !== job) {
      job = entry.job;
      address.remember(job, entry.name);
      writeAddress();
    }
    if (detail.entered && (entry.ended || entry.failure)) say(text("news.state", { name: titleOf(entry), state: stateOf(entry), sentence: entry.failure?.sentence ?? "" }));
  });
  return entry;
}

function open(entry, { focus = true } = {}) {
  list.mark(entry);
  opened.show(entry);
  if (focus) $("#opened-name").focus();
}

function retry(entry) {
  entry.reset();
  if (entry.file) line.add(entry);
  else follow(entry);
  if (opened.entry === entry) opened.show(entry);
}

async function remove(entry) {
  if (entry.job && !(await removedJob(entry))) return;
  entry.stop();
  entries.splice(entries.indexOf(entry), 1);
  const next = list.remove(entry);
  if (opened.entry === entry) opened.close();
  $("#desk").hidden = !entries.length;
  intake.shrink(entries.length > 0);
  writeAddress();
  (next ?? $("#choose")).focus();
}

/** Whether a job is to leave the list; it may leave the service, too. */
async function removedJob(entry) {
  const dialog = $("#remove-dialog");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "service") return dialog.returnValue === "list";
  try {
    await ask(`jobs/${entry.job}`, { method: "DELETE" });
    return true;
  } catch (failure) {
    if (failure.code === "job_not_found") return true;
    entry.change({ failure });
    say(failure.sentence);
    return false;
  }
}

async function copyLink(entry) {
  const link = address.linkTo(entry.job);
  try {
    await navigator.clipboard.writeText(link);
    reply(entry, "news.copied");
  } catch {
    reply(entry, "news.not_copied", { link });
  }
}

/** Answer in the entry and to screen readers. */
function reply(entry, key, values) {
  entry.change({ reply: { key, values } });
  say(text(key, values));
}

/** Tell screen readers. */
function say(sentence) {
  $("#news").textContent = sentence;
}

function writeAddress(view = address.read().view) {
  address.write({ view, jobs: [...new Set(entries.map((entry) => entry.job).filter(Boolean))] });
}

/** Show the view and the jobs that the address names. */
function readAddress() {
  const { view, jobs } = address.read();
  const shown = view === "batch" && facts.batch ? "batch" : "calls";
  $("#calls-view").hidden = shown !== "calls";
  $("#batch-view").hidden = shown !== "batch";
  for (const button of document.querySelectorAll("nav button")) {
    button.setAttribute("aria-current", button.dataset.view === shown ? "page" : "false");
  }
  if (shown === "batch") batch.start();
  else batch.stop();
  const names = address.names();
  for (const job of facts.jobs ? jobs : []) {
    if (entries.some((entry) => entry.job === job)) continue;
    const entry = addEntry(new Entry({ name: names[job] ?? "", job }));
    follow(entry);
    if (!opened.entry) open(entry, { focus: false });
  }
}

function showTexts() {
  translate(document);
  document.title = text("title");
  $("#page-language").value = language();
  $("#key-forget").hidden = !hasKey();
}

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => {
    writeAddress(button.dataset.view);
    readAddress();
    $("#main").focus();
  });
}
$("nav").hidden = !facts.batch;
$("#key-button").addEventListener("click", async () => {
  $("#key-forget").hidden = !hasKey();
  if (!(await askForKey())) return;
  say(text("news.key"));
  batch.refresh();
});
$("#page-language").addEventListener("change", (event) => speak(event.target.value));
$("a.skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("#main").focus();
});
document.addEventListener("words", showTexts);
window.addEventListener("hashchange", readAddress);
window.addEventListener("popstate", readAddress);
window.addEventListener("beforeunload", (event) => (line.open || intake.taking) && event.preventDefault());
showTexts();
intake.showTexts();
readAddress();

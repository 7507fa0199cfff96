// What the address holds: the view, and the ids of jobs, so that a bookmark leads back to them. Never a name or a key.

import { ofTab } from "./storage.js";

const ID = /^[0-9a-f]{40}$/;
const NAMES = "whisper-job-names";

/** The view and the ids in the address. */
export function read() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const jobs = (parts.get("jobs") ?? "").split(",").filter((id) => ID.test(id));
  return { view: parts.get("view") === "batch" ? "batch" : "calls", jobs };
}

/** Write them there without a new entry in the history, unless the view changes. */
export function write({ view, jobs }) {
  const parts = new URLSearchParams();
  if (view !== "calls") parts.set("view", view);
  if (jobs.length) parts.set("jobs", jobs.join(","));
  const hash = parts.size ? `#${parts}`.replaceAll("%2C", ",") : "";
  if (hash === location.hash) return;
  const address = location.pathname + location.search + hash;
  if (view === read().view) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

/** The address of one job. */
export const linkTo = (job) => `${location.origin}${location.pathname}#jobs=${job}`;

/** The names of this tab's jobs by their ids; other tabs have none. */
export const names = () => JSON.parse(ofTab.getItem(NAMES) ?? "{}");

/** Remember the name of a job in this tab. */
export const remember = (job, name) => ofTab.setItem(NAMES, JSON.stringify({ ...names(), [job]: name }));

// The facts about the service that came with the document.

/** `bytes` and `seconds` limit a recording, `jobs` those of a job (null without jobs), `batch` is whether there is a batch. */
export const facts = JSON.parse(document.querySelector("meta[name=service]").content);

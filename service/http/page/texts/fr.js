// French. The keys are the same in every language; a test compares them.

export const fr = {
  "title": "Les appels, mot à mot",
};

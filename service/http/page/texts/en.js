// English. The keys are the same in every language; a test compares them.

export const en = {
  "title": "Calls, in words",
};

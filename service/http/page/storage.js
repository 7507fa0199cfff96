// What the browser remembers for the page; a browser that forbids it leaves the page a memory of its own, until a reload.

/** Lasts as long as the tab. */
export const ofTab = opened("sessionStorage");

/** Lasts in this browser. */
export const ofBrowser = opened("localStorage");

function opened(name) {
  try {
    return window[name] ?? memory();
  } catch {
    return memory();
  }
}

function memory() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, String(value)),
    removeItem: (key) => items.delete(key),
  };
}

// Elements without markup: every text becomes a text node, whatever it contains.

const SVG = "http://www.w3.org/2000/svg";

/** A new element; `data` fills its dataset, names with a dash or `role` become attributes, everything else properties. */
export function element(name, { data = {}, ...properties } = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made.dataset, data);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "role" || key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** A button whose label, for everyone, is the text of `key`. */
export const button = (key, properties = {}) =>
  element("button", { type: "button", ...properties, data: { text: key, ...properties.data } });

/** A button that shows an icon; the text of `key` is its accessible name. */
export const iconButton = (key, path, properties = {}) =>
  element("button", { type: "button", className: "call-icon", ...properties, data: { label: key } }, icon(path));

/** An icon of 24 by 24 units, drawn in the colour of the text around it. */
export function icon(path) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  drawing.append(line);
  return drawing;
}

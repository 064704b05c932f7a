/** DOM helpers that can only make text: there is no way to hand them HTML. */

/** An element with attributes and children; strings become text nodes. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "" || key === "hidden") made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Put `children` in the place of everything in `parent`. */
export function replace(parent, ...children) {
  parent.replaceChildren(...children);
}

const LINK = /\[([^\]\n]{1,300})\]\(([^()\s]{0,500})\)/g;

/**
 * `text` as nodes: the brackets of Markdown links are set apart to be dimmed, and `words` are made strong. Put together,
 * the nodes say exactly `text`.
 */
export function marked(text, words = []) {
  const nodes = [];
  let from = 0;
  for (const link of text.matchAll(LINK)) {
    const behind = link.index + 1 + link[1].length;
    nodes.push(...strong(text.slice(from, link.index), words), quiet("["), ...strong(link[1], words));
    nodes.push(quiet(text.slice(behind, link.index + link[0].length)));
    from = link.index + link[0].length;
  }
  return [...nodes, ...strong(text.slice(from), words)];
}

function quiet(text) {
  return element("span", { class: "markup" }, text);
}

function strong(text, words) {
  if (!words.length) return text ? [text] : [];
  const wanted = new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join("|")})`, "giu");  // words are letters and digits only
  const nodes = [];
  let from = 0;
  for (const hit of text.matchAll(wanted)) {
    nodes.push(text.slice(from, hit.index), element("b", {}, hit[0]));
    from = hit.index + hit[0].length;
  }
  return [...nodes, text.slice(from)].filter((node) => node !== "");
}

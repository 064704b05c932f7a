/** A document with a span highlighted and scrolled to, or a word about why it cannot be shown. */

import { Spanwise, documentLink, nameOf, utf16Offset } from "./client.js";
import { pageView } from "./page-view.js";
import { element, marked } from "./spanwise-search.js";

/** Code points loaded around the span, and again each time more is asked for. */
const WINDOW = 40_000;
/** Milliseconds that the text waits for the picture of its page. */
const PATIENCE = 6_000;

/** Show in `view` the document that the address names. `refused` is called when the server wants a key. */
export async function showDocument(view, { id, query, collection, key, signal, refused }) {
  const client = new Spanwise("", { collection, key });
  const version = query.get("version") || undefined;
  view.replaceChildren(bar(), element("p", { class: "facts", role: "status" }, "Opening…"));
  try {
    const { characters } = await client.document(id, { start: 0, end: 0, version, signal });
    const span = asked(query, characters);
    const from = Math.max(0, (span ? span.start : 0) - WINDOW / 2);
    const to = Math.min(characters, (span ? span.end : 0) + (span ? WINDOW / 2 : WINDOW));
    const slice = await client.document(id, { start: from, end: to, version, signal });
    const figure = slice.pages ? await inTime(pageView(client, slice, span, signal)) : null;
    render(view, client, slice, span, figure);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) refused();
    failed(view, error, id, collection);
  }
}

/** What `promised` gives, or null where that takes longer than anyone waits for a picture. */
function inTime(promised) {
  return Promise.race([promised, new Promise((resolve) => setTimeout(resolve, PATIENCE, null))]);
}

/** The span of the address where it lies in the text, else null. */
function asked(query, characters) {
  const [start, end] = ["start", "end"].map((name) => (/^\d+$/.test(query.get(name) || "") ? Number(query.get(name)) : NaN));
  return start < end && end <= characters ? { start, end } : null;
}

function render(view, client, slice, span, figure) {
  document.title = `${nameOf(slice)} – Spanwise`;
  const text = element("div", { class: "text", dir: "auto" });
  let { start, end } = slice.span;
  const range = span && [span.start, span.end].map((at) => utf16Offset(slice.text, at - start));
  text.append(...marked(slice.text, { range }));
  const mark = text.querySelector("mark");
  const version = slice.content_hash;
  const earlier = further("Show what stands before", start > 0, async () => {
    const part = await client.document(slice.id, { start: Math.max(0, start - WINDOW), end: start, version });
    const height = document.documentElement.scrollHeight;
    text.prepend(...marked(part.text));
    start = part.span.start;
    window.scrollBy(0, document.documentElement.scrollHeight - height);
    return start > 0;
  });
  const later = further("Show what follows", end < slice.characters, async () => {
    const part = await client.document(slice.id, { start: end, end: Math.min(slice.characters, end + WINDOW), version });
    text.append(...marked(part.text));
    end = part.span.end;
    return end < slice.characters;
  });
  view.replaceChildren(bar(slice, client, span), element("h1", { dir: "auto" }, nameOf(slice)), facts(slice, span), ...(figure ? [figure] : []), earlier, text, later);
  if (figure) {
    window.scrollTo(0, 0);
    figure.tabIndex = -1;
    figure.focus({ preventScroll: true });
  } else if (mark) {
    mark.tabIndex = -1;
    mark.scrollIntoView({ block: "center" });
    mark.focus({ preventScroll: true });
  } else {
    window.scrollTo(0, 0);
  }
}

function facts(slice, span) {
  const parts = [nameOf(slice) === slice.id ? null : slice.id, `${slice.characters.toLocaleString("en")} characters`];
  if (span) parts.push(`highlighted: ${span.start.toLocaleString("en")}–${span.end.toLocaleString("en")}`);
  const said = parts.filter(Boolean).map((part) => element("span", { dir: "auto" }, part));
  if (/^https?:\/\//i.test(slice.uri || "")) {
    said.push(element("span", {}, element("a", { href: slice.uri, rel: "noreferrer noopener", dir: "auto" }, slice.uri)));
  } else if (slice.uri) {
    said.push(element("span", { dir: "auto" }, slice.uri));
  }
  return element("p", { class: "facts" }, ...said);
}

function bar(slice, client, span) {
  const back = element("button", { type: "button" }, "← Back");
  back.addEventListener("click", () => (history.length > 1 ? history.back() : (location.hash = "#/")));
  const made = element("div", { class: "bar" }, back, element("span", { class: "spring" }));
  if (!slice) return made;
  const said = element("span", { class: "said", role: "status" });
  const copy = element("button", { type: "button" }, "Copy link");
  copy.addEventListener("click", async () => {
    const link = new URL(documentLink("", client.collection, slice.id, { ...span, version: slice.content_hash }), location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "Copy it from the address bar.";
      location.replace(link);
    }
  });
  made.append(said, copy);
  return made;
}

function further(words, wanted, load) {
  const button = element("button", { type: "button", class: "further" }, words);
  button.hidden = !wanted;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      button.hidden = !(await load());
    } catch (error) {
      button.textContent = error.message;
    }
    button.disabled = false;
  });
  return button;
}

function failed(view, error, id, collection) {
  const notice = element("div", { class: "notice", role: "alert" });
  if (error.kind === "version-conflict") {
    notice.append(
      element("strong", {}, "The document has changed since this link was made."),
      element("p", {}, "What the link pointed at may have moved or gone, so nothing is highlighted."),
      element("a", { class: "button", href: documentLink("", collection, id) }, "Open the document as it is now"));
  } else {
    notice.append(element("strong", {}, error.title || "The document cannot be shown."), element("p", { dir: "auto" }, error.message));
  }
  view.replaceChildren(bar(), notice);
  document.title = "Spanwise";
}

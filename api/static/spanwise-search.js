/**
 * <spanwise-search endpoint="https://search.example.org" collection="handbook" placeholder="Ask the handbook">
 *
 * A search box over a Spanwise server: passages and completions while you type, the answer on Enter. Embed it with
 * <script type="module" src="https://search.example.org/static/spanwise-search.js"></script>. Colours and type follow
 * CSS variables (`--spanwise-accent`, `--spanwise-mark`, … : see docs/http.md). Events: `spanwise-ask` and `spanwise-error`.
 *
 * Everything that came from a server enters the page with `textContent`; nothing here writes HTML.
 */

import { Spanwise, codePointLength, documentLink, nameOf, utf16Offset } from "./client.js";

const TYPING_PAUSE = 160;
const PASSAGES = 6;
const COMPLETIONS = 4;
const WORTH_SHOWING = 0.1;
/** Words too common to be made strong. */
const COMMON = new Set("about and are can did does for from had has have how into its not that the their them then there they this was were what when where which who whom whose why will with you your".split(" "));

export class SpanwiseSearch extends HTMLElement {
  static observedAttributes = ["endpoint", "collection", "placeholder", "label"];

  #client = new Spanwise();
  #input; #ghost; #list; #status; #result; #clear;
  #timer = 0;
  #pending = null;
  #active = -1;
  #hits = [];
  #completions = [];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [sheet];
    this.#input = element("input", {
      class: "question", id: "question", type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", dir: "auto",
      maxlength: "1000", enterkeyhint: "search", "aria-autocomplete": "both", "aria-controls": "suggestions",
      "aria-expanded": "false", "aria-haspopup": "listbox",
    });
    this.#ghost = element("span", { class: "ghost", "aria-hidden": "true" });
    this.#clear = element("button", { type: "button", class: "clear", "aria-label": "Clear the question", hidden: "" }, "×");
    this.#list = element("ul", { id: "suggestions", role: "listbox", "aria-label": "Passages and completions", hidden: "" });
    this.#status = element("p", { class: "said", role: "status", "aria-live": "polite" });
    this.#result = element("section", { class: "result", "aria-label": "Answer", tabindex: "-1" });
    const field = element("div", { class: "field" }, element("span", { class: "glass", "aria-hidden": "true" }),
      element("span", { class: "typed" }, this.#ghost, this.#input), this.#clear);
    root.append(
      element("form", { role: "search", class: "box" }, field, this.#list),
      this.#status, this.#result,
    );
    root.querySelector("form").addEventListener("submit", (event) => this.#submitted(event));
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("blur", () => this.#collapse());
    this.#clear.addEventListener("click", () => this.reset());
    root.addEventListener("keydown", (event) => this.#key(event));
  }

  connectedCallback() {
    this.attributeChangedCallback();
    document.addEventListener("keydown", this.#slash);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#slash);
    this.#cancel();
  }

  attributeChangedCallback() {
    this.#client = new Spanwise(this.getAttribute("endpoint") || "", {
      collection: this.getAttribute("collection") || "default", key: this.#client.key,
    });
    const placeholder = this.getAttribute("placeholder") || "Ask a question";
    this.#input.placeholder = placeholder;
    this.#input.setAttribute("aria-label", this.getAttribute("label") || placeholder);
  }

  /** An API key, for servers that want one. Kept in memory only. */
  set key(key) { this.#client.key = key || null; }

  get question() { return this.#input.value; }

  focus() { this.#input.focus(); this.#input.select(); }

  /** Forget the question and its answer. */
  reset() {
    this.#cancel();
    this.#input.value = "";
    this.#clear.hidden = true;
    this.#collapse();
    this.#say("");
    replace(this.#result);
    this.#input.focus();
  }

  /** Ask `question` and show what is found. */
  async ask(question = this.#input.value) {
    this.#input.value = question;
    this.#clear.hidden = !question;
    question = question.trim();
    if (!question) return;
    const signal = this.#cancel();
    this.#collapse();
    this.#say("Reading…");
    replace(this.#result, skeleton());
    this.#result.setAttribute("aria-busy", "true");
    this.dispatchEvent(new CustomEvent("spanwise-ask", { detail: { question }, bubbles: true, composed: true }));
    try {
      const result = await this.#client.ask(question, { topK: 4, signal });
      this.#show(result);
    } catch (error) {
      this.#failed(error, () => this.ask(question));
    }
  }

  // While you type.

  #typed() {
    this.#completions = [];
    this.#haunt();
    this.#clear.hidden = !this.#input.value;
    this.#cancel();
    if (!this.#input.value.trim()) { this.#collapse(); this.#say(""); return; }
    this.#timer = setTimeout(() => this.#suggest(), TYPING_PAUSE);
  }

  async #suggest() {
    const typed = this.#input.value;
    const query = typed.trim();
    const signal = this.#cancel();
    try {
      const [{ hits, corrected = {} }, { suggestions }] = await Promise.all([
        this.#client.search(query, { topK: PASSAGES, prefix: !/\s$/.test(typed), signal }),
        this.#client.suggest(typed, { limit: COMPLETIONS, signal }).catch((error) => {
          if (error.name === "AbortError") throw error;
          return { suggestions: [] }; // an older server has none
        }),
      ]);
      this.#hits = hits;
      this.#completions = suggestions;
      this.#active = -1;
      replace(this.#list, ...hits.map((hit, at) => this.#suggestion(hit, at)),
        ...(suggestions.length ? [element("li", { role: "group", class: "completions", "aria-label": "Completions" },
          ...suggestions.map((one, at) => this.#completion(one, at)))] : []));
      this.#list.dataset.query = query;
      if (this.#list.children.length) this.#expand(); else this.#collapse();
      this.#haunt();
      const also = Object.values(corrected);
      this.#say([also.length ? `Searched also for ${also.join(", ")}.` : "",
        hits.length ? `${counted(hits.length, "passage")}. Enter answers the question, arrows choose.`
          : "Nothing found yet. Enter asks the question all the same.",
        suggestions.length ? `${this.#forward() === "ArrowRight" ? "Right" : "Left"} arrow completes: ${suggestions[0].text}.` : ""].filter(Boolean).join(" "));
    } catch (error) {
      this.#failed(error, () => this.#suggest());
    }
  }

  #suggestion(hit, at) {
    const item = element("li", { role: "option", id: `passage-${at}`, "aria-selected": "false", dir: "auto" },
      element("span", { class: "words" }, ...excerpt(hit, 170)),
      element("span", { class: "where" }, where(hit)));
    item.addEventListener("pointerdown", (event) => event.preventDefault());
    item.addEventListener("click", () => this.#open(hit));
    return item;
  }

  #completion({ text }, at) {
    const item = element("span", { role: "option", class: "completion", id: `completion-${at}`, "aria-selected": "false", dir: "auto" }, text);
    item.addEventListener("pointerdown", (event) => event.preventDefault());
    item.addEventListener("click", () => this.#complete(text));
    return item;
  }

  /** Put a completion into the field and look what it finds. */
  #complete(text) {
    this.#input.value = text;
    this.#input.setSelectionRange(text.length, text.length);
    this.#input.scrollLeft = this.#input.scrollWidth;
    this.#completions = [];
    this.#haunt();
    this.#suggest();
  }

  /** Show, behind what was typed, how the first completion goes on, where it begins alike and there is room. */
  #haunt() {
    const typed = this.#input.value;
    const text = this.#completions[0]?.text ?? "";
    const alike = typed && text.length > typed.length && text.slice(0, typed.length).toLowerCase() === typed.toLowerCase();
    this.#ghost.dir = getComputedStyle(this.#input).direction;
    replace(this.#ghost, ...(alike ? [element("span", { class: "unseen" }, typed), text.slice(typed.length)] : []));
    if (this.#ghost.scrollWidth > this.#ghost.clientWidth) replace(this.#ghost);
  }

  #open(hit) {
    this.#collapse();
    location.href = this.#link(hit.document, hit.passage);
  }

  #link(reference, span) {
    return documentLink(this.#client.endpoint, this.#client.collection, reference.id,
      { start: span.start, end: span.end, version: reference.content_hash });
  }

  // The answer.

  #show(result) {
    this.#result.removeAttribute("aria-busy");
    const [best, ...others] = result.answers;
    if (!best) {
      const [why = "Nothing in the documents is near the question."] = result.warnings ?? [];
      this.#say(why);
      replace(this.#result, element("article", { class: "answer none" },
        element("h2", {}, "Nothing was found."), element("p", { class: "caution", dir: "auto" }, why)));
      return;
    }
    const sure = certainty(result.answerable, best.probability);
    this.#say(result.answerable ? `Answer, ${sure.words}: ${best.text}` : "Not in these documents.");
    const parts = result.answerable
      ? [this.#answer(result.question, best, sure, result), this.#more("Other answers", others.filter((one) => one.probability >= WORTH_SHOWING).map((one) => this.#place(one)))]
      : [silence(sure, result, this.#judging(result.question, "Is that so?", { absent: "Right, they do not" })), this.#more("The nearest passages", eachPassage(result.answers).map((one) => this.#passage(one)))];
    replace(this.#result, ...parts.filter(Boolean));
    if (result.answerable) this.#support(best);
  }

  #answer(question, answer, sure, result) {
    const { text, range } = sentenceAround(answer.passage.text, utf16Range(answer));
    return element("article", { class: "answer" },
      element("p", { class: `sure ${sure.level}` }, element("span", { class: "dot", "aria-hidden": "true" }), sure.words),
      element("h2", { dir: "auto", class: answer.text.length > 60 ? "long" : "" }, answer.text),
      ...notes(result),
      element("blockquote", { dir: "auto" }, ...marked(text, { range })),
      element("p", { class: "source" },
        element("a", { class: "go", href: this.#link(answer.document, answer.span) }, "Read it in ",
          element("span", { dir: "auto" }, nameOf(answer.document))),
        element("span", { class: "where" }, ...details(answer)), this.#copying(answer, text)),
      this.#judging(question, "Is this right?", { right: "Right", wrong: "Wrong" }, answer),
      element("div", { class: "agreeing" }));
  }

  /** The other places that say the same; their words are read from the documents. */
  async #support(answer) {
    const home = this.#result.querySelector(".agreeing");
    if (!answer.support.length || !home) return;
    const shown = answer.support.slice(0, 5);
    const found = await Promise.allSettled(shown.map((place) =>
      this.#client.document(place.document_id, { start: Math.max(0, place.start - 90), end: place.end })));
    const items = found.flatMap((slice, at) => slice.status === "fulfilled" ? [this.#agreeing(shown[at], slice.value)] : []);
    if (!items.length) return;
    const words = answer.support.length === 1 ? "One other place agrees" : `${answer.support.length} other places agree`;
    replace(home, element("h3", {}, words), element("ul", { class: "places" }, ...items));
  }

  #agreeing(place, slice) {
    const at = utf16Offset(slice.text, place.start - slice.span.start);
    const lead = slice.text.slice(0, at).replace(/^\S*\s/, "");
    const range = [lead.length, lead.length + slice.text.length - at];
    return element("li", {}, element("a", { class: "go", dir: "auto", href: this.#link(slice, place) },
      element("span", { class: "words" }, "… ", ...marked(lead + slice.text.slice(at), { range })),
      element("span", { class: "where" }, nameOf(slice))));
  }

  #place(answer) {
    const { text, range } = sentenceAround(answer.passage.text, utf16Range(answer));
    return element("li", {}, element("a", { class: "go", dir: "auto", href: this.#link(answer.document, answer.span) },
      element("span", { class: "words" }, ...marked(text, { range })),
      element("span", { class: "where" }, `${where(answer)} · ${certainty(true, answer.probability).words}`)));
  }

  #passage(answer) {
    return element("li", {}, element("a", { class: "go", dir: "auto", href: this.#link(answer.document, answer.passage) },
      element("span", { class: "words" }, ...marked(shortened(answer.passage.text, this.question, 260), { words: wordsOf(this.question) })),
      element("span", { class: "where" }, where(answer))));
  }

  /** A button that copies the sentence with its source and an address that leads back to the words. */
  #copying(answer, sentence) {
    const said = element("span", { role: "status" });
    const button = element("button", { type: "button", class: "copy" }, "Copy quotation");
    button.addEventListener("click", async () => {
      const source = [nameOf(answer.document), answer.page == null ? null : `page ${answer.page}`];
      const address = new URL(this.#link(answer.document, answer.span), location.href).href;
      try {
        await navigator.clipboard.writeText(`“${sentence.replace(LINK, "$1").trim()}” — ${source.filter(Boolean).join(", ")}, ${address}`);
        said.textContent = "Copied.";
      } catch {
        said.textContent = "This page may not copy; select the words instead."; // no https, or a frame without the right to
      }
    });
    return element("span", { class: "copying" }, button, said);
  }

  /** Buttons that keep what the reader thinks of the answer; shown where the element has the attribute `feedback`. */
  #judging(question, words, verdicts, answer = null) {
    const said = element("span", { role: "status" }, words);
    const row = element("p", { class: "judging" }, said);
    for (const [verdict, label] of Object.entries(verdicts)) {
      const button = element("button", { type: "button", "aria-pressed": "false" }, label);
      button.addEventListener("click", async () => {
        try {
          await this.#client.feedback(question, verdict, answer);
          row.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
          said.textContent = "Kept, thank you.";
        } catch (error) {
          said.textContent = error.kind === "version-conflict" ? "The document has changed since; ask again." : error.message;
        }
      });
      row.append(button);
    }
    return row;
  }

  #more(title, items) {
    return items.length ? element("section", { class: "more" }, element("h3", {}, title), element("ul", { class: "places" }, ...items)) : null;
  }

  #absence() {
    return element("article", { class: "answer none" },
      element("h2", {}, "Nothing to read yet"),
      element("p", {}, "There is no collection “", element("b", { dir: "auto" }, this.#client.collection), "”. Adding documents makes it: ",
        element("code", {}, "spanwise add PATH"), " or POST /v1/documents."));
  }

  #failed(error, again) {
    if (error.name === "AbortError") return;
    this.#result.removeAttribute("aria-busy");
    this.#collapse();
    this.#say("");
    this.dispatchEvent(new CustomEvent("spanwise-error", { detail: { error }, bubbles: true, composed: true }));
    const button = element("button", { type: "button", class: "again" }, "Try again");
    button.addEventListener("click", again);
    const body = error.kind === "collection-not-found" ? this.#absence() : element("article", { class: "answer none failed", role: "alert" },
      element("h2", {}, error.title || "Something went wrong"), element("p", { dir: "auto" }, error.message), button);
    replace(this.#result, body);
  }

  // Keys.

  #slash = (event) => {
    const at = event.composedPath()[0];
    const typing = at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName));
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && this.offsetParent) {
      event.preventDefault();
      this.focus();
    }
  };

  #key(event) {
    if (event.isComposing) return;
    const inField = event.target === this.#input;
    if (event.key === "Escape") this.#escape(event, inField);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (inField && !this.#list.hidden) this.#choose(this.#active + step);
      else this.#walk(step);
      event.preventDefault();
    } else if (inField && event.key === this.#forward() && !event.shiftKey && this.#completions.length && !this.#list.hidden
      && this.#input.selectionStart === this.#input.value.length) {
      event.preventDefault();
      this.#complete(this.#completions[0].text);
    }
  }

  #forward() { return getComputedStyle(this.#input).direction === "rtl" ? "ArrowLeft" : "ArrowRight"; }

  #escape(event, inField) {
    event.preventDefault();
    if (!inField) this.focus();
    else if (!this.#list.hidden) { this.#cancel(); this.#collapse(); }
    else this.reset();
  }

  /** Choose a suggestion; one step past either end is the field itself. */
  #choose(at) {
    const items = [...this.#list.querySelectorAll("[role=option]")];
    this.#active = at < -1 ? items.length - 1 : at >= items.length ? -1 : at;
    items.forEach((item, one) => item.setAttribute("aria-selected", String(one === this.#active)));
    const chosen = items[this.#active];
    if (chosen) { this.#input.setAttribute("aria-activedescendant", chosen.id); chosen.scrollIntoView({ block: "nearest" }); }
    else this.#input.removeAttribute("aria-activedescendant");
  }

  /** Walk from the field through the links of the answer and back. */
  #walk(step) {
    const stops = [this.#input, ...this.#result.querySelectorAll("a.go, .again")];
    const next = stops[stops.indexOf(this.shadowRoot.activeElement) + step];
    next?.focus();
  }

  #submitted(event) {
    event.preventDefault();
    const chosen = this.#list.hidden || this.#active < 0 ? null : this.#active;
    if (chosen === null) this.ask();
    else if (chosen < this.#hits.length) this.#open(this.#hits[chosen]);
    else this.ask(this.#completions[chosen - this.#hits.length].text);
  }

  #expand() { this.#list.hidden = false; this.#input.setAttribute("aria-expanded", "true"); }

  #collapse() {
    this.#list.hidden = true;
    replace(this.#ghost);
    this.#active = -1;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  /** Give up what is being asked; an answer that was waited for does not come any more. */
  #cancel() {
    clearTimeout(this.#timer);
    this.#pending?.abort();
    if (this.#result.hasAttribute("aria-busy")) { this.#result.removeAttribute("aria-busy"); replace(this.#result); }
    this.#pending = new AbortController();
    return this.#pending.signal;
  }

  #say(words) { this.#status.textContent = words; }
}

function utf16Range(answer) {
  const { text, start } = answer.passage;
  return [utf16Offset(text, answer.span.start - start), utf16Offset(text, answer.span.end - start)];
}

function notes({ warnings = [], corrected = {} }) {
  const also = Object.values(corrected).join(", ");
  return [...warnings.map((warning) => element("p", { class: "caution", dir: "auto" }, warning)),
    ...(also ? [element("p", { class: "also" }, "Searched also for ", element("b", { dir: "auto" }, also), ".")] : [])];
}

/** The first of the answers of each passage. */
function eachPassage(answers) {
  const same = (one, other) => one.document.id === other.document.id && one.passage.start === other.passage.start;
  return answers.filter((one, number) => answers.findIndex((other) => same(one, other)) === number);
}

function silence(sure, result, judging) {
  return element("article", { class: "answer none" },
    element("p", { class: `sure ${sure.level}` }, element("span", { class: "dot", "aria-hidden": "true" }), sure.words),
    element("h2", {}, "The documents do not seem to say."),
    ...notes(result),
    element("p", {}, "Nothing in them answers the question well enough to be shown as an answer. Try other words, or look at what comes nearest."),
    judging);
}

function details(found) {
  const parts = [headings(found), found.page == null ? null : `page ${found.page}`,
    `characters ${found.span.start.toLocaleString("en")}–${found.span.end.toLocaleString("en")}`];
  return parts.filter(Boolean).map((part) => element("span", { dir: "auto" }, part));
}

function where(found) {
  return [nameOf(found.document), headings(found), found.page == null ? null : `page ${found.page}`].filter(Boolean).join(" · ");
}

/** The headings above, without the first where it is the document's title, which is said beside them. */
function headings({ heading, document: { title } }) {
  if (!heading || !title) return heading;
  return heading === title ? null : heading.startsWith(`${title} › `) ? heading.slice(title.length + 3) : heading;
}

function wordsOf(query) {
  return (query.match(/[\p{L}\p{N}]+/gu) || []).filter((word) => codePointLength(word) > 2 && !COMMON.has(word.toLowerCase()));
}

function counted(number, noun) { return `${number} ${noun}${number === 1 ? "" : "s"}`; }

function skeleton() {
  const lines = ["short", "wide", "wide", "half"].map((width) => element("span", { class: width }));
  return element("div", { class: "skeleton", "aria-hidden": "true" }, ...lines);
}

// ── Elements. They can only hold text: there is no way to hand them HTML. ─────────────────────────────────────────────

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
 * `text` as nodes that together say exactly `text`: the brackets of Markdown links are set apart to be dimmed or hidden,
 * `words` and `ranges` are made strong, and `range` becomes one `<mark>`. Ranges are in UTF-16 code units, in order.
 */
export function marked(text, { words = [], range = null, ranges = [] } = {}) {
  const pieces = [];
  let from = 0;
  for (const link of text.matchAll(LINK)) {
    const behind = link.index + 1 + link[1].length;
    pieces.push([from, link.index, false], [link.index, link.index + 1, true], [link.index + 1, behind, false]);
    from = link.index + link[0].length;
    pieces.push([behind, from, true]);
  }
  pieces.push([from, text.length, false]);
  const between = (first, last) => pieces.flatMap(([start, end, quiet]) => {
    const part = text.slice(Math.max(start, first), Math.max(Math.min(end, last), Math.max(start, first)));
    return !part ? [] : quiet ? [element("span", { class: "markup" }, part)] : strong(part, words);
  });
  if (ranges.length) {
    let behind = 0;
    const nodes = [];
    for (const [start, end] of ranges) {
      nodes.push(...between(behind, start), element("b", {}, ...between(start, end)));
      behind = end;
    }
    return [...nodes, ...between(behind, text.length)];
  }
  if (!range) return between(0, text.length);
  const [start, end] = range;
  return [...between(0, start), element("mark", {}, ...between(start, end)), ...between(end, text.length)];
}

function strong(text, words) {
  if (!words.length) return [text];
  const wanted = new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join("|")})`, "giu");  // words are letters and digits only
  const nodes = [];
  let from = 0;
  for (const hit of text.matchAll(wanted)) {
    nodes.push(text.slice(from, hit.index), element("b", {}, hit[0]));
    from = hit.index + hit[0].length;
  }
  return [...nodes, text.slice(from)].filter((node) => node !== "");
}

// ── Results in words. ────────────────────────────────────────────────────────────────────────────────────────────────

/** How sure an answer is, in words; the bounds are those of the IPCC's guidance on “likely” and “very likely” (2010). */
function certainty(answerable, probability) {
  if (!answerable) return { level: "none", words: "Not in these documents" };
  if (probability >= 0.9) return { level: "high", words: "Very likely" };
  if (probability >= 0.66) return { level: "good", words: "Likely" };
  return { level: "low", words: "Unsure" };
}

const LONGEST = 420;
const ABBREVIATION = /(?:\b\p{L}\.|\b\p{Lu}\p{L}{1,3}\.)\s*$/u;

/** The sentence of `text` that holds the range, cut where it is very long, and the range in it. */
function sentenceAround(text, [start, end]) {
  let from = 0;
  let to = text.length;
  for (const [first, last] of sentences(text)) {
    if (last <= start) from = last;
    if (first >= end) { to = first; break; }
  }
  let before = text.slice(from, start).trimStart();
  let after = text.slice(end, to).trimEnd();
  const room = Math.max(60, (LONGEST - (end - start)) / 2);
  if (before.length > room) before = `… ${before.slice(-room).replace(/^\S*\s/, "")}`;
  if (after.length > room) after = `${after.slice(0, room).replace(/\s\S*$/, "")} …`;
  return { text: before + text.slice(start, end) + after, range: [before.length, before.length + end - start] };
}

/** About `length` characters of a hit's passage around what matched first, as nodes; what matched is strong. */
function excerpt(hit, length) {
  const text = hit.passage.text;
  const shift = hit.span_utf16.start;
  const found = hit.highlights.map(({ span_utf16: { start, end } }) => [start - shift, end - shift]);
  const first = found.length ? found[0][0] : 0;
  let from = 0;
  if (first > length * 0.6) {
    from = first - Math.round(length * 0.35);
    const gap = text.slice(from, first).search(/\s/);
    from = gap < 0 ? first : from + gap;
  }
  let to = Math.min(text.length, Math.max(from + length, found.length ? found[0][1] : 0));
  if (to < text.length) to = Math.max(from + text.slice(from, to).replace(/\s\S*$/, "").length, found.length ? found[0][1] : 0);
  const ranges = found.filter(([start, end]) => start >= from && end <= to).map(([start, end]) => [start - from, end - from]);
  return [from ? "… " : "", ...marked(text.slice(from, to), { ranges }), to < text.length ? " …" : ""].filter((node) => node !== "");
}

/** About `length` characters of `text` around the first word of `query`, on one line. */
function shortened(text, query, length) {
  const flat = text.replace(/\s+/g, " ").trim();
  if (flat.length <= length) return flat;
  const words = (query.match(/[\p{L}\p{N}]{4,}/gu) || []).map((word) => flat.toLowerCase().indexOf(word.toLowerCase()));
  const first = Math.min(...words.filter((at) => at >= 0), flat.length);
  const start = first === flat.length || first < length * 0.6 ? 0 : first - Math.round(length * 0.35);
  let cut = flat.slice(start, start + length).replace(/\s\S*$/, "");
  if (start) cut = `… ${cut.replace(/^\S*\s/, "")}`;
  return start + length < flat.length ? `${cut} …` : cut;
}

/** Sentences as ranges; no break behind an abbreviation such as `Feb.` or `U.S.`. */
function* sentences(text) {
  let first = 0;
  for (const { index, segment } of new Intl.Segmenter(undefined, { granularity: "sentence" }).segment(text)) {
    if (ABBREVIATION.test(segment) && index + segment.length < text.length) continue;
    yield [first, index + segment.length];
    first = index + segment.length;
  }
  if (first < text.length) yield [first, text.length];
}

// ── How it looks. ────────────────────────────────────────────────────────────────────────────────────────────────────

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --ink: var(--spanwise-ink, #211d18); --quiet: var(--spanwise-quiet, #6a6257); --surface: var(--spanwise-surface, #fffdf9);
  --line: var(--spanwise-line, #e3dbcd); --accent: var(--spanwise-accent, #17594a); --mark: var(--spanwise-mark, #ffe27a);
  --mark-ink: var(--spanwise-mark-ink, #211d18); --shade: var(--spanwise-shade, #f4eee3);
  --good: #1d7a4f; --fair: #7a6a12; --poor: #a4540d; --none: #6a6257; --shadow: 0 1px 2px #0000000a, 0 12px 32px -12px #3a2d1433;
  --text: var(--spanwise-text, ui-serif, "Iowan Old Style", "Palatino Linotype", Palatino, "Noto Serif", Georgia, serif);
  --ui: var(--spanwise-ui, system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif);
  display: block; color: var(--ink); font: 1rem/1.55 var(--ui); text-align: start;
}
@media (prefers-color-scheme: dark) { :host {
  --ink: var(--spanwise-ink, #ece7dd); --quiet: var(--spanwise-quiet, #a69e91); --surface: var(--spanwise-surface, #1d2024);
  --line: var(--spanwise-line, #33373d); --accent: var(--spanwise-accent, #8fd6bf); --mark: var(--spanwise-mark, #7d6212);
  --mark-ink: var(--spanwise-mark-ink, #fff4cf); --shade: var(--spanwise-shade, #272b30);
  --good: #7ed6a5; --fair: #dcc65a; --poor: #f0a868; --none: #a69e91; --shadow: 0 16px 40px -12px #000c;
} }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.box { position: relative; margin: 0; }
.field { display: flex; align-items: center; gap: .75rem; background: var(--surface); border: 1px solid var(--line); border-radius: 1rem;
  padding: 0 .6rem 0 1.1rem; box-shadow: var(--shadow); transition: border-color .15s; }
.field:focus-within { border-color: var(--accent); outline: 3px solid color-mix(in srgb, var(--accent) 22%, transparent); }
.glass { flex: none; inline-size: .95rem; block-size: .95rem; border: 2px solid var(--quiet); border-radius: 50%; position: relative; margin-bottom: .2rem; }
.glass::after { content: ""; position: absolute; inset-inline-start: 82%; top: 88%; width: .5rem; height: 2px; background: var(--quiet); transform: rotate(45deg); transform-origin: left; border-radius: 1px; }
.typed { position: relative; flex: 1; min-width: 0; display: flex; }
.ghost { position: absolute; inset: 0; display: flex; align-items: center; overflow: hidden; white-space: pre; color: var(--quiet);
  font: 1.18rem/1.4 var(--ui); pointer-events: none; }
.ghost .unseen { visibility: hidden; }
.question { position: relative; flex: 1; min-width: 0; border: 0; outline: 0; background: none; color: inherit; font: 1.18rem/1.4 var(--ui); padding: 1rem 0; }
.question::placeholder { color: var(--quiet); opacity: 1; }
.clear { border: 0; background: none; color: var(--quiet); font: 1.5rem/1 var(--ui); inline-size: 2.4rem; block-size: 2.4rem; border-radius: .7rem; cursor: pointer; }
.clear:hover { background: var(--shade); }
button:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#suggestions { position: absolute; z-index: 5; inset-inline: 0; top: calc(100% + .5rem); margin: 0; padding: .4rem; list-style: none; background: var(--surface);
  border: 1px solid var(--line); border-radius: 1rem; box-shadow: var(--shadow); max-height: min(28rem, 62vh); overflow: auto; }
#suggestions li { padding: .6rem .75rem; border-radius: .7rem; cursor: pointer; }
#suggestions .completions { position: sticky; bottom: -.4rem; display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 -.4rem -.4rem; padding: .6rem 1rem;
  background: var(--surface); border-top: 1px solid var(--line); border-radius: 0; cursor: default; }
.completion { padding: .25rem .7rem; border: 1px solid var(--line); border-radius: 1rem; font-size: .92rem; overflow-wrap: anywhere; cursor: pointer; }
.completion:hover, .completion[aria-selected=true] { background: var(--shade); border-color: var(--accent); }
#suggestions li[role=option]:hover, #suggestions li[aria-selected=true] { background: var(--shade); }
#suggestions li[aria-selected=true] { box-shadow: inset 3px 0 var(--accent); }
.words { display: block; font-family: var(--text); overflow-wrap: anywhere; }
.words b { font-weight: 700; }
.where { display: block; color: var(--quiet); font-size: .84rem; margin-top: .15rem; overflow-wrap: anywhere; }
.said { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.result { margin-top: 1.6rem; outline: 0; }
.answer { background: var(--surface); border: 1px solid var(--line); border-radius: 1.25rem; padding: clamp(1.25rem, 4vw, 2.25rem); box-shadow: var(--shadow); animation: rise .28s ease-out; }
.sure { display: inline-flex; align-items: center; gap: .5rem; margin: 0; font-size: .88rem; font-weight: 600; letter-spacing: .01em; color: var(--tone); }
.sure.high { --tone: var(--good); } .sure.good { --tone: var(--fair); } .sure.low { --tone: var(--poor); } .sure.none { --tone: var(--none); }
.dot { inline-size: .6rem; block-size: .6rem; border-radius: 50%; background: currentColor; }
.sure.low .dot { background: linear-gradient(90deg, currentColor 50%, transparent 50%); border: 2px solid currentColor; }
.sure.none .dot { background: none; border: 2px solid currentColor; }
h2 { font: 500 clamp(2.1rem, 7vw, 3.4rem)/1.12 var(--text); letter-spacing: -.015em; margin: .5rem 0 1.1rem; overflow-wrap: anywhere; }
h2.long { font-size: clamp(1.5rem, 4vw, 2rem); line-height: 1.28; }
.none h2 { font-size: clamp(1.45rem, 4.4vw, 2rem); margin-bottom: .5rem; }
.none p:not(.sure) { color: var(--quiet); margin: 0; max-width: 60ch; }
blockquote { margin: 0; padding-inline-start: 1.1rem; border-inline-start: 3px solid var(--mark); font: 1.15rem/1.65 var(--text); overflow-wrap: anywhere; white-space: pre-line; }
mark { background: var(--mark); color: var(--mark-ink); padding: .06em .14em; border-radius: .22em; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
.markup { display: none; }
.answer p.caution { margin: 0 0 1rem; padding: .6rem .9rem; border-radius: .7rem; background: var(--shade); color: var(--ink); font-size: .95rem; }
.answer p.also { margin: 0 0 1rem; color: var(--quiet); font-size: .95rem; }
.source { margin: 1.3rem 0 0; font-size: .95rem; }
.copying { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin-top: .8rem; color: var(--quiet); font-size: .9rem; }
.source .where span + span::before { content: " · "; }
a { color: var(--accent); text-underline-offset: .2em; text-decoration-thickness: 1px; }
.source a { font-weight: 600; overflow-wrap: anywhere; }
h3 { font: 600 .82rem/1.3 var(--ui); letter-spacing: .02em; color: var(--quiet); margin: 1.9rem 0 .5rem; }
.answer p.judging { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin: 1.1rem 0 0; color: var(--quiet); font-size: .9rem; }
.judging button, .copy { font: 600 .86rem var(--ui); padding: .35rem .85rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--surface); color: var(--ink); cursor: pointer; }
.judging button:hover, .copy:hover { background: var(--shade); }
.judging button[aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: var(--surface); }
:host(:not([feedback])) .answer p.judging { display: none; }
.judging span { margin-inline-end: .3rem; }
.agreeing:not(:empty) { border-top: 1px solid var(--line); margin-top: 1.5rem; }
.agreeing h3 { margin-top: 1.1rem; }
.places { list-style: none; margin: 0; padding: 0; display: grid; gap: .15rem; }
.places a { display: block; padding: .65rem .85rem; margin-inline: -.85rem; border-radius: .8rem; color: inherit; text-decoration: none; }
.places a:hover, .places a:focus-visible { background: var(--shade); }
.more { padding-inline: clamp(0rem, 3vw, 1rem); }
.again { margin-top: 1.1rem; padding: .6rem 1.1rem; font: 600 .95rem var(--ui); color: var(--surface); background: var(--accent); border: 0; border-radius: .7rem; cursor: pointer; }
code { background: var(--shade); padding: .1em .35em; border-radius: .3em; font-size: .9em; }
.skeleton { display: grid; gap: .8rem; padding: clamp(1.25rem, 4vw, 2.25rem); border: 1px solid var(--line); border-radius: 1.25rem; background: var(--surface); }
.skeleton span { block-size: 1rem; border-radius: .5rem; background: var(--shade); animation: breathe 1.4s ease-in-out infinite; }
.skeleton .short { inline-size: 35%; block-size: 2.4rem; } .skeleton .half { inline-size: 55%; }
@keyframes breathe { 50% { opacity: .45; } }
@keyframes rise { from { opacity: 0; transform: translateY(6px); } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
@media (max-width: 34rem) { .question { padding: .85rem 0; } .question, .ghost { font-size: 1.05rem; } .field { border-radius: .9rem; } .result { margin-top: 1.1rem; } }
@media (forced-colors: active) { mark { background: Highlight; color: HighlightText; } }
`);

customElements.define("spanwise-search", SpanwiseSearch);

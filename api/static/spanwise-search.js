/**
 * <spanwise-search endpoint="https://search.example.org" collection="handbook" placeholder="Ask the handbook">
 *
 * A search box over a Spanwise server: passages while you type, the answer on Enter. Embed it with
 * <script type="module" src="https://search.example.org/static/spanwise-search.js"></script>. Colours and type follow
 * CSS variables (`--spanwise-accent`, `--spanwise-mark`, … : see docs/http.md). Events: `spanwise-ask` and `spanwise-error`.
 *
 * Everything that came from a server enters the page with `textContent`; nothing here writes HTML.
 */

import { Spanwise, codePointLength, documentLink, utf16Offset } from "./client.js";
import { element, marked, replace } from "./elements.js";
import { certainty, sentenceAround, shortened } from "./wording.js";
import { sheet } from "./spanwise-search-style.js";

const TYPING_PAUSE = 160;
const SUGGESTIONS = 6;

export class SpanwiseSearch extends HTMLElement {
  static observedAttributes = ["endpoint", "collection", "placeholder", "label"];

  #client = new Spanwise();
  #input; #list; #status; #result; #clear;
  #timer = 0;
  #pending = null;
  #active = -1;
  #hits = [];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [sheet];
    this.#input = element("input", {
      class: "question", id: "question", type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", dir: "auto",
      maxlength: "1000", enterkeyhint: "search", "aria-autocomplete": "list", "aria-controls": "suggestions",
      "aria-expanded": "false", "aria-haspopup": "listbox",
    });
    this.#clear = element("button", { type: "button", class: "clear", "aria-label": "Clear the question", hidden: "" }, "×");
    this.#list = element("ul", { id: "suggestions", role: "listbox", "aria-label": "Passages", hidden: "" });
    this.#status = element("p", { class: "said", role: "status", "aria-live": "polite" });
    this.#result = element("section", { class: "result", "aria-label": "Answer", tabindex: "-1" });
    const field = element("div", { class: "field" }, element("span", { class: "glass", "aria-hidden": "true" }), this.#input, this.#clear);
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
    clearTimeout(this.#timer);
    this.#pending?.abort();
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
    this.#clear.hidden = !this.#input.value;
    clearTimeout(this.#timer);
    this.#pending?.abort();
    if (!this.#input.value.trim()) { this.#collapse(); this.#say(""); return; }
    this.#timer = setTimeout(() => this.#suggest(), TYPING_PAUSE);
  }

  async #suggest() {
    const query = this.#input.value.trim();
    const signal = this.#cancel();
    try {
      const { hits } = await this.#client.search(query, { topK: SUGGESTIONS, signal });
      this.#hits = hits;
      this.#active = -1;
      replace(this.#list, ...hits.map((hit, at) => this.#suggestion(hit, at, query)));
      if (hits.length) this.#expand(); else this.#collapse();
      this.#say(hits.length ? `${counted(hits.length, "passage")}. Enter answers the question, arrows choose a passage.`
        : "Nothing found yet. Enter asks the question all the same.");
    } catch (error) {
      this.#failed(error, () => this.#suggest());
    }
  }

  #suggestion(hit, at, query) {
    const item = element("li", { role: "option", id: `passage-${at}`, "aria-selected": "false", dir: "auto" },
      element("span", { class: "words" }, ...marked(shortened(hit.passage.text, query, 170), wordsOf(query))),
      element("span", { class: "where" }, where(hit)));
    item.addEventListener("pointerdown", (event) => event.preventDefault());
    item.addEventListener("click", () => this.#open(hit));
    return item;
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
      this.#say("These documents are empty, or none is near the question.");
      replace(this.#result, this.#emptiness());
      return;
    }
    const sure = certainty(result.answerable, best.probability);
    this.#say(result.answerable ? `Answer, ${sure.words}: ${best.text}` : "Not in these documents.");
    const parts = result.answerable
      ? [this.#answer(best, sure), this.#more("Other answers", others.map((one) => this.#place(one)))]
      : [silence(sure), this.#more("The nearest passages", result.answers.map((one) => this.#passage(one)))];
    replace(this.#result, ...parts.filter(Boolean));
    if (result.answerable) this.#support(best);
  }

  #answer(answer, sure) {
    const { before, words, after } = sentenceAround(answer.passage.text, utf16Range(answer));
    return element("article", { class: "answer" },
      element("p", { class: `sure ${sure.level}` }, element("span", { class: "dot", "aria-hidden": "true" }), sure.words),
      element("h2", { dir: "auto", class: answer.text.length > 60 ? "long" : "" }, answer.text),
      element("blockquote", { dir: "auto" }, ...marked(before), element("mark", {}, words), ...marked(after)),
      element("p", { class: "source" },
        element("a", { class: "go", href: this.#link(answer.document, answer.span) }, "Read it in ",
          element("span", { dir: "auto" }, answer.document.title || answer.document.id)),
        element("span", { class: "where" }, ...details(answer))),
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
    return element("li", {}, element("a", { class: "go", dir: "auto", href: this.#link(slice, place) },
      element("span", { class: "words" }, "… ", ...marked(lead), element("mark", {}, slice.text.slice(at))),
      element("span", { class: "where" }, slice.title || slice.id)));
  }

  #place(answer) {
    const { before, words, after } = sentenceAround(answer.passage.text, utf16Range(answer));
    return element("li", {}, element("a", { class: "go", dir: "auto", href: this.#link(answer.document, answer.span) },
      element("span", { class: "words" }, ...marked(before), element("mark", {}, words), ...marked(after)),
      element("span", { class: "where" }, `${where(answer)} · ${certainty(true, answer.probability).words}`)));
  }

  #passage(answer) {
    return element("li", {}, element("a", { class: "go", dir: "auto", href: this.#link(answer.document, answer.passage) },
      element("span", { class: "words" }, ...marked(shortened(answer.passage.text, this.question, 260), wordsOf(this.question))),
      element("span", { class: "where" }, where(answer))));
  }

  #more(title, items) {
    return items.length ? element("section", { class: "more" }, element("h3", {}, title), element("ul", { class: "places" }, ...items)) : null;
  }

  #emptiness() {
    return element("article", { class: "answer none" },
      element("h2", {}, "Nothing to read yet"),
      element("p", {}, "The collection “", element("b", { dir: "auto" }, this.#client.collection), "” holds no documents. Add some with ",
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
    const body = error.kind === "collection-not-found" ? this.#emptiness() : element("article", { class: "answer none failed", role: "alert" },
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
    }
  }

  #escape(event, inField) {
    event.preventDefault();
    if (!inField) this.focus();
    else if (!this.#list.hidden) { this.#cancel(); this.#collapse(); }
    else this.reset();
  }

  /** Choose a suggestion; one step past either end is the field itself. */
  #choose(at) {
    const items = [...this.#list.children];
    this.#active = at < -1 ? items.length - 1 : at >= items.length ? -1 : at;
    items.forEach((item, one) => item.setAttribute("aria-selected", String(one === this.#active)));
    const chosen = items[this.#active];
    if (chosen) { this.#input.setAttribute("aria-activedescendant", chosen.id); chosen.scrollIntoView({ block: "nearest" }); }
    else this.#input.removeAttribute("aria-activedescendant");
  }

  /** Walk from the field through the links of the answer and back. */
  #walk(step) {
    const stops = [this.#input, ...this.#result.querySelectorAll("a.go, button")];
    const next = stops[stops.indexOf(this.shadowRoot.activeElement) + step];
    next?.focus();
  }

  #submitted(event) {
    event.preventDefault();
    const chosen = this.#list.hidden ? null : this.#hits[this.#active];
    if (chosen) this.#open(chosen); else this.ask();
  }

  #expand() { this.#list.hidden = false; this.#input.setAttribute("aria-expanded", "true"); }

  #collapse() {
    this.#list.hidden = true;
    this.#active = -1;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#pending?.abort();
    this.#pending = new AbortController();
    return this.#pending.signal;
  }

  #say(words) { this.#status.textContent = words; }
}

function utf16Range(answer) {
  const { text, start } = answer.passage;
  return [utf16Offset(text, answer.span.start - start), utf16Offset(text, answer.span.end - start)];
}

function silence(sure) {
  return element("article", { class: "answer none" },
    element("p", { class: `sure ${sure.level}` }, element("span", { class: "dot", "aria-hidden": "true" }), sure.words),
    element("h2", {}, "The documents do not seem to say."),
    element("p", {}, "Nothing in them answers the question well enough to be shown as an answer. Try other words, or look at what comes nearest."));
}

function details(found) {
  const parts = [found.heading, found.page == null ? null : `page ${found.page}`,
    `characters ${found.span.start.toLocaleString("en")}–${found.span.end.toLocaleString("en")}`];
  return parts.filter(Boolean).map((part) => element("span", { dir: "auto" }, part));
}

function where(found) {
  return [found.document.title || found.document.id, found.heading, found.page == null ? null : `page ${found.page}`].filter(Boolean).join(" · ");
}

function wordsOf(query) {
  return (query.match(/[\p{L}\p{N}]+/gu) || []).filter((word) => codePointLength(word) > 2);
}

function counted(number, noun) { return `${number} ${noun}${number === 1 ? "" : "s"}`; }

function skeleton() {
  const lines = ["short", "wide", "wide", "half"].map((width) => element("span", { class: width }));
  return element("div", { class: "skeleton", "aria-hidden": "true" }, ...lines);
}

customElements.define("spanwise-search", SpanwiseSearch);

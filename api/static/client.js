/**
 * A client of the Spanwise HTTP API: an ES module without dependencies, used by the search box.
 *
 *     import { Spanwise } from "./client.js";
 *     const spanwise = new Spanwise("https://search.example.org", { collection: "handbook" });
 *     const result = await spanwise.ask("How many days of leave do I have?");
 */

/** What the server refused, as its problem document says it (RFC 9457); `status` 0 when it could not be reached. */
export class SpanwiseError extends Error {
  constructor(problem, retryAfter = null) {
    super(problem.detail || problem.title || "The request failed.");
    this.name = "SpanwiseError";
    this.status = problem.status;
    this.kind = (problem.type || "").replace("urn:spanwise:problem:", "");
    this.title = problem.title || "";
    this.errors = problem.errors || [];
    this.retryAfter = retryAfter;
  }
}

export class Spanwise {
  /** `endpoint` is where the server answers; empty means the server that this page came from. */
  constructor(endpoint = "", { collection = "default", key = null } = {}) {
    this.endpoint = endpoint.replace(/\/+$/, "");
    this.collection = collection;
    this.key = key;
  }

  /** `where` is a filter such as `{ year: { $gte: 2020 } }`. */
  ask(question, { topK = 3, where, signal } = {}) {
    return this.#send("POST", "/v1/ask", { question, top_k: topK, where, collection: this.collection }, signal);
  }

  /** Ways to go on from `text` that the documents know. */
  suggest(text, { limit = 8, signal } = {}) {
    const query = new URLSearchParams({ collection: this.collection, text, limit });
    return this.#send("GET", `/v1/suggest?${query}`, null, signal);
  }

  /** `options`: `mode`, `where`, `cursor` (`next` of the page before), `rerank`, `merge`, `sentences`, `explain`,
   * `prefix` (the last word may be unfinished, as while it is typed). */
  search(query, { topK = 10, signal, ...options } = {}) {
    return this.#send("POST", "/v1/search", { query, top_k: topK, ...options, collection: this.collection }, signal);
  }

  /** Keep whether an answer is `right` or `wrong`, or that the answer to a question is `absent` (no `answer` then). */
  feedback(question, verdict, answer = null) {
    const judged = answer && { document_id: answer.document.id, ...answer.span, content_hash: answer.document.content_hash };
    return this.#send("POST", "/v1/feedback", { question, verdict, collection: this.collection, ...judged });
  }

  /** A document, or the code points `start` to `end` of it; with `version`, of that content hash only (else a 409). */
  document(id, { start, end, version, signal } = {}) {
    const query = new URLSearchParams({ collection: this.collection });
    if (start != null) query.set("start", start);
    if (end != null) query.set("end", end);
    if (version) query.set("content_hash", version);
    return this.#send("GET", `/v1/documents/${encodedId(id)}?${query}`, null, signal);
  }

  /** A page of a PDF as a Blob (PNG), with the code points `start` to `end` highlighted. */
  async pageImage(id, page, { start, end, version, width, signal } = {}) {
    const query = new URLSearchParams({ collection: this.collection });
    if (start != null && end != null) { query.set("start", start); query.set("end", end); }
    if (version) query.set("content_hash", version);
    if (width) query.set("width", width);
    const response = await this.#fetch("GET", `/v1/pages/${page}/${encodedId(id)}?${query}`, null, signal);
    return response.blob();
  }

  /** Store files. `onProgress` hears the share that was sent, 0 to 1. Larger uploads give a job: see `job`. */
  upload(files, { onProgress } = {}) {
    const form = new FormData();
    for (const file of files) form.append("file", file, file.name);
    const query = new URLSearchParams({ collection: this.collection });
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch does not tell how much was sent
      request.open("POST", `${this.endpoint}/v1/files?${query}`);
      if (this.key) request.setRequestHeader("Authorization", `Bearer ${this.key}`);
      request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
      request.onerror = () => reject(unreachable());
      request.onload = () => {
        let answer = {};
        try { answer = JSON.parse(request.responseText); } catch { /* a proxy's own page */ }
        if (request.status < 400) resolve(answer);
        else reject(new SpanwiseError({ status: request.status, ...answer }));
      };
      request.send(form);
    });
  }

  /** The collections that may be read, and `scope`: read, write or admin. */
  collections() {
    return this.#send("GET", "/v1/collections");
  }

  /** How far the upload with that job id is. */
  job(id, { signal } = {}) {
    return this.#send("GET", `/v1/jobs/${encodeURIComponent(id)}`, null, signal);
  }

  /** Stop the upload with that job id; what was stored stays. */
  cancel(id) {
    return this.#send("DELETE", `/v1/jobs/${encodeURIComponent(id)}`);
  }

  async #send(method, route, body, signal) {
    return (await this.#fetch(method, route, body, signal)).json().catch(() => ({}));
  }

  async #fetch(method, route, body, signal) {
    const headers = { Accept: "application/json, image/png" };
    if (body) headers["Content-Type"] = "application/json";
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    let response;
    try {
      response = await fetch(this.endpoint + route, {
        method, headers, signal, body: body && JSON.stringify(body), credentials: "omit",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw unreachable();
    }
    if (response.ok) return response;
    const answer = await response.json().catch(() => ({}));
    throw new SpanwiseError({ status: response.status, ...answer }, Number(response.headers.get("Retry-After")) || null);
  }
}

function unreachable() {
  return new SpanwiseError({ status: 0, title: "No connection", detail: "The server cannot be reached." });
}

/** How many UTF-16 code units the first `codePoints` code points of `text` take: JavaScript counts those. */
export function utf16Offset(text, codePoints) {
  let offset = 0;
  for (let left = codePoints; left > 0 && offset < text.length; left -= 1) {
    offset += text.codePointAt(offset) > 0xffff ? 2 : 1;
  }
  return offset;
}

/** How many code points `text` has. */
export function codePointLength(text) {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The address of a span of a document in the page that the server gives; it can be shared. */
export function documentLink(endpoint, collection, id, { start, end, version } = {}) {
  const query = new URLSearchParams();
  if (start != null) query.set("start", start);
  if (end != null) query.set("end", end);
  if (version) query.set("version", version);
  if (collection !== "default") query.set("collection", collection);
  return `${endpoint.replace(/\/+$/, "")}/#/documents/${encodedId(id)}?${query}`;
}

/** What a document is called: its title, else its id with the characters of the file's name that ids escape ("~20" is a space). */
export function nameOf(document) {
  return document.title || document.id.replace(/(?:~[0-9A-F]{2})+/g, (escaped) => {
    try {
      return decodeURIComponent(escaped.replaceAll("~", "%"));
    } catch {
      return escaped;
    }
  });
}

function encodedId(id) {
  return id.split("/").map(encodeURIComponent).join("/");
}

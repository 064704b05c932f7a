/** The page: which of its two views the address asks for, the search box or a document. */

import { showDocument } from "./document-view.js";
import "./spanwise-search.js";
import { acceptFiles, offerUpload } from "./upload.js";

const KEY = "spanwise-key";
const search = document.getElementById("search");
const view = document.getElementById("document");
const box = document.querySelector("spanwise-search");
const keyForm = document.getElementById("key");
let reading = null;
let askedHere = "";

/** `#/documents/<id>?start=…`, `#/?q=…`: the path and the query behind the hash. */
function place() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  return { path, query: new URLSearchParams(query) };
}

function route() {
  const { path, query } = place();
  reading?.abort();
  const collection = query.get("collection") || "default";
  box.setAttribute("collection", collection);
  box.key = sessionStorage.getItem(KEY);
  const isDocument = path.startsWith("/documents/");
  search.hidden = isDocument;
  view.hidden = !isDocument;
  if (isDocument) {
    reading = new AbortController();
    const id = decodedId(path.slice("/documents/".length));
    showDocument(view, { id, query, collection, key: sessionStorage.getItem(KEY), signal: reading.signal, refused: askForKey });
    return;
  }
  document.title = "Spanwise";
  const question = query.get("q") || "";
  search.classList.toggle("asked", Boolean(question));
  if (question && question !== askedHere) { askedHere = question; box.ask(question); }
  else if (!question && askedHere) { askedHere = ""; box.reset(); }
  box.focus();
}

function decodedId(text) {
  try { return text.split("/").map(decodeURIComponent).join("/"); } catch { return text; }
}

function askForKey() {
  search.hidden = false;
  keyForm.hidden = false;
  document.getElementById("key-field").focus();
}

box.addEventListener("spanwise-ask", ({ detail }) => {
  askedHere = detail.question;
  search.classList.add("asked");
  document.title = `${detail.question} – Spanwise`;
  const query = new URLSearchParams({ q: detail.question });
  const collection = place().query.get("collection");
  if (collection) query.set("collection", collection);
  const address = `#/?${query}`;
  if (location.hash !== address) history.pushState(null, "", address);
});

box.addEventListener("spanwise-error", ({ detail }) => { if (detail.error.status === 401) askForKey(); });

keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, document.getElementById("key-field").value.trim());
  document.getElementById("key-field").value = "";
  keyForm.hidden = true;
  offerChanges();
  askedHere = "";
  route();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !view.hidden) history.length > 1 ? history.back() : (location.hash = "#/");
});

function access() {
  return { collection: place().query.get("collection") || "default", key: sessionStorage.getItem(KEY) };
}

/** What changes the collection: files, and marks on answers. */
async function offerChanges() {
  box.toggleAttribute("feedback", await offerUpload(access()));
}

acceptFiles(access, askForKey);
offerChanges();

window.addEventListener("hashchange", route);
window.addEventListener("popstate", () => { if (!view.hidden || place().path === "/" || place().path === "") route(); });
route();

/** The page of a PDF that a span stands on, as a picture with the words highlighted, and the pages around it. */

import { element, replace } from "./spanwise-search.js";

const MOST_PIXELS_WIDE = 2400;

/** A figure that shows the page, or null where the server cannot draw it. `slice` is of the document, `span` or null. */
export async function pageView(client, slice, span, signal) {
  let page = slice.page || 1;
  let words = "";
  try {
    if (span) {
      const answer = await client.document(slice.id, { ...span, version: slice.content_hash, signal });
      [page, words] = [answer.page, answer.text];
    }
    const picture = element("img");
    const where = element("span", { role: "status" });
    const back = element("button", { type: "button", "aria-label": "Previous page" }, "‹");
    const on = element("button", { type: "button", "aria-label": "Next page" }, "›");
    const show = async (number) => {
      const drawn = await client.pageImage(slice.id, number, { ...span, version: slice.content_hash, width: pixelsWide(), signal });
      const old = picture.src;
      picture.src = URL.createObjectURL(drawn);
      if (old) URL.revokeObjectURL(old);
      page = number;
      picture.alt = words ? `Page ${page}; where “${words.slice(0, 200)}” stands on it is highlighted` : `Page ${page}`;
      where.textContent = `Page ${page} of ${slice.pages}`;
      back.disabled = page <= 1;
      on.disabled = page >= slice.pages;
    };
    const turn = async (step) => {
      try { await show(page + step); } catch (error) { where.textContent = error.message; }
    };
    back.addEventListener("click", () => turn(-1));
    on.addEventListener("click", () => turn(1));
    await show(page);
    const figure = element("figure", { class: "page" });
    replace(figure, picture, element("figcaption", {}, back, where, on));
    return figure;
  } catch (error) {
    if (error.name === "AbortError" || error.status === 401 || error.kind === "version-conflict") throw error;
    return null; // its file was not kept: the text is shown alone
  }
}

function pixelsWide() {
  const wanted = Math.min(window.innerWidth, 900) * (window.devicePixelRatio || 1);
  return Math.min(MOST_PIXELS_WIDE, Math.max(400, Math.round(wanted / 100) * 100));
}

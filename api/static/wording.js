/** How results are put into words: how sure an answer is, the sentence around it, and short forms of passages. */

/** How sure an answer is, in words. The bounds are those that docs/http.md names. */
export function certainty(answerable, probability) {
  if (!answerable) return { level: "none", words: "Not in these documents" };
  if (probability >= 0.9) return { level: "high", words: "Very likely" };
  if (probability >= 0.7) return { level: "good", words: "Likely" };
  return { level: "low", words: "Unsure" };
}

const LONGEST = 420;
const ABBREVIATION = /(?:\b\p{L}\.|\b\p{Lu}\p{L}{1,3}\.)\s*$/u;

/** The sentence of `text` that holds the range, in three parts, cut where it is very long. */
export function sentenceAround(text, [start, end]) {
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
  return { before, words: text.slice(start, end), after };
}

/** About `length` characters of `text` around the first word of `query`, on one line. */
export function shortened(text, query, length) {
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

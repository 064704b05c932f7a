/** Files that are dropped on the page or chosen become documents. */

import { Spanwise } from "./client.js";
import { element } from "./spanwise-search.js";

const [section, choose, files, sent, said, drop] = ["upload", "choose", "files", "sent", "uploaded", "drop"].map((id) => document.getElementById(id));

/** Take files from now on; `access` says for which collection and with which key, `refused` is called on a 401. */
export function acceptFiles(access, refused) {
  let depth = 0;
  const holdsFiles = (event) => !section.hidden && event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => { if (holdsFiles(event)) { depth += 1; drop.hidden = false; } });
  document.addEventListener("dragleave", (event) => { if (holdsFiles(event) && (depth -= 1) <= 0) drop.hidden = true; });
  document.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    send([...event.dataTransfer.files], access(), refused);
  });
  choose.addEventListener("click", () => files.click());
  files.addEventListener("change", () => { send([...files.files], access(), refused); files.value = ""; });
}

/** Offer to add files where the key, or the want of one, allows that; whether it does. */
export async function offerUpload({ collection, key }) {
  const { scope } = await new Spanwise("", { collection, key }).collections().catch(() => ({}));
  const mayWrite = ["write", "admin"].includes(scope);
  section.hidden = !mayWrite;
  return mayWrite;
}

async function send(list, { collection, key }, refused) {
  if (!list.length) return;
  const client = new Spanwise("", { collection, key });
  sent.hidden = false;
  sent.value = 0;
  say(`Sending ${counted(list.length)} …`);
  try {
    const answer = await client.upload(list, { onProgress: (share) => { sent.value = share; } });
    if (answer.documents) finished(answer.documents.length, answer.failed);
    else await follow(client, answer);
  } catch (error) {
    say(error.message);
    if (error.status === 401) refused();
  }
  sent.hidden = true;
}

/** Say how far a job is until it ends. */
async function follow(client, job) {
  while (job.state === "queued" || job.state === "running") {
    sent.value = job.done / job.files;
    say(`Reading ${job.done} of ${counted(job.files)} …`);
    await new Promise((resolve) => setTimeout(resolve, 700));
    job = await client.job(job.id);
  }
  finished(job.stored.length, job.failed);
}

function finished(number, failed) {
  say(`Added ${counted(number)}.`, ...failed.map((one) => `${one.source}: ${one.error}`));
}

function say(...lines) {
  said.replaceChildren(...lines.map((line) => element("p", { dir: "auto" }, line)));
}

function counted(number) {
  return `${number} ${number === 1 ? "document" : "documents"}`;
}

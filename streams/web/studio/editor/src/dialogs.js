// What one does beside writing: compare with what was accepted, accept, look back, and send a test.

import { ask, post } from "./ask.js";
import { byId, make, sentence, spaced, told } from "./make.js";

const query = (given) => new URLSearchParams(given).toString();

export async function openCompare({ message, locale, sample, file }) {
  const [dialog, body] = [byId("compare"), byId("compare-body")];
  const accept = byId("compare-accept");
  byId("compare-done").textContent = "";
  body.replaceChildren(make("p", { className: "soft" }, "Comparing…"));
  accept.disabled = true;
  if (!dialog.open) dialog.showModal();
  try {
    const answer = await ask(`/api/compare/${encodeURIComponent(message)}?${query({ locale, sample })}`);
    const unsaved = file.isChanged();
    body.replaceChildren(unsaved ? make("p", { className: "note warn" }, "This compares what is saved. Your unsaved changes are not in it: save them first.") : "", ...compared(answer, sample));
    accept.disabled = unsaved;
  } catch (trouble) {
    body.replaceChildren(told(trouble.problem));
  }
  accept.onclick = () => takeMails({ message, locale, accept });
}

async function takeMails({ message, locale, accept }) {
  accept.disabled = true;
  const done = byId("compare-done");
  try {
    const { changed } = await post(`/api/accept/${encodeURIComponent(message)}`, { locale });
    done.textContent = changed.length ? `Accepted: ${changed.length === 1 ? "one file" : `${changed.length} files`} written. From now on these mails are what we compare with.` : "Nothing to accept: these are the mails that were accepted before.";
    done.className = "note good";
  } catch (trouble) {
    done.textContent = `${sentence(trouble.problem.what)} ${trouble.problem.hint ?? ""}`;
    done.className = "note bad";
    accept.disabled = false;
  }
}

function compared({ subject, text_diff: text, html_same: same, words_diff: words, accepted }, sample) {
  const [old, now] = subject ?? ["", ""];
  const unchanged = old === now ? make("p", {}, now) : make("div", { className: "diff" }, diffLine(`-${old}`), diffLine(`+${now}`));
  return [
    accepted === false ? make("p", { className: "note" }, "This mail was never accepted: everything in it is new.") : "",
    make("h3", {}, "Subject"),
    unchanged,
    make("h3", {}, `Mail, as text (${spaced(sample)})`),
    diff(text, "The text of the mail is the accepted one."),
    make("p", { className: "hint" }, same === false ? "The page that customers see differs." : "The page that customers see is the accepted one."),
    make("h3", {}, "Words"),
    diff(words, "The words are those of the last version that was kept."),
  ];
}

export function diff(unified, none) {
  const lines = (unified ?? "").split("\n").filter((line) => !/^(--- |\+\+\+ |diff |index |(new|deleted) file|old mode|new mode|similarity|rename )/.test(line));
  if (lines.every((line) => line === "")) return make("p", { className: "soft" }, none);
  return make("div", { className: "diff", tabIndex: 0, role: "group", "aria-label": "Changes" }, ...lines.map(diffLine));
}

const KINDS = { "+": ["ins", "added"], "-": ["del", "gone"], "@": ["div", "place"] };
function diffLine(line) {
  const [tag, className] = KINDS[line[0]] ?? ["div", "same"];
  if (tag === "div") return make("div", { className }, className === "place" ? "⋯" : line.slice(1) || " ");
  return make(tag, { className }, line.slice(1) || " ");
}

export async function openHistory({ message, file, onRestore }) {
  const [dialog, list, body] = [byId("history"), byId("history-list"), byId("history-body")];
  const restore = byId("history-restore");
  const address = `/api/history/${encodeURIComponent(message)}/${encodeURIComponent(file.file)}`;
  let chosen = "";
  restore.disabled = true;
  list.replaceChildren();
  body.replaceChildren(make("p", { className: "soft" }, "Looking back…"));
  dialog.showModal();
  try {
    const { git, commits } = await ask(address);
    if (!git || !commits.length) {
      body.replaceChildren(make("p", {}, git ? "This file was not committed yet." : "This folder is not kept in git, so there is nothing to look back to. `git init` in it begins a history."));
      return;
    }
    list.replaceChildren(...commits.map((one) => make("li", {}, make("button", { type: "button", className: "commit", onclick: (event) => pick(event.currentTarget, one) }, make("b", {}, one.subject), make("small", { className: "soft" }, `${one.who}, ${when(one.when)}`)))));
    list.querySelector("button").click();
  } catch (trouble) {
    body.replaceChildren(told(trouble.problem));
  }

  async function pick(button, one) {
    chosen = one.hash;
    restore.disabled = true;
    for (const other of list.querySelectorAll("button")) other.toggleAttribute("aria-current", other === button);
    try {
      const { text, diff: changes } = await ask(`${address}/${one.hash}`);
      if (chosen !== one.hash) return; // another one was chosen meanwhile, and its answer may have come first
      body.replaceChildren(diff(changes, "The words now are those of this version."));
      restore.disabled = false;
      restore.onclick = () => {
        dialog.close();
        onRestore(text);
      };
    } catch (trouble) {
      body.replaceChildren(told(trouble.problem));
    }
  }
}

const when = (text) => new Date(text).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

const KEPT = "firstword-test-recipient";

export function openTrial({ read, ...mail }) {
  const [dialog, form, to, done] = [byId("trial"), byId("trial-form"), byId("trial-to"), byId("trial-done")];
  to.value = to.value || localStorage.getItem(KEPT) || "";
  done.replaceChildren();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const send = byId("trial-send");
    send.disabled = true;
    done.replaceChildren(make("p", { className: "soft" }, "On its way…"));
    try {
      const answer = await post("/api/send-test", { ...mail, to: to.value.trim(), text: read() });
      localStorage.setItem(KEPT, to.value.trim());
      done.replaceChildren(make("p", { className: "note good" }, `The relay has taken it, for ${answer.to}. Its subject begins with [TEST].`));
    } catch (trouble) {
      done.replaceChildren(make("div", { className: "note bad" }, told(trouble.problem)));
    }
    send.disabled = false;
  };
  dialog.showModal();
}

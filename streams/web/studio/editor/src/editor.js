// The page on which one message is written in one language.

import { EditorView, keymap } from "@codemirror/view";
import { Prec } from "@codemirror/state";
import { ask } from "./ask.js";
import { Checks } from "./checks.js";
import { openCompare, openHistory, openTrial } from "./dialogs.js";
import { byId, counted, inOrder, language, later, make, spaced, told } from "./make.js";
import { Names, openNames } from "./names.js";
import { Preview } from "./preview.js";
import { File, openConflict, showProblem } from "./saving.js";
import { fromDisk, goTo, openReading, openWords, replaceText, showTwin } from "./words.js";

const { message, locale, beside, nonce } = byId("main").dataset;
const card = JSON.parse(byId("main").dataset.card);
const asked = new URLSearchParams(location.search);
const variant = asked.get("variant") ?? "";
const name = asked.get("file") ?? (variant ? `${locale}@${variant}.md` : `${locale}.md`);
const isProse = name.endsWith(".md");

const NARROW = 500; // pixels: on a phone one sees what a phone shows

const words = name.replace(/\.md$/, ""); // how the server calls a language or its variant: `en`, `en@b`

// What the mail is filled in with: a sample, or a case that really happened.
const chosen = () => Object.fromEntries([byId("sample").value.split(":")]);

async function start() {
  const { text, saved, mark, own, place } = await open();
  byId("place").textContent = place;
  byId("place").title = own ? "your own words" : "shipped words; saving makes them your own";
  const file = new File({ message, file: name, text: saved, mark, nonce, onState: showState });
  const names = new Names(message);
  const check = later(120, () => checks.run());
  let reading = null;
  const view = openWords({
    parent: byId("words"),
    text,
    label: `${spaced(message)} in ${language(locale)}`,
    locale,
    nonce,
    isProse,
    extensions: [
      isProse ? names.extension() : [],
      Prec.high(keymap.of([{ key: "Mod-s", run: () => (file.save().then(() => check()), true), preventDefault: true }])),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) {
          file.touched();
          const typed = update.transactions.some((one) => !one.annotation(fromDisk));
          if (typed) preview.changed();
          check();
        }
        if (reading && (update.selectionSet || update.docChanged)) showTwin(reading, update.view);
      }),
    ],
  });
  file.attach(view);
  file.touched();
  const checks = new Checks({ message, file: name, view });
  const preview = new Preview({
    message,
    locale,
    variant,
    chosen,
    read: () => (isProse ? view.state.doc.toString() : undefined),
    onPick: (clicked) => jump(view, clicked),
  });
  if (beside) reading = await openBeside(view);
  offerSamples();
  wire({ file, view, names, preview });
  listen({ file, preview, check });
  if (innerWidth < NARROW) document.querySelector("[name=device][value=phone]").checked = true;
  preview.look();
  preview.ask();
  check();
  showStates().catch(() => undefined); // the dots stay empty; whatever is wrong is told elsewhere
}

// Words that nobody has written yet begin as the English ones.
async function open() {
  const address = (file) => `/api/files/${encodeURIComponent(message)}/${encodeURIComponent(file)}`;
  try {
    const found = await ask(address(name));
    return { ...found, saved: found.text };
  } catch (trouble) {
    if (trouble.problem?.code !== "studio-file-unknown" || !isProse) throw trouble;
    const { text } = await ask(address(variant ? `${locale}.md` : "en.md"));
    byId("said").textContent = `There are no words in ${language(words)} yet. These are the ${variant ? language(locale) : "English"} ones, to begin with.`;
    return { text, saved: "", mark: "", own: true, place: `${message}/${name}` };
  }
}

async function openBeside(view) {
  const { text } = await ask(`/api/files/${encodeURIComponent(message)}/${encodeURIComponent(beside)}.md`);
  const reading = openReading({ parent: byId("beside-words"), text, label: `${spaced(message)} in ${language(beside)}, for reading`, locale: beside, nonce });
  showTwin(reading, view);
  return reading;
}

// ------------------------------------------------------------------ samples, recent cases, languages

function offerSamples() {
  const select = byId("sample");
  const fits = make("optgroup", { label: "Samples" }, ...card.samples.map((one) => make("option", { value: `sample:${one}`, selected: one === "typical" }, spaced(one))));
  select.replaceChildren(fits);
  ask("/api/cases").then(({ cases }) => {
    const own = cases.filter((one) => one.message === message);
    if (own.length) select.append(make("optgroup", { label: "Recent cases, masked" }, ...own.map((one) => make("option", { value: `case:${one.id}` }, `${one.when}, ${one.locale}`))));
  }, () => undefined);
}

async function showStates() {
  const { messages } = await ask(`/api/messages?only=${encodeURIComponent(message)}`);
  const { locales } = messages.find((one) => one.name === message) ?? card;
  const all = locales.flatMap((one) => [one, ...(one.variants ?? []).map((other) => ({ ...other, locale: `${one.locale}@${other.variant}` }))]);
  for (const { locale: tongue, errors, warnings, state } of all) {
    const mark = document.querySelector(`[data-tongue="${CSS.escape(tongue)}"] .dot`);
    if (!mark) continue;
    mark.className = `dot ${errors || state === "broken" ? "bad" : warnings ? "warn" : state === "not_checked" ? "" : "good"}`;
    mark.title = errors || warnings ? `${counted(errors, "error")}, ${counted(warnings, "warning")}` : state.replace("_", " ");
  }
}

function drawTongues() {
  const { locales } = card;
  const here = variant ? `${locale}@${variant}` : locale;
  const missing = JSON.parse(byId("main").dataset.locales).filter((one) => !locales.some((each) => each.locale === one)).map((one) => ({ locale: one }));
  const tongues = inOrder([...locales, ...missing]).flatMap((one) => [one.locale, ...(one.variants ?? []).map((other) => `${one.locale}@${other.variant}`)]);
  byId("tongues").replaceChildren(...tongues.map((one) => make("li", {}, tongue(one, isProse && one === here))));
  const others = tongues.filter((one) => one !== locale && !one.includes("@"));
  const select = byId("beside-choice");
  select.replaceChildren(make("option", { value: "" }, "Nothing beside it"), ...others.map((one) => make("option", { value: one, selected: one === beside }, `Beside it: ${language(one)}`)));
  const about = make("a", { href: `?locale=${encodeURIComponent(locale)}&file=message.toml`, title: "message.toml: purpose, owner, and what the words may use" }, "Card");
  byId("purpose").replaceChildren(card.purpose, " ", isProse ? about : "");
}

function tongue(one, isHere) {
  const [plain, other] = one.split("@");
  const query = new URLSearchParams({ locale: plain });
  if (other) query.set("variant", other);
  if (beside && beside !== plain) query.set("beside", beside);
  const link = make("a", { href: `/messages/${encodeURIComponent(message)}?${query}`, title: language(one) }, make("span", { className: "dot" }), one, make("span", { className: "away" }, `, ${language(one)}`));
  link.dataset.tongue = one;
  if (isHere) link.setAttribute("aria-current", "page");
  return link;
}

// ------------------------------------------------------------------ buttons and keys

function wire({ file, view, names, preview }) {
  const trial = { message, locale, variant: variant || undefined, read: () => (isProse ? view.state.doc.toString() : undefined) };
  byId("save").onclick = () => file.save();
  byId("state").onclick = () => (file.state === "conflict" ? openConflict(file) : file.problem && showProblem(file.problem));
  byId("insert").onclick = () => openNames(names, (text) => insert(view, text));
  byId("compare-open").onclick = () => openCompare({ message, locale: words, sample: chosen().sample ?? card.samples[0], file });
  byId("history-open").onclick = () => openHistory({ message, file, onRestore: (text) => replaceText(view, text) });
  byId("trial-open").onclick = () => openTrial({ ...trial, ...chosen() });
  byId("beside-choice").onchange = (event) => beSide(event.target.value);
  for (const button of document.querySelectorAll("[data-close]")) button.onclick = () => button.closest("dialog").close();
  for (const tab of document.querySelectorAll("[data-panel-of]")) tab.onclick = () => openPanel(tab.dataset.panelOf);
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "s" || event.defaultPrevented) return;
    event.preventDefault();
    file.save();
  });
  addEventListener("resize", () => preview.fit());
}

function insert(view, text) {
  view.dispatch(view.state.replaceSelection(text), { userEvent: "input.insert", scrollIntoView: true });
  view.focus();
}

function beSide(other) {
  asked.set("locale", locale);
  if (other) asked.set("beside", other);
  else asked.delete("beside");
  location.assign(`${location.pathname}?${asked}`);
}

function openPanel(panel) {
  byId("desk").dataset.panel = panel;
  for (const tab of document.querySelectorAll("[data-panel-of]")) tab.setAttribute("aria-pressed", String(tab.dataset.panelOf === panel));
  dispatchEvent(new Event("resize"));
}

// A click on a sentence of the mail leads to its words: the longest run of them that stands in the text.
function jump(view, clicked) {
  const heard = clicked.replace(/\s+/g, " ").trim().split(" ");
  const text = view.state.doc.toString();
  for (let length = Math.min(heard.length, 12); length > 0; length -= 1) {
    for (let from = 0; from + length <= heard.length; from += 1) {
      const run = heard.slice(from, from + length).join(" ");
      const at = run.length > 3 ? text.indexOf(run) : -1;
      if (at >= 0) {
        openPanel("words");
        return goTo(view, at, at + run.length);
      }
    }
  }
}

// ------------------------------------------------------------------ what the page tells by itself

const SAYS = { saved: "Saved", changed: "Not saved", saving: "Saving…", failed: "Could not save", conflict: "Somebody else saved" };

function showState(state, said, problem) {
  const [button, line] = [byId("state"), byId("said")];
  button.textContent = SAYS[state];
  button.className = `state ${state}`;
  button.disabled = !(state === "conflict" || problem);
  byId("save").disabled = state === "saved" || state === "saving";
  document.title = `${state === "changed" ? "• " : ""}${spaced(message)} · firstword studio`;
  if (said || state === "saved") line.textContent = said;
}

function listen({ file, preview, check }) {
  const events = new EventSource("/events");
  events.addEventListener("changed", async (event) => {
    const since = performance.now();
    const changed = JSON.parse(event.data);
    if (changed.message === message && changed.file === name) {
      if (!(await file.changedOnDisk(changed.mark).catch(() => false))) return;
    }
    preview.changed(since);
    check();
  });
  const states = later(600, () => showStates().catch(() => undefined));
  events.addEventListener("lint", (event) => JSON.parse(event.data).message === message && states());
  events.onerror = () => (byId("said").textContent = "The studio does not answer. What you wrote stays on this page.");
  events.onopen = () => byId("said").textContent.startsWith("The studio does not") && (byId("said").textContent = "");
  addEventListener("pagehide", () => events.close());
}

drawTongues();
start().catch((trouble) => {
  if (!trouble.problem) throw trouble;
  byId("words").replaceChildren(make("div", { className: "note bad" }, told(trouble.problem)));
});

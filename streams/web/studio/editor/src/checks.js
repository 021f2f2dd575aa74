// What the rules say about the words: in the gutter, under the words, and in a list that says why.

import { setDiagnostics } from "@codemirror/lint";
import { post } from "./ask.js";
import { byId, counted, make, sentence, spaced } from "./make.js";
import { goTo } from "./words.js";

export class Checks {
  constructor({ message, file, view }) {
    Object.assign(this, { message, file, view, asked: 0, busy: false, again: false });
  }

  async run() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    const text = this.view.state.doc.toString();
    try {
      this.draw(await post("/api/check", { message: this.message, file: this.file, text }), text);
    } catch (trouble) {
      this.drawTrouble(trouble);
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      await this.run();
    }
  }

  draw({ findings, not_checked: notChecked }, text) {
    const ranked = [...findings].sort((a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0));
    byId("findings").replaceChildren(...ranked.map((one) => this.item(one)));
    const [errors, warnings] = ["error", "warning"].map((severity) => findings.filter((one) => one.severity === severity).length);
    show(errors, warnings, notChecked);
    // Somebody who went on typing gets the marks of the next round.
    if (this.view.state.doc.toString() === text) {
      this.view.dispatch(setDiagnostics(this.view.state, ranked.flatMap((one) => this.diagnostic(one))));
    }
  }

  drawTrouble(trouble) {
    byId("checks-state").replaceChildren(make("span", { className: "chip bad" }, "not checked"));
    byId("findings").replaceChildren(make("li", { className: "finding" }, sentence(trouble.problem.what), " ", trouble.problem.hint ?? ""));
  }

  item(one) {
    const tone = one.severity === "error" ? "bad" : "warn";
    const place = one.line ? `Line ${one.line}` : (one.where ?? "").match(/\(([\w-]+)\)$/)?.[1] ?? "Whole message";
    const head = make(
      "p",
      { className: "finding-head" },
      make("span", { className: `chip ${tone}` }, one.severity),
      one.line ? make("button", { type: "button", className: "go", onclick: () => this.go(one) }, place) : make("span", { className: "soft" }, place),
      make("span", { className: "rule soft" }, spaced(one.rule)),
    );
    const why = make("p", { className: "why" }, sentence(one.why ?? ""), one.source ? make("small", {}, ` ${one.source}`) : null);
    return make("li", { className: `finding ${tone}` }, head, make("p", { className: "says" }, isName(one) ? one.says : sentence(one.says)), one.why ? why : null, this.better(one));
  }

  better(one) {
    if (!one.better) return null;
    const range = this.wrongWords(one);
    if (!range) return make("p", { className: "better" }, make("b", {}, "Try: "), one.better);
    const use = make("button", { type: "button", className: "use", onclick: () => this.use(one) }, "Use these words");
    return make("p", { className: "better" }, make("b", {}, "Better: "), make("q", {}, one.better), use);
  }

  use(one) {
    const range = this.wrongWords(one);
    if (!range) return;
    if (isSentence(one.better)) Object.assign(range, sentenceAround(this.view.state.doc, range));
    this.view.dispatch({ changes: { ...range, insert: one.better }, selection: { anchor: range.from, head: range.from + one.better.length }, userEvent: "input.better", scrollIntoView: true });
    this.view.focus();
  }

  go(one) {
    const { doc } = this.view.state;
    const range = this.wrongWords(one) ?? doc.line(Math.min(one.line, doc.lines));
    goTo(this.view, range.from, range.to);
  }

  // Where the words that a finding is about stand now; null where nobody can say.
  wrongWords(one) {
    const words = one.match || /^"(.+?)"(?=[:\s,.]|$)/.exec(one.says)?.[1];
    if (!words) return null;
    const text = this.view.state.doc.toString();
    const pattern = new RegExp(words.split(/\s+/).map((each) => each.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("\\s+"), "gi");
    const line = one.line ? this.view.state.doc.line(Math.min(one.line, this.view.state.doc.lines)).from : 0;
    const places = [...text.matchAll(pattern)].filter((found) => !isInTag(text, found.index)).map((found) => ({ from: found.index, to: found.index + found[0].length }));
    return places.sort((a, b) => Math.abs(a.from - line) - Math.abs(b.from - line))[0] ?? null;
  }

  diagnostic(one) {
    if (!one.line) return [];
    const { doc } = this.view.state;
    const line = doc.line(Math.min(one.line, doc.lines));
    const words = this.wrongWords(one);
    // Without the very words only the line is known: its mark in the gutter is enough.
    const { from, to } = words && words.from >= line.from ? words : { from: line.from, to: line.from };
    const actions = one.better && words ? [{ name: "Use the better words", apply: () => this.use(one) }] : [];
    return [{ from, to, severity: one.severity, message: `${isName(one) ? `${one.says}.` : sentence(one.says)} ${one.why ?? ""}`, actions }];
  }
}

// `{% if apologize %}` is no apology: only what customers read is meant.
const isInTag = (text, at) => /\{[{%#](?:(?![}%#]\}).)*$/.test(text.slice(text.lastIndexOf("\n", at - 1) + 1, at));

// What the compiler says begins with what somebody wrote, and that keeps its letters.
const isName = (one) => one.rule === "cannot_render" || one.rule.includes("-");

// Better words that are a sentence take the place of a sentence, and not of a few words in it.
const isSentence = (words) => /^[\p{Lu}¿¡{].*[.!?]$/u.test(words);

function sentenceAround(doc, { from, to }) {
  const line = doc.lineAt(from);
  const [before, after] = [line.text.slice(0, from - line.from), line.text.slice(to - line.from)];
  const start = Math.max(0, ...[...before.matchAll(/[.!?]\s+|%\}\s*|#\}\s*|^[a-z_]+:\s+/g)].map((found) => found.index + found[0].length));
  const end = /[.!?](?=\s|$|\{%)|(?=\{%)|$/.exec(after);
  return { from: line.from + start, to: to + end.index + end[0].length };
}

const rank = (one) => (one.severity === "error" ? 0 : 1);

function show(errors, warnings, notChecked) {
  const chips = [];
  if (errors) chips.push(make("span", { className: "chip bad" }, counted(errors, "error")));
  if (warnings) chips.push(make("span", { className: "chip warn" }, counted(warnings, "warning")));
  if (notChecked) chips.push(make("span", { className: "chip" }, "tone not checked"));
  if (!chips.length) chips.push(make("span", { className: "chip good" }, "nothing to mend"));
  byId("checks-state").replaceChildren(...chips);
  byId("checks-none").hidden = Boolean(errors || warnings);
  byId("checks-none").textContent = notChecked
    ? "Nobody wrote down yet how a good letter sounds in this language: only form is checked, tone is not."
    : "A careful colleague has read this and has nothing to add.";
  const tab = byId("tab-checks-count");
  tab.textContent = errors + warnings || "";
  tab.className = `count ${errors ? "bad" : "warn"}`;
}

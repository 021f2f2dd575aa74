// The editor itself: a page for prose, with numbered lines, and nothing that jumps in the way.

import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, StateEffect, StateField, Transaction } from "@codemirror/state";
import { Decoration, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { minimalSetup } from "codemirror";
import { language, theme } from "./language.js";

// Marks a change that came from the disk: it is no work of the person who writes.
export const fromDisk = Transaction.remote;

export function openWords({ parent, text, label, locale, nonce, isProse, extensions }) {
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        minimalSetup,
        lineNumbers(),
        lintGutter(),
        EditorView.lineWrapping,
        EditorView.perLineTextDirection.of(true),
        EditorView.contentAttributes.of(attributes(label, locale)),
        highlightActiveLine(),
        highlightSelectionMatches(),
        closeBrackets(),
        keymap.of([...closeBracketsKeymap, ...searchKeymap, ...completionKeymap, ...lintKeymap]),
        isProse ? language : [],
        theme,
        ...extensions,
      ],
    }),
  });
}

export function openReading({ parent, text, label, locale, nonce, extensions = [] }) {
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        EditorState.readOnly.of(true),
        lineNumbers(),
        EditorView.lineWrapping,
        EditorView.perLineTextDirection.of(true),
        EditorView.contentAttributes.of({ ...attributes(label, locale), spellcheck: "false" }),
        language,
        theme,
        twins,
        ...extensions,
      ],
    }),
  });
}

function attributes(label, locale) {
  return { "aria-label": label, lang: locale.split("@")[0].replaceAll("_", "-"), tabindex: "0", spellcheck: "true", autocorrect: "on", autocapitalize: "sentences" };
}

// Put another text in place, touching only what differs, so that the cursor and the place stay.
export function replaceText(view, text, annotations = undefined) {
  const old = view.state.doc.toString();
  if (old === text) return;
  const most = Math.min(old.length, text.length);
  let start = 0;
  while (start < most && old[start] === text[start]) start += 1;
  let end = 0;
  while (end < most - start && old[old.length - 1 - end] === text[text.length - 1 - end]) end += 1;
  view.dispatch({ changes: { from: start, to: old.length - end, insert: text.slice(start, text.length - end) }, annotations });
}

export function goTo(view, from, to = from) {
  view.dispatch({ selection: { anchor: from, head: to }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
  view.focus();
}

// The same paragraph in another language: messages have the same paragraphs, in the same order, in every language.
const setTwin = StateEffect.define();
const twins = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    for (const effect of transaction.effects) if (effect.is(setTwin)) return effect.value;
    return value.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});
const twin = Decoration.line({ class: "cm-twin" });

export function showTwin(reading, view) {
  const number = paragraphAt(view.state.doc, view.state.selection.main.head);
  const lines = paragraphLines(reading.state.doc, number);
  const effects = [setTwin.of(Decoration.set(lines.map((line) => twin.range(line.from))))];
  if (lines.length) effects.push(EditorView.scrollIntoView(lines[0].from, { y: "nearest", yMargin: 80 }));
  reading.dispatch({ effects });
}

function paragraphAt(doc, at) {
  let number = 0;
  const last = doc.lineAt(at).number;
  for (let line = 2; line <= last; line += 1) if (begins(doc, line)) number += 1;
  return number;
}

function paragraphLines(doc, wanted) {
  const lines = [];
  let number = 0;
  for (let at = 1; at <= doc.lines; at += 1) {
    if (at > 1 && begins(doc, at)) number += 1;
    const line = doc.line(at);
    if (number === wanted && line.text.trim()) lines.push(line);
  }
  return lines;
}

// Subject and preheader are paragraphs of their own, and so is every line of the front matter.
const begins = (doc, line) => {
  const [text, before] = [doc.line(line).text.trim(), doc.line(line - 1).text.trim()];
  return text !== "" && (before === "" || /^(?:---|[a-z_]+:)/.test(text));
};

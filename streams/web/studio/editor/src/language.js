// The language of words: front matter, then Markdown, with Jinja inside both; and how it looks while one writes.

import { jinja } from "@codemirror/lang-jinja";
import { markdown } from "@codemirror/lang-markdown";
import { HighlightStyle, LanguageSupport, syntaxHighlighting } from "@codemirror/language";
import { Decoration, EditorView, MatchDecorator, ViewPlugin } from "@codemirror/view";
import { Tag, tags } from "@lezer/highlight";

const key = Tag.define();

const frontMatter = {
  defineNodes: [
    { name: "FrontMatter", block: true },
    { name: "FrontMatterMark", style: tags.processingInstruction },
    { name: "FrontMatterKey", style: key },
  ],
  parseBlock: [{ name: "FrontMatter", before: "HorizontalRule", parse: parseFrontMatter }],
};

function parseFrontMatter(context, line) {
  if (context.lineStart !== 0 || line.text.trimEnd() !== "---") return false;
  const from = context.lineStart;
  const parts = [context.elt("FrontMatterMark", from, from + 3)];
  while (context.nextLine()) {
    const start = context.lineStart;
    if (line.text.trimEnd() === "---") {
      parts.push(context.elt("FrontMatterMark", start, start + 3));
      context.nextLine();
      break;
    }
    const name = /^[a-z_]+:/.exec(line.text);
    if (name) parts.push(context.elt("FrontMatterKey", start, start + name[0].length));
  }
  context.addElement(context.elt("FrontMatter", from, context.prevLineEnd(), parts));
  return true;
}

const prose = markdown({ completeHTMLTags: false, extensions: [frontMatter] });
// Only the language: what its package would complete are filters and tags that words may not use.
const words = new LanguageSupport(jinja({ base: prose }).language, prose.support);

const looks = HighlightStyle.define([
  { tag: key, class: "fw-key" },
  { tag: tags.heading1, class: "fw-heading" },
  { tag: tags.heading, class: "fw-heading" },
  { tag: tags.strong, class: "fw-strong" },
  { tag: tags.emphasis, class: "fw-emphasis" },
  { tag: tags.link, class: "fw-link" },
  { tag: tags.url, class: "fw-quiet" },
  { tag: tags.processingInstruction, class: "fw-quiet" },
  { tag: tags.controlKeyword, class: "fw-keyword" },
  { tag: tags.logicOperator, class: "fw-keyword" },
  { tag: tags.string, class: "fw-string" },
]);

const KINDS = { "{": "fw-value", "%": "fw-choice", "#": "fw-mark" };
const UNBROKEN = 32; // characters: a shorter tag stays on one line
const marks = new MatchDecorator({
  regexp: /\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/g,
  decoration: (match) => Decoration.mark({ class: `${KINDS[match[0][1]]}${match[0].length < UNBROKEN ? " fw-whole" : ""}` }),
});

const chips = ViewPlugin.fromClass(
  class {
    constructor(view) {
      this.decorations = marks.createDeco(view);
    }
    update(update) {
      this.decorations = marks.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

export const language = [words, syntaxHighlighting(looks), chips];

export const theme = EditorView.theme({
  "&": { height: "100%", fontSize: "1rem", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "1.7", overflow: "auto" },
  ".cm-content": { padding: "0.75rem 0 3rem", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 1.25rem 0 0.5rem" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--soft)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { fontFamily: "var(--mono)", fontSize: "0.6875rem", lineHeight: "2.4", minWidth: "2rem", padding: "0 0.25rem 0 0.5rem" },
  ".cm-gutter-lint": { width: "1.125rem" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0.4rem 0.1rem 0" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--sunk) 55%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--select)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad) 1.5px", textUnderlineOffset: "0.25em" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn) 1.5px", textUnderlineOffset: "0.25em" },
  ".cm-tooltip": { backgroundColor: "var(--panel)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "8px", boxShadow: "0 6px 24px rgb(0 0 0 / 16%)", overflow: "hidden", maxWidth: "min(28rem, 90vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "inherit", maxHeight: "none", minWidth: "19rem", maxWidth: "min(34rem, 90vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0.3rem 0.7rem", display: "flex", gap: "0.75rem", alignItems: "baseline" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionLabel": { fontFamily: "var(--mono)", fontSize: "0.8125rem", whiteSpace: "nowrap" },
  ".cm-completionDetail": { fontStyle: "normal", marginLeft: "auto", fontSize: "0.8125rem", opacity: "0.85", overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionInfo": { padding: "0.5rem 0.75rem", maxWidth: "18rem", fontSize: "0.875rem" },
  ".cm-diagnostic": { padding: "0.5rem 0.75rem", borderLeft: "3px solid var(--warn)", fontSize: "0.875rem", whiteSpace: "normal" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnosticAction": { backgroundColor: "var(--accent)", color: "var(--on-accent)", margin: "0.5rem 0 0", padding: "0.25rem 0.6rem", borderRadius: "6px", fontSize: "0.8125rem", display: "block" },
  ".cm-panels": { backgroundColor: "var(--sunk)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panel input, .cm-panel button": { fontSize: "0.875rem" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-paper)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--select)" },
  ".cm-twin": { backgroundColor: "color-mix(in srgb, var(--accent) 11%, transparent)", boxShadow: "inset 3px 0 0 var(--accent)" },
});

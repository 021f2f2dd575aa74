// What words can use: offered while one types, explained under the pointer, and listed for those who do not know it.

import { autocompletion, snippet } from "@codemirror/autocomplete";
import { hoverTooltip } from "@codemirror/view";
import { ask } from "./ask.js";
import { byId, make } from "./make.js";

export class Names {
  constructor(message) {
    this.names = [];
    this.parts = [];
    this.ready = ask(`/api/names/${encodeURIComponent(message)}`).then(
      (answer) => Object.assign(this, answer),
      () => undefined, // without it one writes from memory; the checks still know
    );
  }

  extension() {
    return [
      autocompletion({ override: [(context) => this.complete(context)], icons: false, maxRenderedOptions: 9, activateOnTypingDelay: 30 }),
      hoverTooltip((view, at) => this.explain(view, at), { hoverTime: 250 }),
    ];
  }

  async complete(context) {
    await this.ready;
    const line = context.state.doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const inside = /(\{\{|\{%)((?:(?!\}\}|%\}).)*)$/.exec(before);
    const word = /[\w.]*$/.exec(before)[0];
    const from = context.pos - word.length;
    if (!inside) return this.completeOutside(context, before);
    if (/"[^"]*$/.test(inside[2].replace(/"[^"]*"/g, ""))) return null;
    const asking = inside[1] === "{%";
    const options = asking ? [...QUESTIONS, ...this.asked()] : [...this.printed(), ...this.called()];
    return { from, options, validFor: /^[\w.]*$/ };
  }

  completeOutside(context, before) {
    const brace = /\{$/.exec(before);
    if (!context.explicit && !brace) return null;
    const from = context.pos - (brace ? 1 : 0);
    const options = [...this.names.filter(isPrinted), ...this.parts].map((one) => ({
      label: one.insert ?? one.path ?? one.name,
      detail: one.says ?? "a part of the page",
      apply: put(one),
    }));
    return { from, options, filter: !brace };
  }

  printed() {
    return this.names.filter(isPrinted).map((one) => option(one, one.path));
  }

  asked() {
    return this.names.filter((one) => one.optional || one.type === "flag").map((one) => option(one, one.path));
  }

  called() {
    return this.parts.map((one) => ({ label: one.name, detail: "a part of the page", apply: finish(bare(one)) }));
  }

  explain(view, at) {
    const line = view.state.doc.lineAt(at);
    for (const found of line.text.matchAll(/[a-z_]+(?:\.[a-z_]+)*/g)) {
      const from = line.from + found.index;
      if (at < from || at > from + found[0].length) continue;
      const one = this.names.find((name) => name.path === found[0]);
      if (!one || !isInTag(line.text, found.index)) return null;
      return { pos: from, end: from + found[0].length, above: true, create: () => ({ dom: card(one) }) };
    }
    return null;
  }
}

const QUESTIONS = [
  { label: "if", detail: "only when it is there", apply: snippet("if ${name} %}${}{% endif") },
  { label: "else", detail: "otherwise" },
  { label: "elif", detail: "otherwise, if" },
  { label: "endif", detail: "end of the choice" },
];

const isPrinted = (one) => ["text", "number", "link"].includes(one.type);
const option = (one, label) => ({ label, detail: one.says, apply: finish(label), info: one.optional ? "May be absent: ask first, with {% if %}." : undefined });
const isInTag = (text, at) => /(\{\{|\{%)(?:(?!\}\}|%\}).)*$/.test(text.slice(0, at));

// A part's `insert` is a whole tag; inside braces only what stands between them is wanted.
const bare = (one) => (one.insert ?? `${one.name}()`).replace(/^\{\{\s*|\s*\}\}$/g, "");

// A tag that was begun is finished, and one goes on writing behind it.
function finish(inner) {
  return (view, _completion, from, to) => {
    const line = view.state.doc.lineAt(from);
    const ends = line.text.slice(0, from - line.from).lastIndexOf("{{") > line.text.slice(0, from - line.from).lastIndexOf("{%") ? "}}" : "%}";
    const rest = new RegExp(`^\\s*${ends === "}}" ? "\\}{1,2}" : "%?\\}"}`).exec(view.state.sliceDoc(to, line.to));
    const text = `${inner} ${ends}`;
    view.dispatch({ changes: { from, to: to + (rest?.[0].length ?? 0), insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
  };
}

// `insert` goes in as it is; an opening brace that was typed already, and one that closed itself, make room.
function put(one) {
  const text = one.insert ?? `{{ ${one.path ?? one.name} }}`;
  return (view, _completion, from, to) => {
    const end = view.state.sliceDoc(to, to + 1) === "}" ? to + 1 : to;
    view.dispatch({ changes: { from, to: end, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
  };
}

function card(one) {
  const optional = one.optional ? make("p", { className: "soft" }, "May be absent: ask first, with ", make("code", {}, `{% if ${one.path} %}`)) : null;
  return make("div", { className: "name-card" }, make("code", {}, one.path), make("p", {}, one.says), optional);
}

// The list behind "Insert": a person looks for what they mean and presses Enter.
export function openNames(names, insert) {
  const dialog = byId("names");
  const [find, list] = [byId("names-find"), byId("names-list")];
  const draw = () => {
    const wanted = find.value.trim().toLowerCase();
    const all = [
      ...names.parts.map((one) => ({ label: one.name, says: `A part of the page: ${one.parameters.map((each) => each.name ?? each).join(", ")}`, text: one.insert })),
      ...names.names.filter(isPrinted).map((one) => ({ label: one.path, says: one.says, text: one.insert ?? `{{ ${one.path} }}`, optional: one.optional })),
    ];
    const some = all.filter((one) => `${one.label} ${one.says}`.toLowerCase().includes(wanted));
    list.replaceChildren(...some.map((one) => make("li", {}, entry(one, (text) => (dialog.close(), insert(text))))));
    if (!some.length) list.append(make("li", { className: "nothing" }, "Nothing here is called that."));
  };
  find.value = "";
  find.oninput = draw;
  find.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    list.querySelector("button")?.click();
  };
  draw();
  dialog.showModal();
  names.ready.then(draw);
}

function entry(one, insert) {
  const optional = one.optional ? make("small", { className: "chip" }, "may be absent") : null;
  return make("button", { type: "button", className: "offer", onclick: () => insert(one.text) }, make("code", {}, one.label), optional, make("span", { className: "soft" }, one.says));
}

// Saving, and what happens when two people write the same file.

import { getChunks, unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { minimalSetup } from "codemirror";
import { ask } from "./ask.js";
import { language, theme } from "./language.js";
import { byId, make, sentence, told } from "./make.js";
import { fromDisk, replaceText } from "./words.js";

export class File {
  constructor({ message, file, text, mark, nonce, onState }) {
    Object.assign(this, { message, file, saved: text, mark, nonce, onState, state: "saved", theirs: null });
    this.address = `/api/files/${encodeURIComponent(message)}/${encodeURIComponent(file)}`;
    addEventListener("beforeunload", (event) => this.isChanged() && event.preventDefault());
  }

  attach(view) {
    this.view = view;
  }

  get text() {
    return this.view.state.doc.toString();
  }

  isChanged() {
    return this.view !== undefined && this.text !== this.saved;
  }

  touched() {
    this.tell(this.isChanged() ? "changed" : "saved");
  }

  async save() {
    if (this.state === "saving") return false;
    const text = this.text;
    if (text === this.saved) {
      this.tell("saved", "Nothing has changed since the last save.");
      return true;
    }
    this.tell("saving");
    try {
      const { mark } = await ask(this.address, { method: "PUT", body: { text, mark: this.mark } });
      Object.assign(this, { mark, saved: text });
      this.touched();
      return true;
    } catch (trouble) {
      this.refused(trouble);
      return false;
    }
  }

  refused(trouble) {
    this.touched();
    if (trouble.status === 409) {
      this.theirs = trouble.answer;
      openConflict(this);
      return;
    }
    this.tell("failed", sentence(`not saved: ${trouble.problem.what}`), trouble.problem);
  }

  // Somebody else saved: with nothing of ours in the way their words simply appear.
  async changedOnDisk(mark) {
    if (mark === this.mark || this.state === "saving") return false;
    const found = await ask(this.address);
    if (found.mark === this.mark) return false;
    if (this.isChanged()) {
      this.theirs = found;
      this.tell("conflict");
      return false;
    }
    this.take(found);
    this.tell("saved", "Somebody else saved; these are the words as they are now.");
    return true;
  }

  take({ text, mark }) {
    Object.assign(this, { saved: text, mark });
    replaceText(this.view, text, fromDisk.of(true));
  }

  tell(state, words = "", problem = null) {
    Object.assign(this, { state, problem });
    this.onState(state, words, problem);
  }
}

// Both texts in one: every place where they differ has two buttons, and what is left at the end is saved.
export function openConflict(file) {
  const dialog = byId("conflict");
  const parent = byId("conflict-words");
  const { text: theirs, mark } = file.theirs;
  parent.replaceChildren();
  const merged = new EditorView({
    parent,
    state: EditorState.create({
      doc: file.text,
      extensions: [
        EditorView.cspNonce.of(file.nonce),
        minimalSetup,
        EditorView.lineWrapping,
        language,
        theme,
        EditorView.contentAttributes.of({ "aria-label": "Your words, with theirs where they differ" }),
        unifiedMergeView({ original: theirs, mergeControls: control, gutter: true, collapseUnchanged: { margin: 2, minSize: 4 } }),
        EditorView.updateListener.of((update) => count(update.state)),
      ],
    }),
  });
  count(merged.state);
  const settle = async (text) => {
    const ours = file.text;
    file.mark = mark;
    file.saved = theirs;
    replaceText(file.view, text);
    dialog.close();
    if (!(await file.save()) && file.state !== "conflict") replaceText(file.view, ours);
  };
  byId("conflict-save").onclick = () => settle(merged.state.doc.toString());
  byId("conflict-theirs").onclick = () => {
    file.take({ text: theirs, mark });
    file.touched();
    dialog.close();
  };
  dialog.onclose = () => {
    merged.destroy();
    file.view.focus();
  };
  if (!dialog.open) dialog.showModal();
}

const CONTROLS = { accept: "Keep mine", reject: "Take theirs" };
const control = (type, action) => make("button", { type: "button", className: `merge-${type}`, onmousedown: action, onclick: (event) => event.detail === 0 && action(event) }, CONTROLS[type]);

function count(state) {
  const left = getChunks(state)?.chunks.length ?? 0;
  byId("conflict-count").textContent = left === 0 ? "Nothing differs any more." : left === 1 ? "They differ in one place." : `They differ in ${left} places.`;
}

export function showProblem(problem) {
  byId("problem-words").replaceChildren(told(problem));
  byId("problem").showModal();
}

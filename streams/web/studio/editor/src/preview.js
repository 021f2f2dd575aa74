// The mail as a customer sees it, while one writes. Two frames: one is shown, the other loads the next state, so
// that nothing flickers and the reader's place stays. No script runs in either.

import { post } from "./ask.js";
import { byId, make, sentence } from "./make.js";

const WIDTHS = { desktop: 680, phone: 375 };
const PATIENCE = 700; // milliseconds that words may be half written before one is told
const MARGIN = 32; // pixels beside the sheet
const UNKNOWN_HEIGHT = 1400; // pixels, where a frame does not let itself be measured

export class Preview {
  constructor({ message, locale, variant, read, chosen, onPick }) {
    Object.assign(this, { message, locale, variant, read, chosen, onPick, id: "", since: 0, busy: false, again: false, due: false });
    this.frames = [...document.querySelectorAll(".sheet iframe")];
    swap(...this.frames);
    for (const control of document.querySelectorAll("[name=device], [name=look]")) control.addEventListener("change", () => this.look());
    byId("sample").addEventListener("change", () => this.ask());
    new ResizeObserver(() => this.fit()).observe(byId("stage"));
  }

  get device() {
    return document.querySelector("[name=device]:checked").value;
  }

  get view() {
    return document.querySelector("[name=look]:checked").value;
  }

  // Something changed at `since`: ask at once, for keys come slower than previews. While an answer is on its way,
  // ask once more after it, however many keys were pressed meanwhile.
  changed(since = performance.now()) {
    this.since = since;
    if (this.due) return;
    this.due = true;
    queueMicrotask(() => {
      this.due = false;
      this.ask(this.since);
    });
  }

  async ask(since = performance.now()) {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    const body = { message: this.message, locale: this.locale, variant: this.variant || undefined, ...this.chosen(), text: this.read() };
    try {
      const steps = { asked: performance.now() - since };
      const answer = await post("/api/preview", body);
      Object.assign(steps, { server: answer.took_ms, answered: performance.now() - since });
      this.head(answer);
      this.id = answer.id;
      await this.show(since, steps);
      this.well();
    } catch (trouble) {
      this.wrong(trouble);
    }
    this.busy = false;
    if (this.again) {
      this.again = false;
      await this.ask(this.since);
    }
  }

  look() {
    const isText = this.device === "text";
    byId("looks").disabled = isText;
    byId("stage").dataset.device = this.device;
    byId("stage").dataset.look = isText ? "light" : this.view;
    if (this.id) this.show(performance.now());
    this.fit();
  }

  head({ subject, preheader, text, html_bytes: bytes }) {
    byId("seen-subject").textContent = subject;
    byId("seen-preheader").textContent = preheader;
    byId("seen-text").textContent = text;
    byId("seen-size").textContent = `Subject ${subject.length} characters, preheader ${preheader.length}; ${(bytes / 1024).toFixed(0)} KB`;
  }

  // `steps` says when each part of the way was done, in milliseconds since the change.
  async show(since, steps = {}) {
    if (this.device !== "text") {
      const [front, back] = this.frames;
      await load(back, `/preview/${this.id}/${this.view}`);
      steps.loaded = performance.now() - since;
      this.prepare(back);
      this.frames = [back, front];
      this.fit();
      swap(back, front);
    }
    await painted();
    performance.measure("preview", { start: since, end: performance.now(), detail: steps });
  }

  prepare(frame) {
    frame.contentDocument?.addEventListener("click", (event) => {
      event.preventDefault(); // a preview's links lead nowhere
      this.onPick(event.target.closest?.("td, th, p, h1, h2, li, div, a")?.textContent ?? "");
    });
  }

  // A mail is laid out for the width that it will have; a narrower pane shows it smaller, never differently.
  fit() {
    const stage = byId("stage");
    const width = WIDTHS[this.device];
    if (!width) return;
    const scale = Math.min(1, (stage.clientWidth - MARGIN) / width);
    for (const frame of this.frames) {
      frame.style.width = `${width}px`;
      frame.style.transform = scale < 1 ? `scale(${scale})` : "";
    }
    const tall = height(this.frames[0]);
    this.frames[0].style.height = `${tall}px`;
    const sheet = stage.querySelector(".sheet");
    sheet.style.width = `${Math.floor(width * scale)}px`;
    sheet.style.height = `${Math.ceil(tall * scale)}px`;
  }

  well() {
    clearTimeout(this.unwell);
    byId("seen-trouble").hidden = true;
    byId("stage").classList.remove("stale");
  }

  // Half a tag is no mistake yet: somebody is writing it.
  wrong(trouble) {
    clearTimeout(this.unwell);
    this.unwell = setTimeout(() => this.tell(trouble), PATIENCE);
  }

  tell(trouble) {
    const { what, where, hint } = trouble.problem;
    const line = /:(\d+)/.exec(where ?? "")?.[1];
    const note = byId("seen-trouble");
    note.replaceChildren(make("strong", {}, line ? `Line ${line}: ${what}.` : sentence(what)), " ", hint ? `${sentence(hint)} ` : "", this.id ? "Below is how it looked before." : "");
    note.hidden = false;
    byId("stage").classList.add("stale");
  }
}

function height(frame) {
  const page = frame.contentDocument?.documentElement;
  return page ? Math.ceil(page.getBoundingClientRect().height) : UNKNOWN_HEIGHT;
}

// The frame behind is laid out like the one in front, so that it can be measured before it is seen.
function swap(next, last) {
  for (const [frame, isBehind] of [[next, false], [last, true]]) {
    frame.classList.toggle("behind", isBehind);
    frame.toggleAttribute("inert", isBehind);
    frame.setAttribute("aria-hidden", String(isBehind));
  }
}

// `replace` leaves no trace in the history: Back leads to the list, not through every key that was pressed.
function load(frame, address) {
  return new Promise((resolve) => {
    frame.addEventListener("load", resolve, { once: true });
    frame.contentWindow.location.replace(address);
  });
}

const painted = () =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, 50); // a hidden tab paints nothing
    requestAnimationFrame(() => setTimeout(() => (clearTimeout(timer), resolve())));
  });

// Small parts of pages, made without ever reading text as HTML.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

export const spaced = (word) => {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

export const counted = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

const LANGUAGES = new Intl.DisplayNames(["en"], { type: "language" });

export function language(locale) {
  const [name, variant] = locale.split("@");
  let spoken = name;
  try {
    spoken = LANGUAGES.of(name.replaceAll("_", "-"));
  } catch {
    // a name that no list of languages has stands for itself
  }
  return variant ? `${spoken}, variant ${variant}` : spoken;
}

// What a problem says, as paragraphs: what, where, why, and the way out.
export function told(problem) {
  const where = /[/:]/.test(problem.where ?? "") ? make("p", { className: "soft" }, problem.where) : null;
  const why = problem.why ? make("p", {}, `${sentence(problem.why)}`) : null;
  const hint = problem.hint ? make("p", {}, make("b", {}, "Try: "), problem.hint) : null;
  return make("div", { className: "told-problem" }, make("p", {}, make("strong", {}, sentence(problem.what))), where, why, hint);
}

export function sentence(text) {
  // `order.number is not…` stays as it is: it is a name.
  const whole = /^[a-z]+[\s,:;]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?:]$/.test(whole) ? whole : `${whole}.`;
}

export function later(milliseconds, deed) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => deed(...given), milliseconds);
  };
}

// English first, for it is what all others fall back to; then by name.
export const inOrder = (locales) => [...locales].sort((a, b) => (b.locale === "en") - (a.locale === "en") || a.locale.localeCompare(b.locale));

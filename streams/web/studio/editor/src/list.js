// The list: every message in every language, and how it stands.

import { ask } from "./ask.js";
import { byId, counted, inOrder, language, later, make, spaced, told } from "./make.js";

let messages = JSON.parse(byId("main").dataset.messages);

// A variant is shown as a language of its own: `en@b`.
const flat = (one) => inOrder(one.locales).flatMap((each) => [each, ...(each.variants ?? []).map((other) => ({ ...other, locale: `${each.locale}@${other.variant}` }))]);

const isWanted = {
  all: () => true,
  errors: (one) => flat(one).some((each) => each.errors || each.state === "broken"),
  warnings: (one) => flat(one).some((each) => each.warnings),
  differs: (one) => flat(one).some((each) => each.golden === "differs"),
  own: (one) => flat(one).some((each) => each.own),
};

function draw() {
  const wanted = byId("find").value.trim().toLowerCase();
  const filter = document.querySelector("[name=which]:checked").value;
  const some = messages.filter((one) => isWanted[filter](one) && `${spaced(one.name)} ${one.name} ${one.purpose} ${one.kinds.join(" ")}`.toLowerCase().includes(wanted));
  byId("messages").replaceChildren(...some.map(row));
  byId("none").hidden = some.length > 0;
  for (const [name, test] of Object.entries(isWanted)) {
    const number = document.querySelector(`[data-number="${name}"]`);
    if (number) number.textContent = messages.filter(test).length;
  }
}

function row(one) {
  const first = one.locales.find((each) => each.locale === "en") ?? one.locales[0];
  const title = make("a", { href: address(one.name, first?.locale ?? "en") }, spaced(one.name));
  title.dataset.row = "";
  return make(
    "li",
    { className: "message" },
    make("div", { className: "what" }, make("h2", {}, title, make("small", { className: "soft" }, one.owner)), make("p", { className: "soft" }, one.purpose)),
    make("ul", { className: "states", "aria-label": `${spaced(one.name)}, languages` }, ...flat(one).map((each) => make("li", {}, cell(one.name, each)))),
  );
}

function cell(name, { locale, own, state, errors, warnings, golden }) {
  const [tone, says] = verdict(state, errors, warnings);
  const more = [golden === "differs" ? "changed since accepted" : golden === "none" ? "never accepted" : "", own ? "your own words" : ""].filter(Boolean);
  const link = make(
    "a",
    { className: `cell ${tone}`, href: address(name, locale), title: [language(locale), ...more].join("; ") },
    make("b", {}, make("span", { className: `dot ${tone}` }), locale, own ? make("span", { className: "ours" }, " yours") : null),
    make("span", { className: "says" }, says),
    golden === "differs" ? make("span", { className: "says" }, "changed") : null,
  );
  return link;
}

function verdict(state, errors, warnings) {
  if (state === "") return ["calm", "reading…"];
  if (state === "broken") return ["bad", "cannot be sent"];
  if (errors) return ["bad", counted(errors, "error")];
  if (warnings) return ["warn", counted(warnings, "warning")];
  if (state === "not_checked") return ["calm", "not checked"];
  return ["good", "clean"];
}

function address(name, locale) {
  const [plain, variant] = locale.split("@");
  const query = new URLSearchParams(variant ? { locale: plain, variant } : { locale: plain });
  return `/messages/${encodeURIComponent(name)}?${query}`;
}

// Reading everything takes a while after a start: rows fill one by one, as they are told of.
async function load(query = "") {
  try {
    ({ messages } = await ask(`/api/messages${query}`));
    if (!query) byId("waiting").textContent = "";
    draw();
  } catch (trouble) {
    byId("waiting").replaceChildren(told(trouble.problem));
  }
}

byId("find").addEventListener("input", draw);
for (const one of document.querySelectorAll("[name=which]")) one.addEventListener("change", draw);
document.addEventListener("keydown", (event) => {
  const target = event.target;
  const typing = target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "radio";
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  if (event.key === "/") {
    event.preventDefault();
    byId("find").focus();
  } else if (event.key === "j") rows[Math.min(rows.length - 1, at + 1)]?.focus();
  else if (event.key === "k") rows[Math.max(0, at - 1)]?.focus();
});

const again = later(500, () => load("?now=1"));
const events = new EventSource("/events");
events.addEventListener("lint", again);
events.addEventListener("changed", later(500, () => load()));
addEventListener("pagehide", () => events.close());
draw();
load();

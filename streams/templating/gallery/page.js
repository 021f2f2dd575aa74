"use strict";
// Chooses what is shown. Without it, everything is shown, light and wide.
const form = document.getElementById("choose");
const figures = [...document.querySelectorAll("figure")];

function choose() {
  const { locale, sample, view, width } = Object.fromEntries(new FormData(form));
  document.body.dataset.view = view;
  document.body.dataset.width = width;
  const written = view === "dark" ? "dark" : "light";
  for (const figure of figures) {
    figure.hidden = (locale && figure.dataset.locale !== locale) || (sample && figure.dataset.sample !== sample);
    const frame = figure.querySelector("iframe");
    const wanted = frame?.getAttribute("src").replace(/\.(light|dark)\.html$/, `.${written}.html`);
    if (frame && frame.getAttribute("src") !== wanted) {
      const fresh = frame.cloneNode(); // a frame that is still loading may not listen to another address
      fresh.setAttribute("src", wanted);
      frame.replaceWith(fresh);
    }
    for (const link of figure.querySelectorAll("a")) link.href = link.href.replace(/\.(light|dark)\.html$/, `.${written}.html`);
  }
  for (const section of document.querySelectorAll("section")) {
    section.hidden = [...section.querySelectorAll("figure")].every((figure) => figure.hidden);
  }
  history.replaceState(null, "", `?${new URLSearchParams({ locale, sample, view, width })}${location.hash}`);
}

for (const [name, value] of new URLSearchParams(location.search)) {
  if (form.elements[name]) form.elements[name].value = value;
}
form.hidden = false;
form.addEventListener("change", choose);
choose();

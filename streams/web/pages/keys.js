// Keys for those who look at these pages all day. Everything works without this file.
"use strict";
(() => {
  const find = document.getElementById("find");
  const rows = [...document.querySelectorAll("[data-row]")];
  let going = 0;

  const typing = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

  const step = (by) => {
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by));
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (Date.now() - going < 1500) {
      going = 0;
      const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (link) link.click();
      return;
    }
    if (event.key === "g") going = Date.now();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/" && find) {
      event.preventDefault();
      find.focus();
      find.select();
    }
  });

  // On a phone the menu is a strip: the page one is on stands in sight.
  const here = document.querySelector(".menu [aria-current]");
  const strip = document.querySelector(".menu");
  if (here && strip && here.offsetLeft + here.offsetWidth > strip.clientWidth) strip.scrollLeft = here.offsetLeft - 24;

  // A backtest that runs ends some time: look again, unless somebody is writing.
  if (document.querySelector("[data-running]")) {
    setInterval(() => {
      if (!typing(document.activeElement) && !document.hidden) location.replace("/backtests");
    }, 3000);
  }
})();

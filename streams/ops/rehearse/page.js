"use strict";
const fit = (frame) => {
  const page = frame.contentDocument && frame.contentDocument.documentElement;
  if (page) frame.style.height = Math.ceil(page.getBoundingClientRect().height) + 2 + "px";
};
const frames = document.querySelectorAll(".letter iframe");
for (const frame of frames) {
  frame.addEventListener("load", () => fit(frame));
  fit(frame);
  new ResizeObserver(() => fit(frame)).observe(frame.parentElement);
}

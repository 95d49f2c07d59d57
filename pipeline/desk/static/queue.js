// The queue by keyboard: j and k move, Enter opens (as links do).
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key !== "j" && event.key !== "k") return;
  const links = [...document.querySelectorAll(".queue a")];
  if (!links.length) return;
  const here = links.indexOf(document.activeElement);
  const to = event.key === "j" ? Math.min(here + 1, links.length - 1) : Math.max(here - 1, 0);
  links[to].focus();
  event.preventDefault();
});

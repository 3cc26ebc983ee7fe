// What makes the console quicker for who has a keyboard; every page works without it.
"use strict";

// "g", then a letter, goes to a page of the menu.
const places = { l: "/live", c: "/calls", a: "/accounts", n: "/numbers", q: "/queue", r: "/reports" };
let going = false;

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("input, textarea, select, [contenteditable]");
  if (busy || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = places[event.key];
  if (going && place && document.querySelector(`.top nav a[href="${place}"]`)) window.location.assign(place);
  going = event.key === "g";
  if (event.key === "/") {
    const find = document.getElementById("find");
    if (find) { event.preventDefault(); find.focus(); find.select(); }
  }
});

// A form is sent once, however often its button is clicked: the answer to the second would hide what came of
// the first. Who has waited this long for any answer may try again.
const ONCE_MS = 10000;
const sent = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  const isSent = form.method === "post" && event.timeStamp - (sent.get(form) ?? -ONCE_MS) < ONCE_MS;
  const question = form.dataset.confirm;
  if (isSent || (question && !window.confirm(question))) event.preventDefault();
  else sent.set(form, event.timeStamp);
});
window.addEventListener("pageshow", () => { for (const form of document.forms) sent.delete(form); });

// What is wider than its place is scrolled with the keyboard too.
const reachable = () => {
  for (const wide of document.querySelectorAll(".wide")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0; else wide.removeAttribute("tabindex");
  }
};
reachable();
window.addEventListener("resize", reachable);

// A part that changes by itself: fetched again every two seconds while somebody looks.
for (const part of document.querySelectorAll("[data-live]")) {
  const refresh = async () => {
    if (document.hidden || part.contains(document.activeElement)) return;
    try {
      const answer = await fetch(part.dataset.live, { headers: { "X-Part": part.id } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const newer = page.getElementById(part.id);
      if (newer) part.replaceChildren(...newer.childNodes);
      reachable();
      part.classList.remove("stale");
    } catch { part.classList.add("stale"); }
  };
  setInterval(refresh, 2000);
}

// A countdown to a moment, for what is held for a while.
for (const clock of document.querySelectorAll("[data-until]")) {
  const until = Date.parse(clock.dataset.until);
  const tick = () => {
    const left = Math.max(0, Math.round((until - Date.now()) / 1000));
    clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  };
  tick();
  setInterval(tick, 1000);
}

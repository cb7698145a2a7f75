"use strict";
// The theme: the system's, until somebody chooses.
const root = document.documentElement;
function showTheme(theme) {
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
}
try { showTheme(localStorage.getItem("theme")); } catch { /* storage is off: the system decides */ }
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-toggle-theme]")) return;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme || (isDark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  showTheme(next);
  try { localStorage.setItem("theme", next); } catch { /* it holds for this page */ }
});
// Parts of a page that the server renders anew.
async function refresh(element, url) {
  const answer = await fetch(url, { headers: { "X-Fragment": "1" } });
  if (answer.ok) element.innerHTML = await answer.text();
  return answer.ok;
}
// What happens from when this page was made, not from when it begins to listen.
// A page whose command is gone says so: what it shows is as old as the last word.
function listen() {
  const source = new EventSource(`/events?since=${document.body.dataset.rung}`);
  const lost = document.querySelector("[data-lost]");
  let hasEnded = false;
  source.addEventListener("end", () => { hasEnded = true; source.close(); });
  source.addEventListener("open", () => { lost.hidden = true; });
  source.addEventListener("error", () => { if (!hasEnded) lost.hidden = false; });
  return source;
}

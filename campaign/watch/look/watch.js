const board = document.querySelector("[data-run]");
let drawing = false;
function entitle() {
  document.title = `${board.querySelector(".percent b").textContent} · ${board.querySelector("h1").textContent.trim()}`;
}
const run = listen();
run.addEventListener("figures", async () => {
  if (drawing || document.hidden) return;
  drawing = true;
  try { await refresh(board, "/figures"); } finally { drawing = false; }
  entitle();
});
// The last word of a run whose process goes: it is in the event, for nobody can be asked any more.
run.addEventListener("end", (event) => {
  if (event.data) board.innerHTML = event.data;
  entitle();
});
document.addEventListener("visibilitychange", async () => {
  if (!document.hidden && run.readyState === EventSource.OPEN) { await refresh(board, "/figures"); entitle(); }
});

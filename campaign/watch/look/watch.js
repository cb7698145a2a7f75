const board = document.querySelector("[data-run]");
let drawing = false;
listen().addEventListener("figures", async () => {
  if (drawing || document.hidden) return;
  drawing = true;
  const at = board.querySelector(".scroll-x")?.scrollLeft;
  try { await refresh(board, "/figures"); } finally { drawing = false; }
  const scrolled = board.querySelector(".scroll-x");
  if (scrolled && at) scrolled.scrollLeft = at;
  document.title = `${board.querySelector(".percent b").textContent} · ${board.querySelector("h1").textContent.trim()}`;
});

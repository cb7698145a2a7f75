// A template was saved: the letter is rendered anew, in place.
const events = new EventSource("/events");
events.addEventListener("edition", () => { if (desk) { go(stage.dataset.current, { push: false }); find(); } else location.reload(); });
const figures = document.querySelector("[data-figures]");
let drawing = false;
events.addEventListener("figures", async () => {
  if (!figures || drawing) return;
  drawing = true;
  await refresh(figures, "/overview/figures");
  setTimeout(() => { drawing = false; }, 400);
});

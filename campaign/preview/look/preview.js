// A template was saved: the letter is rendered anew, in place.
const events = listen();
events.addEventListener("edition", () => { if (desk) { go(stage.dataset.current, { push: false }); find(); } else location.reload(); });
const figures = document.querySelector("[data-figures]");
let drawing = false;
events.addEventListener("figures", async () => {
  if (!figures || drawing) return;
  drawing = true;
  await refresh(figures, "/overview/figures");
  setTimeout(() => { drawing = false; }, 400);
});
// What there is to filter by grows while the letters are looked at.
const filters = document.querySelector("[data-filters]");
let filling = false;
events.addEventListener("figures", () => {
  if (!filters || filling) return;
  filling = true;
  setTimeout(() => {
    filling = false;
    // A list that somebody has open stays as it is.
    if (!filters.contains(document.activeElement)) refresh(filters, `/filters?${asked()}`);
  }, 700);
});
// What to write into the DNS, or into a file, is there to be taken along.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const told = document.querySelector("[data-copied]");
  const text = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(text.textContent);
    told.textContent = "Copied";
    button.textContent = "Copied";
  } catch { // no clipboard for this page: the text is marked, to be copied by the keyboard
    getSelection().selectAllChildren(text);
    told.textContent = "The text is marked";
    button.textContent = "Marked";
  }
  setTimeout(() => { button.textContent = "Copy"; told.textContent = ""; }, 2000);
});

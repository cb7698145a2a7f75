// Something arrived: the list is drawn anew, the message that is read stays.
const turnedAway = document.querySelector("[data-refusals]");
let isBusy = false, isAgain = false;
async function arrived() {
  if (isBusy) { isAgain = true; return; }
  isBusy = true;
  if (turnedAway) await refresh(turnedAway, "/refusals/list");
  if (desk && list.scrollTop < 80) {
    await find();
    if (!stage.dataset.current) {
      const first = list.querySelector("[data-go]");
      if (first && matchMedia("(min-width: 45.01rem)").matches) await go(first.dataset.go, { push: false });
    }
    mark(stage.dataset.current);
  }
  setTimeout(() => { isBusy = false; if (isAgain) { isAgain = false; arrived(); } }, 300);
}
listen().addEventListener("mail", arrived);

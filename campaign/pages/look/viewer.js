const desk = document.querySelector(".desk");
const list = document.querySelector("[data-list]");
const stage = document.querySelector("[data-letter]");
const status = document.querySelector("[data-status]");

// How letters are looked at stays the same from one to the next.
const eyes = { view: "html", width: "desktop", dark: "0", images: "1" };
try { Object.assign(eyes, JSON.parse(sessionStorage.getItem("eyes") || "{}")); } catch { /* as ever */ }

function look() {
  for (const tab of stage.querySelectorAll("[data-view]")) {
    const isOn = tab.dataset.view === eyes.view;
    tab.setAttribute("aria-selected", isOn);
    tab.tabIndex = isOn ? 0 : -1;
  }
  for (const panel of stage.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== eyes.view;
  for (const name of ["width", "dark", "images"]) {
    for (const button of stage.querySelectorAll(`[data-${name}]`)) {
      button.setAttribute("aria-pressed", button.dataset[name] === eyes[name]);
    }
  }
  const tools = stage.querySelector("[data-eyes]");
  if (tools) tools.hidden = eyes.view !== "html";
  const device = stage.querySelector("[data-device]");
  if (device) {
    device.classList.toggle("is-phone", eyes.width === "phone");
    device.classList.toggle("is-dark", eyes.dark === "1");
    const note = stage.querySelector("[data-dark-note]");
    note.hidden = eyes.dark !== "1";
    let frame = device.querySelector("[data-frame]");
    const url = new URL(frame.src);
    for (const [name, usual] of [["dark", "0"], ["images", "1"]]) {
      if (eyes[name] === usual) url.searchParams.delete(name); else url.searchParams.set(name, eyes[name]);
    }
    if (frame.src !== url.href) { // another frame, not another page in it: Back must stay Back
      const fresh = frame.cloneNode();
      fresh.src = url.href;
      frame.replaceWith(fresh);
      frame = fresh;
    }
    fit(device, frame);
  }
  try { sessionStorage.setItem("eyes", JSON.stringify(eyes)); } catch { /* for this page only */ }
}
// On a narrow screen the desktop's width is shown smaller, not narrower.
function fit(device, frame) {
  const scale = eyes.width === "desktop" ? Math.min(1, device.clientWidth / 640) : 1;
  const isSmaller = scale > 0 && scale < 1;
  frame.style.flex = isSmaller ? "none" : "";
  frame.style.width = isSmaller ? "640px" : "";
  frame.style.height = isSmaller ? `${device.clientHeight / scale}px` : "";
  frame.style.transformOrigin = "0 0";
  frame.style.transform = isSmaller ? `scale(${scale})` : "";
  frame.onload = () => grow(device, frame, scale);
  grow(device, frame, scale);
}
// As tall as its letter; on a phone's screen a letter is scrolled.
function grow(device, frame, scale) {
  device.style.height = "";
  if (eyes.width !== "desktop") return;
  const page = frame.contentDocument;
  if (!page || !page.body || page.URL === "about:blank") return;
  frame.style.height = "0";
  const tall = Math.max(page.documentElement.scrollHeight, page.body.scrollHeight);
  device.style.height = `${Math.ceil(tall * scale) + 2}px`;
  frame.style.height = scale < 1 ? `${tall}px` : "";
}
addEventListener("resize", () => { if (stage) look(); });
function choose(name, value) { eyes[name] = value; look(); }
const other = { width: ["desktop", "phone"], dark: ["0", "1"], images: ["1", "0"] };
function turn(name) { const [a, b] = other[name]; choose(name, eyes[name] === a ? b : a); }


// Going from letter to letter.
let going = 0;
async function go(row, { push = true } = {}) {
  const mine = ++going;
  mark(row); // at once: the next key counts from here
  const answer = await fetch(`${stage.dataset.base}${row}?view=${eyes.view}`);
  const html = await answer.text();
  if (mine !== going) return; // somebody pressed the key again
  stage.innerHTML = html;
  stage.dataset.current = row;
  stage.scrollTop = 0;
  look();
  document.body.classList.add("asks-letter");
  const subject = stage.querySelector("#subject");
  if (subject) status.textContent = document.title = subject.textContent;
  if (push) {
    const url = new URL(location.href);
    url.searchParams.set(stage.dataset.asks, row);
    url.searchParams.delete("key");
    history.replaceState(null, "", url);
  }
}
function mark(row) {
  for (const link of list.querySelectorAll("[data-go]")) {
    const isIt = link.dataset.go === String(row);
    if (isIt) { link.setAttribute("aria-current", "true"); link.scrollIntoView({ block: "nearest" }); }
    else link.removeAttribute("aria-current");
  }
}
function step(by) {
  const links = [...list.querySelectorAll("[data-go]")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[at < 0 ? 0 : at + by];
  if (next) go(next.dataset.go);
  if (by > 0 && at >= links.length - 8) list.querySelector("[data-more]")?.click();
}

// The list: search as one types, more as one scrolls.
const finder = document.querySelector("[data-finder]");
function asked() {
  const fields = new URLSearchParams(new FormData(finder));
  for (const [name, value] of [...fields]) if (!value) fields.delete(name);
  return fields;
}
let finding = 0;
async function find() {
  const mine = ++finding;
  const fields = asked();
  list.classList.add("is-busy");
  const answer = await fetch(`/list?${fields}&${stage.dataset.asks}=${stage.dataset.current}`);
  const html = await answer.text();
  if (mine !== finding) return;
  list.innerHTML = html;
  list.classList.remove("is-busy");
  list.scrollTop = 0;
  const links = [...list.querySelectorAll("[data-go]")];
  status.textContent = links.length ? `${links.length} found` : "Nothing found";
  const url = new URL(location.href);
  url.search = fields;
  if (document.body.classList.contains("asks-letter")) url.searchParams.set(stage.dataset.asks, stage.dataset.current);
  history.replaceState(null, "", url);
  // A letter that is not among those found does not stay as if it belonged to them.
  if (!links.length) { going++; stage.innerHTML = '<div class="empty"><h2>No letter to show</h2><p>Nobody on the list matches.</p></div>'; stage.dataset.current = ""; }
  else if (!links.some((link) => link.dataset.go === stage.dataset.current) && matchMedia("(min-width: 45.01rem)").matches) go(links[0].dataset.go, { push: false });
}
async function more(link) {
  if (link.dataset.busy) return;
  link.dataset.busy = "1";
  const url = new URL(link.href);
  const answer = await fetch(`/list${url.search}`);
  const holder = document.createElement("div");
  holder.innerHTML = await answer.text();
  link.closest(".more").remove();
  const empty = list.querySelector(".empty");
  if (empty && holder.querySelector("[data-go]")) empty.remove();
  else if (empty && !holder.querySelector("[data-more]")) empty.querySelector("h2").textContent = "Nobody found";
  list.append(...holder.childNodes);
  watchEnd();
}
const end = new IntersectionObserver((seen) => {
  for (const one of seen) if (one.isIntersecting) more(one.target);
}, { rootMargin: "400px" });
function watchEnd() {
  end.disconnect();
  const link = list?.querySelector("[data-more]");
  if (link) end.observe(link);
}

if (desk) {
  look();
  mark(stage.dataset.current);
  watchEnd();
  new MutationObserver(watchEnd).observe(list, { childList: true });
  let typing;
  finder.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, 120); });
  finder.addEventListener("submit", (event) => { event.preventDefault(); find(); });
  document.addEventListener("click", (event) => {
    const at = event.target;
    const link = at.closest("[data-go]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); go(link.dataset.go); }
    else if (at.closest("[data-more]")) { event.preventDefault(); more(at.closest("[data-more]")); }
    else if (at.closest("[data-back]")) { event.preventDefault(); document.body.classList.remove("asks-letter"); mark(stage.dataset.current); }
    else if (at.closest("[data-help]")) document.querySelector("[data-help-dialog]").showModal();
    else for (const name of ["view", "width", "dark", "images"]) {
      const button = at.closest(`button[data-${name}]`);
      if (button) choose(name, button.dataset[name]);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target.closest("input, select, textarea, dialog");
    const isTab = event.target.closest('[role="tab"]');
    if (isTab && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      const tabs = [...stage.querySelectorAll('[role="tab"]')];
      const next = tabs[(tabs.indexOf(isTab) + (event.key === "ArrowRight" ? 1 : -1) + tabs.length) % tabs.length];
      choose("view", next.dataset.view);
      next.focus();
      return;
    }
    const isForField = event.target.type === "search" ? ["ArrowDown", "ArrowUp", "Escape"] : event.target.closest("select") ? ["/"] : [];
    if (inField && !isForField.includes(event.key)) return;
    const keys = {
      ArrowDown: () => step(1), j: () => step(1), ArrowUp: () => step(-1), k: () => step(-1),
      "/": () => finder.q.focus(), Escape: () => document.activeElement.blur(),
      w: () => turn("width"), d: () => turn("dark"), i: () => turn("images"),
      o: () => document.querySelector("[data-other-page]")?.click(), "?": () => document.querySelector("[data-help-dialog]").showModal(),
    };
    const views = ["html", "text", "headers", "source", "files"];
    const key = event.key;
    if (views[key - 1]) { choose("view", views[key - 1]); event.preventDefault(); }
    else if (keys[key]) { keys[key](); event.preventDefault(); }
  });
}

// The bar of filters: a search and a menu of boxes for each filter. What is chosen stands in the address.

const MENUS = [
  ["runtime", "Runtime", () => RUNTIMES.map(({ name }) => name)],
  ["verdict", "Verdict", () => DATA.signs.filter(({ code }) => CASES.some(({ verdicts }) => verdicts.includes(code))).map(({ name }) => name)],
  ["function", "Function", () => [...new Set(CLAUSES.map(subjectOf))]],
  ["authority", "Authority", () => Object.keys(AUTHORITY)],
];

const BAR = { search: null, count: null, clear: null, boxes: [], menus: [] };

/** Makes the bar; `apply(change)` is called with what a filter becomes. */
function filterBar(apply) {
  BAR.search = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search ids, summaries, clauses, differences",
    "aria-label": "Search",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => apply({ q: BAR.search.value }),
  });
  BAR.count = el("span.quiet", { id: "count" });
  BAR.clear = el("button", { type: "button", onclick: () => apply({ q: "", ...Object.fromEntries(LISTS.map((key) => [key, new Set()])) }) }, "Clear filters");
  BAR.menus = MENUS.map(([key, title, values]) => menu(key, title, values(), apply));
  document.addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu")));
  return el("form", { id: "filters", role: "search", onsubmit: (event) => event.preventDefault() }, BAR.search, BAR.menus, BAR.clear, BAR.count);
}

function menu(key, title, values, apply) {
  const box = (value) => {
    const input = el("input", { type: "checkbox", name: key, value, onchange: () => apply({ [key]: toggled(STATE[key], value) }) });
    BAR.boxes.push({ key, value, input });
    const sign = key === "verdict" && DATA.signs.find(({ name }) => name === value);
    const text = sign ? badge(sign.code) : value;
    return el("label", input, " ", text, key === "authority" && el("span.quiet", ` ${AUTHORITY[value]}`));
  };
  const summary = el("summary", { "data-title": title }, title);
  const node = el("details.menu", { "data-key": key }, summary, el("fieldset", el("legend.hidden", title), values.map(box)));
  node.addEventListener("toggle", () => node.open && closeMenus(node));
  node.addEventListener("keydown", (event) => menuKey(event, node));
  return node;
}

/** Escape closes a menu, the arrow keys move in it. */
function menuKey(event, node) {
  const boxes = [...node.querySelectorAll("input")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" && node.open) {
    node.open = false;
    node.firstElementChild.focus();
  } else if (step && node.open) {
    boxes[Math.min(Math.max(boxes.indexOf(document.activeElement) + step, 0), boxes.length - 1)].focus();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function closeMenus(except) {
  for (const node of BAR.menus) if (node !== except) node.open = false;
}

function toggled(set, value) {
  const out = new Set(set);
  if (!out.delete(value)) out.add(value);
  return out;
}

/** Shows the filters as they are. */
function showFilters() {
  if (BAR.search.value !== STATE.q) BAR.search.value = STATE.q;
  for (const { key, value, input } of BAR.boxes) input.checked = STATE[key].has(value);
  for (const node of BAR.menus) {
    const chosen = [...STATE[node.dataset.key]];
    const summary = node.firstElementChild;
    summary.textContent = chosen.length === 0 ? summary.dataset.title : `${summary.dataset.title}: ${chosen.length <= 2 ? chosen.join(", ") : chosen.length}`;
    summary.classList.toggle("on", chosen.length > 0);
  }
  BAR.clear.hidden = STATE.q === "" && LISTS.every((key) => STATE[key].size === 0);
}

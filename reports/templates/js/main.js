// The page: shows what the address says.

/** The views with a grid: label of its first column, and its rows. */
const GRIDS = {
  matrix: ["Area, function, clause, case", matrixRows],
  cases: ["Case", listRows],
  clauses: ["Function, clause, case", clauseRows],
};

/** The other views. */
const PAGES = {
  case: caseView,
  clause: clauseView,
  divergence: divergenceView,
  divergences: divergencesView,
  ambiguities: ambiguitiesView,
  coverage: coverageView,
  changes: changesView,
};

const MAIN = document.getElementById("view");
const TOTALS = document.querySelector("details.totals");
let GRID = null;
/** Where each view was left: what is active, and how far it was scrolled. */
const LEFT = new Map();
/** The address of the last list, to which Escape leads back. */
let LIST = "#/matrix";

function gridView() {
  const [label, rowsOf] = GRIDS[STATE.view];
  const cases = filtered(STATE);
  const heads = shownRuntimes(STATE).map((runtime) => [RUNTIMES[runtime].name, el("span.sub", RUNTIMES[runtime].version)]);
  const toggle = (key) => {
    STATE.open = toggled(STATE.open, key);
    LIST = address(STATE);
    history.replaceState(null, "", LIST);
    GRID.use(rowsOf(cases));
    GRID.go(GRID.active);
  };
  GRID = new Grid({ label, columns: [label, ...heads], rows: rowsOf(cases), toggle });
  LIST = address(STATE);
  const count = `${counted(cases.length, "case")} of ${CASES.length}`;
  BAR.count.textContent = count;
  announce(count);
  const nothing = el("p.notice", CASES.length === 0 ? "No case was run yet." : "No case fits these filters.");
  return [GRID.rows.length > 0 ? GRID.scroll : nothing, legend()];
}

/** What the symbols stand for. */
function legend() {
  const used = DATA.signs.filter(({ code }) => CASES.some(({ verdicts }) => verdicts.includes(code)));
  const items = used.map(({ code, meaning }) => el("li", badge(code), el("span.quiet", ` ${meaning}`)));
  return el("aside.legend", el("ul", items), el("p.quiet", "Keys: ", joined([["/", "search"], ["↑ ↓", "move"], ["→ ←", "open, close"], ["Enter", "open"], ["n p", "next and previous case"], ["Esc", "back"]].map(([key, what]) => el("span", el("kbd", key), ` ${what}`)), " · ")));
}

/** Shows the view that the address names. */
function render() {
  performance.clearMeasures("render");
  const start = performance.now();
  GRID = null;
  BAR.count.textContent = "";
  const isGrid = Object.hasOwn(GRIDS, STATE.view);
  const show = isGrid ? gridView : Object.hasOwn(PAGES, STATE.view) && PAGES[STATE.view];
  add(clear(MAIN), show ? show(STATE.id) : notFound("view", STATE.view));
  GRID?.draw();
  showFilters();
  showViews();
  // elsewhere they would only be in the way
  TOTALS.hidden = STATE.view !== "matrix";
  performance.measure("render", { start });
}

function clear(node) {
  node.replaceChildren();
  return node;
}

function showViews() {
  const current = { case: "cases", clause: "clauses", divergence: "divergences" }[STATE.view] || STATE.view;
  const item = ([view, title]) => el("a", { href: to(view), "aria-current": view === current ? "page" : null }, title);
  add(clear(document.getElementById("views")), VIEWS.map(item));
  const name = STATE.id || VIEWS.find(([view]) => view === current)?.[1] || "";
  document.title = `${name} · Touchstone`;
}

/** A filter changed: the same view, with other content. */
function apply(change) {
  Object.assign(STATE, change);
  history.replaceState(null, "", address(STATE));
  render();
}

function keep() {
  if (GRID) LEFT.set(STATE.view, { key: GRID.rows[GRID.active]?.key, top: GRID.scroll.scrollTop, page: scrollY });
}

/** Goes where the address leads: a list comes back as it was left, everything else from its start. */
function navigate() {
  keep();
  STATE = readAddress(location.hash);
  render();
  const left = GRID && LEFT.get(STATE.view);
  if (left) {
    const index = GRID.rows.findIndex((row) => row.key === left.key);
    GRID.scroll.scrollTop = left.top;
    scrollTo(0, left.page);
    GRID.go(Math.max(0, index));
  } else {
    MAIN.focus({ preventScroll: true });
    if (STATE.id) MAIN.scrollIntoView();
  }
}

function key(event) {
  const typing = event.target.closest("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    BAR.search.focus();
  } else if (event.key === "Escape" && typing === BAR.search && STATE.q !== "") {
    event.preventDefault();
    apply({ q: "" });
  } else if (event.key === "Escape" && STATE.id) {
    location.hash = LIST;
  } else if (!typing && (event.key === "n" || event.key === "p")) {
    MAIN.querySelector(`[data-step="${event.key}"]`)?.click();
  }
}

MAIN.before(filterBar(apply));
addEventListener("hashchange", navigate);
addEventListener("resize", () => GRID?.draw());
document.addEventListener("keydown", key);
if (matchMedia("(max-width: 45rem)").matches) TOTALS.open = false;
render();
performance.mark("ready");

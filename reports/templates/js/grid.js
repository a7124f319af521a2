// A tree of rows with a column for each runtime, of which only those are made that can be seen. The keys are those of a tree grid:
// up, down, home, end and page keys move, right opens, left closes or goes to the parent, Enter and Space open.

/** Height of a row in pixels; `--row` in the style says the same. */
const ROW = 46;
/** Rows that are made above and below those that can be seen. */
const MARGIN = 8;

/**
 * Rows are `{key, level, open, label, cells, activate}`: `open` is true, false, or undefined where there is nothing to open,
 * `label()` gives the first cell and `cells()` the others; `toggle(key)` opens and closes, `activate()` follows a link.
 */
class Grid {
  constructor({ label, columns, rows, toggle }) {
    this.rows = rows;
    this.toggle = toggle;
    this.active = 0;
    this.made = new Map();
    this.body = el("div.rows", { role: "rowgroup" });
    const heads = columns.map((column) => el("div.cell", { role: "columnheader" }, column));
    const head = el("div.row.head", { role: "row", "aria-rowindex": "1" }, heads);
    const keys = { onkeydown: (event) => this.key(event), onclick: (event) => this.click(event) };
    this.node = el("div.grid", { role: "treegrid", "aria-label": label, "aria-colcount": columns.length, ...keys }, head, this.body);
    this.node.style.setProperty("--columns", columns.length - 1);
    this.scroll = el("div.scroll.gridscroll", { onscroll: () => this.draw() }, this.node);
    this.use(rows);
  }

  /** Shows other rows; the active one stays, if it is still there. */
  use(rows) {
    const key = this.rows[this.active]?.key;
    const again = rows.findIndex((row) => row.key === key);
    this.rows = rows;
    this.active = again >= 0 ? again : 0;
    this.node.setAttribute("aria-rowcount", rows.length + 1);
    this.body.style.height = `${rows.length * ROW}px`;
    this.body.replaceChildren();
    this.made.clear();
    this.draw();
  }

  /** Makes the rows that can be seen, and the active one, and takes the others away. */
  draw() {
    const top = this.scroll.scrollTop;
    const height = this.scroll.clientHeight || window.innerHeight;
    const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
    const last = Math.min(this.rows.length, Math.ceil((top + height) / ROW) + MARGIN);
    const wanted = new Set([this.active]);
    for (let index = first; index < last; index += 1) wanted.add(index);
    for (const [index, node] of this.made) {
      if (!wanted.has(index)) {
        node.remove();
        this.made.delete(index);
      }
    }
    for (const index of wanted) if (index < this.rows.length && !this.made.has(index)) this.make(index);
  }

  make(index) {
    const row = this.rows[index];
    const about = {
      role: "row",
      "aria-level": row.level,
      "aria-rowindex": index + 2,
      "aria-expanded": row.open === undefined ? null : String(row.open),
      "data-index": index,
      "data-key": row.key,
      style: `top:${index * ROW}px;--level:${row.level - 1}`,
    };
    const node = el("div.row", about, el("div.cell.label", { role: "rowheader" }, row.label()), row.cells());
    reachable(node, index === this.active);
    this.made.set(index, node);
    const next = [...this.made.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
    // rows stand in the document in their order, for those who read it without seeing it
    this.body.insertBefore(node, next === undefined ? null : this.made.get(next));
  }

  key(event) {
    if (event.target.closest("a, button") && (event.key === "Enter" || event.key === " ")) return;
    const page = Math.max(1, Math.floor(this.scroll.clientHeight / ROW) - 2);
    const row = this.rows[this.active];
    const moves = {
      ArrowDown: () => this.go(this.active + 1),
      ArrowUp: () => this.go(this.active - 1),
      PageDown: () => this.go(this.active + page),
      PageUp: () => this.go(this.active - page),
      Home: () => this.go(0),
      End: () => this.go(this.rows.length - 1),
      ArrowRight: () => (row.open === false ? this.toggle(row.key) : this.go(this.active + 1)),
      ArrowLeft: () => (row.open ? this.toggle(row.key) : this.parent()),
      Enter: () => this.act(row),
      " ": () => this.act(row),
    };
    if (!moves[event.key] || !row || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[event.key]();
  }

  act(row) {
    if (row.open === undefined) row.activate?.();
    else this.toggle(row.key);
  }

  click(event) {
    const node = event.target.closest("[data-index]");
    if (!node || event.target.closest("a, button")) return;
    this.activeIs(Number(node.dataset.index));
    this.act(this.rows[this.active]);
  }

  activeIs(index) {
    reachable(this.made.get(this.active), false);
    this.active = Math.min(Math.max(index, 0), this.rows.length - 1);
    this.draw();
    const node = this.made.get(this.active);
    reachable(node, true);
    return node;
  }

  /** Makes a row the active one and gives it the keyboard. */
  go(index) {
    const node = this.activeIs(index);
    node?.focus({ preventScroll: true });
    node?.scrollIntoView({ block: "nearest" });
  }

  /** The nearest row above that is further out. */
  parent() {
    const level = this.rows[this.active].level;
    for (let index = this.active; index >= 0; index -= 1) if (this.rows[index].level < level) return this.go(index);
    return undefined;
  }
}

/** Lets the tabulator reach a row and its links, or pass them by: of a grid it reaches the active row alone. */
function reachable(row, is) {
  if (!row) return;
  for (const node of [row, ...row.querySelectorAll("a")]) node.tabIndex = is ? 0 : -1;
}

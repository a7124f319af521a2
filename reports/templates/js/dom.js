// Elements. Whatever a run showed becomes text through these functions and never markup: nothing here parses HTML.

/** An element: `el("a.quiet", {href: "#/"}, "text", child, …)`. Nothing, `false` and empty lists add no child. */
function el(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length > 0) node.className = classes.join(" ");
  for (const item of rest) add(node, item);
  return node;
}

function add(node, item) {
  if (item === null || item === undefined || item === false) return;
  if (Array.isArray(item)) for (const inner of item) add(node, inner);
  else if (item instanceof Node) node.append(item);
  else if (typeof item === "object") set(node, item);
  else node.append(String(item));
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
}

/** A link within the page, or to a tracker: no other kind of address is followed. */
function link(href, ...content) {
  const safe = href.startsWith("#") || href.startsWith("https://") ? href : null;
  return el("a", { href: safe, rel: href.startsWith("#") ? null : "noreferrer" }, ...content);
}

/** Several nodes with text between them. */
function joined(nodes, separator = ", ") {
  return nodes.flatMap((node, index) => (index === 0 ? [node] : [separator, node]));
}

/** A heading with what belongs to it. */
function section(title, ...content) {
  return el("section", el("h2", title), ...content);
}

/** Characters of a text beyond which it is folded. */
const LONG = 480;
/** Characters of it that are shown then. */
const SHORT = 200;

/** What a run showed, as code; a long text is folded. */
function shownText(text) {
  if (text.length <= LONG) return el("code", text);
  const node = el("details.long", el("summary", el("code", text.slice(0, SHORT)), el("span.quiet", ` … ${(text.length - SHORT).toLocaleString("en")} more characters`)));
  node.addEventListener("toggle", () => node.append(el("code", `… ${text.slice(SHORT)}`)), { once: true });
  return node;
}

/** Children that are added at a time. */
const PART = 50;

/** Adds what `make` makes of many items: the first at once, the others part by part, so that nobody waits for what is not seen yet. */
function inParts(parent, items, make) {
  const from = (start) => {
    parent.append(...items.slice(start, start + PART).map(make));
    if (start + PART < items.length) setTimeout(() => parent.isConnected && from(start + PART));
  };
  from(0);
  return parent;
}

/** `1 case`, `2 cases` */
function counted(count, one, several = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
}

/** Says something to those who do not see the page change. */
function announce(text) {
  document.getElementById("status").textContent = text;
}

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

/** `1 case`, `2 cases` */
function counted(count, one, several = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
}

/** Says something to those who do not see the page change. */
function announce(text) {
  document.getElementById("status").textContent = text;
}

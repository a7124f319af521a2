// What is shown stands in the fragment of the address, so that it can be kept and passed on, and works from disk:
// `#/case/files/seek?runtime=wasmer&verdict=failed&q=offset`

/** The filters, each with the key under which it stands in the address. */
const LISTS = ["runtime", "verdict", "function", "authority"];

const VIEWS = [
  ["matrix", "Matrix"],
  ["cases", "Cases"],
  ["clauses", "Clauses"],
  ["divergences", "Divergences"],
  ["ambiguities", "Ambiguities"],
  ["coverage", "Coverage"],
  ["changes", "Changes"],
];

/** What an address says: the view, what it is of, the filters, and what is open in the matrix. */
function readAddress(fragment) {
  const [path, query = ""] = fragment.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  const params = new URLSearchParams(query);
  const state = { view: view || "matrix", id: rest.map(decode).join("/"), q: params.get("q") || "", open: new Set(params.getAll("open")) };
  for (const key of LISTS) state[key] = new Set(params.getAll(key));
  return state;
}

/** An address that somebody shortened is no reason to show nothing. */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a state, or of one that differs from it. */
function address(state, change = {}) {
  const { view, id, q, open, ...rest } = { ...state, ...change };
  const params = new URLSearchParams();
  for (const key of LISTS) for (const value of rest[key]) params.append(key, value);
  if (q) params.set("q", q);
  for (const key of open) params.append("open", key);
  const query = params.toString();
  const path = [view, ...(id ? id.split("/").map(encodeURIComponent) : [])].join("/");
  return `#/${path}${query ? `?${query}` : ""}`;
}

/** The address of a view or a thing, with the filters as they are. */
function to(view, id = "") {
  return address(STATE, { view, id });
}

/** What the page shows now. */
let STATE = readAddress(location.hash);

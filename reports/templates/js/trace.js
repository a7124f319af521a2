// The runs of a case side by side: each call once, what was permitted, and what each runtime answered.

/** With more calls than this only those are shown at first that differ. */
const MANY_CALLS = 60;
/** Calls that are shown at a time. */
const CALLS_AT_A_TIME = 150;

/**
 * Runs with the names of those that showed them, the reference's first: `{names, run}`. A runtime that shows the same under all
 * profiles is named once.
 */
function runGroups({ details, strings }) {
  const groups = new Map();
  const shown = shownRuntimes(STATE);
  const reference = RUNTIMES.findIndex((runtime) => runtime.name === DATA.reference);
  const order = [...new Set([reference, ...shown])].filter((runtime) => runtime >= 0);
  for (const runtime of order) {
    const profiles = details.results[runtime].filter((row) => row.run !== null && row.run !== undefined);
    const alike = new Set(profiles.map((row) => row.run)).size === 1;
    for (const row of alike ? profiles.slice(0, 1) : profiles) {
      const name = alike ? RUNTIMES[runtime].name : `${RUNTIMES[runtime].name} (${strings[row.profile]})`;
      if (!groups.has(row.run)) groups.set(row.run, { names: [], run: details.runs[row.run] });
      groups.get(row.run).names.push(name);
    }
  }
  return [...groups.values()];
}

/** The trace of each group beside those of the others. */
function traceSection(opened, groups) {
  const count = Math.max(0, ...groups.map(({ run }) => run.calls.length));
  const all = Array.from({ length: count }, (_, index) => index);
  const differing = all.filter((index) => differs(opened, groups, index));
  const list = el("ol.calls", { style: `--groups:${groups.length}` });
  const body = el("div");
  const draw = (onlyDiffering) => body.replaceChildren(...callRows(opened, groups, onlyDiffering ? differing : all, list));
  const toggle = el("input", { type: "checkbox", id: "only-differing", onchange: () => draw(toggle.checked) });
  toggle.checked = count > MANY_CALLS;
  draw(toggle.checked);
  const said = differing.length === 0 ? "All runtimes answered alike, and as they may." : `${counted(differing.length, "call")} of ${count} ${differing.length === 1 ? "differs" : "differ"}.`;
  const tools = el("p.tools", el("span", said), differing.length > 0 && differing.length < count && el("label", toggle, " Show only these"));
  const missing = groups.filter(({ run }) => run.missing).map(({ names, run }) => el("p.notice", el("strong", `${names.join(", ")}: `), run.missing));
  return section("Calls", tools, missing, body);
}

/** Whether a call is not the same everywhere, or is not as it must be. */
function differs({ calls }, groups, index) {
  const numbers = groups.map(({ run }) => run.calls[index]);
  return numbers.some((number) => number !== numbers[0] || number === undefined || calls[number].s === "r");
}

function callRows(opened, groups, indices, list) {
  const rows = (some) => some.map((index) => callRow(opened, groups, index));
  list.replaceChildren(...rows(indices.slice(0, CALLS_AT_A_TIME)));
  let rest = indices.slice(CALLS_AT_A_TIME);
  const more = el("button", { type: "button" });
  const label = () => (more.textContent = `Show ${counted(Math.min(rest.length, CALLS_AT_A_TIME), "more call")} of ${rest.length}`);
  more.addEventListener("click", () => {
    list.append(...rows(rest.slice(0, CALLS_AT_A_TIME)));
    rest = rest.slice(CALLS_AT_A_TIME);
    if (rest.length === 0) more.remove();
    else label();
  });
  label();
  return [groups.length > 1 && indices.length > 0 && groupHeads(groups), el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Calls" }, list), rest.length > 0 && more].filter(Boolean);
}

/** One call: the question, what is permitted, and an answer for each group, or one where they are all the same. */
function callRow(opened, groups, index) {
  const { calls } = opened;
  const own = groups.map(({ run }) => calls[run.calls[index]]);
  const asked = own.find((call) => call !== undefined);
  const alike = !differs(opened, groups, index);
  const answers = alike
    ? [answerCell(opened, asked, asked, groups.flatMap(({ names }) => names).length > 1 ? "all" : groups[0].names[0])]
    : groups.map(({ names }, place) => answerCell(opened, own[place], asked, names.join(", "), own[0]));
  const marked = own.some((call) => call?.s === "r");
  return el(`li.call${alike ? "" : ".differs"}${marked ? ".rejected" : ""}`, question(opened, asked, !alike), el(`div.answers${alike ? ".alike" : ""}`, answers));
}

function question({ strings }, call, open) {
  const permitted = [el("span.quiet", "permitted "), el("code", strings[call.p] || "–")];
  const by = call.c.length > 0 && [el("span.quiet", " by "), el("span.clauses", clauseLinks(call.c.map((clause) => strings[clause])))];
  const about = open ? el("p.about", permitted, by) : el("details.about", el("summary", permitted, el("span.quiet", ` · ${counted(call.c.length, "clause")}`)), by);
  return el("div.question", el("span.ordinal", call.n), el("div", shownText(strings[call.q]), call.s !== "n" && about));
}

/** What a group answered. `asked` is the call as the row shows it, `reference` that of the first group. */
function answerCell({ strings }, call, asked, names, reference) {
  const who = el("span.who", names);
  if (!call) return el("div.answer", who, el("span.quiet", "not called"));
  const otherAnswer = reference && (call.a !== reference.a || call.q !== reference.q);
  const rejected = call.s === "r";
  const mark = rejected
    ? el("span.mark.failed", el("span.symbol", { "aria-hidden": "true" }, "✗"), " not permitted")
    : otherAnswer && el("span.mark.permitted", el("span.symbol", { "aria-hidden": "true" }, "≈"), " differs, permitted");
  return el(
    `div.answer${rejected ? ".tint.failed" : otherAnswer ? ".tint.permitted" : ""}`,
    who,
    call.q !== asked.q && el("div", el("span.quiet", "asks "), shownText(strings[call.q])),
    otherAnswer ? differingText(strings[call.a], strings[reference.a]) : shownText(strings[call.a]),
    mark,
    (call.d || []).map(([expected, clauses]) => el("p.must", "must be ", el("code", strings[expected]), " ", el("span.clauses", clauseLinks(clauses.map((clause) => strings[clause]))))),
    !rejected && (call.p !== asked.p || call.q !== asked.q) && call.s !== "n" && el("p.must", el("span.quiet", "permitted here "), el("code", strings[call.p])),
    call.m && el("p.must", el("span.mark.discouraged", "discouraged by "), clauseLinks(call.m.map((clause) => strings[clause]))),
  );
}

/** A text with the words marked that another one has not in their place. */
function differingText(text, other) {
  if (text.length > LONG || text === other) return shownText(text);
  const [own, theirs] = [text, other].map((some) => some.split(/(\s+)/));
  const start = own.findIndex((word, index) => word !== theirs[index]);
  const alike = own.length === theirs.length;
  let end = 0;
  while (end < Math.min(own.length, theirs.length) - start && own.at(-1 - end) === theirs.at(-1 - end)) end += 1;
  const isOdd = (word, index) => (alike ? word !== theirs[index] : index >= start && index < own.length - end);
  // where the first word differs there is little that the two have in common
  if (start <= 0) return shownText(text);
  return el("code", own.map((word, index) => (isOdd(word, index) ? el("mark", word) : word)));
}

function groupHeads(groups) {
  return el("div.groupheads", { "aria-hidden": "true", style: `--groups:${groups.length}` }, el("span"), el("div.answers", groups.map(({ names }) => el("strong", names.join(", ")))));
}

/** Ends, outputs and what connections received, where several groups may share a line. */
function endSection({ strings }, groups) {
  const received = [...new Set(groups.flatMap(({ run }) => run.received.map(([name]) => name)))];
  const rows = [
    ["end", (run) => strings[run.end]],
    ["stdout", (run) => strings[run.stdout]],
    ...received.map((name) => [`received by ${strings[name]}`, (run) => strings[run.received.find(([other]) => other === name)?.[1]] ?? "nothing"]),
  ];
  const body = rows.map(([what, of]) => {
    const values = shared(groups, ({ run }) => of(run));
    return el("tr", el("th", { scope: "row" }, what), el("td", values.map(([value, names]) => el("div.value", values.length > 1 && el("span.who", names.join(", ")), shownText(value)))));
  });
  return section("End and output", scroll("End and output", el("table.ends", el("tbody", body))));
}

/** Groups that have the same value: value and names. */
function shared(groups, of) {
  const out = new Map();
  for (const group of groups) {
    const value = of(group);
    if (!out.has(value)) out.set(value, []);
    out.get(value).push(...group.names);
  }
  return [...out];
}

/** Unchanged entries of a tree that are shown. */
const MOST_UNCHANGED = 60;

/** The tree before and after as a difference, once for each outcome. */
function treeSection({ details, strings }, groups) {
  const variants = shared(groups, ({ run }) => JSON.stringify(run.changes));
  const blocks = variants.map(([changes, names]) => el("div.tree", el("h3", variants.length > 1 ? names.join(", ") : "All runtimes"), treeDiff(details.before, JSON.parse(changes), strings)));
  return section("Files before and after", el("div.trees", blocks));
}

function treeDiff(before, changes, strings) {
  if (before.length === 0 && changes.length === 0) return el("p.quiet", "Nothing before, nothing after.");
  const lines = new Map(before.map(([path, entry]) => [strings[path], [[" ", entry]]]));
  for (const [path, old, now] of changes) {
    const own = [];
    if (old !== null) own.push(["-", old]);
    if (now !== null) own.push(["+", now]);
    lines.set(strings[path], own);
  }
  const unchanged = before.length - changes.filter(([, old]) => old !== null).length;
  const hide = unchanged > MOST_UNCHANGED;
  const rows = [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([path, own]) => own.filter(([sign]) => !hide || sign !== " ").map(([sign, entry]) => treeLine(sign, path, strings[entry])));
  return [
    changes.length === 0 && el("p.quiet", "As before."),
    el("pre.diff", { tabindex: "0", role: "region", "aria-label": "Files" }, rows),
    hide && el("p.quiet", `${unchanged} entries stayed as they were and are not listed.`),
  ];
}

function treeLine(sign, path, entry) {
  const kind = { "+": "added", "-": "removed", " ": "same" }[sign];
  return el(`span.line.${kind}`, el("span.sign", sign), kind !== "same" && el("span.hidden", `${kind}: `), path, "  ", el("span.entry", entry), "\n");
}

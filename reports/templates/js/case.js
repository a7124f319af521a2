// A case: what it tests and why, what came of it, and how to see it again.

function trail([view, name], id) {
  return el("nav.trail", { "aria-label": "Where you are" }, link(to(view), name), " / ", el("span", id));
}

function notFound(what, id) {
  return [el("h2", `There is no ${what} of this name`), el("p", el("code", id)), el("p", link(to("matrix"), "To the matrix"))];
}

/** A table or a list that may be wider than the page. */
function scroll(label, ...content) {
  return el("div.scroll", { tabindex: "0", role: "region", "aria-label": label }, content);
}

/** A command, to be copied. */
function command(text) {
  const button = el("button.copy", { type: "button", onclick: () => copy(text, button) }, "Copy");
  return el("div.command", el("code", text), button);
}

/** Copies a text; where the browser does not let a page do so, it is selected instead. */
function copy(text, button) {
  const done = () => {
    button.textContent = "Copied";
    announce("Copied");
    setTimeout(() => (button.textContent = "Copy"), 1500);
  };
  const select = () => getSelection().selectAllChildren(button.previousElementSibling);
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select);
  else select();
}

function caseView(id) {
  const index = CASE_OF.get(id);
  if (index === undefined) return notFound("case", id);
  const entry = CASES[index];
  const opened = detailsOf(index);
  const { details } = opened;
  const groups = runGroups(opened);
  return [
    el("div.topline", trail(["cases", "Cases"], entry.id), neighbours(index)),
    el("h2.statement", entry.summary),
    el("p.quiet", el("code", entry.id), details.file && [" · ", el("code", details.file)]),
    section("What it tests", el("ul.items", entry.clauses.map((clause) => clauseItem(CLAUSES[clause].id)))),
    verdictSection(entry, opened),
    groups.length > 0 && [traceSection(opened, groups), endSection(opened, groups), treeSection(opened, groups)],
    sourceSection(opened),
    againSection(entry),
  ];
}

/** The cases before and after it among those that fit the filters. */
function neighbours(index) {
  const all = filtered(STATE);
  const place = all.indexOf(index);
  const step = (by, text, key) => {
    const other = place < 0 ? undefined : CASES[all[place + by]];
    return other ? el("a", { href: to("case", other.id), "data-step": key, title: `${other.id} (${key})` }, text) : el("span.quiet", text);
  };
  return el("p.neighbours", place >= 0 && el("span.quiet", `${place + 1} of ${all.length}`), step(-1, "← previous", "p"), step(1, "next →", "n"));
}

/** What each runtime came to: first those of which there is nothing to say, then the others with everything that departs. */
function verdictSection(entry, { details, strings }) {
  const plain = [];
  const cards = new Map();
  for (const runtime of shownRuntimes(STATE)) {
    const profiles = details.results[runtime];
    if (profiles.every(isPlain)) {
      plain.push(el("li", runtimeName(runtime), " ", badge(entry.verdicts[runtime])));
      continue;
    }
    const key = JSON.stringify(profiles.map((row) => ({ ...row, run: 0 })));
    if (!cards.has(key)) cards.set(key, { runtimes: [], profiles });
    cards.get(key).runtimes.push(runtime);
  }
  const all = [...cards.values()].map(({ runtimes, profiles }) => verdictCard(entry, runtimes, profiles, strings));
  return section("Verdicts", plain.length > 0 && el("ul.brief", plain), all.length > 0 && el("div.verdicts", all));
}

function isPlain(row) {
  return row.differences.length === 0 && !row.divergences && !row.permitted_by && !row.discouraged && !row.unsupported;
}

function runtimeName(runtime) {
  const { name, version } = RUNTIMES[runtime];
  return [el("strong", name), " ", el("span.quiet", version)];
}

/** Runtimes that came to the same, by the same differences. */
function verdictCard(entry, runtimes, profiles, strings) {
  const alike = new Set(profiles.map((row) => JSON.stringify({ ...row, profile: 0, run: 0 }))).size === 1;
  const parts = (alike ? profiles.slice(0, 1) : profiles).map((row) => {
    const under = alike && profiles.length > 1 ? "under each profile" : `profile ${strings[row.profile]}`;
    return profilePart(row, strings, under, alike);
  });
  return el("article.verdict", el("h3", joined(runtimes.map((runtime) => el("span", runtimeName(runtime)))), " ", badge(entry.verdicts[runtimes[0]])), parts);
}

/** Differences that are shown at once. */
const MOST_DIFFERENCES = 6;

function differenceList(differences, strings) {
  const items = (some) => el("ul.differences", some.map((difference) => differenceItem(difference, strings)));
  const rest = differences.slice(MOST_DIFFERENCES);
  return [items(differences.slice(0, MOST_DIFFERENCES)), rest.length > 0 && el("details.item", el("summary", `${rest.length} more`), items(rest))];
}

function profilePart(row, strings, under, one) {
  const ids = (numbers) => clauseLinks(numbers.map((number) => strings[number]));
  return el(
    "div.profile",
    el("p.quiet", !one && [badge(row.verdict), " "], under),
    row.unsupported && el("p", "Not run: it has no ", el("code", row.unsupported), ", as a probe has shown."),
    row.divergences && el("ul.plain", row.divergences.map((number) => el("li", divergenceLine(strings[number])))),
    // of a run that departs these say what permits the rest of it, which is not what a reader looks for
    row.permitted_by && "md".includes(row.verdict) && el("p", "Permitted by ", ids(row.permitted_by)),
    row.discouraged && el("p", el("span.mark.discouraged", "Discouraged by "), ids(row.discouraged)),
    row.differences.length > 0 && differenceList(row.differences, strings),
  );
}

function differenceItem({ place, expected, seen, call, clauses }, strings) {
  return el(
    "li",
    el("code", strings[place]),
    call !== null && el("code.quiet", `  ${strings[call]}`),
    el("p", el("span.quiet", "permitted "), el("code", strings[expected]), clauses.length > 0 && [" ", el("span.clauses", clauseLinks(clauses.map((number) => strings[number])))]),
    el("div", el("span.quiet", "saw "), shownText(strings[seen])),
  );
}

/** The source, and for a script its module. */
function sourceSection({ details, strings }) {
  const { source, wat, language } = details;
  if (source.length === 0) return null;
  const lines = (numbers) => numbers.map((number) => strings[number]);
  const module = wat.length > 0 && el("details.item", el("summary", "The module as WAT, to paste into a tracker"));
  // made when it is opened: it is long, and few look at it
  if (module) module.addEventListener("toggle", () => module.append(code(lines(wat), "wat")), { once: true });
  return section("Source", code(lines(source), language), module);
}

function againSection(entry) {
  const departing = shownRuntimes(STATE).filter((runtime) => !"pm.".includes(entry.verdicts[runtime]));
  const filter = `--filter '^${entry.id}$'`;
  const commands = departing.map((runtime) => `cargo xtask conformance --runtime ${RUNTIMES[runtime].name}${DATA.flags} ${filter}`);
  return section("See it again", command(`cargo xtask conformance${DATA.flags} ${filter}`), commands.length <= 4 && commands.map(command), command(`cargo xtask explain ${entry.id}`));
}

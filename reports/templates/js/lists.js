// The lists beside the matrix: divergences by cause, the register of ambiguities, coverage, and what changed.

const CAUSES = [
  ["runtime-bug", "Bugs of runtimes"],
  ["not-implemented", "Not implemented"],
  ["host-limit", "Limits of the host"],
];

/** Whether all words that are searched for stand in one of these texts. */
function hasWords(...texts) {
  const text = texts.join("\n").toLowerCase();
  return STATE.q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function divergenceFits(divergence) {
  const clauses = divergence.clauses.map((id) => CLAUSES[CLAUSE_OF.get(id)]).filter(Boolean);
  const { runtime, function: names, authority } = STATE;
  return (
    (runtime.size === 0 || divergence.seen.some((seen) => runtime.has(seen.runtime))) &&
    (names.size === 0 || clauses.some((clause) => names.has(subjectOf(clause)))) &&
    (authority.size === 0 || clauses.some((clause) => authority.has(clause.authority))) &&
    hasWords(divergence.id, divergence.title, divergence.note, ...divergence.clauses)
  );
}

function tracker(divergence) {
  if (!divergence.link) return el("span.quiet", "not tracked yet");
  return link(divergence.link, divergence.link.replace(/^https:\/\/(github\.com\/)?/, ""));
}

/** A divergence on one line. */
function divergenceLine(id) {
  const divergence = DIVERGENCE_OF.get(id);
  if (!divergence) return el("code", id);
  return [link(to("divergence", id), divergence.title), " ", el("span.quiet", `${divergence.cause} · `, tracker(divergence))];
}

/** The cases of this run that a divergence explains, by runtime. */
function casesExplained(divergence) {
  const out = new Map();
  for (const { runtime, cases } of divergence.seen) {
    const known = cases.filter((id) => CASES[CASE_OF.get(id)]?.divergences.includes(divergence.id));
    if (known.length > 0) out.set(runtime, [...new Set([...(out.get(runtime) || []), ...known])]);
  }
  return out;
}

function divergenceItem(divergence) {
  const explained = [...casesExplained(divergence)];
  const counts = explained.map(([runtime, cases]) => [" ", el("span.chip", `${runtime} · ${counted(cases.length, "case")}`)]);
  const item = el("details.item", el("summary", el("span.title", divergence.title), counts.length > 0 ? counts : el("span.quiet", " no case of this run")));
  item.addEventListener("toggle", () => item.append(...divergenceText(divergence)), { once: true });
  return el("li", item, el("p.tracker", el("code", link(to("divergence", divergence.id), divergence.id)), " · ", tracker(divergence)));
}

/** All that is on record of a divergence. */
function divergenceText(divergence) {
  const explained = [...casesExplained(divergence)];
  const seen = divergence.seen.map(({ runtime, versions, profiles, sometimes }) =>
    el("li", `${runtime} ${versions}${profiles ? `, profile ${profiles.join(", ")}` : ""}${sometimes ? ", not in every run" : ""}`),
  );
  return [
    divergence.advisory && el("p", el("strong", "Advisory: "), divergence.advisory),
    el("p.note", divergence.note),
    el("p", el("span.quiet", "Departs from "), clauseLinks(divergence.clauses)),
    el("p", el("span.quiet", "On record for")),
    el("ul.plain", seen),
    explained.map(([runtime, cases]) => el("p", el("span.quiet", `In this run on ${runtime}: `), joined(cases.map((id) => link(to("case", id), id))))),
  ];
}

function divergencesView() {
  const shown = DATA.divergences.filter(divergenceFits);
  const groups = CAUSES.map(([cause, title]) => [title, shown.filter((divergence) => divergence.cause === cause)]);
  const size = (divergence) => [...casesExplained(divergence).values()].flat().length;
  const list = (all) => inParts(el("ul.items"), [...all].sort((a, b) => size(b) - size(a)), divergenceItem);
  return [
    el("h2", counted(shown.length, "divergence"), " by cause"),
    el("p.lead", "Each is one cause, recorded in a file of its own; when it is fixed, the file is deleted. The most cases come first."),
    groups.filter(([, all]) => all.length > 0).map(([title, all]) => section(`${title} (${all.length})`, list(all))),
  ];
}

function divergenceView(id) {
  const divergence = DIVERGENCE_OF.get(id);
  if (!divergence) return notFound("divergence", id);
  const cases = [...new Set([...casesExplained(divergence).values()].flat())].map((name) => CASE_OF.get(name));
  return [
    trail(["divergences", "Divergences"], id),
    el("h2.statement", divergence.title),
    el("p", el("strong", divergence.cause), " · ", tracker(divergence)),
    divergenceText(divergence),
    cases.length > 0 && section(`Cases of this run that show it (${cases.length})`, caseTable(cases)),
    section("In the terminal", command(`cargo xtask explain ${id}`)),
  ];
}

function ambiguitiesView() {
  const fits = (choice) => {
    const clause = CLAUSES[choice.clause];
    return clauseFits(clause) && hasWords(clause.id, clause.title, ...clause.outcomes.map((outcome) => outcome.answer));
  };
  const shown = DATA.register.filter(fits);
  const both = shown.filter((choice) => choice.both);
  const others = shown.filter((choice) => !choice.both);
  return [
    el("h2", counted(shown.length, "clause"), shown.length === 1 ? " leaves a choice" : " leave a choice"),
    el("p.lead", "What each permits, on whose word, and what each runtime chose in the cases of this run. A dash: no case shows it. An answer that departs from the specification is no choice and stands in no column."),
    both.length > 0 && section(`Success and failure alike (${both.length})`, choiceTable(both)),
    others.length > 0 && section(`Several ways to fail, or to succeed (${others.length})`, choiceTable(others)),
  ];
}

function choiceTable(choices) {
  const shown = shownRuntimes(STATE);
  const heads = ["Clause", "Permitted", ...shown.map((runtime) => RUNTIMES[runtime].name), ""].map((head) => el("th", { scope: "col" }, head || el("span.hidden", "Agreement")));
  return scroll("Choices", el("table.choices", el("thead", el("tr", heads)), inParts(el("tbody"), choices, (choice) => choiceRow(choice, shown))));
}

function choiceRow(choice, shown) {
  const clause = CLAUSES[choice.clause];
  const chosen = shown.map((runtime) => choice.chosen[runtime]);
  const distinct = new Set(chosen.filter((own) => own.length > 0).map((own) => own.join(" ")));
  const permitted = el("details.item", el("summary", joined([...new Set(clause.outcomes.map((outcome) => outcome.answer))].map((answer) => el("code", answer)), " · ")));
  permitted.addEventListener("toggle", () => permitted.append(outcomes(clause)), { once: true });
  return el(
    "tr",
    el("th.wide", { scope: "row" }, clauseLink(clause.id), el("span.sub", clause.title), weight(clause)),
    el("td", permitted),
    chosen.map((own) => el("td", answers(own))),
    el("td", distinct.size > 1 && el("span.mark.permitted", el("span.symbol", { "aria-hidden": "true" }, "≈"), " differ")),
  );
}

function coverageView() {
  return [
    el("h2", "Coverage"),
    el("p.lead", "What the cases of this run reach, cell by cell; what they do not reach stands first."),
    DATA.coverage.map((axis) => {
      const missing = axis.total - axis.covered;
      return section(
        axis.name,
        el("p", axis.meaning),
        el("p", el("meter", { min: "0", max: axis.total, value: axis.covered, "aria-label": `${axis.name} covered` }), " ", el("strong", `${axis.covered} of ${axis.total}`), ` covered, ${missing} not`),
        missing > 0 && cellTable(`${axis.name}: not covered`, axis.not_covered, axis.name),
        axis.covered > 0 && el("details.item", el("summary", counted(axis.covered, "cell"), " covered"), cellTable(`${axis.name}: covered`, axis.covered_cells, axis.name)),
      );
    }),
  ];
}

function cellTable(label, all, axis) {
  const rows = Object.entries(all).filter(([row, columns]) => (STATE.function.size === 0 || STATE.function.has(row)) && hasWords(row, ...columns));
  if (rows.length === 0) return el("p.quiet", "None fits the filters.");
  const isClause = axis.startsWith("clauses");
  const cell = (row, column) => (isClause ? el("a.clause", { href: to("clause", `${row}.${column}`) }, column) : el("code", column));
  const body = rows.map(([row, columns]) => el("tr", el("th", { scope: "row" }, row), el("td.chips", columns.map((column) => [cell(row, column), " "]))));
  return scroll(label, el("table.cells", el("tbody", body)));
}

const CHANGES = [
  ["broken", "Broken", "kept to the specification, and no longer does"],
  ["fixed", "Fixed", "departed from the specification, and no longer does"],
  ["changed", "Changed otherwise", "another verdict, neither fixed nor broken"],
];

function changesView() {
  const { changes } = DATA;
  if (!changes) {
    return [el("h2", "What changed"), el("p", "This run was compared with no other. To see what changed since one, name its report:"), command("cargo xtask conformance --report NEW --baseline OLD/report.json")];
  }
  const fits = ({ case: id, runtime }) => (STATE.runtime.size === 0 || STATE.runtime.has(runtime)) && hasWords(id);
  return [
    el("h2", "What changed since the baseline"),
    changes.partial && el("p.notice", "One of the runs was stopped before its end: what is new or gone may only not have been run."),
    changes.versions.length > 0 && el("ul.plain", changes.versions.map(([name, before, after]) => el("li", `${name}: ${before} → ${after}`))),
    CHANGES.map(([key, title, meaning]) => {
      const rows = changes[key].filter(fits);
      return section(`${title} (${rows.length})`, el("p.quiet", meaning), rows.length > 0 && changeTable(title, rows));
    }),
    [["new", "New"], ["gone", "Gone"]].map(([key, title]) => {
      const rows = changes[key].filter((row) => hasWords(row.case));
      return section(`${title} (${rows.length})`, inParts(el("ul.plain"), rows, (row) => el("li", caseLink(row.case), el("span.quiet", ` on ${row.runtimes.join(", ")}`))));
    }),
  ];
}

function caseLink(id) {
  return CASE_OF.has(id) ? link(to("case", id), id) : el("code", id);
}

function changeTable(title, rows) {
  const named = (name) => badge(DATA.signs.find((sign) => sign.name === name)?.code);
  const row = (change) => el("tr", el("th", { scope: "row" }, caseLink(change.case)), el("td", change.runtime), el("td", named(change.before), " → ", named(change.after)));
  const heads = ["Case", "Runtime", "Verdict"].map((head) => el("th", { scope: "col" }, head));
  return scroll(title, el("table", el("thead", el("tr", heads)), inParts(el("tbody"), rows, row)));
}

// The rows of the grids: areas open into functions, these into clauses, these into cases.

/** A row that stands for several cases, with a count for each verdict and runtime. */
function groupRow({ key, level, label, cases, leaf = false }) {
  return {
    key,
    level,
    open: leaf ? undefined : STATE.open.has(key),
    label,
    cells: () => shownRuntimes(STATE).map((runtime) => countCell(countsOf(cases, runtime))),
  };
}

/** The counts of a cell: the worst verdict as a word, then each verdict with its number. */
function countCell(counts) {
  const wanted = wantedCodes(STATE);
  const codes = CODES.filter((code) => counts.has(code) && (wanted === null || wanted.has(code)));
  if (codes.length === 0) return el("div.cell.quiet", { role: "gridcell" }, el("span.hidden", "none"), el("span", { "aria-hidden": "true" }, "–"));
  const sign = SIGN.get(worst(codes));
  const numbers = codes.map((code) => {
    const { name, symbol } = SIGN.get(code);
    return el(`span.count.${name}`, { title: `${counts.get(code)} ${name}` }, counts.get(code), el("span.symbol", { "aria-hidden": "true" }, symbol), el("span.hidden", ` ${name} `));
  });
  return el(`div.cell.tint.${sign.name}`, { role: "gridcell" }, el("span.worst", { "aria-hidden": "true" }, sign.name), el("span.counts", numbers));
}

/** The row of a case. */
function caseRow(index, key, level) {
  const entry = CASES[index];
  const cell = (runtime) => {
    const sign = SIGN.get(entry.verdicts[runtime]);
    return el(`div.cell${sign ? `.tint.${sign.name}` : ".quiet"}`, { role: "gridcell" }, badge(entry.verdicts[runtime]));
  };
  return {
    key,
    level,
    label: () => [link(to("case", entry.id), entry.id), el("span.sub", entry.summary)],
    cells: () => shownRuntimes(STATE).map(cell),
    activate: () => (location.hash = to("case", entry.id)),
  };
}

/** Cases by what `of` says of them; a case may stand under several keys. */
function groupedBy(cases, of) {
  const out = new Map();
  for (const index of cases) {
    for (const key of of(CASES[index])) {
      if (!out.has(key)) out.set(key, []);
      out.get(key).push(index);
    }
  }
  return [...out].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Whether a clause fits the filters by itself. */
function clauseFits(clause) {
  const { function: names, authority } = STATE;
  return (names.size === 0 || names.has(subjectOf(clause))) && (authority.size === 0 || authority.has(clause.authority));
}

function clauseLabel(clause) {
  return [link(to("clause", clause.id), clause.id), el("span.sub", `${clause.level} · ${clause.authority} · ${clause.title}`)];
}

function pushCases(rows, cases, key, level) {
  for (const index of cases) rows.push(caseRow(index, `${key}>${CASES[index].id}`, level));
}

/** The clauses of a subject, those that are open with their cases. */
function pushClauses(rows, subject, cases, key, level) {
  const clausesOf = (entry) => entry.clauses.filter((clause) => subjectOf(CLAUSES[clause]) === subject && clauseFits(CLAUSES[clause]));
  for (const [clause, own] of groupedBy(cases, clausesOf).sort(([a], [b]) => a - b)) {
    const inner = `${key}>${CLAUSES[clause].id}`;
    rows.push(groupRow({ key: inner, level, label: () => clauseLabel(CLAUSES[clause]), cases: own }));
    if (STATE.open.has(inner)) pushCases(rows, own, inner, level + 1);
  }
}

function groupLabel(name, cases) {
  return () => [el("span.name", name), el("span.sub", counted(cases.length, "case"))];
}

/** The rows of the matrix. */
function matrixRows(cases) {
  const rows = [];
  for (const [area, inArea] of groupedBy(cases, (entry) => [entry.area])) {
    rows.push(groupRow({ key: area, level: 1, label: groupLabel(area, inArea), cases: inArea }));
    if (!STATE.open.has(area)) continue;
    for (const [subject, own] of groupedBy(inArea, (entry) => entry.subjects)) {
      const key = `${area}>${subject}`;
      rows.push(groupRow({ key, level: 2, label: groupLabel(subject, own), cases: own }));
      if (STATE.open.has(key)) pushClauses(rows, subject, own, key, 3);
    }
  }
  return rows;
}

/** The rows of the list of clauses: by function, those that no case cites as well. */
function clauseRows(cases) {
  const shown = new Set(cases);
  const isFree = STATE.q === "" && STATE.verdict.size === 0;
  const bySubject = new Map();
  CLAUSES.forEach((clause, index) => {
    const own = (CASES_OF_CLAUSE.get(index) || []).filter((entry) => shown.has(entry));
    if (!clauseFits(clause) || (own.length === 0 && !isFree)) return;
    if (!bySubject.has(subjectOf(clause))) bySubject.set(subjectOf(clause), []);
    bySubject.get(subjectOf(clause)).push({ clause, own });
  });
  const rows = [];
  for (const [subject, clauses] of bySubject) {
    const all = [...new Set(clauses.flatMap(({ own }) => own))];
    const label = () => [el("span.name", subject), el("span.sub", `${counted(clauses.length, "clause")} · ${counted(all.length, "case")}`)];
    rows.push(groupRow({ key: subject, level: 1, label, cases: all }));
    if (!STATE.open.has(subject)) continue;
    for (const { clause, own } of clauses) {
      const key = `${subject}>${clause.id}`;
      rows.push(groupRow({ key, level: 2, label: () => clauseLabel(clause), cases: own, leaf: own.length === 0 }));
      if (STATE.open.has(key)) pushCases(rows, own, key, 3);
    }
  }
  return rows;
}

/** The rows of the list of cases. */
function listRows(cases) {
  return cases.map((index) => caseRow(index, CASES[index].id, 1));
}

// Clauses: what they say, on whose word, and what each runtime chose.

const AUTHORITY = {
  spec: "the text of preview 1 says so",
  posix: "that text names a POSIX function, whose page says so",
  convention: "the text is silent; programs rely on it, or it was settled in public",
  open: "nobody decides",
};

/** `must · posix`, with what that means. */
function weight(clause) {
  return el("span.weight", el("strong", clause.level), " · ", el("span", { title: AUTHORITY[clause.authority] }, clause.authority));
}

/** A link to a clause; an id that no clause has stays text. */
function clauseLink(id) {
  const clause = CLAUSES[CLAUSE_OF.get(id)];
  if (!clause) return el("code", id);
  return el("a.clause", { href: to("clause", id), title: `${clause.title} (${clause.level}, ${clause.authority})` }, id);
}

function clauseLinks(ids) {
  return joined(ids.map(clauseLink));
}

/** What is permitted, each outcome with its evidence. */
function outcomes(clause) {
  const item = ({ answer, text, evidence, discouraged, linux }) =>
    el(
      "li",
      el("code", answer),
      text ? `: ${text}` : "",
      discouraged && el("span.mark.discouraged", " discouraged"),
      linux && el("span.quiet", " (what the Linux kernel chooses)"),
      el("p.evidence", evidence),
    );
  return el("ul.outcomes", clause.outcomes.map(item));
}

/** All that the index says of a clause. */
function clauseText(clause) {
  return [
    el("p.anchor", el("span.quiet", `${AUTHORITY[clause.authority]}: `), clause.anchor),
    el("p", clause.note),
    clause.unproven && el("p", el("strong", "No planted fault shows that a case would notice: "), clause.unproven),
    el("h4", clause.outcomes.length > 1 ? "Permitted, each of these" : "Permitted"),
    outcomes(clause),
  ];
}

/** A clause that opens. */
function clauseItem(id) {
  const clause = CLAUSES[CLAUSE_OF.get(id)];
  if (!clause) return el("li", el("code", id), " (no such clause)");
  return el(
    "li",
    el("details.item", el("summary", el("span.title", clause.title), " ", weight(clause), " ", el("code.quiet", clause.id)), clauseText(clause), el("p", link(to("clause", id), "Its cases and what runtimes do"))),
  );
}

/** The answers of a runtime as text. */
function answers(chosen) {
  return chosen.length === 0 ? el("span.quiet", "–") : joined(chosen.map((answer) => el("code", answer)), " ");
}

/** A clause as a view of its own. */
function clauseView(id) {
  const index = CLAUSE_OF.get(id);
  const clause = CLAUSES[index];
  if (!clause) return notFound("clause", id);
  const choice = DATA.register.find((entry) => entry.clause === index);
  const cases = CASES_OF_CLAUSE.get(index) || [];
  const citing = DATA.divergences.filter((divergence) => divergence.clauses.includes(id));
  return [
    trail(["clauses", "Clauses"], id),
    el("h2.statement", clause.title),
    el("p", weight(clause)),
    clauseText(clause),
    choice && section("Chosen", chosenTable(choice)),
    section(`Cases that cite it (${cases.length})`, cases.length > 0 ? caseTable(cases) : el("p", "None.")),
    citing.length > 0 && section("Divergences that cite it", el("ul.items", citing.map(divergenceItem))),
    section("In the terminal", command(`cargo xtask explain ${id}`)),
  ];
}

function chosenTable(choice) {
  const shown = shownRuntimes(STATE);
  const heads = shown.map((runtime) => el("th", { scope: "col" }, RUNTIMES[runtime].name));
  const cells = shown.map((runtime) => el("td", answers(choice.chosen[runtime])));
  return scroll("What each runtime chose", el("table", el("thead", el("tr", heads)), el("tbody", el("tr", cells))));
}

/** Cases with their verdicts. */
function caseTable(cases) {
  const shown = shownRuntimes(STATE);
  const heads = shown.map((runtime) => el("th", { scope: "col" }, RUNTIMES[runtime].name));
  const row = (index) => {
    const entry = CASES[index];
    const verdicts = shown.map((runtime) => el("td", badge(entry.verdicts[runtime])));
    return el("tr", el("th.wide", { scope: "row" }, link(to("case", entry.id), entry.id), el("span.sub", entry.summary)), verdicts);
  };
  return scroll("Cases", el("table.cases", el("thead", el("tr", el("th", { scope: "col" }, "Case"), heads)), inParts(el("tbody"), cases, row)));
}

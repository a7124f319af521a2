// The data of the page: the overview at once, the details of a case when it is opened.

const DATA = JSON.parse(document.getElementById("overview").textContent);

const SIGN = new Map(DATA.signs.map((sign) => [sign.code, sign]));
/** From best to worst. */
const CODES = DATA.signs.map((sign) => sign.code);
const RANK = new Map(CODES.map((code, index) => [code, index]));
const CLAUSES = DATA.clauses;
const CLAUSE_OF = new Map(CLAUSES.map((clause, index) => [clause.id, index]));
const CASES = DATA.cases;
const CASE_OF = new Map(CASES.map((entry, index) => [entry.id, index]));
const DIVERGENCE_OF = new Map(DATA.divergences.map((divergence) => [divergence.id, divergence]));
const RUNTIMES = DATA.runtimes;

/** What a clause is about: a function or a topic. */
function subjectOf(clause) {
  return clause.id.slice(0, clause.id.indexOf("."));
}

/** The first part of a case's id. */
function areaOf(entry) {
  const slash = entry.id.indexOf("/");
  return slash < 0 ? entry.id : entry.id.slice(0, slash);
}

for (const entry of CASES) {
  entry.area = areaOf(entry);
  entry.subjects = new Set(entry.clauses.map((clause) => subjectOf(CLAUSES[clause])));
}

/** Cases by the clauses that they cite. */
const CASES_OF_CLAUSE = new Map();
CASES.forEach((entry, index) => {
  for (const clause of entry.clauses) {
    if (!CASES_OF_CLAUSE.has(clause)) CASES_OF_CLAUSE.set(clause, []);
    CASES_OF_CLAUSE.get(clause).push(index);
  }
});

const BLOCKS = new Map();

/** The details of a case with the texts and calls of its block; each block is read when one of its cases is opened first. */
function detailsOf(index) {
  const number = Math.floor(index / DATA.cases_per_block);
  if (!BLOCKS.has(number)) {
    BLOCKS.set(number, JSON.parse(document.querySelectorAll("script.block")[number].textContent));
  }
  const block = BLOCKS.get(number);
  return { details: block.cases[index % DATA.cases_per_block], strings: block.strings, calls: block.calls };
}

/** A verdict as symbol and word. */
function badge(code, ...more) {
  const sign = SIGN.get(code);
  if (!sign) return el("span.quiet", "not run");
  return el(`span.badge.${sign.name}`, { title: sign.meaning }, el("span.symbol", { "aria-hidden": "true" }, sign.symbol), " ", sign.name, ...more);
}

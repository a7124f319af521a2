// Which cases are shown, and on which runtimes.

/** What is searched of each case, in lower case; made when somebody searches first. */
let HAYSTACKS = null;

function haystacks() {
  HAYSTACKS ||= CASES.map((entry) => {
    const clauses = entry.clauses.map((clause) => `${CLAUSES[clause].id} ${CLAUSES[clause].title}`);
    const differences = entry.differences.map((text) => DATA.differences[text]);
    return [entry.id, entry.summary, ...clauses, ...entry.divergences, ...differences].join("\n").toLowerCase();
  });
  return HAYSTACKS;
}

/** The places of the runtimes that are shown. */
function shownRuntimes(state) {
  const all = RUNTIMES.map((_, index) => index);
  const chosen = all.filter((index) => state.runtime.has(RUNTIMES[index].name));
  return chosen.length > 0 ? chosen : all;
}

/** The letters of the verdicts that are wanted; `null` if all are. */
function wantedCodes(state) {
  if (state.verdict.size === 0) return null;
  return new Set(DATA.signs.filter((sign) => state.verdict.has(sign.name)).map((sign) => sign.code));
}

/** The places of the cases that fit: every filter must, and of the values of one filter any. */
function filtered(state) {
  const runtimes = shownRuntimes(state);
  const codes = wantedCodes(state);
  const words = state.q.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const texts = words.length > 0 ? haystacks() : [];
  const out = [];
  CASES.forEach((entry, index) => {
    const fits =
      (codes === null || runtimes.some((runtime) => codes.has(entry.verdicts[runtime]))) &&
      (state.function.size === 0 || isAbout(entry, state.function)) &&
      (state.authority.size === 0 || entry.clauses.some((clause) => state.authority.has(CLAUSES[clause].authority))) &&
      words.every((word) => texts[index].includes(word));
    if (fits) out.push(index);
  });
  return out;
}

/** Whether a case tests one of these functions or topics, or departs at one. */
function isAbout(entry, names) {
  for (const name of names) if (entry.subjects.has(name) || entry.departs.includes(name)) return true;
  return false;
}

/** How often each verdict stands in these cases on a runtime: letter to number. */
function countsOf(cases, runtime) {
  const out = new Map();
  for (const index of cases) {
    const code = CASES[index].verdicts[runtime];
    out.set(code, (out.get(code) || 0) + 1);
  }
  return out;
}

/** The worst of some verdicts; `undefined` if there is none. */
function worst(codes) {
  let out;
  for (const code of codes) if (RANK.has(code) && (out === undefined || RANK.get(code) > RANK.get(out))) out = code;
  return out;
}

// Colours for sources. A token that no rule knows stays as it is: colours are a help and carry no meaning of their own.

const FRONT_MATTER = /^(#!|;;!|\/\/!).*$/;

/** For each language its tokens, the first that fits counts: class and pattern. */
const TOKENS = {
  script: [
    ["comment", /#.*/y],
    ["string", /"(?:[^"\\]|\\.)*"/y],
    ["call", /[a-z][a-z0-9_]*(?=\()/y],
    ["number", /-?\b(?:0x[0-9a-f_]+|\d[\d_]*)\b/iy],
    ["name", /[A-Za-z_][\w-]*/y],
  ],
  wat: [
    ["comment", /;;.*|\(;.*?;\)/y],
    ["string", /"(?:[^"\\]|\\.)*"/y],
    ["name", /\$[^\s()";]+/y],
    ["number", /-?\b(?:0x[0-9a-f_.]+|\d[\d_.]*)\b/iy],
    ["call", /[a-z][a-z0-9_.]*/y],
  ],
  rust: [
    ["comment", /\/\/.*/y],
    ["string", /b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\]|\\.)'/y],
    ["call", /\b(?:as|async|await|break|const|continue|else|enum|extern|fn|for|if|impl|in|let|loop|match|mod|move|mut|pub|ref|return|self|static|struct|trait|type|unsafe|use|where|while)\b/y],
    ["number", /\b(?:0x[0-9a-f_]+|\d[\d_.]*)(?:[iu](?:8|16|32|64|size))?\b/iy],
    ["name", /[A-Za-z_]\w*!?/y],
  ],
};

/** A source as an element, line by line. */
function code(lines, language) {
  const content = lines.map((line) => [highlighted(line, language), "\n"]);
  return el("pre.code", { tabindex: "0", role: "region", "aria-label": `Source (${language})` }, el("code", content));
}

function highlighted(line, language) {
  if (FRONT_MATTER.test(line)) return frontMatter(line);
  const out = [];
  let at = 0;
  let plain = 0;
  while (at < line.length) {
    const found = token(line, at, language);
    if (!found) {
      at += 1;
      continue;
    }
    out.push(line.slice(plain, at), el(`span.t-${found.kind}`, found.text));
    at += found.text.length;
    plain = at;
  }
  out.push(line.slice(plain));
  return out;
}

function token(line, at, language) {
  for (const [kind, pattern] of TOKENS[language] || []) {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match && match[0] !== "") return { kind, text: match[0] };
  }
  return null;
}

/** `#! key = value` */
function frontMatter(line) {
  const [, mark, key, rest] = /^(\S+\s*)([\w.-]*)(.*)$/.exec(line);
  return [el("span.t-comment", mark), el("span.t-name", key), highlighted(rest, "script")];
}

// The filters of a view as an SQL condition over the catalogue, for `mrimage query` and `--where`.

import { MISSING, OTHER } from "./crossfilter.js";
import { date } from "./dom.js";

const literal = (value) =>
  typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);

const listed = (values) => values.map(literal).join(", ");

function ofValues(filter, chosen) {
  const column = filter.sql;
  const parts = [];
  const values = filter.values.filter((_, code) => chosen.has(code));
  if (chosen.has(OTHER)) {
    const others = filter.values.filter((_, code) => !chosen.has(code));
    parts.push(others.length ? `${column} NOT IN (${listed(others)})` : `${column} IS NOT NULL`);
  } else if (values.length) parts.push(`${column} IN (${listed(values)})`);
  if (chosen.has(MISSING)) parts.push(`${column} IS NULL`);
  return parts;
}

function ofBins(filter, chosen) {
  const column = filter.sql;
  const bins = [...chosen].filter((code) => code < OTHER).sort((a, b) => a - b);
  const edge = (place) =>
    filter.kind === "date"
      ? `TIMESTAMP '${date(filter.edges[place])}'`
      : String(filter.edges[place]);
  const parts = [];
  let place = 0;
  while (place < bins.length) {
    const first = bins[place];
    while (bins[place + 1] === bins[place] + 1) place += 1;
    const last = bins[place];
    // The first and the last bin also hold all values beyond.
    const bounds = [];
    if (first > 0) bounds.push(`${column} >= ${edge(first)}`);
    if (last < filter.edges.length - 2) bounds.push(`${column} < ${edge(last + 1)}`);
    parts.push(bounds.length ? bounds.join(" AND ") : `${column} IS NOT NULL`);
    place += 1;
  }
  if (chosen.has(MISSING)) parts.push(`${column} IS NULL`);
  return parts;
}

// Columns that are tables of their own, each with the condition on one of its rows.
const TABLES = {
  findings: ["findings", (values) => `kind IN (${listed(values)})`, "true"],
  tags: ["marks", (values) => `list_has_any(tags, [${listed(values)}])`, "len(tags) > 0"],
};

function ofMany(filter, chosen) {
  const values = filter.values.filter((_, code) => chosen.has(code));
  const [table, has, any] = TABLES[filter.name] ?? [];
  const uris = (condition) => `(SELECT uri FROM ${table} WHERE ${condition})`;
  const parts = [];
  if (values.length) {
    parts.push(table ? `uri IN ${uris(has(values))}` : `list_has_any(${filter.sql}, [${listed(values)}])`);
  }
  if (chosen.has(MISSING)) {
    parts.push(table ? `uri NOT IN ${uris(any)}` : `coalesce(len(${filter.sql}), 0) = 0`);
  }
  return parts;
}

// The condition, or null if the view has a filter that no column of the catalogue expresses.
export function whereOf(state, filters, chosenOf, searched) {
  if (state.lasso || state.rows) return null;
  const parts = [];
  for (const filter of filters) {
    const chosen = chosenOf(filter.name);
    if (!chosen) continue;
    if (!filter.sql || (filter.kind === "many" && chosen.has(OTHER))) return null;
    let alternatives;
    if (filter.kind === "many") alternatives = ofMany(filter, chosen);
    else if (filter.edges.length) alternatives = ofBins(filter, chosen);
    else alternatives = ofValues(filter, chosen);
    parts.push(alternatives.length > 1 ? `(${alternatives.join(" OR ")})` : alternatives[0] ?? "false");
  }
  if (state.sql) parts.push(`(${state.sql})`);
  for (const word of state.words.split(/\s+/).filter(Boolean)) {
    const found = searched.map((column) => `contains(lower(${column}), ${literal(word.toLowerCase())})`);
    parts.push(`(${found.join(" OR ")})`);
  }
  return parts.join(" AND ");
}

// One argument of a POSIX shell.
export const shell = (text) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

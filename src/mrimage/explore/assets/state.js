// What the page shows, as the fragment of its url: a view can be shared, and "back" works.

import { MISSING, OTHER } from "./crossfilter.js";

const PREFIX = "f.";
const NONE = "~";
const OTHERS = "~~";

export const initial = () => ({
  view: "pictures",
  words: "",
  sql: "",
  sort: "",
  by: "",
  image: null,
  lasso: null, // a polygon on the map: [x, y, x, y, ...]
  rows: null, // chosen pictures, as ranges: [first, last, first, last, ...]
  filters: {}, // name: text of the chosen values
});

const escaped = (value) => encodeURIComponent(String(value)).replaceAll("~", "%7E");

// The chosen codes of a filter as text: values, or the edges of the first and the last bin.
export function textOf(filter, chosen) {
  const special = [chosen.has(MISSING) ? NONE : null, chosen.has(OTHER) ? OTHERS : null];
  const plain = [...chosen].filter((code) => code < OTHER).sort((a, b) => a - b);
  let words = plain.map((code) => escaped(filter.values[code]));
  if (filter.edges.length) {
    const { edges } = filter;
    words = plain.length ? [`${edges[plain[0]]}..${edges[plain.at(-1) + 1]}`] : [];
  }
  return [...words, ...special.filter(Boolean)].join(",");
}

// The codes that a text chooses; values that the filter no longer has are left out.
export function codesOf(filter, text) {
  const chosen = new Set();
  for (const word of text.split(",")) {
    if (word === NONE) chosen.add(MISSING);
    else if (word === OTHERS) chosen.add(OTHER);
    else if (filter.edges.length) {
      const [from, to] = word.split("..").map(Number);
      filter.edges.slice(0, -1).forEach((edge, bin) => {
        if (edge >= from && filter.edges[bin + 1] <= to) chosen.add(bin);
      });
    } else {
      const code = filter.values.findIndex((value) => escaped(value) === word);
      if (code >= 0) chosen.add(code);
    }
  }
  return chosen;
}

const numbers = (text) => {
  const found = text.split(".").map(Number);
  return found.length && found.every(Number.isInteger) && found.length % 2 === 0 ? found : null;
};

export function read(fragment) {
  const state = initial();
  for (const [key, value] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if (key.startsWith(PREFIX)) state.filters[key.slice(PREFIX.length)] = value;
    else if (key === "lasso" || key === "rows") state[key] = numbers(value);
    else if (key === "image") state.image = /^\d+$/.test(value) ? Number(value) : null;
    else if (key in state && key !== "filters") state[key] = value;
  }
  return state;
}

export function write(state) {
  const query = new URLSearchParams();
  for (const key of ["view", "words", "sql", "sort", "by"]) {
    if (state[key] && state[key] !== initial()[key]) query.set(key, state[key]);
  }
  for (const [name, text] of Object.entries(state.filters)) query.set(PREFIX + name, text);
  for (const key of ["lasso", "rows"]) if (state[key]) query.set(key, state[key].join("."));
  if (state.image !== null) query.set("image", state.image);
  return `#${query}`;
}

// Sorted rows as ranges, and back.
export function rangesOf(rows) {
  const ranges = [];
  for (const row of [...rows].sort((a, b) => a - b)) {
    if (ranges.length && ranges.at(-1) === row - 1) ranges[ranges.length - 1] = row;
    else ranges.push(row, row);
  }
  return ranges;
}

export function rowsOf(ranges, count) {
  const rows = new Set();
  for (let place = 0; place < ranges.length; place += 2) {
    const last = Math.min(ranges[place + 1], count - 1);
    for (let row = Math.max(ranges[place], 0); row <= last; row += 1) rows.add(row);
  }
  return rows;
}

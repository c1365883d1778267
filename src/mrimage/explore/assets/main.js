// The page: its state is the url's fragment, and everything is drawn from that.

import { Acts, countWords, markFilters } from "./acts.js";
import { Crossfilter } from "./crossfilter.js";
import { announce, byId, button, make, plural, visible } from "./dom.js";
import { Exported } from "./exported.js";
import { Facets } from "./facets.js";
import { Grid } from "./grid.js";
import { inside, PileMap } from "./map.js";
import { Search } from "./search.js";
import * as sections from "./sections.js";
import { openServed } from "./source.js";
import { codesOf, rangesOf, read, rowsOf, textOf, write } from "./state.js";
import { Viewer } from "./viewer.js";
import { whereOf } from "./where.js";

const LONGEST_LINK = 6000;
const SEARCHED = ["camera", "label", "title", "caption"];

const island = byId("exported");
const source = island ? new Exported(JSON.parse(island.textContent)) : await openServed();
const { start } = source;
const cross = new Crossfilter(start.count);
const filters = start.filters;
const filterOf = (name) => filters.find((one) => one.name === name);
const loading = new Map();
const orders = new Map();
const parts = new Map();

let state = read(location.hash);
let applied = { words: "", sql: "", lasso: null, rows: null, sort: null, filters: {} };
let matched = null;
let map = null;

// Parts of the data are asked for once, when they are first needed.

function load(name) {
  if (!loading.has(name)) {
    loading.set(
      name,
      (async () => {
        const filter = filterOf(name);
        if (!filter || filter.codes) return;
        Object.assign(filter, await source.filter(name));
        if (filter.useful) cross.add(name, filter);
      })(),
    );
  }
  return loading.get(name);
}

function part(name) {
  if (!parts.has(name)) parts.set(name, source.part(name));
  return parts.get(name);
}

async function orderOf(sort) {
  if (!sort) return null;
  const isDown = sort.startsWith("-");
  const column = sort.replace(/^-/, "");
  if (!orders.has(column)) orders.set(column, source.order(column));
  const { rows, missing } = await orders.get(column);
  if (!isDown) return rows;
  // Rows without a value are last in both directions.
  const known = rows.length - missing;
  const turned = new Uint32Array(rows);
  turned.subarray(0, known).reverse();
  return turned;
}

// Changes of the state.

function change(changes, replace = false) {
  state = { ...state, ...changes };
  const fragment = write(state);
  if (fragment !== (location.hash || "#")) {
    if (replace) history.replaceState(null, "", fragment);
    else history.pushState(null, "", fragment);
  }
  return apply();
}

function choose(name, chosen) {
  const next = { ...state.filters };
  if (chosen) next[name] = textOf(filterOf(name), chosen);
  else delete next[name];
  // One step of "back" for a whole drag of a handle.
  return change({ filters: next }, name in state.filters && chosen !== null);
}

const only = (name, code) => {
  change({ view: "pictures", filters: { ...state.filters, [name]: textOf(filterOf(name), new Set([code])) } });
  facets.open(name);
};

// Draw what the state says. A later call overtakes one that still waits for data.
let turn = 0;
async function apply() {
  turn += 1;
  const mine = turn;
  try {
    await filterRows(mine);
    search.fail(null);
  } catch (error) {
    if (mine === turn) search.fail(error.message);
    return;
  }
  if (mine === turn) draw();
}

async function filterRows(mine) {
  const changed = (key) => JSON.stringify(applied[key]) !== JSON.stringify(state[key]);
  const names = new Set([...Object.keys(state.filters), ...Object.keys(applied.filters)]);
  await Promise.all([...names].map(load));
  const order = await orderOf(state.sort);
  if (changed("words") || changed("sql")) {
    const isAsked = state.words || state.sql;
    const found = isAsked ? await source.match(state) : null;
    if (mine !== turn) return;
    matched = found;
    cross.flag("match", matched);
  }
  if (changed("lasso")) {
    const flags = state.lasso ? inside(state.lasso, await part("map")) : null;
    if (mine !== turn) return;
    cross.flag("lasso", flags);
  }
  if (mine !== turn) return;
  if (changed("rows")) {
    const flags = state.rows ? new Uint8Array(start.count) : null;
    for (const row of state.rows ? rowsOf(state.rows, start.count) : []) flags[row] = 1;
    cross.flag("rows", flags);
  }
  for (const name of names) {
    const filter = filterOf(name);
    if (!filter?.useful || applied.filters[name] === state.filters[name]) continue;
    const text = state.filters[name];
    cross.choose(name, text === undefined ? null : codesOf(filter, text));
  }
  cross.update(order);
  applied = state;
}

// Drawing.

const views = [
  ["pictures", "Pictures", () => true],
  ["map", "Map", () => start.hasMap],
  ["timeline", "Timeline", () => filterOf("taken_at")],
  ["groups", "Groups", () => true],
  ["duplicates", "Duplicates", () => start.hasCopies],
  ["edits", "Before and after", () => start.outputs],
  ["quarantine", "Quarantine", () => start.quarantined],
].filter(([, , isThere]) => isThere());

function drawViews() {
  byId("views").replaceChildren(
    ...views.map(([view, title]) => {
      const tab = button(title, () => change({ view }));
      if (view === state.view) tab.setAttribute("aria-current", "page");
      if (view === "quarantine") tab.append(" ", make("span", { className: "count" }, String(start.quarantined)));
      return tab;
    }),
  );
}

function draw() {
  if (!views.some(([view]) => view === state.view)) state.view = "pictures";
  drawViews();
  search.show(state);
  byId("found").textContent = countWords(cross.passing.length, start.count);
  byId("clear").hidden = !(Object.keys(state.filters).length || state.words || state.sql || state.lasso || state.rows);
  byId("sort").value = state.sort.replace(/^-/, "");
  byId("direction").textContent = state.sort.startsWith("-") ? "↓" : "↑";
  byId("direction").disabled = !state.sort;
  const isGrid = state.view === "pictures";
  byId("pictures").hidden = !isGrid;
  byId("section").hidden = isGrid;
  if (isGrid) grid.show(cross.passing);
  else drawSection();
  drawSelection();
  facets.update();
  if (state.image === null) viewer.close();
  else if (state.image < start.count && viewer.row !== state.image) viewer.open(state.image);
}

async function drawSection() {
  const host = byId("section");
  if (state.view === "map") {
    await drawMap(host);
    return;
  }
  const show = {
    timeline: sections.showTimeline,
    groups: sections.showGroups,
    duplicates: sections.showDuplicates,
    edits: sections.showEdits,
    quarantine: sections.showQuarantine,
  }[state.view];
  const mine = turn;
  const fresh = make("div");
  const top = host.dataset.view === state.view ? host.scrollTop : 0;
  try {
    await show(fresh, page);
  } catch (error) {
    fresh.append(make("p", { className: "problem", role: "alert" }, error.message));
  }
  if (mine !== turn) return;
  host.replaceChildren(fresh);
  host.dataset.view = state.view;
  host.scrollTop = top;
}

async function drawMap(host) {
  if (!map) {
    host.replaceChildren(make("p", { className: "muted" }, "Drawing the map…"));
    const mapped = await part("map");
    const box = make("div");
    map = new PileMap(box, source, mapped, {
      passes: (row) => cross.passes(row),
      open,
      lassoed: (polygon) => change({ lasso: polygon.length >= 6 ? polygon : null }),
    });
    map.box = box;
  }
  if (state.view !== "map") return;
  host.replaceChildren(map.box);
  host.dataset.view = "map";
  map.showLasso(state.lasso);
}

function drawSelection() {
  const count = grid.selected.size;
  byId("selection").hidden = count === 0;
  byId("selected").textContent = `${plural(count, "image")} selected`;
  byId("found").title = count ? "" : "Buttons act on all images in view while none is selected";
}

// What the parts of the page ask of it.

const chosenRows = () => (grid.selected.size ? [...grid.selected] : [...cross.passing]);

function where() {
  if (grid.selected.size) return null;
  const searched = ["path", ...SEARCHED].filter((name) => start.completions.includes(name));
  return whereOf(state, filters.filter((one) => one.useful), (name) => cross.chosen(name), searched);
}

const open = (row) => change({ image: row });

const page = {
  source,
  filters,
  get state() {
    return state;
  },
  change,
  choose,
  only,
  open,
  load,
  counts: (name) => cross.counts(name),
  samples: (name, most) => cross.samples(name, most),
  passing: () => cross.passing,
  passes: (row) => cross.passes(row),
  markOf: (row) => acts.markOf(row),
  keep: (rows, kept) => acts.keep(rows, kept),
  copies: () => part("copies"),
  edited: async () => {
    const flags = new Uint8Array(start.count);
    for (const row of (await part("edited")).rows) flags[row] = 1;
    return flags;
  },
};

const grid = new Grid(byId("pictures"), source, {
  open: (place) => open(cross.passing[place]),
  markOf: (row) => acts.markOf(row),
  selectionChanged: drawSelection,
});

const viewer = new Viewer(source, {
  open,
  step(by) {
    const place = cross.passing.indexOf(viewer.row);
    const next = place + by;
    if (place < 0 || next < 0 || next >= cross.passing.length) return;
    grid.focus = next;
    change({ image: cross.passing[next] }, true);
  },
  placeOf(row) {
    const place = cross.passing.indexOf(row);
    return place < 0 ? "" : `${place + 1} of ${cross.passing.length}`;
  },
  markOf: (row) => acts.markOf(row),
  mark: (row, mark) => acts.mark([row], mark),
  isSelected: (row) => grid.selected.has(row),
  toggle(row) {
    if (!grid.selected.delete(row)) grid.selected.add(row);
    drawSelection();
    grid.refresh();
  },
  closed() {
    if (state.image === null) return;
    const place = cross.passing.indexOf(state.image);
    if (place >= 0) grid.focus = place;
    change({ image: null }, true);
    if (state.view === "pictures") {
      grid.reveal(grid.focus);
      byId("pictures").focus();
    }
  },
});

const facets = new Facets(byId("facets"), {
  load,
  counts: (name) => cross.counts(name),
  chosen: (name) => cross.chosen(name),
  choose,
});

const search = new Search(start.completions, start.live, (changes) => change(changes));

const acts = new Acts(source, {
  chosenRows,
  where,
  marksChanged(marks) {
    useMarks(marks);
    grid.refresh();
    viewer.refresh();
    if (state.filters.mark !== undefined || state.filters.tags !== undefined) {
      applied = { ...applied, filters: { ...applied.filters, mark: null, tags: null } };
      apply();
    } else {
      facets.update();
      if (state.view === "duplicates") drawSection();
    }
  },
});

function useMarks(marks) {
  for (const column of markFilters(marks, start.marksInSql)) {
    const filter = filterOf(column.name);
    Object.assign(filter, column);
    if (!cross.has(column.name)) cross.add(column.name, filter);
    else cross.exchange(column.name, filter);
  }
}

function setUp() {
  const title = start.title || `${plural(start.count, "image")} in ${start.source}`;
  document.title = `${visible(title)}: mrimage`;
  byId("title").textContent = visible(title);
  document.body.classList.toggle("exported", !start.live);
  const sortable = filters.filter((one) => one.sql && one.kind !== "many" && !["duplicate", "mark"].includes(one.name));
  byId("sort").append(make("option", { value: "" }, "as listed"), make("option", { value: "name" }, "Name"));
  for (const one of sortable) byId("sort").append(make("option", { value: one.name }, one.title));
  byId("sort").addEventListener("change", () => change({ sort: byId("sort").value }));
  byId("direction").addEventListener("click", () =>
    change({ sort: state.sort.startsWith("-") ? state.sort.slice(1) : `-${state.sort}` }),
  );
  byId("side-length").addEventListener("input", () => grid.setSide(Number(byId("side-length").value)));
  byId("clear").addEventListener("click", () => change({ filters: {}, words: "", sql: "", lasso: null, rows: null }));
  byId("unselect").addEventListener("click", unselect);
  byId("only-selected").addEventListener("click", () => {
    const ranges = rangesOf(grid.selected);
    if (ranges.join(".").length > LONGEST_LINK) {
      announce("Too many separate pictures for a link. Tag them, and filter by the tag.");
      search.fail("Too many separate pictures for a link. Tag them, and filter by the tag.");
      return;
    }
    unselect();
    change({ rows: ranges, view: "pictures" });
  });
  byId("dialog-close").addEventListener("click", () => byId("dialog").close());
  byId("show-side").addEventListener("click", () => {
    const isOpen = byId("side").classList.toggle("shown");
    byId("show-side").setAttribute("aria-expanded", isOpen);
  });
  byId("hide-side").addEventListener("click", () => byId("show-side").click());
  setUpTheme();
  document.addEventListener("keydown", keys);
  window.addEventListener("popstate", () => {
    state = read(location.hash);
    apply();
  });
  window.addEventListener("hashchange", () => {
    state = read(location.hash);
    apply();
  });
}

function unselect() {
  grid.selected.clear();
  drawSelection();
  grid.refresh();
}

function setUpTheme() {
  const root = document.documentElement;
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const label = () => (byId("theme").textContent = isDark() ? "Light" : "Dark");
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
    map?.draw();
  });
  label();
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.closest?.("input:not([type=checkbox]):not([type=range]), select, textarea");
  if (document.querySelector("dialog[open]") || isTyping) return;
  if (event.key === "/") {
    byId("query").focus();
    byId("query").select();
    event.preventDefault();
  } else if (event.key === "Escape") {
    if (byId("side").classList.contains("shown")) byId("show-side").click();
    else unselect();
  } else if ((event.key === "a" || event.key === "r") && state.view === "pictures") {
    const rows = grid.selected.size ? [...grid.selected] : [grid.rows[grid.focus]];
    if (rows[0] !== undefined) acts.mark(rows, event.key === "a" ? "accept" : "reject");
  }
}

setUp();
if (start.live) {
  const after = filters.findIndex((one) => one.name === "format");
  const none = { codes: new Uint8Array(start.count).fill(255), rows: new Uint32Array(0), tagCodes: new Uint8Array(0), tags: [] };
  filters.splice(Math.max(after, 0), 0, ...markFilters(none, start.marksInSql));
  // Pictures first; marks follow.
  useMarks(none);
  acts.marks = none;
}
await apply();
byId("pictures").focus({ preventScroll: true });
if (start.live) {
  acts.marks = await part("marks");
  useMarks(acts.marks);
  grid.refresh();
}
facets.build(filters);
if (Object.keys(state.filters).some((name) => name === "mark" || name === "tags")) {
  applied = { ...applied, filters: { ...applied.filters, mark: null, tags: null } };
  await apply();
}
document.documentElement.dataset.ready = "yes";

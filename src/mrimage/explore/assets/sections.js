// The other views: groups, a timeline, duplicates side by side, the quarantine, before and after.
// Each shows only what passes the filters, a page at a time.

import { MISSING, OTHER } from "./crossfilter.js";
import { bytes, button, command, cut, dateText, edgeText, make, name, number, plural } from "./dom.js";
import { strip } from "./grid.js";
import { frame, picture } from "./pictures.js";
import { shown } from "./viewer.js";
import { shell } from "./where.js";

const PER_PAGE = 20;
const EXAMPLES = 8;
const COMPARED = 6; // images of a cluster whose facts are compared

// Show a list page by page: `draw(item)` gives an element, or a promise of several for a page.
async function paged(host, items, drawPage, empty) {
  if (!items.length) {
    host.append(make("p", { className: "muted" }, empty));
    return;
  }
  let next = 0;
  const more = button("", () => showMore(), { className: "more" });
  const showMore = async () => {
    const page = items.slice(next, next + PER_PAGE);
    next += page.length;
    more.remove();
    host.append(...(await drawPage(page)));
    if (next < items.length) {
      more.textContent = `Show more (${number(items.length - next)})`;
      host.append(more);
    }
  };
  await showMore();
}

// Pictures by the value of a filter: one card for each value.
export async function showGroups(host, page) {
  const { filters, state } = page;
  const choices = filters.filter((one) => !["number", "date"].includes(one.kind));
  const by = choices.find((one) => one.name === state.by) ?? choices.find((one) => one.name === "keys") ?? choices[0];
  if (!by) return;
  const select = make("select", { id: "group-by" });
  for (const one of choices) select.append(make("option", { value: one.name, selected: one === by }, one.title));
  select.addEventListener("change", () => page.change({ by: select.value }));
  host.append(make("p", { className: "tools" }, make("label", { for: "group-by" }, "Group by "), select));
  await page.load(by.name);
  const titles = (code) => {
    if (code === MISSING) return by.kind === "many" ? "(none)" : "(unknown)";
    return code === OTHER ? "(others)" : String(by.values[code]) || "(empty)";
  };
  await showCodes(host, page, by, titles, (a, b) => b.count - a.count);
}

// Pictures by the time at which they were taken: one card for each year, month, day...
export async function showTimeline(host, page) {
  const taken = page.filters.find((one) => one.name === "taken_at");
  await page.load("taken_at");
  if (!taken.useful) {
    host.append(make("p", { className: "muted" }, "The images do not say when they were taken."));
    return;
  }
  const counts = page.counts("taken_at");
  const bars = make("div", { className: "time-bars", role: "group", "aria-label": "Images over time" });
  const most = Math.max(1, ...counts.subarray(0, taken.edges.length - 1));
  taken.edges.slice(0, -1).forEach((_, bin) => {
    const text = `${dateText(taken, bin)}: ${plural(counts[bin], "image")}`;
    const bar = button("", () => page.choose("taken_at", new Set([bin])), { title: text, tabIndex: counts[bin] ? 0 : -1 });
    bar.setAttribute("aria-label", text);
    bar.style.height = `${counts[bin] ? 4 + (96 * counts[bin]) / most : 0}%`;
    bars.append(bar);
  });
  const ends = make("p", { className: "time-ends" }, make("span", {}, edgeText(taken, taken.edges[0])), make("span", {}, edgeText(taken, taken.edges.at(-1))));
  host.append(bars, ends);
  const titles = (code) => (code === MISSING ? "(unknown)" : dateText(taken, code));
  await showCodes(host, page, taken, titles, (a, b) => (a.code === MISSING) - (b.code === MISSING) || b.code - a.code);
}

async function showCodes(host, page, filter, titleOf, order) {
  const counts = new Uint32Array(256);
  const samples = page.samples(filter.name, EXAMPLES);
  const all = page.counts(filter.name);
  for (const code of samples.keys()) counts[code] = all[code];
  const items = [...samples].map(([code, rows]) => ({ code, rows, count: counts[code] })).sort(order);
  const draw = (item) => {
    const open = button(titleOf(item.code), () => page.only(filter.name, item.code), { className: "quiet" });
    const heading = make("h2", {}, open, " ", make("span", { className: "muted" }, plural(item.count, "image")));
    return make("article", { className: "card" }, heading, strip(page.source, item.rows, page.open));
  };
  await paged(host, items, (some) => some.map(draw), "No image passes the filters.");
}

// Clusters of duplicates, those that free the most bytes first.
export async function showDuplicates(host, page) {
  const copies = await page.copies();
  const clusters = new Map();
  copies.rows.forEach((row, place) => {
    const cluster = clusters.get(copies.clusters[place]) ?? { members: [], frees: 0, passes: false };
    clusters.set(copies.clusters[place], cluster);
    cluster.members.push({ row, keep: copies.keep[place] === 1, relation: copies.relations[copies.relationCodes[place]] });
    if (!copies.keep[place]) cluster.frees += copies.sizes[place] ?? 0;
    cluster.passes ||= page.passes(row);
  });
  const shownClusters = [...clusters.values()].filter((one) => one.passes).sort((a, b) => b.frees - a.frees);
  const extra = shownClusters.reduce((sum, one) => sum + one.members.filter((member) => !member.keep).length, 0);
  const frees = shownClusters.reduce((sum, one) => sum + one.frees, 0);
  host.append(
    make("p", { className: "lead" }, `${plural(shownClusters.length, "cluster")}. Without the ${plural(extra, "image")} that need not be kept, ${bytes(frees)} are free.`),
  );
  const compared = (cluster) => cluster.members.slice(0, COMPARED).map(({ row }) => row);
  const draw = (cluster, known) => {
    const card = make("article", { className: "card cluster" });
    const facts = compared(cluster).map((row) => known.get(row));
    const list = make("div", { className: "strip" });
    cluster.members.slice(0, COMPARED).forEach((member, place) => {
      const { facts: its } = facts[place];
      const mark = page.markOf(member.row);
      const kept = mark ? mark === "accept" : member.keep;
      const opener = button("", () => page.open(member.row), { className: "open" });
      opener.setAttribute("aria-label", `Open ${cut(its.path ?? its.uri, 100)}`);
      opener.append(picture(page.source, member.row, 320, ""));
      const badge = make("b", { className: "badge" }, kept ? "keep" : "drop");
      const figure = make("figure", { className: `picture ${kept ? "kept" : "dropped"}` }, opener);
      figure.append(make("figcaption", {}, badge, name((its.path ?? its.uri).split("/").at(-1), 50), make("span", {}, member.relation || "the best")));
      if (page.source.start.live) {
        const keep = button("Keep this", () => page.keep(cluster.members.map(({ row }) => row), member.row));
        keep.setAttribute("aria-label", `Keep this, reject the others: ${cut(its.path ?? its.uri, 100)}`);
        figure.append(keep);
      }
      list.append(figure);
    });
    card.append(make("h2", {}, plural(cluster.members.length, "image"), make("span", { className: "frees" }, `frees ${bytes(cluster.frees)}`)), list);
    card.append(differences(facts.map((one) => one.facts)));
    if (cluster.members.length > COMPARED) card.append(make("p", {}, `and ${number(cluster.members.length - COMPARED)} more`));
    return card;
  };
  const drawPage = async (some) => {
    const facts = await page.source.facts(some.flatMap(compared));
    const known = new Map(facts.map((one) => [one.row, one]));
    return some.map((cluster) => draw(cluster, known));
  };
  await paged(host, shownClusters, drawPage, "No duplicates pass the filters.");
}

const SAME_ANYWAY = new Set(["uri", "version", "path", "file", "sha256", "phash", "mean_color", "dominant_colors"]);

function differences(facts) {
  const rows = [];
  for (const key of Object.keys(facts[0])) {
    if (SAME_ANYWAY.has(key)) continue;
    const values = facts.map((one) => one[key]);
    const texts = new Set(values.map((value) => JSON.stringify(value)));
    if (texts.size < 2) continue;
    const cells = values.map((value) => make("td", {}, value === null ? "–" : shown(key, value)));
    rows.push(make("tr", {}, make("th", { scope: "row" }, key.replaceAll("_", " ")), ...cells));
  }
  const words = rows.length ? `What differs (${rows.length})` : "Nothing in the catalogue differs";
  const table = make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "What differs" }, make("table", {}, make("tbody", {}, ...rows)));
  return make("details", {}, make("summary", {}, words), rows.length ? table : "");
}

// What could not be handled, by reason.
export async function showQuarantine(host, page) {
  await page.load("reason");
  const reasons = page.filters.find((one) => one.name === "reason");
  const byReason = new Map();
  for (const row of page.passing()) {
    const code = reasons.useful ? reasons.codes[row] : MISSING;
    if (code === MISSING) continue;
    const rows = byReason.get(code) ?? [];
    byReason.set(code, rows);
    rows.push(row);
  }
  if (!byReason.size) {
    host.append(make("p", { className: "muted" }, "No image in quarantine passes the filters."));
    return;
  }
  for (const [code, rows] of [...byReason].sort((a, b) => b[1].length - a[1].length)) {
    const reason = reasons.values[code] ?? "others";
    const meaning = page.source.start.reasons[reason] ?? "";
    const card = make("article", { className: "card" }, make("h2", {}, name(reason), " ", make("span", { className: "count" }, number(rows.length))));
    card.append(make("p", {}, meaning && `${meaning[0].toUpperCase()}${meaning.slice(1)}.`));
    card.append(command(`mrimage retry ${shell(page.source.start.out)} --reason ${shell(reason)}`));
    const list = make("div", { className: "failed" });
    card.append(list);
    host.append(card);
    const draw = async (some) => {
      const messages = new Map((await page.source.messages(some)).map((one) => [one.row, one]));
      const tiles = await page.source.rows(some);
      return tiles.map(([row, path]) => {
        const open = button("", () => page.open(row), { className: "quiet" });
        open.append(name(path, 120));
        return make("p", {}, open, make("span", { className: "muted" }, ` ${cut(messages.get(row)?.message ?? "", 300)}`));
      });
    };
    await paged(list, rows, draw, "");
  }
}

// Each source image beside what the edits made of it.
export async function showEdits(host, page) {
  const edited = await page.edited();
  const rows = [...page.passing()].filter((row) => edited[row]);
  host.append(make("p", { className: "lead" }, `${plural(rows.length, "image")} with outputs.`));
  const draw = async (some) => {
    const outputs = await page.source.outputs(some);
    const tiles = new Map((await page.source.rows(some)).map((tile) => [tile[0], tile]));
    return some.map((row) => {
      const [, path, width, height] = tiles.get(row);
      const opener = button("", () => page.open(row), { className: "open" });
      opener.setAttribute("aria-label", `Open ${cut(path, 100)}`);
      opener.append(picture(page.source, row, 320, ""));
      const before = make("figure", { className: "picture" }, opener, make("figcaption", {}, name(path.split("/").at(-1), 50), make("span", {}, `${width} × ${height}`)));
      const after = outputs.filter((one) => one.row === row).map((one) => {
        const size = one.width ? `${one.width} × ${one.height} · ` : "";
        const image = page.source.madeUrl
          ? make("img", { alt: `Output of ${cut(path, 80)}`, src: page.source.madeUrl(row, one.number, 320), loading: "lazy" })
          : frame("only with a server");
        return make("figure", { className: "picture" }, image, make("figcaption", {}, name(one.output.split("/").at(-1), 50), make("span", {}, `${size}${bytes(one.bytes)}`)));
      });
      return make("div", { className: "pair" }, before, make("span", { className: "arrow", "aria-hidden": "true" }, "→"), ...after.slice(0, 1));
    });
  };
  const pairs = make("div", { className: "pairs" });
  host.append(pairs);
  await paged(pairs, rows, draw, "No edited image passes the filters.");
}

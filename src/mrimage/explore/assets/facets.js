// The filters beside the pictures: values with counts, and histograms with two handles.

import { MISSING, OTHER } from "./crossfilter.js";
import { button, edgeText, make, name, number } from "./dom.js";

const FEW = 8; // values that a filter shows at first
const OPEN = 6; // filters that are open at first

export class Facets {
  #panels = new Map();

  constructor(host, actions) {
    this.host = host;
    this.actions = actions; // load(name), counts(name), chosen(name), choose(name, codes or null)
  }

  // One closed panel for each filter; its codes are loaded when it is opened.
  build(filters) {
    for (const [place, filter] of filters.entries()) {
      const chip = button("clear", () => this.actions.choose(filter.name, null), {
        className: "clear",
        hidden: true,
      });
      chip.setAttribute("aria-label", `Clear the filter ${filter.title}`);
      const summary = make("summary", {}, make("h2", {}, filter.title));
      const body = make("div", { className: "facet-body" });
      const details = make("details", { className: "facet" }, summary, chip, body);
      details.dataset.filter = filter.name;
      const panel = { filter, details, body, chip, most: FEW };
      this.#panels.set(filter.name, panel);
      details.addEventListener("toggle", () => details.open && this.#opened(panel));
      details.open = place < OPEN || this.actions.chosen(filter.name) !== null;
      this.host.append(details);
    }
  }

  async #opened(panel) {
    await this.actions.load(panel.filter.name);
    panel.isLoaded = true;
    this.update();
  }

  open(name) {
    const panel = this.#panels.get(name);
    if (panel) panel.details.open = true;
  }

  update() {
    for (const panel of this.#panels.values()) {
      panel.chip.hidden = this.actions.chosen(panel.filter.name) === null;
      // A filter that all images pass is left out; marks may come later.
      panel.details.hidden = Boolean(panel.isLoaded) && !panel.filter.useful;
      if (panel.details.open && panel.filter.useful) this.#draw(panel);
    }
  }

  #draw(panel) {
    const counts = this.actions.counts(panel.filter.name);
    panel.chip.hidden = this.actions.chosen(panel.filter.name) === null;
    if (panel.filter.edges.length) this.#drawBins(panel, counts);
    else this.#drawValues(panel, counts);
  }

  #drawValues(panel, counts) {
    const { filter, body } = panel;
    const chosen = this.actions.chosen(filter.name);
    const codes = filter.values.map((_, code) => code);
    if (filter.kind === "category" && filter.values.length >= OTHER) codes.push(OTHER);
    codes.push(MISSING);
    const words = (code) => {
      if (code === OTHER) return "others";
      if (code === MISSING) return "none";
      return filter.values[code] === "" ? "(empty)" : String(filter.values[code]).replaceAll("_", filter.name === "findings" ? " " : "_");
    };
    const present = codes.filter((code) => counts[code] || chosen?.has(code));
    const isNumber = typeof filter.values[0] === "number";
    if (!isNumber) {
      const rank = (code) => (code >= OTHER ? -1 : counts[code]);
      present.sort((a, b) => rank(b) - rank(a));
    }
    const most = Math.max(1, ...present.map((code) => counts[code]));
    const list = make("ul", { className: "values" });
    for (const code of present.slice(0, panel.most)) {
      const box = make("input", { type: "checkbox", checked: chosen?.has(code) ?? false });
      box.addEventListener("change", () => this.#toggle(filter.name, code, box.checked));
      const bar = make("i", { className: "bar-fill" });
      bar.style.width = `${(100 * counts[code]) / most}%`;
      const label = make("label", {}, box, name(words(code), 60), make("b", {}, number(counts[code])), bar);
      list.append(make("li", {}, label));
    }
    const rest = present.length - panel.most;
    const more = button(`${number(Math.max(rest, 0))} more`, () => {
      panel.most = panel.most === FEW ? 60 : 300;
      this.#draw(panel);
    });
    more.className = "more";
    const focused = this.#focusedIn(body);
    body.replaceChildren(list, rest > 0 ? more : "");
    this.#focusAgain(body, focused);
  }

  // Drawing again must not take the keyboard away from the box that was just used.
  #focusedIn(body) {
    if (!body.contains(document.activeElement)) return null;
    return document.activeElement.parentElement?.textContent;
  }

  #focusAgain(body, text) {
    if (text === null || text === undefined) return;
    const words = text.replace(/[\d\u202f]+$/, "");
    for (const label of body.querySelectorAll("label")) {
      if (label.textContent.startsWith(words)) label.querySelector("input").focus();
    }
  }

  #toggle(name, code, isOn) {
    const chosen = new Set(this.actions.chosen(name) ?? []);
    if (isOn) chosen.add(code);
    else chosen.delete(code);
    this.actions.choose(name, chosen.size ? chosen : null);
  }

  #drawBins(panel, counts) {
    const { filter } = panel;
    const chosen = this.actions.chosen(filter.name);
    const bins = filter.edges.length - 1;
    if (!panel.plot) this.#makeBins(panel, bins);
    const inRange = chosen ? [...chosen].filter((code) => code < OTHER) : [];
    const first = inRange.length ? Math.min(...inRange) : 0;
    const last = inRange.length ? Math.max(...inRange) : bins - 1;
    const most = Math.max(1, ...counts.subarray(0, bins));
    panel.bars.forEach((bar, bin) => {
      bar.setAttribute("height", (38 * counts[bin]) / most);
      bar.setAttribute("y", 38 - (38 * counts[bin]) / most);
      bar.classList.toggle("off", chosen !== null && !chosen.has(bin));
      bar.firstChild.textContent = `${this.#range(filter, bin, bin)}: ${number(counts[bin])}`;
    });
    panel.from.value = first;
    panel.to.value = last;
    panel.words.textContent = this.#range(filter, first, last);
    for (const [handle, place] of [[panel.from, first], [panel.to, last + 1]]) {
      handle.setAttribute("aria-valuetext", edgeText(filter, filter.edges[place]));
    }
    panel.unknown.hidden = !counts[MISSING];
    panel.unknown.lastChild.textContent = ` unknown: ${number(counts[MISSING])}`;
    panel.box.checked = chosen === null || chosen.has(MISSING);
  }

  #range(filter, first, last) {
    const unit = ["", "bytes", "date"].includes(filter.unit) ? "" : ` ${filter.unit}`;
    return `${edgeText(filter, filter.edges[first])} – ${edgeText(filter, filter.edges[last + 1])}${unit}`;
  }

  #makeBins(panel, bins) {
    const space = "http://www.w3.org/2000/svg";
    const plot = document.createElementNS(space, "svg");
    plot.setAttribute("viewBox", `0 0 ${bins * 4} 38`);
    plot.setAttribute("preserveAspectRatio", "none");
    plot.setAttribute("aria-hidden", "true");
    panel.bars = Array.from({ length: bins }, (_, bin) => {
      const bar = document.createElementNS(space, "rect");
      bar.setAttribute("x", bin * 4);
      bar.setAttribute("width", bins > 100 ? 4 : 3.4);
      bar.append(document.createElementNS(space, "title"));
      plot.append(bar);
      return bar;
    });
    const handle = (label) => {
      const input = make("input", { type: "range", min: 0, max: bins - 1, step: 1 });
      input.setAttribute("aria-label", `${panel.filter.title}, ${label}`);
      input.addEventListener("input", () => this.#slid(panel));
      return input;
    };
    panel.plot = plot;
    panel.from = handle("from");
    panel.to = handle("to");
    panel.words = make("p", { className: "range" });
    panel.box = make("input", { type: "checkbox" });
    panel.box.addEventListener("change", () => this.#slid(panel));
    panel.unknown = make("label", { className: "unknown" }, panel.box, make("span"));
    const handles = make("div", { className: "handles" }, panel.from, panel.to);
    panel.body.replaceChildren(plot, handles, panel.words, panel.unknown);
  }

  #slid(panel) {
    const bins = panel.filter.edges.length - 1;
    const [first, last] = [Number(panel.from.value), Number(panel.to.value)].sort((a, b) => a - b);
    const chosen = new Set();
    for (let bin = first; bin <= last; bin += 1) chosen.add(bin);
    const isAll = first === 0 && last === bins - 1;
    // A range is of known values, unless the box says otherwise.
    const wasAll = this.actions.chosen(panel.filter.name) === null;
    const wantsUnknown = panel.box.checked && (isAll || !wasAll || document.activeElement === panel.box);
    if (wantsUnknown) chosen.add(MISSING);
    this.actions.choose(panel.filter.name, isAll && wantsUnknown ? null : chosen);
  }
}

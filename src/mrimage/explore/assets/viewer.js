// One image: larger, down to its pixels, with all that the tables say about it.

import { bytes, button, byId, cut, date, make, name, number, visible } from "./dom.js";
import { strip } from "./grid.js";
import { frame, picture } from "./pictures.js";

const HIDDEN = new Set(["row", "file"]);
const LAST = ["uri", "path", "version", "sha256", "phash"];
const LARGE = 1600;

export class Viewer {
  row = null;
  #zoomed = false;
  #turn = 0; // counts openings, so that a late answer is not shown for another image

  constructor(source, actions) {
    this.source = source;
    this.actions = actions; // step(by), markOf(row), mark(row, mark), toggle(row), isSelected(row), open(row), closed()
    this.dialog = byId("viewer");
    this.stage = byId("stage");
    byId("viewer-close").addEventListener("click", () => this.dialog.close());
    byId("viewer-previous").addEventListener("click", () => actions.step(-1));
    byId("viewer-next").addEventListener("click", () => actions.step(1));
    byId("viewer-zoom").addEventListener("click", () => this.#zoom(!this.#zoomed));
    byId("viewer-select").addEventListener("click", () => this.#act(() => actions.toggle(this.row)));
    for (const mark of ["accept", "reject"]) {
      byId(`viewer-${mark}`).addEventListener("click", () => this.#act(() => actions.mark(this.row, mark)));
    }
    this.dialog.addEventListener("close", () => {
      this.row = null;
      actions.closed();
    });
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  async open(row) {
    this.row = row;
    this.#zoomed = false;
    this.#turn += 1;
    const turn = this.#turn;
    byId("viewer-title").textContent = "…";
    byId("viewer-facts").replaceChildren();
    this.stage.replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    this.stage.focus();
    this.refresh();
    const [found] = await this.source.facts([row]);
    if (turn !== this.#turn || this.row === null) return;
    this.facts = found.facts;
    byId("viewer-title").textContent = cut(found.facts.path ?? found.facts.uri, 160);
    this.#show(found);
    this.#describe(found);
    this.#showNear(row, turn);
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  refresh() {
    if (this.row === null) return;
    const mark = this.actions.markOf(this.row);
    byId("viewer-accept").setAttribute("aria-pressed", mark === "accept");
    byId("viewer-reject").setAttribute("aria-pressed", mark === "reject");
    byId("viewer-select").setAttribute("aria-pressed", this.actions.isSelected(this.row));
    byId("viewer-place").textContent = this.actions.placeOf(this.row);
  }

  #act(action) {
    action();
    this.refresh();
  }

  #show(found) {
    const { facts, quarantine } = found;
    const canZoom = this.source.start.live && facts.width && facts.status === "processed";
    byId("viewer-zoom").hidden = !canZoom;
    byId("viewer-zoom").setAttribute("aria-pressed", "false");
    if (quarantine.length) {
      const { reason, message } = quarantine[0];
      const partly = this.source.start.live && reason === "truncated" ? picture(this.source, this.row, LARGE, "The part that can be read") : frame(reason);
      this.stage.replaceChildren(partly, make("p", { className: "why" }, name(message, 400)));
      return;
    }
    const image = picture(this.source, this.row, LARGE, cut(facts.path ?? facts.uri, 160));
    image.addEventListener("load", () => this.#histogram(image));
    if (canZoom) image.addEventListener("click", (event) => this.#zoom(true, event));
    this.stage.replaceChildren(image);
  }

  // Actual pixels: the whole size scrolls, a coarse picture lies below, and the part in sight is
  // asked for when the scrolling rests.
  #zoom(isOn, event) {
    const { width, height } = this.facts;
    byId("viewer-zoom").setAttribute("aria-pressed", isOn);
    this.#zoomed = isOn;
    if (!isOn) {
      this.#show({ facts: this.facts, quarantine: [] });
      return;
    }
    const box = this.stage.firstChild.getBoundingClientRect();
    const at = event
      ? [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
      : [0.5, 0.5];
    const coarse = picture(this.source, this.row, LARGE, "");
    coarse.className = "coarse";
    const sharp = make("img", { className: "sharp", alt: `Pixels of ${cut(this.facts.path ?? "", 100)}` });
    const whole = make("div", { className: "whole-size" }, coarse, sharp);
    whole.style.width = `${width}px`;
    whole.style.height = `${height}px`;
    const window = make("div", { className: "pixels", tabIndex: 0, role: "region", "aria-label": "Pixels; scroll to move" }, whole);
    this.stage.replaceChildren(window);
    window.scrollLeft = width * at[0] - window.clientWidth / 2;
    window.scrollTop = height * at[1] - window.clientHeight / 2;
    const row = this.row;
    let timer = 0;
    const ask = () => {
      const x = Math.floor(window.scrollLeft);
      const y = Math.floor(window.scrollTop);
      const w = Math.min(window.clientWidth, width - x, 2400);
      const h = Math.min(window.clientHeight, height - y, 2400);
      if (this.row !== row || w < 1 || h < 1) return;
      const next = new Image();
      next.addEventListener("load", () => {
        sharp.src = next.src;
        sharp.style.transform = `translate(${x}px, ${y}px)`;
        sharp.style.width = `${w}px`;
        sharp.style.height = `${h}px`;
      });
      next.src = this.source.cropUrl(row, x, y, w, h);
    };
    window.addEventListener("scroll", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, 150);
    });
    window.addEventListener("click", () => this.#zoom(false));
    window.focus();
    ask();
  }

  // Of the picture as it is shown: how often each level of red, green and blue occurs.
  #histogram(image) {
    const canvas = make("canvas", { width: 256, height: 256 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, 256, 256);
    let data;
    try {
      data = context.getImageData(0, 0, 256, 256).data;
    } catch {
      return; // A browser does not let a page from a folder read its own pictures.
    }
    const counts = [0, 1, 2].map(() => new Uint32Array(64));
    for (let place = 0; place < data.length; place += 4) {
      for (const channel of [0, 1, 2]) counts[channel][data[place + channel] >> 2] += 1;
    }
    const plot = byId("viewer-histogram");
    const draw = plot.getContext("2d");
    draw.clearRect(0, 0, plot.width, plot.height);
    draw.globalCompositeOperation = "source-over";
    // The ends are often far higher than all between them.
    const most = Math.max(1, ...counts.map((one) => one.subarray(1, 63).reduce((a, b) => Math.max(a, b), 1)));
    ["#d2453c", "#3f9a4a", "#3b73c9"].forEach((color, channel) => {
      draw.strokeStyle = color;
      draw.lineWidth = 1.5;
      draw.beginPath();
      counts[channel].forEach((count, level) => {
        draw.lineTo((level * plot.width) / 63, plot.height - Math.min(1, count / most) * (plot.height - 2) - 1);
      });
      draw.stroke();
    });
    plot.hidden = false;
  }

  #describe({ facts, findings, outputs }) {
    const list = make("dl", { className: "facts" });
    const keys = Object.keys(facts).filter((key) => !LAST.includes(key));
    for (const key of [...keys, ...LAST.filter((one) => one in facts)]) {
      const value = facts[key];
      if (value === null || HIDDEN.has(key) || (Array.isArray(value) && !value.length)) continue;
      list.append(make("div", {}, make("dt", {}, key.replaceAll("_", " ")), make("dd", {}, shown(key, value))));
    }
    const plot = make("canvas", { id: "viewer-histogram", width: 256, height: 70, hidden: true, role: "img" });
    plot.setAttribute("aria-label", "Histogram of red, green and blue");
    const content = [plot];
    if (findings.length) {
      const items = findings.map((one) => make("li", {}, make("b", {}, one.kind.replaceAll("_", " ")), ` ${visible(one.evidence ?? "")}`));
      content.push(make("h3", {}, "Findings"), make("ul", { className: "plain" }, ...items));
    }
    if (outputs.length) content.push(make("h3", {}, "Outputs"), this.#outputs(outputs));
    content.push(make("h3", {}, "Facts"), list, make("div", { id: "viewer-near" }));
    byId("viewer-facts").replaceChildren(...content);
    const image = this.stage.querySelector("img");
    if (image?.complete && image.naturalWidth) this.#histogram(image);
  }

  #outputs(outputs) {
    const list = make("div", { className: "strip" });
    outputs.forEach((output, number_) => {
      const figure = make("figure", { className: "picture" });
      if (this.source.madeUrl) {
        figure.append(make("img", { alt: `Output ${number_ + 1}`, src: this.source.madeUrl(this.row, number_, 320) }));
      }
      const size = output.width ? `${output.width} × ${output.height} · ` : "";
      figure.append(make("figcaption", {}, name(output.output.split("/").at(-1), 60), make("span", {}, `${size}${bytes(output.bytes)}`)));
      list.append(figure);
    });
    return list;
  }

  async #showNear(row, turn) {
    if (!this.source.start.hasNear) return;
    const near = await this.source.near(row);
    if (turn !== this.#turn || !near.length) return;
    const list = strip(this.source, near.map(([other]) => other), (other) => this.actions.open(other));
    [...list.children].forEach((figure, place) =>
      figure.append(make("figcaption", {}, make("span", {}, `cosine ${near[place][1].toFixed(2)}`))),
    );
    byId("viewer-near")?.replaceChildren(make("h3", {}, "Looks like it"), list);
  }

  #key(event) {
    if (event.target.closest("input, textarea")) return;
    const inPixels = event.target.closest(".pixels");
    const actions = {
      ArrowLeft: () => !inPixels && this.actions.step(-1),
      ArrowRight: () => !inPixels && this.actions.step(1),
      a: () => this.#act(() => this.actions.mark(this.row, "accept")),
      r: () => this.#act(() => this.actions.mark(this.row, "reject")),
      z: () => !byId("viewer-zoom").hidden && this.#zoom(!this.#zoomed),
      " ": () => !event.target.closest("button") && this.#act(() => this.actions.toggle(this.row)),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    if (action() !== false && !inPixels && !event.target.closest("button")) event.preventDefault();
  }
}

export function shown(key, value) {
  if (key === "size" || key === "bytes") return `${bytes(value)}`;
  if (key === "version") return visible(value);
  if (key === "exposure_time" && value > 0 && value < 1) return `1/${Math.round(1 / value)} s`;
  if (key === "taken_at") return typeof value === "number" ? date(value) : visible(value).replace("T", " ");
  if (key === "mean_color" || key === "dominant_colors") return swatches([value].flat());
  if (Array.isArray(value)) return name(value.join(", "), 300);
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return name(value, 300);
}

function swatches(colors) {
  const list = make("span", { className: "colors" });
  for (const color of colors) {
    if (!/^#[0-9a-f]{6}$/i.test(color)) continue;
    const swatch = make("i", { title: color });
    swatch.style.background = color;
    list.append(swatch);
  }
  return list;
}

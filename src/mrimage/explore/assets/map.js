// The map of the pile: a dot for each image, pictures where few are in sight, and a lasso.

import { button, make, plural } from "./dom.js";

const END = 65534;
const NOWHERE = 65535;
const PICTURES = 140; // with so few images in sight, pictures take the place of dots

export class PileMap {
  #view = { x: 0, y: 0, scale: 1 }; // the corner in map coordinates (0 to 1), and the zoom
  #lasso = null;
  #isLassoing = false;
  #pictures = new Map();
  #frame = 0;

  constructor(host, source, part, actions) {
    this.source = source;
    this.part = part;
    this.actions = actions; // passes(row), open(row), lassoed(polygon or null), isActive()
    const lasso = button("Lasso", () => this.#setLasso(!this.#isLassoing), { id: "lasso" });
    lasso.setAttribute("aria-pressed", "false");
    this.lassoButton = lasso;
    this.words = make("span", { className: "muted", role: "status" });
    this.canvas = make("canvas", { className: "map", tabIndex: 0, role: "img" });
    this.canvas.setAttribute("aria-label", "Map of the images. Arrow keys move, plus and minus zoom. The same images are in the view Pictures.");
    host.append(
      make("p", { className: "tools" }, lasso, button("+", () => this.#zoom(1.6), { "aria-label": "Zoom in" }), button("−", () => this.#zoom(1 / 1.6), { "aria-label": "Zoom out" }), button("All", () => this.#all()), this.words),
      this.canvas,
      make("p", { className: "muted" }, part.about),
    );
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #size() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  // The map keeps its shape: its shorter side fills the canvas at scale 1.
  #unit() {
    return Math.min(...this.#size()) * this.#view.scale;
  }

  #screen(row) {
    const unit = this.#unit();
    return [(this.part.x[row] / END - this.#view.x) * unit, (1 - this.part.y[row] / END - this.#view.y) * unit];
  }

  #draw() {
    const [width, height] = this.#size();
    if (!width || !height) return;
    const ratio = Math.min(devicePixelRatio, 2);
    if (this.canvas.width !== Math.round(width * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      if (this.#view.scale === 1) this.#all(false);
    }
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const image = context.createImageData(this.canvas.width, this.canvas.height);
    const dots = new Uint32Array(image.data.buffer);
    const on = color(style.getPropertyValue("--chart"));
    const off = color(style.getPropertyValue("--line"));
    const inSight = this.#plot(dots, image.width, image.height, ratio, on, off);
    context.putImageData(image, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (inSight.length <= PICTURES) for (const row of inSight) this.#drawPicture(context, row);
    if (this.#lasso) this.#drawLasso(context, style.getPropertyValue("--accent"));
    const rest = inSight.length > PICTURES ? " Zoom in for pictures." : "";
    this.words.textContent = `${plural(inSight.length > PICTURES ? this.seen : inSight.length, "image")} in sight.${rest}`;
  }

  // Set the pixels of all dots; return the passing rows in sight, at most one more than PICTURES.
  #plot(dots, width, height, ratio, on, off) {
    const { x, y } = this.part;
    const unit = (this.#unit() * ratio) / END;
    const left = this.#view.x * this.#unit() * ratio;
    const top = this.#view.y * this.#unit() * ratio;
    const side = x.length > 50_000 ? 2 : Math.round(4 * ratio);
    const found = [];
    this.seen = 0;
    for (const wanted of [false, true]) {
      for (let row = 0; row < x.length; row += 1) {
        if (x[row] === NOWHERE || this.actions.passes(row) !== wanted) continue;
        const column = Math.round(x[row] * unit - left);
        const line = Math.round((END - y[row]) * unit - top);
        if (column < 0 || line < 0 || column >= width - side || line >= height - side) continue;
        if (wanted) {
          this.seen += 1;
          if (found.length <= PICTURES) found.push(row);
        }
        for (let down = 0; down < side; down += 1) {
          dots.fill(wanted ? on : off, (line + down) * width + column, (line + down) * width + column + side);
        }
      }
    }
    return found;
  }

  #drawPicture(context, row) {
    let image = this.#pictures.get(row);
    if (!image) {
      image = new Image();
      image.addEventListener("load", () => this.draw());
      image.src = this.source.pictureUrl ? this.source.pictureUrl(row, 320) : this.source.sheetOf(row)?.url ?? "";
      if (this.#pictures.size > 600) this.#pictures.clear();
      this.#pictures.set(row, image);
    }
    if (!image.complete || !image.naturalWidth) return;
    const place = this.source.sheetOf?.(row) ?? { x: 0, y: 0, width: image.naturalWidth, height: image.naturalHeight };
    const scale = 72 / Math.max(place.width, place.height);
    const [x, y] = this.#screen(row);
    const [width, height] = [place.width * scale, place.height * scale];
    context.drawImage(image, place.x, place.y, place.width, place.height, x - width / 2, y - height / 2, width, height);
  }

  #drawLasso(context, accent) {
    context.beginPath();
    const unit = this.#unit();
    for (let place = 0; place < this.#lasso.length; place += 2) {
      context.lineTo((this.#lasso[place] / END - this.#view.x) * unit, (1 - this.#lasso[place + 1] / END - this.#view.y) * unit);
    }
    context.closePath();
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.stroke();
    context.globalAlpha = 0.1;
    context.fillStyle = accent;
    context.fill();
    context.globalAlpha = 1;
  }

  showLasso(polygon) {
    this.#lasso = polygon;
    this.draw();
  }

  #setLasso(isOn) {
    this.#isLassoing = isOn;
    this.lassoButton.setAttribute("aria-pressed", isOn);
    this.canvas.classList.toggle("lassoing", isOn);
  }

  #all(redraw = true) {
    const [width, height] = this.#size();
    const shorter = Math.min(width, height);
    this.#view = { x: -(width - shorter) / 2 / shorter, y: -(height - shorter) / 2 / shorter, scale: 1 };
    if (redraw) this.draw();
  }

  #zoom(factor, at = this.#size().map((length) => length / 2)) {
    const unit = this.#unit();
    const scale = Math.max(0.5, Math.min(this.#view.scale * factor, 2000));
    const real = scale / this.#view.scale;
    this.#view.x += (at[0] / unit) * (1 - 1 / real);
    this.#view.y += (at[1] / unit) * (1 - 1 / real);
    this.#view.scale = scale;
    this.draw();
  }

  #move(x, y) {
    this.#view.x += x / this.#unit();
    this.#view.y += y / this.#unit();
    this.draw();
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #mapPoint([x, y]) {
    const unit = this.#unit();
    const limited = (value) => Math.round(Math.max(0, Math.min(value, 1)) * END);
    return [limited(x / unit + this.#view.x), limited(1 - (y / unit + this.#view.y))];
  }

  #listen() {
    const { canvas } = this;
    let from = null;
    let moved = false;
    canvas.addEventListener("pointerdown", (event) => {
      from = this.#point(event);
      moved = false;
      canvas.setPointerCapture(event.pointerId);
      if (this.#isLassoing || event.shiftKey) {
        this.#setLasso(true);
        this.#lasso = this.#mapPoint(from);
      }
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const at = this.#point(event);
      if (Math.hypot(at[0] - from[0], at[1] - from[1]) < 3 && !moved) return;
      moved = true;
      if (this.#isLassoing) {
        this.#lasso.push(...this.#mapPoint(at));
        this.draw();
      } else this.#move(from[0] - at[0], from[1] - at[1]);
      from = at;
    });
    canvas.addEventListener("pointerup", (event) => {
      const at = this.#point(event);
      from = null;
      if (this.#isLassoing) {
        const polygon = thinned(this.#lasso);
        this.#setLasso(false);
        this.#lasso = polygon;
        this.actions.lassoed(polygon);
      } else if (!moved) this.#pick(at);
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.#zoom(Math.exp(-event.deltaY / 400), this.#point(event));
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const keys = {
        ArrowLeft: () => this.#move(-60, 0),
        ArrowRight: () => this.#move(60, 0),
        ArrowUp: () => this.#move(0, -60),
        ArrowDown: () => this.#move(0, 60),
        "+": () => this.#zoom(1.6),
        "-": () => this.#zoom(1 / 1.6),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  #pick([x, y]) {
    let best = null;
    let least = 40;
    for (let row = 0; row < this.part.x.length; row += 1) {
      if (this.part.x[row] === NOWHERE || !this.actions.passes(row)) continue;
      const [column, line] = this.#screen(row);
      const distance = Math.hypot(column - x, line - y);
      if (distance < least) {
        least = distance;
        best = row;
      }
    }
    if (best !== null) this.actions.open(best);
  }
}

const color = (text) => {
  const value = Number.parseInt(text.trim().slice(1), 16);
  return (0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
};

// At most 60 corners, so that the url stays short.
const thinned = (polygon) => {
  const corners = polygon.length / 2;
  const step = Math.max(1, Math.ceil(corners / 60));
  return polygon.filter((_, place) => Math.floor(place / 2) % step === 0);
};

// Flags of the rows inside a polygon: a ray to the right crosses its edges an odd number of times.
export function inside(polygon, { x, y }) {
  const flags = new Uint8Array(x.length);
  if (polygon.length < 6) return flags;
  const corners = polygon.length / 2;
  for (let row = 0; row < x.length; row += 1) {
    if (x[row] === NOWHERE) continue;
    let odd = 0;
    for (let here = 0, last = corners - 1; here < corners; last = here++) {
      const [x1, y1, x2, y2] = [polygon[2 * here], polygon[2 * here + 1], polygon[2 * last], polygon[2 * last + 1]];
      if (y1 > y[row] !== y2 > y[row] && x[row] < ((x2 - x1) * (y[row] - y1)) / (y2 - y1) + x1) odd ^= 1;
    }
    flags[row] = odd;
  }
  return flags;
}

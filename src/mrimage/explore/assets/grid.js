// A grid of pictures that scrolls through any number of them: only those in sight are elements.

import { button, cut, make, name } from "./dom.js";
import { frame, picture } from "./pictures.js";

const CAPTION = 26; // pixels of height below a picture
const GAP = 8;
const TALLEST = 8_000_000; // browsers cannot lay out an element of more than some ten million pixels
const REST = 70; // milliseconds in sight after which a picture is asked for
const KEPT = 5000; // rows whose names are kept

export class Grid {
  rows = new Uint32Array(0);
  selected = new Set();
  focus = 0; // place in rows
  side = 170;
  total = 0; // height of all rows in pixels
  #anchor = 0;
  #top = 0; // what is scrolled away, in pixels of the whole height
  #tiles = new Map(); // place: element
  #known = new Map(); // row: [row, name, width, height, reason]
  #asked = new Set();
  #timer = 0;

  constructor(host, source, actions) {
    this.source = source;
    this.actions = actions;
    this.host = host;
    this.spacer = make("div", { className: "spacer" });
    this.layer = make("div", { className: "layer" });
    host.append(this.spacer, this.layer);
    host.addEventListener("scroll", () => this.#scrolled());
    host.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("click", (event) => this.#click(event));
    new ResizeObserver(() => this.layout()).observe(host);
  }

  show(rows) {
    const focused = this.rows[this.focus];
    this.rows = rows;
    const place = focused === undefined ? 0 : rows.indexOf(focused);
    this.focus = Math.max(0, place);
    this.#clear();
    this.layout();
    this.#moveTo(this.#top);
  }

  setSide(side) {
    this.side = side;
    this.#clear();
    this.layout();
    this.reveal(this.focus);
  }

  layout() {
    const width = this.host.clientWidth;
    if (!width) return;
    const columns = Math.max(2, Math.floor((width + GAP) / (this.side + GAP)));
    if (columns !== this.columns || width !== this.width) this.#clear();
    this.columns = columns;
    this.width = width;
    this.cell = (width - GAP * (columns - 1)) / columns;
    this.pitch = this.cell + CAPTION + GAP;
    this.total = Math.ceil(this.rows.length / columns) * this.pitch;
    this.spacer.style.height = `${Math.min(this.total, TALLEST)}px`;
    this.#draw();
  }

  reveal(place) {
    const top = Math.floor(place / this.columns) * this.pitch;
    const height = this.host.clientHeight;
    if (top < this.#top) this.#moveTo(top);
    else if (top + this.pitch > this.#top + height) this.#moveTo(top + this.pitch - height);
    else this.#draw();
  }

  // Draw again what depends on the selection, on marks, and on the focus.
  refresh() {
    for (const [place, tile] of this.#tiles) this.#dress(tile, place);
    this.#pointOut();
  }

  async known(row) {
    if (!this.#known.has(row)) this.#remember(await this.source.rows([row]));
    return this.#known.get(row);
  }

  #most() {
    return Math.max(0, this.total - this.host.clientHeight);
  }

  #scrolled() {
    const range = this.host.scrollHeight - this.host.clientHeight;
    const shown = this.total > TALLEST ? (this.host.scrollTop / range) * this.#most() : this.host.scrollTop;
    // A position that we have set ourselves comes back rounded.
    const step = this.total > TALLEST ? this.#most() / range : 1;
    if (Math.abs(shown - this.#top) > step) this.#top = shown;
    this.#draw();
  }

  #wheel(event) {
    // A scroll bar that stands for more pixels than it has would jump by rows.
    if (this.total <= TALLEST || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 40 : 1;
    this.#moveTo(this.#top + event.deltaY * unit);
  }

  #moveTo(top) {
    this.#top = Math.max(0, Math.min(top, this.#most()));
    const range = this.host.scrollHeight - this.host.clientHeight;
    this.host.scrollTop = this.total > TALLEST ? (this.#top / this.#most()) * range : this.#top;
    this.#draw();
  }

  #clear() {
    this.layer.replaceChildren();
    this.#tiles.clear();
  }

  #draw() {
    if (!this.columns) return;
    const first = Math.max(0, Math.floor(this.#top / this.pitch) - 1) * this.columns;
    const end = Math.ceil((this.#top + this.host.clientHeight) / this.pitch + 1) * this.columns;
    const last = Math.min(this.rows.length, end);
    for (const [place, tile] of this.#tiles) {
      if (place < first || place >= last) {
        tile.remove();
        this.#tiles.delete(place);
      }
    }
    // The layer stays where the window is; tiles are placed relative to what is scrolled away.
    const shift = this.host.scrollTop - this.#top;
    for (let place = first; place < last; place += 1) {
      let tile = this.#tiles.get(place);
      if (!tile) {
        tile = this.#newTile(place);
        this.#tiles.set(place, tile);
        this.layer.append(tile);
      }
      const x = (place % this.columns) * (this.cell + GAP);
      const y = Math.floor(place / this.columns) * this.pitch + shift;
      tile.style.transform = `translate(${x}px, ${y}px)`;
    }
    this.#pointOut();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fill(), REST);
  }

  #newTile(place) {
    const tile = make("div", { id: `tile-${place}`, className: "tile", role: "option" });
    tile.setAttribute("aria-setsize", this.rows.length);
    tile.setAttribute("aria-posinset", place + 1);
    tile.style.width = `${this.cell}px`;
    const box = make("div", { className: "box" });
    box.style.height = `${this.cell}px`;
    tile.append(box, make("div", { className: "caption" }));
    this.#dress(tile, place);
    return tile;
  }

  #dress(tile, place) {
    const row = this.rows[place];
    const isSelected = this.selected.has(row);
    tile.setAttribute("aria-selected", isSelected);
    const mark = this.actions.markOf(row);
    tile.dataset.mark = mark;
    const known = this.#known.get(row);
    const words = known ? [cut(known[1], 120), known[4], mark && `${mark}ed`] : [];
    tile.setAttribute("aria-label", words.filter(Boolean).join(", "));
    if (known && !tile.lastChild.firstChild) {
      tile.lastChild.append(name(known[1].split("/").at(-1), 80));
      tile.title = cut(known[1], 400);
    }
  }

  #pointOut() {
    for (const [place, tile] of this.#tiles) tile.classList.toggle("focused", place === this.focus);
    const there = this.#tiles.has(this.focus);
    if (there) this.host.setAttribute("aria-activedescendant", `tile-${this.focus}`);
    else this.host.removeAttribute("aria-activedescendant");
  }

  async #fill() {
    const wanted = [];
    for (const place of this.#tiles.keys()) {
      const row = this.rows[place];
      if (!this.#known.has(row) && !this.#asked.has(row)) wanted.push(row);
    }
    if (wanted.length) {
      for (const row of wanted) this.#asked.add(row);
      try {
        this.#remember(await this.source.rows(wanted));
      } finally {
        for (const row of wanted) this.#asked.delete(row);
      }
    }
    for (const [place, tile] of this.#tiles) {
      const known = this.#known.get(this.rows[place]);
      const box = tile.firstChild;
      if (!known || box.firstChild) continue;
      this.#dress(tile, place);
      box.append(known[4] ? frame(known[4]) : picture(this.source, known[0], 320, ""));
    }
    this.actions.onDrawn?.();
  }

  #remember(rows) {
    if (this.#known.size > KEPT) this.#known.clear();
    for (const known of rows) this.#known.set(known[0], known);
  }

  #placeOf(event) {
    const tile = event.target.closest?.(".tile");
    return tile ? Number(tile.id.slice(5)) : null;
  }

  #click(event) {
    const place = this.#placeOf(event);
    if (place === null) return;
    if (event.shiftKey) this.#extend(place);
    else if (event.ctrlKey || event.metaKey) this.#toggle(place);
    else {
      this.focus = place;
      this.#anchor = place;
      this.actions.open(place);
    }
    this.refresh();
  }

  #toggle(place) {
    const row = this.rows[place];
    if (!this.selected.delete(row)) this.selected.add(row);
    this.focus = place;
    this.#anchor = place;
    this.actions.selectionChanged();
  }

  #extend(place) {
    const [first, last] = [Math.min(this.#anchor, place), Math.max(this.#anchor, place)];
    for (let each = first; each <= last; each += 1) this.selected.add(this.rows[each]);
    this.focus = place;
    this.actions.selectionChanged();
  }

  #key(event) {
    if (!this.rows.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.host.clientHeight / this.pitch)) * this.columns;
    const last = this.rows.length - 1;
    const moves = {
      ArrowLeft: this.focus - 1,
      ArrowRight: this.focus + 1,
      ArrowUp: this.focus - this.columns,
      ArrowDown: this.focus + this.columns,
      PageUp: this.focus - page,
      PageDown: this.focus + page,
      Home: 0,
      End: last,
    };
    if (event.key in moves) {
      const place = Math.max(0, Math.min(moves[event.key], last));
      if (event.shiftKey) this.#extend(place);
      else {
        this.focus = place;
        this.#anchor = place;
      }
      this.reveal(place);
      this.refresh();
    } else if (event.key === " ") {
      this.#toggle(this.focus);
      this.refresh();
    } else if (event.key === "Enter") this.actions.open(this.focus);
    else return;
    event.preventDefault();
  }
}

// A strip of pictures, each of which opens.
export function strip(source, rows, open, side = 200) {
  const list = make("div", { className: "strip" });
  for (const row of rows) {
    const opener = button("", () => open(row), { className: "open" });
    opener.setAttribute("aria-label", `Open image ${row + 1}`);
    opener.append(picture(source, row, side, ""));
    list.append(make("figure", { className: "picture" }, opener));
  }
  return list;
}

// The search box: words, or an SQL condition with the columns offered while typing.

import { byId, make } from "./dom.js";

const MOST = 12;
const FUNCTIONS = ["AND", "OR", "NOT", "IS NULL", "IN ()", "LIKE '%'", "BETWEEN", "contains(path, '')"];

export class Search {
  #marked = -1;
  #offered = [];

  constructor(completions, isLive, onsearch) {
    this.completions = completions;
    this.onsearch = onsearch;
    this.form = byId("search");
    this.mode = byId("mode");
    this.query = byId("query");
    this.list = byId("completions");
    if (!isLive) this.mode.querySelector("[value=sql]").remove();
    this.query.setAttribute("aria-controls", "completions");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#hide();
      this.#search();
    });
    this.mode.addEventListener("change", () => {
      this.#dress();
      this.query.focus();
    });
    this.query.addEventListener("input", () => this.#typed());
    this.query.addEventListener("keydown", (event) => this.#key(event));
    this.query.addEventListener("blur", () => setTimeout(() => this.#hide(), 150));
  }

  show({ words, sql }) {
    this.mode.value = sql ? "sql" : "words";
    if (document.activeElement !== this.query) this.query.value = sql || words;
    this.#dress();
  }

  fail(message) {
    byId("query-error").textContent = message ?? "";
    byId("query-error").hidden = !message;
    this.query.setAttribute("aria-invalid", Boolean(message));
  }

  #dress() {
    const isSql = this.mode.value === "sql";
    this.form.dataset.mode = this.mode.value;
    this.query.placeholder = isSql ? "width > 4000 AND camera IS NOT NULL" : "name, camera, label  ( / )";
  }

  #search() {
    const text = this.query.value.trim();
    this.onsearch(this.mode.value === "sql" ? { sql: text, words: "" } : { words: text, sql: "" });
  }

  #typed() {
    clearTimeout(this.timer);
    if (this.mode.value === "words") this.timer = setTimeout(() => this.#search(), 250);
    else this.#offer();
  }

  #word() {
    const before = this.query.value.slice(0, this.query.selectionStart);
    // Inside of quotes there are no columns.
    if ((before.match(/'/g) ?? []).length % 2) return "";
    return before.match(/[\w.]+$/)?.[0] ?? "";
  }

  #offer() {
    const word = this.#word().toLowerCase();
    const all = [...this.completions, ...FUNCTIONS];
    const begins = all.filter((one) => one.toLowerCase().startsWith(word));
    const contains = all.filter((one) => !begins.includes(one) && one.toLowerCase().includes(word));
    this.#offered = word ? [...begins, ...contains].slice(0, MOST) : [];
    if (this.#offered.some((one) => one.toLowerCase() === word)) this.#offered = [];
    this.#marked = -1;
    this.#draw();
  }

  #draw() {
    const items = this.#offered.map((text, place) => {
      const item = make("li", { role: "option", id: `completion-${place}` }, text);
      item.setAttribute("aria-selected", place === this.#marked);
      item.addEventListener("mousedown", (event) => {
        event.preventDefault();
        this.#take(text);
      });
      return item;
    });
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    if (this.#marked >= 0) this.query.setAttribute("aria-activedescendant", `completion-${this.#marked}`);
    else this.query.removeAttribute("aria-activedescendant");
  }

  #hide() {
    this.#offered = [];
    this.#draw();
  }

  #take(text) {
    const end = this.query.selectionStart;
    const start = end - this.#word().length;
    this.query.setRangeText(text, start, end, "end");
    this.#hide();
  }

  #key(event) {
    const count = this.#offered.length;
    if (event.key === "Escape") {
      if (count) this.#hide();
      else if (this.query.value) {
        this.query.value = "";
        this.#search();
      } else this.query.blur();
      event.preventDefault();
    } else if (count && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#marked = (this.#marked + step + count) % count;
      this.#draw();
      event.preventDefault();
    } else if (count && (event.key === "Tab" || (event.key === "Enter" && this.#marked >= 0))) {
      this.#take(this.#offered[Math.max(0, this.#marked)]);
      event.preventDefault();
    }
  }
}

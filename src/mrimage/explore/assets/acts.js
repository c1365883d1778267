// What can be done with the images in view, or with the selected ones: marks, tags, files, and the
// command of the next run.

import { announce, button, byId, command, make, number, plural, showDialog } from "./dom.js";
import { shell } from "./where.js";

const MARKS = ["accept", "reject"];
const NO_MARK = 255;

export class Acts {
  marks = null; // what marks_part sent: codes, tags, rows, and the tags' codes

  constructor(source, page) {
    this.source = source;
    this.page = page; // chosenRows(), where(), marksChanged(marks)
    for (const mark of MARKS) byId(mark).addEventListener("click", () => this.mark(page.chosenRows(), mark));
    byId("tag").addEventListener("click", () => this.#showTags());
    byId("export").addEventListener("click", () => this.#showExports());
    byId("use").addEventListener("click", () => this.#showUse());
    byId("link").addEventListener("click", () => this.#copyLink());
  }

  markOf(row) {
    return MARKS[this.marks?.codes[row]] ?? "";
  }

  // Mark images; where all of them have this mark already, take it away.
  async mark(rows, mark) {
    if (!this.source.mark || !rows.length) return;
    const code = MARKS.indexOf(mark);
    const isOff = rows.every((row) => this.marks.codes[row] === code);
    const words = `${plural(rows.length, "image")} ${isOff ? "unmarked" : `${mark}ed`}`;
    if (rows.length > 1000 && !confirm(`${isOff ? "Unmark" : `Mark as ${mark}ed`} ${plural(rows.length, "image")}?`)) return;
    await this.#change(rows, { mark: isOff ? "none" : mark }, words);
  }

  // Accept one image, and reject the others.
  async keep(rows, kept) {
    await this.#change(rows.filter((row) => row !== kept), { mark: "reject" }, "");
    await this.#change([kept], { mark: "accept" }, "Kept one, rejected the others");
  }

  async #change(rows, changes, words) {
    try {
      this.marks = await this.source.mark(rows, changes);
      this.page.marksChanged(this.marks);
      announce(words);
    } catch (error) {
      showDialog("The marks could not be kept", make("p", {}, error.message));
    }
  }

  #showTags() {
    const rows = this.page.chosenRows();
    const input = make("input", { id: "new-tag", maxLength: 60, required: true });
    input.setAttribute("list", "known-tags");
    const known = make("datalist", { id: "known-tags" }, ...this.marks.tags.map((tag) => make("option", { value: tag })));
    const form = make("form", {}, make("label", { for: "new-tag" }, "Tag "), input, known, make("button", { type: "submit" }, "Add to them"));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await this.#change(rows, { tag: input.value }, "Tagged");
      byId("dialog").close();
    });
    const off = this.marks.tags.map((tag) =>
      button(`Take "${tag}" away`, async () => {
        await this.#change(rows, { untag: tag }, "Tag taken away");
        byId("dialog").close();
      }),
    );
    const where = make("p", { className: "muted" }, "Tags and marks are kept in ", make("code", {}, this.source.start.marksPath), ".");
    showDialog(`Tag ${plural(rows.length, "image")}`, form, make("div", { className: "row" }, ...off), where);
  }

  #showExports() {
    const rows = this.page.chosenRows();
    const forms = [["names", "Names, one a line"], ["csv", "CSV of the catalogue"], ["parquet", "Parquet of the catalogue"]];
    const buttons = forms.map(([form, words]) => button(words, () => this.#download(rows, form)));
    showDialog(`Export ${plural(rows.length, "image")}`, make("div", { className: "row" }, ...buttons));
  }

  async #download(rows, form) {
    const blob = await this.source.exported(rows, form);
    const suffix = form === "names" ? "txt" : form;
    const link = make("a", { href: URL.createObjectURL(blob), download: `selection.${suffix}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  #showUse() {
    const rows = this.page.chosenRows();
    const { source, out } = this.source.start;
    const where = this.page.where();
    const content = [];
    if (where === null) {
      content.push(make("p", {}, "Pictures that were selected one by one, or on the map, have no condition. Save their names, and run on the list:"));
      if (this.source.exported) content.push(make("div", { className: "row" }, button("Save selection.txt", () => this.#download(rows, "names"))));
      content.push(command("mrimage run selection.txt OUT2"));
    } else {
      const condition = where || "true";
      content.push(make("p", {}, "The next run on these images, from this catalogue:"));
      content.push(command(`mrimage run ${shell(source)} OUT2 --from ${shell(out)} --where ${shell(condition)}`));
      content.push(make("p", {}, "The same images as a table:"));
      content.push(command(`mrimage query ${shell(out)} ${shell(`SELECT uri FROM catalogue WHERE ${condition}`)}`));
    }
    showDialog(`${plural(rows.length, "image")} as a source`, ...content);
  }

  async #copyLink() {
    await navigator.clipboard.writeText(location.href);
    announce("The link to this view is copied");
    byId("link").textContent = "Copied";
    setTimeout(() => (byId("link").textContent = "Copy link"), 1500);
  }
}

const MARK_SQL =
  "CASE WHEN uri IN (SELECT uri FROM marks WHERE mark = 'accept') THEN 'accept' " +
  "WHEN uri IN (SELECT uri FROM marks WHERE mark = 'reject') THEN 'reject' END";

// The filters "Mark" and "Tags". SQL knows them only where it can read the user's file.
export const markFilters = (marks, isInSql) => [
  {
    name: "mark",
    title: "Mark",
    kind: "category",
    sql: isInSql ? MARK_SQL : "",
    unit: "",
    useful: marks.codes.some((code) => code !== NO_MARK),
    values: MARKS,
    edges: [],
    codes: marks.codes,
  },
  {
    name: "tags",
    title: "Tags",
    kind: "many",
    sql: isInSql ? "tags" : "",
    unit: "",
    useful: marks.rows.length > 0,
    values: marks.tags,
    edges: [],
    rows: marks.rows,
    codes: marks.tagCodes,
  },
];

export const countWords = (count, all) => (count === all ? plural(all, "image") : `${number(count)} of ${plural(all, "image")}`);

// The data of an exported page, which are all inside it. There is no server: no SQL, no pixels, no
// marks.

import { unpack } from "./source.js";

const decoded = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;

export class Exported {
  constructor(island) {
    this.island = island;
    this.start = island.start;
  }

  async part(name) {
    return unpack(decoded(this.island.parts[name]));
  }

  filter(name) {
    return this.part(`filter/${name}`);
  }

  order(name) {
    return this.part(`order/${name}`);
  }

  async rows(rows) {
    return rows.map((row) => this.island.tiles[row]);
  }

  async outputs(rows) {
    const wanted = new Set(rows);
    return this.island.outputs.filter((one) => wanted.has(one.row));
  }

  async messages(rows) {
    const wanted = new Set(rows);
    return this.island.messages.filter((one) => wanted.has(one.row));
  }

  async facts(rows) {
    const { columns, facts } = this.island;
    return rows.map((row) => {
      const only = (list) => list.filter((one) => one.row === row);
      return {
        row,
        facts: Object.fromEntries(columns.map((column, place) => [column, facts[row][place]])),
        findings: only(this.island.findings),
        quarantine: only(this.island.messages),
        outputs: only(this.island.outputs),
      };
    });
  }

  async near(row) {
    return this.island.near[row] ?? [];
  }

  async match({ words }) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const { columns, facts, searched } = this.island;
    const places = searched.map((column) => columns.indexOf(column));
    const flags = new Uint8Array(this.start.count);
    facts.forEach((row, number) => {
      const texts = places.map((place) => String(row[place] ?? "").toLowerCase());
      flags[number] = wanted.every((word) => texts.some((text) => text.includes(word))) ? 1 : 0;
    });
    return flags;
  }

  // Where the picture of a row is: a sheet, and a rectangle on it; null if there is none.
  sheetOf(row) {
    const place = this.island.places[row];
    if (!place) return null;
    const [sheet, x, y, width, height] = place;
    return { url: this.island.sheets[sheet], x, y, width, height };
  }
}

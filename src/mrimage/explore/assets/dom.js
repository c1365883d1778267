// Elements and numbers, in the same form as the report writes them.

export const byId = (id) => document.getElementById(id);

// Make an element. Properties that begin with "on" are listeners, names with a hyphen and "role"
// are attributes. Text is never read as markup.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list")
      element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const button = (text, onclick, properties = {}) =>
  make("button", { type: "button", onclick, ...properties }, text);

// Control and direction marks in names would change the page's own text, so they are made visible.
export const visible = (text) =>
  String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

export const cut = (text, length) => {
  const shown = visible(text);
  if (shown.length <= length) return shown;
  const half = Math.floor((length - 1) / 2);
  return `${shown.slice(0, half)}…${shown.slice(-half)}`;
};

export const name = (text, length = 160) =>
  make("bdi", { className: "name", title: cut(text, 400) }, cut(text, length));

const grouping = new Intl.NumberFormat("en", { useGrouping: true, maximumFractionDigits: 4 });

export const number = (value) => grouping.format(value).replaceAll(",", "\u202f");

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

export const bytes = (value) => {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let place = 0;
  let amount = value;
  while (Math.abs(amount) >= 999.5 && place < units.length - 1) {
    amount /= 1000;
    place += 1;
  }
  const digits = place === 0 || amount >= 99.95 ? amount.toFixed(0) : amount.toFixed(1);
  return `${digits.replace(/\.0$/, "")}\u00a0${units[place]}`;
};

export const date = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");

// A bin's edge in words. Times of day are left out where they are midnight.
export const edgeText = (filter, value) => {
  if (filter.kind === "date") return date(value).replace(/ 00:00:00$/, "");
  if (filter.unit === "bytes") return bytes(value);
  return number(Number(value.toPrecision(6)));
};

// A bin of dates in words: a whole year or month is called by its name.
export const dateText = (filter, bin) => {
  const [from, to] = [date(filter.edges[bin]), date(filter.edges[bin + 1])];
  if (from.slice(4) === "-01-01 00:00:00" && to.slice(4) === "-01-01 00:00:00") return from.slice(0, 4);
  if (from.slice(7) === "-01 00:00:00" && to.slice(7) === "-01 00:00:00") return from.slice(0, 7);
  return from.replace(/ 00:00:00$/, "");
};

export const announce = (text) => {
  byId("status").textContent = text;
};

// Open the dialog with a title and content.
export function showDialog(title, ...content) {
  const dialog = byId("dialog");
  byId("dialog-title").textContent = title;
  byId("dialog-content").replaceChildren(...content);
  if (!dialog.open) dialog.showModal();
}

export function command(line) {
  const code = make("code", { tabIndex: 0, dir: "ltr" }, line);
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(line);
    copy.textContent = "Copied";
  });
  return make("div", { className: "command" }, code, copy);
}

"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(`${id}-data`).textContent);
  const byId = (id) => document.getElementById(id);
  for (const element of document.querySelectorAll(".filter, .tools, .copy, #theme")) element.hidden = false;

  // Charts: those in sight first, the others when the browser has time, so that the page opens at once and prints whole.
  const charts = new Map(read("charts").map((chart) => [chart.name, chart]));
  const views = new Map();
  let group = "";
  const rowsFor = (chart) => {
    const counts = group && chart.groups[group];
    return counts ? chart.rows.map((row, place) => ({ ...row, images: counts[place], share: share(counts, place), bytes: "–" })) : chart.rows.map((row) => ({ ...row }));
  };
  const share = (counts, place) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return total ? `${((100 * counts[place]) / total).toFixed(1)}\u00a0%` : "0\u00a0%";
  };
  const grouping = new Intl.NumberFormat("en", { useGrouping: true });
  const number = (value) => grouping.format(value).replaceAll(",", "\u202f");
  const ERRORS_ONLY = 1; // vega.Error; the library warns of choices that are meant here
  const options = ({ mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, logLevel: ERRORS_ONLY, tooltip: { disableDefaultStyle: true }, formatLocale: { decimal: ".", thousands: "\u202f", grouping: [3], currency: ["", ""] } });

  async function draw(place) {
    if (place.dataset.state) return;
    place.dataset.state = "drawing";
    const chart = charts.get(place.dataset.chart);
    try {
      const { view } = await vegaEmbed(place, { ...chart.spec, datasets: { rows: rowsFor(chart) } }, options);
      views.set(chart.name, view);
      place.dataset.state = "drawn";
      narrow(chart, place);
    } catch (error) {
      place.dataset.state = "failed";
      place.textContent = "This chart could not be drawn; its table has the figures.";
      console.error(chart.name, error);
    }
  }
  const places = [...document.querySelectorAll(".plot[data-chart]")];
  const waiting = [...places];
  const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 20));
  const drawNext = async () => {
    const place = waiting.shift();
    if (!place) return document.documentElement.setAttribute("data-drawn", "all");
    await draw(place);
    later(drawNext);
  };
  const sight = new IntersectionObserver((seen) => seen.filter((one) => one.isIntersecting).forEach((one) => draw(one.target)), { rootMargin: "200px" });
  places.forEach((place) => sight.observe(place));
  later(drawNext);

  // The filter narrows every chart that was counted by group and fades the others.
  const drawnFor = new Map();
  function narrow(chart, place) {
    const counted = Object.keys(chart.groups).length > 0;
    place.classList.toggle("unfiltered", Boolean(group) && !counted && Boolean(place.closest("#data")));
    if (!counted || (drawnFor.get(chart.name) ?? "") === group) return;
    drawnFor.set(chart.name, group);
    views.get(chart.name)?.data("rows", rowsFor(chart)).runAsync();
  }

  // The table behind such a chart has a row for each of its bars: label, images, share, size.
  const whole = new Map();
  function narrowTable(table) {
    const counts = group && charts.get(table.dataset.narrows).groups[group];
    for (const [place, row] of [...table.querySelectorAll("tbody tr")].entries()) {
      const cells = [...row.cells].slice(1);
      if (!whole.has(row)) whole.set(row, cells.map((cell) => cell.textContent));
      const shown = counts ? [number(counts[place]), share(counts, place), "–"] : whole.get(row);
      cells.forEach((cell, column) => { cell.textContent = shown[column]; });
    }
  }
  const filter = byId("filter");
  filter?.addEventListener("change", () => {
    group = filter.value;
    byId("filtered").textContent = group ? "Charts and their tables show this group alone; what is faded is of all groups." : "";
    document.querySelectorAll("[data-narrows]").forEach(narrowTable);
    byId("colors")?.classList.toggle("unfiltered", Boolean(group));
    for (const place of places) if (views.has(place.dataset.chart)) narrow(charts.get(place.dataset.chart), place);
  });

  // The table of groups: found, sorted and paged here, since there may be thousands.
  const table = byId("group-table");
  if (table) {
    const every = read("groups");
    const size = 25;
    const samples = new Map([...table.querySelectorAll("img[data-sample]")].map((image) => [image.dataset.sample, image]));
    const state = { column: 1, ascending: false, first: 0, text: "" };
    const scaled = (value, units, suffix) => {
      let unit = 0;
      while (Math.abs(value) >= 999.5 && unit < units.length - 1) { value /= 1000; unit += 1; }
      return [value, units[unit] + suffix];
    };
    const bytes = (value) => {
      const [amount, unit] = scaled(value, ["", "K", "M", "G", "T", "P"], "B");
      return `${unit === "B" || Math.abs(amount) >= 99.95 ? amount.toFixed(0) : amount.toFixed(1).replace(/\.0$/, "")}\u00a0${unit}`;
    };
    const pixels = (value) => {
      const [amount, unit] = scaled(value, ["", "k", "M", "G", "T", "P"], "");
      return unit ? `${amount.toFixed(amount < 9.995 ? 2 : 1).replace(/\.?0+$/, "")}\u00a0${unit}` : String(amount);
    };
    const cell = (text, numeric) => {
      const td = document.createElement("td");
      if (numeric) td.className = "n";
      td.textContent = text;
      return td;
    };
    const row = (group) => {
      const tr = document.createElement("tr");
      const sample = document.createElement("td");
      sample.className = "sample";
      if (samples.has(group[6])) sample.append(samples.get(group[6]).cloneNode());
      const key = document.createElement("td");
      const name = document.createElement("bdi");
      name.className = "name";
      name.title = group[0];
      name.textContent = group[0] || "(empty key)";
      key.append(name);
      tr.append(sample, key, cell(number(group[1]), true), cell(bytes(group[2]), true), cell(pixels(group[3]), true), cell(number(group[4]), true), cell(bytes(group[5]), true));
      return tr;
    };
    const show = () => {
      const wanted = state.text.toLocaleLowerCase();
      const found = every.filter((group) => group[0].toLocaleLowerCase().includes(wanted));
      const order = (a, b) => (a[state.column] < b[state.column] ? -1 : a[state.column] > b[state.column] ? 1 : 0);
      found.sort((a, b) => (state.ascending ? order(a, b) : order(b, a)));
      state.first = Math.min(state.first, Math.max(0, Math.floor((found.length - 1) / size) * size));
      table.tBodies[0].replaceChildren(...found.slice(state.first, state.first + size).map(row));
      const last = Math.min(found.length, state.first + size);
      byId("range").textContent = found.length ? `${number(state.first + 1)} to ${number(last)} of ${number(found.length)}` : "none";
      const told = byId("found"); // a single group is not searched
      if (told) told.textContent = state.text ? `${number(found.length)} found` : "";
      byId("previous").disabled = state.first === 0;
      byId("next").disabled = last >= found.length;
      document.querySelector(".pager").hidden = every.length <= size;
    };
    for (const head of table.tHead.querySelectorAll("th[data-column]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const column = Number(head.dataset.column);
        state.ascending = state.column === column ? !state.ascending : column === 0;
        Object.assign(state, { column, first: 0 });
        for (const other of table.tHead.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
        show();
      });
    }
    byId("find")?.addEventListener("input", (event) => { Object.assign(state, { text: event.target.value, first: 0 }); show(); });
    byId("previous").addEventListener("click", () => { state.first -= size; show(); });
    byId("next").addEventListener("click", () => { state.first += size; show(); });
    show();
  }

  // Copy a command.
  document.addEventListener("click", async (event) => {
    if (!event.target.matches?.(".copy")) return;
    const code = event.target.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      event.target.textContent = "Copied";
      setTimeout(() => { event.target.textContent = "Copy"; }, 1500);
    } catch {
      getSelection().selectAllChildren(code);
    }
  });

  // Light or dark: the system's choice until someone asks for the other.
  const theme = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : system.matches);
  const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; label(); });
  system.addEventListener("change", label);
  label();
})();

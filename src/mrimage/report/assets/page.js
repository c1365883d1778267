"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(`${id}-data`).textContent);

  // These need scripts, so the page hides them until now.
  for (const element of document.querySelectorAll(".filter, .tools, .copy, .keys, #theme")) {
    element.hidden = false;
  }

  // Numbers, in the same form as text.py writes them.
  const grouping = new Intl.NumberFormat("en", { useGrouping: true });
  const number = (value) => grouping.format(value).replaceAll(",", "\u202f");
  const scaled = (value, units) => {
    let place = 0;
    while (Math.abs(value) >= 999.5 && place < units.length - 1) {
      value /= 1000;
      place += 1;
    }
    return [value, units[place]];
  };
  const bytes = (value) => {
    const [amount, unit] = scaled(value, ["B", "KB", "MB", "GB", "TB", "PB"]);
    const whole = unit === "B" || Math.abs(amount) >= 99.95;
    const digits = whole ? amount.toFixed(0) : amount.toFixed(1).replace(/\.0$/, "");
    return `${digits}\u00a0${unit}`;
  };
  const pixels = (value) => {
    const [amount, unit] = scaled(value, ["", "k", "M", "G", "T", "P"]);
    if (!unit) return String(amount);
    const digits = amount.toFixed(amount < 9.995 ? 2 : 1).replace(/\.?0+$/, "");
    return `${digits}\u00a0${unit}`;
  };
  const share = (counts, place) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return total ? `${((100 * counts[place]) / total).toFixed(1)}\u00a0%` : "0\u00a0%";
  };

  // Charts: those in sight are drawn first, and the rest when the browser has time. So the page
  // opens at once, and prints whole.
  const charts = new Map(read("charts").map((chart) => [chart.name, chart]));
  const views = new Map();
  let group = "";

  const colors = read("colors");

  // The embedding changes the rows that it is given, so each call returns new ones. For one group,
  // each bar has one row, in the color of the group.
  const rowsFor = (chart) => {
    const counts = group && chart.groups[group];
    if (!counts) return chart.rows.map((row) => ({ ...row }));
    const rows = new Map();
    for (const row of chart.rows) {
      if (rows.has(row.bar)) continue;
      const images = counts[row.bar];
      rows.set(row.bar, {
        ...row,
        images,
        total: images,
        group,
        color: colors[group] ?? "var(--chart)",
        share: share(counts, row.bar),
        bytes: "–",
      });
    }
    return [...rows.values()];
  };

  // The pictures behind a bar. They are of all groups, whatever the page is filtered to.
  const openBar = (chart, bar) => {
    const places = chart.examples[bar];
    if (!places?.length) return;
    const row = chart.rows.find((one) => one.bar === bar);
    const which = group ? " Of all groups." : "";
    const some = row.total > places.length ? `${places.length} of ${number(row.total)}.` : "";
    viewer.many(`${chart.title}: ${row.label}`, places, `${some}${which}`);
  };

  const ERRORS_ONLY = 1; // vega.Error: the library would also warn about choices made on purpose
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true, // without eval, which the page's content security policy forbids
    defaultStyle: false,
    logLevel: ERRORS_ONLY,
    tooltip: { disableDefaultStyle: true },
    formatLocale: { decimal: ".", thousands: "\u202f", grouping: [3], currency: ["", ""] },
  };

  async function draw(plot) {
    if (plot.dataset.state) return;
    plot.dataset.state = "drawing";
    const chart = charts.get(plot.dataset.chart);
    const spec = { ...chart.spec, datasets: { rows: rowsFor(chart) } };
    try {
      const { view } = await vegaEmbed(plot, spec, options);
      views.set(chart.name, view);
      view.addEventListener("click", (event, item) => {
        if (item?.datum?.bar !== undefined) openBar(chart, item.datum.bar);
      });
      plot.dataset.state = "drawn";
      applyFilter(chart, plot);
    } catch (error) {
      plot.dataset.state = "failed";
      plot.textContent = "This chart could not be drawn; its table has the figures.";
      console.error(chart.name, error);
    }
  }

  const plots = [...document.querySelectorAll(".plot[data-chart]")];
  // A chart in a part that is folded has no width yet; it is drawn when the part is opened.
  const isFolded = (plot) => Boolean(plot.closest("details:not([open])"));
  const waiting = plots.filter((plot) => !isFolded(plot));
  for (const fold of document.querySelectorAll("details.fold")) {
    fold.addEventListener("toggle", () => fold.querySelectorAll(".plot[data-chart]").forEach(draw));
  }
  const later = window.requestIdleCallback ?? ((work) => setTimeout(work, 20));
  const drawNext = async () => {
    const plot = waiting.shift();
    if (!plot) {
      document.documentElement.setAttribute("data-drawn", "all");
      return;
    }
    await draw(plot);
    later(drawNext);
  };
  const drawVisible = (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) draw(entry.target);
    }
  };
  const observer = new IntersectionObserver(drawVisible, { rootMargin: "200px" });
  for (const plot of plots) observer.observe(plot);
  later(drawNext);

  // On paper every card has one of two widths. The charts are drawn anew for it, so that their words
  // have the size of all others; a browser prints after the promises of this event.
  const PAPER = { narrow: 310, wide: 640 }; // pixels, inside of the cards of print.css
  addEventListener("beforeprint", () => {
    for (const [name, view] of views) {
      view.width(charts.get(name).wide ? PAPER.wide : PAPER.narrow).runAsync();
    }
  });
  addEventListener("afterprint", () => dispatchEvent(new Event("resize")));

  // The filter updates every chart that was counted by group. Whatever else is in the section is
  // marked as of all groups.
  const filteredBy = new Map();
  function applyFilter(chart, plot) {
    const counted = Object.keys(chart.groups).length > 0;
    if (!counted || (filteredBy.get(chart.name) ?? "") === group) return;
    filteredBy.set(chart.name, group);
    views.get(chart.name)?.data("rows", rowsFor(chart)).runAsync();
  }
  for (const plot of document.querySelectorAll("#data .plot[data-chart]")) {
    const chart = charts.get(plot.dataset.chart);
    if (!Object.keys(chart.groups).length) plot.closest(".card").classList.add("of-all");
    const table = plot.closest(".card").querySelector("table");
    if (!table.dataset.narrows) table.closest("details").classList.add("of-all");
  }

  // The table of such a chart has a row for each of its bars: label, images, share, size.
  const unfilteredCells = new Map();
  function filterTable(table) {
    const counts = group && charts.get(table.dataset.narrows).groups[group];
    for (const [place, row] of [...table.querySelectorAll("tbody tr")].entries()) {
      const cells = [...row.cells].slice(1);
      if (!unfilteredCells.has(row)) {
        unfilteredCells.set(row, cells.map((cell) => cell.textContent));
      }
      const shown = counts
        ? [number(counts[place]), share(counts, place), "–"]
        : unfilteredCells.get(row);
      cells.forEach((cell, column) => {
        cell.textContent = shown[column];
      });
    }
  }

  // A row of such a table opens the pictures of its bar, for those who use no mouse.
  for (const table of document.querySelectorAll("table[data-opens]")) {
    const chart = charts.get(table.dataset.opens);
    for (const [bar, row] of [...table.tBodies[0].rows].entries()) {
      if (!chart.examples[bar]?.length) continue;
      const opener = document.createElement("button");
      opener.type = "button";
      opener.className = "quiet";
      opener.append(...row.cells[0].childNodes);
      opener.addEventListener("click", () => openBar(chart, bar));
      row.cells[0].append(opener);
    }
  }

  const filter = byId("filter");
  const chips = [...document.querySelectorAll("[data-key]")];
  const applyGroup = (key) => {
    group = key;
    filter.value = key;
    byId("filtered").textContent = group ? "Figures are of this group, unless marked." : "";
    byId("data").classList.toggle("filtered", Boolean(group));
    for (const chip of chips) {
      chip.setAttribute("aria-pressed", String(chip.dataset.key === group));
    }
    document.querySelectorAll("[data-narrows]").forEach(filterTable);
    for (const plot of plots) {
      if (views.has(plot.dataset.chart)) applyFilter(charts.get(plot.dataset.chart), plot);
    }
  };
  filter?.addEventListener("change", () => applyGroup(filter.value));
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      applyGroup(group === chip.dataset.key ? "" : chip.dataset.key);
    });
  }

  // The table of groups is searched, sorted and paged here, because it may have thousands of rows.
  const table = byId("group-table");
  if (table) {
    const groups = read("groups");
    const PAGE_ROWS = 25;
    const [SAMPLE, EXAMPLES, COLOR] = [6, 7, 8]; // columns of page.py's _group_rows
    const state = { column: 1, ascending: false, first: 0, text: "" };

    const numericCell = (text) => {
      const cell = document.createElement("td");
      cell.className = "n";
      cell.textContent = text;
      return cell;
    };
    const sampleCell = (place) => {
      const cell = document.createElement("td");
      cell.className = "sample";
      if (place !== null) cell.append(viewer.picture(place));
      return cell;
    };
    const keyCell = (key, images, examples, color) => {
      const name = document.createElement("bdi");
      name.className = "name";
      name.title = key;
      name.textContent = key || "(empty key)";
      const cell = document.createElement("td");
      if (color) {
        const dot = document.createElement("i");
        dot.className = `dot ${color.replace(/^var\(--|\)$/g, "")}`;
        cell.append(dot);
      }
      if (!examples.length) {
        cell.append(name);
        return cell;
      }
      const opener = document.createElement("button");
      opener.type = "button";
      opener.className = "quiet";
      opener.append(name);
      const some = images > examples.length ? `${examples.length} of ${number(images)}.` : "";
      opener.addEventListener("click", () => viewer.many(key || "(empty key)", examples, some));
      cell.append(opener);
      return cell;
    };
    const tableRow = (values) => {
      const [key, images, size, area, outputs, outputBytes] = values;
      const row = document.createElement("tr");
      row.append(
        sampleCell(values[SAMPLE]),
        keyCell(key, images, values[EXAMPLES], values[COLOR]),
        numericCell(number(images)),
        numericCell(bytes(size)),
        numericCell(pixels(area)),
        numericCell(number(outputs)),
        numericCell(bytes(outputBytes)),
      );
      return row;
    };

    const compare = (a, b) => {
      const one = a[state.column];
      const other = b[state.column];
      if (one === other) return 0;
      return one < other ? -1 : 1;
    };
    const findGroups = () => {
      const wanted = state.text.toLocaleLowerCase();
      const found = groups.filter(([key]) => key.toLocaleLowerCase().includes(wanted));
      return found.sort((a, b) => (state.ascending ? compare(a, b) : compare(b, a)));
    };
    const show = () => {
      const found = findGroups();
      const lastPage = Math.max(0, Math.floor((found.length - 1) / PAGE_ROWS) * PAGE_ROWS);
      state.first = Math.min(state.first, lastPage);
      const last = Math.min(found.length, state.first + PAGE_ROWS);
      table.tBodies[0].replaceChildren(...found.slice(state.first, last).map(tableRow));
      const range = `${number(state.first + 1)} to ${number(last)} of ${number(found.length)}`;
      byId("range").textContent = found.length ? range : "none";
      const status = byId("found"); // missing if there is only one group
      if (status) status.textContent = state.text ? `${number(found.length)} found` : "";
      byId("previous").disabled = state.first === 0;
      byId("next").disabled = last >= found.length;
      document.querySelector(".pager").hidden = groups.length <= PAGE_ROWS;
    };

    const sortBy = (head) => {
      const column = Number(head.dataset.column);
      // A second click reverses the order. Keys begin with A, and numbers with the largest.
      state.ascending = state.column === column ? !state.ascending : column === 0;
      state.column = column;
      state.first = 0;
      for (const sorted of table.tHead.querySelectorAll("th[aria-sort]")) {
        sorted.removeAttribute("aria-sort");
      }
      head.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
      show();
    };
    for (const head of table.tHead.querySelectorAll("th[data-column]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sortBy(head));
    }
    const turn = (rows) => {
      state.first += rows;
      show();
    };
    byId("find")?.addEventListener("input", (event) => {
      state.text = event.target.value;
      state.first = 0;
      show();
    });
    byId("previous").addEventListener("click", () => turn(-PAGE_ROWS));
    byId("next").addEventListener("click", () => turn(PAGE_ROWS));
    show();
  }

  // Copy a command or a path. Without access to the clipboard, select it instead.
  document.addEventListener("click", async (event) => {
    if (!event.target.matches?.(".copy")) return;
    const code = event.target.previousElementSibling;
    try {
      await navigator.clipboard.writeText(code.textContent);
      const words = event.target.textContent;
      event.target.textContent = "Copied";
      setTimeout(() => {
        event.target.textContent = words;
      }, 1500);
    } catch {
      getSelection().selectAllChildren(code);
    }
  });

  // Light or dark: the system's choice, until the reader chooses.
  const theme = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : system.matches;
  };
  const label = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
  };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    label();
  });
  system.addEventListener("change", label);
  label();
})();

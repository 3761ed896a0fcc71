"use strict";
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const FILTERS = ["policy", "rmap", "workload"];
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Columns back into rows: a column is a list of numbers, or a list of places in its values.
  const rowsOf = (packed) => {
    const names = Object.keys(packed.columns);
    const values = names.map((name) => {
      const column = packed.columns[name];
      return Array.isArray(column) ? column : column.at.map((i) => column.values[i]);
    });
    return Array.from({ length: packed.length }, (_, i) =>
      Object.fromEntries(names.map((name, k) => [name, values[k][i]])));
  };
  const cache = {};
  const dataset = (name) => (cache[name] ??= rowsOf(DATA.datasets[name]));

  const state = { size: DATA.size, choice: {} };
  const readFilters = () => {
    for (const filter of FILTERS) {
      const boxes = $$(`input[name="${filter}"]`);
      const on = boxes.filter((box) => box.checked).map((box) => box.value);
      state[filter] = on.length === boxes.length ? null : new Set(on);
    }
    const size = $("#size");
    if (size) state.size = size.value;
  };
  const fits = (row) => FILTERS.every((filter) => {
    const value = row[filter];
    if (!state[filter] || value === undefined || value === null) return true;
    return Array.isArray(value) ? value.some((one) => state[filter].has(one)) : state[filter].has(value);
  });
  const distinct = (rows, column) => [...new Set(rows.map((row) => row[column]))];
  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);

  const commandOf = (figure) => {
    const words = [figure.command];
    for (const filter of FILTERS) {
      if (state[filter]) for (const name of state[filter]) words.push(`--${filter}`, quoted(name));
    }
    if (figure.one_size) words.push("--size", quoted(state.size));
    if (figure.choice && state.choice[figure.kind]) words.push("--choose", quoted(state.choice[figure.kind]));
    return words.join(" ");
  };

  // Charts are drawn when they come into view, and all others when there is time (they may be printed).
  const views = new Map();
  const waiting = new Set();
  const draw = async (host) => {
    const job = host.job;
    host.job = null;
    waiting.delete(host);
    if (!job || !host.isConnected) return;
    const spec = { ...job.spec, data: { name: "rows", values: job.rows }, width: "container",
      autosize: { type: "fit-x", contains: "padding" }, description: job.label };
    try {
      const made = await vegaEmbed(host, spec, {
        renderer: "svg", actions: false, logLevel: 1, config: { ...DATA.config, ...(job.legend ? { legend: { disable: true } } : {}) },
        loader: { load: () => Promise.reject(new Error("a report loads nothing")) },
        tooltip: { theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" },
      });
      views.get(host)?.finalize();
      views.set(host, made);
      host.dataset.drawn = String(job.rows.length);
      host.dataset.version = String(Number(host.dataset.version ?? 0) + 1);
    } catch (error) {
      host.textContent = `This chart could not be drawn: ${error.message}`;
      console.error(error);
    }
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      entry.target.near = entry.isIntersecting;
      if (entry.isIntersecting) draw(entry.target);
    }
  }, { rootMargin: "300px" });
  const later = window.requestIdleCallback
    ? (act) => requestIdleCallback(act, { timeout: 200 }) : (act) => setTimeout(act, 30);
  let working = false;
  const work = () => {
    const [host] = waiting;
    if (!host) { working = false; document.documentElement.dataset.ready = "yes"; return; }
    working = true;
    later(async () => { await draw(host); work(); });
  };
  const ask = (host, job) => {
    host.job = job;
    waiting.add(host);
    document.documentElement.dataset.ready = "no";
    if (host.near) draw(host);
    if (!working) work();
  };
  addEventListener("beforeprint", () => { for (const host of [...waiting]) draw(host); });

  const fillChoice = (figure, element, rows) => {
    const select = $("select", element);
    const names = distinct(rows, figure.choice);
    const before = state.choice[figure.kind];
    const now = names.includes(before) ? before : names[0];
    state.choice[figure.kind] = now;
    select.replaceChildren(...names.map((name) => new Option(name, name, false, name === now)));
    return rows.filter((row) => row[figure.choice] === now);
  };

  const showData = (element, rows) => {
    const details = $("details.data", element);
    if (!details) return;
    const fill = () => {
      if (!details.open) return;
      const heads = rows.length ? Object.keys(rows[0]).filter((name) => name !== "reproduce") : [];
      const table = document.createElement("table");
      const head = table.createTHead().insertRow();
      for (const name of heads) { const th = document.createElement("th"); th.textContent = name; th.scope = "col"; head.append(th); }
      const body = table.createTBody();
      for (const row of rows.slice(0, 200)) {
        const line = body.insertRow();
        for (const name of heads) line.insertCell().textContent = shown(row[name]);
      }
      $(".table", details).replaceChildren(table);
      $(".note", details).textContent = rows.length > 200 ? `The first 200 of ${rows.length.toLocaleString("en")} rows.` : `${rows.length} rows.`;
    };
    details.ontoggle = fill;
    fill();
  };
  const shown = (value) => {
    if (value === null || value === undefined) return "–";
    if (Array.isArray(value)) return value.join(", ");
    return typeof value === "number" ? Number(value.toPrecision(5)).toLocaleString("en", { maximumSignificantDigits: 5 }) : String(value);
  };

  const update = (figure) => {
    const element = document.getElementById(figure.id);
    let rows = dataset(figure.data).filter((row) => fits(row) && (!figure.needs || row[figure.needs] !== null));
    if (figure.one_size) rows = rows.filter((row) => row.size === state.size);
    if (figure.choice) rows = fillChoice(figure, element, rows);
    const chosen = $(".chosen", element);
    chosen.textContent = rows.length === 0 ? "The filters leave nothing to show here."
      : figure.one_size ? `Memory: ${state.size}${state.size.endsWith("%") ? " of the peak live set" : " frames"}` : "";
    chosen.hidden = !chosen.textContent;
    $(".command", element).textContent = commandOf(figure);
    for (const key of $$(".legend li[data-column]", element)) {
      const only = state[key.dataset.column];
      key.hidden = Boolean(only) && !only.has(key.dataset.name);
    }
    const panels = $(".panels", element);
    const titles = figure.facet ? distinct(rows, figure.facet) : rows.length ? [""] : [];
    const old = new Map($$(".panel", panels).map((panel) => [panel.dataset.title, panel]));
    for (const [title, panel] of old) {
      if (titles.includes(title)) continue;
      const host = $(".draw", panel);
      views.get(host)?.finalize(); views.delete(host); waiting.delete(host); seen.unobserve(host);
      panel.remove();
    }
    for (const title of titles) {
      let panel = old.get(title);
      if (!panel) {
        panel = document.createElement("div");
        panel.className = "panel";
        panel.dataset.title = title;
        if (title) { const head = document.createElement("h4"); head.textContent = title; panel.append(head); }
        const host = document.createElement("div");
        host.className = "draw";
        panel.append(host);
        seen.observe(host);
      }
      panels.append(panel);
      const own = figure.facet ? rows.filter((row) => row[figure.facet] === title) : rows;
      const host = $(".draw", panel);
      if (figure.wide) host.style.minWidth = `${150 + 74 * distinct(own, figure.wide).length}px`;
      ask(host, { spec: figure.spec, rows: own, legend: figure.legend, label: [figure.title, title].filter(Boolean).join(": ") });
    }
    showData(element, rows);
  };

  // The table of results
  const TABLE = DATA.table;
  const order = { column: 0, up: true };
  let everything = false;
  const fillTable = () => {
    const element = $("#results-table");
    const rows = dataset("cells").filter(fits);
    const { name, number } = TABLE[order.column];
    const sign = order.up ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [a[name], b[name]];
      if (x === null || y === null) return (x === null) - (y === null);
      if (name === "size") return sign * (DATA.sizes.indexOf(x) - DATA.sizes.indexOf(y));
      return sign * (number ? x - y : String(x).localeCompare(String(y)));
    });
    const most = everything ? rows.length : 100;
    const body = $("tbody", element);
    body.replaceChildren(...rows.slice(0, most).map((row) => {
      const line = document.createElement("tr");
      for (const column of TABLE) {
        const cell = line.insertCell();
        if (column.number) cell.className = "number";
        cell.textContent = tableText(row, column);
      }
      const last = line.insertCell();
      if (row.reproduce) {
        const details = document.createElement("details");
        const summary = document.createElement("summary");
        summary.textContent = "show";
        const code = document.createElement("code");
        code.className = "command";
        code.textContent = row.reproduce;
        details.append(summary, code);
        last.append(details);
      }
      return line;
    }));
    $$("th", element).slice(0, TABLE.length).forEach((head, i) => head.setAttribute("aria-sort",
      i !== order.column ? "none" : order.up ? "ascending" : "descending"));
    const button = $(".show-all");
    button.hidden = rows.length <= most;
    button.textContent = `Show all ${rows.length.toLocaleString("en")} rows`;
    element.dataset.rows = String(rows.length);
  };
  const tableText = (row, column) => {
    const value = row[column.name];
    if (value === null || value === undefined) return "–";
    if (column.percent) {
      const half = column.name === "miss_ratio" && row.low !== null ? 50 * (row.high - row.low) : 0;
      const digits = 100 * Math.abs(value) < 1 ? 3 : 2;
      return `${(100 * value).toFixed(digits)}${half > 0 ? ` ± ${half.toFixed(digits)}` : ""} %`;
    }
    return shown(value);
  };
  $$("#results-table th button").forEach((button, i) => button.addEventListener("click", () => {
    if (order.column === i) order.up = !order.up; else { order.column = i; order.up = true; }
    fillTable();
  }));
  $(".show-all")?.addEventListener("click", () => { everything = true; fillTable(); });

  const refresh = () => { readFilters(); DATA.figures.forEach(update); fillTable(); };
  $("#filters")?.addEventListener("change", refresh);
  $$(".bulk button").forEach((button) => button.addEventListener("click", () => {
    for (const box of $$(`input[name="${button.dataset.filter}"]`)) box.checked = button.dataset.set === "all";
    refresh();
  }));
  for (const figure of DATA.figures) {
    if (!figure.choice) continue;
    $("select", document.getElementById(figure.id)).addEventListener("change", (event) => {
      state.choice[figure.kind] = event.target.value;
      update(figure);
    });
  }
  if (matchMedia("(max-width: 600px)").matches) $("details.filters").open = false;
  refresh();
})();

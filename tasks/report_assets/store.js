"use strict";
/* Loads the data, which comes as scripts calling `Albumen.part(name, data)`, when it is needed. */
window.Albumen = {};

(() => {
  const KEEP = { rows: 120, details: 4, index: 6 };
  const arrived = new Map();
  const waiting = new Map();

  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy("albumen", { createScriptURL: checked })
    : { createScriptURL: checked };

  function checked(url) {
    if (!/^data\/[a-z_]+(-[a-z_]+)?-\d{3,}\.js\?[0-9a-f]+$/.test(url)) {
      throw new Error("Not a part of this report: " + url);
    }
    return url;
  }

  /** Called by every data script. */
  Albumen.part = (name, data) => {
    arrived.set(name, data);
    forget(name.split("-")[0]);
    const settle = waiting.get(name);
    if (settle) settle.resolve(data);
  };

  /** What has arrived under `name` already, or undefined. */
  Albumen.taken = (name) => arrived.get(name);

  /** The data of one part; a script is only ever asked for once at a time. */
  Albumen.load = (name) => {
    if (arrived.has(name)) {
      const data = arrived.get(name);
      arrived.delete(name); // used last, forgotten last
      arrived.set(name, data);
      return Promise.resolve(data);
    }
    if (waiting.has(name)) return waiting.get(name).promise;
    const settle = {};
    settle.promise = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
    waiting.set(name, settle);
    const element = document.createElement("script");
    const address = `data/${name}.js`;
    element.src = policy.createScriptURL(`${address}?${Albumen.summary.edition}`);
    const fail = () => settle.reject(new Error(
      `A part of this report could not be loaded: ${address}. If the report was written again `
      + "while it was open, load the page anew; if not, run `albumen report` once more."));
    element.onerror = fail;
    element.onload = () => { if (!arrived.has(name)) fail(); };
    settle.promise.catch(() => {}).finally(() => { waiting.delete(name); element.remove(); });
    document.head.append(element);
    return settle.promise;
  };

  /** Drops the parts not used for longest, so that browsing a million rows stays light. */
  function forget(kind) {
    const held = [...arrived.keys()].filter((name) => name.split("-")[0] === kind);
    for (const name of held.slice(0, Math.max(0, held.length - (KEEP[kind] || 1)))) {
      arrived.delete(name);
    }
  }

  /** One value of an encoded column: absent, constant, by index, or a plain list. */
  Albumen.value = (column, at) => {
    if (column === undefined || column === null) return null;
    if (Array.isArray(column)) return column[at];
    if ("c" in column) return column.c;
    const place = column.i[at];
    return place < 0 ? null : column.d[place];
  };

  const PREVIEWS = { before: ".before.jpg", colorized: ".colorized.jpg", restored: ".jpg" };

  /** Row number `row` as the lists show it. */
  Albumen.row = async (row) => {
    const size = Albumen.summary.part_rows;
    const part = await Albumen.load(`rows-${pad(Math.floor(row / size), 5)}`);
    const at = row % size;
    const found = { row };
    for (const name of Object.keys(part)) found[name] = Albumen.value(part[name], at);
    found.path = found.folder + found.name;
    for (const [role, ending] of Object.entries(PREVIEWS)) {
      if (found[`preview_${role}`] === 1) {
        found[`preview_${role}`] = `previews/${found.path}${ending}`;
      }
    }
    return found;
  };

  /** Everything the manifest says about row number `row`. */
  Albumen.details = async (row) => {
    const size = Albumen.summary.part_rows;
    const part = await Albumen.load(`details-${pad(Math.floor(row / size), 5)}`);
    const at = row % size;
    const found = await Albumen.row(row);
    for (const [name, column] of Object.entries(part)) {
      found[name] = column && column.n !== undefined
        ? records(column, at)
        : Albumen.value(column, at);
    }
    return found;
  };

  function records(columns, at) {
    let first = 0;
    for (let row = 0; row < at; row += 1) first += Albumen.value(columns.n, row) || 0;
    const count = Albumen.value(columns.n, at) || 0;
    const fields = Object.keys(columns).filter((name) => name !== "n");
    return Array.from({ length: count }, (_, k) => Object.fromEntries(
      fields.map((name) => [name, Albumen.value(columns[name], first + k)])));
  }

  function pad(number, digits) {
    return String(number).padStart(digits, "0");
  }
  Albumen.pad = pad;
})();

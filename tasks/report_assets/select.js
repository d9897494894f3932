"use strict";
/* Which rows a question means, and in what order: typed arrays, so that a million is quick. */
(() => {
  const columns = new Map();
  const TYPES = { status: Uint8Array, error: Uint8Array };
  let searched = { text: "", mask: null };

  const blocks = () => Math.ceil(Albumen.summary.rows / Albumen.summary.block_rows);
  const block = (kind, number) => Albumen.load(`index-${kind}-${Albumen.pad(number, 3)}`);

  /** One value per row of the collection, decoded once. */
  async function column(kind) {
    if (columns.has(kind)) return columns.get(kind);
    const Type = TYPES[kind] || Float32Array;
    const values = new Type(Albumen.summary.rows);
    for (let number = 0; number < blocks(); number += 1) {
      const bytes = Uint8Array.from(atob(await block(kind, number)), (sign) => sign.charCodeAt(0));
      values.set(new Type(bytes.buffer), number * Albumen.summary.block_rows);
    }
    columns.set(kind, values);
    return values;
  }

  /** A mask of the rows for which `test` holds of the column. */
  async function among(kind, codes) {
    const values = await column(kind);
    const wanted = new Uint8Array(256);
    for (const code of codes) wanted[code] = 1;
    return values.map((value) => wanted[value]);
  }

  async function flagged(flag) {
    const mask = new Uint8Array(Albumen.summary.rows);
    for (let number = 0; number < blocks(); number += 1) {
      const lists = new Map(await block("flags", number));
      for (const row of lists.get(flag) || []) mask[number * Albumen.summary.block_rows + row] = 1;
    }
    return mask;
  }

  const folded = (text) => text.normalize("NFC").toLowerCase();

  /** Rows whose path holds `text`, upper and lower case alike; `progress` is told the share. */
  async function matching(text, progress, wanted) {
    if (searched.text === text) return searched.mask;
    const mask = new Uint8Array(Albumen.summary.rows);
    const needle = folded(text);
    for (let number = 0; number < blocks(); number += 1) {
      if (!wanted()) return mask;
      progress(number / blocks());
      const paths = await block("paths", number);
      const first = number * Albumen.summary.block_rows;
      paths.name.forEach((name, at) => {
        if (folded(Albumen.value(paths.folder, at) + name).includes(needle)) mask[first + at] = 1;
      });
    }
    searched = { text, mask };
    return mask;
  }

  /**
   * The row numbers that answer `{statuses, error, flag, text, sort}`, in order; null stands
   * for every row in the manifest's order. `wanted()` turns false when nobody waits any more.
   */
  Albumen.select = async (query, progress = () => {}, wanted = () => true) => {
    const { statuses, errors } = Albumen.summary;
    const masks = [];
    if (query.statuses && query.statuses.length) {
      masks.push(await among("status", query.statuses.map((name) => statuses.indexOf(name) + 1)));
    }
    if (query.error) masks.push(await among("error", [errors.indexOf(query.error) + 1]));
    if (query.flag) masks.push(await flagged(query.flag));
    if (query.text) masks.push(await matching(query.text, progress, wanted));
    if (!masks.length && !query.sort) return null;

    const rows = new Uint32Array(Albumen.summary.rows);
    let found = 0;
    for (let row = 0; row < rows.length; row += 1) {
      if (masks.every((mask) => mask[row])) rows[found++] = row;
    }
    const answer = rows.slice(0, found);
    return query.sort ? ordered(answer, await column(query.sort), query.sort) : answer;
  };

  /** Sorted by a figure; rows without it come last, equal ones stay in the manifest's order. */
  function ordered(rows, figures, sort) {
    const sign = Albumen.words.sorts[sort][1];
    const known = rows.filter((row) => !Number.isNaN(figures[row]));
    const unknown = rows.filter((row) => Number.isNaN(figures[row]));
    known.sort((a, b) => {
      const [x, y] = [figures[a], figures[b]];
      return x === y ? a - b : sign * (x < y ? -1 : 1);
    });
    const answer = new Uint32Array(rows.length);
    answer.set(known);
    answer.set(unknown, known.length);
    return answer;
  }
})();

"use strict";
/* Pages of a long list: rows are loaded only for the page in view. */
(() => {
  const { h, show } = Albumen;

  /** `draw(rowNumbers)` is called for the page in view; `set(rows)` gives the list a new content. */
  Albumen.pager = (label, size, draw) => {
    let rows = null; // null: every row, in order
    let page = 0;
    const total = () => (rows ? rows.length : Albumen.summary.rows);
    const pages = () => Math.max(1, Math.ceil(total() / size));
    const button = (text, title, step) => h("button", {
      type: "button", class: "quiet", "aria-label": title, onclick: () => go(step()),
    }, text);
    const first = button("\u00ab", "First page", () => 0);
    const back = button("Previous", "Previous page", () => page - 1);
    const next = button("Next", "Next page", () => page + 1);
    const last = button("\u00bb", "Last page", () => pages() - 1);
    const field = h("input", {
      type: "number", min: "1", inputmode: "numeric", "aria-label": "Page number",
      onchange: () => go(Math.round(Number(field.value) || 1) - 1),
    });
    const of = h("span", {});
    const bar = h("nav", { class: "pager", "aria-label": label },
      first, back, h("span", { class: "where" }, "Page ", field, " of ", of), next, last);

    function go(to) {
      page = Math.min(Math.max(0, to), pages() - 1);
      const start = page * size;
      const end = Math.min(start + size, total());
      field.value = page + 1;
      field.max = pages();
      of.textContent = show("count", pages());
      first.disabled = back.disabled = page === 0;
      next.disabled = last.disabled = page === pages() - 1;
      bar.hidden = pages() === 1;
      const shown = rows
        ? Array.from(rows.subarray(start, end))
        : Array.from({ length: end - start }, (_, at) => start + at);
      return draw(shown, start);
    }

    return {
      bar,
      set: (list) => { rows = list; return go(0); },
      total,
      at: (place) => (rows ? rows[place] : place),
    };
  };
})();

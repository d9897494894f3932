"use strict";
/* The photographs: filters, search, order, and the pictures of the page in view. */
(() => {
  const { h, show, counted } = Albumen;
  const SIZE = 24;
  const NOTHING = { statuses: [], error: "", flag: "", text: "", sort: "" };
  let query = { ...NOTHING };
  let asked = 0;
  let drawn = 0;
  let controls;
  let pager;
  let grid;
  let found;

  Albumen.drawBrowse = (target) => {
    const { statuses, counts, flags, in_order: inOrder, sorts } = Albumen.summary;
    const label = (status) => (Albumen.words.statuses[status] || [status])[0];
    controls = {
      status: select("Status", "status", [["", "Any status"], ...statuses
        .filter((status, at) => counts[at])
        .map((status) => [status, `${label(status)} (${show("count", counts[statuses.indexOf(status)])})`])]),
      flag: select("Asks for a look because", "flag", [["", "Any, or nothing"],
        ...flags.map(([flag, count]) => [flag, `${Albumen.plain(flag)} (${show("count", count)})`])]),
      text: h("input", {
        type: "search", id: "by-text", autocomplete: "off", spellcheck: "false",
        placeholder: "part of a folder or file name", oninput: debounced(300),
      }),
      sort: select("Order", "sort", [["", inOrder ? "By folder and name" : "As in the manifest"],
        ...sorts.map((sort) => [sort, Albumen.words.sorts[sort][0]])]),
    };
    found = h("p", { class: "found", id: "found", role: "status" });
    grid = h("ul", { class: "grid", id: "grid" });
    pager = Albumen.pager("Pages of photographs", SIZE, draw);
    const form = h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
      field("Search", "by-text", controls.text),
      field("Status", "by-status", controls.status),
      field("Asks for a look because", "by-flag", controls.flag),
      field("Order", "by-sort", controls.sort),
      h("button", { type: "button", class: "quiet", id: "reset", onclick: () => ask({ ...NOTHING }) }, "Show all"));
    target.append(form, found, grid, pager.bar);
    return ask(query);
  };

  const field = (label, id, control) => h("div", { class: "field" }, h("label", { for: id }, label), control);

  function select(label, name, options) {
    return h("select", { id: `by-${name}`, onchange: read },
      options.map(([value, text]) => h("option", { value }, text)));
  }

  function debounced(delay) {
    let timer;
    return () => { clearTimeout(timer); timer = setTimeout(read, delay); };
  }

  function read() {
    const status = controls.status.value;
    return ask({
      ...query,
      statuses: status ? [status] : [],
      error: query.error && (status === "" || query.statuses[0] === status) ? query.error : "",
      flag: controls.flag.value,
      text: controls.text.value.trim(),
      sort: controls.sort.value,
    });
  }

  /** Shows what is asked for, from anywhere on the page, and goes there. */
  Albumen.browse = (wanted) => {
    document.getElementById("photographs").scrollIntoView();
    return ask({ ...NOTHING, ...wanted });
  };

  async function ask(wanted) {
    const turn = asked += 1;
    const current = () => turn === asked;
    query = wanted;
    controls.status.value = query.statuses.length === 1 ? query.statuses[0] : "";
    controls.flag.value = query.flag;
    controls.sort.value = query.sort;
    if (document.activeElement !== controls.text) controls.text.value = query.text;
    found.textContent = "Looking \u2026";
    try {
      const rows = await Albumen.select(query, (share) => {
        if (current()) found.textContent = `Looking through the names \u2026 ${Math.round(share * 100)} %`;
      }, current);
      if (current()) await pager.set(rows);
    } catch (error) {
      if (current()) found.textContent = "";
      Albumen.trouble(error);
    }
  }

  async function draw(rows, start) {
    const turn = drawn += 1;
    found.replaceChildren(...described(rows.length, start));
    grid.setAttribute("aria-busy", "true");
    try {
      const loaded = await Promise.all(rows.map(Albumen.row));
      if (turn !== drawn) return;
      grid.replaceChildren(...loaded.map((row, at) => card(row, start + at)));
    } catch (error) {
      Albumen.trouble(error);
    } finally {
      grid.removeAttribute("aria-busy");
    }
  }

  function described(shown, start) {
    const total = pager.total();
    const parts = [total === 0 ? "Nothing matches."
      : `${counted(total, "photograph")}${total > shown ? `, ${show("count", start + 1)} to ${show("count", start + shown)} shown` : ""}.`];
    if (query.error) {
      const [words] = Albumen.words.errors[query.error] || [query.error];
      parts.push(h("span", { class: "chip" }, `Reason: ${words}`));
    }
    return parts;
  }

  function card(row, place) {
    const open = () => Albumen.openDetails(place, pager);
    const flags = row.flags || [];
    return h("li", { class: `card ${row.status}`, "data-row": row.row },
      Albumen.compare(row),
      h("div", { class: "about" },
        h("h3", {}, Albumen.named(row.name), row.page_count > 1
          ? h("span", { class: "page" }, ` page ${row.page + 1} of ${row.page_count}`) : null),
        row.folder ? h("p", { class: "folder" }, Albumen.named(row.folder)) : null,
        h("p", { class: "marks" }, Albumen.badge(row.status),
          flags.map((flag) => h("span", { class: "chip" }, Albumen.named(flag)))),
        row.error_message ? h("p", { class: "reason" }, Albumen.named(row.error_message)) : figures(row),
        h("button", { type: "button", class: "quiet open", onclick: open,
          "aria-label": `Details of ${Albumen.plain(row.path)}` }, "Details")));
  }

  function figures(row) {
    const parts = [];
    if (row.damaged_fraction_before !== undefined && row.damaged_fraction_before !== null) {
      parts.push(["Damage found", `${show("percent", row.damaged_fraction_before)} \u2192 ${show("percent", row.damaged_fraction_after)}`]);
    }
    if (row.changed_fraction !== undefined && row.changed_fraction !== null) {
      parts.push(["Area changed", show("percent", row.changed_fraction)]);
    }
    return parts.length
      ? h("dl", { class: "figures" }, parts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))))
      : null;
  }

  Albumen.badge = (status) => h("span", { class: `badge ${status}` },
    (Albumen.words.statuses[status] || [status])[0]);
})();

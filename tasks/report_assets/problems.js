"use strict";
/* What was not restored: how often for which reason, and every single scan. */
(() => {
  const { h, show } = Albumen;
  const SIZE = 20;
  const HEADINGS = ["Scan", "Status", "Reason", "Message", "Next run"];
  const STATUSES = ["failed", "quarantined"];

  Albumen.drawProblems = async (target) => {
    const { statuses, counts, errors, error_counts: amounts } = Albumen.summary;
    const present = STATUSES.filter((status) => counts[statuses.indexOf(status)]);
    if (!present.length) {
      target.append(h("p", { class: "muted" }, "Every scan could be processed."));
      return;
    }
    const order = errors.map((name, at) => [name, amounts[at]]).sort((a, b) => b[1] - a[1]);
    target.append(
      h("ul", { class: "reasons" }, order.map(([name, count]) => reason(name, count))),
      h("h3", {}, "Each of them"));
    const body = h("tbody");
    const pager = Albumen.pager("Pages of scans not restored", SIZE, async (rows, start) => {
      try {
        const loaded = await Promise.all(rows.map(Albumen.row));
        body.replaceChildren(...loaded.map((row, at) => line(row, start + at, pager)));
      } catch (error) {
        Albumen.trouble(error);
      }
    });
    target.append(Albumen.table("Scans not restored", HEADINGS, body, "problem-table"), pager.bar);
    await pager.set(await Albumen.select({ statuses: present }));
  };

  function reason(name, count) {
    const [words, advice] = Albumen.words.errors[name] || [name, ""];
    return h("li", {},
      h("button", { type: "button", class: "linklike", "data-error": name,
        onclick: () => Albumen.browse({ error: name }) },
      h("span", { class: "number" }, show("count", count)), " ", words),
      h("p", { class: "muted" }, advice));
  }

  function line(row, place, pager) {
    const [words] = Albumen.words.errors[row.error_class] || [row.error_class || "\u2013"];
    return Albumen.line(HEADINGS, [
      ["wide", h("button", { type: "button", class: "linklike",
        onclick: () => Albumen.openDetails(place, pager) }, Albumen.named(row.path)),
      row.page_count > 1 ? h("span", { class: "page" }, ` page ${row.page + 1}`) : null],
      Albumen.badge(row.status),
      [null, words, h("br"), h("code", {}, row.error_class || "")],
      ["wide", Albumen.named(row.error_message || "\u2013")],
      row.transient ? "tried again" : "left out unless it changes",
    ]);
  }
})();

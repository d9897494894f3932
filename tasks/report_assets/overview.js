"use strict";
/* Totals, what asks for a look, what was not an image, and the runs. */
(() => {
  const { h, show, counted } = Albumen;

  Albumen.drawOverview = (totals, asides) => {
    const { statuses, counts, rows } = Albumen.summary;
    totals.append(
      h("div", { class: "proportions", "aria-hidden": "true" },
        statuses.map((status, at) => counts[at] ? share(status, counts[at] / rows) : null)),
      h("ul", { class: "tiles" }, statuses.map((status, at) => tile(status, counts[at]))));
    asides.append(flags(), ignored(), facts());
  };

  function share(status, part) {
    const bar = h("span", { class: `share ${status}` });
    bar.style.flexGrow = part;
    return bar;
  }

  function tile(status, count) {
    const [label, meaning] = Albumen.words.statuses[status] || [status, ""];
    return h("li", { class: `tile ${status}` },
      h("button", {
        type: "button", disabled: count === 0, "data-status": status,
        onclick: () => Albumen.browse({ statuses: [status] }),
      }, h("span", { class: "number" }, show("count", count)), h("span", { class: "label" }, label)),
      h("p", { class: "muted" }, meaning));
  }

  function flags() {
    const list = Albumen.summary.flags;
    return h("section", { class: "aside" },
      h("h3", {}, "Asks for a look ", Albumen.hint(
        "Reasons noted by the program for a person to check a picture. One picture can have several.",
        "Asks for a look")),
      list.length
        ? h("ul", { class: "plainlist" }, list.map(([flag, count]) => h("li", {},
          h("button", {
            type: "button", class: "linklike", "data-flag": flag,
            onclick: () => Albumen.browse({ flag }),
          }, Albumen.named(flag)), h("span", { class: "amount" }, show("count", count)))))
        : h("p", { class: "muted" }, "Nothing was flagged."));
  }

  function ignored() {
    const list = Albumen.summary.ignored;
    const all = list.reduce((sum, [, count]) => sum + count, 0);
    return h("section", { class: "aside", id: "ignored" },
      h("h3", {}, "Not images"),
      list.length
        ? [h("p", { class: "muted" }, `${counted(all, "other file")} in the source, left where they are:`),
          h("ul", { class: "plainlist" }, list.map(([extension, count]) => h("li", {},
            extension ? Albumen.named(extension) : h("span", {}, "no extension"),
            h("span", { class: "amount" }, show("count", count)))))]
        : h("p", { class: "muted" }, "Every file in the source has the name of an image."));
  }

  function facts() {
    const { files, rows, source_bytes: bytes, seconds, faces, colorized } = Albumen.summary;
    const lines = [
      ["Files", show("count", files)],
      ["Photographs", show("count", rows), "A file with several pages counts once for each page."],
      ["Size of the originals", show("bytes", bytes)],
      ["Colorized copies", show("count", colorized), "Colours in them are plausible, not known."],
      ["Faces found", show("count", faces), "Counted by a program; no one is identified."],
      ["Working time", show("seconds", seconds), "All steps of all photographs together. Several are worked on at once."],
    ];
    return h("section", { class: "aside" }, h("h3", {}, "In numbers"),
      h("ul", { class: "plainlist" }, lines.map(([label, value, meaning]) => h("li", {},
        h("span", {}, label, " ", Albumen.hint(meaning, label)), h("span", { class: "amount" }, value)))));
  }

  const NAMED = ["run_sequence", "run_id", "started", "finished", "seconds", "outcome", "counts",
    "software", "requested"];
  const HEADINGS = ["Run", "Started", "Took", "Outcome", "Results", "Still current", "Software"];
  const FIRST = 12;

  /** The runs, newest first; the older ones behind a button. */
  Albumen.drawRuns = (target) => {
    const runs = [...Albumen.summary.runs].reverse();
    if (!runs.length) {
      target.append(h("p", { class: "muted" }, "No run has been recorded."));
      return;
    }
    const body = h("tbody", {}, runs.slice(0, FIRST).map(line));
    target.append(Albumen.table("Runs", HEADINGS, body));
    if (runs.length > FIRST) {
      const more = h("button", { type: "button", class: "quiet", onclick: () => {
        body.append(...runs.slice(FIRST).map(line));
        more.remove();
      } }, `Show ${counted(runs.length - FIRST, "earlier run")}`);
      target.append(more);
    }
  };

  function line(run) {
    const extra = Object.entries(run).filter(([key, value]) =>
      (!NAMED.includes(key) || key === "requested" || key === "run_id") && value !== null);
    const counts = Object.entries(run.counts || {}).filter(([, count]) => count);
    const words = Albumen.words.statuses;
    const current = Albumen.summary.current_by_run[run.run_sequence];
    return Albumen.line(HEADINGS, [
      run.run_sequence === undefined ? "\u2013" : String(run.run_sequence),
      ["nowrap", run.started ? moment(run.started) : "\u2013"],
      ["nowrap", show("seconds", run.seconds)],
      [null, Albumen.named(run.outcome || "\u2013"), extra.length
        ? h("details", {}, h("summary", {}, "More"), h("dl", { class: "small" }, extra.map(([key, value]) =>
          [h("dt", {}, key.replaceAll("_", " ")), h("dd", {}, Albumen.named(
            typeof value === "object" ? JSON.stringify(value) : String(value)))])))
        : null],
      [null, ...(counts.length
        ? counts.map(([status, count]) => h("div", {}, `${show("count", count)} ${(words[status] || [status])[0].toLowerCase()}`))
        : ["\u2013"])],
      show("count", current === undefined ? 0 : current),
      Albumen.named(run.software || "\u2013"),
    ]);
  }

  const moment = (text) => Albumen.named(text.replace("T", " ").replace(/(:\d\d):\d\d(\.\d+)?(\+00:00|Z)?$/, "$1 UTC"));
})();

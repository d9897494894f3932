"use strict";
/* Puts the page together once its summary is there. */
(() => {
  const { counted } = Albumen;
  const at = (id) => document.getElementById(id);

  /** Something the reader must know; nothing is dropped in silence. */
  Albumen.trouble = (error) => {
    at("trouble").textContent = error.message || String(error);
    at("trouble").hidden = false;
  };

  function standfirst() {
    const { rows, files, runs } = Albumen.summary;
    const finished = runs.map((run) => run.finished || run.started).filter(Boolean).at(-1);
    const pages = rows === files ? "" : ` in ${counted(files, "file")}`;
    const when = finished ? `, as of ${finished.slice(0, 10)}` : "";
    return `${counted(rows, "photograph")}${pages}${when}.`;
  }

  async function start() {
    Albumen.summary = Albumen.taken("summary");
    if (!Albumen.summary) {
      throw new Error("The report's data is not beside the page: report/data/summary.js is missing. "
        + "Copy the whole report folder, or run `albumen report` again.");
    }
    at("standfirst").textContent = standfirst();
    Albumen.drawOverview(at("totals"), at("asides"));
    Albumen.drawRuns(at("run-list"));
    Albumen.drawCharts(at("charts"));
    await Promise.all([
      Albumen.drawBrowse(at("browse")),
      Albumen.drawProblems(at("problem-list")),
    ]);
    document.documentElement.dataset.ready = "yes";
    if (location.hash) at(location.hash.slice(1))?.scrollIntoView();
  }

  start().catch(Albumen.trouble);
})();

"use strict";
/* Histograms as horizontal bars in inline SVG; every bar also says its number. */
(() => {
  const { h } = Albumen;
  const WIDTH = 340;
  const LEFT = 84;
  const RIGHT = 72;

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  /** The label of the bin in which half of the values are reached. */
  function middle(labels, counts) {
    const half = counts.reduce((sum, count) => sum + count, 0) / 2;
    let reached = 0;
    return labels[counts.findIndex((count) => (reached += count) >= half)];
  }

  const many = (series) => series.counts.reduce((sum, count) => sum + count, 0);

  function summed(chart) {
    const named = chart.series.length > 1;
    return "Middle value (median): " + chart.series
      .map((series) => middle(chart.labels, series.counts) + (named ? ` ${series.label}` : ""))
      .join(", ") + `. ${Albumen.counted(Math.max(...chart.series.map(many)), "photograph")} measured.`;
  }

  /** One chart: horizontal bars, a row per bin, a bar per series. */
  function bars(labels, series, caption, text = Albumen.show.bind(null, "count")) {
    const thick = series.length > 1 ? 10 : 14;
    const step = thick * series.length + 7;
    const height = labels.length * step + 4;
    const most = Math.max(1, ...series.flatMap((one) => one.counts));
    const room = WIDTH - LEFT - RIGHT;
    const picture = svg("svg", {
      viewBox: `0 0 ${WIDTH} ${height}`, class: "bars", role: "img", "aria-label": caption,
    });
    labels.forEach((label, bin) => {
      const top = bin * step + 2;
      const centre = top + (thick * series.length) / 2;
      picture.append(svg("text", {
        x: LEFT - 8, y: centre, class: "bin", "text-anchor": "end", "dominant-baseline": "central",
      }, label));
      series.forEach((one, at) => {
        const count = one.counts[bin];
        const long = count ? Math.max(1.5, (count / most) * room) : 0;
        const y = top + at * thick;
        picture.append(
          svg("rect", { x: LEFT, y, width: long, height: thick - 1, rx: 1.5, class: `bar ${one.label}` },
            svg("title", {}, `${label}, ${one.label}: ${text(count)}`)),
          svg("text", {
            x: LEFT + long + 5, y: y + thick / 2, class: count ? "count" : "count none",
            "dominant-baseline": "central",
          }, count || series.length === 1 ? text(count) : ""));
      });
    });
    picture.append(svg("line", { x1: LEFT, x2: LEFT, y1: 0, y2: height, class: "axis" }));
    return picture;
  }

  /** Labels and series without the empty bins at both ends. */
  function filled({ labels, series }) {
    const used = labels.map((_, bin) => series.some((one) => one.counts[bin]));
    const [first, last] = [used.indexOf(true), used.lastIndexOf(true) + 1];
    return [labels.slice(first, last),
      series.map((one) => ({ ...one, counts: one.counts.slice(first, last) }))];
  }

  function card(chart) {
    const [title, meaning] = Albumen.words.charts[chart.key] || [chart.key, ""];
    const caption = summed(chart);
    return h("figure", { class: "chart", "data-chart": chart.key },
      h("figcaption", {}, h("h3", {}, title, " ", Albumen.hint(meaning, title)),
        h("p", { class: "muted" }, caption)),
      chart.series.length > 1
        ? h("p", { class: "legend" }, chart.series.map((one) =>
          h("span", { class: `key ${one.label}` }, one.label)))
        : null,
      bars(...filled(chart), `${title}. ${caption}`));
  }

  /** Where the hours went: the sum of each step, and what that is for one photograph. */
  function times(charts) {
    const labels = charts.map((chart) => chart.key.replace("seconds_", ""));
    const names = labels.map((label) => (label === "color" ? "colour" : label));
    const sums = charts.map((chart) => chart.series[0].sum);
    const each = charts.map((chart, at) => `${names[at]} ${Albumen.show("seconds",
      chart.series[0].finite ? sums[at] / chart.series[0].finite : 0)}`);
    const caption = `For one photograph, on average: ${each.join(", ")}.`;
    return h("figure", { class: "chart", "data-chart": "seconds" },
      h("figcaption", {}, h("h3", {}, "Where the time went ", Albumen.hint(
        "Working time of each step over all photographs. Several are worked on at once, so a run takes less by the clock.",
        "Where the time went")),
      h("p", { class: "muted" }, caption)),
      bars(names, [{ label: "all", counts: sums }], caption, Albumen.show.bind(null, "seconds")));
  }

  Albumen.drawCharts = (target) => {
    const charts = Albumen.summary.histograms;
    const timed = charts.filter((chart) => chart.key.startsWith("seconds_"));
    target.append(...charts.filter((chart) => !timed.includes(chart)).map(card));
    if (timed.length) target.append(times(timed));
    if (timed.length) {
      target.after(h("details", { class: "more" }, h("summary", {}, "Time of each step in detail"),
        h("div", { class: "charts" }, timed.map(card))));
    }
    if (!charts.length) target.replaceWith(h("p", { class: "muted" }, "Nothing has been measured yet."));
  };
})();

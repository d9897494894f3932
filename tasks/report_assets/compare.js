"use strict";
/* Two pictures under one divider; the divider is a native range input: keys, touch, pointer. */
(() => {
  const { h } = Albumen;
  const NAMES = { before: "Before", restored: "Restored", colorized: "Colorized" };
  let groups = 0;

  /** The pairs a row's previews allow, the most telling first. */
  function pairs(row, all) {
    const has = (role) => Boolean(row[`preview_${role}`]);
    return [["before", "restored"], ["before", "colorized"], ["restored", "colorized"]]
      .filter(([left, right], at) => has(left) && has(right) && (all || at < 2 || !has("before")));
  }

  /** The pictures of a row: a pair to compare, a single one, or a note that there is none. */
  Albumen.compare = (row, { large = false } = {}) => {
    const name = Albumen.plain(row.path);
    const figure = h("div", { class: large ? "compare large" : "compare" });
    const choices = pairs(row, large);
    if (!choices.length) {
      const role = ["restored", "colorized", "before"].find((one) => row[`preview_${one}`]);
      figure.append(role ? single(row, role, name) : h("div", { class: "frame empty" },
        h("span", {}, "No preview")));
      return figure;
    }
    const frame = h("div", { class: "frame" });
    figure.append(frame);
    if (choices.length > 1) figure.append(switcher(choices, (pair) => fill(frame, row, pair, name)));
    fill(frame, row, choices[0], name);
    return figure;
  };

  function single(row, role, name) {
    const frame = h("div", { class: "frame" });
    const label = row.status === "unchanged" ? "Unchanged" : NAMES[role];
    frame.append(picture(row, role, `${label}: ${name}`, frame), h("span", { class: "tag right" }, label));
    return frame;
  }

  function fill(frame, row, [left, right], name) {
    const under = picture(row, left, `${NAMES[left]}: ${name}`, frame);
    const over = picture(row, right, `${NAMES[right]}: ${name}`, frame);
    over.classList.add("over");
    const divider = h("input", {
      type: "range", min: "0", max: "100", step: "1", value: "50", class: "divider",
      "aria-label": `${NAMES[left]} and ${NAMES[right].toLowerCase()}, ${name}: move to compare`,
    });
    const place = () => {
      frame.style.setProperty("--at", divider.value / 100);
      divider.setAttribute("aria-valuetext",
        `${divider.value} % ${NAMES[left].toLowerCase()}, ${100 - divider.value} % ${NAMES[right].toLowerCase()}`);
    };
    divider.addEventListener("input", place);
    frame.replaceChildren(under, over,
      h("span", { class: "tag left", "aria-hidden": "true" }, NAMES[left]),
      h("span", { class: "tag right", "aria-hidden": "true" }, NAMES[right]),
      h("span", { class: "line", "aria-hidden": "true" }), divider);
    place();
  }

  function picture(row, role, text, frame) {
    const path = row[`preview_${role}`];
    return h("img", {
      src: Albumen.address(path), alt: text, loading: "lazy", decoding: "async", draggable: "false",
      onerror: () => {
        frame.classList.add("empty");
        frame.replaceChildren(h("span", {}, "This preview is missing: ", Albumen.named(path)));
      },
    });
  }

  function switcher(choices, choose) {
    const group = `view-${groups += 1}`;
    const compact = choices.every(([left]) => left === choices[0][0]);
    return h("div", { class: "switcher", role: "radiogroup", "aria-label": "What to compare" },
      choices.map(([left, right], at) => h("label", {},
        h("input", { type: "radio", name: group, checked: at === 0, onchange: () => choose([left, right]) }),
        h("span", {}, compact ? NAMES[right] : `${NAMES[left]} \u2013 ${NAMES[right].toLowerCase()}`))));
  }
})();

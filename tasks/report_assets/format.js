"use strict";
/* Elements and texts. Strings only ever become text nodes: there is no markup from data. */
(() => {
  const count = new Intl.NumberFormat("en");

  /** An element: properties, `data-`/`aria-` attributes, children (strings become text). */
  Albumen.h = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "class") element.className = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  };

  // Control and direction characters would let a name pretend to be another one.
  const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
  const code = (sign) => "U+" + sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

  /** A file name or message as elements, unseen characters shown by their number. */
  Albumen.named = (text, className = "") => {
    const whole = Albumen.h("bdi", { class: className });
    let end = 0;
    for (const match of text.matchAll(UNSEEN)) {
      whole.append(text.slice(end, match.index));
      whole.append(Albumen.h("span", { class: "unseen" }, code(match[0])));
      end = match.index + match[0].length;
    }
    whole.append(text.slice(end));
    return whole;
  };

  /** The same for attributes such as an image's alternative text. */
  Albumen.plain = (text) => text.replace(UNSEEN, (sign) => `[${code(sign)}]`);

  /** The address, from this page, of a file named relative to the destination. */
  Albumen.address = (path) => "../" + path.split("/").map(encodeURIComponent).join("/");

  const digits = (value, most) =>
    new Intl.NumberFormat("en", { maximumSignificantDigits: most }).format(value);

  const format = {
    count: (value) => count.format(value),
    text: (value) => String(value),
    yesno: (value) => (value ? "yes" : "no"),
    percent: (value) => {
      if (value === 0) return "0 %";
      if (value < 0.0001) return "< 0.01 %";
      return `${digits(value * 100, value > 0.9 ? 4 : 2)} %`;
    },
    decibel: (value) => (value === "inf" ? "identical" : `${digits(value, 3)} dB`),
    similarity: (value) => (value === 1 ? "1 (equal)" : value.toFixed(4)),
    number: (value) => (value === "inf" ? "infinite" : digits(value, 3)),
    seconds: (value) => {
      if (value < 60) return `${digits(value, 2)} s`;
      if (value < 3600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
      return `${count.format(Math.round(value / 360) / 10)} h`;
    },
    bytes: (value) => {
      const units = ["bytes", "KB", "MB", "GB", "TB", "PB"];
      const step = value < 1000 ? 0 : Math.min(5, Math.floor(Math.log10(value) / 3));
      return `${digits(value / 1000 ** step, 3)} ${units[step]}`;
    },
    time: (value) => new Date(value * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC",
    pair: (value) => `a* ${value[0]}, b* ${value[1]}`,
  };

  /** `value` in words for its kind, or a dash where there is none. */
  Albumen.show = (kind, value) =>
    value === null || value === undefined ? "\u2013" : format[kind](value);

  /** A table that scrolls by itself, and on a phone becomes a list; `body` takes its lines. */
  Albumen.table = (label, headings, body, id = null) => Albumen.h("div",
    { class: "scroller", tabindex: "0", role: "region", "aria-label": label },
    Albumen.h("table", { id }, Albumen.h("thead", {}, Albumen.h("tr", {},
      headings.map((title) => Albumen.h("th", { scope: "col" }, title)))), body));

  /** A line of it: cells are contents, or `[class, contents...]`; the first names the line. */
  Albumen.line = (headings, cells) => Albumen.h("tr", {}, cells.map((cell, at) => {
    const [style, ...contents] = Array.isArray(cell) ? cell : [null, cell];
    return Albumen.h(at ? "td" : "th",
      { scope: at ? null : "row", class: style, "data-label": headings[at] },
      Albumen.h("div", {}, contents));
  }));

  /** "1 photograph", "2 photographs". */
  Albumen.counted = (number, one, many = one + "s") =>
    `${count.format(number)} ${number === 1 ? one : many}`;
})();

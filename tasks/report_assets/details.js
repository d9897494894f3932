"use strict";
/* All that is known of one photograph, in a dialog over the page. */
(() => {
  const { h, show } = Albumen;
  const dialog = h("dialog", { id: "details", "aria-labelledby": "details-title" });
  let place = 0;
  let list = null;

  /** Opens the photograph at `at` of a pager's list; the arrows lead through the same list. */
  Albumen.openDetails = async (at, pager, pressed = "") => {
    [place, list] = [at, pager];
    try {
      const row = await Albumen.details(pager.at(at));
      if (!dialog.isConnected) document.body.append(dialog);
      dialog.replaceChildren(...content(row));
      if (!dialog.open) dialog.showModal();
      const again = [...dialog.querySelectorAll(".steps button")].find((one) => one.textContent === pressed);
      (again && !again.disabled ? again : dialog.querySelector(".close")).focus();
      dialog.scrollTop = 0;
    } catch (error) {
      if (dialog.open) dialog.close();
      Albumen.trouble(error);
    }
  };


  function content(row) {
    const button = (text, by, off) => h("button", {
      type: "button", class: "quiet", disabled: off, onclick: () => Albumen.openDetails(place + by, list, text),
    }, text);
    return [
      h("div", { class: "steps" },
        button("Previous", -1, place === 0),
        button("Next", 1, place >= list.total() - 1),
        h("button", { type: "button", class: "quiet close", onclick: () => dialog.close() }, "Close")),
      h("header", {},
        h("h2", { id: "details-title" }, Albumen.named(row.name)),
        row.folder ? h("p", { class: "folder" }, Albumen.named(row.folder)) : null,
        h("p", { class: "marks" }, Albumen.badge(row.status),
          (row.flags || []).map((flag) => h("span", { class: "chip" }, Albumen.named(flag))))),
      row.error_class ? problem(row) : null,
      framed(row),
      derivatives(row.outputs || []),
      h("div", { class: "groups" }, Albumen.words.groups.map(([title, columns]) => group(title, columns, row)),
        faces(row.faces || [])),
    ].filter(Boolean);
  }

  function problem(row) {
    const [words, advice] = Albumen.words.errors[row.error_class] || [row.error_class, ""];
    return h("section", { class: "problem" },
      h("h3", {}, words, " ", h("code", {}, row.error_class)),
      h("p", {}, Albumen.named(row.error_message || "")),
      h("p", { class: "muted" }, advice, row.transient === false
        ? " The next run leaves it out unless the file changes or --retry-failed is given." : ""));
  }

  function framed(row) {
    const figure = Albumen.compare(row, { large: true });
    const frame = figure.querySelector(".frame");
    if (row.width && row.height) {
      frame.style.aspectRatio = `${row.width} / ${row.height}`;
      frame.style.setProperty("--shape", row.width / row.height);
    }
    return figure;
  }

  function derivatives(outputs) {
    if (!outputs.length) return null;
    const headings = ["What", "File", "Size", "SHA-256"];
    return h("section", {}, h("h3", {}, "Files"),
      Albumen.table("Files", headings, h("tbody", {}, outputs.map((one) => Albumen.line(headings, [
        Albumen.words.kinds[one.kind] || one.kind,
        ["wide", h("a", { href: Albumen.address(one.path), target: "_blank", rel: "noopener noreferrer" },
          Albumen.named(one.path))],
        ["nowrap", show("bytes", one.bytes)],
        ["wide", h("code", { class: "digest" }, one.sha256 || "\u2013")],
      ])))));
  }

  function group(title, columns, row) {
    const values = { ...row, relative_path: row.path };
    const lines = columns.filter(([name]) => values[name] !== null && values[name] !== undefined);
    if (!lines.length) return null;
    return h("section", { class: "group" }, h("h3", {}, title),
      h("dl", {}, lines.map(([name, label, kind, meaning]) => h("div", { "data-column": name },
        h("dt", {}, label, " ", Albumen.hint(meaning, label)),
        h("dd", {}, value(kind, values[name], row))))));
  }

  function value(kind, content, row) {
    if (kind === "path") return Albumen.named(content);
    if (kind === "texts") return Albumen.named(content.join("; "));
    if (kind === "text") return Albumen.named(content);
    if (kind === "digest") return h("code", { class: "digest" }, Albumen.named(content));
    if (kind === "json") return json(content);
    if (kind === "pixels") return `${show("count", content)} pixels`;
    if (kind === "page") return row.page_count ? `${content + 1} of ${row.page_count}` : String(content + 1);
    return show(kind, content);
  }

  function json(text) {
    let pretty = text;
    try {
      pretty = JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      // not JSON, or shortened: shown as it stands
    }
    return h("details", {}, h("summary", {}, "Show"), h("pre", {}, Albumen.plain(pretty).replaceAll("[U+000A]", "\n")));
  }

  function faces(list) {
    if (!list.length) return null;
    const headings = ["Face", "Box in pixels", "Certainty", "Enhanced", "Why, or why not",
      "Likeness of eyes and mouth"];
    const cells = (face, at) => [
      String(at + 1),
      `${face.width} \u00d7 ${face.height} at ${face.left}, ${face.top}`,
      show("number", face.score),
      face.applied ? (face.strength === null || face.strength === undefined
        ? "yes" : `yes, at strength ${show("number", face.strength)}`) : "no",
      Albumen.named(face.reason || "\u2013"),
      (face.correlations || []).map((one) => show("number", one)).join(", ") || "\u2013",
    ];
    return h("section", { class: "group wide" }, h("h3", {}, "Each face"),
      Albumen.table("Each face", headings, h("tbody", {}, list.map((face, at) =>
        Albumen.line(headings, cells(face, at))))));
  }

  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();

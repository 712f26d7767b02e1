// All together: tables first, then the library and the charts.

async function loaded() {
  // The library stands in the page compressed; the policy of the page lets it run by its digest alone.
  const packed = document.getElementById("library");
  if (packed === null) return;
  const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  document.head.append(make("script", { textContent: await new Response(stream).text() }));
}

(async () => {
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("pre[data-name]").forEach((text) => {
    const copy = make("button", { type: "button", className: "copy-text", textContent: `Copy ${text.dataset.name}` });
    copy.addEventListener("click", () => copied(text.textContent, copy));
    text.before(make("div", { className: "tools" }, copy));
  });
  const kinds = { scaling, account, timeline, stacks, bars, scatter, measured };
  try {
    await loaded();
    for (const place of document.querySelectorAll(".chart")) {
      const { chart, kind, about } = place.dataset, controls = make("div", { className: "controls" });
      place.append(controls);
      kinds[kind](chart, page.charts[chart], about, controls, place);
    }
  } catch (problem) {
    // Tables stand without the library, too; what went wrong is for the console.
    for (const place of document.querySelectorAll(".chart:empty")) {
      place.append(make("p", { className: "note", textContent: "This browser cannot draw the chart; the table has its numbers." }));
    }
    console.error(problem);
  }
  const again = () => charts.forEach((one) => one.draw());
  dark.addEventListener("change", again);
  window.addEventListener("resize", () => charts.forEach((one) => one.chart.resize()));
  // On paper tables stand open, and charts have the colours of paper.
  const folded = document.getElementsByTagName("details");
  const closed = [];
  printing.addEventListener("change", () => { charts.forEach((one) => one.chart.resize()); again(); });
  window.addEventListener("beforeprint", () => { for (const one of folded) if (!one.open) { closed.push(one); one.open = true; } });
  window.addEventListener("afterprint", () => closed.splice(0).forEach((one) => { one.open = false; }));
  document.documentElement.dataset.ready = "true";
})();

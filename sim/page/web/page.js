"use strict";
// Draws the charts of a page from its data, sorts and copies its tables, and holds a measured step against a band.
// Text of the data goes into the page as text, never as markup.
(async () => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const charts = [];
  const printing = window.matchMedia("print"), dark = window.matchMedia("(prefers-color-scheme: dark)");

  async function loaded() {
    // The library stands in the page compressed; the policy of the page lets it run by its digest alone.
    const packed = document.getElementById("library");
    if (packed === null) return;
    const bytes = Uint8Array.from(atob(packed.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    document.head.append(make("script", { textContent: await new Response(stream).text() }));
  }

  // --- small things -------------------------------------------------------------------------------------------------
  function make(tag, fields = {}, ...children) {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(fields)) {
      if (name in one && name !== "role") one[name] = value; else one.setAttribute(name, value);
    }
    one.append(...children);
    return one;
  }
  function choice(id, label, options, chosen, changed) {
    // options: [value, text, group]; those of one group stand together under its name.
    const select = make("select", { id });
    const groups = new Map();
    for (const [value, text, group] of options) {
      let parent = select;
      if (group) {
        if (!groups.has(group)) { groups.set(group, make("optgroup", { label: group })); select.append(groups.get(group)); }
        parent = groups.get(group);
      }
      parent.append(make("option", { value: String(value), textContent: text }));
    }
    select.value = String(chosen);
    select.addEventListener("change", () => changed(select.value));
    return make("label", {}, make("span", { textContent: label }), select);
  }
  const escaped = (text) => echarts.format.encodeHTML(String(text));
  function tip(title, rows) {
    const lines = rows.map(([name, value]) => `<span>${escaped(name)}:</span> ${escaped(value)}`);
    return `<div class="tip"><b>${escaped(title)}</b>${lines.join("<br>")}</div>`;
  }
  function seconds(time) {
    const [unit, size] = time >= 1 ? ["s", 1] : time >= 1e-3 ? ["ms", 1e-3] : ["us", 1e-6];
    return `${Number((time / size).toPrecision(4))} ${unit}`;
  }
  const signed = (share) => `${share < 0 ? "-" : "+"}${Math.abs(100 * share).toFixed(1)} %`;
  function plain(tick) {
    const [size, letter] = [[1e12, " T"], [1e9, " B"], [1e6, " M"]].find(([one]) => Math.abs(tick) >= one) || [1, ""];
    const digits = letter ? 4 : 6;
    return (tick / size).toLocaleString("en-US", { maximumSignificantDigits: digits }) + letter;
  }
  function logarithmicAxis(numbers) {
    // Ends close to the data; ticks at 1, 2 and 5, or at powers of ten where those are too many.
    const [low, high] = [Math.min(...numbers) / 1.25, Math.max(...numbers) * 1.25], ticks = [[], []];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
      for (const digit of [1, 2, 5]) {
        const tick = Number((digit * 10 ** power).toPrecision(1));
        if (tick >= low && tick <= high) { ticks[0].push(tick); if (digit === 1) ticks[1].push(tick); }
      }
    }
    const chosen = ticks[0].length > 9 ? ticks[1] : ticks[0];
    return { type: "log", min: low, max: high, axisTick: { customValues: chosen }, axisLabel: { customValues: chosen, formatter: plain }, splitLine: { show: false } };
  }
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const asLabel = (index) => page.points[index].label;

  function canvas(key, about, height) {
    const one = make("div", { id: `${key}-chart`, className: "canvas", role: "img", "aria-label": about });
    one.style.height = `${height}px`;
    return one;
  }
  function drawn(element, option) {
    // option: a function, so that colours are read anew when dark and light change.
    const chart = echarts.init(element, null, { renderer: "svg" });
    const draw = () => {
      chart.setOption({ animation: false, textStyle: { color: colour("--ink"), fontFamily: "system-ui, sans-serif" }, ...option() }, true);
    };
    charts.push({ element, chart, draw });
    draw();
    return { draw, chart };
  }
  function resized(element, height) {
    element.style.height = `${height}px`;
    echarts.getInstanceByDom(element).resize();
  }
  const axis = (more = {}) => ({
    nameTextStyle: { color: colour("--ink") }, axisLabel: { color: colour("--ink"), ...(more.axisLabel || {}) },
    axisLine: { lineStyle: { color: colour("--faint") } }, splitLine: { lineStyle: { color: colour("--line") } },
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "axisLabel")),
  });
  const tooltip = (formatter) => ({
    trigger: "item", confine: true, formatter, backgroundColor: colour("--shade"), borderColor: colour("--faint"),
    textStyle: { color: colour("--ink") },
  });
  const narrow = () => document.documentElement.clientWidth < 600;
  const nameWidth = () => (narrow() ? 200 : 320);
  const legend = (names, more = {}) => ({
    data: names, top: 0, left: 0, itemGap: 12, textStyle: { color: colour("--ink"), width: nameWidth(), overflow: "truncate" }, ...more,
  });
  function legendHeight(names) {
    // Names follow each other in lines as wide as the page.
    const room = document.getElementById("content").clientWidth - 10;
    let lines = 1, used = 0;
    for (const name of names) {
      const width = Math.min(textWidth(name), nameWidth()) + 46;
      if (used + width > room && used > 0) { lines += 1; used = 0; }
      used += width;
    }
    return names.length ? 26 * lines + 4 : 0;
  }
  const pen = document.createElement("canvas").getContext("2d");
  function textWidth(text) {
    pen.font = "12px system-ui, sans-serif";
    return Math.ceil(pen.measureText(text).width);
  }
  const labelWidth = (labels) => Math.min(narrow() ? 110 : 280, 4 + Math.max(8, ...labels.map(textWidth)));
  // Names of rows beside bars: as wide as the longest, within limits; what is longer is cut.
  const rowNames = (labels) => axis({
    type: "category", inverse: true, data: labels, triggerEvent: true, splitLine: { show: false },
    axisLabel: { width: labelWidth(labels), overflow: "truncate", interval: 0 },
  });
  const beside = (labels, more) => ({ left: labelWidth(labels) + 16, right: 24, ...more });
  const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect", "emptyTriangle", "emptyDiamond"];

  // --- points along an axis, by any metric --------------------------------------------------------------------------
  function scaling(key, data, about, controls, into) {
    const numbers = page.metrics.filter((metric) => page.points.some((point) => typeof point.values[metric.key] === "number"));
    let metric = numbers.find((one) => one.key === data.first) || numbers[0];
    let logarithmic = data.logarithmic.includes(metric.key);
    const element = canvas(key, about, 420);
    const log = make("input", { type: "checkbox", id: `${key}-logarithmic`, checked: logarithmic });
    const options = numbers.map((one) => [one.key, one.title, one.family]);
    controls.append(
      choice(`${key}-metric`, "Metric", options, metric.key, (chosen) => {
        metric = numbers.find((one) => one.key === chosen);
        logarithmic = log.checked = data.logarithmic.includes(chosen);
        one.draw();
      }),
      make("label", {}, log, make("span", { textContent: "logarithmic" })),
    );
    into.append(element);
    const bars = data.categories && !data.along;
    const value = (index) => page.points[index].values[metric.key] / metric.size;
    const at = (index) => (bars ? data.categories[index] : data.categories ? data.categories[page.points[index].x] : page.points[index].x);
    const names = bars || data.curves.length < 2 ? [] : data.curves.map((one) => one.label);
    const sizes = [...new Set(page.points.map((point) => point.x))].sort((one, other) => one - other);
    const shown = (params) => {
      const point = page.points[params.value[2]];
      const own = [metric.title, point.texts[metric.key]];
      return tip(point.label, [...(data.hover.includes(metric.key) ? [] : [own]), ...point.hover]);
    };
    function option() {
      const has = (index) => typeof page.points[index].values[metric.key] === "number" && !(logarithmic && value(index) <= 0);
      const told = data.curves.flatMap((curve) => curve.points.filter(has).flatMap((index) => [value(index), ...(page.points[index].spans[metric.key] || []).map((end) => end / metric.size)]));
      const series = data.curves.flatMap((curve, number) => {
        const points = curve.points.filter(has);
        const line = {
          name: curve.label, type: bars ? "bar" : "line", data: points.map((index) => [at(index), value(index), index]), symbolSize: 9,
          symbol: SYMBOLS[number % SYMBOLS.length], itemStyle: { color: curve.colour }, lineStyle: { color: curve.colour, width: 2 },
          barMaxWidth: 28, ...(bars ? { stack: "alone" } : {}),
        };
        const spans = points.filter((index) => page.points[index].spans[metric.key]);
        const whiskers = {
          name: curve.label, type: "custom", silent: true, itemStyle: { color: curve.colour }, encode: { x: 0, y: [1, 2] },
          data: spans.map((index) => [at(index), ...page.points[index].spans[metric.key].map((end) => end / metric.size)]),
          renderItem: (params, api) => {
            const [low, high] = [api.coord([api.value(0), api.value(1)]), api.coord([api.value(0), api.value(2)])];
            return { type: "line", shape: { x1: low[0], y1: low[1], x2: high[0], y2: high[1] }, style: { stroke: curve.colour, opacity: 0.45, lineWidth: 4 } };
          },
        };
        const first = points[0], last = points[points.length - 1];
        const ideal = data.ideal.includes(metric.key) && !data.categories && points.length > 1 ? [{
          name: curve.label, type: "line", silent: true, symbol: "none", lineStyle: { color: curve.colour, type: "dashed", width: 1, opacity: 0.7 },
          data: [[at(first), value(first), first], [at(last), value(first) * at(first) / at(last), first]],
        }] : [];
        return [line, ...(spans.length ? [whiskers] : []), ...ideal];
      });
      const across = data.categories
        ? axis({ type: "category", data: data.categories, axisLabel: { width: narrow() ? 60 : 110, overflow: "truncate", interval: bars ? 0 : "auto", rotate: bars && data.categories.length > 4 ? 35 : 0 } })
        : axis({
          type: data.log ? "log" : "value", min: data.log ? sizes[0] / 1.15 : undefined, max: data.log ? sizes[sizes.length - 1] * 1.15 : undefined,
          splitLine: { show: false }, axisTick: { customValues: sizes }, scale: true,
          axisLabel: { customValues: sizes, hideOverlap: true, formatter: plain },
        });
      return {
        legend: legend(names, { show: names.length > 0 }), tooltip: tooltip(shown),
        grid: { left: 12, right: 24, top: 36 + legendHeight(names), bottom: bars ? 8 : 34, containLabel: true },
        xAxis: { name: data.title, nameLocation: "middle", nameGap: 30, ...across, ...(bars ? { name: "" } : {}) },
        yAxis: axis({
          ...(logarithmic ? logarithmicAxis(told) : { type: "value", axisLabel: { formatter: plain } }),
          name: metric.axis, nameLocation: "end", nameTextStyle: { color: colour("--ink"), align: "left" },
        }),
        series,
      };
    }
    const one = drawn(element, option);
    log.addEventListener("change", () => { logarithmic = log.checked; one.draw(); });
  }

  // --- the account: bars that open into lines ------------------------------------------------------------------------
  function account(key, data, about, controls, into) {
    let of = data.of[0][0];
    const labels = data.points.map(asLabel);
    const element = canvas(key, about, 90 + 30 * labels.length);
    const opened = make("div", { id: `${key}-lines`, className: "wide", role: "region", tabIndex: 0, "aria-live": "polite", "aria-label": "Lines of the opened bar" });
    let open = data.points[data.points.length - 1];
    const picker = choice(`${key}-point`, "Open", data.points.map((index) => [index, asLabel(index)]), open, (chosen) => show(Number(chosen)));
    if (data.of.length > 1) controls.append(choice(`${key}-of`, "Account of", data.of, of, (chosen) => { of = chosen; one.draw(); show(open); }));
    controls.append(picker);
    into.append(element, opened);
    const account = (index) => page.points[index].accounts[of] || { lines: {} };
    const cell = (index, line) => account(index).lines[line.key];
    const lines = () => page.lines.filter((line) => data.points.some((index) => cell(index, line)));
    function option() {
      const names = lines().map((line) => line.title), top = legendHeight(names);
      resized(element, top + 60 + 30 * labels.length);
      return {
        legend: legend(names),
        tooltip: tooltip((params) => {
          const line = lines()[params.seriesIndex], index = data.points[params.dataIndex], [, share, time] = cell(index, line);
          return tip(asLabel(index), [[line.title, share], ["seconds a device", time], ["group", line.group], ["what it is", line.meaning]]);
        }),
        grid: beside(labels, { top, bottom: 48 }),
        xAxis: axis({ type: "value", max: 100, name: "share of all device-seconds (%)", nameLocation: "middle", nameGap: 26 }),
        yAxis: rowNames(labels),
        series: lines().map((line) => ({
          name: line.title, type: "bar", stack: "account", barWidth: "72%", cursor: "pointer",
          itemStyle: { color: line.colour, borderColor: colour("--line"), borderWidth: 0.5 },
          data: data.points.map((index) => (cell(index, line) ? 100 * cell(index, line)[0] / account(index).total_s : 0)),
        })),
      };
    }
    function show(index) {
      open = index;
      picker.querySelector("select").value = String(index);
      const rows = page.lines.filter((line) => cell(index, line)).map((line) => [line.group, line.title, cell(index, line), line.meaning]);
      const head = make("tr", {}, ...["group", "line", "share", "seconds a device", "device-seconds", "what it is"].map((text) => make("th", { textContent: text, scope: "col" })));
      const body = rows.map(([group, title, found, meaning]) => {
        const [device_s, ...texts] = found;
        const cells = [group, title, ...texts, meaning].map((text) => make("td", { textContent: text }));
        [2, 3, 4].forEach((nth) => { cells[nth].dataset.value = device_s; cells[nth].className = "right"; });
        return make("tr", { "data-line": title }, ...cells);
      });
      const own = make("table", { id: `${key}-opened`, className: "sortable" }, make("caption", { textContent: asLabel(index) }), make("thead", {}, head), make("tbody", {}, ...body));
      opened.replaceChildren(own);
      sortable(own);
    }
    const one = drawn(element, option);
    one.chart.on("click", (params) => {
      const place = params.componentType === "yAxis" ? labels.indexOf(params.value) : params.dataIndex;
      if (place >= 0) show(data.points[place]);
    });
    show(open);
  }

  // --- one step as a timeline ----------------------------------------------------------------------------------------
  function timeline(key, data, about, controls, into) {
    let step = data.steps[0];
    const high = () => 72 + legendHeight(Object.keys(step.kinds)) + step.rows.length * Math.max(26, Math.min(48, 320 / step.rows.length));
    const element = canvas(key, about, high());
    const note = make("p", { className: "note" });
    if (data.steps.length > 1) {
      controls.append(choice(`${key}-point`, "Step of", data.steps.map((one, nth) => [nth, one.label]), 0, (chosen) => {
        step = data.steps[Number(chosen)];
        resized(element, high());
        one.draw();
        tell();
      }));
    }
    controls.append(make("button", { type: "button", id: `${key}-whole`, textContent: "Whole step", onclick: () => one.chart.dispatchAction({ type: "dataZoom", start: 0, end: 100 }) }));
    into.append(element, note);
    const tell = () => { note.textContent = step.note; };
    function option() {
      // Times are whole numbers of ticks, each the step's length over a million; starts are told as gaps.
      const tick = step.step_s / 1e6, [unit, size] = step.step_s >= 2 ? ["s", 1] : ["ms", 1e-3];
      const bars = [];
      step.lanes.forEach((lane, nth) => {
        let end = 0;
        for (let place = 0; place < lane.spans.length; place += 3) {
          const start = end + lane.spans[place];
          end = start + lane.spans[place + 1];
          bars.push([start * tick / size, end * tick / size, nth, lane.spans[place + 2]]);
        }
      });
      const series = {
        type: "custom", clip: true, encode: { x: [0, 1] }, data: bars,
        renderItem: (params, api) => {
          const lane = step.lanes[api.value(2)], kind = step.names[api.value(3)][0];
          const left = api.coord([api.value(0), lane.row]), right = api.coord([api.value(1), lane.row]);
          const row = api.size([0, 1])[1], top = left[1] - row / 2 + row * lane.from;
          const area = params.coordSys, x1 = Math.max(left[0], area.x), x2 = Math.min(right[0], area.x + area.width);
          if (x2 < area.x || x1 > area.x + area.width) return null;
          // What is narrower than half a pixel is drawn once a pixel.
          const place = `${api.value(2)} ${Math.round(2 * x1)} ${kind}`;
          const seen = (params.context.seen ??= new Set());
          if (x2 - x1 < 0.5 && seen.has(place)) return null;
          seen.add(place);
          const gap = x2 - x1 > 3 ? 0.5 : 0;
          const shape = { x: x1, y: top, width: Math.max(x2 - x1 - gap, 0.5), height: Math.max(row * lane.height, 1) };
          const said = step.names[api.value(3)][2], fits = lane.height > 0.3 && said && x2 - x1 > 7 * said.length + 2;
          return {
            type: "rect", shape, style: { fill: step.kinds[kind] },
            ...(fits ? { textContent: { style: { text: said, fill: step.inks[kind], fontSize: 10 } }, textConfig: { position: "inside" } } : {}),
          };
        },
      };
      const kinds = Object.keys(step.kinds);
      return {
        legend: legend(kinds, { selectedMode: false }),
        tooltip: tooltip((params) => {
          const [start, end, nth, name] = params.value, [kind, what] = step.names[name];
          return tip(what, [["kind", kind], ["on", step.lanes[nth].label], ["from", seconds(start * size)], ["takes", seconds((end - start) * size)]]);
        }),
        grid: beside(step.rows, { top: legendHeight(kinds), bottom: 72 }),
        dataZoom: [
          { type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, preventDefaultMouseMove: false },
          { type: "slider", xAxisIndex: 0, filterMode: "none", height: 18, bottom: 6, showDataShadow: false, labelFormatter: "", textStyle: { color: colour("--ink") } },
        ],
        xAxis: axis({ type: "value", min: 0, max: step.step_s / size, name: `time since the start of the step (${unit})`, nameLocation: "middle", nameGap: 24, axisLabel: { formatter: (at) => String(Number(at.toPrecision(5))), hideOverlap: true, showMaxLabel: false } }),
        yAxis: rowNames(step.rows),
        // Series without data, so that the legend has a colour for each kind.
        series: [...kinds.map((kind) => ({ name: kind, type: "bar", data: [], itemStyle: { color: step.kinds[kind] } })), series],
      };
    }
    const one = drawn(element, option);
    tell();
  }

  // --- stacked bars of a point: memory by stage ----------------------------------------------------------------------
  function stacks(key, data, about, controls, into) {
    let shown = data.points[0];
    const present = () => data.items.filter((item) => shown.bars.some((bar) => bar.parts[item.key]));
    const above = () => legendHeight(present().map((item) => item.title));
    const high = () => 52 + above() + 28 * shown.bars.length;
    const element = canvas(key, about, high());
    if (data.points.length > 1) {
      controls.append(choice(`${key}-point`, "Point", data.points.map((one, nth) => [nth, one.label]), 0, (chosen) => {
        shown = data.points[Number(chosen)];
        resized(element, high());
        one.draw();
      }));
    }
    into.append(element);
    function option() {
      const labels = shown.bars.map((bar) => bar.label);
      const items = present();
      return {
        legend: legend(items.map((item) => item.title)),
        tooltip: tooltip((params) => {
          const bar = shown.bars[params.dataIndex], item = items[params.seriesIndex];
          if (item === undefined) return tip(bar.label, [["its memory", bar.limit_text]]);
          return tip(bar.label, [[item.title, bar.parts[item.key][1]], ["all together", bar.total_text], ["its memory", bar.limit_text]]);
        }),
        grid: beside(labels, { top: above(), bottom: 48 }),
        xAxis: axis({ type: "value", name: data.axis, nameLocation: "middle", nameGap: 26 }),
        yAxis: rowNames(labels),
        series: [
          ...items.map((item) => ({
            name: item.title, type: "bar", stack: "parts", barWidth: "66%", itemStyle: { color: item.colour, borderColor: colour("--line"), borderWidth: 0.5 },
            data: shown.bars.map((bar) => (bar.parts[item.key] ? bar.parts[item.key][0] / data.size : 0)),
          })),
          { type: "scatter", symbol: "rect", symbolSize: [3, 24], itemStyle: { color: colour("--ink") }, data: shown.bars.map((bar, nth) => [bar.limit / data.size, nth]), z: 5 },
        ],
      };
    }
    const one = drawn(element, option);
  }

  // --- bars of a point: what each change would gain ------------------------------------------------------------------
  function bars(key, data, about, controls, into) {
    let shown = data.points[data.points.length - 1];
    const high = () => 60 + 28 * shown.bars.length;
    const element = canvas(key, about, high());
    if (data.points.length > 1) {
      controls.append(choice(`${key}-point`, "Point", data.points.map((one, nth) => [nth, one.label]), data.points.length - 1, (chosen) => {
        shown = data.points[Number(chosen)];
        resized(element, high());
        one.draw();
      }));
    }
    into.append(element);
    function option() {
      const labels = shown.bars.map((bar) => bar[0]);
      return {
        tooltip: tooltip((params) => tip(shown.label, shown.bars[params.dataIndex][2])),
        grid: beside(labels, { right: 64, top: 8, bottom: 48 }),
        xAxis: axis({ type: "value", name: data.axis, nameLocation: "middle", nameGap: 26 }),
        yAxis: rowNames(labels),
        series: [{
          type: "bar", barWidth: "62%", itemStyle: { color: data.colour }, data: shown.bars.map((bar) => bar[1] * 100),
          label: { show: true, position: "right", color: colour("--ink"), formatter: (params) => shown.bars[params.dataIndex][3] },
        }],
      };
    }
    const one = drawn(element, option);
  }

  // --- two quantities of many plans ----------------------------------------------------------------------------------
  function scatter(key, data, about, controls, into) {
    const element = canvas(key, about, 420);
    into.append(element);
    drawn(element, () => ({
      legend: legend(data.groups.map((group) => group.label)),
      tooltip: tooltip((params) => tip(data.groups[params.seriesIndex].label, data.groups[params.seriesIndex].points[params.dataIndex][2])),
      grid: { left: 12, right: 24, top: 36 + legendHeight(data.groups.map((group) => group.label)), bottom: 34, containLabel: true },
      xAxis: axis({ type: "value", scale: true, name: data.x, nameLocation: "middle", nameGap: 28 }),
      yAxis: axis({ type: "value", scale: true, name: data.y, nameTextStyle: { color: colour("--ink"), align: "left" } }),
      series: data.groups.map((group, number) => ({
        name: group.label, type: group.line ? "line" : "scatter", symbol: SYMBOLS[number % SYMBOLS.length], symbolSize: group.line ? 8 : 10,
        itemStyle: { color: group.colour }, lineStyle: { color: group.colour }, data: group.points.map((point) => [point[0], point[1]]),
      })),
    }));
  }

  // --- what somebody measured ----------------------------------------------------------------------------------------
  function measured(key, data, about, controls, into) {
    let index = data.points[data.points.length - 1];
    const input = make("input", { type: "number", id: `${key}-step`, min: "0", step: "any", inputMode: "decimal" });
    const output = make("output", { id: `${key}-result`, htmlFor: `${key}-step ${key}-point` });
    if (data.points.length > 1) controls.append(choice(`${key}-point`, "Point", data.points.map((one) => [one, asLabel(one)]), index, (chosen) => { index = Number(chosen); tell(); }));
    controls.append(make("label", {}, make("span", { textContent: "My measured step time, in seconds" }), input));
    into.append(output);
    function tell() {
      const point = page.points[index], own = Number(input.value), told = point.values.step_time_s;
      if (input.value === "" && !input.validity.badInput) { output.textContent = `Simulated: ${point.texts.step_time_s} a step.`; return; }
      if (!(own > 0)) { output.textContent = "A step time is a number of seconds above 0."; return; }
      const error = told / own - 1, band = point.band;
      const gap = Math.abs(error) < 5e-4 ? "the same" : `${Math.abs(100 * error).toFixed(1)} % too ${error < 0 ? "fast" : "slow"}`;
      const inside = band && error >= band[0] && error <= band[1];
      const words = band
        ? ` (${signed(error)}), ${inside ? "inside" : "outside"} the band of ${point.band_text} that holds eight of ten comparisons${inside ? "." : ": look for what your run does that this scenario does not say."}`
        : ` (${signed(error)}). Nothing like this point was compared with measurements, so it has no band.`;
      output.textContent = `You measured ${seconds(own)}, simulated is ${point.texts.step_time_s}: ${gap}${words}`;
    }
    input.addEventListener("input", tell);
    tell();
  }

  // --- tables --------------------------------------------------------------------------------------------------------
  function rowsOf(table) {
    const heads = [...table.tHead.rows[0].cells];
    const titles = heads.map((head) => head.innerText.trim());
    return [titles, ...[...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))];
  }
  function csv(table) {
    // A spreadsheet takes a cell that begins so for a formula.
    const guarded = (text) => (/^[=+\-@\t\r\n]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    return rowsOf(table).map((row) => row.map((text) => quoted(guarded(text))).join(",")).join("\n") + "\n";
  }
  async function copied(text, button) {
    const before = button.textContent;
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Browsers that give a file no clipboard still copy what is selected.
      const box = make("textarea", { value: text });
      document.body.append(box);
      box.select();
      done = document.execCommand("copy");
      box.remove();
      button.focus();
    }
    button.textContent = done ? "Copied" : "Select the text and copy it";
    setTimeout(() => { button.textContent = before; }, 1500);
  }
  function saved(text, name) {
    const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  const collator = new Intl.Collator("en", { numeric: true });
  function sorted(table, column, ascending) {
    const body = table.tBodies[0], sign = ascending ? 1 : -1;
    const key = (row) => { const cell = row.cells[column]; return cell.dataset.value === undefined ? null : Number(cell.dataset.value); };
    const rows = [...body.rows];
    const numeric = rows.some((row) => key(row) !== null);
    rows.sort((one, other) => {
      if (!numeric) return sign * collator.compare(one.cells[column].textContent, other.cells[column].textContent);
      const [left, right] = [key(one), key(other)];
      // What has no number comes last, whichever way.
      return left === null || right === null ? (left === null) - (right === null) : sign * (left - right);
    });
    body.append(...rows);
    [...table.tHead.rows[0].cells].forEach((head, nth) => {
      if (nth === column) head.setAttribute("aria-sort", ascending ? "ascending" : "descending"); else head.removeAttribute("aria-sort");
    });
  }
  function sortable(table) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      button.addEventListener("click", () => sorted(table, column, head.getAttribute("aria-sort") !== "ascending"));
      head.replaceChildren(button);
    });
    const named = `${slug(page.title)}-${table.id}.csv`;
    const copy = make("button", { type: "button", className: "copy-table", textContent: "Copy" });
    copy.addEventListener("click", () => copied(rowsOf(table).map((row) => row.join("\t")).join("\n") + "\n", copy));
    const save = make("button", { type: "button", className: "csv-table", textContent: "CSV" });
    save.addEventListener("click", () => saved(csv(table), named));
    const around = table.closest(".wide");
    const tools = make("div", { className: "tools" }, copy, save);
    if (around.previousElementSibling && around.previousElementSibling.classList.contains("tools")) around.previousElementSibling.replaceWith(tools);
    else around.before(tools);
  }
  const slug = (text) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "").slice(0, 60) || "page";

  // --- all together --------------------------------------------------------------------------------------------------
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("pre[data-name]").forEach((text) => {
    const copy = make("button", { type: "button", className: "copy-text", textContent: `Copy ${text.dataset.name}` });
    copy.addEventListener("click", () => copied(text.textContent, copy));
    text.before(make("div", { className: "tools" }, copy));
  });
  await loaded();
  const kinds = { scaling, account, timeline, stacks, bars, scatter, measured };
  document.querySelectorAll(".chart").forEach((place) => {
    const { chart, kind, about } = place.dataset, controls = make("div", { className: "controls" });
    place.append(controls);
    kinds[kind](chart, page.charts[chart], about, controls, place);
  });
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

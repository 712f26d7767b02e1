// Charts of one step: its timeline, and the memory of every stage.

// One step as a timeline.
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
  // The same as with the mouse, by buttons: what is shown grows or shrinks around its middle, or moves by half of it.
  const shown = (wider, later) => {
    const { start, end } = one.chart.getOption().dataZoom[0], length = Math.min(100, (end - start) * wider);
    const from = Math.max(0, Math.min(100 - length, (start + end - length) / 2 + later * (end - start) / 2));
    one.chart.dispatchAction({ type: "dataZoom", start: from, end: from + length });
  };
  const moves = { "Zoom in": [0.5, 0], "Zoom out": [2, 0], Earlier: [1, -1], Later: [1, 1], "Whole step": [Infinity, 0] };
  for (const [text, move] of Object.entries(moves)) {
    controls.append(make("button", { type: "button", id: `${key}-${slug(text)}`, textContent: text, onclick: () => shown(...move) }));
  }
  const link = make("a", { id: "trace-link", textContent: "The whole step as a trace for Perfetto, in a file beside this page" });
  into.append(element, note, make("p", {}, link));
  const tell = () => {
    note.textContent = step.note;
    link.hidden = step.trace === "";
    link.href = encodeURIComponent(step.trace);
  };
  function option() {
    // What is drawn keeps its own step: a chart that is resized draws the old one again before the new one is set.
    const { lanes, names, kinds: colours, inks, rows, step_s: length } = step;
    // Times are whole numbers of ticks, each the step's length over a million; starts are told as gaps.
    const tick = length / 1e6, [unit, size] = length >= 2 ? ["s", 1] : ["ms", 1e-3];
    const fills = Object.fromEntries(Object.entries(colours).map(([kind, own]) => [kind, lit(own)]));
    const bars = [];
    lanes.forEach((lane, nth) => {
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
        const lane = lanes[api.value(2)], kind = names[api.value(3)][0];
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
        const said = names[api.value(3)][2], fits = lane.height > 0.3 && said && x2 - x1 > 7 * said.length + 2;
        return {
          type: "rect", shape, style: { fill: fills[kind] },
          ...(fits ? { textContent: { style: { text: said, fill: inks[kind], fontSize: 10 } }, textConfig: { position: "inside" } } : {}),
        };
      },
    };
    const kinds = Object.keys(colours);
    return {
      legend: legend(kinds, { selectedMode: false }),
      tooltip: tooltip((params) => {
        const [start, end, nth, name] = params.value, [kind, what] = names[name];
        return tip(what, [["kind", kind], ["on", lanes[nth].label], ["from", seconds(start * size)], ["takes", seconds((end - start) * size)]]);
      }),
      grid: beside(rows, { top: legendHeight(kinds), bottom: 72 }),
      dataZoom: [
        { type: "inside", xAxisIndex: 0, filterMode: "none", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, preventDefaultMouseMove: false },
        { type: "slider", xAxisIndex: 0, filterMode: "none", height: 18, bottom: 6, showDataShadow: false, labelFormatter: "", textStyle: { color: colour("--ink") } },
      ],
      xAxis: axis({ type: "value", min: 0, max: length / size, name: `time since the start of the step (${unit})`, nameLocation: "middle", nameGap: 24, axisLabel: { formatter: (at) => String(Number(at.toPrecision(5))), hideOverlap: true, showMaxLabel: false } }),
      yAxis: rowNames(rows),
      // Series without data, so that the legend has a colour for each kind.
      series: [...kinds.map((kind) => ({ name: kind, type: "bar", data: [], itemStyle: { color: fills[kind] } })), series],
    };
  }
  const one = drawn(element, option);
  tell();
}

// Stacked bars of a point: memory by stage.
function stacks(key, data, about, controls, into) {
  let shown = data.points[0];
  const present = () => data.items.filter((item) => shown.bars.some((bar) => bar.parts[item.key]));
  const limit = "its memory", names = () => [...present().map((item) => item.title), limit];
  const above = () => legendHeight(names());
  const high = () => 52 + above() + (shown.bars.length > 16 ? 16 : 28) * shown.bars.length;
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
      legend: legend(names()),
      tooltip: tooltip((params) => {
        const bar = shown.bars[params.dataIndex], item = items[params.seriesIndex];
        if (item === undefined) return tip(bar.label, [[limit, bar.limit_text]]);
        return tip(bar.label, [[item.title, bar.parts[item.key][1]], ["all together", bar.total_text], [limit, bar.limit_text]]);
      }),
      grid: beside(labels, { top: above(), bottom: 48 }),
      xAxis: axis({ type: "value", name: data.axis, nameLocation: "middle", nameGap: 26 }),
      yAxis: rowNames(labels),
      series: [
        ...items.map((item) => ({
          name: item.title, type: "bar", stack: "parts", barWidth: "66%", itemStyle: { color: item.colour, borderColor: colour("--edge"), borderWidth: 0.5 },
          data: shown.bars.map((bar) => (bar.parts[item.key] ? bar.parts[item.key][0] / data.size : 0)),
        })),
        { name: limit, type: "scatter", symbol: "rect", symbolSize: [3, shown.bars.length > 16 ? 14 : 24], itemStyle: { color: colour("--ink") }, data: shown.bars.map((bar, nth) => [bar.limit / data.size, nth]), z: 5 },
      ],
    };
  }
  const one = drawn(element, option);
}

// Charts of points: any metric along an axis, the account as bars that open, gains, plans, a measured step.

// Points along an axis, by any metric.
function scaling(key, data, about, controls, into) {
  const numbers = page.metrics.filter((metric) => page.points.some((point) => typeof point.values[metric.key] === "number"));
  let metric = numbers.find((one) => one.key === data.first) || numbers[0];
  let logarithmic = data.logarithmic.includes(metric.key);
  const bars = data.categories && !data.along;
  const element = canvas(key, about, bars ? 64 + 30 * data.categories.length : 420);
  const note = make("p", { className: "note", id: `${key}-note` });
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
  into.append(element, note);
  const value = (index) => page.points[index].values[metric.key] / metric.size;
  const at = (index) => (bars ? index : data.categories ? data.categories[page.points[index].x] : page.points[index].x);
  // Points side by side are rows, so that their names have room.
  const turned = (pair) => (bars ? pair.reverse() : pair);
  const names = bars || data.curves.length < 2 ? [] : data.curves.map((one) => one.label);
  const sizes = [...new Set(page.points.map((point) => point.x))].sort((one, other) => one - other);
  const shown = (params) => {
    const point = page.points[params.value[2]];
    const own = [metric.title, point.texts[metric.key]];
    return tip(point.label, [...(data.hover.includes(metric.key) ? [] : [own]), ...point.hover]);
  };
  function option() {
    const known = (index) => typeof page.points[index].values[metric.key] === "number";
    // A logarithmic axis has no place for 0 and below.
    const all = data.curves.flatMap((curve) => curve.points).filter(known);
    log.disabled = !all.some((index) => value(index) > 0);
    if (log.disabled) logarithmic = log.checked = false;
    const has = (index) => known(index) && !(logarithmic && value(index) <= 0);
    const left = [[page.points.length - all.length, "unknown"], [all.length - all.filter(has).length, "0 or less"]].filter(([count]) => count > 0);
    note.textContent = left.length ? `Not drawn: ${left.map(([count, why]) => `${count} of ${page.points.length} points, ${why}`).join("; ")}.` : "";
    const ends = (index) => (page.points[index].spans[metric.key] || []).map((end) => end / metric.size);
    const told = data.curves.flatMap((curve) => curve.points.filter(has).flatMap((index) => [value(index), ...ends(index)]));
    const series = data.curves.flatMap((curve, number) => {
      const points = curve.points.filter(has);
      const line = {
        name: curve.label, type: bars ? "bar" : data.categories ? "scatter" : "line", data: points.map((index) => [...turned([at(index), value(index)]), index]), symbolSize: 9,
        symbol: SYMBOLS[number % SYMBOLS.length], itemStyle: { color: curve.colour }, lineStyle: { color: curve.colour, width: 2 },
        barMaxWidth: 22, ...(bars ? { stack: "alone" } : {}),
      };
      const spans = points.filter((index) => page.points[index].spans[metric.key]);
      const whiskers = {
        name: curve.label, type: "custom", silent: true, itemStyle: { color: curve.colour }, z: 3, encode: bars ? { y: 0, x: [1, 2] } : { x: 0, y: [1, 2] },
        data: spans.map((index) => [at(index), ...ends(index)]),
        renderItem: (params, api) => {
          const [low, high] = [1, 2].map((end) => api.coord(turned([api.value(0), api.value(end)])));
          return { type: "line", shape: { x1: low[0], y1: low[1], x2: high[0], y2: high[1] }, style: { stroke: bars ? colour("--ink") : curve.colour, opacity: bars ? 0.7 : 0.45, lineWidth: bars ? 2 : 4 } };
        },
      };
      const first = points[0], last = points[points.length - 1];
      const reached = points.length > 1 ? value(first) * at(first) / at(last) : 0;
      if (reached && data.ideal.includes(metric.key) && !data.categories) told.push(reached);
      const ideal = reached && data.ideal.includes(metric.key) && !data.categories ? [{
        name: curve.label, type: "line", silent: true, symbol: "none", lineStyle: { color: curve.colour, type: "dashed", width: 1, opacity: 0.7 },
        data: [[at(first), value(first), first], [at(last), reached, first]],
      }] : [];
      return [line, ...(spans.length ? [whiskers] : []), ...ideal];
    });
    const across = bars ? rowNames(data.categories) : data.categories
      ? axis({ type: "category", data: data.categories, axisLabel: { width: narrow() ? 60 : 110, overflow: "truncate" } })
      : axis({
        type: data.log ? "log" : "value", min: data.log ? sizes[0] / 1.15 : undefined, max: data.log ? sizes[sizes.length - 1] * 1.15 : undefined,
        splitLine: { show: false }, axisTick: { customValues: sizes }, scale: true,
        axisLabel: { customValues: sizes, hideOverlap: true, formatter: plain },
      });
    const up = axis({ ...(logarithmic ? logarithmicAxis(told) : { type: "value", axisLabel: { formatter: plain, hideOverlap: true } }), name: metric.axis });
    return {
      legend: legend(names, { show: names.length > 0 }), tooltip: tooltip(shown),
      grid: bars ? beside(data.categories, { top: 8, bottom: 48 }) : { left: 12, right: 24, top: 36 + legendHeight(names), bottom: 34, containLabel: true },
      xAxis: bars ? { ...up, nameLocation: "middle", nameGap: 28 } : { name: data.title, nameLocation: "middle", nameGap: 30, ...across },
      yAxis: bars ? across : { ...up, nameLocation: "end", nameTextStyle: { color: colour("--ink"), align: "left" } },
      series,
    };
  }
  const one = drawn(element, option);
  log.addEventListener("change", () => { logarithmic = log.checked; one.draw(); });
}

// The account: bars that open into lines.
function account(key, data, about, controls, into) {
  let of = data.of[0][0];
  const labels = data.points.map(asLabel);
  const element = canvas(key, about, 90 + 30 * labels.length);
  const opened = make("div", { id: `${key}-lines`, className: "wide", role: "region", tabIndex: 0, "aria-live": "polite", "aria-label": "Lines of the opened bar" });
  let open = data.points[data.points.length - 1];
  const picker = choice(`${key}-point`, "Lines of", data.points.map((index) => [index, asLabel(index)]), open, (chosen) => show(Number(chosen)));
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
        const line = lines()[params.seriesIndex], index = data.points[params.dataIndex], [, share, time] = cell(index, line) || [0, "0.0 %", "0 s"];
        return tip(asLabel(index), [[line.title, share], ["seconds a device", time], ["group", line.group], ["what it is", line.meaning]]);
      }),
      grid: beside(labels, { top, bottom: 48 }),
      xAxis: axis({ type: "value", max: 100, name: "share of all device-seconds (%)", nameLocation: "middle", nameGap: 26 }),
      yAxis: rowNames(labels),
      series: lines().map((line) => ({
        name: line.title, type: "bar", stack: "account", barWidth: "72%", cursor: "pointer",
        itemStyle: { color: lit(line.colour), borderColor: colour("--edge"), borderWidth: 0.5 },
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

// Bars of a point: what each change would gain.
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

// Two quantities of many plans.
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

// What somebody measured.
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

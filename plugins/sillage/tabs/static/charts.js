// Charts from the data that stands in the page: <canvas data-chart='{"type": "line" | "bar" | "stacked", ...}'>.
(function () {
  "use strict";
  var drawn = [];

  function color(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function dataset(series, index, spec) {
    var paint = color("--series-" + (series.color || (index % 8) + 1));
    return {
      label: series.label, data: spec.times ? series.values.map(function (value, place) { return { x: spec.times[place], y: value }; }) : series.values, borderColor: paint, backgroundColor: series.fill || series.edge ? paint + "33" : paint,
      borderWidth: series.edge ? 0 : spec.type === "line" ? 2 : 0, pointRadius: series.points ? 3 : 0, pointHitRadius: 12,
      // What was measured at its time alone is not drawn as if it had been between.
      cubicInterpolationMode: series.straight ? "default" : "monotone", tension: 0,
      // A point at the edge of the plot is drawn whole.
      clip: series.points ? 8 : undefined, borderDash: series.dashed ? [5, 4] : [], fill: series.band ? "-1" : Boolean(series.fill), maxBarThickness: 26, borderRadius: 2,
      stack: series.stack
    };
  }

  // Moments lie as far apart as they were: at most eight days stand below the axis, in the language's form.
  function timeAxis(spec) {
    var first = spec.times[0], last = spec.times[spec.times.length - 1], count = Math.max(1, Math.min(7, Math.floor((last - first) / 864e5)));
    var day = new Intl.DateTimeFormat(document.documentElement.lang === "fr" ? "fr-FR" : "sv-SE", { timeZone: spec.zone });
    return {
      type: "linear", min: first, max: last > first ? last : first + 864e5,
      afterBuildTicks: function (axis) {
        axis.ticks = Array.from({ length: count + 1 }, function (_, place) { return { value: first + (axis.max - first) * place / count }; });
      },
      ticks: { color: color("--fg-muted"), maxRotation: 0, callback: function (value) { return day.format(value); } }
    };
  }

  function isPrinting() { return document.documentElement.classList.contains("printing"); }

  function options(spec, number) {
    function said(value) { return number.format(value) + (spec.unit ? "\u202f" + spec.unit : ""); }
    var grid = color("--border"), muted = color("--fg-muted");
    var axis = { stacked: spec.type === "stacked", grid: { color: grid }, border: { color: grid }, ticks: { color: muted, maxRotation: 0, autoSkipPadding: 16 } };
    return {
      responsive: true, maintainAspectRatio: false, animation: false,
      // Paper has more dots than a screen.
      devicePixelRatio: isPrinting() ? 3 : undefined,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: Object.assign({}, axis, { grid: { display: false } }, spec.times ? timeAxis(spec) : {}),
        y: Object.assign({}, axis, { beginAtZero: true, ticks: { color: muted, precision: spec.unit ? undefined : 0, callback: function (value) { return said(value); } } })
      },
      plugins: {
        legend: { display: spec.series.length > 1, position: "bottom", // A mark of the legend is too small to be dashed.
          labels: { filter: function (item) { item.lineDash = []; var one = spec.series[item.datasetIndex]; return !one.edge || one.band; }, color: muted, boxWidth: 12, boxHeight: 12 } },
        tooltip: { callbacks: { title: function (items) { return items.length ? spec.labels[items[0].dataIndex] : ""; }, label: function (item) { return item.dataset.label + (document.documentElement.lang === "fr" ? "\u00a0: " : ": ") + said(item.parsed.y); } } }
      }
    };
  }

  function draw() {
    drawn.forEach(function (chart) { chart.destroy(); });
    drawn = [];
    if (!window.Chart) { return; }
    var number = new Intl.NumberFormat(document.documentElement.lang);
    window.Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    document.querySelectorAll("canvas[data-chart]").forEach(function (canvas) {
      var spec = JSON.parse(canvas.dataset.chart);
      drawn.push(new window.Chart(canvas, {
        type: spec.type === "line" ? "line" : "bar",
        data: { labels: spec.labels, datasets: spec.series.map(function (series, index) { return dataset(series, index, spec); }) },
        options: options(spec, number)
      }));
    });
  }

  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("htmx:afterSettle", draw);
  document.addEventListener("htmx:historyRestore", draw);
  document.addEventListener("sillage:theme", draw);
})();

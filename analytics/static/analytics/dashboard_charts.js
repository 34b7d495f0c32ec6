// Draws a dashboard's charts with Chart.js. Data and labels come from the server; colours are the page's own CSS
// variables, read anew for every drawing, so that a switch of the theme is a redrawing and nothing else.
(() => {
  const WHOLE = new Intl.NumberFormat("en");
  const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // For options that Chart.js asks for at each drawing.
  const read = (name) => () => color(name);

  const duration = (ms) => {
    if (ms < 1000) {
      return `${Math.round(ms)} ms`;
    }
    return `${new Intl.NumberFormat("en", { maximumFractionDigits: ms < 10000 ? 2 : 1 }).format(ms / 1000)} s`;
  };
  const written = { calls: (value) => WHOLE.format(value), ms: duration };
  const onAxis = { calls: (value) => COMPACT.format(value), ms: duration };

  // A point between two gaps is no line: it is shown as a dot.
  const radius = ({ dataset, dataIndex }) => {
    const { data } = dataset;
    const is = (at) => data[at] !== null && data[at] !== undefined;
    return is(dataIndex) && !is(dataIndex - 1) && !is(dataIndex + 1) ? 2.5 : 0;
  };

  // Spans of which only a part is counted, the last one that is not over above all: the way to them is dotted.
  const lineOf = (series, figures) => {
    const isPart = ({ p0DataIndex, p1DataIndex }) =>
      p1DataIndex === figures.labels.length - 1 || (figures.starts_late && p0DataIndex === 0);
    return {
      segment: { borderDash: (segment) => (isPart(segment) ? [2, 4] : undefined) },
      label: series.label,
      data: series.values,
      borderColor: read(`--series-${series.color}`),
      backgroundColor: read(`--series-${series.color}`),
      pointStyle: "line",
      borderDash: series.dash,
      borderWidth: 2,
      pointRadius: radius,
      pointHoverRadius: 4,
      pointHitRadius: 12,
      cubicInterpolationMode: "monotone",
    };
  };

  const barOf = (series) => ({
    label: series.label,
    data: series.values,
    backgroundColor: read(`--series-${series.color}`),
    borderColor: read("--body-bg"),
    borderWidth: { right: 1 },
    borderSkipped: false,
    pointStyle: "rect",
    maxBarThickness: 22,
  });

  const axis = (more) => ({
    border: { display: false },
    ...more,
    grid: { color: read("--hairline-color"), tickColor: "transparent", ...more?.grid },
    ticks: { color: read("--body-quiet-color"), maxRotation: 0, font: { size: 11 }, ...more?.ticks },
  });

  const legend = {
    position: "bottom",
    align: "start",
    labels: { color: read("--body-fg"), usePointStyle: true, pointStyleWidth: 22, boxHeight: 8, padding: 14, font: { size: 12 } },
  };

  const tooltip = (unit, titles) => ({
    backgroundColor: read("--body-fg"),
    titleColor: read("--body-bg"),
    bodyColor: read("--body-bg"),
    padding: 10,
    boxPadding: 4,
    usePointStyle: true,
    filter: ({ raw }) => raw !== null && raw !== 0,
    callbacks: {
      title: ([item]) => (item ? titles()[item.dataIndex] : ""),
      label: ({ dataset, raw }) => `${dataset.label}: ${written[unit](raw)}`,
    },
  });

  const shared = (figures, titles) => ({
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    layout: { padding: { right: 16 } },
    locale: "en",
    interaction: { mode: "index", intersect: false },
    plugins: { legend, tooltip: tooltip(figures.unit, titles) },
  });

  // Medians of milliseconds beside timeouts of half a minute: equal steps of the axis are equal factors.
  const TIMES = {
    type: "logarithmic",
    afterBuildTicks: (scale) => {
      const factor = scale.max / scale.min;
      const leads = factor > 1000 ? [1] : factor > 10 ? [1, 3] : [1, 2, 3, 5, 7];
      const leadOf = (value) => Math.round(value / 10 ** Math.floor(Math.log10(value) + 1e-9));
      scale.ticks = scale.ticks.filter(({ value }) => leads.includes(leadOf(value)));
    },
  };
  const axisOf = (unit) => (unit === "ms" ? TIMES : { beginAtZero: true });

  const lines = (figures, titles) => ({
    type: "line",
    options: {
      ...shared(figures, titles),
      scales: {
        x: axis({ grid: { display: false }, ticks: { autoSkip: false } }),
        y: axis({ ...axisOf(figures.unit), ticks: { precision: 0, maxTicksLimit: 6, callback: onAxis[figures.unit] } }),
      },
    },
  });

  const bars = (figures, titles) => {
    const options = shared(figures, titles);
    return {
      type: "bar",
      options: {
        ...options,
        indexAxis: "y",
        interaction: { mode: "index", axis: "y", intersect: false },
        scales: {
          x: axis({ stacked: true, beginAtZero: true, ticks: { precision: 0, maxTicksLimit: 6, callback: onAxis.calls } }),
          y: axis({ stacked: true, grid: { display: false }, ticks: { color: read("--body-fg"), font: { size: 12 } } }),
        },
      },
    };
  };

  const kinds = { lines: [lines, lineOf], bars: [bars, barOf] };
  const charts = new Map();

  const chartIn = (figure, figures) => {
    const canvas = figure.querySelector("canvas");
    const [configure] = kinds[figure.dataset.kind];
    let titles = [];
    const config = configure(figures, () => titles);
    const chart = new Chart(canvas, { ...config, data: { labels: [], datasets: [] } });
    chart.tell = (found) => {
      titles = found;
    };
    return chart;
  };

  const draw = (name, figures) => {
    const figure = document.querySelector(`[data-chart="${name}"]`);
    if (!figure) {
      return;
    }
    const box = figure.querySelector(".chart-box");
    box.hidden = figures.is_empty;
    figure.querySelector(".chart-empty").hidden = !figures.is_empty;
    if (figures.is_empty) {
      return;
    }
    const canvas = figure.querySelector("canvas");
    canvas.setAttribute("aria-label", figures.description);
    if (figure.dataset.kind === "bars") {
      box.dataset.bars = figures.labels.length;
    }
    if (!charts.has(name)) {
      charts.set(name, chartIn(figure, figures));
    }
    const chart = charts.get(name);
    const [, seriesOf] = kinds[figure.dataset.kind];
    // What a reader hid by a click on the legend stays hidden.
    const hidden = new Set(chart.data.datasets.filter((_, at) => !chart.isDatasetVisible(at)).map(({ label }) => label));
    chart.tell(figures.titles);
    if (figures.unit === "ms") {
      const times = figures.series.flatMap(({ values }) => values.filter((value) => value !== null));
      Object.assign(chart.options.scales.y, { suggestedMin: Math.min(...times) / 1.4, suggestedMax: Math.max(...times) * 1.4 });
    }
    chart.data.labels = figures.labels;
    chart.data.datasets = figures.series.map((series) => ({ ...seriesOf(series, figures), hidden: hidden.has(series.label) }));
    chart.update("none");
  };

  const redraw = () => charts.forEach((chart) => chart.update("none"));
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  window.SignalboxCharts = {
    draw: (all) => Object.entries(all).forEach(([name, figures]) => draw(name, figures)),
    // For tests, which cannot read a canvas.
    get: (name) => charts.get(name),
  };
})();

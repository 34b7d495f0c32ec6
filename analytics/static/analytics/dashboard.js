// Keeps a dashboard up to date: asks for new figures every 30 s and when a filter is changed, and puts them in place
// of the old ones. The server renders every part; what has not changed is left alone, so that focus, selection and
// scrolling stay where they are.
(() => {
  const dashboard = document.querySelector("[data-dashboard]");
  if (!dashboard) {
    return;
  }
  const { dataUrl } = dashboard.dataset;
  const interval = Number(dashboard.dataset.refreshSeconds) * 1000;
  const announcer = dashboard.querySelector("[data-announcer]");
  const status = dashboard.querySelector("[data-refresh-status]");
  const pause = dashboard.querySelector("[data-pause]");
  let timer;
  let asked; // the request under way: a newer one ends it
  let isPaused = false;

  const announce = (text) => {
    if (text !== announcer.textContent) {
      announcer.textContent = text;
    }
  };

  const replace = (place, html) => {
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = html;
    if (focused) {
      document.getElementById(focused)?.focus({ preventScroll: true });
    }
  };

  const show = (answer) => {
    for (const place of dashboard.querySelectorAll("[data-part]")) {
      const part = answer.parts[place.dataset.part];
      if (part && part.version !== place.dataset.version) {
        place.dataset.version = part.version;
        replace(place, part.html);
      }
    }
    SignalboxCharts.draw(answer.charts);
    status.textContent = answer.updated;
    status.dateTime = answer.updated_at;
    dashboard.removeAttribute("data-stale");
    announce(answer.announcement);
  };

  const plan = () => {
    clearTimeout(timer);
    if (!isPaused && !document.hidden) {
      timer = setTimeout(() => refresh(window.location.search, true), interval);
    }
  };

  const refresh = async (query, isAutomatic) => {
    clearTimeout(timer);
    asked?.abort();
    const request = new AbortController();
    asked = request;
    // The site must not take a page that refreshes itself for a person who is there.
    const headers = { Accept: "application/json", ...(isAutomatic ? { "Signalbox-Automatic": "1" } : {}) };
    dashboard.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(`${dataUrl}${query}`, { headers, signal: request.signal, cache: "no-store" });
      if (response.redirected || response.status === 403) {
        window.location.reload(); // the session has ended: the page leads to the log-in
        return;
      }
      if (!response.ok) {
        throw new Error(`The site answered ${response.status}.`);
      }
      show(await response.json());
    } catch (error) {
      if (error.name === "AbortError") {
        return;
      }
      dashboard.setAttribute("data-stale", "");
      announce(`New figures could not be had. Shown are those of ${status.textContent}.`);
    }
    dashboard.setAttribute("aria-busy", "false");
    plan();
  };

  const choose = (query) => {
    window.history.pushState(null, "", query);
    refresh(query, false);
  };

  const isPlainClick = (event) => event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  dashboard.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter]");
    if (link && isPlainClick(event)) {
      event.preventDefault();
      choose(new URL(link.href).search);
    }
  });
  dashboard.addEventListener("change", (event) => {
    if (event.target.matches("select[data-filter]")) {
      const filled = [...new FormData(event.target.form)].filter(([, value]) => value);
      choose(`?${new URLSearchParams(filled)}`);
    }
  });
  window.addEventListener("popstate", () => refresh(window.location.search, false));

  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.querySelector("[data-pause-text]").textContent = isPaused ? "Resume" : "Pause";
    announce(isPaused ? "Refreshing is paused." : "Refreshing goes on.");
    if (isPaused) {
      plan();
    } else {
      refresh(window.location.search, false);
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || isPaused) {
      plan();
    } else {
      refresh(window.location.search, true); // whoever comes back sees what is, not what was
    }
  });

  dashboard.classList.add("is-live");
  SignalboxCharts.draw(JSON.parse(document.getElementById("dashboard-charts").textContent));
  plan();
})();

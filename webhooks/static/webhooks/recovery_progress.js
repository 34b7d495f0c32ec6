// On the page of a recovery that runs: shows every two seconds how far it is. At its end the page is loaded again.
const INTERVAL_MS = 2000;
const section = document.querySelector("[data-progress-url]");

const show = (progress) => {
  section.querySelector("progress").value = progress.percent;
  for (const place of section.querySelectorAll("[data-shows]")) {
    place.textContent = progress[place.dataset.shows];
  }
};

const look = async () => {
  try {
    const response = await fetch(section.dataset.progressUrl, { headers: { Accept: "application/json" } });
    const progress = response.ok && !response.redirected ? await response.json() : null;
    // A log-in page instead of an answer: the session has ended, which loading the page again tells.
    if (response.redirected || progress?.is_running === false) {
      window.location.reload();
      return;
    }
    if (progress) {
      show(progress);
    }
  } catch {
    // The site could not be reached; it is asked again.
  }
  window.setTimeout(look, INTERVAL_MS);
};

if (section) {
  window.setTimeout(look, INTERVAL_MS);
}

// Beside an integration's form: tests what stands in it, without saving or loading the page again.
const FIELD_PREFIX = "config_";

const element = (name, text, className = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
};

const inWords = (value) => {
  if (typeof value === "boolean") {
    return value ? "yes" : "no";
  }
  return Array.isArray(value) ? value.join(", ") || "none" : String(value);
};

const facts = (entries) => {
  const list = document.createElement("dl");
  for (const [name, value] of entries) {
    list.append(element("dt", name), element("dd", inWords(value)));
  }
  return list;
};

const nameInWords = (name) => name.replaceAll("_", " ").replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const labelOf = (form, field) =>
  form.querySelector(`label[for="id_${FIELD_PREFIX}${field}"]`)?.textContent.replace(/:$/, "") ?? field;

const shown = (form, answer) => {
  const line = document.createElement("p");
  if (answer.result === undefined) {
    line.append(element("span", "not tested", "badge badge-bad"), ` ${answer.message}`);
    const wrong = Object.entries(answer.errors ?? {});
    return [line, facts(wrong.map(([field, reasons]) => [labelOf(form, field), reasons.join(" ")]))];
  }
  line.append(element("span", answer.result, `badge badge-${answer.tone}`), ` ${answer.message} (${answer.latency_ms} ms)`);
  return [line, facts(Object.entries(answer.data).map(([name, value]) => [nameInWords(name), value]))];
};

const asked = async (form, section) => {
  const body = new FormData(form);
  body.set("provider", section.dataset.provider);
  body.set("tenant", section.dataset.tenant);
  const response = await fetch(section.dataset.testUrl, { method: "POST", body, headers: { Accept: "application/json" } });
  if (response.redirected) {
    return { message: "Your session has ended: log in again in another tab, then test again." };
  }
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) {
    return { message: `The site answered ${response.status}: load the page again.` };
  }
  return response.json();
};

// Without this script the page has another button, which loads a page of its own.
document.addEventListener("DOMContentLoaded", () => {
  for (const section of document.querySelectorAll(".connection-test[hidden]")) {
    section.hidden = false;
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".connection-test button");
  if (!button) {
    return;
  }
  const section = button.closest(".connection-test");
  const result = section.querySelector("[role=status]");
  const form = section.closest("form");
  button.disabled = true;
  result.hidden = false;
  result.setAttribute("aria-busy", "true");
  result.replaceChildren(element("p", "Testing…"));
  let answer;
  try {
    answer = await asked(form, section);
  } catch {
    answer = { message: "The site could not be reached: try again." };
  }
  result.replaceChildren(...shown(form, answer));
  result.removeAttribute("aria-busy");
  button.disabled = false;
});

// Below an integration's form: runs an action of its provider without loading the page again.
// Uses element() and facts() of connection_test.js, which is loaded before it.
const labelOfParameter = (form, name) =>
  form.elements[name]?.labels?.[0]?.textContent.replace(/:$/, "") ?? name;

const shownOutcome = (form, answer) => {
  const line = document.createElement("p");
  const [word, tone] = answer.result === undefined ? ["not done", "bad"] : [answer.result, answer.tone];
  line.append(element("span", word, `badge badge-${tone}`), ` ${answer.message}`);
  const wrong = Object.entries(answer.errors ?? {}).map(([name, reasons]) => [labelOfParameter(form, name), reasons.join(" ")]);
  const told = Object.entries(answer.data ?? {}).map(([name, value]) => [name.replaceAll("_", " "), value ?? "none"]);
  return [line, facts([...wrong, ...told])];
};

const askedToAct = async (form) => {
  const response = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/json" },
  });
  if (response.redirected) {
    return { message: "Your session has ended: log in again in another tab, then try again." };
  }
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) {
    return { message: `The site answered ${response.status}: load the page again.` };
  }
  return response.json();
};

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.provider-action");
  if (!form) {
    return;
  }
  event.preventDefault();
  const button = form.querySelector("button");
  const result = form.querySelector("[role=status]");
  button.disabled = true;
  result.hidden = false;
  result.setAttribute("aria-busy", "true");
  result.replaceChildren(element("p", "Asking the provider…"));
  let answer;
  try {
    answer = await askedToAct(form);
  } catch {
    answer = { message: "The site could not be reached. It may have been done all the same: look before you repeat it." };
  }
  result.replaceChildren(...shownOutcome(form, answer));
  result.removeAttribute("aria-busy");
  button.disabled = false;
});

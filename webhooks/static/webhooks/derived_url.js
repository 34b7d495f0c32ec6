// On the add form: shows where a webhook without an address of its own will be sent.
const marker = document.querySelector("[data-derived-url]");

if (marker) {
  const form = marker.closest("form");
  const tenant = form.querySelector("#id_tenant");
  const name = form.querySelector("#id_workflow_name");
  const url = form.querySelector("#id_url");
  const shown = document.createElement("p");
  shown.className = "help mono";
  shown.setAttribute("role", "status");
  url.closest(".form-row").append(shown);

  const refresh = async () => {
    shown.textContent = "";
    if (url.value || !tenant.value || !name.value) {
      return;
    }
    const query = new URLSearchParams({ tenant: tenant.value, workflow_name: name.value });
    const response = await fetch(`${marker.dataset.derivedUrl}?${query}`);
    const answer = response.ok ? await response.json() : {};
    shown.textContent = answer.url
      ? `Will be sent to ${answer.url}`
      : "This tenant has no n8n integration with a base URL: enter an address.";
  };

  for (const field of [name, url]) {
    field.addEventListener("change", refresh);
  }
  // The tenant's field is the admin's autocomplete, which speaks through the admin's own jQuery.
  window.django.jQuery(tenant).on("change", refresh);
  refresh();
}

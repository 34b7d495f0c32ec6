// Shows or hides what is being typed into a secret's field. A stored secret is never in the page.
document.addEventListener("click", (event) => {
  const eye = event.target.closest(".secret-eye");
  if (!eye) {
    return;
  }
  const input = document.getElementById(eye.getAttribute("aria-controls"));
  const hidden = input.type === "password";
  input.type = hidden ? "text" : "password";
  eye.textContent = hidden ? "Hide" : "Show";
  eye.setAttribute("aria-pressed", String(hidden));
});

// Without this script the button would do nothing.
document.addEventListener("DOMContentLoaded", () => {
  for (const eye of document.querySelectorAll(".secret-eye")) {
    eye.hidden = false;
  }
});

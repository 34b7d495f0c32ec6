// Hides the fields of a form that mean nothing for what is chosen in another one, unless something is wrong with them.
const chosen = (field) => document.querySelector(`[name="${CSS.escape(field)}"]`);

const showOrHide = () => {
  for (const input of document.querySelectorAll("[data-when]")) {
    const other = chosen(input.dataset.when);
    const row = input.closest(".form-row");
    if (other && row) {
      const matters = JSON.parse(input.dataset.whenValues).includes(other.value);
      row.hidden = !matters && !row.querySelector(".errorlist");
    }
  }
};

document.addEventListener("DOMContentLoaded", showOrHide);
document.addEventListener("change", (event) => {
  if (event.target.matches("select")) {
    showOrHide();
  }
});

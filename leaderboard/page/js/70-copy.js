// Buttons that copy a text: to the clipboard, or where that is refused, into the selection.
(() => {
  "use strict";
  for (const button of document.querySelectorAll("button.copy")) {
    const source = document.getElementById(button.dataset.copies);
    const status = button.nextElementSibling;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent);
        status.textContent = "Copied.";
      } catch {
        getSelection().selectAllChildren(source);
        status.textContent = "Selected: copy it with the keyboard.";
      }
    });
  }
})();

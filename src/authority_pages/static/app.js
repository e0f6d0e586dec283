"use strict";
/* Comfort only: every form works without this file. */
(function () {
  document.querySelectorAll("[data-reveal]").forEach(function (button) {
    var field = document.getElementById(button.getAttribute("aria-controls"));
    if (!field) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      var shown = field.type === "text";
      field.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      field.focus();
    });
    if (field.form) field.form.addEventListener("submit", function () { field.type = "password"; });
  });

  document.querySelectorAll("[data-caps]").forEach(function (field) {
    var hint = document.getElementById(field.getAttribute("data-caps"));
    if (!hint) return;
    function look(event) {
      if (event.getModifierState) say(event.getModifierState("CapsLock"));
    }
    function say(on) {
      var text = on ? hint.getAttribute("data-text") : "";
      if (hint.textContent !== text) hint.textContent = text;
    }
    field.addEventListener("keydown", look);
    field.addEventListener("keyup", look);
    field.addEventListener("blur", function () { say(false); });
  });

  function release() {
    document.querySelectorAll("form[aria-busy]").forEach(function (form) { form.removeAttribute("aria-busy"); });
    document.querySelectorAll(".working").forEach(function (button) { button.classList.remove("working"); });
  }

  document.querySelectorAll("form").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      if (form.getAttribute("aria-busy") === "true") { event.preventDefault(); return; }
      form.setAttribute("aria-busy", "true");
      if (event.submitter) event.submitter.classList.add("working");
      window.setTimeout(release, 8000);
    });
  });

  window.addEventListener("pageshow", release);
})();

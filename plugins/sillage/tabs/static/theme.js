// Airflow's theme, before the first paint: what its switch stored ("theme"), else what the system prefers.
(function () {
  "use strict";
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var stored = null;
    try { stored = window.localStorage.getItem("theme"); } catch (error) { /* storage may be closed to frames */ }
    var dark = stored === "dark" || (stored !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.dispatchEvent(new CustomEvent("sillage:theme"));
  }
  apply();
  window.addEventListener("storage", function (event) { if (event.key === "theme" || event.key === null) { apply(); } });
  system.addEventListener("change", apply);
})();

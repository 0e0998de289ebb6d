// The time zone: the one chosen at the foot of a page, else the one of Airflow's own clock. Kept in a cookie, as the server makes the
// pages; before the first paint, so that a page in another zone is never seen.
(function () {
  "use strict";
  var root = document.currentScript.dataset.root || "/", NAME = "sillage_zone", OWN = "sillage_zone_own";

  function cookie(name) {
    var found = document.cookie.split("; ").find(function (pair) { return pair.indexOf(name + "=") === 0; });
    return found ? found.slice(name.length + 1) : "";
  }

  function keep(name, value) {
    document.cookie = name + "=" + value + "; path=" + root + "; SameSite=Lax; max-age=" + (value ? 31536000 : 0);
  }

  function airflows() {
    // Stored as JSON; a name holds nothing that a cookie cannot.
    try { return (/^"?([\w+/-]+)"?$/.exec(window.localStorage.getItem("timezone") || "") || ["", ""])[1]; } catch (error) { return ""; }
  }

  // Whose choice is Airflow's, follows it. A browser that keeps no cookie is not asked again and again.
  function follow() {
    if (cookie(OWN) || cookie(NAME) === airflows()) { return; }
    keep(NAME, airflows());
    if (cookie(NAME) === airflows()) { window.location.reload(); }
  }

  function choose(event) {
    if (!event.target.matches("select[data-zone]")) { return; }
    keep(OWN, event.target.value ? "1" : "");
    keep(NAME, event.target.value || airflows());
    window.location.reload();
  }

  // Zones that only the browser knows of.
  function offer() {
    document.querySelectorAll("select[data-zone]").forEach(function (select) {
      [Intl.DateTimeFormat().resolvedOptions().timeZone].forEach(function (name) {
        if (name && !Array.from(select.options).some(function (option) { return option.value === name; })) {
          select.add(new Option(name, name));
        }
      });
      select.value = cookie(OWN) ? cookie(NAME) : "";
    });
  }

  follow();
  window.addEventListener("storage", function (event) { if (event.key === "timezone" || event.key === null) { follow(); } });
  document.addEventListener("change", choose);
  document.addEventListener("DOMContentLoaded", offer);
  document.addEventListener("htmx:afterSettle", offer);
  document.addEventListener("htmx:historyRestore", offer);
})();

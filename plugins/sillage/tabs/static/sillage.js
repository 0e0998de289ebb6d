// What the pages do beyond HTML: links out of Airflow's frame, the address bar, ticked deliveries. Not deferred: it must be
// there before anybody can click on a link out of the frame, which would else open Airflow inside its own frame.
(function () {
  "use strict";

  function parentWindow() {
    try { return window.parent !== window && window.parent.document ? window.parent : null; } catch (error) { return null; }
  }

  // Airflow keeps its address bar in step with full loads of the frame only; partial updates tell it here.
  function tellAirflow() {
    var parent = parentWindow();
    if (!parent) { return; }
    var place = /^(.*\/plugin\/[^/]+)(\/|$)/.exec(parent.location.pathname);
    if (place && place[1].indexOf("/dags/") === -1) {
      parent.history.replaceState(parent.history.state, "", place[1] + window.location.pathname + window.location.search);
    }
  }

  // The frame's sandbox forbids target=_top; a link made in Airflow's own document is Airflow's to follow.
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a[data-airflow]") : null;
    var parent = link && parentWindow();
    if (!parent || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
    event.preventDefault();
    var outside = parent.document.createElement("a");
    outside.href = link.href;
    parent.document.body.appendChild(outside);
    outside.click();
    outside.remove();
  });

  // Deliveries that were ticked, on whichever page of the list; they last as long as the frame does.
  var ticked = new Set();

  function boxesOf(form) { return form.querySelectorAll("input[type='checkbox'][name='id']"); }

  function tick(event) {
    var box = event.target;
    if (!box.matches("form[data-cumulate] input[name='id']")) { return; }
    if (box.checked) { ticked.add(box.value); } else { ticked.delete(box.value); }
    showTicked();
  }

  function clearTicked(event) {
    if (!event.target.closest || !event.target.closest("[data-clear]")) { return; }
    ticked.clear();
    showTicked();
  }

  // The boxes of this page as they were ticked; what was ticked on other pages goes along in hidden fields.
  function showTicked() {
    var form = document.querySelector("form[data-cumulate]");
    if (!form) { return; }
    form.querySelectorAll("input[data-elsewhere]").forEach(function (field) { field.remove(); });
    var elsewhere = new Set(ticked);
    boxesOf(form).forEach(function (box) { box.checked = ticked.has(box.value); elsewhere.delete(box.value); });
    elsewhere.forEach(function (id) {
      var field = document.createElement("input");
      field.type = "hidden";
      field.name = "id";
      field.value = id;
      field.dataset.elsewhere = "";
      form.appendChild(field);
    });
    form.querySelector("button.primary").disabled = ticked.size < 2;
    form.querySelector("[data-count]").textContent = ticked.size || "";
    form.querySelector("[data-clear]").hidden = ticked.size === 0;
  }

  // What scrolls must be reachable with the keyboard; what does not scroll is no stop.
  function reachScrolled() {
    document.querySelectorAll(".scroll").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
    });
  }

  function settle() { showTicked(); reachScrolled(); }

  document.addEventListener("change", tick);
  document.addEventListener("click", clearTicked);
  document.addEventListener("DOMContentLoaded", settle);
  window.addEventListener("resize", reachScrolled);
  document.addEventListener("htmx:afterSettle", settle);
  document.addEventListener("htmx:pushedIntoHistory", tellAirflow);
  document.addEventListener("htmx:replacedInHistory", tellAirflow);
  // A page of trouble (404, 503) is a page too: show it in place of the old one.
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.xhr.status >= 400 && event.detail.xhr.status !== 401) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
})();

// Airflow around our pages: its address bar and title, links out of its frame, its login. Not deferred: it must be there before
// anybody can click on a link out of the frame, which would else open Airflow inside its own frame.
(function () {
  "use strict";

  function parentWindow() {
    try { return window.parent !== window && window.parent.document ? window.parent : null; } catch (error) { return null; }
  }

  // The path of the navigation's entry in Airflow, before ours; null in a tab of the DAG, whose address Airflow keeps.
  function entryOf(parent) {
    var place = /^(.*\/plugin\/[^/]+)(\/|$)/.exec(parent.location.pathname);
    return place && place[1].indexOf("/dags/") === -1 ? place[1] : null;
  }

  // Airflow keeps its address bar in step with full loads of the frame only; partial updates and going back tell it here.
  function tellAirflow() {
    var parent = parentWindow();
    if (!parent) { return; }
    var entry = entryOf(parent);
    if (entry) { parent.history.replaceState(parent.history.state, "", entry + window.location.pathname + window.location.search); }
    if (parent.sillageTitle === undefined) { parent.sillageTitle = parent.document.title; }
    parent.document.title = document.title + " - " + parent.sillageTitle;
  }

  // Airflow names some of its pages, not all: ours must not name the next.
  function takeTitleBack() {
    var parent = parentWindow();
    if (!parent || parent.sillageTitle === undefined) { return; }
    parent.document.title = parent.sillageTitle;
    delete parent.sillageTitle;
  }

  // The frame's sandbox forbids target=_top; a link made in Airflow's own document is Airflow's to follow.
  function leave(address, target) {
    var parent = parentWindow();
    if (!parent) { window.location.assign(address); return; }
    var outside = parent.document.createElement("a");
    outside.href = address;
    if (target) { outside.target = target; outside.rel = "noopener noreferrer"; }
    parent.document.body.appendChild(outside);
    outside.click();
    outside.remove();
  }

  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a[data-airflow]") : null;
    if (!link || !parentWindow() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
    event.preventDefault();
    if (link.dataset.trigger) { fillForm(link.dataset.trigger, link.href); } else { leave(link.href); }
  });

  // This frame ends with its page; what fills the form in belongs to Airflow's document, which must not be loaded anew: Airflow's router
  // goes to the page as it does after going back.
  function fillForm(values, address) {
    var parent = parentWindow(), script = parent.document.createElement("script"), state = parent.history.state || {};
    script.src = document.querySelector("script[data-trigger-script]").dataset.triggerScript;
    script.dataset.values = values;
    parent.document.head.appendChild(script);
    takeTitleBack();
    parent.history.pushState({ idx: (state.idx || 0) + 1, key: "sillage" }, "", address);
    parent.dispatchEvent(new parent.PopStateEvent("popstate", { state: parent.history.state }));
  }
  // The frame may not open the print dialog, and would print Airflow around the page: the bare page in a tab of its own does.
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a[data-print]") : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
    event.preventDefault();
    if (parentWindow()) { leave(link.href + "#print", "_blank"); } else { window.print(); }
  });

  // Other sites refuse to stand in a frame, and the sandbox keeps them from opening beside it.
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a[data-outside]") : null;
    if (!link || !parentWindow() || event.ctrlKey || event.metaKey || event.shiftKey) { return; }
    event.preventDefault();
    leave(link.href, "_blank");
  });

  // The session has ended: to Airflow's login, and from there to the page that was asked for.
  function logIn(asked) {
    var parent = parentWindow(), next = new URL(asked, window.location.href);
    if (parent) {
      var entry = entryOf(parent);
      next = entry ? new URL(entry + next.pathname + next.search, parent.location.origin) : parent.location;
    }
    leave(document.body.dataset.login + "?next=" + encodeURIComponent(next.href));
  }

  document.addEventListener("sillage:signedout", function (event) { logIn(event.detail); });
  document.addEventListener("DOMContentLoaded", tellAirflow);
  document.addEventListener("htmx:afterSettle", tellAirflow);
  window.addEventListener("pageshow", tellAirflow);
  window.addEventListener("pagehide", takeTitleBack);
})();

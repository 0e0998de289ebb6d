// Views that a reader has given a name: the addresses of pages with their filters, kept in this browser alone.
(function () {
  "use strict";
  var KEY = "sillage.views", MOST = 50;

  function views() {
    try {
      var found = JSON.parse(window.localStorage.getItem(KEY) || "[]");
      return Array.isArray(found) ? found.filter(function (view) { return view && typeof view.name === "string" && /^\/(?!\/)/.test(view.place); }) : [];
    } catch (error) { return []; }
  }

  function keep(list) {
    try { window.localStorage.setItem(KEY, JSON.stringify(list.slice(-MOST))); } catch (error) { /* storage may be closed or full */ }
    show();
  }

  function show() {
    var list = document.querySelector("[data-views]");
    if (!list) { return; }
    list.replaceChildren.apply(list, views().map(function (view, index) {
      var item = document.createElement("li"), link = document.createElement("a"), drop = document.createElement("button");
      link.href = list.dataset.root + view.place;
      link.textContent = view.name;
      drop.type = "button";
      drop.dataset.dropView = index;
      drop.textContent = "\u00d7";
      drop.setAttribute("aria-label", list.dataset.drop + " " + view.name);
      item.append(link, " ", drop);
      return item;
    }));
    if (window.htmx) { window.htmx.process(list); }
  }

  document.addEventListener("submit", function (event) {
    if (!event.target.matches("form[data-save-view]")) { return; }
    event.preventDefault();
    var root = document.querySelector("[data-views]").dataset.root, name = event.target.elements.name.value.trim().slice(0, 80);
    if (!name) { return; }
    var place = (window.location.pathname + window.location.search).slice(root.length);
    keep(views().filter(function (view) { return view.name !== name; }).concat({ name: name, place: place }));
    event.target.reset();
  });
  document.addEventListener("click", function (event) {
    var drop = event.target.closest ? event.target.closest("[data-drop-view]") : null;
    if (drop) { keep(views().filter(function (_, index) { return index !== Number(drop.dataset.dropView); })); }
  });
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("htmx:afterSettle", show);
  document.addEventListener("htmx:historyRestore", show);
})();

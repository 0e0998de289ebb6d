// What the pages do beyond HTML: ticked deliveries, tables that scroll or become cards, and the chosen tab in view.
(function () {
  "use strict";

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
    var tooMany = form.querySelector("[data-too-many]");
    tooMany.hidden = ticked.size <= Number(tooMany.dataset.tooMany);
  }

  // What scrolls must be reachable with the keyboard; what does not scroll is no stop.
  function reachScrolled() {
    document.querySelectorAll(".scroll").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
    });
  }

  // On a narrow screen a row is a card, and each cell stands beside the name of its column. Dense tables are narrow as they are.
  function nameCells() {
    document.querySelectorAll(".scroll > table:not(.strip, .dense)").forEach(function (table) {
      if (!table.tHead) { return; }
      var names = Array.from(table.tHead.rows[0].cells, function (head) {
        return head.querySelector(".sr") ? "" : head.textContent.replace(/[▲▼]/g, "").trim();
      });
      // The first column that has a name is the card's title.
      names[names.findIndex(Boolean)] = "";
      Array.from(table.querySelectorAll("tbody tr, tfoot tr")).forEach(function (row) {
        var column = 0;
        Array.from(row.cells).forEach(function (cell) {
          if (names[column]) { cell.dataset.name = names[column]; }
          column += cell.colSpan;
        });
      });
      table.classList.add("stack");
    });
  }

  // The chosen tab of a row that is wider than the screen.
  function showChosenTabs() {
    document.querySelectorAll(".tabs a[aria-current]").forEach(function (tab) {
      var row = tab.parentElement, left = tab.getBoundingClientRect().left - row.getBoundingClientRect().left;
      row.scrollLeft += left - (row.clientWidth - tab.offsetWidth) / 2;
    });
  }

  function settle() { showTicked(); nameCells(); reachScrolled(); showChosenTabs(); }

  document.addEventListener("change", tick);
  document.addEventListener("click", clearTicked);
  document.addEventListener("DOMContentLoaded", settle);
  window.addEventListener("resize", reachScrolled);
  document.addEventListener("htmx:afterSettle", settle);
  document.addEventListener("htmx:historyRestore", settle);
  document.addEventListener("sillage:refreshed", settle);
})();

// While something runs, its part of the page ([data-refresh], with an id) is asked for anew every few seconds: no reload, no fading, and
// the focus stays. When nothing runs any more, the figures of the page have changed, and it is loaded once.
(function () {
  "use strict";
  var SECONDS = 5, timer = null;

  function parts() { return Array.from(document.querySelectorAll("[data-refresh][id]")); }
  function isRunning() { return parts().some(function (part) { return part.querySelector("[data-running]"); }); }

  // The same link or button in the new part: by where it leads, else by what it says.
  function again(part, element) {
    return Array.from(part.querySelectorAll("a, button, summary")).find(function (one) {
      return one.tagName === element.tagName && one.getAttribute("href") === element.getAttribute("href") && one.textContent === element.textContent;
    });
  }

  function put(part, fresh) {
    // A part that is being written into is left alone.
    var focused = part.contains(document.activeElement) ? document.activeElement : null;
    if (part.innerHTML === fresh.innerHTML || (focused && focused.matches("input, select, textarea"))) { return; }
    var opened = Array.from(part.querySelectorAll("details[id][open]"), function (menu) { return menu.id; });
    part.replaceChildren.apply(part, Array.from(fresh.childNodes).map(function (node) { return document.importNode(node, true); }));
    opened.forEach(function (id) { var menu = document.getElementById(id); if (menu) { menu.open = true; } });
    if (window.htmx) { window.htmx.process(part); }
    if (focused) { (again(part, focused) || document.getElementById("main")).focus({ preventScroll: true }); }
    document.dispatchEvent(new CustomEvent("sillage:refreshed"));
  }

  function refresh() {
    var address = window.location.href;
    fetch(address, { headers: { "Accept": "text/html" }, cache: "no-store" }).then(function (answer) {
      return answer.ok ? answer.text() : null;
    }).then(function (text) {
      // Meanwhile the reader may have gone to another page.
      if (text === null || window.location.href !== address) { return; }
      var fresh = new DOMParser().parseFromString(text, "text/html");
      parts().forEach(function (part) {
        var found = fresh.getElementById(part.id);
        if (found) { put(part, found); }
      });
      if (!isRunning()) { window.location.reload(); }
    }).catch(function () { /* the next time, perhaps */ }).then(watch);
  }

  function watch() {
    window.clearTimeout(timer);
    if (!isRunning()) { return; }
    timer = window.setTimeout(function () { if (document.hidden) { watch(); } else { refresh(); } }, SECONDS * 1000);
  }

  document.addEventListener("DOMContentLoaded", watch);
  document.addEventListener("htmx:afterSettle", watch);
  document.addEventListener("htmx:historyRestore", watch);
})();

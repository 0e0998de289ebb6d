// From one page to the next without a full load: what a browser does by itself then and a partial update does not. Where the page
// begins, what has the focus, what is said aloud, that something is loading, and that nobody answered.
(function () {
  "use strict";
  var shown = window.location.pathname + window.location.search;
  // How far each address was scrolled when it was left, for who goes back to it.
  var scrolled = {};
  // What had the focus and which menus were open, to be the same in the next state of the same page.
  var focused = null, opened = [];
  var retry = null;
  // Whether a button of the mouse is down, or a finger on the glass, and the answer that came meanwhile.
  var isPressed = false, held = null;

  function address() { return window.location.pathname + window.location.search; }
  // A page is a path, of one delivery or recipient; the rest of its address is a state of it.
  function pageOf(place) {
    var url = new URL(place, window.location.href);
    return url.pathname + "?" + url.searchParams.get("id");
  }
  function isSamePage() { return pageOf(address()) === pageOf(shown); }

  function page() { return document.getElementById("page"); }

  function nameOf(element) {
    return [element.tagName, element.getAttribute("name"), element.value && element.type === "checkbox" ? element.value : "",
      element.name ? "" : element.textContent.replace(/[▲▼]/g, "").trim()].join("|");
  }

  function alike(name) {
    return Array.prototype.filter.call(page().querySelectorAll("a, button, input, select, summary"), function (element) {
      return nameOf(element) === name;
    });
  }

  function remember() {
    var element = document.activeElement;
    focused = null;
    if (element && page().contains(element) && element.matches("a, button, input, select, summary")) {
      var name = nameOf(element);
      focused = { name: name, place: alike(name).indexOf(element) };
    }
    opened = Array.prototype.map.call(page().querySelectorAll("details[id][open]"), function (menu) { return menu.id; });
  }

  function restore() {
    opened.forEach(function (id) {
      var menu = document.getElementById(id);
      if (menu) { menu.open = true; }
    });
    // What has an id keeps its focus by htmx, and the place in its text.
    if (!focused || page().contains(document.activeElement)) { return; }
    (alike(focused.name)[focused.place] || document.getElementById("main")).focus({ preventScroll: true });
  }

  function begin(top) {
    var anchor = window.location.hash && document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    if (anchor && !top) { anchor.scrollIntoView(); } else { window.scrollTo(0, top); }
    document.getElementById("main").focus({ preventScroll: true });
  }

  // A new page is its title; the same page after a filter is what the filter found.
  function say(isNew) {
    var found = page().querySelector("[role='status']");
    document.getElementById("said").textContent = isNew || !found ? document.title : found.textContent.replace(/\s+/g, " ").trim();
  }

  function busy(is) {
    document.body.classList.toggle("loading", is);
    document.getElementById("main").setAttribute("aria-busy", String(is));
  }

  function trouble(again) {
    busy(false);
    retry = again;
    document.getElementById("trouble").hidden = false;
  }

  function again(event) {
    // The link or form that asked, and not what its answer was meant for.
    var element = event.detail.requestConfig.elt;
    return function () {
      if (!document.body.contains(element)) { window.location.reload(); }
      else if (element.matches("form")) { element.requestSubmit(); } else { element.click(); }
    };
  }

  function reload() { window.location.reload(); }
  function signedOut(path) { document.dispatchEvent(new CustomEvent("sillage:signedout", { detail: path })); }
  function isOurs(xhr) { return /id="page"/.test(xhr.responseText || ""); }

  // A press takes a tenth of a second: the page exchanged meanwhile would take away what is pressed, and no click would come of it.
  function release() {
    if (!isPressed) { return; }
    isPressed = false;
    // After the click, which may ask for more: then the answer before it is of no use.
    window.setTimeout(function () { if (held) { var xhr = held; held = null; xhr.onload(); } });
  }
  document.addEventListener("pointerdown", function () { isPressed = true; });
  ["pointerup", "pointercancel", "dragend"].forEach(function (name) { document.addEventListener(name, release); });
  window.addEventListener("blur", release);
  document.addEventListener("htmx:beforeOnLoad", function (event) {
    if (isPressed) { held = event.detail.xhr; event.preventDefault(); }
  });
  document.addEventListener("htmx:beforeRequest", function () {
    held = null;
    document.getElementById("trouble").hidden = true;
    busy(true);
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    var xhr = event.detail.xhr;
    event.detail.shouldSwap = false;
    if (xhr.status === 401) { signedOut(event.detail.pathInfo.finalRequestPath); return; }
    // A page of trouble (404, 503) is a page too, and takes the place of the old one. What is no page of ours is a gateway's word.
    if (!isOurs(xhr)) { trouble(again(event)); return; }
    event.detail.shouldSwap = true;
    event.detail.isError = false;
    scrolled[shown] = window.scrollY;
    remember();
  });
  document.addEventListener("htmx:afterSwap", function () {
    if (!isSamePage()) { begin(0); return; }
    // While the page was exchanged its foot stood on top, and the browser keeps in sight what it saw there.
    window.scrollTo(0, scrolled[shown]);
    restore();
  });
  document.addEventListener("htmx:afterSettle", function () {
    busy(false);
    say(!isSamePage());
    shown = address();
  });
  document.addEventListener("htmx:sendError", function (event) { trouble(again(event)); });
  document.addEventListener("htmx:timeout", function (event) { trouble(again(event)); });

  // Going back asks the server anew (nothing is kept in the browser), by a request that htmx does not watch.
  document.addEventListener("htmx:historyCacheMiss", function (event) {
    document.getElementById("trouble").hidden = true;
    busy(true);
    scrolled[shown] = window.scrollY;
    event.detail.xhr.onerror = function () { trouble(reload); };
  });
  document.addEventListener("htmx:historyCacheMissLoadError", function (event) {
    if (event.detail.xhr.status === 401) { signedOut(event.detail.path); } else { trouble(reload); }
  });
  document.addEventListener("htmx:historyRestore", function () {
    busy(false);
    begin(scrolled[address()] || 0);
    say(true);
    shown = address();
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("[data-again]") && retry) { retry(); }
  });
})();

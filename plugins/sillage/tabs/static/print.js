// The page on paper: light, its charts drawn for the sheet's width, the message in full height; and the bare page that Print opens.
(function () {
  "use strict";
  var root = document.documentElement;
  var theme = null;

  // The message's frame runs nothing and holds nothing of ours, so its height may be asked.
  function frames(act) {
    document.querySelectorAll(".message iframe").forEach(function (frame) {
      var inside = frame.contentDocument;
      if (inside && inside.body) { act(frame, inside); }
    });
  }

  function begin() {
    if (theme !== null) { return; }
    theme = root.dataset.theme || "";
    root.dataset.theme = "light";
    root.classList.add("printing");
    document.dispatchEvent(new CustomEvent("sillage:theme"));
    frames(function (frame, inside) { frame.style.height = inside.documentElement.scrollHeight + 4 + "px"; });
  }

  function end() {
    if (theme === null) { return; }
    root.dataset.theme = theme;
    theme = null;
    root.classList.remove("printing");
    document.dispatchEvent(new CustomEvent("sillage:theme"));
    frames(function (frame) { frame.style.height = ""; });
  }

  // Print opens the bare page in a tab of its own (frame.js), which says so behind its #.
  function printAtOnce() {
    if (window.location.hash !== "#print") { return; }
    window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
    window.print();
  }

  window.addEventListener("beforeprint", begin);
  window.addEventListener("afterprint", end);
  window.addEventListener("load", printAtOnce);
})();

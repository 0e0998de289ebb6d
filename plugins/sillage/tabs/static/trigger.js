// Runs in Airflow's own page, where frame.js puts it: opens the DAG's form Trigger and fills it in. Nothing is sent; that is the person's to do.
// Airflow has no address for a form that is filled in; where its page is another one day, the form stays as it is.
(function () {
  "use strict";
  var values = JSON.parse(document.currentScript.dataset.values), names = Object.keys(values), until = Date.now() + 20000, clicked = 0;

  function field(name) { return document.querySelector('[name="element_' + name + '"]'); }

  // React hears of a value only by its own way of setting one.
  function write(element, value) {
    if (element.type === "checkbox") {
      if (element.checked !== value) { element.click(); }
      return;
    }
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value").set.call(element, value);
    element.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function open() {
    var item = document.querySelector('[role="menuitem"][data-value="trigger"]');
    var button = document.querySelector('[data-testid="trigger-dag-button"]');
    var next = item && item.offsetParent ? item : button;
    if (!next || next.disabled || Date.now() < clicked) { return; }
    clicked = Date.now() + 1500;
    next.click();
  }

  function step() {
    if (names.every(field)) {
      names.forEach(function (name) { write(field(name), values[name]); });
      return;
    }
    open();
    if (Date.now() < until) { window.setTimeout(step, 200); }
  }

  step();
})();

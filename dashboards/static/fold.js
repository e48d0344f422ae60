// Gives each cell of a table the words of its column, for phones, where a row is a list. Without it they stand unnamed.
"use strict";
(() => {
  for (const table of document.querySelectorAll("table.fold:not(.own)")) {
    const heads = [...table.querySelectorAll("thead th")].map((each) => each.textContent.trim())
      .map((said) => said.charAt(0).toUpperCase() + said.slice(1));
    for (const row of table.tBodies[0]?.rows ?? [])
      for (const [at, cell] of [...row.cells].entries())
        if (at && cell.colSpan === 1 && heads[at] && !cell.dataset.label) cell.dataset.label = heads[at];
  }
})();

"use strict";
// The page is whole without this: it finds, filters and sorts, opens what is folded before printing.
(function () {
  const table = document.getElementById("datasets");
  if (table) {
    const body = table.tBodies[0], rows = Array.from(body.rows);
    const text = document.getElementById("f-text"), level = document.getElementById("f-level");
    const verdict = document.getElementById("f-verdict"), count = document.getElementById("f-count");
    const words = rows.map((row) => row.textContent.toLowerCase() + " " + (row.querySelector("[title]") || { title: "" }).title.toLowerCase());
    const pages = rows.map((row) => document.getElementById(row.dataset.for));
    const filter = function () {
      const wanted = text.value.toLowerCase().trim();
      let shown = 0;
      rows.forEach((row, n) => {
        const fits = words[n].includes(wanted) && (!level.value || row.dataset.level === level.value) &&
          (!verdict || !verdict.value || row.dataset.verdicts.split(" ").includes(verdict.value));
        row.hidden = pages[n].hidden = !fits;
        shown += fits;
      });
      count.textContent = shown === rows.length ? "" : shown + " of " + rows.length;
    };
    const form = document.getElementById("filter");
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
    const value = (row, at) => at === 1 ? Number(row.dataset.rank)
      : row.cells[at].classList.contains("r") ? Number(row.cells[at].textContent.replace(/\D/g, "") || -1)
      : row.cells[at].textContent.trim();
    Array.from(table.tHead.rows[0].cells).forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        Array.from(table.tHead.rows[0].cells).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const keyed = Array.from(body.rows, (row) => [value(row, at), row]);
        keyed.sort(([a], [b]) => (typeof a === "number" ? a - b : a.localeCompare(b)) * (up ? 1 : -1));
        body.append(...keyed.map(([, row]) => row));
      });
    });
  }
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((one) => { one.open = false; }));
})();

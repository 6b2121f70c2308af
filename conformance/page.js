// Sorting and filtering of what is already on the page; without this file it is a list.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const sortable = (table) => {
    const RANK = JSON.parse(table.dataset.rank);
    const keyOf = (row, key) => (key in RANK ? RANK[key].indexOf(row.dataset[key]) : row.dataset[key]);

    const sortBy = (head) => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row, at) => ({ row, at, key: keyOf(row, head.dataset.key) }));
      rows.sort((a, b) => {
        const order = a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
        return (down ? -order : order) || a.at - b.at;
      });
      body.append(...rows.map(({ row }) => row));
    };
    for (const head of table.tHead.querySelectorAll("th[data-key]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sortBy(head));
      head.replaceChildren(button);
    }
  };
  document.querySelectorAll("table[data-rank]").forEach(sortable);

  const filtered = (section) => {
    const items = [...section.querySelectorAll("[data-verdict]:not(button)")];
    const texts = items.map((item) => item.textContent.toLowerCase());
    const chips = [...section.querySelectorAll("button[data-verdict]")];
    const search = section.querySelector("input");
    const empty = section.querySelector(".empty");
    const apply = () => {
      const wanted = chips.find((chip) => chip.getAttribute("aria-pressed") === "true").dataset.verdict;
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      items.forEach((item, at) => {
        const fits = (!wanted || item.dataset.verdict === wanted) && words.every((word) => texts[at].includes(word));
        item.hidden = !fits;
        shown += fits;
      });
      empty.style.display = shown ? "none" : "block";
    };
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        for (const other of chips) other.setAttribute("aria-pressed", String(other === chip));
        apply();
      });
    }
    search.addEventListener("input", apply);
  };
  document.querySelectorAll("section[data-filter]").forEach(filtered);

  const openTarget = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", openTarget);
  openTarget();
})();

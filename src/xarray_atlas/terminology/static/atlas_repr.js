(() => {
  for (const box of document.querySelectorAll(".xarray-atlas")) {
    // a property, not an attribute: a page that is saved and opened again starts anew
    if (box.xarrayAtlas) continue;
    box.xarrayAtlas = true;
    const search = box.querySelector(".xa-search");
    if (!search) continue;
    const field = search.querySelector("input");
    const count = search.querySelector("output");
    const rows = [...box.querySelectorAll(".xa-tree summary, .xa-tree div")];
    const nodes = rows.map((row) => (row.localName === "summary" ? row.parentElement : row));
    const place = new Map(nodes.map((node, i) => [node, i]));
    const parents = nodes.map((node) => place.get(node.parentElement));
    const texts = rows.map((row) => {
      const [acronym, name] = [row.querySelector("b"), row.querySelector("span")];
      return `${acronym.textContent} ${name.textContent}`.toLowerCase();
    });
    const ids = rows.map((row) => row.querySelector("small").textContent.toLowerCase());
    let before = null; // what was open before a search

    const restore = () => {
      nodes.forEach((node, i) => {
        node.hidden = false;
        rows[i].classList.remove("xa-found");
        if (before && node.localName === "details") node.open = before[i];
      });
      before = null;
      count.textContent = rows.length === 1 ? "1 region" : `${rows.length} regions`;
    };

    const find = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (!words.length) return restore();
      before = before || nodes.map((node) => node.open);
      const above = new Set(); // regions with one below them that was found
      let found = 0;
      // what is below a region comes after it
      for (let i = rows.length - 1; i >= 0; i--) {
        const hit = words.every((word) => texts[i].includes(word) || ids[i].startsWith(word));
        found += hit;
        rows[i].classList.toggle("xa-found", hit);
        nodes[i].hidden = !hit && !above.has(i);
        if (!nodes[i].hidden) above.add(parents[i]);
        if (nodes[i].localName === "details") nodes[i].open = above.has(i);
      }
      count.textContent = `${found || "none"} of ${rows.length} found`;
    };

    field.addEventListener("input", find);
    field.addEventListener("keydown", (event) => {
      event.stopPropagation(); // letters are commands of a notebook
      if (event.key === "Escape") {
        field.value = "";
        restore();
      }
    });
    search.hidden = false;
    restore();
  }
})();

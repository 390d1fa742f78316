// Beside the picture: what lies under the pointer, the search, and the controls.

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function swatch(region) {
  const made = element("span", undefined, "swatch");
  made.style.background = `rgb(${colour(region)})`;
  return made;
}

function describe(box, region, voxel) {
  box.replaceChildren();
  const title = element("div", undefined, "title");
  if (region === undefined) {
    title.append(element("span", "Point at a plane"));
  } else if (region < 0) {
    title.append(element("span", "outside"));
  } else if (region >= count) {
    title.append(swatch(region), element("span", `unknown label ${atlas.unknown[region - count]}`));
  } else {
    title.append(swatch(region), element("span", regions.acronym[region], "acronym"));
  }
  box.append(title);
  if (region >= 0 && region < count) {
    box.append(element("p", regions.name[region], "full"));
    const volume = regions.voxels[region] * atlas.axes.reduce((all, axis) => all * Math.abs(axis.step), 1);
    box.append(element("p", `id ${regions.id[region]}, ${volume.toPrecision(3)} mm³ with all below it`, "small"));
    const path = element("p", undefined, "small path");
    const above = [];
    for (let r = region; r >= 0; r = regions.parent[r]) above.unshift(r);
    above.forEach((r, i) => {
      const button = element("button", regions.acronym[r]);
      button.title = regions.name[r];
      button.onclick = () => choose(r);
      path.append(i ? " > " : "", button);
    });
    box.append(path);
  }
  if (voxel) {
    box.append(element("p", position(voxel), "small place"));
  }
  return title;
}

function convention() {
  const [ml] = atlas.axes;
  const onLeft = ml.direction === "right-to-left" ? ["right", "radiological"] : ["left", "neurological"];
  const axes = [1, 2, 0].map((i) => `${atlas.axes[i].axis} (${atlas.axes[i].name}) ${atlas.axes[i].direction}`);
  return `The ${onLeft[0]} hemisphere is on the left of the picture (${onLeft[1]} convention). ` +
    (atlas.frame ? `${atlas.frame.about} ` : `Positions are centres of voxels, in mm: ${axes.join(", ")}. `) +
    "Click or drag: move the planes. Wheel: through them. Right button: measure. In 3-D: turn, zoom. Drawn by NiiVue.";
}

function choose(region) {
  chosen = region;
  inChosen = within(region);
  byId("chosen").hidden = region < 0;
  if (region >= 0) {
    const title = describe(byId("chosen"), region);
    const clear = element("button", "show all", "clear");
    clear.onclick = () => choose(-1);
    title.append(clear);
    if (regions.at[region]) goTo(regions.at[region]);
    pick([region], regions.at[region]);
  }
  paint();
}

function watchPointer() {
  niivue.canvas.addEventListener("mousemove", (event) => {
    const voxel = voxelUnderPointer(event);
    if (!voxel) return;
    const region = codeAt(voxel) - 1;
    describe(byId("pointer"), region, voxel);
    mark(region);
  });
  niivue.canvas.addEventListener("mouseleave", () => mark(-1));
}

function mark(region) {
  if (region === hovered) return;
  hovered = region;
  inHovered = within(region);
  drawOver();
}

// -- the search

function matches(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const ranked = [];
  for (let r = 0; r < count; r++) {
    const acronym = regions.acronym[r].toLowerCase(), name = regions.name[r].toLowerCase();
    const inName = name.indexOf(wanted);
    let rank = 9;
    if (regions.acronym[r] === text.trim()) rank = 0;
    else if (acronym === wanted || name === wanted) rank = 1;
    else if (acronym.startsWith(wanted)) rank = 2;
    else if (inName === 0 || (inName > 0 && name[inName - 1] === " ")) rank = 3;
    else if (inName > 0 || acronym.includes(wanted)) rank = 4;
    if (rank < 9) ranked.push([rank, regions.voxels[r] ? 0 : 1, r]);
  }
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).map((found) => found[2]);
}

function watchSearch() {
  const input = byId("search"), list = byId("found");
  let found = [], at = 0;
  const show = () => {
    list.hidden = !input.value.trim();
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...found.slice(0, 50).map((region, i) => {
      const item = element("li");
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(i === at));
      item.setAttribute("aria-disabled", String(!regions.voxels[region]));
      item.append(swatch(region), element("b", regions.acronym[region]));
      item.append(element("span", regions.name[region] + (regions.voxels[region] ? "" : " (not in view)"), "name"));
      item.onmousedown = (event) => { event.preventDefault(); take(region); };
      return item;
    }));
    if (!found.length) list.append(element("li", "no region has this in its acronym or name", "none"));
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const take = (region) => {
    if (region === undefined || !regions.voxels[region]) return;
    input.value = regions.acronym[region];
    list.hidden = true;
    choose(region);
  };
  input.oninput = () => { found = matches(input.value); at = 0; show(); };
  input.onfocus = () => { if (input.value) input.oninput(); };
  input.onblur = () => { list.hidden = true; };
  input.onkeydown = (event) => {
    const last = Math.min(found.length, 50) - 1;
    if (event.key === "ArrowDown") at = Math.min(last, at + 1);
    else if (event.key === "ArrowUp") at = Math.max(0, at - 1);
    else if (event.key === "Enter") return take(found[at]);
    else if (event.key === "Escape") { list.hidden = true; return; }
    else return;
    event.preventDefault();
    show();
  };
}

// -- the controls

function watchControls() {
  byId("opacity").oninput = () => niivue.setOpacity(niivue.volumes.length - 1, Number(byId("opacity").value));
  byId("outlines").onchange = drawOver;
  for (const surface of atlas.surfaces) {
    const item = element("li"), shown = element("input"), opacity = element("input");
    const text = surface.name ?? (surface.region < 0 ? "all regions" : regions.acronym[surface.region]);
    const name = element("label", undefined, "name");
    shown.type = "checkbox";
    shown.checked = Boolean(surface.id);
    Object.assign(opacity, { type: "range", min: 0, max: 1, step: 0.05, value: opacityOf(surface) });
    opacity.setAttribute("aria-label", `opacity of ${text}`);
    shown.disabled = opacity.disabled = !surface.id;
    shown.onchange = () => niivue.setMeshProperty(surface.id, "visible", shown.checked);
    opacity.oninput = () => niivue.setMeshProperty(surface.id, "opacity", Number(opacity.value));
    name.title = regions.name[surface.region] ?? text;
    name.append(shown, swatch(surface.region), surface.id ? text : `${text} (not in view)`);
    item.append(name, opacity);
    byId("surfaces").append(item);
  }
}

async function main() {
  byId("title").textContent = atlas.title;
  byId("about").textContent = atlas.about;
  byId("convention").prepend(convention());
  byId("opacity").value = atlas.template ? 0.4 : 0.9;
  describe(byId("pointer"));
  await start();
  await showVolumes();
  const first = atlas.surfaces.find(({ region, faint }) => !faint && regions.at[region]);
  if (first) goTo(regions.at[first.region]);
  watchPointer();
  watchClicks();
  watchSearch();
  byId("wait").remove();
  requestAnimationFrame(() => { document.body.dataset.ready = String(Math.round(performance.now())); });
  await showSurfaces();
  watchControls();
  document.body.dataset.complete = String(Math.round(performance.now()));
}

main().catch((error) => {
  byId("wait").textContent = `The atlas cannot be drawn here: ${error.message}`;
  throw error;
});

// An atlas drawn by NiiVue, which ipyniivue brings as an anywidget: a module with
// initialize({model}) and render({model, el}). This page plays the notebook's part.
const atlas = JSON.parse(byId("atlas").textContent);
const regions = atlas.regions;
const count = regions.acronym.length;
const shape = atlas.axes.map((axis) => axis.count); // to the right, anterior, superior
const PLANES = [
  { name: "horizontal", across: 0, up: 1, through: 2 }, // in NiiVue's order
  { name: "coronal", across: 0, up: 2, through: 1 },
  { name: "sagittal", across: 1, up: 2, through: 0 },
];
const SIDES = ["LR", "PA", "IS"]; // where each axis begins and ends
let niivue, labels, codes;
let chosen = -1, hovered = -1, inChosen = null, inHovered = null;

function byId(id) {
  return document.getElementById(id);
}

// -- what the page holds

async function unpack(name) {
  const text = atob(byId("file-" + name).textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function colour(region) {
  if (region < 0) return [225, 229, 235]; // around all regions
  const hex = region < count ? regions.color[region] : "#808080";
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

function codeAt([i, j, k]) {
  return codes[i + shape[0] * (j + shape[1] * k)];
}

function place(axis, index) {
  const { axis: name, first, step } = atlas.axes[axis];
  return `${name} ${(first + step * index).toFixed(3)}`;
}

// of a region and all below it, by the code of a voxel
function within(region) {
  if (region < 0) return null;
  const found = new Uint8Array(1 + count + atlas.unknown.length);
  for (let code = 1; code < found.length; code++) {
    let above = code - 1;
    while (above >= 0 && above !== region) above = above < count ? regions.parent[above] : -1;
    found[code] = above === region ? 1 : 0;
  }
  return found;
}

// -- NiiVue

async function start() {
  const url = URL.createObjectURL(new Blob([await unpack("niivue")], { type: "text/javascript" }));
  const widget = (await import(url)).default;
  URL.revokeObjectURL(url);
  const grows = Object.fromEntries(atlas.axes.map(({ axis, direction }) => [axis, direction]));
  let attached;
  const opts = {
    // left and right, front and back as the coordinates of the atlas run
    isRadiologicalConvention: grows.ml === "right-to-left",
    sagittalNoseLeft: grows.ap === "anterior-to-posterior",
    multiplanarLayout: 2,
    multiplanarShowRender: 1,
    multiplanarPadPixels: 6,
    meshThicknessOn2D: 0,
    isNearestInterpolation: true,
    isOrientCube: true, // in 3-D, where no letters are
    isOrientationTextVisible: false,
    crosshairWidth: 0,
    backColor: [0.043, 0.051, 0.063, 1],
    dragAndDropEnabled: false,
    dragMode: 2,
    logLevel: "error",
    // NiiVue takes functions among its options for methods of its own
    drawImage3D() {}, // surfaces only
    attachToCanvas(canvas, antialias) {
      niivue = this;
      attached = Object.getPrototypeOf(this).attachToCanvas.call(this, canvas, antialias);
      return attached;
    },
    drawScene() {
      Object.getPrototypeOf(this).drawScene.call(this);
      drawOver();
    },
  };
  const traits = {
    opts, volumes: [], meshes: [], height: 100, draw_opacity: 0, draw_fill_overwrites: true,
    background_masks_overlays: 0, overlay_outline_width: 0, overlay_alpha_shader: 1,
  };
  const nothing = () => {};
  const model = {
    get: (name) => traits[name],
    set: (name, value) => { traits[name] = value; },
    on: nothing, off: nothing, save_changes: nothing, send: nothing,
  };
  await widget.initialize({ model });
  await widget.render({ model, el: byId("niivue") });
  await attached;
  window.niivue = niivue; // for the console of a browser
  // from the right, the front and above
  niivue.scene.renderAzimuth = 235;
  niivue.scene.renderElevation = 25;
  niivue.scene.volScaleMultiplier = 1.05;
}

async function showVolumes() {
  const files = await Promise.all(["background", "annotation"].map(async (name) => ({
    name: name + ".nii", url: await unpack(name), colormap: "gray", opacity: 1, cal_min: 0, cal_max: 255,
  })));
  const buffer = files.at(-1).url;
  codes = new Uint16Array(buffer, 352); // after the header of NIfTI
  await niivue.loadVolumes(files);
  labels = niivue.volumes.at(-1);
  paint();
  niivue.setOpacity(niivue.volumes.length - 1, Number(byId("opacity").value));
}

function paint() {
  const lut = new Uint8ClampedArray(4 * (1 + count + atlas.unknown.length));
  for (let code = 1; 4 * code < lut.length; code++) {
    if (!inChosen || inChosen[code]) lut.set([...colour(code - 1), 255], 4 * code);
  }
  labels.colormapLabel = { lut, min: 0, max: lut.length / 4 - 1 };
  niivue.updateGLVolume();
}

function opacityOf(surface) {
  return surface.faint ? 0.2 : 1;
}

async function showSurfaces() {
  for (const surface of atlas.surfaces) {
    const name = `surface-${surface.region}`;
    if (!byId("file-" + name)) continue; // no voxel in view
    const mesh = await niivue.addMeshFromUrl({
      url: name + ".mz3", name: name + ".mz3", buffer: await unpack(name),
      rgba255: [...colour(surface.region), 255], opacity: opacityOf(surface),
    });
    surface.id = mesh.id;
    if (surface.faint) niivue.setMeshShader(mesh.id, "Edge");
  }
}

function goTo(voxel) {
  niivue.scene.crosshairPos = voxel.map((i, axis) => (i + 0.5) / shape[axis]);
  niivue.drawScene();
}

// -- outlines, drawn over NiiVue's planes along the faces of the voxels

function tiles() {
  return niivue.screenSlices.map((slice, index) => {
    const [left, top, width, height] = slice.leftTopWidthHeight;
    const plane = PLANES[slice.axCorSag];
    if (!plane) return { left, top, width, height };
    // NiiVue says what lies under two points; the rest of the plane is in proportion
    const under = (share) => niivue.screenXY2TextureFrac(left + share * width, top + share * height, index, false);
    const [from, to] = [under(0.25), under(0.75)];
    const { across, up, through } = plane;
    const at = Math.min(shape[through] - 1, Math.floor(slice.sliceFrac * shape[through]));
    const along = (axis, start, size) => {
      const low = from[axis] * shape[axis], high = to[axis] * shape[axis];
      return (index) => start + size * (0.25 + (0.5 * (index - low)) / (high - low));
    };
    const x = along(across, left, width), y = along(up, top, height);
    return { left, top, width, height, plane, at, x, y };
  });
}

// straight runs of edges, as rectangles of whole pixels: no smooth line is drawn as fast
function outline(pen, { plane: { across, up, through }, at, x, y }, width, differ) {
  const voxel = [0, 0, 0];
  voxel[through] = at;
  const code = (i, j) => {
    if (i < 0 || j < 0 || i >= shape[across] || j >= shape[up]) return 0;
    voxel[across] = i;
    voxel[up] = j;
    return codeAt(voxel);
  };
  const runs = (lines, length, isEdge, draw) => {
    for (let line = 0; line <= lines; line++) {
      for (let from = 0, to = 0; to <= length; from = ++to) {
        while (to < length && isEdge(line, to)) to++;
        if (to > from) draw(line, from, to);
      }
    }
  };
  const pixel = (position) => Math.round(position - width / 2);
  const bar = (h, v, h2, v2) => {
    const left = pixel(Math.min(h, h2)), top = pixel(Math.min(v, v2));
    pen.fillRect(left, top, pixel(Math.max(h, h2)) - left + width, pixel(Math.max(v, v2)) - top + width);
  };
  runs(shape[across], shape[up], (i, j) => differ(code(i, j), code(i - 1, j)),
    (i, from, to) => bar(x(i), y(from), x(i), y(to)));
  runs(shape[up], shape[across], (j, i) => differ(code(i, j), code(i, j - 1)),
    (j, from, to) => bar(x(from), y(j), x(to), y(j)));
}

function drawOver() {
  if (!codes) return;
  const canvas = byId("over"), pen = canvas.getContext("2d", { willReadFrequently: true });
  const scale = niivue.canvas.width / niivue.canvas.clientWidth;
  canvas.width = niivue.canvas.width;
  canvas.height = niivue.canvas.height;
  pen.font = `${12 * scale}px system-ui, sans-serif`;
  for (const tile of tiles()) {
    pen.save();
    pen.beginPath();
    pen.rect(tile.left, tile.top, tile.width, tile.height);
    pen.clip();
    if (tile.plane) {
      const draw = (style, width, differ) => {
        pen.fillStyle = style;
        outline(pen, tile, Math.max(1, Math.round(width * scale)), differ);
      };
      if (byId("outlines").checked) draw("rgba(0, 0, 0, 0.55)", 1, (a, b) => a !== b);
      if (inChosen) draw("#ffffff", 2, (a, b) => inChosen[a] !== inChosen[b]);
      if (inHovered) draw("#ffe14d", 2, (a, b) => inHovered[a] !== inHovered[b]);
    }
    if (tile.plane) drawCrosshair(pen, tile, scale);
    pen.restore();
    drawCaption(pen, tile, scale);
  }
}

function drawCrosshair(pen, { plane: { across, up }, left, top, width, height, x, y }, scale) {
  const { crosshairPos } = niivue.scene;
  const sharp = (position) => Math.floor(position) + 0.5;
  const h = sharp(x(crosshairPos[across] * shape[across])), v = sharp(y(crosshairPos[up] * shape[up]));
  const gap = 6 * scale;
  pen.beginPath();
  for (const [a, b] of [[left, h - gap], [h + gap, left + width]]) { pen.moveTo(a, v); pen.lineTo(b, v); }
  for (const [a, b] of [[top, v - gap], [v + gap, top + height]]) { pen.moveTo(h, a); pen.lineTo(h, b); }
  pen.strokeStyle = "rgba(255, 255, 255, 0.7)";
  pen.lineWidth = scale;
  pen.stroke();
}

// what runs along an edge of a plane, from where the atlas lies on the screen
function drawCaption(pen, { plane, left, top, width, height, at, x, y }, scale) {
  const edge = 5 * scale;
  const write = (text, h, v, align, baseline, style = "#e8ecf1") => {
    pen.textAlign = align;
    pen.textBaseline = baseline;
    pen.lineWidth = 3 * scale;
    pen.strokeStyle = "rgba(11, 13, 16, 0.8)";
    pen.strokeText(text, h, v);
    pen.fillStyle = style;
    pen.fillText(text, h, v);
  };
  write(plane ? `${plane.name}  ${place(plane.through, at)} mm` : "surfaces", left + edge, top + edge, "left", "top");
  if (!plane) return;
  const [low, high] = SIDES[plane.across], [below, above] = SIDES[plane.up];
  const [leftmost, rightmost] = x(1) > x(0) ? [low, high] : [high, low];
  const [topmost, bottom] = y(1) > y(0) ? [below, above] : [above, below];
  const [middle, centre] = [left + width / 2, top + height / 2];
  write(leftmost, left + edge, centre, "left", "middle");
  write(rightmost, left + width - edge, centre, "right", "middle");
  write(topmost, middle, top + edge, "center", "top");
  write(bottom, middle, top + height - edge, "center", "bottom");
}

// -- what a region is

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
    const text = [1, 2, 0].map((axis) => place(axis, voxel[axis])).join("  ") + " mm";
    box.append(element("p", text, "small place"));
  }
  return title;
}

function convention() {
  const [ml] = atlas.axes;
  const onLeft = ml.direction === "right-to-left" ? ["right", "radiological"] : ["left", "neurological"];
  const axes = [1, 2, 0].map((i) => `${atlas.axes[i].axis} (${atlas.axes[i].name}) ${atlas.axes[i].direction}`);
  return `The ${onLeft[0]} hemisphere is on the left of the picture (${onLeft[1]} convention). ` +
    `Positions are centres of voxels, in mm: ${axes.join(", ")}. ` +
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
  }
  paint();
}

function watchPointer() {
  niivue.canvas.addEventListener("mousemove", (event) => {
    const box = niivue.canvas.getBoundingClientRect();
    const scale = niivue.canvas.width / box.width;
    const frac = niivue.canvasPos2frac([(event.clientX - box.left) * scale, (event.clientY - box.top) * scale]);
    if (frac[0] < 0) return;
    const voxel = shape.map((n, axis) => Math.min(n - 1, Math.max(0, Math.floor(frac[axis] * n))));
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
    const text = surface.region < 0 ? "all regions" : regions.acronym[surface.region];
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
  byId("convention").textContent = convention();
  byId("opacity").value = atlas.template ? 0.4 : 0.9;
  describe(byId("pointer"));
  await start();
  await showVolumes();
  watchPointer();
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

// An atlas drawn by NiiVue, which ipyniivue brings as an anywidget: a module with
// initialize({model}) and render({model, el}). This page plays the notebook's part.
// The three scripts of this folder are one module in the page.
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
    multiplanarLayout: 2, // two by two
    multiplanarShowRender: 1, // always the fourth, in 3-D
    multiplanarPadPixels: 6,
    meshThicknessOn2D: 0, // no surfaces in the planes
    isNearestInterpolation: true,
    isOrientCube: true, // in 3-D, where no letters are
    isOrientationTextVisible: false, // outlines.js draws letters and crosshair, thin and sharp
    crosshairWidth: 0,
    backColor: [0.043, 0.051, 0.063, 1],
    dragAndDropEnabled: false,
    dragMode: 2, // the right button measures
    rulerColor: [1, 0.88, 0.3, 1],
    measureLineColor: [1, 0.88, 0.3, 1],
    measureTextColor: [1, 1, 1, 1],
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
  // the faint ones first: what is drawn later covers them, wherever it lies
  for (const surface of [...atlas.surfaces].sort((a, b) => b.faint - a.faint)) {
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

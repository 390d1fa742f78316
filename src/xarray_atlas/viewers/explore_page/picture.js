// An atlas drawn by NiiVue, whose version tools/make_niivue.py sets, through what it documents:
// options, methods, and the properties of its type declarations.
// The scripts of this folder but widget.js are one module in the page.
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
let niivue, labels, codes, drawnOver;
let chosen = -1, hovered = -1, inChosen = null, inHovered = null, inPicked = null;

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
  if (region === -2) return [255, 225, 77]; // a shank of a probe
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

// numbers of the frame, where one was asked for: a row of its matrix from voxels for each axis
function inFrame(row, voxel) {
  const { axes, matrix, digits } = atlas.frame;
  const number = [0, 1, 2].reduce((sum, i) => sum + matrix[row][i] * voxel[i], matrix[row][3]);
  return `${axes[row]} ${(number + 0).toFixed(digits)}`;
}

function position(voxel) {
  if (!atlas.frame) return `${[1, 2, 0].map((axis) => place(axis, voxel[axis])).join("  ")} mm`;
  return `${atlas.frame.order.map((row) => inFrame(row, voxel)).join("  ")} ${atlas.frame.unit}`;
}

// a plane of voxels is one of the frame only where an axis of the frame stands upright on it
function placeOfPlane(axis, index) {
  const row = atlas.frame ? atlas.frame.across[axis] : -1;
  if (row < 0) return `${place(axis, index)} mm${atlas.frame ? " in the atlas" : ""}`;
  const voxel = [0, 0, 0];
  voxel[axis] = index;
  return `${inFrame(row, voxel)} ${atlas.frame.unit}`;
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
  await import(url); // a UMD build, which puts itself into the global scope
  URL.revokeObjectURL(url);
  const grows = Object.fromEntries(atlas.axes.map(({ axis, direction }) => [axis, direction]));
  const { Niivue, MULTIPLANAR_TYPE, SHOW_RENDER, DRAG_MODE } = globalThis.niivue;
  niivue = new Niivue({
    // left and right, front and back as the coordinates of the atlas run
    isRadiologicalConvention: grows.ml === "right-to-left",
    sagittalNoseLeft: grows.ap === "anterior-to-posterior",
    multiplanarLayout: MULTIPLANAR_TYPE.GRID,
    multiplanarShowRender: SHOW_RENDER.ALWAYS, // the fourth, in 3-D
    multiplanarPadPixels: 6,
    meshThicknessOn2D: 0, // no surfaces in the planes
    isNearestInterpolation: true,
    isOrientCube: true, // in 3-D, where no letters are
    isOrientationTextVisible: false, // outlines.js draws letters and crosshair, thin and sharp
    crosshairWidth: 0,
    backColor: [0.043, 0.051, 0.063, 1],
    dragAndDropEnabled: false,
    dragMode: DRAG_MODE.measurement, // the right button
    rulerColor: [1, 0.88, 0.3, 1],
    measureLineColor: [1, 0.88, 0.3, 1],
    measureTextColor: [1, 1, 1, 1],
    logLevel: "error",
  });
  leaveVolumesOutOf3D();
  window.niivue = niivue; // for the console of a browser
  await niivue.attachToCanvas(byId("niivue").firstElementChild);
  // from the right, the front and above
  niivue.setRenderAzimuthElevation(235, 25);
  niivue.setScale(1.05);
}

// The page shows surfaces only in 3-D. NiiVue 0.65.0 has no option for this: it draws volumes and
// surfaces there, and what hides a volume hides it in the planes too (clip planes do not, but
// leave overlays). So this replaces a method that is not documented, the only one. It can go when
// NiiVue has an option for the volumes of the 3-D tile, as meshThicknessOn2D is for surfaces.
function leaveVolumesOutOf3D() {
  if (typeof niivue.drawImage3D !== "function") throw new Error("another NiiVue than 0.65.0");
  niivue.drawImage3D = () => {};
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
  drawOverWhenMoved();
  niivue.setOpacity(niivue.volumes.length - 1, Number(byId("opacity").value));
}

function paint() {
  const seen = (code) => code > 0 && (!inChosen || inChosen[code]);
  const codesOfAll = [...Array(1 + count + atlas.unknown.length).keys()];
  const colours = codesOfAll.map((code) => (seen(code) ? colour(code - 1) : [0, 0, 0]));
  const [R, G, B] = [0, 1, 2].map((i) => colours.map((rgb) => rgb[i]));
  labels.setColormapLabel({ R, G, B, A: codesOfAll.map((code) => (seen(code) ? 255 : 0)), I: codesOfAll });
  niivue.updateGLVolume();
}

function opacityOf(surface) {
  return surface.faint ? 0.2 : 1;
}

async function showSurfaces() {
  // the faint ones first: what is drawn later covers them, wherever it lies
  for (const surface of [...atlas.surfaces].sort((a, b) => b.faint - a.faint)) {
    const name = surface.file ?? `surface-${surface.region}`;
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
  niivue.moveCrosshairInVox(0, 0, 0); // draws it
}

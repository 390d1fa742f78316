// Over NiiVue's picture: outlines along the faces of the voxels, the crosshair, letters and
// captions. Where the planes are on the screen NiiVue says.

// where along an axis a position in NiiVue's mm is, counted in voxels from the edge of the first
function inVoxels(axis, mm) {
  const { sign, first, step } = atlas.axes[axis];
  return (mm - sign * first) / Math.abs(step) + 0.5;
}

function tiles() {
  return niivue.screenSlices.map((slice) => {
    const [left, top, width, height] = slice.leftTopWidthHeight;
    const plane = PLANES[slice.axCorSag];
    if (!plane) return { left, top, width, height };
    const { across, up, through } = plane;
    const at = Math.min(shape[through] - 1, Math.floor(slice.sliceFrac * shape[through]));
    const along = (i, axis) => {
      const low = inVoxels(axis, slice.leftTopMM[i]), high = inVoxels(axis, slice.leftTopMM[i] + slice.fovMM[i]);
      return { low, size: high - low };
    };
    const h = along(0, across), v = along(1, up); // from the left, from below; negative if mirrored
    const x = (index) => left + (width * (index - h.low)) / h.size;
    const y = (index) => top + height - (height * (index - v.low)) / v.size;
    const under = (px, py) => {
      const voxel = [0, 0, 0];
      voxel[across] = Math.floor(h.low + (h.size * (px - left)) / width);
      voxel[up] = Math.floor(v.low + (v.size * (top + height - py)) / height);
      voxel[through] = at;
      return voxel;
    };
    return { left, top, width, height, plane, at, x, y, under };
  });
}

// null beside the planes, and where these reach beyond the atlas
function voxelUnder(px, py) {
  for (const { left, top, width, height, under } of tiles()) {
    if (!under || px < left || py < top || px > left + width || py > top + height) continue;
    const voxel = under(px, py);
    if (voxel.every((i, axis) => i >= 0 && i < shape[axis])) return voxel;
  }
  return null;
}

function voxelUnderPointer(event) {
  const box = niivue.canvas.getBoundingClientRect();
  const scale = niivue.canvas.width / box.width;
  return voxelUnder((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
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

// NiiVue does not tell when it has drawn. What is drawn over it follows from these, which are
// compared before each frame: NiiVue draws on events, thus earlier in a frame
function drawOverWhenMoved() {
  const { canvas, screenSlices, scene } = niivue;
  const seen = JSON.stringify([canvas.width, canvas.height, screenSlices, [...scene.crosshairPos]]);
  if (seen !== drawnOver) drawOver();
  drawnOver = seen;
  requestAnimationFrame(drawOverWhenMoved);
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
      if (inPicked) draw("#ffffff", 2, (a, b) => inPicked[a] !== inPicked[b]);
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
  write(plane ? plane.name : "surfaces", left + edge, top + edge, "left", "top");
  if (!plane) return;
  write(placeOfPlane(plane.through, at), left + width - edge, top + edge, "right", "top");
  const [low, high] = SIDES[plane.across], [below, above] = SIDES[plane.up];
  const [leftmost, rightmost] = x(1) > x(0) ? [low, high] : [high, low];
  const [topmost, bottom] = y(1) > y(0) ? [below, above] : [above, below];
  const [middle, centre] = [left + width / 2, top + height / 2];
  write(leftmost, left + edge, centre, "left", "middle");
  write(rightmost, left + width - edge, centre, "right", "middle");
  write(topmost, middle, top + edge, "center", "top");
  write(bottom, middle, top + height - edge, "center", "bottom");
}

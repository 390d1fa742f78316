// What was clicked, for the widget that holds this page in a notebook (widget.js). A page that
// stands alone is never greeted, and sends nothing.
let widget = null;
let picked = [];

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || window.parent === window) return;
  if (event.data?.xarrayAtlas !== "hello" || widget) return;
  widget = event.source;
  document.body.dataset.live = "true";
  byId("convention").textContent += " A click picks a region for Python, with Shift one more.";
});

// a click on a plane: its region, or one more with Shift or Ctrl
function watchClicks() {
  niivue.canvas.addEventListener("mouseup", (event) => {
    if (event.button !== 0) return;
    const voxel = voxelUnderPointer(event);
    if (!voxel) return;
    const region = codeAt(voxel) - 1;
    const known = region >= 0 && region < count ? [region] : [];
    const more = event.shiftKey || event.ctrlKey || event.metaKey;
    if (!more) pick(known, voxel);
    else if (picked.includes(region)) pick(picked.filter((other) => other !== region), voxel);
    else pick([...picked, ...known], voxel);
  });
}

function pick(found, voxel) {
  if (!widget) return;
  picked = found;
  inPicked = unionOf(picked);
  drawOver();
  widget.postMessage({ xarrayAtlas: "picked", picked: { regions: picked, voxel: voxel ?? null } }, "*");
}

function unionOf(several) {
  const each = several.map(within);
  return each.length ? each[0].map((_, code) => (each.some((one) => one[code]) ? 1 : 0)) : null;
}

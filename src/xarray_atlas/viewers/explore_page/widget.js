// The view of a widget (anywidget): the page of explore() in a frame, and what is picked in it.
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "Brain atlas";
  frame.style.cssText = "width: 100%; height: 700px; border: 0";
  frame.srcdoc = model.get("_page");
  const hear = ({ source, data }) => {
    if (source !== frame.contentWindow || data?.xarrayAtlas !== "picked") return;
    model.set("_picked", data.picked);
    model.save_changes();
  };
  window.addEventListener("message", hear);
  frame.addEventListener("load", () => frame.contentWindow.postMessage({ xarrayAtlas: "hello" }, "*"));
  el.append(frame);
  return () => window.removeEventListener("message", hear);
}
export default { render };

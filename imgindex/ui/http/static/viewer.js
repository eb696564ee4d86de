// Two pictures whose zoom and place are one; the second over the first to flip, slide or see what differs.
"use strict";

function viewer(root) {
  const stages = [...root.querySelectorAll(".stage")];
  const moved = [...root.querySelectorAll(".moved")];
  const { first, second } = root.dataset;
  const has = root.dataset.laid === "yes";
  const over = document.createElement("img");
  const slide = root.querySelector("#slide");
  let zoom = 1, x = 0, y = 0, mode = "side", shown = true;
  over.alt = "";
  over.draggable = false;
  over.hidden = true;
  moved[0].append(over);

  function place() {
    const { width, height } = stages[0].getBoundingClientRect();
    x = Math.min(0, Math.max(width * (1 - zoom), x));
    y = Math.min(0, Math.max(height * (1 - zoom), y));
    for (const one of moved) one.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
  }

  function zoomTo(factor, at) {
    const { width, height } = stages[0].getBoundingClientRect();
    const [px, py] = at || [width / 2, height / 2];
    const next = Math.min(16, Math.max(1, zoom * factor));
    x = px - ((px - x) * next) / zoom;
    y = py - ((py - y) * next) / zoom;
    zoom = next;
    place();
  }

  function show(next) {
    mode = next;
    root.classList.toggle("one", mode !== "side");
    for (const button of root.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    root.querySelector(".slider").hidden = mode !== "slide";
    over.hidden = mode === "side" || (mode === "flip" && !shown);
    const name = mode === "difference" ? "difference" : "laid";
    if (mode !== "side") over.src = `/api/v1/images/${first}/${name}?with=${second}`;
    over.style.clipPath = mode === "slide" ? `inset(0 0 0 ${slide.value}%)` : "none";
    place();
  }

  function flip() {
    shown = mode === "flip" ? !shown : true;
    show("flip");
    say(shown ? "The second picture." : "The first picture.");
  }

  function draw(at, outlines) {
    const picture = moved[at].querySelector("img");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("aria-hidden", "true");
    const sized = () => {
      const [width, height] = [picture.naturalWidth, picture.naturalHeight];
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.replaceChildren(...outlines.map((corners) => {
        const polygon = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
        polygon.setAttribute("points", corners.map(([px, py]) => `${px * width},${py * height}`).join(" "));
        return polygon;
      }));
    };
    if (picture.complete) sized(); else picture.addEventListener("load", sized);
    moved[at].append(svg);
  }

  async function outline() {
    const answer = await fetch(`/api/v1/images/${first}/outlines?with=${second}`);
    if (!answer.ok) return;
    const { regions, own } = await answer.json();
    draw(0, regions);
    draw(1, own);
    const places = regions.length === 1 ? "1 place differs" : `${regions.length} places differ`;
    root.querySelector("[data-places]").textContent = regions.length ? `${places}; outlined.` : "Nothing differs visibly where both show something.";
  }

  function toggleOutlines() {
    const button = root.querySelector("[data-outlines]");
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    for (const svg of root.querySelectorAll(".moved svg")) svg.style.display = on ? "" : "none";
  }

  const zooms = { in: () => zoomTo(1.5), out: () => zoomTo(1 / 1.5), fit: () => zoomTo(0) };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.mode === "flip") flip();
    else if (button.dataset.mode) show(button.dataset.mode);
    else if (button.dataset.zoom) zooms[button.dataset.zoom]();
    else if ("outlines" in button.dataset) toggleOutlines();
  });
  slide?.addEventListener("input", () => show("slide"));
  for (const stage of stages) {
    let from = null;
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      zoomTo(event.deltaY < 0 ? 1.2 : 1 / 1.2, [event.clientX - box.left, event.clientY - box.top]);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => { from = [event.clientX - x, event.clientY - y]; stage.setPointerCapture(event.pointerId); });
    stage.addEventListener("pointermove", (event) => { if (from) { x = event.clientX - from[0]; y = event.clientY - from[1]; place(); } });
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => { from = null; });
  }
  const keys = {
    f: () => has && flip(), s: () => has && show(mode === "slide" ? "side" : "slide"),
    d: () => has && show(mode === "difference" ? "side" : "difference"), o: () => has && toggleOutlines(),
    "+": zooms.in, "=": zooms.in, "-": zooms.out, "0": zooms.fit,
    "[": () => document.querySelector("[data-before]")?.click(), "]": () => document.querySelector("[data-after]")?.click(),
    Escape: () => document.querySelector("[data-back]")?.click(),
  };
  const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (steps[event.key] && event.target.closest(".stage")) {
      x += steps[event.key][0];
      y += steps[event.key][1];
      place();
      event.preventDefault();
    } else if (keys[event.key]) {
      keys[event.key]();
      if (event.key !== "Escape") event.preventDefault();
    }
  });
  if (has) outline();
}

document.querySelectorAll("[data-viewer]").forEach(viewer);

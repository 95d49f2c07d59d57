// One screen a case, worked by keyboard. The next case is fetched while this one is looked at.
"use strict";

const COLUMNS = ["before", "at", "after"];
const OUTCOMES = { matched: "#0072b2", dark: "#c44e00", ambiguous: "#6b6b6b", "no coverage": "#6b6b6b" };
const RANKS = ["#c44e00", "#e69f00", "#009e73"];
const REASON_KEYS = "qwert";
const KEPT = 24; // cases kept ready

let sheet; // the <main> of the case that is shown
let data; // what its script part says
let at; // index of the pass in the middle column and on the map
let mode = null; // what the next clicks on the map mean
let clicks = [];
let map, layers, sceneLayer;
let busy = false;
let band = "all";
const ready = new Map(); // case id → promise of its <main>, pictures decoded

// Leaflet 1.9 loses count of the redraws that it has asked for, and draws one on a map that is gone.
const redraw = L.Canvas.prototype._redraw;
L.Canvas.include({ _redraw() { if (this._ctx) redraw.call(this); } });

const told = document.getElementById("told");
const help = document.getElementById("help");
const say = (text, isWrong = false) => {
  told.textContent = text;
  told.classList.toggle("wrong", isWrong);
};
const one = (selector) => sheet.querySelector(selector);

// ---------------------------------------------------------------- cases

function fetched(id, query) {
  if (!ready.has(id)) {
    ready.set(id, fetchSheet(id, query).catch((error) => { ready.delete(id); throw error; }));
    if (ready.size > KEPT) ready.delete(ready.keys().next().value);
  }
  return ready.get(id);
}

async function fetchSheet(id, query) {
  const answer = await fetch(`/cases/${id}/sheet${query ? "?" + query : ""}`);
  if (!answer.ok || answer.redirected) throw new Error("The case cannot be loaded; load the page again");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = document.adoptNode(page.getElementById("case"));
  await decoded(main);
  return main;
}

// Pictures that the browser has decoded appear at once.
function decoded(main) {
  return Promise.all([...main.querySelectorAll("img")].map((img) => img.decode().catch(() => null)));
}

async function show(id, { since = performance.now(), push = true } = {}) {
  if (!id) { location.assign("/" + (sheet.dataset.query ? "?" + sheet.dataset.query : "")); return; }
  const query = sheet.dataset.query;
  const main = await fetched(id, query);
  ready.delete(id); // once shown it is used up: the next look is at the newest state
  sheet.replaceWith(main);
  if (push) history.pushState({ id }, "", `/cases/${id}${query ? "?" + query : ""}`);
  await open(main, since);
}

async function open(main, since) {
  sheet = main;
  data = JSON.parse(one("#case-data").textContent);
  at = data.at;
  mode = null;
  setBand(band);
  listen();
  await decoded(sheet);
  mark();
  await painted();
  if (since !== null) darkcall.shown.push(performance.now() - since);
  drawMap(); // after the pictures: it takes longer, and nobody decides by it alone
  document.body.dataset.shown = data.case_id;
  prefetch(main);
}

// One after the other, the likeliest first: what is not needed must not slow what is.
async function prefetch(main) {
  for (const id of [main.dataset.next, main.dataset.below]) {
    if (main !== sheet) return; // another case is on the screen, and fetches its own
    if (id && id !== data.case_id) await fetched(id, main.dataset.query).catch(() => null);
  }
}

// Once the browser has put a frame on the screen: a task after the next frame's callbacks.
function painted() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
}

// ---------------------------------------------------------------- pictures

function setBand(name) {
  band = name;
  document.body.dataset.band = name;
}

function nextBand() {
  const bands = ["all", ...[...sheet.querySelectorAll(".band")].map((row) => row.dataset.band)];
  setBand(bands[(bands.indexOf(band) + 1) % bands.length]);
  drawScene();
}

// The middle column and the map show another pass; the outer columns stay what they answer.
function step(by) {
  const to = at + by;
  if (to < 0 || to >= data.looks.length) return say("No further pass of this time");
  goTo(to);
}

function goTo(index) {
  at = index;
  const columns = data.columns[at];
  for (const figure of sheet.querySelectorAll(".chip")) {
    const sensor = ["colour", "nir"].includes(figure.dataset.rendition) ? "S2" : "S1";
    fill(figure, columns[sensor] ? columns[sensor][figure.dataset.column] : null);
  }
  mark();
  drawScene();
}

function fill(figure, scene) {
  const look = data.looks.find((item) => item.scene === scene);
  const rendition = figure.dataset.rendition;
  const frame = figure.querySelector(".frame");
  const caption = figure.querySelector("figcaption");
  if (!look || !look.renditions.includes(rendition)) {
    frame.replaceChildren(Object.assign(document.createElement("span"), { textContent: "no pass saw the place" }));
    frame.classList.add("empty");
    caption.textContent = "–";
    return;
  }
  const source = `/cases/${data.case_id}/pictures/${scene}/${rendition}.png`;
  let image = frame.querySelector("img");
  if (image && new URL(image.src).pathname === source) return;
  const marks = frame.querySelector("svg") || sheet.querySelector("svg.marks").cloneNode(true);
  image = Object.assign(new Image(320, 320), { src: source, alt: `${look.at} UTC, ${look.platform}, ${look.state}` });
  drawOutlines(marks, look);
  frame.classList.remove("empty");
  frame.replaceChildren(image, marks);
  caption.textContent = `${look.at}, ${look.platform}${look.state === "seen" ? "" : ", " + look.state}`;
}

function drawOutlines(marks, look) {
  const shapes = look.hulls.map((hull) => {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    shape.setAttribute("class", hull.own ? "own" : "other");
    shape.setAttribute("points", hull.corners.map(([x, y]) => `${x * data.side_m},${y * data.side_m}`).join(" "));
    return shape;
  });
  marks.querySelector(".outlines").replaceChildren(...shapes);
}

function mark() {
  for (const button of sheet.querySelectorAll(".pass")) {
    button.classList.toggle("current", Number(button.dataset.index) === at);
  }
}

// ---------------------------------------------------------------- map

function drawMap() {
  if (map) map.remove();
  const [lon, lat] = data.centre;
  map = L.map("map", { attributionControl: false, preferCanvas: true, zoomSnap: 0.5, maxZoom: 18, minZoom: 4, fadeAnimation: false, zoomAnimation: false });
  map.setView([lat, lon], 15);
  L.control.scale({ imperial: false }).addTo(map);
  map.createPane("land").style.zIndex = 150; // below the scene: its own land is the better one
  L.geoJSON(data.ground.land, { pane: "land", style: { color: "#6b6b6b", weight: 1, fillColor: "#efe9dc", fillOpacity: 1 }, interactive: false }).addTo(map);
  layers = L.layerGroup().addTo(map);
  drawGround();
  drawScene();
  map.on("click", clicked);
  map.invalidateSize({ pan: false }); // the forms beside it may have changed its size
  map.setView([lat, lon], 15);
}

function drawGround() {
  const ground = data.ground;
  L.geoJSON(ground.zones, {
    style: (zone) => ({ color: zone.properties.chosen ? "#e69f00" : "#009e73", weight: zone.properties.chosen ? 3 : 1.5, fill: false }),
  }).bindTooltip((layer) => layer.feature.properties.name + (layer.feature.properties.guess ? " (position guessed)" : "")).addTo(layers);
  L.geoJSON(ground.silences, {
    style: (arc) => ({ color: rankColour(arc.properties.rank), dashArray: "6 6", weight: 2 }),
    pointToLayer: (arc, place) => L.circleMarker(place, { radius: 6, color: rankColour(arc.properties.rank), fill: false }),
  }).bindTooltip((layer) => `silence of ${layer.feature.properties.who}: ${layer.feature.properties.off} to ${layer.feature.properties.on || "the end of the data"}`).addTo(layers);
  for (const track of ground.tracks.features) drawTrack(track);
}

// The line and each fix, whose time the pointer tells.
function drawTrack({ geometry, properties }) {
  const places = geometry.coordinates.map(([lon, lat]) => [lat, lon]);
  const color = rankColour(properties.rank);
  L.polyline(places, { color, weight: 1.5, interactive: false }).addTo(layers);
  places.forEach((place, k) => {
    L.circleMarker(place, { radius: 2, weight: 1, color }).bindTooltip(`${properties.who}, ${properties.at[k]} UTC`).addTo(layers);
  });
}

const rankColour = (rank) => RANKS[rank - 1] || "#6b6b6b";

function drawScene() {
  if (!map) return;
  if (sceneLayer) sceneLayer.remove();
  const look = data.looks[at];
  if (!look) return;
  const rendition = look.renditions.includes(band) ? band : look.renditions[0];
  const here = { filter: (feature) => feature.properties.scene === look.scene };
  sceneLayer = L.layerGroup().addTo(map);
  L.tileLayer(`/tiles/${encodeURIComponent(look.scene)}/${rendition}/{z}/{x}/{y}.png`, { maxNativeZoom: 16, maxZoom: 18, minZoom: 8 }).addTo(sceneLayer);
  L.geoJSON(data.ground.ellipses, { ...here, style: { color: "#e69f00", weight: 1, fill: false, dashArray: "3 3" }, interactive: false }).addTo(sceneLayer);
  L.geoJSON(data.ground.heard, {
    ...here,
    pointToLayer: (ship, place) => L.circleMarker(place, { radius: 4, color: "#0072b2", fillOpacity: 0, weight: 1.5 }),
  }).bindTooltip((layer) => `on the air: MMSI ${layer.feature.properties.mmsi}, ${layer.feature.properties.status}`).addTo(sceneLayer);
  L.geoJSON(data.ground.detections, {
    ...here,
    pointToLayer: (hull, place) => L.circleMarker(place, {
      radius: hull.properties.own ? 9 : 6, weight: hull.properties.own ? 3 : 1.5, fillOpacity: 0,
      color: hull.properties.screened ? "#bdbdbd" : OUTCOMES[hull.properties.outcome] || "#6b6b6b",
    }).on("click", (event) => { if (chosen(hull.properties.id)) L.DomEvent.stop(event); }),
  }).bindTooltip((layer) => {
    const said = layer.feature.properties;
    return `${said.length_m} m, P(ship) ${said.score}, ${said.screened ? "set aside: " + said.screened : said.outcome || "not matched yet"}`;
  }).addTo(sceneLayer);
  one("#map-says").textContent = `Map: ${look.at} UTC, ${look.platform}, ${look.state}`;
}

// ---------------------------------------------------------------- measuring and mending

function begin(what, words) {
  if (darkcall.role === "viewer") return;
  mode = { what, detection: null };
  clicks = [];
  say(words);
  document.getElementById("map").classList.add("aiming");
}

function end(words) {
  mode = null;
  clicks = [];
  document.getElementById("map").classList.remove("aiming");
  if (words !== undefined) say(words);
}

function chosen(id) {
  if (!mode) return false;
  if (mode.what === "hull rejected") {
    write({ kind: "hull rejected", detection_id: id }, "Detection rejected");
    end();
    return true;
  }
  if (mode.what === "hull moved" && !mode.detection) {
    mode.detection = id;
    say("Now click where it really lies");
    return true;
  }
  return false;
}

function clicked(event) {
  if (!mode) return;
  const place = [event.latlng.lng, event.latlng.lat];
  if (mode.what === "hull moved") {
    if (mode.detection) write({ kind: "hull moved", detection_id: mode.detection, lon: place[0], lat: place[1] }, "Detection moved");
    if (mode.detection) end();
    return;
  }
  if (mode.what === "hull rejected") return;
  clicks.push(place);
  L.circleMarker(event.latlng, { radius: 3, color: "#e69f00" }).addTo(sceneLayer);
  if (clicks.length < 2) return say("Now the other end");
  const [bow, stern] = clicks;
  L.polyline([[bow[1], bow[0]], [stern[1], stern[0]]], { color: "#e69f00", weight: 2 }).addTo(sceneLayer);
  const body = { kind: mode.what, scene_id: data.looks[at].scene, bow, stern };
  const isLength = mode.what === "length";
  end();
  write(body, isLength ? null : "Hull added").then((written) => {
    if (written && isLength) say(`${written.entry.body.length_m.toFixed(0)} m, kept with the case`);
  });
}

// ---------------------------------------------------------------- deciding

const entriesPath = (id) => `/api/cases/${id}/entries${sheet.dataset.query ? "?" + sheet.dataset.query : ""}`;

async function write(body, words, { id = data.case_id, key = data.evidence_key } = {}) {
  try {
    const sent = JSON.stringify({ entry_id: darkcall.entryId(), evidence_key: key, body });
    const written = await darkcall.send(entriesPath(id), sent);
    remember(written.entry);
    ready.delete(id);
    if (words) say(words);
    return written;
  } catch (error) {
    say(`Not written: ${error.message}`, true);
    return null;
  }
}

// My own verdicts in this tab, so that z can take back the last.
function remember(entry) {
  const last = JSON.parse(sessionStorage.getItem("mine") || "[]");
  if (["verdict", "adjudicated"].includes(entry.body.kind)) last.push({ seq: entry.seq, id: entry.case_id, key: entry.evidence_key });
  sessionStorage.setItem("mine", JSON.stringify(last.slice(-50)));
}

async function undo() {
  const last = JSON.parse(sessionStorage.getItem("mine") || "[]");
  const mine = last.pop();
  if (!mine) return say("Nothing of this tab to take back");
  const written = await write({ kind: "withdrawn", of_seq: mine.seq }, null, mine);
  if (!written) return;
  sessionStorage.setItem("mine", JSON.stringify(last));
  await show(mine.id);
  say("Taken back; the journal keeps both");
}

async function decide(since) {
  const form = one("#verdict-form");
  const verdict = form.elements.verdict.value;
  if (!verdict) return say("Choose a verdict first: 1 to 5");
  if (busy) return;
  busy = true;
  const named = form.elements.other_mmsi.value.trim() || form.elements.mmsi.value;
  const settles = form.elements.settle && form.elements.settle.checked;
  const reasons = [...form.querySelectorAll("input[name=reason]:checked")].map((box) => box.value);
  const body = { kind: settles ? "adjudicated" : "verdict", verdict, reasons, note: form.elements.note.value, mmsi: named ? Number(named) : null };
  const written = await write(body, null);
  if (written) {
    say(`${verdict}: entry ${written.entry.seq} written, case ${written.status}`);
    try {
      await show(written.next_case_id, { since });
    } catch (error) {
      say(error.message, true);
    }
  }
  busy = false;
}

function choose(verdict) {
  const form = one("#verdict-form");
  form.elements.verdict.value = verdict;
  for (const fieldset of form.querySelectorAll(".reasons")) fieldset.hidden = fieldset.dataset.verdict !== verdict;
  for (const box of form.querySelectorAll("input[name=reason]:checked")) {
    if (box.closest("fieldset").dataset.verdict !== verdict) box.checked = false;
  }
  const said = form.querySelector("option[data-said]");
  form.elements.mmsi.value = verdict === "confirmed" && said ? said.value : "";
}

async function attach(event) {
  event.preventDefault();
  const form = event.target;
  const file = form.elements.file.files[0];
  if (!file) return;
  if (file.size > Number(sheet.dataset.attachMax)) return say("Not attached: the file is too large", true);
  const query = new URLSearchParams({ entry_id: darkcall.entryId(), evidence_key: data.evidence_key, name: file.name, source: form.elements.source.value, shows_ship: form.elements.shows_ship.checked, note: form.elements.note.value });
  if (form.elements.taken_on.value) query.set("taken_on", form.elements.taken_on.value);
  try {
    await darkcall.send(`/api/cases/${data.case_id}/attachments?${query}`, file, file.type || "application/octet-stream");
    ready.delete(data.case_id);
    await show(data.case_id, { since: null, push: false });
    say(`${file.name} attached`);
  } catch (error) {
    say(`Not attached: ${error.message}`, true);
  }
}

async function take() {
  const mine = sheet.dataset.assigned === darkcall.who;
  if (!await write({ kind: "assigned", to: mine ? null : darkcall.who }, null)) return;
  await show(data.case_id, { since: null, push: false });
  say(mine ? "Given back" : "Assigned to you");
}

// ---------------------------------------------------------------- keys and clicks

function listen() {
  for (const button of sheet.querySelectorAll(".pass")) button.addEventListener("click", () => goTo(Number(button.dataset.index)));
  const form = one("#verdict-form");
  if (!form) return;
  form.addEventListener("submit", (event) => { event.preventDefault(); decide(performance.now()); });
  form.addEventListener("change", (event) => { if (event.target.name === "verdict") choose(event.target.value); });
  one("#take").addEventListener("click", take);
  one("#attach").addEventListener("click", () => openAttach(true));
  one("#attach-cancel").addEventListener("click", () => openAttach(false));
  one("#attach-form").addEventListener("submit", attach);
}

function openAttach(isOpen) {
  one("#attach-form").hidden = !isOpen;
  if (isOpen) one("#attach-form").elements.file.focus();
}

const KEYS = {
  j: () => show(sheet.dataset.below || data.case_id),
  k: () => show(sheet.dataset.above || data.case_id),
  b: nextBand,
  "[": () => step(-1),
  "]": () => step(1),
  o: () => document.body.classList.toggle("no-outlines"),
  m: () => begin("length", "Measure: click one end of the hull, then the other; Esc cancels"),
  a: () => begin("hull added", "Add a hull: click bow and stern; Esc cancels"),
  v: () => begin("hull moved", "Move: click the detection; Esc cancels"),
  d: () => begin("hull rejected", "Reject: click the detection; Esc cancels"),
  f: () => openAttach(true),
  y: take,
  z: undo,
  n: () => one("#verdict-form textarea").focus(),
  s: () => one("#verdict-form select").focus(),
  x: () => { const part = one("#reasoning"); part.open = !part.open; if (part.open) part.scrollIntoView(); },
  g: () => location.assign("/" + (sheet.dataset.query ? "?" + sheet.dataset.query : "")),
  "?": () => help.showModal(),
};
const OF_DECIDING = new Set(["f", "y", "z", "n", "s"]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const inText = event.target.matches("input:not([type=radio]):not([type=checkbox]), select, textarea");
  if (event.key === "Escape") {
    end(mode ? "Cancelled" : undefined);
    if (inText) event.target.blur();
    return;
  }
  if (inText) return;
  const decides = Boolean(one("#verdict-form"));
  if (decides && verdictKey(event)) return;
  const action = KEYS[event.key];
  if (!action || (OF_DECIDING.has(event.key) && !decides)) return;
  event.preventDefault();
  action();
});

// 1 to 5 choose, the same again or Enter sends; q w e r t are the chosen verdict's reasons.
function verdictKey(event) {
  const form = one("#verdict-form");
  const radios = [...form.elements.verdict];
  const number = Number(event.key);
  if (number >= 1 && number <= radios.length) {
    event.preventDefault();
    if (radios[number - 1].checked) decide(event.timeStamp);
    else choose(radios[number - 1].value);
    return true;
  }
  if (event.key === "Enter" && form.elements.verdict.value && !event.target.matches("button, a, summary")) {
    event.preventDefault();
    decide(event.timeStamp);
    return true;
  }
  const reason = REASON_KEYS.indexOf(event.key);
  const boxes = form.querySelectorAll(".reasons:not([hidden]) input");
  if (reason >= 0 && boxes[reason]) {
    event.preventDefault();
    boxes[reason].checked = !boxes[reason].checked;
    return true;
  }
  return false;
}

window.addEventListener("popstate", () => location.reload());
document.getElementById("close-help").addEventListener("click", () => help.close());
open(document.getElementById("case"), null);

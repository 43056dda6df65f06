// The page that shows what a deploy of the previewed site would change in the bucket, file by file.
// Keys and texts are not trusted, so nothing here is ever parsed as HTML.

const CHANGES = {
  new: { sign: "+", word: "new" },
  content: { sign: "~", word: "changed" },
  headers: { sign: "~", word: "headers" },
  deleted: { sign: "-", word: "deleted" },
  unchanged: { sign: "", word: "unchanged" },
};
const FEW_ROWS = 60;
const SLICE = 500;
const LINES = 1000;
const RETRY_MS = 2000;

/** The latest plan from the server. */
let plan = null;
let planText = "";
let counts = {};
/** What the user has chosen. It stays when a new plan arrives. */
const shown = new Set(["new", "content", "headers", "deleted"]);
const opened = new Map();
const limits = new Map();
let selectedKey = null;
/** The tree that is shown, and the node of each of its rows. */
let root = null;
let openAtFirst = true;
const nodes = new WeakMap();

/** @type {(id: string) => any} Elements of many kinds, as page.html has them. */
const $ = (id) => document.getElementById(id);
const narrow = matchMedia("not all and (min-width: 56rem) and (min-height: 34rem)");

// --- texts -----------------------------------------------------------------------------------------------

/** Spells out characters that reverse or hide text, as the terminal does. */
function plain(text) {
  const usual = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  const spelled = (c) => usual[c] ?? `\\u{${c.codePointAt(0).toString(16)}}`;
  return text.replace(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, spelled);
}

function bytes(n) {
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = n / 1000;
  let unit = 0;
  for (; value >= 999.95 && unit + 1 < units.length; unit += 1) value /= 1000;
  return `${value.toFixed(1)} ${units[unit]}`;
}

const number = (n) => n.toLocaleString("en");
const count = (n, noun) => `${number(n)} ${noun}${n === 1 ? "" : "s"}`;

function moreText(rest, slice) {
  return rest > slice ? `show ${number(slice)} more of ${number(rest)}` : `show ${number(rest)} more`;
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  /** @type {[number, number, string][]} */
  const units = [[120, 1, "second"], [7200, 60, "minute"], [172800, 3600, "hour"], [Infinity, 86400, "day"]];
  const [, length, noun] = units.find(([below]) => seconds < below);
  return `${count(Math.floor(seconds / length), noun)} ago`;
}

function sizes(file, between) {
  const size = bytes(file.size);
  const before = file.old_size === null || file.change === "deleted" ? size : bytes(file.old_size);
  return before === size ? size : between(before, size);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** A text of the tool as elements. Names in it are between backticks. */
function prose(text) {
  const parts = text.split("`");
  const closed = parts.length % 2 === 1;
  return parts.map((part, at) => (closed && at % 2 === 1 ? element("code", {}, plain(part)) : plain(part)));
}

/** The origin of the site, which is on another port. */
function siteOrigin() {
  return `${location.protocol}//${location.hostname}:${plan.site_port}`;
}

/** The address of a file in the site. It begins with the origin, so that a key such as `//host` cannot lead to another
 * server. */
function address(key) {
  return siteOrigin() + plan.site + key.split("/").map(encodeURIComponent).join("/");
}

// --- the server ------------------------------------------------------------------------------------------

let loading = false;
let again = false;

async function load() {
  again = true;
  if (loading) return;
  loading = true;
  while (again) {
    again = false;
    try {
      const response = await fetch("plan.json", { cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      takePlan(await response.text());
      if ($("running").dataset.kind === "lost") showRunning("");
    } catch (error) {
      console.error(error);
      showRunning("lost");
    }
  }
  loading = false;
}

let socket = null;
let retry = 0;

function connect() {
  disconnect();
  const opened = new WebSocket(new URL("events", location.href.replace(/^http/, "ws")));
  socket = opened;
  opened.onopen = () => {
    showRunning("");
    load();
  };
  opened.onmessage = (event) => {
    if (JSON.parse(event.data).kind === "building") return showRunning("building");
    showRunning("");
    load();
  };
  opened.onclose = () => {
    if (opened !== socket) return;
    showRunning("lost");
    retry = setTimeout(connect, RETRY_MS);
  };
}

function disconnect() {
  clearTimeout(retry);
  const last = socket;
  socket = null;
  last?.close();
}

async function look() {
  if ($("look").ariaDisabled === "true") return;
  showLooking(true);
  try {
    const response = await fetch("look", { method: "POST" });
    if (!response.ok) throw new Error(response.statusText);
  } catch (error) {
    console.error(error);
    showLooking(false);
    showRunning("lost");
  }
}

// --- the plan --------------------------------------------------------------------------------------------

function takePlan(text) {
  if (text !== planText) {
    const first = plan === null;
    const next = JSON.parse(text);
    const before = plan?.state;
    planText = text;
    plan = settled(next);
    counts = tally(plan.files);
    showHeading();
    showBanners();
    showTools();
    showTree(first || plan.state !== before);
    if (first) readAddress();
    else showDetails();
  }
  showLooked();
}

/** While the bucket is listed again, the earlier comparison stays on the page. */
function settled(next) {
  const looking = next.state === "looking";
  const stands = looking && plan?.state === "compared" && plan.version === next.version;
  return stands ? { ...plan, looking } : { ...next, looking };
}

function tally(files) {
  const found = { new: 0, content: 0, headers: 0, deleted: 0, unchanged: 0, size: 0 };
  for (const file of files) {
    if (file.change !== null) found[file.change] += 1;
    if (file.change !== "deleted") found.size += file.size;
  }
  found.changes = found.new + found.content + found.headers + found.deleted;
  return found;
}

const compared = () => plan.state === "compared";

// --- heading, banners and tools --------------------------------------------------------------------------

function showHeading() {
  const { environment, branch, commit, dirty, place, site } = plan;
  $("environment").textContent = plain(environment ?? "no environment");
  $("revision").textContent = plain(branch === commit ? commit : `${branch}@${commit}`);
  $("dirty").textContent = dirty ? ", with changes that are not committed" : "";
  $("place-part").hidden = place === null;
  $("place").textContent = plain(place ?? "");
  $("site").href = siteOrigin() + site;
  const changes = compared() ? `${counts.changes ? count(counts.changes, "change") : "nothing to do"}, ` : "";
  document.title = `${changes}${environment ?? branch} - preview`;
}

function showLooked() {
  if (plan === null) return;
  const time = plan.looked_at;
  const seconds = Math.max(0, Math.floor(Date.now() / 1000 - time));
  const text = plan.looking ? "the bucket is being listed" : "not compared with a bucket";
  $("looked").textContent = time === null ? text : `looked ${ago(seconds)}`;
  if (time !== null) {
    $("looked").dateTime = new Date(time * 1000).toISOString();
    $("looked").title = new Date(time * 1000).toLocaleString();
  }
  $("look").hidden = plan.environment === null;
  showLooking(plan.looking);
}

function showLooking(looking) {
  // `disabled` would take the focus away.
  $("look").ariaDisabled = String(looking);
  $("look").textContent = looking ? "looking" : plan.looked_at === null ? "look" : "look again";
}

function showRunning(kind) {
  const texts = { building: "building", lost: "the preview is not running" };
  const running = $("running");
  if (running.dataset.kind === kind) return;
  running.dataset.kind = kind;
  running.textContent = texts[kind] ?? "";
}

function showBanners() {
  const { refusal, failed, message, hint, state, files, worker } = plan;
  const found = [];
  const earlier = `a service worker that an earlier site left in a browser answers for \`${siteOrigin()}\`, and may show that site in place of yours`;
  if (worker) found.push({ kind: "problem", text: earlier, button: "remove it from this browser" });
  const lastGood = "the last build failed, and what is shown is the last good one";
  if (failed !== null) found.push({ kind: "problem", text: lastGood, block: failed });
  if (refusal !== null) found.push({ kind: "problem", text: `a deploy would be refused: ${refusal}`, hint });
  const alone = `not compared: ${message ?? "there is no bucket to compare with"}`;
  if (state === "alone") found.push({ kind: "notice", text: alone, hint });
  if (compared() && counts.changes === 0 && failed === null && files.length > 0) {
    const as = files.length === 1 ? "is as in the bucket" : "are as in the bucket";
    found.push({ kind: "good", text: `nothing to do: ${count(files.length, "file")} ${as}` });
  }
  // Unchanged banners stay, so that screen readers do not read them again.
  const told = JSON.stringify(found);
  if ($("banners").dataset.told === told) return;
  $("banners").dataset.told = told;
  $("banners").replaceChildren(...found.map(banner));
}

/** Makes the browser clear what sites at the preview's address have stored. Service workers cannot intercept this
 * request, because this page has another origin. */
async function forgetSites() {
  try {
    /** @type {RequestInit} */
    const options = { method: "POST", mode: "no-cors", credentials: "include" };
    await fetch(`${siteOrigin()}/_preview/forget`, options);
  } catch (error) {
    console.error(error);
    showRunning("lost");
  }
}

function banner({ kind, text, hint, block, button }) {
  const made = element("div", { class: `banner ${kind}` }, element("p", {}, ...prose(text)));
  if (button) {
    const pressed = element("button", { type: "button" }, button);
    pressed.onclick = forgetSites;
    made.append(pressed);
  }
  if (hint) made.append(element("p", { class: "hint" }, "hint: ", ...prose(hint)));
  if (block) made.append(element("pre", { tabindex: 0, "aria-label": "what the build says" }, block));
  return made;
}

function showTools() {
  $("chips").hidden = !compared();
  for (const chip of $("chips").children) {
    const { change } = chip.dataset;
    chip.ariaPressed = String(shown.has(change));
    chip.classList.toggle("none", counts[change] === 0);
    chip.lastChild.textContent = number(counts[change]);
  }
  const all = `${count(plan.files.length, "file")}, ${bytes(counts.size)}`;
  const parts = [compared() ? `${bytes(plan.bytes_to_send)} to send` : all];
  for (const word of ["kept", "retained", "skipped"]) {
    if (plan[word] > 0) parts.push(`${number(plan[word])} ${word}`);
  }
  $("totals").textContent = parts.join(", ");
}

function makeChips() {
  for (const [change, { sign, word }] of Object.entries(CHANGES)) {
    const mark = element("span", { class: "sign", "aria-hidden": "true" }, sign || "=");
    const chip = element("button", { type: "button", class: `chip ${change}`, "data-change": change });
    chip.append(mark, `${word} `, element("b"));
    chip.onclick = () => toggleChange(change);
    $("chips").append(chip);
  }
}

function toggleChange(change) {
  if (!shown.delete(change)) shown.add(change);
  showTools();
  showTree(true);
}

// --- the tree --------------------------------------------------------------------------------------------

function matching() {
  const text = $("filter").value.trim().toLowerCase();
  const wanted = (file) => !compared() || shown.has(file.change);
  return plan.files.filter((file) => wanted(file) && file.key.toLowerCase().includes(text));
}

function folder(name, path) {
  return { name, path, folders: new Map(), files: [], counts: {}, size: 0, total: 0 };
}

/** Makes a tree of files, with the number of its rows if all folders are open. */
function grow(files) {
  const top = folder("", "");
  let rows = files.length;
  for (const file of files) {
    const names = file.key.split("/");
    const name = names.pop();
    let at = top;
    for (const part of names) {
      let next = at.folders.get(part);
      if (next === undefined) {
        next = folder(part, `${at.path}${part}/`);
        at.folders.set(part, next);
        rows += 1;
      }
      at = next;
      at.counts[file.change] = (at.counts[file.change] ?? 0) + 1;
      at.size += file.size;
      at.total += 1;
    }
    at.files.push({ name, path: file.key, file });
  }
  return { top, rows };
}

const children = (node) => [...node.folders.values(), ...node.files];
const isOpen = (node) => opened.get(node.path) ?? openAtFirst;

/** Shows the tree again. Which folders are open is decided again only if the user chose other files. */
function showTree(fresh) {
  const files = matching();
  const { top, rows } = grow(files);
  root = top;
  if (fresh) openAtFirst = rows <= FEW_ROWS;
  const asked = $("filter").value.trim() !== "";
  $("matches").textContent = asked ? count(files.length, "file") : "";
  showEmpty(files.length === 0, asked);
  drawTree();
}

function showEmpty(empty, asked) {
  const hidden = compared() && !shown.has("unchanged") && counts.unchanged > 0;
  $("tree").hidden = empty;
  $("empty").hidden = !empty;
  $("empty-text").textContent = plan.files.length === 0 ? "the site has no files"
    : asked ? "no file matches the filter"
    : counts.changes === 0 ? "nothing would change" : "no file is shown";
  $("show-unchanged").hidden = !hidden;
}

function drawTree() {
  const tree = $("tree");
  const focused = tree.contains(document.activeElement) ? nodes.get(document.activeElement)?.path : undefined;
  const scrollers = [$("scroll"), document.scrollingElement];
  const tops = scrollers.map((scroller) => scroller.scrollTop);
  tree.replaceChildren(...items(root, 1));
  scrollers.forEach((scroller, at) => (scroller.scrollTop = tops[at]));
  const held = rowOf(focused) ?? rowOf(selectedKey) ?? tree.firstElementChild;
  hold(held, false);
  if (focused !== undefined) held?.focus({ preventScroll: true });
}

/** The rows of a folder. If there are very many, only a slice of them is made at a time. */
function items(parent, level) {
  const all = children(parent);
  const limit = limits.get(parent.path) ?? SLICE;
  const made = all.slice(0, limit).map((node, at) => item(node, level, at + 1, all.length));
  if (all.length > limit) made.push(moreItem(parent, level, all.length - limit));
  return made;
}

function item(node, level, position, siblings) {
  const made = row(level, node.file ? fileCells(node) : folderCells(node));
  made.ariaPosInSet = String(position);
  made.ariaSetSize = String(siblings);
  nodes.set(made, node);
  if (node.file) {
    made.ariaSelected = String(node.path === selectedKey);
    made.ariaLabel = fileLabel(node);
  } else {
    made.ariaLabel = `${plain(node.name) || "/"}, folder, ${folderCounts(node).map(({ text }) => text).join(", ")}`;
    setOpen(made, isOpen(node));
  }
  return made;
}

function row(level, cells) {
  const inner = element("div", { class: "row" }, ...cells);
  inner.style.setProperty("--level", level - 1);
  return element("li", { role: "treeitem", "aria-level": level, tabindex: -1 }, inner);
}

function moreItem(parent, level, rest) {
  const made = row(level, [element("span", { class: "more" }, moreText(rest, SLICE))]);
  nodes.set(made, { more: parent, path: `${parent.path}\nmore` });
  return made;
}

function fileCells({ name, file }) {
  const { sign, word } = CHANGES[file.change] ?? { sign: "" };
  const facts = element("span", { class: "facts" });
  if (word) facts.append(element("span", { class: `word ${file.change}` }, word));
  facts.append(element("span", { class: "size" }, sizes(file, (before, size) => `${before} → ${size}`)));
  return [
    element("span", { class: `sign ${file.change}` }, sign),
    element("bdi", { class: "name", title: plain(file.key) }, plain(name) || "/"),
    facts,
  ];
}

function fileLabel({ name, file }) {
  const word = CHANGES[file.change]?.word;
  const size = sizes(file, (before, now) => `${now}, was ${before}`);
  return [plain(name) || "/", word, size].filter(Boolean).join(", ");
}

function folderCells(node) {
  const found = folderCounts(node);
  const cells = found.map(({ change, text }) => element("span", { class: `word ${change}` }, text));
  return [
    element("span", { class: "sign twist", "aria-hidden": "true" }),
    element("bdi", { class: "name", title: plain(node.path) }, `${plain(node.name)}/`),
    element("span", { class: "facts" }, ...cells),
  ];
}

function folderCounts(node) {
  const changes = Object.keys(CHANGES).filter((change) => change !== "unchanged" && node.counts[change]);
  if (changes.length === 0) return [{ change: "unchanged", text: `${count(node.total, "file")}, ${bytes(node.size)}` }];
  return changes.map((change) => ({ change, text: `${number(node.counts[change])} ${CHANGES[change].word}` }));
}

/** Opens or closes a folder. The rows below it exist only while it is open. */
function setOpen(made, open) {
  made.ariaExpanded = String(open);
  made.querySelector(":scope > ul")?.remove();
  if (!open) return;
  const group = element("ul", { role: "group" });
  group.append(...items(nodes.get(made), Number(made.ariaLevel) + 1));
  made.append(group);
}

function toggle(made, open) {
  opened.set(nodes.get(made).path, open);
  setOpen(made, open);
  hold(made, false);
}

function showMore(made) {
  const parent = nodes.get(made).more;
  const limit = limits.get(parent.path) ?? SLICE;
  limits.set(parent.path, limit + SLICE);
  const next = items(parent, Number(made.ariaLevel)).slice(limit);
  made.replaceWith(...next);
  hold(next[0], true);
}

const rows = () => [...$("tree").querySelectorAll("[role=treeitem]")];

function rowOf(path) {
  return path == null ? undefined : rows().find((made) => nodes.get(made).path === path);
}

/** Makes one row the only one that the tab key reaches. */
function hold(made, focus) {
  $("tree").querySelector("[tabindex='0']")?.setAttribute("tabindex", -1);
  made?.setAttribute("tabindex", 0);
  if (focus) made?.focus();
}

function act(made) {
  const node = nodes.get(made);
  if (node.more) showMore(made);
  else if (node.file) select(node.path);
  else toggle(made, made.ariaExpanded !== "true");
}

function onTreeKey(event) {
  const made = event.target.closest("[role=treeitem]");
  if (made === null || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = rows();
  const at = all.indexOf(made);
  const steps = {
    ArrowDown: () => hold(all[at + 1] ?? made, true),
    ArrowUp: () => hold(all[at - 1] ?? made, true),
    Home: () => hold(all[0], true),
    End: () => hold(all.at(-1), true),
    ArrowRight: () => (made.ariaExpanded === "false" ? toggle(made, true) : hold(inside(made) ?? made, true)),
    ArrowLeft: () => (made.ariaExpanded === "true" ? toggle(made, false) : hold(outside(made) ?? made, true)),
    Enter: () => act(made),
    " ": () => act(made),
  };
  if (!Object.hasOwn(steps, event.key)) return;
  event.preventDefault();
  steps[event.key]();
}

const inside = (made) => made.querySelector(":scope > ul > li");
const outside = (made) => made.parentElement.closest("[role=treeitem]");

/** Opens the folders around a file, so that its row exists. */
function reveal(key) {
  let at = root;
  for (const part of key.split("/").slice(0, -1)) {
    const next = at.folders.get(part);
    if (next === undefined) return;
    widen(at, next);
    opened.set(next.path, true);
    at = next;
  }
  const leaf = at.files.find(({ path }) => path === key);
  if (leaf === undefined) return;
  widen(at, leaf);
  drawTree();
  rowOf(key)?.scrollIntoView({ block: "nearest" });
}

function widen(parent, child) {
  const needed = Math.ceil((children(parent).indexOf(child) + 1) / SLICE) * SLICE;
  limits.set(parent.path, Math.max(needed, limits.get(parent.path) ?? SLICE));
}

// --- the file that is selected ---------------------------------------------------------------------------

function select(key) {
  const link = `#${encodeURIComponent(key)}`;
  if (selectedKey === null) history.pushState("selected", "", link);
  else history.replaceState(history.state, "", link);
  setSelected(key);
  if (narrow.matches) $("key").focus();
}

function unselect() {
  if (history.state === "selected") return history.back();
  history.replaceState(null, "", location.pathname);
  setSelected(null);
}

/** Selects the file that the page's address names. So a user can share a link to a file. */
function readAddress() {
  let key = null;
  try {
    key = decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    // A link that was cut off names no file.
  }
  setSelected(key);
  if (key !== null) reveal(key);
}

function setSelected(key) {
  const before = rowOf(selectedKey);
  const after = rowOf(key);
  selectedKey = key;
  if (before) before.ariaSelected = "false";
  if (after) after.ariaSelected = "true";
  document.body.classList.toggle("reading", key !== null);
  showDetails();
  if (after) hold(after, false);
  if (key === null && narrow.matches && before) hold(before, true);
  if (key !== null) $("details").scrollTop = 0;
}

function showDetails() {
  $("selected").hidden = selectedKey === null;
  $("unselected").hidden = selectedKey !== null;
  if (selectedKey === null || plan === null) return;
  const file = plan.files.find(({ key }) => key === selectedKey);
  const { sign, word } = CHANGES[file?.change] ?? { sign: "", word: "" };
  $("key").replaceChildren(element("bdi", {}, ...breakable(selectedKey)));
  $("change").className = `change ${file?.change}`;
  $("change").textContent = file ? `${sign} ${word}`.trim() : "neither in the site nor in the bucket";
  $("sizes").textContent = file ? sizeFacts(file) : "";
  $("open").hidden = file === undefined || file.change === "deleted";
  $("open").href = address(selectedKey);
  showHeaders(file);
  showContents(file);
}

/** A key that may wrap after each of its slashes. */
function breakable(key) {
  return key.split("/").flatMap((part, at) => (at === 0 ? [plain(part)] : ["/", element("wbr"), plain(part)]));
}

function sizeFacts(file) {
  const size = bytes(file.size);
  const more = file.size - file.old_size;
  if (file.old_size === null || file.change !== "content") return size;
  if (more === 0) return `${size}, as before`;
  return `${size}, was ${bytes(file.old_size)} (${bytes(Math.abs(more))} ${more > 0 ? "more" : "less"})`;
}

function showHeaders(file) {
  const before = plan.headers[file?.old_headers];
  const after = plan.headers[file?.headers];
  const known = before && after && file.change !== "new" && file.change !== "unchanged";
  const set = after ?? before;
  $("headers-part").hidden = set === undefined;
  if (set === undefined) return;
  $("headers-title").textContent = after ? "headers" : "headers in the bucket";
  const names = [...new Set([...Object.keys(known ? before : {}), ...Object.keys(set)])].sort();
  $("headers").replaceChildren(...names.map((name) => headerRow(name, known ? before[name] : set[name], set[name])));
}

function headerRow(name, before, after) {
  const kind = before === after ? "" : before === undefined ? "added" : after === undefined ? "removed" : "changed";
  const value = element("td");
  if (kind === "") value.append(plain(after));
  if (kind === "removed" || kind === "changed") value.append(element("del", {}, plain(before)));
  if (kind === "added" || kind === "changed") value.append(element("ins", {}, plain(after)));
  const title = element("th", { scope: "row" }, plain(name));
  if (kind) title.append(" ", element("span", { class: "kind" }, kind));
  return element("tr", { class: kind }, title, value);
}

// --- contents --------------------------------------------------------------------------------------------

/** The file whose contents are on the page. They stay until other contents arrive, and late answers are dropped. */
let contentsOf = { key: null, sight: "", diff: "" };

function showContents(file) {
  const sight = JSON.stringify([plan.version, plan.looked_at, file]);
  if (contentsOf.key === selectedKey && contentsOf.sight === sight) return;
  const compares = file?.type === "text" && ["new", "content", "deleted"].includes(file.change);
  const diff = compares && contentsOf.key === selectedKey ? contentsOf.diff : "";
  contentsOf = { key: selectedKey, sight, diff };
  $("contents-part").hidden = file === undefined;
  if (file === undefined) return;
  if (compares) showDiff(file, contentsOf);
  else if (file.type === "picture") $("contents").replaceChildren(...pictures(file));
  else $("contents").replaceChildren(note(withoutDiff(file)));
}

function withoutDiff(file) {
  if (file.change === null && plan.looking) return "the bucket is still being listed";
  if (file.change === null) return "there is nothing to compare it with";
  if (file.change === "unchanged") return "as in the bucket";
  if (file.change === "headers") return "as in the bucket: only the headers change";
  return "this is no text and no picture, so there is nothing to compare";
}

function note(text, kind = "") {
  return element("p", { class: `note ${kind}` }, text);
}

async function showDiff(file, wanted) {
  if (wanted.diff === "") $("contents").replaceChildren(note("reading the contents", "waiting"));
  const diff = await readDiff(file.key);
  const text = JSON.stringify(diff);
  if (wanted !== contentsOf || text === wanted.diff) return;
  wanted.diff = text;
  $("contents").replaceChildren(...diffView(diff));
}

async function readDiff(key) {
  try {
    const response = await fetch(`diff?key=${encodeURIComponent(key)}`, { cache: "no-store" });
    return await response.json();
  } catch (error) {
    return { kind: "failed", message: error.message };
  }
}

function diffView(diff) {
  if (diff.kind === "same") return [note("as in the bucket")];
  if (diff.kind === "failed") return [note(`cannot be compared: ${plain(diff.message)}`, "problem")];
  if (diff.kind !== "text") return [note("this is no text, so there is nothing to compare")];
  const lines = diff.hunks.flatMap(hunkLines);
  if (lines.length === 0) return [note("there are no lines to show")];
  return [diffTable(lines), ...(diff.truncated ? [note("the rest is not shown: it is too long")] : [])];
}

function hunkLines(hunk, at) {
  let { old: before, new: after } = hunk;
  const others = pairs(hunk.lines);
  const lines = hunk.lines.map(([mark, text], index) => {
    /** @type {{ mark: string, text: string, other: any, before: number | string, after: number | string }} */
    const line = { mark, text, other: others.get(index), before: "", after: "" };
    if (mark !== "+") line.before = before++;
    if (mark !== "-") line.after = after++;
    return line;
  });
  return at === 0 && hunk.old <= 1 && hunk.new <= 1 ? lines : [null, ...lines];
}

/** Pairs removed lines with added ones: the first removed line with the first added one, and so on. */
function pairs(lines) {
  const found = new Map();
  for (let at = 0; at < lines.length; ) {
    const removed = run(lines, at, "-");
    const added = run(lines, at + removed, "+");
    for (let i = 0; i < Math.min(removed, added); i += 1) {
      found.set(at + i, lines[at + removed + i][1]);
      found.set(at + removed + i, lines[at + i][1]);
    }
    at += Math.max(1, removed + added);
  }
  return found;
}

function run(lines, from, mark) {
  let to = from;
  while (lines[to]?.[0] === mark) to += 1;
  return to - from;
}

function diffTable(lines) {
  const body = element("tbody");
  const more = element("button", { type: "button", class: "quiet" });
  const grow = () => {
    const from = body.children.length;
    body.append(...lines.slice(from, from + LINES).map(diffRow));
    const rest = lines.length - body.children.length;
    more.hidden = rest === 0;
    more.textContent = moreText(rest, LINES);
  };
  more.onclick = grow;
  grow();
  const table = element("table", { "aria-label": "what changes, line by line" }, body);
  return element("div", { class: "diff" }, table, more);
}

function diffRow(line) {
  if (line === null) return element("tr", { class: "gap" }, element("td", { colspan: 4 }, "⋯"));
  const kind = { "+": "added", "-": "removed" }[line.mark] ?? "";
  const wrap = { "+": "ins", "-": "del" }[line.mark] ?? "span";
  return element("tr", { class: kind },
    element("td", { class: "line" }, String(line.before)),
    element("td", { class: "line" }, String(line.after)),
    element("td", { class: "mark" }, kind ? line.mark : ""),
    element("td", { class: "text" }, element(wrap, {}, ...marked(line))));
}

/** A line in which the part is marked that differs from the line that it is paired with. */
function marked({ text, other }) {
  const spelled = (part) => part.split("\t").map(plain).join("\t");
  if (other === undefined) return [spelled(text)];
  const [from, to] = differing(text, other);
  // If the two have little in common, the whole line is new.
  if (from === to || to - from > text.length * 0.7) return [spelled(text)];
  return [spelled(text.slice(0, from)), element("mark", {}, spelled(text.slice(from, to))), spelled(text.slice(to))];
}

function differing(text, other) {
  const shorter = Math.min(text.length, other.length);
  let from = 0;
  while (from < shorter && text[from] === other[from]) from += 1;
  let same = 0;
  while (same < shorter - from && text.at(-1 - same) === other.at(-1 - same)) same += 1;
  let to = text.length - same;
  // Do not split a surrogate pair.
  if (/[\udc00-\udfff]/.test(text[from] ?? "")) from -= 1;
  if (/[\udc00-\udfff]/.test(text[to] ?? "")) to += 1;
  return [from, to];
}

function pictures(file) {
  const both = file.change === "content";
  const before = both || file.change === "deleted";
  const shownSides = [...(before ? ["before"] : []), ...(both || !before ? ["after"] : [])];
  const figures = shownSides.map((side) => picture(file, side, both));
  const text = file.change === "unchanged" || file.change === "headers" ? [note(withoutDiff(file))] : [];
  return [...text, element("div", { class: "pictures" }, ...figures)];
}

function picture(file, side, named) {
  const image = element("img", { alt: side === "before" ? "the picture in the bucket" : "the picture in the site" });
  const caption = element("figcaption", {}, named ? side : "");
  const told = (text) => (caption.textContent = named ? `${side}, ${text}` : text);
  image.onload = () => told(`${number(image.naturalWidth)} × ${number(image.naturalHeight)} pixels`);
  image.onerror = () => told("cannot be shown");
  // The version keeps the browser from showing the picture of an earlier build.
  const seen = side === "before" ? plan.looked_at : plan.version;
  image.src = `${side}?key=${encodeURIComponent(file.key)}&seen=${seen}`;
  return element("figure", {}, element("div", { class: "ground" }, image), caption);
}

// --- start -----------------------------------------------------------------------------------------------

makeChips();
$("look").onclick = look;
$("back").onclick = unselect;
$("filter").oninput = () => plan && showTree(true);
$("show-unchanged").onclick = () => toggleChange("unchanged");
$("tree").onkeydown = onTreeKey;
$("tree").onclick = (event) => {
  const made = event.target.closest(".row")?.parentElement;
  if (!made) return;
  hold(made, true);
  act(made);
};
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && narrow.matches && selectedKey !== null) unselect();
});
addEventListener("popstate", () => plan && readAddress());
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
setInterval(showLooked, 10_000);
if (!document.hidden) connect();

// Puts each event's fragment over the one before, node by node: what is open, focused or selected stays so.
const live = document.getElementById("live"), offline = document.getElementById("offline");
let seen = Date.now();

function morph(from, to) {
  if (from.nodeName !== to.nodeName || (from.id ?? "") !== (to.id ?? "")) return from.replaceWith(to);
  if (from.nodeType === Node.TEXT_NODE) { if (from.data !== to.data) from.data = to.data; return; }
  for (const { name } of [...from.attributes]) if (name !== "open" && !to.hasAttribute(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  const next = [...to.childNodes];
  while (from.childNodes.length > next.length) from.lastChild.remove();
  next.forEach((node, i) => from.childNodes[i] ? morph(from.childNodes[i], node) : from.append(node));
}

function show(html) {
  const open = [...live.querySelectorAll("details[open]")].map(details => details.id);
  const next = document.createElement("div");
  next.id = live.id;
  next.innerHTML = html;
  morph(live, next);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  document.title = live.querySelector("header").dataset.title;
  seen = Date.now();
  document.body.classList.remove("stale");
  offline.hidden = true;
}

function lost() {
  if (!offline.hidden) return;
  offline.textContent = `Not live since ${new Date(seen).toLocaleTimeString()}: the connection to the scaler is lost. Trying again…`;
  offline.hidden = false;
  document.body.classList.add("stale");
}

function connect() {
  const events = new EventSource("status/events");
  events.onmessage = event => show(event.data);
  events.onerror = () => {
    lost();
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  };
}

connect();
setInterval(() => { if (Date.now() - seen > 10000) lost(); }, 1000);

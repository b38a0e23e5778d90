"use strict";
// As much of a browser as the page uses, so that its own code runs in an engine that has no screen. A canvas counts what is drawn on it.

const frames = [], elements = new Map(), drawn = { fillRect: 0, lineTo: 0, fillText: [], strokeRect: 0 };
const listening = () => {
  const heard = new Map();
  return {
    addEventListener: (type, tell) => heard.set(type, [...(heard.get(type) || []), tell]),
    fire: (type, event = {}) => {
      const told = { preventDefault() {}, stopPropagation() {}, ...event };
      for (const tell of heard.get(type) || []) tell(told);
    },
  };
};
const context2d = () => ({
  setTransform() {}, fill() {}, stroke() {}, save() {}, restore() {}, beginPath() {}, rect() {}, clip() {}, moveTo() {}, arc() {}, setLineDash() {},
  fillRect() { drawn.fillRect++; }, lineTo() { drawn.lineTo++; }, strokeRect() { drawn.strokeRect++; }, fillText(text) { drawn.fillText.push(text); },
});
const element = (id) => {
  const classes = new Set(), attributes = new Map(), context = context2d();
  const made = {
    ...listening(), id, textContent: "", value: "", title: "", children: [], style: {}, open: false, width: 0, height: 0,
    classList: { add: (c) => classes.add(c), remove: (c) => classes.delete(c), toggle: (c, on) => (on ? classes.add(c) : classes.delete(c)), contains: (c) => classes.has(c) },
    append(...parts) { made.children.push(...parts); },
    replaceChildren(...parts) { made.children = parts; },
    setAttribute: (name, value) => attributes.set(name, value),
    getAttribute: (name) => attributes.get(name),
    getBoundingClientRect: () => (id === "map" ? { width: 1200, height: 38 } : { width: 1200, height: 700 }),
    getContext: () => context, setPointerCapture() {}, select() {}, showModal() { made.open = true; }, focus() { document.focused = id; },
    get firstChild() { return made.children[0]; },
    get words() { return made.textContent + made.children.map((child) => (typeof child === "string" ? child : child.words)).join(""); },
  };
  return made;
};
const document = {
  ...listening(), documentElement: { dataset: {} }, focused: null, createElement: () => element(""),
  getElementById: (id) => { if (!elements.has(id)) elements.set(id, element(id)); return elements.get(id); },
};
const window = { devicePixelRatio: 2, location: { hash: "" }, matchMedia: () => ({ matches: false }) };
const getComputedStyle = () => ({ getPropertyValue: () => "#123456" });
const requestAnimationFrame = (draw) => frames.push(draw);
const performance = { now: () => 0 };
class ResizeObserver { constructor(tell) { this.tell = tell; } observe() { this.tell(); } }
class URLSearchParams {
  constructor(text) { this.all = new Map(text.split("&").filter(Boolean).map((part) => part.split("=").map(decodeURIComponent))); }
  get(name) { return this.all.get(name) ?? null; }
  has(name) { return this.all.has(name); }
}
const frame = () => {
  Object.assign(drawn, { fillRect: 0, lineTo: 0, fillText: [], strokeRect: 0 });
  while (frames.length) frames.shift()();
};
const key = (name, more = {}) => { document.fire("keydown", { key: name, ...more }); frame(); };

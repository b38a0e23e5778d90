"use strict";
// A run of the simulator as a space-time diagram: lanes from top to bottom, time from left to right.
//
// Model   the run as typed arrays, and every question about it; knows no screen
// Canvas  draws what is visible of it, and nothing else: 100,000 events are searched, some thousands are drawn
// Page    chips, filter, details, keys
//
// Times are microseconds of true time. Rule: what cannot be told apart at a scale is drawn once, as a density.

const Model = (() => {
  const CATEGORY = {
    "disk beside": "disk", "disk harm": "disk", life: "lives", lives: "lives", ballot: "ballots", reign: "reigns",
    lease: "leases held", session: "sessions", held: "locks held", pause: "pauses", partition: "world", world: "world", rare: "rare", apply: "applies",
    "call done": "calls", "call refused": "calls", "call unknown": "calls", leases: "heartbeats",
  };

  // Columns of differences, as the page holds them, to sums.
  const sums = (differences) => {
    const all = new Float64Array(differences.length);
    let sum = 0;
    for (let i = 0; i < all.length; i++) all[i] = sum += differences[i];
    return all;
  };

  const column = (raw, start, took) => {
    const n = raw[start].length, from = sums(raw[start]), until = new Float64Array(n), reach = new Float64Array(n), lost = new Uint8Array(n);
    let furthest = -Infinity;
    for (let i = 0; i < n; i++) {
      const lasted = took ? raw[took][i] : 0;
      lost[i] = lasted < 0 ? 1 : 0;
      until[i] = from[i] + Math.max(0, lasted);
      reach[i] = furthest = Math.max(furthest, until[i]);
    }
    return { n, from, until, reach, lost, lane: Uint16Array.from(raw.lane), group: Uint8Array.from(raw.group), text: Uint32Array.from(raw.text) };
  };

  // The first index whose number is at least (or, with `above`, greater than) `wanted`; numbers ascend.
  const first = (numbers, wanted, above = false) => {
    let low = 0, high = numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (above ? numbers[middle] <= wanted : numbers[middle] < wanted) low = middle + 1; else high = middle;
    }
    return low;
  };

  // Which texts hold the words. A number at the end of a word is that number: `slot 1` is not `slot 12`.
  const matches = (texts, query) => {
    const wanted = query.trim().toLowerCase();
    if (!wanted) return null;
    const isDigit = (c) => c >= "0" && c <= "9";
    const whole = isDigit(wanted[wanted.length - 1]);
    return Uint8Array.from(texts, (text) => {
      const held = text.toLowerCase();
      for (let at = held.indexOf(wanted); at >= 0; at = held.indexOf(wanted, at + 1)) {
        if (!whole || !isDigit(held[at + wanted.length] || " ")) return 1;
      }
      return 0;
    });
  };

  const decode = (raw) => {
    const run = { ...raw };
    run.messages = column(raw.messages, "sent", "took");
    run.messages.target = Uint16Array.from(raw.messages.target);
    run.marks = column(raw.marks, "at", null);
    run.spans = column(raw.spans, "from", "took");
    run.spans.number = Float64Array.from(raw.spans.number);
    run.category = raw.groups.map((group) => CATEGORY[group] || group);
    run.events = run.messages.n + run.marks.n + run.spans.n;
    run.rows = rows(run);
    return run;
  };

  // What a client does at once goes below each other: a row for each call, session and lock held, and how many rows a lane has.
  const rows = (run) => {
    const row = new Uint8Array(run.spans.n), count = new Uint8Array(run.lanes.length).fill(1), ends = run.lanes.map(() => []);
    for (let i = 0; i < run.spans.n; i++) {
      if (!/^(call|session|held)/.test(run.groups[run.spans.group[i]])) continue;
      const lane = run.spans.lane[i], free = ends[lane];
      let at = 0;
      while (at < free.length && free[at] > run.spans.from[i]) at++;
      free[at] = run.spans.until[i];
      row[i] = Math.min(at, 5);
      count[lane] = Math.max(count[lane], row[i] + 1);
    }
    return { row, count };
  };

  // Which events may be visible between two times: all from the first that reaches there to the last that begins before its end.
  const range = (events, from, until) => [first(events.reach, from), first(events.from, until, true)];

  // What is shown: by kind, by lane, by text.
  const shows = (filter, events, i) =>
    filter.categories[events.group[i]] && (!filter.texts || filter.texts[events.text[i]]) &&
    (filter.lanes[events.lane[i]] || (events.target !== undefined && filter.lanes[events.target[i]]));

  const openFilter = (run) => ({
    categories: new Uint8Array(run.groups.length).fill(1), lanes: new Uint8Array(run.lanes.length).fill(1), texts: null,
  });

  const count = (run, filter) => {
    let n = 0;
    for (const events of [run.messages, run.marks, run.spans]) for (let i = 0; i < events.n; i++) n += shows(filter, events, i) ? 1 : 0;
    return n;
  };

  // The next (or with -1 the previous) event that is shown, seen from a time: [what, index] or null.
  const next = (run, filter, time, direction) => {
    let best = null, when = direction > 0 ? Infinity : -Infinity;
    for (const what of ["messages", "marks", "spans"]) {
      const events = run[what];
      for (let i = direction > 0 ? first(events.from, time, true) : first(events.from, time) - 1; i >= 0 && i < events.n; i += direction) {
        if (direction > 0 ? events.from[i] >= when : events.from[i] <= when) break;
        if (shows(filter, events, i)) { best = [what, i]; when = events.from[i]; break; }
      }
    }
    return best;
  };

  // What an event is about, to filter by: its slot, its call, its ballot, else its whole text.
  const about = (text) => (text.match(/call \d+/) || text.match(/slot \d+/) || text.match(/ballot \d+\.\d+/) || [text])[0];

  const time = (us) => {
    const sign = us < 0 ? "−" : "", size = Math.abs(us);
    if (size < 1e3) return `${sign}${+size.toFixed(1)} µs`;
    if (size < 1e6) return `${sign}${+(size / 1e3).toFixed(3)} ms`;
    return `${sign}${+(size / 1e6).toFixed(6)} s`;
  };

  // A round step for an axis of so many µs with at most `most` ticks.
  const step = (us, most) => {
    const rough = us / most, power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((m) => m * power >= rough);
  };

  return { CATEGORY, decode, first, matches, range, shows, openFilter, count, next, about, time, step };
})();

const Canvas = (() => {
  const LABELS = 96, AXIS = 22, FOLDED = 13, ARROWS_MAX = 3000, MINIMUM_US = 20;
  const HEIGHT = { world: 34, replica: 88, client: 18 };
  const colour = {
    elections: "elections", values: "values", "catch-up": "catch-up", heartbeats: "leases", requests: "requests", answers: "answers",
    disk: "disk", applies: "applies", calls: "done", lives: "ink", pauses: "pauses", world: "world", rare: "rare",
    "leases held": "held", "locks held": "held", ballots: "elections", reigns: "values",
  };

  const make = (canvas, run, filter) => {
    const context = canvas.getContext("2d");
    const view = { from: 0, until: run.end, scroll: 0, width: 0, height: 0, pinned: null, hovered: null, focus: null, drawn: 0, frame_ms: 0 };
    const lanes = run.lanes.map(([id, name], at) => ({ at, id, name, kind: id === 0 ? "world" : id < 1001 ? "replica" : "client" }));
    const ballots = [...new Set(run.spans.number)].filter((n) => n).sort((a, b) => a - b);
    const hues = new Map(ballots.map((ballot, at) => [ballot, Math.round((at * 137.5 + 210) % 360)]));
    let paint = {}, total = 0, isDark = false, scale = 1;
    let arrows = [];

    const colours = () => {
      const style = getComputedStyle(document.documentElement);
      paint = new Proxy({}, { get: (known, name) => known[name] ??= style.getPropertyValue(`--${String(name)}`).trim() || "#888" });
      isDark = document.documentElement.dataset.theme === "dark";
    };

    // Lanes are as high as there is room for, up to twice their height; below that the diagram scrolls.
    const layout = () => {
      const plain = lanes.reduce((sum, lane) => sum + heightOf(lane), AXIS + 6);
      scale = Math.max(1, Math.min(2, (view.height - AXIS - 6) / Math.max(1, plain - AXIS - 6)));
      let y = AXIS;
      for (const lane of lanes) {
        lane.y = y;
        lane.folded = !filter.lanes[lane.at];
        lane.height = heightOf(lane) * (lane.folded ? 1 : scale);
        // Messages leave from and arrive at this line.
        lane.line = lane.kind === "replica" && !lane.folded ? y + 40 * scale : y + lane.height / 2;
        y += lane.height;
      }
      total = y + 6;
      view.scroll = Math.max(0, Math.min(view.scroll, total - view.height));
    };
    const heightOf = (lane) => {
      if (!filter.lanes[lane.at]) return FOLDED;
      return lane.kind === "client" ? Math.max(HEIGHT.client, 6 + run.rows.count[lane.at] * 7) : HEIGHT[lane.kind];
    };

    const resize = () => {
      const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
      view.width = Math.max(200, box.width);
      view.height = Math.max(80, box.height);
      canvas.width = Math.round(view.width * ratio);
      canvas.height = Math.round(view.height * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      layout();
    };

    const span = () => view.until - view.from;
    const x = (us) => LABELS + ((us - view.from) / span()) * (view.width - LABELS);
    const at = (px) => view.from + ((px - LABELS) / (view.width - LABELS)) * span();
    const laneAt = (y) => lanes.find((lane) => y + view.scroll >= lane.y && y + view.scroll < lane.y + lane.height && y > AXIS);
    const isFocus = (events, i) => view.focus !== null && view.focus[events.text[i]] === 1;

    const move = (from, until) => {
      const whole = run.end, size = Math.min(Math.max(until - from, MINIMUM_US), whole * 1.04 + 2 * MINIMUM_US), room = size * 0.02;
      let start = from + (until - from - size) / 2;
      start = Math.min(Math.max(start, -room), Math.max(-room, whole + room - size));
      [view.from, view.until] = [start, start + size];
    };
    const zoom = (factor, px = (LABELS + view.width) / 2) => {
      const here = at(px), size = Math.min(Math.max(span() * factor, MINIMUM_US), run.end * 1.04 + 2 * MINIMUM_US);
      const share = (here - view.from) / span();
      move(here - size * share, here + size * (1 - share));
    };
    const centre = (us, size = span()) => move(us - size / 2, us + size / 2);
    const reveal = (lane) => {
      const it = lanes[lane];
      if (it.y - view.scroll < AXIS || it.y + it.height - view.scroll > view.height) view.scroll = it.y - view.height / 2;
      layout();
    };

    // Where a span's bar is, or a mark: [top, height].
    const SPANS = { ballot: [5, 6], reign: [12, 12], lease: [25, 4], disk: [66, 9], "disk beside": [76, 7] };
    const within = (lane, [top, height]) => [lane.y + top * scale, height * scale];
    const bar = (i) => {
      const lane = lanes[run.spans.lane[i]], group = run.groups[run.spans.group[i]];
      if (group === "life") return [lane.y, lane.height];
      if (group === "pause") return [lane.y + 2, lane.height - 4];
      if (lane.folded) return [lane.y + 3, FOLDED - 6];
      if (lane.kind === "client") return within(lane, [3 + run.rows.row[i] * 7, 6]);
      return within(lane, lane.kind === "world" ? [5, 9] : SPANS[group] || [5, 6]);
    };
    const markBar = (i) => {
      const lane = lanes[run.marks.lane[i]], group = run.groups[run.marks.group[i]];
      if (lane.folded) return [lane.y + 2, FOLDED - 4];
      if (lane.kind === "world") return within(lane, [17, 13]);
      if (group === "apply" || group === "disk harm") return within(lane, group === "apply" ? [53, 9] : [64, 20]);
      return [lane.y + 1, lane.height - 2];
    };
    const spanPaint = (i) => {
      const group = run.groups[run.spans.group[i]];
      if (group === "ballot" || group === "reign") {
        return `hsl(${hues.get(run.spans.number[i])} ${group === "reign" ? 62 : 48}% ${isDark ? (group === "reign" ? 62 : 45) : group === "reign" ? 48 : 72}%)`;
      }
      return { lease: paint.held, held: paint.held, disk: paint.sync, "disk beside": paint.disk, pause: paint.pauses, partition: paint.world,
        "call done": paint.done, "call refused": paint.refused, "call unknown": paint.unknown }[group] || paint.soft;
    };
    const markPaint = (i) => {
      const group = run.groups[run.marks.group[i]];
      return { apply: paint.applies, lives: paint.harm, "disk harm": paint.harm, world: paint.ink, rare: paint.rare }[group] || paint.soft;
    };

    // A replica's lane is light while it lives.
    const drawLives = () => {
      const spans = run.spans, [low, high] = Model.range(spans, view.from, view.until);
      context.fillStyle = paint.lane;
      for (let i = low; i < high; i++) {
        if (run.groups[spans.group[i]] !== "life" || spans.until[i] < view.from) continue;
        const [top, height] = bar(i), left = Math.max(LABELS, x(spans.from[i]));
        context.fillRect(left, top - view.scroll, Math.min(view.width, x(spans.until[i])) - left, height);
      }
    };

    const drawLanes = () => {
      context.fillStyle = paint.paper;
      context.fillRect(0, 0, view.width, view.height);
      for (const lane of lanes) {
        const y = lane.y - view.scroll;
        if (y > view.height || y + lane.height < AXIS) continue;
        context.fillStyle = lane.kind === "replica" ? paint.dead : paint.lane;
        context.fillRect(LABELS, y, view.width - LABELS, lane.height);
      }
    };

    const drawGrid = () => {
      const each = Model.step(span(), Math.max(2, (view.width - LABELS) / 110));
      context.strokeStyle = paint.line;
      context.lineWidth = 1;
      context.beginPath();
      for (let us = Math.ceil(view.from / each) * each; us <= view.until; us += each) {
        context.moveTo(Math.round(x(us)) + 0.5, AXIS);
        context.lineTo(Math.round(x(us)) + 0.5, view.height);
      }
      context.stroke();
    };

    const drawSpans = () => {
      const spans = run.spans, [low, high] = Model.range(spans, view.from, view.until);
      const edge = new Map();
      for (let i = low; i < high; i++) {
        if (spans.until[i] < view.from || run.groups[spans.group[i]] === "life" || !Model.shows(filter, spans, i)) continue;
        const [top, height] = bar(i), y = top - view.scroll;
        if (y > view.height || y + height < AXIS) continue;
        const left = Math.max(LABELS, x(spans.from[i])), right = Math.min(view.width, Math.max(x(spans.until[i]), left + 1));
        const focus = isFocus(spans, i), row = top * 32 + spans.group[i];
        // What ends in a pixel that is painted already cannot be seen.
        if (!focus && right <= (edge.get(row) ?? -1)) continue;
        edge.set(row, Math.ceil(right));
        const group = run.groups[spans.group[i]];
        context.globalAlpha = group === "pause" ? 0.28 : 1;
        context.fillStyle = focus ? paint.focus : spanPaint(i);
        context.fillRect(left, y, Math.max(1, right - left - (right - left > 4 ? 0.6 : 0)), height);
        context.globalAlpha = 1;
        if (right - left > 60 && height >= 9) {
          const middle = group === "pause" ? y + height - 8 : y + height / 2, ink = group === "pause" || group === "ballot" ? paint.ink : paint.paper;
          label(run.texts[spans.text[i]], left + 4, middle, right - left - 8, ink);
        }
        view.drawn++;
      }
    };

    const label = (text, left, y, room, ink) => {
      context.save();
      context.beginPath();
      context.rect(left, y - 10, room, 20);
      context.clip();
      context.fillStyle = ink;
      context.font = "10px system-ui, sans-serif";
      context.textBaseline = "middle";
      context.fillText(text, left, y);
      context.restore();
    };

    const drawLines = () => {
      context.strokeStyle = paint.line;
      context.beginPath();
      for (const lane of lanes) {
        const y = Math.round(lane.line - view.scroll) + 0.5, low = Math.round(lane.y + lane.height - view.scroll) + 0.5;
        if (lane.kind === "replica" && !lane.folded) { context.moveTo(LABELS, y); context.lineTo(view.width, y); }
        context.moveTo(0, low);
        context.lineTo(view.width, low);
      }
      context.stroke();
    };

    const drawMessages = () => {
      const messages = run.messages, [low, high] = Model.range(messages, view.from, view.until);
      arrows = [];
      const many = [];
      for (let i = low; i < high; i++) {
        if (messages.until[i] >= view.from && Model.shows(filter, messages, i)) many.push(i);
      }
      view.messages = many.length;
      if (many.length > ARROWS_MAX) drawDensity(many); else drawArrows(many);
      if (view.focus !== null && many.length > ARROWS_MAX) drawArrows(many.filter((i) => isFocus(messages, i)).slice(0, ARROWS_MAX));
    };

    // How many messages leave each lane in each pixel, by height; the colour is that of most of them.
    const kinds = [...new Set(run.messages.group)], kindOf = new Uint8Array(run.groups.length);
    kinds.forEach((group, kind) => { kindOf[group] = kind; });
    const drawDensity = (many) => {
      const messages = run.messages, width = Math.ceil(view.width), counts = new Uint32Array(lanes.length * width * kinds.length);
      for (const i of many) {
        const px = Math.floor(x(messages.from[i]));
        if (px >= LABELS && px < width) counts[(messages.lane[i] * width + px) * kinds.length + kindOf[messages.group[i]]]++;
      }
      const bars = kinds.map(() => []);
      for (const lane of lanes) {
        const y = lane.line - view.scroll, most = lane.kind === "replica" ? 11 * scale : lane.height / 2 - 1;
        if (y < AXIS - 20 || y > view.height + 20) continue;
        for (let px = LABELS; px < width; px++) {
          let sum = 0, best = 0, which = 0;
          for (let kind = 0; kind < kinds.length; kind++) {
            const n = counts[(lane.at * width + px) * kinds.length + kind];
            sum += n;
            if (n > best) [best, which] = [n, kind];
          }
          if (sum) bars[which].push(px, y, Math.min(most, 1.5 + Math.log2(1 + sum) * 2));
        }
      }
      context.globalAlpha = 0.75;
      kinds.forEach((group, kind) => {
        context.fillStyle = paint[colour[run.category[group]]];
        const bar = bars[kind];
        for (let at = 0; at < bar.length; at += 3) context.fillRect(bar[at], bar[at + 1] - bar[at + 2], 1, 2 * bar[at + 2]);
        view.drawn += bar.length / 3;
      });
      context.globalAlpha = 1;
    };

    const ends = (i) => {
      const messages = run.messages, from = lanes[messages.lane[i]].line - view.scroll, to = lanes[messages.target[i]].line - view.scroll;
      // A lost message ends on its way.
      if (messages.lost[i]) return [x(messages.from[i]), from, x(messages.from[i]) + 14, from + Math.sign(to - from) * Math.min(20, Math.abs(to - from) / 2)];
      return [x(messages.from[i]), from, x(messages.until[i]), to];
    };

    const drawArrows = (some) => {
      const messages = run.messages, few = some.length < 700;
      for (const focused of [false, true]) {
        let now = -1;
        for (const i of some.slice().sort((a, b) => messages.group[a] - messages.group[b])) {
          if (isFocus(messages, i) !== focused) continue;
          const [x1, y1, x2, y2] = ends(i);
          if (Math.max(y1, y2) < AXIS || Math.min(y1, y2) > view.height) continue;
          if (now !== messages.group[i]) {
            if (now >= 0) context.stroke();
            now = messages.group[i];
            context.strokeStyle = focused ? paint.focus : paint[colour[run.category[now]]];
            context.lineWidth = focused ? 2 : few ? 1.1 : 0.7;
            context.globalAlpha = focused ? 1 : few ? 0.9 : 0.55;
            context.beginPath();
          }
          context.moveTo(x1, y1);
          context.lineTo(x2, y2);
          if (messages.lost[i]) {
            context.moveTo(x2 - 3, y2 - 3); context.lineTo(x2 + 3, y2 + 3);
            context.moveTo(x2 + 3, y2 - 3); context.lineTo(x2 - 3, y2 + 3);
          } else if (few) {
            const angle = Math.atan2(y2 - y1, x2 - x1);
            for (const side of [-0.4, 0.4]) { context.moveTo(x2, y2); context.lineTo(x2 - 6 * Math.cos(angle + side), y2 - 6 * Math.sin(angle + side)); }
          }
          arrows.push(i);
          view.drawn++;
        }
        if (now >= 0) context.stroke();
      }
      context.globalAlpha = 1;
      context.lineWidth = 1;
    };

    const drawMarks = () => {
      const marks = run.marks, [low, high] = Model.range(marks, view.from, view.until), painted = new Set();
      for (let i = low; i < high; i++) {
        if (!Model.shows(filter, marks, i)) continue;
        const px = Math.round(x(marks.from[i])), focus = isFocus(marks, i), key = (px * lanes.length + marks.lane[i]) * 32 + marks.group[i];
        if (px < LABELS || (!focus && painted.has(key))) continue;
        painted.add(key);
        const [top, height] = markBar(i), y = top - view.scroll, lives = run.groups[marks.group[i]] === "lives";
        if (y > view.height || y + height < AXIS) continue;
        context.fillStyle = focus ? paint.focus : markPaint(i);
        context.fillRect(px - (focus ? 1 : 0), y, focus ? 3 : lives ? 2 : 1.5, height);
        if (lives) { context.beginPath(); context.moveTo(px - 5, y); context.lineTo(px + 6, y); context.lineTo(px + 0.5, y + 7); context.fill(); }
        view.drawn++;
      }
    };

    const drawPlaces = () => {
      context.strokeStyle = context.fillStyle = paint.violation;
      for (const [, us] of run.places) {
        const px = Math.round(x(us)) + 0.5;
        if (px < LABELS || px > view.width) continue;
        context.setLineDash([5, 3]);
        context.beginPath();
        context.moveTo(px, AXIS);
        context.lineTo(px, view.height);
        context.stroke();
        context.setLineDash([]);
        context.beginPath();
        context.moveTo(px - 6, AXIS - 8);
        context.lineTo(px + 6, AXIS - 8);
        context.lineTo(px, AXIS + 2);
        context.fill();
      }
    };

    const drawAxis = () => {
      context.fillStyle = paint.panel;
      context.fillRect(0, 0, view.width, AXIS);
      const each = Model.step(span(), Math.max(2, (view.width - LABELS) / 110));
      context.fillStyle = paint.soft;
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "middle";
      for (let us = Math.ceil(view.from / each) * each; us <= view.until; us += each) context.fillText(Model.time(+us.toPrecision(12)), x(us) + 4, AXIS / 2);
    };

    const drawLabels = () => {
      context.fillStyle = paint.panel;
      context.fillRect(0, AXIS, LABELS, view.height);
      context.textBaseline = "middle";
      for (const lane of lanes) {
        const y = lane.y - view.scroll, { folded } = lane;
        if (y + lane.height < AXIS || y > view.height) continue;
        context.fillStyle = folded ? paint.soft : paint.ink;
        context.font = `${lane.kind === "replica" ? "600 12px" : folded ? "9px" : "11px"} system-ui, sans-serif`;
        context.fillText(lane.name, 10, y + (lane.kind === "replica" && !folded ? 13 * scale : lane.height / 2));
        if (lane.kind !== "replica" || folded) continue;
        context.font = "9px system-ui, sans-serif";
        context.fillStyle = paint.soft;
        for (const [name, down] of [["ballot, reign, lease", 26], ["messages", 40], ["applied", 57], ["disk", 71]]) context.fillText(name, 10, y + down * scale);
      }
      context.fillStyle = paint.panel;
      context.fillRect(0, 0, LABELS, AXIS);
    };

    const outline = (what) => {
      if (!what) return;
      const [kind, i] = what;
      context.strokeStyle = paint.select;
      context.lineWidth = 2;
      context.beginPath();
      if (kind === "messages") {
        const [x1, y1, x2, y2] = ends(i);
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
        context.stroke();
        for (const [px, py] of [[x1, y1], [x2, y2]]) { context.beginPath(); context.arc(px, py, 3.5, 0, 7); context.fillStyle = paint.select; context.fill(); }
      } else {
        const [top, height] = kind === "spans" ? bar(i) : markBar(i), left = x(run[kind].from[i]);
        context.strokeRect(left - 2, top - view.scroll - 1.5, Math.max(4, x(run[kind].until[i]) - left + 3), height + 3);
      }
      context.lineWidth = 1;
    };

    const draw = () => {
      const began = performance.now();
      view.drawn = 0;
      drawLanes();
      context.save();
      context.beginPath();
      context.rect(LABELS, AXIS, view.width - LABELS, view.height - AXIS);
      context.clip();
      drawLives();
      drawGrid();
      drawSpans();
      drawLines();
      drawMessages();
      drawMarks();
      outline(view.hovered);
      outline(view.pinned);
      context.restore();
      drawAxis();
      drawLabels();
      drawPlaces();
      view.frame_ms = performance.now() - began;
    };

    // The event at a point: a mark, a message, or the shortest span there.
    const hit = (px, py) => {
      const y = py + view.scroll, slack = (span() / (view.width - LABELS)) * 4, us = at(px);
      if (px < LABELS || py < AXIS) return null;
      let best = null, distance = 5;
      const [low, high] = Model.range(run.marks, us - slack, us + slack);
      for (let i = low; i < high; i++) {
        const [top, height] = markBar(i), off = Math.abs(x(run.marks.from[i]) - px);
        if (off < distance && y >= top && y <= top + height && Model.shows(filter, run.marks, i)) [best, distance] = [["marks", i], off];
      }
      if (best) return best;
      for (const i of arrows) {
        const [x1, y1, x2, y2] = ends(i), length = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1;
        const share = Math.max(0, Math.min(1, ((px - x1) * (x2 - x1) + (py - y1) * (y2 - y1)) / length));
        const off = Math.hypot(px - x1 - share * (x2 - x1), py - y1 - share * (y2 - y1));
        if (off < distance) [best, distance] = [["messages", i], off];
      }
      if (best) return best;
      const [from, until] = Model.range(run.spans, us - slack, us + slack);
      let shortest = Infinity;
      for (let i = from; i < until; i++) {
        const [top, height] = bar(i), lasts = run.spans.until[i] - run.spans.from[i];
        if (run.spans.until[i] >= us - slack && y >= top && y <= top + height && lasts < shortest && Model.shows(filter, run.spans, i)) [best, shortest] = [["spans", i], lasts];
      }
      return best;
    };

    colours();
    resize();
    return { view, lanes, draw, resize, layout, colours, move, zoom, centre, reveal, hit, laneAt, at, x, span, paint: (name) => paint[name], colour, LABELS };
  };
  return { make, colour };
})();

const Page = (() => {
  const start = (raw) => {
    const run = Model.decode(raw), filter = Model.openFilter(run), get = (id) => document.getElementById(id);
    const system = window.matchMedia && window.matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = system ? "dark" : "light";
    const state = new URLSearchParams(window.location.hash.slice(1));
    if (state.get("theme")) document.documentElement.dataset.theme = state.get("theme");

    get("title").textContent = `seed ${run.seed}`;
    get("command").textContent = run.command;
    const size = `${run.events.toLocaleString("en")} events`, trace = `trace ${run.trace.slice(0, 12)}…`;
    get("facts").textContent = get("facts").title = [run.facts, Model.time(run.end), size, trace].filter(Boolean).join(" · ");

    const chips = chipsOf(run, filter, get("chips"), () => changed());
    const diagram = Canvas.make(get("diagram"), run, filter), { view } = diagram;
    const map = mapOf(get("map"), run, diagram);
    let asked = false, place = -1;
    const redraw = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; diagram.draw(); map.draw(); tell(); });
    };
    const changed = () => {
      diagram.layout();
      get("found").textContent = filter.texts ? `${Model.count(run, filter).toLocaleString("en")} found` : "";
      redraw();
    };

    // -- details -------------------------------------------------------------------------------------------------------

    const tell = () => {
      const what = view.hovered || view.pinned, box = get("details");
      box.replaceChildren();
      const line = (...parts) => {
        const p = document.createElement("div");
        for (const [tag, text, name] of parts) { const e = document.createElement(tag); e.textContent = text; if (name) e.className = name; p.append(e); }
        box.append(p);
      };
      if (!what) {
        const many = view.messages > 3000 ? "; arrows appear when there are fewer than 3,000" : "";
        line(["span", `${Model.time(diagram.span())} are shown, with ${(view.messages || 0).toLocaleString("en")} messages${many}. Point at anything; ? shows the keys.`]);
        return;
      }
      const [kind, i] = what, events = run[kind], lane = run.lanes[events.lane[i]][1];
      line(["b", run.texts[events.text[i]]], ["span", view.pinned === what || (view.pinned && !view.hovered) ? "  pinned" : "", "pinned"]);
      const since = view.pinned && view.hovered && view.pinned !== view.hovered ? ` · ${Model.time(events.from[i] - run[view.pinned[0]].from[view.pinned[1]])} after what is pinned` : "";
      if (kind === "messages") {
        const took = events.lost[i] ? "never arrived" : `arrived ${Model.time(events.until[i])}, after ${Model.time(events.until[i] - events.from[i])}`;
        line(["span", `${lane} → ${run.lanes[events.target[i]][1]} · ${run.groups[events.group[i]]} · sent ${Model.time(events.from[i])}, ${took}${since}`]);
      } else if (kind === "spans") {
        line(["span", `${lane} · ${run.groups[events.group[i]]} · ${Model.time(events.from[i])} to ${Model.time(events.until[i])}, ${Model.time(events.until[i] - events.from[i])}${since}`]);
      } else {
        line(["span", `${lane} · ${run.groups[events.group[i]]} · ${Model.time(events.from[i])}${since}`]);
      }
    };

    // -- violations ----------------------------------------------------------------------------------------------------

    const buttons = run.places.map(([text], at) => {
      const button = document.createElement("button");
      button.textContent = `▼ ${text}`;
      button.title = text;
      button.addEventListener("click", () => jump(at));
      get("violations").append(button);
      return button;
    });
    if (run.more) {
      const rest = document.createElement("span");
      rest.textContent = `and ${run.more.toLocaleString("en")} more`;
      get("violations").append(rest);
    }
    const jump = (at) => {
      if (!run.places.length) return;
      place = (at + run.places.length) % run.places.length;
      const [, us, lane, find] = run.places[place];
      buttons.forEach((button, each) => button.classList.toggle("here", each === place));
      view.focus = Model.matches(run.texts, find);
      diagram.centre(us, Math.min(diagram.span(), Math.max(run.end / 50, 20_000)));
      diagram.reveal(lane);
      redraw();
    };

    // -- filter --------------------------------------------------------------------------------------------------------

    const search = (text) => {
      get("filter").value = text;
      filter.texts = Model.matches(run.texts, text);
      changed();
    };
    const step = (direction) => {
      const from = view.pinned ? run[view.pinned[0]].from[view.pinned[1]] : (view.from + view.until) / 2;
      // Past the last comes the first.
      const found = Model.next(run, filter, from, direction) || Model.next(run, filter, -direction * Infinity, direction);
      if (!found) return;
      view.pinned = found;
      const us = run[found[0]].from[found[1]];
      if (us < view.from || us > view.until) diagram.centre(us);
      diagram.reveal(run[found[0]].lane[found[1]]);
      redraw();
    };
    get("filter").addEventListener("input", () => search(get("filter").value));
    get("filter").addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") { search(""); get("diagram").focus(); }
    });

    // -- keys and pointer ----------------------------------------------------------------------------------------------

    const theme = () => {
      document.documentElement.dataset.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      diagram.colours();
      chips.colours();
      map.forget();
      redraw();
    };
    const letGo = () => {
      view.pinned = view.focus = null;
      buttons.forEach((button) => button.classList.remove("here"));
      search("");
    };
    const keys = {
      ArrowLeft: (e) => diagram.move(view.from - diagram.span() * (e.shiftKey ? 0.9 : 0.12), view.until - diagram.span() * (e.shiftKey ? 0.9 : 0.12)),
      ArrowRight: (e) => diagram.move(view.from + diagram.span() * (e.shiftKey ? 0.9 : 0.12), view.until + diagram.span() * (e.shiftKey ? 0.9 : 0.12)),
      ArrowUp: (e) => { view.scroll -= e.shiftKey ? view.height * 0.8 : 40; diagram.layout(); },
      ArrowDown: (e) => { view.scroll += e.shiftKey ? view.height * 0.8 : 40; diagram.layout(); },
      "+": () => diagram.zoom(1 / 1.5), "=": () => diagram.zoom(1 / 1.5), "-": () => diagram.zoom(1.5), "−": () => diagram.zoom(1.5),
      0: () => diagram.move(0, run.end), Home: () => diagram.centre(0), End: () => diagram.centre(run.end),
      "/": () => { get("filter").focus(); get("filter").select(); },
      n: () => step(1), N: () => step(-1), v: () => jump(place + 1), V: () => jump(place - 1), t: theme, Escape: letGo,
      Enter: () => view.pinned && search(Model.about(run.texts[run[view.pinned[0]].text[view.pinned[1]]])),
      "?": () => get("keys").showModal(),
    };
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key) || get("keys").open) return;
      event.preventDefault();
      keys[event.key](event);
      redraw();
    });
    get("theme").addEventListener("click", theme);
    get("help").addEventListener("click", () => get("keys").showModal());

    const canvas = get("diagram");
    let held = null;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const side = event.shiftKey ? event.deltaY : event.deltaX;
      if (Math.abs(side) > Math.abs(event.deltaY) || event.shiftKey) {
        const off = (side / view.width) * diagram.span();
        diagram.move(view.from + off, view.until + off);
      } else diagram.zoom(1.0018 ** event.deltaY, event.offsetX);
      redraw();
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      held = { x: event.offsetX, y: event.offsetY, from: view.from, until: view.until, scroll: view.scroll, moved: false };
      canvas.setPointerCapture(event.pointerId);
      canvas.focus();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (held && (held.moved || Math.hypot(event.offsetX - held.x, event.offsetY - held.y) > 4)) {
        held.moved = true;
        canvas.classList.add("moving");
        const off = ((held.x - event.offsetX) / (view.width - diagram.LABELS)) * (held.until - held.from);
        diagram.move(held.from + off, held.until + off);
        view.scroll = held.scroll + held.y - event.offsetY;
        diagram.layout();
      } else view.hovered = diagram.hit(event.offsetX, event.offsetY);
      redraw();
    });
    canvas.addEventListener("pointerup", (event) => {
      canvas.classList.remove("moving");
      if (held && !held.moved) {
        const lane = diagram.laneAt(event.offsetY);
        if (event.offsetX < diagram.LABELS && lane) { filter.lanes[lane.at] ^= 1; changed(); } else view.pinned = diagram.hit(event.offsetX, event.offsetY);
      }
      held = null;
      redraw();
    });
    canvas.addEventListener("pointerleave", () => { view.hovered = null; redraw(); });
    canvas.addEventListener("dblclick", (event) => { diagram.zoom(1 / 4, event.offsetX); redraw(); });
    map.onMove = (us) => { diagram.centre(us); redraw(); };
    new ResizeObserver(() => { diagram.resize(); map.resize(); redraw(); }).observe(get("diagram"));

    // -- where to begin ------------------------------------------------------------------------------------------------

    const number = (name) => (state.has(name) && Number.isFinite(+state.get(name)) ? +state.get(name) : null);
    if (run.places.length) jump(0);
    if (number("from_ms") !== null && number("until_ms") !== null) diagram.move(number("from_ms") * 1e3, number("until_ms") * 1e3);
    if (state.get("filter")) search(state.get("filter"));
    redraw();
    return { run, filter, view, diagram, search, jump, step, redraw };
  };

  const chipsOf = (run, filter, box, changed) => {
    const counts = new Map();
    for (const events of [run.messages, run.marks, run.spans]) {
      for (let i = 0; i < events.n; i++) counts.set(run.category[events.group[i]], (counts.get(run.category[events.group[i]]) || 0) + 1);
    }
    const order = [...Object.keys(Canvas.colour)], chips = new Map();
    const press = () => {
      for (const [name, chip] of chips) chip.setAttribute("aria-pressed", String(run.category.some((each, group) => each === name && filter.categories[group])));
      changed();
    };
    for (const name of [...counts.keys()].sort((a, b) => order.indexOf(a) - order.indexOf(b))) {
      const chip = document.createElement("button"), swatch = document.createElement("i"), count = document.createElement("small");
      count.textContent = counts.get(name).toLocaleString("en");
      chip.append(swatch, name, count);
      chip.setAttribute("aria-pressed", "true");
      chip.addEventListener("click", (event) => {
        const on = chip.getAttribute("aria-pressed") === "true";
        run.category.forEach((each, group) => {
          if (event.altKey) filter.categories[group] = each === name ? 1 : 0;
          else if (each === name) filter.categories[group] = on ? 0 : 1;
        });
        press();
      });
      chips.set(name, chip);
      box.append(chip);
    }
    const colours = () => {
      const style = getComputedStyle(document.documentElement);
      for (const [name, chip] of chips) chip.firstChild.style.background = style.getPropertyValue(`--${Canvas.colour[name] || "soft"}`);
    };
    colours();
    return { colours };
  };

  // The whole run, small: how much happens when, where the diagram is, where violations are.
  const mapOf = (canvas, run, diagram) => {
    const context = canvas.getContext("2d"), map = { onMove: () => {} };
    let width = 0, height = 0, counts = null;
    map.forget = () => { counts = null; };
    map.resize = () => {
      const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
      [width, height, counts] = [Math.max(200, box.width), Math.max(20, box.height), null];
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
    };
    const x = (us) => diagram.LABELS + (us / run.end) * (width - diagram.LABELS);
    map.draw = () => {
      if (!counts) {
        counts = new Uint32Array(Math.ceil(width) + 1);
        for (let i = 0; i < run.messages.n; i++) counts[Math.floor(x(run.messages.from[i]))]++;
      }
      const most = Math.log2(1 + counts.reduce((a, b) => Math.max(a, b), 1));
      context.fillStyle = diagram.paint("panel");
      context.fillRect(0, 0, width, height);
      context.fillStyle = diagram.paint("soft");
      for (let px = diagram.LABELS; px < counts.length; px++) {
        const size = (Math.log2(1 + counts[px]) / most) * (height - 8);
        if (size) context.fillRect(px, height - size, 1, size);
      }
      context.font = "11px system-ui, sans-serif";
      context.textBaseline = "middle";
      context.fillText("whole run", 10, height / 2);
      context.fillStyle = diagram.paint("violation");
      for (const [, us] of run.places) context.fillRect(x(us) - 1, 0, 2.5, height);
      const left = Math.max(diagram.LABELS, x(diagram.view.from)), right = Math.min(width, x(diagram.view.until));
      context.globalAlpha = 0.16;
      context.fillStyle = diagram.paint("values");
      context.fillRect(left, 0, Math.max(3, right - left), height);
      context.globalAlpha = 1;
      context.strokeStyle = diagram.paint("values");
      context.strokeRect(left + 0.5, 0.5, Math.max(3, right - left - 1), height - 1);
    };
    const moved = (event) => { if (event.buttons) map.onMove(((event.offsetX - diagram.LABELS) / (width - diagram.LABELS)) * run.end); };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); moved(event); });
    canvas.addEventListener("pointermove", moved);
    map.resize();
    return map;
  };
  return { start };
})();

if (typeof document !== "undefined") window.gaios = Page.start(JSON.parse(document.getElementById("run").textContent));

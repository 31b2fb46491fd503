"use strict";
(async () => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  // Numbers are packed by gzip, in letters.
  const bytes = (letters) => Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
  const packed = new Blob([bytes(document.getElementById("data").textContent)]);
  const data = await new Response(packed.stream().pipeThrough(new DecompressionStream("gzip"))).json();
  const hidden = new Set();

  // Light or dark: what was chosen here before, else what the system says.
  const root = document.documentElement;
  const remembered = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const setTheme = (name) => { root.dataset.theme = name; all(".play").forEach((play) => play.redraw && play.redraw()); };
  document.getElementById("theme").addEventListener("click", () => {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", next); } catch { /* a file may have no storage */ }
    setTheme(next);
  });
  setTheme(remembered || system);

  const short = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "-";
    const size = Math.abs(value);
    if (size >= 1e9 || (size > 0 && size < 1e-3)) return value.toExponential(2);
    return value.toLocaleString("en", { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 3 });
  };

  // Teachers are hidden everywhere at once.
  const show = () => {
    all("[data-teacher]").forEach((part) => {
      if (!part.classList.contains("chip")) part.classList.toggle("away", hidden.has(part.dataset.teacher));
    });
    all(".series").forEach((part) => part.classList.toggle("away", hidden.has(data.teachers[+part.dataset.series])));
  };
  all(".chip").forEach((chip) => chip.addEventListener("click", (event) => {
    const name = chip.dataset.teacher;
    // With Alt or Shift all others are hidden, or shown again.
    if (event.altKey || event.shiftKey) {
      const others = data.teachers.filter((teacher) => teacher !== name);
      const alone = others.every((teacher) => hidden.has(teacher)) && !hidden.has(name);
      hidden.clear();
      if (!alone) others.forEach((teacher) => hidden.add(teacher));
    } else if (!hidden.delete(name)) hidden.add(name);
    all(".chip").forEach((other) => other.setAttribute("aria-pressed", String(!hidden.has(other.dataset.teacher))));
    show();
  }));

  // Switches of what a panel is drawn against.
  all(".tabs button").forEach((button) => button.addEventListener("click", () => {
    const panel = button.closest(".panel");
    all(".tabs button", panel).forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    all(".view", panel).forEach((view) => { view.hidden = view.dataset.view !== button.dataset.view; });
  }));

  // Files: numbers and PDF lie in the page, a drawing is saved as it is shown, in the colours of a light page.
  const TYPES = { pdf: "application/pdf", svg: "image/svg+xml", csv: "text/csv" };
  const INKS = { ink: "#000000", paper: "#ffffff", soft: "#444444", grid: "#d9d9d9", base: "#555555" };
  const drawingOf = (key) => {
    const svg = document.querySelector(`.view[data-view="${CSS.escape(key)}"] svg`).cloneNode(true);
    all(".rule", svg).forEach((rule) => rule.remove());
    all(".away", svg).forEach((part) => part.remove());
    return new XMLSerializer().serializeToString(svg).replace(/var\(--(\w+)\)/g, (_, name) => INKS[name]);
  };
  const contentOf = (key, kind) => {
    if (kind === "pdf") return bytes(JSON.parse(document.getElementById("pdf").textContent)[key]);
    if (kind === "csv") return data.csv[key];
    return data.svg[key] || drawingOf(key);
  };
  const save = (content, name, kind) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: TYPES[kind] }));
    link.download = `${name}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  all("[data-file]").forEach((button) => button.addEventListener("click", () => {
    const { file, kind } = button.dataset;
    save(contentOf(file, kind), file.replace(/^s\d+-|-\d+$/g, ""), kind);
  }));

  // Values of all lines where the pointer is.
  const tip = document.getElementById("tip");
  const at = (xs, ys, x) => {
    if (!ys || x < xs[0] || x > xs[xs.length - 1]) return null;
    let k = xs.findIndex((value) => value >= x);
    if (k <= 0) return ys[0];
    const before = ys[k - 1], after = ys[k];
    if (before === null || after === null) return null;
    return xs[k] === xs[k - 1] ? after : before + (after - before) * (x - xs[k - 1]) / (xs[k] - xs[k - 1]);
  };
  const line = (parent, colour, text) => {
    const row = parent.appendChild(document.createElement("div"));
    if (colour) row.appendChild(document.createElement("i")).style.background = colour;
    row.appendChild(document.createTextNode(text));
  };
  all(".view").forEach((view) => {
    const panels = data.panels[view.dataset.view];
    const svg = view.querySelector("svg");
    if (!panels || !svg) return;
    const rule = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "line"));
    rule.setAttribute("class", "rule");
    const away = () => { tip.hidden = true; rule.setAttribute("visibility", "hidden"); };
    const move = (event) => {
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const panel = panels.find(({ box: [x, y, w, h] }) => place.x >= x && place.x <= x + w && place.y >= y && place.y <= y + h);
      if (!panel) return away();
      const [left, top, width, height] = panel.box;
      const x = panel.x[0] + (panel.x[1] - panel.x[0]) * (place.x - left) / width;
      const rows = panel.series.filter(({ label }) => !hidden.has(label))
        .map((each) => ({ ...each, x: each.x || panel.grid }))
        .map((each) => ({ ...each, value: at(each.x, each.y, x), from: at(each.x, each.low, x), to: at(each.x, each.high, x) }))
        .filter(({ value }) => value !== null).sort((one, other) => other.value - one.value);
      if (!rows.length) return away();
      tip.replaceChildren();
      line(tip, "", `${panel.name || "x"}: ${short(x)}`);
      rows.slice(0, 24).forEach(({ label, colour, value, from, to }) =>
        line(tip, colour, `${label}: ${short(value)}${from === null ? "" : ` [${short(from)}, ${short(to)}]`}`));
      tip.hidden = false;
      tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
      tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8))}px`;
      Object.entries({ x1: place.x, x2: place.x, y1: top, y2: top + height, visibility: "visible" })
        .forEach(([name, value]) => rule.setAttribute(name, value));
    };
    svg.addEventListener("pointermove", move);
    svg.addEventListener("pointerdown", move);
    svg.addEventListener("pointerleave", away);
    away();
  });

  // The sampling player.
  const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
  const colourOf = (share) => {
    const place = Math.max(0, Math.min(1, share)) * (VIRIDIS.length - 1);
    const k = Math.min(VIRIDIS.length - 2, Math.floor(place));
    // On a dark page the dark end of the scale would not be seen.
    const lift = root.dataset.theme === "dark" ? 0.35 * (1 - share) : 0;
    const mix = VIRIDIS[k].map((value, i) => value + (VIRIDIS[k + 1][i] - value) * (place - k))
      .map((value) => Math.round(value + (255 - value) * lift));
    return `rgb(${mix.join(",")})`;
  };
  const CELLS = 12;
  const BINS = 40;
  const numbers = (letters) => new Uint16Array(bytes(letters).buffer);

  const makePlay = (part) => {
    const play = data.play[part.dataset.play];
    const frames = play.edges.length - 1;
    const dims = play.names.length;
    const one = dims === 1;
    const slider = part.querySelector("input");
    const go = part.querySelector(".go");
    const colour = part.querySelector(".colour");
    const axes = [part.querySelector(".x"), part.querySelector(".y")];
    slider.max = frames - 1;
    slider.value = frames - 1;
    [["score", `${play.score} of training`], ...(play.mastered === null ? [] : [["solved", "mastered or not"]]),
      ...(one ? [] : [["progress", "learning progress by region"]])]
      .forEach(([value, text]) => colour.add(new Option(text, value)));
    axes.forEach((axis, i) => {
      play.names.forEach((name, k) => axis.add(new Option(name, k, false, k === Math.min(i, dims - 1))));
      axis.closest("label").hidden = dims < 3;
    });
    const maps = play.teachers.map((teacher) => {
      const box = part.querySelector(".maps").appendChild(document.createElement("div"));
      box.className = "map";
      box.dataset.teacher = teacher.teacher;
      const name = box.appendChild(document.createElement("b"));
      name.textContent = `${teacher.teacher}, seed ${teacher.seed}`;
      const canvas = box.appendChild(document.createElement("canvas"));
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `tasks of ${teacher.teacher}`);
      const note = box.appendChild(document.createElement("small"));
      return { ...teacher, canvas, note, frame: numbers(teacher.frame), places: teacher.places.map(numbers), scores: numbers(teacher.scores), solved: bytes(teacher.solved) };
    });
    const share = (value, dim) => (value - play.low[dim]) / (play.high[dim] - play.low[dim]);

    // Mean score of each cell of the plane in each stretch, and how it changed since tasks fell there last.
    const progressOf = (map, x, y, until) => {
      const last = new Float64Array(CELLS * CELLS).fill(NaN);
      let found = new Float64Array(CELLS * CELLS).fill(NaN);
      for (let k = 0; k <= until; k++) {
        const sums = new Float64Array(CELLS * CELLS), counts = new Float64Array(CELLS * CELLS);
        map.rows[k].forEach((i) => {
          const cell = Math.min(CELLS - 1, Math.floor(map.places[x][i] / 65536 * CELLS)) + CELLS * Math.min(CELLS - 1, Math.floor(map.places[y][i] / 65536 * CELLS));
          sums[cell] += map.scores[i] / 65535;
          counts[cell] += 1;
        });
        found = found.map((value, cell) => counts[cell] && !Number.isNaN(last[cell]) ? Math.abs(sums[cell] / counts[cell] - last[cell]) : value);
        counts.forEach((count, cell) => { if (count) last[cell] = sums[cell] / count; });
      }
      return found;
    };
    maps.forEach((map) => {
      map.rows = Array.from({ length: frames }, () => []);
      map.frame.forEach((k, i) => map.rows[Math.min(k, frames - 1)].push(i));
    });

    const showMap = (map, k) => {
      const { canvas } = map;
      const ratio = devicePixelRatio || 1;
      const width = canvas.clientWidth || 240;
      const height = heightOf(width);
      canvas.style.height = `${height}px`;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      drawMap(pen, width, height, map, k);
    };

    const heightOf = (width) => one ? width * 0.55 : width;

    // A pen like a canvas's, whose strokes are parts of an SVG.
    const svgPen = () => {
      const parts = [];
      let path = "";
      const pen = {
        fillStyle: "", strokeStyle: "", lineWidth: 1, globalAlpha: 1,
        rect: (x, y, w, h, look) => parts.push(`<rect x="${Math.min(x, x + w)}" y="${Math.min(y, y + h)}" width="${Math.abs(w)}" height="${Math.abs(h)}" ${look}/>`),
        fillRect: (x, y, w, h) => pen.rect(x, y, w, h, `fill="${pen.fillStyle}" opacity="${pen.globalAlpha}"`),
        strokeRect: (x, y, w, h) => pen.rect(x, y, w, h, `fill="none" stroke="${pen.strokeStyle}" stroke-width="${pen.lineWidth}"`),
        beginPath: () => { path = ""; },
        arc: (x, y, r) => { path = `<circle cx="${x}" cy="${y}" r="${r}"`; },
        ellipse: (x, y, a, b, turn) => { path = `<ellipse rx="${a}" ry="${b}" transform="translate(${x} ${y}) rotate(${turn * 180 / Math.PI})"`; },
        fill: () => parts.push(`${path} fill="${pen.fillStyle}"/>`),
        stroke: () => parts.push(`${path} fill="none" stroke="${pen.strokeStyle}" stroke-width="${pen.lineWidth}"/>`),
        parts,
      };
      return pen;
    };
    const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
    const drawingOfMaps = (k) => {
      const size = 260, room = 24, shown = maps.filter(({ teacher }) => !hidden.has(teacher));
      const found = shown.map((map, i) => {
        const pen = svgPen();
        drawMap(pen, size, heightOf(size), map, k);
        return `<g transform="translate(${(i % 4) * (size + 10)} ${Math.floor(i / 4) * (heightOf(size) + room) + room})"><text y="-6" font-family="sans-serif" font-size="12">${escaped(map.teacher)}</text><rect width="${size}" height="${heightOf(size)}" fill="none" stroke="#888888"/>${pen.parts.join("")}</g>`;
      });
      const across = Math.min(4, shown.length) * (size + 10), down = Math.ceil(shown.length / 4) * (heightOf(size) + room);
      return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${across} ${down}" width="${across}" height="${down}">${found.join("")}</svg>`;
    };
    const rowsOfMaps = () => {
      const quoted = (text) => `"${String(text).replace(/^([=+@-])/, "'$1").replace(/"/g, '""')}"`;
      const lines = [["teacher", "seed", "from", "to", ...play.names, "score"].map(quoted).join(",")];
      maps.forEach((map) => map.frame.forEach((k, i) => {
        const place = map.places.map((values, dim) => play.low[dim] + values[i] / 65535 * (play.high[dim] - play.low[dim]));
        const score = play.worst + map.scores[i] / 65535 * (play.best - play.worst);
        lines.push([quoted(map.teacher), quoted(map.seed), play.edges[k], play.edges[k + 1], ...place.map((value) => +value.toPrecision(6)), +score.toPrecision(6)].join(","));
      }));
      return `${lines.join("\n")}\n`;
    };
    all(".save", part).forEach((button) => button.addEventListener("click", () =>
      button.dataset.kind === "svg" ? save(drawingOfMaps(+slider.value), "sampling", "svg") : save(rowsOfMaps(), "sampling", "csv")));

    const drawMap = (pen, width, height, map, k) => {
      const style = getComputedStyle(root);
      const ink = (name) => style.getPropertyValue(name).trim();
      const rows = map.rows[k];
      const edge = 6;
      const px = (value) => edge + value * (width - 2 * edge);
      const py = (value) => height - edge - value * (height - 2 * edge);
      const tint = (i) => colour.value === "solved" ? (map.solved[i] ? "#009e73" : "#c9a9a6") : colourOf(map.scores[i] / 65535);
      const x = +axes[0].value, y = one ? 0 : +axes[1].value;
      if (one) {
        // Of listed tasks the bins end between two of them, and hold equally many as far as that goes.
        const parts = play.listed ? Math.round(play.high[0] - play.low[0]) : BINS;
        const bins = Math.min(BINS, parts);
        const starts = Array.from({ length: bins + 1 }, (_, bin) => Math.round(bin * parts / bins) / parts);
        const counts = new Float64Array(bins), sums = new Float64Array(bins);
        rows.forEach((i) => {
          const place = map.places[0][i] / 65536;
          const bin = Math.max(0, starts.findLastIndex((start) => start <= place));
          counts[Math.min(bins - 1, bin)] += 1;
          sums[Math.min(bins - 1, bin)] += colour.value === "solved" ? map.solved[i] : map.scores[i] / 65535;
        });
        const often = counts.map((count, bin) => count / (starts[bin + 1] - starts[bin]));
        const most = Math.max(1e-9, ...often);
        counts.forEach((count, bin) => {
          if (!count) return;
          pen.fillStyle = colourOf(sums[bin] / count);
          pen.fillRect(px(starts[bin]), py(often[bin] / most), px(starts[bin + 1]) - px(starts[bin]) - (bins > 1 ? 1 : 0), py(0) - py(often[bin] / most));
        });
      } else {
        if (colour.value === "progress") {
          const found = progressOf(map, x, y, k);
          const most = Math.max(1e-9, ...found.filter((value) => !Number.isNaN(value)));
          found.forEach((value, cell) => {
            if (Number.isNaN(value)) return;
            pen.fillStyle = colourOf(value / most);
            pen.globalAlpha = 0.75;
            pen.fillRect(px((cell % CELLS) / CELLS), py((Math.floor(cell / CELLS) + 1) / CELLS), (width - 2 * edge) / CELLS, (height - 2 * edge) / CELLS);
          });
          pen.globalAlpha = 1;
        }
        if (x === 0 && y === 1) {
          pen.fillStyle = ink("--soft");
          play.walls.forEach(([left, low, wide, high]) => {
            const a = px(share(left, 0)), b = py(share(low + high, 1));
            pen.fillRect(a, b, px(share(left + wide, 0)) - a, py(share(low, 1)) - b);
          });
        }
        rows.forEach((i) => {
          pen.fillStyle = colour.value === "progress" ? ink("--ink") : tint(i);
          pen.beginPath();
          pen.arc(px(map.places[x][i] / 65535), py(map.places[y][i] / 65535), colour.value === "progress" ? 1 : 2.4, 0, 7);
          pen.fill();
        });
      }
      drawOutline(pen, map.outlines[k], x, y, px, py, one);
      const solved = rows.filter((i) => map.solved[i]).length;
      const done = rows.length ? (play.mastered === null ? `${rows.length} tasks shown` : `${Math.round(100 * solved / rows.length)} % of ${rows.length} shown are mastered`) : "no tasks";
      // The last test until the end of the stretch; at the very end the nearest, since rounds end at different costs.
      const away = map.acts.spent.map((cost) => Math.abs(cost - play.edges[k + 1]));
      const last = k === frames - 1 ? away.indexOf(Math.min(...away)) : map.acts.spent.findLastIndex((cost) => cost <= play.edges[k + 1]);
      const tested = last < 0 ? null : map.acts.value[last];
      map.note.textContent = `${done}${tested === null ? "" : `; test at ${short(map.acts.spent[last])}: ${play.mastered === null ? short(tested) : `${tested.toFixed(1)} %`}`}`;
    };

    const drawOutline = (pen, found, x, y, px, py, flat) => {
      pen.strokeStyle = "#d55e00";
      const spanX = play.high[x] - play.low[x], spanY = play.high[y] - play.low[y];
      (found.regions || []).forEach(([value, low, high]) => {
        const a = px(share(low[x], x)), b = px(share(high[x], x));
        const c = flat ? py(1) : py(share(high[y], y)), d = flat ? py(0) : py(share(low[y], y));
        pen.lineWidth = 0.8;
        pen.fillStyle = "#d55e00";
        pen.globalAlpha = 0.25 * value;
        pen.fillRect(a, c, b - a, d - c);
        pen.globalAlpha = 1;
        pen.strokeRect(a, c, b - a, d - c);
      });
      (found.mixture || []).forEach(([weight, mean, covariance]) => {
        pen.lineWidth = 0.7 + 2.4 * weight;
        if (flat) {
          const sd = 2 * Math.sqrt(Math.max(0, covariance[0]));
          pen.strokeRect(px(share(mean[0] - sd, 0)), py(1), px(share(mean[0] + sd, 0)) - px(share(mean[0] - sd, 0)), py(0) - py(1));
          return;
        }
        // The axes of the ellipse in the picture's own units, y downwards.
        const sx = (px(1) - px(0)) / spanX, sy = (py(0) - py(1)) / spanY, n = play.names.length;
        const a = covariance[x * n + x] * sx * sx, b = -covariance[x * n + y] * sx * sy, c = covariance[y * n + y] * sy * sy;
        const middle = (a + c) / 2, radius = Math.hypot((a - c) / 2, b);
        pen.beginPath();
        pen.ellipse(px(share(mean[x], x)), py(share(mean[y], y)), 2 * Math.sqrt(Math.max(0, middle + radius)), 2 * Math.sqrt(Math.max(0, middle - radius)), Math.atan2(2 * b, a - c) / 2, 0, 7);
        pen.stroke();
      });
      pen.lineWidth = 1;
      (found.particles || []).forEach((place) => {
        const a = px(share(place[x], x)), b = flat ? py(0.5) : py(share(place[y], y));
        pen.strokeRect(a - 2, b - 2, 4, 4);
      });
    };

    const draw = () => {
      const k = +slider.value;
      slider.setAttribute("aria-valuetext", `until ${short(play.edges[k + 1])} ${play.unit}`);
      part.querySelector("output").textContent = `${short(play.edges[k])} to ${short(play.edges[k + 1])} ${play.unit}`;
      maps.forEach((map) => { if (!hidden.has(map.teacher)) showMap(map, k); });
      const scale = part.querySelector(".scale");
      scale.replaceChildren();
      const ends = colour.value === "progress" ? ["none", "the most of a map"] : colour.value === "solved" && !one ? ["", "green: mastered"] : colour.value === "solved" ? ["none mastered", "all"] : [short(play.worst), short(play.best)];
      const axesOf = one ? `across: ${play.names[0]}, up: how often` : `across: ${play.names[+axes[0].value]}, up: ${play.names[+axes[1].value]}`;
      scale.append(axesOf);
      if (ends[0]) {
        scale.append(" | ", ends[0]);
        scale.appendChild(document.createElement("i")).style.background = `linear-gradient(90deg,${VIRIDIS.map((_, i) => colourOf(i / (VIRIDIS.length - 1))).join(",")})`;
      } else scale.append(" | ");
      scale.append(ends[1]);
    };
    let timer = 0;
    const stop = () => { clearInterval(timer); timer = 0; go.textContent = "\u25B6"; go.setAttribute("aria-label", "play"); };
    go.addEventListener("click", () => {
      if (timer) return stop();
      if (+slider.value === frames - 1) slider.value = 0;
      go.textContent = "\u275A\u275A";
      go.setAttribute("aria-label", "pause");
      timer = setInterval(() => {
        if (+slider.value === frames - 1) return stop();
        slider.value = +slider.value + 1;
        draw();
      }, 220);
    });
    slider.addEventListener("input", () => { stop(); draw(); });
    [colour, ...axes].forEach((choice) => choice.addEventListener("change", draw));
    addEventListener("resize", draw);
    part.redraw = draw;
    // Teachers may have been hidden before this part came into sight.
    show();
    draw();
  };
  // A map is drawn when it comes into sight for the first time: a page may hold many.
  const watcher = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    watcher.unobserve(entry.target);
    makePlay(entry.target);
  }), { rootMargin: "400px" });
  all(".play").forEach((part) => watcher.observe(part));
  all(".chip").forEach((chip) => chip.addEventListener("click", () => all(".play").forEach((play) => play.redraw && play.redraw())));

  // A page that is served asks whether its runs went on.
  if (root.dataset.live) {
    const ask = async () => {
      try {
        const found = (await (await fetch("version")).json()).version;
        if (found !== root.dataset.live) { sessionStorage.setItem("scroll", scrollY); location.reload(); }
      } catch { /* the server has ended: the page stays as it is */ }
    };
    const scroll = sessionStorage.getItem("scroll");
    if (scroll) { scrollTo(0, +scroll); sessionStorage.removeItem("scroll"); }
    ask();
    setInterval(ask, 3000);
  }
})();

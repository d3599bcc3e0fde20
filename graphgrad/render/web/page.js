"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const svg = document.querySelector("#scene > svg");
  const boxes = [...svg.querySelectorAll("[data-box]")];
  const linkGroup = svg.querySelector(".links");
  const links = new Map([...svg.querySelectorAll("[data-link]")].map((link) => [link.dataset.link, link]));
  const last = data.steps.length - 1;
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  const strength = { waiting: 0, carried: 1, returned: 2, active: 3 };
  let place = null;
  let chosen = null;
  let timer = 0;
  let zoom = 0;

  // What holds at a place is the last entry that is not after it.
  const at = (entries, where) => {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle][0] <= where) low = middle + 1;
      else high = middle;
    }
    return entries[low - 1];
  };

  const make = (name, text, kind) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };

  // ---- the picture

  // Runs of text are placed within their box.
  const write = (group, runs, box) => {
    for (const old of group.querySelectorAll(":scope > text")) old.remove();
    const mark = group.querySelector(".mark");
    for (const [role, text, x, y, width] of runs) {
      const run = document.createElementNS("http://www.w3.org/2000/svg", "text");
      run.setAttribute("class", role);
      run.setAttribute("x", box.x + x);
      run.setAttribute("y", box.y + y);
      run.setAttribute("textLength", width);
      run.setAttribute("lengthAdjust", "spacingAndGlyphs");
      run.textContent = text;
      group.insertBefore(run, mark);
    }
  };

  const shown = boxes.map(() => [-1, ""]);
  const paint = () => {
    boxes.forEach((group, i) => {
      const [, words, state, bad] = at(data.boxes[i].at, place);
      const look = state + bad + (chosen === i);
      if (shown[i][0] !== words) {
        write(group, data.texts[words].runs, data.boxes[i]);
        group.querySelector("title").textContent = data.texts[words].text;
      }
      if (shown[i][1] !== look) {
        const fixed = data.boxes[i].fixed;
        group.setAttribute("class", `box s-${state}${bad ? " is-bad" : ""}${fixed}${chosen === i ? " chosen" : ""}`);
        group.setAttribute("aria-pressed", chosen === i);
      }
      shown[i] = [words, look];
    });
    const order = [];
    for (const [key, entries] of data.links) {
      const state = at(entries, place)[1];
      const link = links.get(key);
      link.setAttribute("class", `link l-${state}`);
      if (strength[state] > 1) order.push([strength[state], link]);
    }
    order.sort((a, b) => a[0] - b[0]);
    for (const [, link] of order) linkGroup.appendChild(link);
    svg.classList.toggle("backward", place >= 0 && data.steps[place].phase === "backward");
  };

  const follow = () => {
    const now = svg.querySelector(".s-current .body, .s-failed .body");
    const view = find("scene");
    if (!now) return;
    const a = now.getBoundingClientRect();
    const b = view.getBoundingClientRect();
    const margin = 30;
    const dx = a.left < b.left + margin ? a.left - b.left - margin * 2 : a.right > b.right - margin ? a.right - b.right + margin * 2 : 0;
    const dy = a.top < b.top + margin ? a.top - b.top - margin * 2 : a.bottom > b.bottom - margin ? a.bottom - b.bottom + margin * 2 : 0;
    if (dx || dy) view.scrollBy({ left: dx, top: dy, behavior: quiet.matches ? "auto" : "smooth" });
  };

  // ---- the inspector

  const known = (node) => {
    const all = { received: [] };
    for (const [when, entry] of node.at) {
      if (when > place) break;
      for (const [name, value] of Object.entries(entry)) {
        if (name === "received") all.received.push(...value);
        else all[name] = value;
      }
    }
    return all;
  };

  const number = (panel, heading, shown, kind, more) => {
    panel.append(make("h3", heading));
    panel.append(make("p", shown.short, `code ${kind}`));
    if (more) panel.append(make("p", more, "quiet"));
    if (shown.statistics) panel.append(make("p", shown.statistics, "quiet code"));
    if (shown.table && shown.table.length) panel.append(make("pre", shown.table.join("\n")));
  };

  const inspect = () => {
    const panel = find("inspector");
    panel.replaceChildren();
    if (chosen === null) {
      panel.append(make("h2", "Inspector"), make("p", "Choose a box to see its formula, its value and where its gradient comes from.", "quiet"));
      return;
    }
    for (const node of data.boxes[chosen].nodes) describe(panel, data.nodes[node]);
    if (!data.boxes[chosen].nodes.length) {
      panel.append(make("h2", data.boxes[chosen].title), make("p", data.boxes[chosen].detail, "quiet"));
    }
  };

  const describe = (panel, node) => {
    const all = known(node);
    panel.append(make("h2", node.name), make("p", node.title, "quiet"), make("p", node.type, "quiet"));
    if (node.source) panel.append(make("p", node.source, "code quiet"));
    if (node.formula || all.equation) {
      panel.append(make("h3", "Formula"));
      panel.append(make("p", all.equation || node.formula, "code"));
    }
    if (all.derivatives && all.derivatives.length) {
      panel.append(make("h3", "Local derivatives"));
      for (const text of all.derivatives) panel.append(make("p", text, "code"));
    }
    if (all.value) number(panel, "Value", all.value, "value");
    if (all.error && all.error.length) panel.append(make("h3", "Raised"), make("pre", all.error.join("\n"), "raised"));
    if (all.arrivals) {
      number(panel, "Gradient", all.gradient, "gradient", all.arrivals);
      const list = make("ol");
      for (const one of all.received) {
        const item = make("li");
        item.append(make("p", `${one.k} of ${one.n}, from ${one.sender}`, "quiet"), make("p", one.rule, "code"));
        list.append(item);
      }
      if (all.coming) list.append(make("li", all.coming, "coming"));
      panel.append(make("h3", "Contributions"), list);
      if (all.sum) panel.append(make("p", all.sum, "code gradient"));
    }
  };

  const choose = (i) => {
    chosen = i;
    paint();
    inspect();
  };

  // ---- the walk

  const go = (where) => {
    const next = Math.max(-1, Math.min(last, where));
    if (next === place) return;
    place = next;
    paint();
    inspect();
    follow();
    const step = place >= 0 ? data.steps[place] : null;
    const caption = find("caption");
    caption.replaceChildren();
    if (step) caption.append(make("b", step.kind), make("span", step.text, "code"));
    else caption.append(make("span", data.before));
    find("place").textContent = `${place + 1} / ${last + 1}`;
    const slider = find("slider");
    slider.value = place;
    slider.setAttribute("aria-valuetext", step ? `step ${place + 1} of ${last + 1}: ${step.kind} ${step.text}` : data.before);
    find("first").disabled = find("back").disabled = find("previous").disabled = place < 0;
    find("end").disabled = find("next").disabled = find("following").disabled = place === last;
    for (const phase of document.querySelectorAll("#phases span")) phase.classList.toggle("on", step !== null && phase.dataset.phase === step.phase);
    if (place === last) pause();
  };

  const marks = [-1, ...data.steps.flatMap((step, i) => (i && step.phase !== data.steps[i - 1].phase ? [i - 1] : [])), last];
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    const button = find("play");
    button.setAttribute("aria-pressed", "false");
    button.querySelector("path").setAttribute("d", "M4 2l10 6-10 6z");
  };
  const play = () => {
    if (timer) return pause();
    if (place === last) go(-1);
    timer = setInterval(() => go(place + 1), 900);
    const button = find("play");
    button.setAttribute("aria-pressed", "true");
    button.querySelector("path").setAttribute("d", "M3 2h4v12H3zM9 2h4v12H9z");
  };
  const moves = {
    first: () => go(-1),
    previous: () => go([...marks].reverse().find((mark) => mark < place) ?? -1),
    back: () => go(place - 1),
    play,
    next: () => go(place + 1),
    following: () => go(marks.find((mark) => mark > place) ?? last),
    end: () => go(last),
  };
  const keys = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "end", "[": "previous", "]": "following", " ": "play" };

  // ---- size

  const natural = { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
  const fitting = () => {
    const view = find("scene");
    const room = view.clientWidth - 40;
    return Math.min(1.25, Math.max(room / natural.width, 0.55));
  };
  const size = (to) => {
    zoom = Math.max(0.15, Math.min(4, to));
    svg.setAttribute("width", natural.width * zoom);
    svg.setAttribute("height", natural.height * zoom);
  };

  // ---- at the start

  for (const phase of document.querySelectorAll("#phases span")) {
    phase.style.flex = `${data.steps.filter((step) => step.phase === phase.dataset.phase).length} 1 0`;
  }
  if (last >= 0) {
    for (const [id, move] of Object.entries(moves)) {
      find(id).addEventListener("click", () => {
        if (id !== "play" && timer) pause();
        move();
      });
    }
    find("slider").addEventListener("input", (event) => {
      pause();
      go(Number(event.target.value));
    });
  }
  boxes.forEach((group, i) => {
    group.addEventListener("click", () => choose(i));
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        event.stopPropagation();
        choose(i);
      }
    });
  });
  document.addEventListener("keydown", (event) => {
    // Brackets are typed with AltGr on many keyboards, which counts as Alt and Ctrl on some systems.
    if ((event.altKey || event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph")) return;
    if (event.key === "Escape") return choose(null);
    const move = keys[event.key];
    if (!move || last < 0 || (event.key === " " && event.target.closest("button"))) return;
    event.preventDefault();
    if (move !== "play" && timer) pause();
    moves[move]();
  });
  find("smaller").addEventListener("click", () => size(zoom / 1.25));
  find("larger").addEventListener("click", () => size(zoom * 1.25));
  find("fit").addEventListener("click", () => size(fitting()));
  size(fitting());
  if (last >= 0) go(data.start);
  else {
    place = -1;
    paint();
    inspect();
  }
  document.documentElement.dataset.ready = "yes";
})();

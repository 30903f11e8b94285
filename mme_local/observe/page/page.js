"use strict";
(() => {
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  const light = live.previousElementSibling;
  const say = (word, up) => {
    if (live.textContent !== word) live.textContent = word;
    light.className = up ? "light up" : "light down";
  };
  const blocks = (root) => [...root.querySelectorAll("[data-block]")];
  const source = new EventSource("events");
  source.onopen = () => say("live", true);
  source.onerror = () => say("not connected", false);
  source.onmessage = (event) => {
    say("live", true);
    const fresh = document.createElement("template");
    fresh.innerHTML = JSON.parse(event.data);
    const now = blocks(main), next = blocks(fresh.content);
    if (now.length !== next.length || now.some((block, i) => block.id !== next[i].id)) {
      main.replaceChildren(fresh.content);
      return;
    }
    now.forEach((block, i) => {
      if (block.innerHTML === next[i].innerHTML) return;
      const at = block.querySelector(".scroll");
      const [left, top, focused] = at ? [at.scrollLeft, at.scrollTop, at === document.activeElement] : [0, 0, false];
      block.replaceChildren(...next[i].childNodes);
      const again = block.querySelector(".scroll");
      if (again && at) {
        again.scrollTo(left, top);
        if (focused) again.focus({ preventScroll: true });
      }
    });
  };
})();

// Filter, sort, keyboard and the viewer of a shot page. Without it the pages still show everything.
"use strict";
(() => {
  const form = document.querySelector(".controls");
  const viewer = document.querySelector("#viewer");
  if (!form || !viewer) return;
  const found = document.querySelector("#found");
  const groups = [...document.querySelectorAll(".group")];
  const cards = [...document.querySelectorAll(".card")];
  const homes = new Map(cards.map((card) => [card, card.parentElement]));
  const shown = () => cards.filter((card) => card.isConnected && !card.hidden && card.offsetParent !== null)
    .sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  const number = (text) => (text === "" || text === undefined ? Infinity : Number(text));
  const orders = {
    "": (card) => number(card.dataset.excess),
    take: (card) => Number(card.dataset.take),
  };

  function arrange() {
    const { verdict, decision, failing, sort } = Object.fromEntries(new FormData(form));
    const asked = verdict || decision || failing || sort;
    const key = orders[sort] || ((card) => number(card.dataset.values.split(",")[Number(sort)]));
    let count = 0;
    for (const card of cards) {
      card.hidden = !((!verdict || card.dataset.verdict === verdict) && (!decision || card.dataset.decision === decision) &&
        (!failing || card.dataset.failing.split(" ").includes(failing)));
      count += !card.hidden;
    }
    if (!asked) {
      for (const card of cards) homes.get(card).append(card);
    } else { // everything that fits in one grid, in the order asked for
      const keys = new Map(cards.map((card) => [card, key(card)]));
      found.querySelector(".grid").append(...[...cards].sort((a, b) => (keys.get(a) - keys.get(b)) || a.dataset.take - b.dataset.take));
    }
    found.hidden = !asked;
    for (const group of groups) group.hidden = Boolean(asked);
    form.querySelector("output").textContent = asked ? `${count} of ${cards.length} shown` : "";
  }

  // -- viewer
  let current = null;
  function show(card) {
    current = card;
    const link = card.querySelector(".picture");
    const image = viewer.querySelector(".viewed > img");
    const small = link.querySelector("img");
    image.hidden = !small;
    if (small) { image.src = link.href; image.alt = small.alt; }
    const facts = viewer.querySelector(".facts");
    facts.replaceChildren(...[...card.querySelectorAll("h3, .ids, .said, .note")].map((node) => node.cloneNode(true)));
    const more = card.querySelector(".more").cloneNode(true);
    more.hidden = false;
    facts.append(more);
    for (const seen of more.querySelectorAll(".seen"))
      seen.addEventListener("click", (event) => { event.preventDefault(); image.src = seen.href; });
    if (!viewer.open) viewer.showModal();
  }
  function go(step) {
    const all = shown();
    const next = all[all.indexOf(current) + step];
    if (next) show(next);
  }
  viewer.addEventListener("close", () => current && current.querySelector(".picture").focus());
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("[data-go]");
    if (event.target === viewer || (button && button.dataset.go === "0")) viewer.close();
    else if (button) go(Number(button.dataset.go));
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".card .picture");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    show(link.closest(".card"));
  });

  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, j: 1, k: -1 }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (viewer.open) {
      if (step) { event.preventDefault(); go(step); }
      return;
    }
    if (event.target.closest("select, input, summary, .scroll")) return;
    const all = shown();
    const at = all.indexOf(event.target.closest(".card"));
    let next = step ? all[at + step] : null;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && at >= 0) { // the card of the next row in this column
      const here = all[at].getBoundingClientRect();
      const down = event.key === "ArrowDown";
      const rows = (down ? all.slice(at + 1) : all.slice(0, at).reverse());
      next = rows.find((card) => Math.abs(card.getBoundingClientRect().left - here.left) < 4);
    }
    if (next) { event.preventDefault(); next.querySelector(".picture").focus(); }
  });

  // -- the kept picture: as rendered, or with what was seen
  const large = document.querySelector("#kept-picture");
  const views = [...document.querySelectorAll(".view")];
  if (large && views.length) {
    views[0].setAttribute("aria-current", "true");
    for (const view of views) view.addEventListener("click", (event) => {
      event.preventDefault();
      large.src = view.href;
      for (const one of views) one.toggleAttribute("aria-current", one === view);
    });
  }

  form.hidden = false;
  form.addEventListener("change", arrange);
  form.addEventListener("reset", () => setTimeout(arrange));
  form.addEventListener("submit", (event) => event.preventDefault());
})();

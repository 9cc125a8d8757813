// Lists without a full reload. Everything works without this file: links are links, and the form is a form.
"use strict";

(() => {
  const LIST = "[data-aw-list]";
  let running = null;

  // Put the list of another address in the place of the one shown; true if that worked.
  async function show(url, focusId) {
    const list = document.querySelector(LIST);
    if (running) running.abort();
    running = new AbortController();
    list.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(url, { signal: running.signal, headers: { Accept: "text/html" } });
      if (!response.ok) return false;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const found = page.querySelector(LIST);
      if (!found) return false;
      list.replaceWith(found);
      document.title = page.title;
      const target = focusId && document.getElementById(focusId);
      if (target) target.focus({ preventScroll: true });
      announce(found);
      return true;
    } catch (error) {
      // An answer that is no longer wanted is not a failure of the one that is.
      return error.name === "AbortError";
    }
  }

  // A region that was there before its text changed is what screen readers read out.
  const live = document.createElement("div");
  live.className = "aw-sr";
  live.setAttribute("role", "status");
  function announce(list) {
    const status = list.querySelector(".aw-found [role=status]");
    live.textContent = status ? status.textContent.trim().replace(/\s+/g, " ") : "";
  }

  async function go(url, focusId) {
    if (await show(url, focusId)) history.pushState({}, "", url);
    else location.assign(url);
  }

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest(`${LIST} thead a, ${LIST} .aw-pages a, ${LIST} .aw-actions a`);
    if (!link) return;
    event.preventDefault();
    const isPage = link.closest(".aw-pages");
    go(link.href, link.id || "rows");
    if (isPage) document.querySelector(LIST).scrollIntoView({ block: "start" });
  });

  document.addEventListener("submit", (event) => {
    const form = event.target.closest(`${LIST} .aw-filters`);
    if (!form) return;
    event.preventDefault();
    const query = new URLSearchParams(new FormData(form));
    // An address to pass on has what is set, and no more.
    for (const [name, value] of [...query]) if (value === "") query.delete(name);
    go(`${location.pathname}?${query}`, document.activeElement && document.activeElement.id);
  });

  addEventListener("popstate", async () => {
    if (document.querySelector(LIST) && !(await show(location.href))) location.reload();
  });

  if (document.querySelector(LIST)) document.body.append(live);
})();

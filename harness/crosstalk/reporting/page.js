"use strict";
(() => {
  const cards = [...document.querySelectorAll(".card")];
  const check = document.getElementById("check"), user = document.getElementById("user"), words = document.getElementById("words");
  const shown = document.getElementById("shown");
  const filter = () => {
    let count = 0;
    for (const card of cards) {
      const users = JSON.parse(card.dataset.users);
      const fits = (!check.value || card.dataset.check === check.value) && (!user.value || users.includes(user.value)) &&
        (!words.value || card.textContent.toLowerCase().includes(words.value.toLowerCase()));
      card.hidden = !fits;
      count += fits;
    }
    shown.textContent = count + " of " + cards.length + " shown";
  };
  if (check) {
    for (const field of [check, user, words]) for (const how of ["input", "change"]) field.addEventListener(how, filter);
    document.getElementById("all").addEventListener("click", () => { check.value = user.value = words.value = ""; filter(); });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (typing) { if (event.key === "Escape") event.target.blur(); return; }
      if (event.key === "/") { event.preventDefault(); words.focus(); return; }
      if (event.key !== "j" && event.key !== "k") return;
      const visible = cards.filter((card) => !card.hidden);
      const at = visible.indexOf(document.activeElement.closest(".card"));
      const next = visible[event.key === "j" ? Math.min(at + 1, visible.length - 1) : Math.max(at - 1, 0)];
      if (next) { next.focus(); next.scrollIntoView({ block: "start" }); }
    });
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre").textContent;
      try { await navigator.clipboard.writeText(text); }
      catch {
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("pre"));
        getSelection().removeAllRanges(); getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }
  addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
})();

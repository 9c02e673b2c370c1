"use strict";
const DATASET = document.body.dataset.dataset, KEY = "canvascraft-review:" + document.body.dataset.queue;
const sections = [...document.querySelectorAll("section")], byId = id => document.getElementById(id);
let kept = {};
try { kept = JSON.parse(localStorage.getItem(KEY)) || {}; } catch (error) { /* nothing was kept */ }
const keep = () => { try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch (error) { /* no room */ } };
function show(section) {
  const entry = kept[section.dataset.id];
  if (entry && entry.decision) section.dataset.decision = entry.decision; else delete section.dataset.decision;
  const done = sections.filter(each => each.dataset.decision).length;
  byId("done").textContent = `${done} of ${sections.length} decided`;
}
function note(section) {
  const id = section.dataset.id, chosen = section.querySelector("input[type=radio]:checked");
  kept[id] = { decision: chosen ? chosen.value : null, reason: section.querySelector(".reason").value,
    instruction: section.querySelector(".instruction").value, checks: section.querySelector(".checks").value, at: new Date().toISOString() };
  section.querySelector("div > .wrong").textContent = "";
  keep(); show(section);
}
for (const section of sections) {
  const entry = kept[section.dataset.id];
  if (entry) {
    const radio = section.querySelector(`input[value="${entry.decision}"]`);
    if (radio) radio.checked = true;
    for (const name of ["reason", "instruction", "checks"]) if (entry[name] !== undefined) section.querySelector("." + name).value = entry[name];
  }
  section.addEventListener("input", () => note(section));
  show(section);
}
byId("reviewer").value = kept[":reviewer"] || "";
byId("reviewer").addEventListener("input", event => { kept[":reviewer"] = event.target.value; keep(); });
function decisions() {
  const complete = []; let wrong = 0;
  for (const section of sections) {
    const entry = kept[section.dataset.id], problem = section.querySelector("div > .wrong");
    problem.textContent = "";
    if (!entry || !entry.decision) continue;
    const decision = { id: section.dataset.id, decision: entry.decision, reason: entry.reason.trim(), at: entry.at };
    if (entry.decision !== "accept" && !decision.reason) problem.textContent = "It needs a reason.";
    if (entry.decision === "fix") {
      const words = section.querySelector(".instruction"), checks = section.querySelector(".checks");
      if (words.value !== words.dataset.was) decision.instruction = words.value;
      if (checks.value !== checks.dataset.was) {
        try { decision.checks = JSON.parse(checks.value); } catch (error) { problem.textContent = "The checks are no JSON: " + error.message; }
      }
      if (decision.instruction === undefined && decision.checks === undefined && !problem.textContent) problem.textContent = "Change the request or the checks.";
    }
    if (problem.textContent) wrong += 1; else complete.push(decision);
  }
  return [complete, wrong];
}
byId("save").addEventListener("click", () => {
  const [complete, wrong] = decisions();
  byId("problem").textContent = wrong ? `${wrong} decided without what they need; they are marked.` : complete.length ? "" : "Nothing is decided yet.";
  if (wrong || !complete.length) return;
  const data = { canvascraft_review: 1, dataset: DATASET, reviewer: byId("reviewer").value, saved: new Date().toISOString(), decisions: complete };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(data, null, 1)], { type: "application/json" }));
  link.download = "decisions.json";
  link.click();
});
document.addEventListener("keydown", event => {
  if (event.target.matches("textarea, input[type=text]") || event.ctrlKey || event.metaKey || event.altKey) return;
  let at = sections.findIndex(each => each === document.activeElement.closest("section"));
  if (at < 0) at = sections.findIndex(each => each.getBoundingClientRect().bottom > 120);
  const choice = { a: "accept", r: "reject", f: "fix" }[event.key];
  if (choice) { sections[at].querySelector(`input[value="${choice}"]`).checked = true; note(sections[at]); }
  else if (event.key === "j" || event.key === "k") {
    const next = sections[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), sections.length - 1)];
    next.focus({ preventScroll: true }); next.scrollIntoView({ block: "center" });
  } else return;
  event.preventDefault();
});

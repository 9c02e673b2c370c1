"use strict";
const { rater, study, questions } = document.body.dataset;
const names = questions.split(",");
const forms = [...document.querySelectorAll("form.item")];
const key = `canvasagent-study-${study}-${rater}`;

function ratings() {
  return forms.map((form) => [form.dataset.code, ...names.map((name) => form.elements[name].value)]);
}

function update() {
  const all = ratings();
  all.forEach((row, index) => forms[index].classList.toggle("done", row.slice(1).every(Boolean)));
  const left = all.filter((row) => !row.slice(1).every(Boolean)).length;
  document.getElementById("left").textContent = left ? `${left} still to rate` : "All rated. Thank you!";
  try { localStorage.setItem(key, JSON.stringify(all)); } catch { /* private mode: the file is what counts */ }
}

try {
  for (const [code, ...values] of JSON.parse(localStorage.getItem(key) || "[]")) {
    const form = forms.find((one) => one.dataset.code === code);
    if (form) names.forEach((name, index) => { if (values[index]) form.elements[name].value = values[index]; });
  }
} catch { /* nothing kept */ }

document.addEventListener("change", update);
document.getElementById("save").addEventListener("click", () => {
  const lines = [["rater", "item", ...names], ...ratings().map((row) => [rater, ...row])];
  const file = new Blob([lines.map((line) => line.join(",")).join("\n") + "\n"], { type: "text/csv" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `ratings-${rater}.csv`;
  link.click();
});
update();

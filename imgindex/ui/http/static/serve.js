// Keys in lists, progress of runs, pictures that are dropped. Everything here also works without: by links and forms.
"use strict";

function say(sentence) { document.getElementById("said").textContent = sentence; }

function isTyping(target) { return target.closest("input:not([type=range]), textarea, select") !== null; }

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const decides = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (decides) { event.preventDefault(); decides.click(); return; }
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement.closest("[data-row]"));
  if (event.key === "j" || event.key === "k") {
    const next = event.key === "j" ? Math.min(at + 1, rows.length - 1) : Math.max(at - 1, 0);
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
    if (next === rows.length - 1) document.querySelector("#more a")?.click();
    event.preventDefault();
  } else if (event.key === "Enter" && at >= 0 && document.activeElement === rows[at]) {
    rows[at].querySelector("[data-open]")?.click();
  }
});

function time(seconds) {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function follow(row) {
  const events = new EventSource(row.dataset.events);
  events.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    row.querySelector("[data-state]").textContent = job.state;
    row.querySelector("[data-sentence]").textContent = job.sentence;
    const bar = row.querySelector("progress");
    if (job.total) { bar.max = job.total; bar.value = job.done; } else { bar.removeAttribute("value"); }
    const parts = job.stage ? [`${job.stage}: ${job.done.toLocaleString("en")}${job.total ? ` of ${job.total.toLocaleString("en")}` : ""}`] : [];
    if (job.rate) parts.push(`${job.rate.toFixed(1)} a second`);
    if (job.left_s !== null && job.rate) parts.push(`${time(job.left_s)} left`);
    row.querySelector("[data-stage]").textContent = parts.join(", ");
    if (!["waiting", "running"].includes(job.state)) {
      events.close();
      say(`${job.kind}: ${job.state}. ${job.sentence}`);
      location.reload();
    }
  });
}

document.querySelectorAll("[data-events]").forEach(follow);

for (const form of document.querySelectorAll("[data-drop]")) {
  const file = form.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => { event.preventDefault(); form.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    file.files = event.dataTransfer.files;
    form.submit();
  });
  file.addEventListener("change", () => { if (file.files.length) form.submit(); });
}
